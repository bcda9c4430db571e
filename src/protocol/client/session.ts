// The client's side of an SMTP session (RFC 5321): octets in, actions and outcomes out, no socket and no clock.
//
// Rule 1: every change of state is an edge of `table.ts`; `#enter` is the only writer of the state.
// Rule 2: replies answer commands strictly in order. One that nothing awaits, that is no reply, or that has a class which
//         the command cannot have, ends the session.
// Rule 3: content goes out only after a 354, and only if it is clean: CRLF alone ends a line.
// Rule 4: every recipient gets exactly one outcome. 'delivered' needs a 2yz to end of mail data; once that end is out,
//         silence is 'unknown', never 'deferred' (RFC 1047).
// Rule 5: commands are pipelined where the server offered it in this session, and only there (RFC 2920 §3.1).

import { DataEncoder } from '../../wire/data-encoder.ts';
import { LineDecoder } from '../../wire/line-decoder.ts';
import { decodeLatin1, encodeAscii } from '../../wire/ascii.ts';
import { UsageError } from '../../wire/usage.ts';
import { formatCommand } from '../../syntax/command.ts';
import type { Command } from '../../syntax/command.ts';
import { parseHost } from '../../syntax/domain.ts';
import type { AddressLiteral, Domain } from '../../syntax/domain.ts';
import { isFault } from '../../syntax/fault.ts';
import { parseEhloReply } from '../../syntax/keyword.ts';
import { ReplyAssembler, replyClass } from '../../syntax/reply.ts';
import type { Reply } from '../../syntax/reply.ts';
import { CLIENT_TIMEOUTS, LIMITS } from '../limit.ts';
import type { Milliseconds } from '../limit.ts';
import type { ClientAction, Outcome, Reason, Transaction } from './action.ts';
import { REASONS } from './reason.ts';
import { AWAITED, CLIENT_EVENTS } from './table.ts';
import type { Awaited, ClientEvent, State } from './table.ts';

export interface ClientOptions {
  /** The client's name for EHLO: its domain, or an address literal (RFC 5321 §4.1.4). */
  readonly hostname: string;
  /** Most milliseconds for any wait; the waits of RFC 5321 §4.5.3.2 are cut to it. Default: Infinity. */
  readonly timeout?: Milliseconds;
}

/** A command to be sent, and then the reply that is awaited to it; for RCPT with the recipient that it names. */
interface Exchange {
  readonly to: Awaited;
  readonly command?: Command;
  readonly recipient?: number;
}

type Failure = Exclude<Outcome, { readonly state: 'delivered' }>;

/** One session of an SMTP client. Call `next` until it returns undefined, feed it with `receive`. */
export class ClientSession {
  readonly #options: Required<ClientOptions>;
  readonly #hostname: Domain | AddressLiteral;
  readonly #lines = new LineDecoder({ limit: LIMITS.replyLine });
  readonly #reply = new ReplyAssembler({ limit: LIMITS.replyLines });

  #state: State = 'greeting';
  #deadline: Milliseconds;
  #awaited: Exchange[] = [{ to: 'greeting' }]; // pipelining is this queue
  #actions: ClientAction[] = [];
  #keywords: ReadonlyMap<string, readonly string[]> = new Map();
  #failure: Failure | undefined; //             why the session ended, for transactions that come too late

  #transaction: Transaction | undefined;
  #unsent: Exchange[] = []; //                  commands of the transaction still to be sent
  #outcomes: (Outcome | undefined)[] = []; //   one for each recipient of the transaction; those that RCPT took have none until its end
  #encoder = new DataEncoder();
  #offered = false; //                          ready was handed out, and no transaction begun since
  #accepted = false; //                         a recipient of the transaction was
  #wanted = false; //                           want-content was handed out
  #dirty = false; //                            the server may hold a transaction that only RSET ends

  constructor(options: ClientOptions, now: Milliseconds) {
    const hostname = parseHost(options.hostname);
    if (isFault(hostname)) throw new UsageError(`hostname must be a domain or an address literal, not ${JSON.stringify(options.hostname)}`);
    this.#hostname = hostname;
    this.#options = { hostname: options.hostname, timeout: options.timeout ?? Infinity };
    this.#deadline = now + Math.min(AWAITED['greeting'].timeout, this.#options.timeout);
  }

  get state(): State {
    return this.#state;
  }

  /** When to call `expire`, in the milliseconds of `now`. */
  get deadline(): Milliseconds {
    return this.#state === 'closed' || this.#state === 'ready' ? Infinity : this.#deadline;
  }

  /** The service extensions that the server offers, by upper-case keyword, with their parameters (RFC 5321 §4.1.1.1). */
  get keywords(): ReadonlyMap<string, readonly string[]> {
    return this.#keywords;
  }

  /** Begins a mail transaction; the session must be 'ready', or have ended (then every recipient gets that outcome). */
  send(transaction: Transaction, now: Milliseconds): void {
    if (transaction.forwardPaths.length === 0) throw new UsageError('a transaction needs a recipient');
    if (this.#transaction !== undefined || (this.#state !== 'ready' && this.#failure === undefined)) throw new UsageError(`no transaction can begin in state ${this.#state}`);
    this.#transaction = transaction;
    this.#outcomes = transaction.forwardPaths.map(() => undefined);
    this.#offered = false;
    this.#accepted = false;
    this.#encoder = new DataEncoder();
    const refusal = this.#refuseLocally(transaction);
    if (refusal !== undefined) return this.#settle(refusal);
    this.#event('transaction');
    this.#unsent = [
      ...(this.#dirty ? [{ to: 'RSET', command: { verb: 'RSET' } } as const] : []),
      { to: 'MAIL', command: this.#mail(transaction) },
      ...transaction.forwardPaths.map((forwardPath, recipient) => ({ to: 'RCPT', command: { verb: 'RCPT', forwardPath, parameters: [] }, recipient }) as const),
      { to: 'DATA', command: { verb: 'DATA' } },
    ];
    this.#dirty = true;
    this.#advance(now);
  }

  /** Gives a piece of the content that was wanted. The views handed out with `send` are valid until the next call. */
  content(octets: Uint8Array, now: Milliseconds): void {
    this.#expectContent();
    const pieces = this.#encoder.write(octets);
    if (this.#encoder.fault !== undefined) return this.#break('bad-content');
    for (const piece of pieces) this.#actions.push({ type: 'send', octets: piece });
    this.#waitForBlock(now);
  }

  /** The content is complete: end of mail data goes out. */
  contentEnd(now: Milliseconds): void {
    this.#expectContent();
    const end = this.#encoder.end();
    if (this.#encoder.fault !== undefined) return this.#break('bad-content');
    this.#finish(end, now);
  }

  /** The content cannot be read to its end: the connection is closed, so that no part of it is taken for the whole. */
  contentLost(): void {
    this.#expectContent();
    this.#break('content-lost');
  }

  /** Says QUIT (RFC 5321 §4.1.1.10); the session must be 'ready'. */
  quit(now: Milliseconds): void {
    if (this.#state === 'closed') return;
    if (this.#transaction !== undefined || this.#state !== 'ready') throw new UsageError(`no QUIT in state ${this.#state}`);
    this.#event('quit');
    this.#put([{ to: 'QUIT', command: { verb: 'QUIT' } }], now);
  }

  /** Takes octets of the server. */
  receive(octets: Uint8Array, now: Milliseconds): void {
    for (let at = 0; at < octets.length && this.#state !== 'closed'; ) {
      at = this.#lines.read(octets, at);
      const { line, fault } = this.#lines;
      if (line === undefined) {
        if (this.#lines.length > LIMITS.replyLine) this.#break('bad-reply');
        continue;
      }
      const reply = fault === undefined ? this.#reply.add(decodeLatin1(line)) : undefined;
      if (fault !== undefined || isFault(reply)) this.#break('bad-reply');
      else if (reply !== undefined) this.#receiveReply(reply, now);
    }
  }

  /** The server closed its side; the connection is of no use any more. */
  receiveEnd(): void {
    this.#break('connection-lost');
  }

  /** The connection broke, or never came about. */
  lost(reason: 'connection-lost' | 'no-connection' = 'connection-lost'): void {
    this.#break(reason);
  }

  /** The deadline has passed. */
  expire(now: Milliseconds): void {
    if (now >= this.deadline) this.#break('timeout');
  }

  /** Gives up: recipients without an outcome are deferred, or unknown. */
  abort(): void {
    this.#break('aborted');
  }

  /** The next action, or undefined when a reply, a call or time is needed. */
  next(): ClientAction | undefined {
    const action = this.#actions.shift();
    if (action !== undefined) return action;
    if (this.#state === 'ready' && !this.#offered) {
      this.#offered = true;
      return { type: 'ready' };
    }
    if (this.#state !== 'content' || this.#wanted) return undefined;
    this.#wanted = true;
    return { type: 'want-content' };
  }

  // Replies

  #receiveReply(reply: Reply, now: Milliseconds): void {
    const [awaited] = this.#awaited;
    if (reply.code === 421) return this.#turnedAway(reply, awaited?.to); // §3.8
    if (awaited === undefined) return this.#break('bad-reply');
    const kind = replyClass(reply.code);
    const to = AWAITED[awaited.to].on[kind];
    if (to === 'closed' && awaited.to !== 'QUIT') return kind === 4 || kind === 5 ? this.#turnedAway(reply, awaited.to) : this.#break('bad-reply');
    this.#awaited.shift();
    this.#enter(to);
    this.#wait(now);
    if (to === 'quit') return this.#leave(reply, awaited.to, now);
    this.#take(awaited, reply, kind === 2 || kind === 3, now);
  }

  /** Acts on a reply whose class its command can have. */
  #take(awaited: Exchange, reply: Reply, positive: boolean, now: Milliseconds): void {
    switch (awaited.to) {
      case 'greeting': return this.#hello('EHLO', now);
      case 'EHLO':
        if (!positive) return this.#hello('HELO', now);
        this.#keywords = parseEhloReply(reply).keywords;
        return;
      case 'HELO': return;
      case 'RSET': break;
      case 'MAIL':
        if (!positive) this.#outcomes.forEach((_, recipient) => this.#report(recipient, outcomeOf(reply, 'MAIL')));
        break;
      case 'RCPT':
        if (positive) this.#accepted = true;
        else if (awaited.recipient !== undefined) this.#report(awaited.recipient, this.#outcomeOfRcpt(reply));
        break;
      case 'DATA':
        if (!positive) return this.#settle(outcomeOf(reply, 'DATA'));
        this.#waitForBlock(now);
        if (!this.#settled()) return;
        return this.#finish(encodeAscii('.\r\n'), now); // RFC 2920 §3.1: 354 though no recipient was taken: a lone dot
      case 'end of mail data': return this.#settle(positive ? { state: 'delivered', reply } : outcomeOf(reply, 'end of mail data'));
      case 'QUIT': return void this.#actions.push({ type: 'close' });
      default: awaited.to satisfies never;
    }
    this.#advance(now);
  }

  /** Sends what can be sent of the envelope: all of it where the server pipelines, else the next command. */
  #advance(now: Milliseconds): void {
    const pipelined = this.#keywords.has('PIPELINING');
    if (!pipelined && this.#settled()) this.#unsent = [];
    const group: Exchange[] = [];
    for (let exchange; (pipelined || this.#awaited.length + group.length === 0) && (exchange = this.#unsent.shift()); ) group.push(exchange);
    if (group.length > 0) this.#put(group, now);
    else if (this.#awaited.length === 0) {
      this.#event('nobody left');
      this.#settle(undefined);
    }
  }

  #put(group: readonly Exchange[], now: Milliseconds): void {
    const lines = group.map(({ command }) => (command === undefined ? '' : `${formatCommand(command)}\r\n`));
    this.#actions.push({ type: 'send', octets: encodeAscii(lines.join('')) });
    this.#awaited.push(...group);
    this.#wait(now);
  }

  #hello(to: 'EHLO' | 'HELO', now: Milliseconds): void {
    this.#put([{ to, command: { verb: to, domain: this.#hostname } }], now);
  }

  #finish(end: Uint8Array, now: Milliseconds): void {
    this.#event('content sent');
    this.#actions.push({ type: 'send', octets: end });
    this.#awaited.push({ to: 'end of mail data' });
    this.#wait(now);
  }

  #mail({ reversePath, size, eightBit }: Transaction): Command {
    const parameters = [
      ...(size !== undefined && this.#keywords.has('SIZE') ? [{ keyword: 'SIZE', value: String(size) }] : []), // RFC 1870 §6
      ...(eightBit === true ? [{ keyword: 'BODY', value: '8BITMIME' }] : []), // RFC 6152 §3
    ];
    return { verb: 'MAIL', reversePath, parameters };
  }

  /** The outcome of a transaction that this server cannot take, found before anything is sent. */
  #refuseLocally({ size, eightBit }: Transaction): Outcome | undefined {
    if (this.#failure !== undefined) return this.#failure;
    const [announced = ''] = this.#keywords.get('SIZE') ?? [];
    const limit = /^[0-9]{1,20}$/.test(announced) ? Number(announced) : 0; // RFC 1870 §4: 0 or none is no limit
    if (eightBit === true && !this.#keywords.has('8BITMIME')) return { ...REASONS['8bit-not-offered'], inReplyTo: 'EHLO', reason: '8bit-not-offered' };
    if (size !== undefined && limit > 0 && size > limit) return { ...REASONS['size-not-accepted'], inReplyTo: 'EHLO', reason: 'size-not-accepted' };
    return undefined;
  }

  // Outcomes

  /** Gives `outcome` to every recipient that has none yet, and ends the transaction. */
  #settle(outcome: Outcome | undefined): void {
    if (this.#transaction === undefined) return;
    if (outcome !== undefined) this.#outcomes.forEach((_, recipient) => this.#report(recipient, outcome));
    if (outcome?.state === 'delivered') this.#dirty = false;
    this.#transaction = undefined;
    this.#unsent = [];
    this.#actions.push({ type: 'done' });
  }

  #report(recipient: number, outcome: Outcome): void {
    const forwardPath = this.#transaction?.forwardPaths[recipient];
    if (forwardPath === undefined || this.#outcomes[recipient] !== undefined) return;
    this.#outcomes[recipient] = outcome;
    this.#actions.push({ type: 'outcome', recipient, forwardPath, outcome });
  }

  /** §4.5.3.1.10: 552 is RFC 821's "too many recipients", which is 452; behind none that was accepted it says what it says. */
  #outcomeOfRcpt(reply: Reply): Outcome {
    return reply.code === 552 && this.#accepted ? { state: 'deferred', reply, inReplyTo: 'RCPT' } : outcomeOf(reply, 'RCPT');
  }

  #settled(): boolean {
    return this.#outcomes.every((outcome) => outcome !== undefined);
  }

  // Ends

  /** The server lets us in under no name, or not at all: QUIT, and later transactions get what it said (RFC 5321 §3.1, §4.1.1.10). */
  #leave(reply: Reply, to: Awaited, now: Milliseconds): void {
    this.#failure = { state: 'deferred', reply, inReplyTo: AWAITED[to].phrase };
    this.#put([{ to: 'QUIT', command: { verb: 'QUIT' } }], now);
  }

  /** The server ended the session by a reply: what it said is every open recipient's outcome, and no verdict on them. */
  #turnedAway(reply: Reply, to: Awaited | undefined): void {
    this.#close({ state: 'deferred', reply, inReplyTo: to === undefined ? 'nothing' : AWAITED[to].phrase });
  }

  /** The session ends without a reply that would say why. */
  #break(reason: Reason): void {
    const [awaited] = this.#awaited;
    const inReplyTo = awaited === undefined ? 'nothing' : AWAITED[awaited.to].phrase;
    const { state, reply } = REASONS[reason];
    this.#close({ state: this.#state === 'ending' ? 'unknown' : state, reply, inReplyTo, reason });
  }

  #close(failure: Failure): void {
    if (this.#state === 'closed') return;
    this.#event('broken');
    this.#failure ??= untried(failure);
    this.#awaited = [];
    this.#settle(failure);
    this.#actions.push({ type: 'close' });
  }

  // What the rest is made of

  #expectContent(): void {
    if (this.#state !== 'content' || !this.#wanted) throw new UsageError(`no content is wanted in state ${this.#state}`);
    this.#wanted = false;
  }

  #wait(now: Milliseconds): void {
    const [awaited] = this.#awaited;
    if (awaited !== undefined) this.#deadline = now + Math.min(AWAITED[awaited.to].timeout, this.#options.timeout);
  }

  /** §4.5.3.2.5: until the next piece of content is given, the one before having been taken. */
  #waitForBlock(now: Milliseconds): void {
    this.#deadline = now + Math.min(CLIENT_TIMEOUTS.block, this.#options.timeout);
  }

  #event(event: ClientEvent): void {
    this.#enter(CLIENT_EVENTS[event][this.#state]);
  }

  #enter(state: State | 'no'): void {
    if (state !== 'no') this.#state = state;
  }
}

/** The outcome of transactions that come after the session's end: they were not tried, whatever became of the one that ended it. */
function untried(failure: Failure): Failure {
  const ours = failure.reason === 'bad-content' || failure.reason === 'content-lost';
  return ours ? { ...REASONS['aborted'], inReplyTo: failure.inReplyTo, reason: 'aborted' } : { ...failure, state: 'deferred' };
}

/** A refusal as an outcome: 4yz defers, 5yz fails (RFC 5321 §4.2.1). */
function outcomeOf(reply: Reply, inReplyTo: string): Outcome {
  return { state: replyClass(reply.code) === 4 ? 'deferred' : 'failed', reply, inReplyTo };
}
