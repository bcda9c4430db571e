// A session with a server over one socket, for any number of mails: a ClientSession, its pump, TLS, and content from wherever it is.
//
// Rule 1: nothing that goes wrong rejects or throws: it is an outcome of each recipient.
// Rule 2: recipients for whom there was no room (452, or the 552 of old, RFC 5321 §4.5.3.1.10; RCPTMAX, RFC 9422 §4.2) go into
//         a further transaction, as long as each takes some.
// Rule 3: content is read to its end before the end of mail data goes out, and anew for each transaction.
// Rule 4: a mail goes in one flight with its envelope only while the connection is fresh, and has not just served its first mail:
//         of a flight into a connection that the server has closed meanwhile nobody knows whether it arrived, and some close
//         behind each mail without a word. One that answers a second mail has shown that it does not; whether it has now is looked at
//         before each further flight.
// Rule 5: where the server lets it, the envelope of the next mail goes in one piece with the end of the one before (RFC 2920
//         §3.1): half as many writes, reads and round trips for each mail. It is asked for then and not earlier, so that no mail
//         waits behind one that is long in being read; and only where no recipient was refused, who may need a further transaction.

import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers';
import { encodeBase64 } from '../wire/base64.ts';
import { EMPTY } from '../wire/octet.ts';
import type { ForwardPath } from '../syntax/path.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import type { ClientAction, ClientTls, Outcome } from '../protocol/client/action.ts';
import type { ClientOptions } from '../protocol/client/option.ts';
import { REASONS } from '../protocol/client/reason.ts';
import { ClientSession } from '../protocol/client/session.ts';
import { asciiPath } from './ascii-path.ts';
import { BLOCK, inBlocks } from './blocks.ts';
import { derive, HASH } from './credential.ts';
import { nodeCrypto } from './on-demand.ts';
import { now, Pump } from './pump.ts';
import type { Next, Outgoing, Report, SenderOptions } from './sender.ts';
import { TlsClient } from './tls-client.ts';

/** The mail under way. */
interface Task {
  readonly mail: Outgoing;
  readonly forwardPaths: readonly ForwardPath[];
  readonly report: Report;
  readonly next: Next | undefined;
  readonly outcomes: (Outcome | undefined)[]; // by recipient
  open: readonly number[]; //  the recipients of the transaction under way or to come
  content: AsyncGenerator<Uint8Array, void> | undefined;
  octets: Uint8Array | undefined; // all of the content, where it is in memory
  given: number; //            of these
  begun: boolean; //           in the hands of the session
  readonly settle: (outcomes: readonly Outcome[]) => void;
}

/** Largest content that is kept in memory to go in one flight with its envelope. */
const ONE_FLIGHT = BLOCK;

/** Content that is at hand goes in one piece with its end, and that with the envelope of the next mail. */
const JOINS: ReadonlySet<string> = new Set<ClientAction['type']>(['want-content', 'takes-next']);

/** A client's last word is QUIT at most: nobody needs long to read that, and who has timed out need not be waited for once more. */
const LINGER: Milliseconds = 500;

/** A connection that has been idle for longer may have been closed, so that a whole mail in one flight might be lost unseen. */
const FRESH: Milliseconds = 1_000;

/** A session over one socket. It begins at once; mails go one after the other, and QUIT is said when asked for. */
export class ClientConnection {
  readonly #options: SenderOptions;
  readonly #session: ClientSession;
  readonly #pump: Pump<ClientAction>;
  #socket: Duplex;
  #ready = false; //            the session takes a transaction
  #over = false; //             it has closed, or the socket is gone
  #leaving = false;
  #task: Task | undefined;
  #behind: Task | undefined; // whose envelope is out behind the end of that
  #begun = false; //            a mail has been
  #answered = 0; //             transactions of which the server has said something
  #usedAt: Milliseconds; //     when the server last said that it takes a mail
  #settled: (() => void)[] = []; // wait until the session is ready, or over
  #gone: (() => void)[] = [];
  readonly #abort = (): void => this.#breakOff();
  readonly #leave = (): void => {
    if (!this.#begun) this.#breakOff();
  };

  /** @internal */
  constructor(socket: Socket, options: SenderOptions) {
    const { closing, signal, session = (given, at) => new ClientSession(given, at) } = options;
    this.#options = options;
    this.#socket = socket;
    this.#usedAt = now();
    this.#session = session(sessionOptions(options), now());
    this.#pump = new Pump<ClientAction>(socket, this.#session, { act: (action) => this.#act(action), closed: () => this.#close(), joins: JOINS, linger: LINGER, lastWords: true });
    closing?.addEventListener('abort', this.#leave, { once: true });
    signal?.addEventListener('abort', this.#abort, { once: true });
    if (closing?.aborted === true || signal?.aborted === true) this.#session.abort();
    this.#pump.turn();
  }

  /** It takes another mail now. */
  get usable(): boolean {
    return this.#ready && !this.#over && !this.#leaving && this.#task === undefined && !this.#session.spent;
  }

  /** TLS at work. */
  get tls(): ClientTls | undefined {
    return this.#session.tls;
  }

  /** What every mail gets that cannot be sent any more. */
  get failure(): ClientSession['failure'] {
    return this.#session.failure;
  }

  /** Resolves when the server takes a mail, or the session has ended. */
  async settled(): Promise<void> {
    if (!this.#ready && !this.#over) await new Promise<void>((resolve) => this.#settled.push(resolve));
  }

  /**
   * Sends the mail, and resolves with an outcome for each recipient, in their order, when another mail can be sent, or none.
   * Never rejects. One at a time; it may be called before the session is ready. `next`: asked for mails to go behind this one.
   */
  send(mail: Outgoing, forwardPaths: readonly ForwardPath[], report?: Report, next?: Next): Promise<readonly Outcome[]> {
    return new Promise((settle) => {
      if (forwardPaths.length === 0) return settle([]);
      this.#task = taskOf(mail, forwardPaths, settle, report, next);
      if (this.#ready || this.#over) this.#begin(this.#task);
    });
  }

  /** Says QUIT as soon as that can be said, and resolves when the connection is gone. */
  async quit(): Promise<void> {
    if (this.#over) return;
    this.#leaving = true;
    const gone = new Promise<void>((resolve) => this.#gone.push(resolve));
    if (this.#ready && this.#task === undefined) this.#quit();
    await gone;
  }

  #act(action: Exclude<ClientAction, { readonly type: 'send' | 'close' }>): void {
    switch (action.type) {
      case 'start-tls': return this.#startTls();
      case 'derive':
        return void derive(action.question).then(
          (octets) => {
            this.#session.derived(octets, now());
            this.#pump.turn();
          },
          () => this.#breakOff(), // not reached: PBKDF2 takes whatever SCRAM lets through
        );
      case 'ready': return this.#onReady();
      case 'want-content': return void this.#supply(this.#task);
      case 'takes-next': return this.#onTakesNext();
      case 'outcome': {
        const recipient = this.#task?.open[action.recipient];
        if (recipient === undefined) return;
        const outcome = { time: Date.now(), ...action.outcome };
        if (this.#task !== undefined) this.#task.outcomes[recipient] = outcome;
        this.#task?.report(recipient, outcome);
        return;
      }
      case 'done': return this.#onDone();
      default: action satisfies never;
    }
  }

  #onReady(): void {
    this.#ready = true;
    this.#usedAt = now();
    for (const wake of this.#settled.splice(0)) wake();
    const task = this.#task;
    if (task !== undefined && task.open.length > 0) return void this.#begin(task);
    if (task !== undefined) this.#end(task);
    if (this.#leaving) this.#quit();
  }

  #onTakesNext(): void {
    const { next, outcomes } = this.#task ?? {};
    const follower = this.#leaving || outcomes?.some((outcome) => outcome !== undefined) !== false ? undefined : next?.();
    if (follower === undefined) return;
    const { mail, forwardPaths, settle } = follower;
    this.#behind = taskOf(mail, forwardPaths, settle, undefined, next);
    this.#transact(this.#behind, contentAtHand(this.#behind));
  }

  #quit(): void {
    this.#ready = false;
    this.#session.quit(now());
    this.#pump.turn();
  }

  /** Hands the recipients that are open to the session, with the content where that can go along. */
  #begin(task: Task): void {
    const { content, octets, size = Infinity } = task.mail;
    if (this.#over && this.#session.failure === undefined) return this.#end(task); // QUIT was said
    this.#ready = false;
    this.#begun = true;
    task.begun = false;
    const flies = this.#session.takesOneFlight;
    if (octets !== undefined && (!flies || octets.length > ONE_FLIGHT)) return this.#transact(task, contentAtHand(task));
    if (octets !== undefined) return this.#fly(task, octets);
    if (!flies || !this.#isFresh || this.#over || size > ONE_FLIGHT) return this.#transact(task);
    Promise.resolve().then(() => collect(content())).then( // `content` may throw, too
      (whole) => {
        task.octets = whole; // to be given when it is asked for, where it was too long in being read
        this.#fly(task, whole);
      },
      () => this.#transact(task), // what cannot be read is met again where it counts
    );
  }

  /** Hands the recipients to the session with all of the content, if it may go in one flight when the system has been asked what came behind the mail before. */
  #fly(task: Task, whole: Uint8Array): void {
    if (!this.#isFresh) return this.#transact(task);
    if (this.#answered === 0) return this.#transact(task, whole);
    afterNextRead(() => {
      this.#transact(task, this.#isFresh ? whole : undefined);
      this.#pump.write(); // not a turn later, when it may have been told already that nobody reads it
    });
  }

  /** A mail may go in one flight (rule 4). */
  get #isFresh(): boolean {
    return this.#answered !== 1 && now() - this.#usedAt < FRESH;
  }

  #transact(task: Task, content?: Uint8Array): void {
    const { mail: { reversePath, size, eightBit, parameters, recipientParameters }, open, forwardPaths, next } = task;
    if (task.begun) return; // the session has ended meanwhile, and every recipient has its reason
    task.begun = true;
    const utf8 = this.#session.keywords.has('SMTPUTF8'); // RFC 6531 §3.7: U-labels where that is offered, else A-labels
    const paths = open.map((recipient) => forwardPaths[recipient]).filter((path) => path !== undefined);
    this.#session.send(
      {
        reversePath: utf8 ? reversePath : asciiPath(reversePath),
        forwardPaths: utf8 ? paths : paths.map(asciiPath),
        size,
        eightBit,
        content,
        followed: next !== undefined,
        parameters,
        recipientParameters: recipientParameters && open.map((recipient) => recipientParameters[recipient] ?? {}),
      },
      now(),
    );
    this.#pump.turn();
  }

  /** Content in memory is given at once, so that it and its end go out together. */
  #supplyOctets(task: Task, octets: Uint8Array): void {
    const { given } = task;
    task.given = Math.min(given + BLOCK, octets.length);
    if (given === octets.length) this.#session.contentEnd(now());
    else this.#session.content(octets.subarray(given, task.given), now());
  }

  /** Reads content that is small, to be given at once. */
  async #fetch(task: Task): Promise<void> {
    const wanted = (): boolean => this.#session.state === 'content' && this.#task === task && task.octets === undefined;
    try {
      const octets = await collect(task.mail.content());
      if (!wanted()) return; // it broke meanwhile
      task.octets = octets;
      this.#supplyOctets(task, octets);
    } catch {
      if (wanted()) this.#session.contentLost();
    }
    this.#pump.turn();
  }

  async #supply(task: Task | undefined): Promise<void> {
    const session = this.#session;
    if (task === undefined) return;
    if (task.octets !== undefined) return this.#supplyOctets(task, task.octets);
    if ((task.mail.size ?? Infinity) <= BLOCK) return this.#fetch(task);
    let content: Task['content'];
    const wanted = (): boolean => session.state === 'content' && this.#task === task && task.content === content;
    try {
      content = task.content ??= inBlocks(task.mail.content());
      const { done, value } = await content.next();
      if (!wanted()) return; // it broke meanwhile
      if (done === true) session.contentEnd(now());
      else session.content(value, now());
    } catch {
      if (wanted()) session.contentLost(); // becomes the outcome 'content-lost'
    }
    this.#pump.turn();
  }

  /** The transaction is over: those for whom there was no room are left. */
  #onDone(): void {
    const task = this.#task;
    if (task === undefined) return;
    task.content?.return().catch(() => undefined); // the mail has its outcomes: that a stream does not end well changes none
    task.content = undefined;
    task.octets = task.mail.octets;
    task.given = 0;
    this.#usedAt = now();
    if (task.outcomes.some(isOfServer)) this.#answered += 1;
    if (this.#behind !== undefined) {
      this.#end(task);
      this.#task = this.#behind;
      this.#behind = undefined;
      return;
    }
    task.open = this.#session.failure === undefined ? roomless(task.open, task.outcomes) : [];
    if (this.#session.state === 'closed' && this.#over) this.#end(task); // else 'ready' or 'close' follows
  }

  #end(task: Task): void {
    const { forwardPaths, outcomes } = task;
    this.#task = undefined;
    task.settle(forwardPaths.map((_, recipient) => outcomes[recipient] ?? LOST));
  }

  #startTls(): void {
    const { tls = (usual ??= new TlsClient()), serverName = '' } = this.#options;
    const settle = (result: ClientTls | Error): void => {
      if (result instanceof Error) this.#session.tlsFailed(result.message);
      else this.#session.secured(result, now());
      this.#pump.turn();
    };
    this.#socket = tls.secure(this.#socket, serverName, settle, (why) => {
      this.#session.lost('connection-lost', why);
      this.#pump.turn();
    });
    this.#pump.replace(this.#socket);
  }

  #breakOff(): void {
    this.#session.abort();
    this.#pump.turn();
  }

  #close(): void {
    const { closing, signal } = this.#options;
    closing?.removeEventListener('abort', this.#leave);
    signal?.removeEventListener('abort', this.#abort); // not before: an abort need not wait for the reply to QUIT
    this.#over = true;
    this.#ready = false;
    const task = this.#task;
    if (task !== undefined && !task.begun) this.#transact(task); // the session ended before it was ready: every recipient gets its reason
    else if (task !== undefined) this.#end(task);
    for (const wake of [...this.#settled.splice(0), ...this.#gone.splice(0)]) wake();
  }
}

/** The server has said it. */
function isOfServer(outcome: Outcome | undefined): boolean {
  return outcome?.state === 'delivered' || (outcome !== undefined && outcome.reason === undefined);
}

/** The outcome of a recipient of whom nothing was said when the connection went. */
const LOST: Outcome = { ...REASONS['connection-lost'], inReplyTo: 'nothing', reason: 'connection-lost' };

function taskOf(mail: Outgoing, forwardPaths: readonly ForwardPath[], settle: Task['settle'], report: Report = () => undefined, next: Next | undefined): Task {
  return { mail, forwardPaths, report, next, settle, outcomes: [], open: [...forwardPaths.keys()], octets: mail.octets, content: undefined, given: 0, begun: false };
}

/** Content in memory that is small enough to go in one piece. */
function contentAtHand({ mail: { octets } }: Task): Uint8Array | undefined {
  return octets !== undefined && octets.length <= ONE_FLIGHT ? octets : undefined;
}

/** Calls it when the event loop has looked once at all sockets, and told what came: between the two ends of a turn. */
function afterNextRead(go: () => void): void {
  setImmediate(() => setImmediate(go));
}

/** Node's own authorities, read when they are first needed: that takes milliseconds. */
let usual: TlsClient | undefined;

function sessionOptions({ hostname, timeout, lmtp, tlsPolicy = 'opportunistic', tlsAtOnce, auth, ownNames }: SenderOptions): ClientOptions {
  const options = { hostname, timeout, lmtp, tlsPolicy, tlsAtOnce, ownNames, auth: auth && { ...auth, hash: HASH, nonce: encodeBase64(Uint8Array.from(nodeCrypto().randomBytes(18))) } };
  return { hostname, ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) };
}

async function collect(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const octets of content) pieces.push(Buffer.from(octets)); // a view may end with the next one
  return pieces.length > 1 ? Buffer.concat(pieces) : (pieces[0] ?? EMPTY);
}

/** The recipients to send to in a further transaction: those whom we held back ourselves; and, where the server took some, those it had no room for. */
function roomless(recipients: readonly number[], outcomes: readonly (Outcome | undefined)[]): readonly number[] {
  const took = recipients.some((recipient) => outcomes[recipient]?.state === 'delivered');
  return recipients.filter((recipient) => {
    const outcome = outcomes[recipient];
    if (outcome?.state !== 'deferred') return false;
    return outcome.reason === 'no-room' || (took && outcome.inReplyTo === 'RCPT' && (outcome.reply.code === 452 || outcome.reply.code === 552));
  });
}
