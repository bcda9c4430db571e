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

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers';
import { encodeBase64 } from '../wire/base64.ts';
import type { ForwardPath } from '../syntax/path.ts';
import { UsageError } from '../wire/usage.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import type { ClientAction, ClientTls, Outcome } from '../protocol/client/action.ts';
import type { ClientOptions } from '../protocol/client/option.ts';
import { ClientSession } from '../protocol/client/session.ts';
import { BLOCK } from './blocks.ts';
import { derive, HASH } from './credential.ts';
import { errorText } from './error-text.ts';
import { atOnce } from './hook-call.ts';
import { now } from './now.ts';
import { nodeCrypto } from './on-demand.ts';
import { Pump } from './pump.ts';
import type { Next, Outgoing, Report, SenderOptions } from './sender.ts';
import { ONE_FLIGHT, Task } from './task.ts';
import { TlsClient } from './tls-client.ts';

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
    const { closing, signal } = options;
    this.#options = options;
    this.#socket = socket;
    this.#usedAt = now();
    this.#session = sessionOver(socket, options);
    this.#pump = new Pump<ClientAction>(socket, this.#session, { act: (action) => this.#act(action), closed: () => this.#close(), joins: JOINS, linger: LINGER, lastWords: true });
    closing?.addEventListener('abort', this.#leave, { once: true });
    signal?.addEventListener('abort', this.#abort, { once: true });
    if (closing?.aborted === true || signal?.aborted === true) this.#session.abort();
    this.#pump.turn();
  }

  /** It takes another mail now. */
  get usable(): boolean {
    return this.#ready && !this.#session.spent;
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
      this.#task = new Task({ mail, forwardPaths, settle }, report, next);
      if (this.#ready || this.#over) this.#begin(this.#task);
    });
  }

  /** Says QUIT where that can be said still, and resolves when the connection is gone. No mail is in hand. */
  async quit(): Promise<void> {
    if (this.#over) return;
    const gone = new Promise<void>((resolve) => this.#gone.push(resolve));
    if (this.#ready) {
      this.#ready = false;
      this.#session.quit(now());
      this.#pump.turn();
    }
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
      case 'outcome': return this.#task?.note(action.recipient, { time: Date.now(), ...action.outcome });
      case 'done': return this.#onDone();
      default: action satisfies never;
    }
  }

  #onReady(): void {
    this.#ready = true;
    this.#usedAt = now();
    for (const wake of this.#settled.splice(0)) wake();
    const task = this.#task;
    if (task?.open === true) this.#begin(task);
    else if (task !== undefined) this.#end(task);
  }

  #onTakesNext(): void {
    const { next, untold } = this.#task ?? {};
    const follower = untold === true ? next?.() : undefined;
    if (follower === undefined) return;
    this.#behind = new Task(follower, undefined, next);
    this.#transact(this.#behind, this.#behind.atHand);
  }

  /** Hands the recipients that are open to the session, with the content where that can go along. */
  #begin(task: Task): void {
    const { atHand, mail: { octets, size = Infinity } } = task;
    if (this.#over && this.#session.failure === undefined) return this.#end(task); // QUIT was said
    this.#ready = false;
    this.#begun = true;
    task.begun = false;
    const flies = this.#session.takesOneFlight;
    if (atHand !== undefined && flies) return this.#fly(task, atHand);
    if (octets !== undefined) return this.#transact(task, atHand);
    if (!flies || !this.#isFresh || this.#over || size > ONE_FLIGHT) return this.#transact(task);
    task.read().then(
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
    if (task.begun) return; // the session has ended meanwhile, and every recipient has its reason
    task.begun = true;
    this.#session.send(task.transaction(this.#session.keywords.has('SMTPUTF8'), content), now());
    this.#pump.turn();
  }

  /** Content in memory is given at once, so that it and its end go out together. */
  #supplyOctets(task: Task, octets: Uint8Array): void {
    const piece = task.piece(octets);
    if (piece === undefined) this.#session.contentEnd(now());
    else this.#session.content(piece, now());
  }

  /** Reads content that is small, to be given at once. */
  async #fetch(task: Task): Promise<void> {
    const wanted = (): boolean => this.#session.state === 'content' && this.#task === task && task.octets === undefined;
    try {
      const octets = await task.read();
      if (!wanted()) return; // it broke meanwhile
      task.octets = octets;
      this.#supplyOctets(task, octets);
    } catch (error) {
      if (wanted()) this.#session.contentLost(errorText(error));
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
      content = task.blocks();
      const { done, value } = await content.next();
      if (!wanted()) return; // it broke meanwhile
      if (done === true) session.contentEnd(now());
      else session.content(value, now());
    } catch (error) {
      if (wanted()) session.contentLost(errorText(error)); // becomes the outcome 'content-lost'
    }
    this.#pump.turn();
  }

  /** The transaction is over: those for whom there was no room are left. */
  #onDone(): void {
    const task = this.#task;
    if (task === undefined) return;
    task.conclude(this.#session.failure === undefined);
    this.#usedAt = now();
    if (task.answered) this.#answered += 1;
    if (this.#behind !== undefined) {
      this.#end(task);
      this.#task = this.#behind;
      this.#behind = undefined;
      return;
    }
    if (this.#session.state === 'closed' && this.#over) this.#end(task); // else 'ready' or 'close' follows
  }

  #end(task: Task): void {
    this.#task = undefined;
    task.end();
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

/** Calls it when the event loop has looked once at all sockets, and told what came: between the two ends of a turn. */
function afterNextRead(go: () => void): void {
  setImmediate(() => setImmediate(go));
}

/** Node's own authorities, read when they are first needed: that takes milliseconds. */
let usual: TlsClient | undefined;

/** Makes the session. Throws what the embedder's function for that throws, and for what it returns: then nobody needs the socket. */
function sessionOver(socket: Socket, options: SenderOptions): ClientSession {
  const { session = (given, at) => new ClientSession(given, at) } = options;
  try {
    const made = atOnce('session', session(sessionOptions(options), now()));
    if (typeof made?.next !== 'function') throw new UsageError('session must return a ClientSession');
    return made;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function sessionOptions({ hostname, timeout, lmtp, tlsPolicy = 'opportunistic', tlsAtOnce, auth, ownNames }: SenderOptions): ClientOptions {
  const options = { hostname, timeout, lmtp, tlsPolicy, tlsAtOnce, ownNames, auth: auth && { ...auth, hash: HASH, nonce: encodeBase64(Uint8Array.from(nodeCrypto().randomBytes(18))) } };
  return { hostname, ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) };
}
