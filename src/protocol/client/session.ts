// The client's side of an SMTP or LMTP session (RFC 5321, RFC 2033): octets in, actions and outcomes out, no socket and no clock.
//
// Rule 1: every change of state is an edge of `table.ts`; `#enter` is the only writer of the state.
// Rule 2: replies answer commands strictly in order; what is no reply, or out of step (`standing.ts`), ends the session.
// Rule 3: content goes out only after a 354, or as chunks to a server that offered CHUNKING; and only if it is clean.
// Rule 4: every recipient gets exactly one outcome. 'delivered' needs a 2yz to end of mail data; once that end is out,
//         silence is 'unknown', never 'deferred' (RFC 1047).
// Rule 5: commands are pipelined where the server offered it in this session, and only there; at most `PIPELINED` are unanswered, so
//         that neither side fills the other's window; an envelope may go right behind the content before it (RFC 2920 §3.1, all three).
// Rule 6: TLS forgets everything before it; a reply in the clear behind the one to STARTTLS ends the session (RFC 3207 §4.2, §6).
// Choice: a mail whose content is at hand goes in one flight with its envelope to a server that offers CHUNKING and PIPELINING.
// Departs: RFC 3030 §2 would have the replies to RCPT awaited before it; what is sent in vain costs nobody a mail.

import { encodeAscii } from '../../wire/ascii.ts';
import { checkOctets, UsageError } from '../../wire/usage.ts';
import { parseEhloReply } from '../../syntax/keyword.ts';
import { replyClass, type Reply, type ReplyClass } from '../../syntax/reply.ts';
import { CLIENT_TIMEOUTS, type Milliseconds } from '../limit.ts';
import type { ClientAction, ClientTls, Outcome, Reason, Transaction } from './action.ts';
import { authLine, type AuthTurn } from './authentication.ts';
import { Negotiation } from './negotiation.ts';
import { settingsOf, type ClientOptions, type Settings } from './option.ts';
import { broken, refused, taken, turnedAway, untried, type Failure } from './outcome.ts';
import { inFlight, lineOf, Pipeline, QUIT, RSET, type Exchange } from './pipeline.ts';
import { Quota } from './quota.ts';
import { OUR_DOING, replyOf, UNSAID } from './reason.ts';
import { ReplyReader } from './reply-reader.ts';
import { standingOf } from './standing.ts';
import { AWAITED, CAN_QUIT, END_IS_OUT, isLast, onEvent, type ClientEvent, type State } from './table.ts';
import { Docket, IDLE, prepared, type Work } from './work.ts';

/** Commands that may be unanswered at a time; their replies fit into any window. */
const PIPELINED = 200;

/** One session of an SMTP client. Call `next` until it returns undefined, feed it with `receive`. Misuse, in options or calls, throws UsageError; octets never throw. */
export class ClientSession {
  readonly #settings: Settings;
  readonly #negotiation: Negotiation;
  readonly #replies = new ReplyReader();
  readonly #pipeline: Pipeline;
  readonly #quota = new Quota();
  #state: State;
  #failure: Failure | undefined; //             why the session ended, for transactions that come too late
  #parting: Failure | undefined; //             a 421 for one recipient, as long as nothing has come behind it: it may be about the session
  readonly #docket = new Docket((action) => this.#pipeline.push(action.type === 'done' || this.tls === undefined ? action : { ...action, outcome: { ...action.outcome, tls: this.tls } }));
  #offered = false; //                          ready was handed out, and no transaction begun since
  #dirty = false; //                            the server may still hold a transaction, which only RSET ends
  #unreset = false; //                          it may, and the transaction under way was begun without RSET

  constructor(options: ClientOptions, now: Milliseconds) {
    this.#settings = settingsOf(options);
    this.#negotiation = new Negotiation(this.#settings);
    this.#state = this.#settings.tlsAtOnce ? 'tls' : 'greeting';
    this.#pipeline = new Pipeline(this.#settings.timeout);
    if (this.#settings.tlsAtOnce) this.#shakeHands(now);
    else this.#pipeline.expect([{ to: 'greeting' }], now);
  }

  get state(): State {
    return this.#state;
  }

  /** When to call `expire`, in the milliseconds of `now`. */
  get deadline(): Milliseconds {
    return this.#state === 'closed' || this.#state === 'ready' ? Infinity : this.#pipeline.deadline;
  }

  /** The service extensions that the server offers, by upper-case keyword, with their parameters (RFC 5321 §4.1.1.1). */
  get keywords(): ReadonlyMap<string, readonly string[]> {
    return this.#negotiation.offer.keywords;
  }

  /** TLS at work. */
  get tls(): ClientTls | undefined {
    return this.#negotiation.tls;
  }

  /** Why the session takes no mail any more: what every further recipient gets. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** The server takes no further transaction in this session (RFC 9422 §4.1). */
  get spent(): boolean {
    return this.#quota.spent(this.#negotiation.offer.limits);
  }

  /** A transaction with its content at hand would go in one flight. */
  get takesOneFlight(): boolean {
    return this.#negotiation.offer.has('CHUNKING') && this.#negotiation.chunksAhead > 1;
  }

  /**
   * Begins a mail transaction; the session must be 'ready', or have ended (then every recipient gets that outcome). Behind
   * 'takes-next' its envelope goes right behind the end of the one under way, and its outcomes come behind that one's 'done'.
   */
  send(transaction: Transaction, now: Milliseconds): void {
    if (!(transaction?.forwardPaths?.length > 0)) throw new UsageError('a transaction needs a recipient');
    const behind = this.#state === 'ending' && this.#docket.awaitsNext;
    if (!behind && (this.#docket.work !== IDLE || (this.#state !== 'ready' && this.#failure === undefined))) throw new UsageError(`no transaction can begin in state ${this.#state}`);
    const work = prepared(transaction, this.#negotiation, this.#quota, this.#failure);
    if (behind) return this.#follow(work, now);
    this.#offered = false;
    this.#docket.begin(work);
    if (work.recipients.settled) return this.#conclude(now);
    if (this.#dirty) work.commands.unshift(RSET);
    this.#dirty = true;
    if (work.whole !== undefined && this.takesOneFlight && work.unsaid < PIPELINED) {
      this.#event('one flight');
      this.#pipeline.put(work.say(PIPELINED).map(inFlight), now);
      return this.#pipeline.pieces(work.whole, [{ to: 'BDAT LAST' }], now);
    }
    this.#event('transaction');
    this.#advance(now);
  }

  /** Gives a piece of the content that was wanted. The views handed out with `send` are valid until the next call. */
  content(octets: Uint8Array, now: Milliseconds): void {
    if (this.#takesContent()) this.#give(octets, now);
  }

  /** The content is complete: end of mail data goes out. */
  contentEnd(now: Milliseconds): void {
    if (this.#takesContent()) this.#finish([this.#docket.work.content.end()], now);
  }

  /** The content cannot be read to its end, for a reason on one line: the connection is closed, so that no part of it is taken for the whole. */
  contentLost(detail?: string): void {
    if (this.#takesContent()) this.#break('content-lost', detail);
  }

  /** Says QUIT (RFC 5321 §4.1.1.10); the session must be 'ready'. */
  quit(now: Milliseconds): void {
    if (this.#state === 'closed') return;
    if (this.#docket.work !== IDLE || this.#state !== 'ready') throw new UsageError(`no QUIT in state ${this.#state}`);
    this.#event('quit');
    this.#pipeline.put([QUIT], now);
  }

  /** The handshake that 'start-tls' asked for is done: everything is forgotten, EHLO is said again (RFC 3207 §4.2). */
  secured(tls: ClientTls, now: Milliseconds): void {
    if (this.#state === 'closed') return; // its time was over, or the server has gone
    if (this.#state !== 'tls') throw new UsageError(`no handshake was asked for in state ${this.#state}`);
    const event = this.#negotiation.secured(tls);
    if (event === 'broken') return this.#break('tls-not-verified', tls.fault); // no QUIT: the server has not spoken yet
    this.#event(event);
    if (event === 'secured at once') this.#pipeline.expect([{ to: 'greeting' }], now);
    else if (event === 'secured') this.#hello(now);
    else this.#leave(turnedAway(replyOf('tls-not-verified', tls.fault), 'STARTTLS', 'tls-not-verified'), now); // RFC 3207 §4.1
  }

  /** The handshake failed, for a reason on one line: there is no way back to the clear. */
  tlsFailed(detail?: string): void {
    if (this.#state === 'tls') this.#break('tls-failed', detail);
  }

  /** Answers 'derive'. */
  derived(octets: Uint8Array, now: Milliseconds): void {
    if (this.#state === 'auth') this.#respond(this.#negotiation.derived(octets), now);
  }

  /** Takes octets of the server. */
  receive(octets: Uint8Array, now: Milliseconds): void {
    checkOctets(octets);
    for (let at = 0; at < octets.length && this.#state !== 'closed'; ) {
      if (this.#state === 'tls') return this.#break('bad-reply'); // RFC 3207 §6: what comes in the clear now is nobody's
      at = this.#replies.read(octets, at);
      const { reply } = this.#replies;
      if (reply === 'no reply') this.#break('bad-reply');
      else if (reply !== undefined) this.#receiveReply(this.#negotiation.unquoted(reply), now);
    }
  }

  /** The server closed its side; the connection is of no use any more. */
  receiveEnd(): void {
    this.lost();
  }

  /** The connection broke, for a reason on one line where there is one, or never came about. In the handshake that is its end. */
  lost(reason: 'connection-lost' | 'no-connection' = 'connection-lost', detail?: string): void {
    if (this.#state === 'tls') this.#break('tls-failed', 'connection lost');
    else this.#break(reason === 'no-connection' ? reason : 'connection-lost', detail);
  }

  /** The deadline has passed. */
  expire(now: Milliseconds): void {
    if (now >= this.deadline) this.#break('timeout', UNSAID[this.#state]);
  }

  /** Gives up: recipients without an outcome are deferred, or unknown. */
  abort(): void {
    this.#break('aborted');
  }

  /** The next action, or undefined when a reply, a call or time is needed. */
  next(): ClientAction | undefined {
    const action = this.#pipeline.take();
    if (action !== undefined) return action;
    if (this.#state === 'ready' && !this.#offered) {
      this.#offered = true;
      return { type: 'ready' };
    }
    const { work } = this.#docket;
    if (this.#state === 'ending' && this.#negotiation.takesNext && this.#docket.offerNext()) return { type: 'takes-next' };
    if (this.#state !== 'content' || work.wanted || work.recipients.settled || this.#pipeline.length >= this.#negotiation.chunksAhead) return undefined;
    work.wanted = true;
    return { type: 'want-content' };
  }

  // Replies

  #receiveReply(reply: Reply, now: Milliseconds): void {
    const { first: awaited, early, phrase = 'nothing' } = this.#pipeline;
    const standing = standingOf(reply.code, { state: this.#state, awaited: awaited?.to, early, chunked: this.#docket.work.content.chunked, cancelled: this.#negotiation.cancelled });
    if (standing === 'turned away') return this.#close(turnedAway(reply, phrase));
    if (standing === 'early refusal') return this.#close(this.#docket.work.refuseRest(reply, this.#settings.lmtp));
    if (standing !== 'in step' || awaited === undefined) return this.#break('bad-reply', undefined, standing === 'farewell');
    const kind = replyClass(reply.code);
    const to = AWAITED[awaited.to].on[kind];
    if (to !== 'stays') this.#enter(to);
    if (isLast(reply.code, awaited.to, this.#state)) this.#failure = turnedAway(reply, phrase);
    this.#parting = reply.code === 421 ? this.#failure : undefined;
    this.#pipeline.answered(now);
    if (to === 'quit') return this.#leave(turnedAway(reply, phrase), now);
    this.#take(awaited, reply, kind, now);
  }

  /** Acts on a reply whose class its command can have. */
  #take({ to, recipient }: Exchange, reply: Reply, kind: ReplyClass, now: Milliseconds): void {
    const positive = kind === 2 || kind === 3;
    const refusal = (): Outcome => refused(reply, AWAITED[to].phrase);
    const { recipients } = this.#docket.work;
    switch (to) {
      case 'greeting':
        this.#negotiation.noteName(reply);
        return this.#hello(now);
      case 'EHLO': case 'LHLO': case 'HELO':
        if (!positive) return this.#pipeline.put([{ to: 'HELO', command: { verb: 'HELO', domain: this.#settings.host } }], now);
        this.#negotiation.hello(reply, to === 'HELO' ? new Map() : parseEhloReply(reply).keywords);
        return this.#negotiate(now);
      case 'STARTTLS':
        if (positive) return this.#shakeHands(now);
        this.#negotiation.startTlsRefused(reply);
        return this.#negotiate(now);
      case 'AUTH':
        if (kind === 3) return this.#respond(this.#negotiation.challenged(reply), now);
        this.#negotiation.authEnded(reply, positive);
        return this.#negotiate(now);
      case 'RSET': case 'RSET in flight': return this.#advance(now);
      case 'MAIL':
        if (!positive) recipients.settle(this.#failure ?? (reply.code === 503 && this.#unreset ? turnedAway(reply, 'MAIL') : refusal())); // out of order, since the server still has the one before: no verdict on this one
        return this.#advance(now);
      case 'RCPT':
        if (recipient === undefined) return; // not reached
        if (positive) recipients.accept(recipient);
        else recipients.report(recipient, reply.code === 552 && recipients.accepted.length > 0 ? turnedAway(reply, 'RCPT') : refusal()); // §4.5.3.1.10: RFC 821's "too many recipients"; behind none that was accepted it says what it says
        return this.#advance(now);
      case 'DATA':
        if (positive) return this.#beginContent(now);
        recipients.settle(refusal());
        return this.#conclude(now);
      case 'BDAT':
        if (!positive) recipients.settle(refusal()); // RFC 3030 §2: no further chunk
        if (this.#pipeline.length > 0 || this.#state !== 'content') return;
        if (!recipients.settled) return this.#pipeline.allow(CLIENT_TIMEOUTS.block, now);
        this.#event('nobody left');
        return this.#conclude(now);
      case 'one recipient': case 'end of mail data': case 'BDAT LAST': {
        const outcome = positive ? taken(reply, this.#negotiation.offer.has('DSN')) : refusal();
        if (positive) this.#dirty = false;
        if (recipient === undefined) recipients.settle(outcome);
        else recipients.report(recipient, outcome);
        return to === 'one recipient' ? undefined : this.#conclude(now);
      }
      case 'QUIT': return this.#pipeline.push({ type: 'close' });
      default: to satisfies never;
    }
  }

  // Towards the first transaction

  #hello(now: Milliseconds): void {
    const verb = this.#settings.lmtp ? 'LHLO' : 'EHLO';
    this.#pipeline.put([{ to: verb, command: { verb, domain: this.#settings.host } }], now);
  }

  #shakeHands(now: Milliseconds): void {
    this.#pipeline.push({ type: 'start-tls' });
    this.#pipeline.allow(CLIENT_TIMEOUTS.handshake, now);
  }

  #negotiate(now: Milliseconds): void {
    const step = this.#negotiation.next();
    switch (step.type) {
      case 'ready': return;
      case 'start tls':
        this.#event('start tls');
        return this.#pipeline.put([{ to: 'STARTTLS', command: { verb: 'STARTTLS' } }], now);
      case 'authenticate':
        this.#event('authenticate');
        return this.#respond(step.line, now);
      case 'leave':
        this.#event('quit');
        return this.#leave(turnedAway(step.reply, step.inReplyTo, step.reason), now);
      default: step satisfies never;
    }
  }

  #respond(turn: AuthTurn, now: Milliseconds): void {
    if (turn.type === 'derive') return this.#pipeline.push({ type: 'derive', question: turn.question });
    const { text, shown } = turn.type === 'cancel' ? { text: '*', shown: '*' } : turn;
    this.#pipeline.say({ type: 'send', octets: authLine(text), shown }, [{ to: 'AUTH' }], now);
  }

  // The transaction

  /** Sends what can be sent of the envelope: a window of it where the server pipelines, else the next command. */
  #advance(now: Milliseconds): void {
    if (this.#state === 'flight') return;
    const { work } = this.#docket;
    if (work.recipients.settled) work.dropRest();
    const room = this.#negotiation.offer.has('PIPELINING') ? PIPELINED : 1;
    if (work.unsaid > 0) {
      if (this.#pipeline.length <= room / 2) this.#pipeline.put(work.say(room - this.#pipeline.length), now);
    } else if (this.#pipeline.length === 0 && work.recipients.settled) {
      this.#event('nobody left');
      this.#conclude(now);
    } else if (this.#pipeline.length === 0) {
      this.#event('recipients taken');
      this.#beginContent(now);
    }
  }

  #beginContent(now: Milliseconds): void {
    const { recipients, whole } = this.#docket.work;
    this.#pipeline.allow(CLIENT_TIMEOUTS.block, now);
    if (recipients.settled) { // 354 though no recipient was taken: RFC 2920 §3.1 wants a lone dot, to which RFC 2033 §4.2 has no reply
      if (this.#settings.lmtp) this.#break('bad-reply');
      else this.#finish([encodeAscii('.\r\n')], now);
    } else if (whole !== undefined) this.#finish(whole, now);
  }

  #give(octets: Uint8Array, now: Milliseconds): void {
    this.#pipeline.allow(CLIENT_TIMEOUTS.block, now);
    if (octets.length === 0) return;
    const { content } = this.#docket.work;
    const pieces = content.write(octets);
    if (content.fault !== undefined) return this.#break('bad-content');
    this.#pipeline.pieces(pieces, content.chunked ? [{ to: 'BDAT' }] : [], now);
  }

  /** Sends these pieces, the last of the content. */
  #finish(pieces: readonly Uint8Array[], now: Milliseconds): void {
    const { work } = this.#docket;
    if (work.content.fault !== undefined) return this.#break('bad-content');
    this.#event('content sent');
    this.#pipeline.pieces(pieces, work.repliesToEnd(this.#settings.lmtp), now);
  }

  /** The transaction under way is over; the replies to one behind it are awaited already. Where the server wants no further one, the session is over too. */
  #conclude(now: Milliseconds): void {
    this.#unreset = this.#docket.conclude() && this.#dirty;
    if (this.#docket.work === IDLE) return this.#state === 'ready' && this.#failure !== undefined ? this.#close(this.#failure) : undefined;
    this.#dirty = true;
    this.#event('transaction');
    this.#advance(now);
  }

  /** Sends what can be sent of an envelope behind the end of the transaction under way; the reply to that has no more time for it. */
  #follow(work: Work, now: Milliseconds): void {
    const { deadline } = this.#pipeline;
    this.#docket.next = work;
    if (work.unsaid > 0) this.#pipeline.put(work.say(PIPELINED), now);
    this.#pipeline.deadline = deadline;
  }

  // Ends

  /** We are not let in, or do not want in: QUIT, and later transactions get the reason (RFC 5321 §3.1, §4.1.1.10). */
  #leave(failure: Failure, now: Milliseconds): void {
    this.#failure = failure;
    this.#pipeline.put([QUIT], now);
  }

  /** The session ends without a reply that would say why. Where we end it we say so, if we can (§4.1.1.10). `unread`: whatever is out, the server has said that it reads no more. */
  #break(reason: Reason, detail?: string, unread = false): void {
    if (this.#state === 'closed') return;
    const withheld = unread || (END_IS_OUT.has(this.#state) && this.#pipeline.withdraw()); // answered before it was said: it is not said any more
    const inReplyTo = this.#pipeline.phrase ?? (this.#state !== 'tls' ? 'nothing' : this.#settings.tlsAtOnce ? 'the connection' : 'STARTTLS');
    if (OUR_DOING.has(reason) && CAN_QUIT[this.#state] && !withheld && !this.#pipeline.endsWith('DATA')) this.#pipeline.push({ type: 'send', octets: encodeAscii(lineOf(QUIT)) });
    this.#close(this.#parting ?? broken(reason, inReplyTo, END_IS_OUT.has(this.#state) && !withheld, detail));
  }

  #close(failure: Failure): void {
    this.#event('broken');
    this.#failure ??= untried(failure);
    if (failure.reason === undefined) this.#pipeline.withdraw(); // turned away: content that was not out yet stays here
    this.#docket.abandon(failure);
    this.#pipeline.push({ type: 'close' });
  }

  /** Whether content that was wanted is still. A chunk may have been refused meanwhile. */
  #takesContent(): boolean {
    const { work } = this.#docket;
    if (this.#state !== 'content' || !work.wanted) throw new UsageError(`no content is wanted in state ${this.#state}`);
    work.wanted = false;
    return !work.recipients.settled;
  }

  #event(event: ClientEvent): void {
    this.#enter(onEvent(this.#state, event));
  }

  #enter(state: State | 'no'): void {
    if (state === 'no') throw new Error(`no such edge from the state ${this.#state}`); // not reached, whatever a peer sends: a bug here
    this.#state = state;
  }
}
