// A client for many mails to one server, over a few connections that are kept.
//
//   const client = connectTo('smtp://mx.example.org', { connections: 5 });
//   for (const mail of mails) {
//     await client.ready;                                         // no more than so many wait
//     void client.send(mail).then((outcomes) => …);
//   }
//   await client.close();                                         // when all have their outcomes
//
// Rule 1: every mail that was given to `send` gets an outcome for each recipient, whatever happens to connections.
// Rule 2: a connection that turns out to be stale is no attempt: the mail goes over a fresh one.
// Rule 3: where no connection that takes mail can be opened, the mails that wait are told so at once: each would meet the same, and
//         a password that is wrong be tried for each. As long as there is another one they wait for that: a server may take fewer
//         connections than we would have.
// Choice: the envelope of the next mail goes with the end of the one before, where the server lets it (RFC 2920 §3.1), and not
//         to whichever connection is free first: a round trip for each mail instead of two, though one may wait for a slow reply.
// Left out: sockets that are files.

import { setMaxListeners } from 'node:events';
import { checkCounts, checkNames, checkObject, shown, UsageError } from '../wire/usage.ts';
import { quote } from '../wire/ascii.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import type { Outcome } from '../protocol/client/action.ts';
import { isNextHop, type NextHop, parseServer } from '../relay/next-hop.ts';
import type { RouteOptions, Target } from '../relay/route.ts';
import { parseReversePath, type ForwardPath, type ReversePath } from '../syntax/path.ts';
import type { Signal } from './aborter.ts';
import { ConnectError } from './connect.ts';
import { type Content, outgoingOf } from './content-source.ts';
import type { RecipientOutcome } from './deliver.ts';
import { asking, checkEnvelopeParameters, type EnvelopeParameters } from './envelope-parameter.ts';
import { errorText } from './error-text.ts';
import { parsed, parsedRecipients, type Recipients } from './given-path.ts';
import { machineName } from './machine-name.ts';
import { now } from './now.ts';
import { ABORTED, openTo, raced, unconnected } from './opener.ts';
import { ConnectionPool, type Held, isStale } from './pool.ts';
import { checkResolver, Resolver } from './resolve.ts';
import { sendAll } from './send-all.ts';
import { checkSender, SENDER_OPTIONS, type Follower, type Outgoing, type SenderOptions } from './sender.ts';
import { tlsClientOf, type TlsClient, type TlsClientOptions } from './tls-client.ts';

/** The options of a `MailClient`. Without `hostname` it is the name of this machine, or an address of it. */
export interface MailClientOptions extends Partial<Omit<SenderOptions, 'tls'>> {
  /** Whose authorities are trusted. Default: those that Node brings along. */
  readonly tls?: TlsClientOptions | TlsClient;
  /** Most connections at a time. Default: 5. */
  readonly connections?: number;
  /** How many mails may wait before `ready` does. Default: 100. */
  readonly waiting?: number;
  /** Most mails over one connection. Default: no limit but the server's (RFC 9422 §4.1). */
  readonly mailsPerConnection?: number;
  /** How long an idle connection is kept. Default: 10 s. */
  readonly idle?: Milliseconds;
  /** Finds the server's addresses. Default: as the system finds hosts. */
  readonly resolver?: Resolver;
}

/** A mail for a `MailClient` to send. */
export interface MailToSend extends EnvelopeParameters {
  /** Values, or text with brackets or without; `<>` or the empty text for the null reverse-path. */
  readonly from: ReversePath | string;
  /** One of them, or a list. */
  readonly to: Recipients;
  /** With CRLF line ends. */
  readonly content: Content;
}

interface Job {
  readonly mail: Outgoing;
  readonly paths: readonly ForwardPath[];
  readonly resolve: (outcomes: readonly RecipientOutcome[]) => void;
}

/** All of them, by name. */
const CLIENT_OPTIONS: Readonly<Record<keyof MailClientOptions, true>> = { ...SENDER_OPTIONS, connections: true, waiting: true, mailsPerConnection: true, idle: true, resolver: true };

const LEAST = { connections: 1, waiting: 1, mailsPerConnection: 1, idle: 0 } as const;

/**
 * Returns a client for the server at `smtp://host:port`, `smtps://…` (TLS from the first octet on) or `lmtp://…`.
 *
 * Nothing is opened before there is a mail. Throws UsageError for what is no such URL, and for options that are of no use.
 */
export function connectTo(url: string, options: MailClientOptions = {}): MailClient {
  checkObject(options);
  const server = /^[a-z]+:\/\//.test(url) ? parseServer(url) : undefined;
  if (server === undefined) throw new UsageError(`expected smtp://HOST:PORT, smtps://HOST:PORT (not on port 25 or 587) or lmtp://HOST:PORT (not on port 25), found ${quote(String(url).replace(/^([a-z]+:\/\/)?.*@/s, '$1…@'))}`);
  return new MailClient(server, options);
}

/** Sends mails to one server, several at a time. */
export class MailClient implements AsyncDisposable {
  readonly #server: NextHop;
  readonly #options: Omit<MailClientOptions, 'tls'> & Pick<SenderOptions, 'tls'>;
  readonly #closing: Signal | undefined; // nothing is begun once it has aborted
  readonly #pool: ConnectionPool;
  readonly #waiting: Job[] = []; // from #first on
  #first = 0;
  #measuring = 0; //                mails whose content is being read before they wait
  #lanes = 0; //                    mails under way, each on a connection of its own
  #most = Infinity; //              lanes, since a further one had no connection
  #ready: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #idle: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #inHand = 0; //                   mails without an outcome
  #closed = false;

  /** For `connectTo`, which takes a URL. Throws UsageError likewise. */
  constructor(server: NextHop, options: MailClientOptions = {}) {
    if (!isNextHop(server)) throw new UsageError(`a MailClient is of { host, port }, or made by connectTo(url), not of ${shown(server)}`);
    checkObject(options);
    checkNames(options, CLIENT_OPTIONS);
    const { connections = 5, mailsPerConnection = Infinity, idle = 10_000, signal, closing = signal } = options;
    checkCounts(options, LEAST);
    checkSender(options);
    checkResolver(options.resolver);
    for (const each of [signal, closing]) if (each !== undefined) setMaxListeners(0, each);
    this.#server = server;
    this.#options = { ...options, tls: tlsClientOf(options.tls) };
    this.#closing = closing;
    this.#pool = new ConnectionPool({ idle, mails: mailsPerConnection, age: Infinity, most: connections, clock: now });
  }

  /** Mails that wait for a connection, or for their content to be measured. */
  get waiting(): number {
    return this.#measuring + this.#waiting.length - this.#first;
  }

  /** Resolves when another mail may be given to `send`; at once, as long as fewer than `waiting` wait. */
  get ready(): Promise<void> {
    const { waiting = 100 } = this.#options;
    if (this.waiting < waiting) return NOW;
    this.#ready ??= promised();
    return this.#ready.promise;
  }

  /**
   * Sends a mail, and resolves with an outcome for each recipient, in their order. Mails are begun in the order in which
   * they were given. Rejects with UsageError for what is no such mail, and once the client is closed; and with what reading the
   * content has thrown. Whatever the network does is an outcome.
   */
  send(mail: MailToSend): Promise<readonly RecipientOutcome[]> {
    return new Promise((resolve, reject) => { // one promise for each mail; what is thrown here rejects it
      checkObject(mail, 'a mail must be an object, with from, to and content');
      const { from, to, content } = mail;
      if (this.#closed) throw new UsageError('the client is closed');
      const reversePath = parsed(from, parseReversePath);
      const paths = parsedRecipients(to);
      checkEnvelopeParameters(mail, paths.length);
      const outgoing = outgoingOf(reversePath, content, this.#closing);
      this.#inHand += 1;
      if (!(outgoing instanceof Promise)) return this.#add({ mail: asking(outgoing, mail), paths, resolve });
      this.#measuring += 1;
      outgoing.then(
        (measured) => {
          this.#measuring -= 1;
          this.#add({ mail: asking(measured, mail), paths, resolve });
        },
        (error: unknown) => {
          this.#measuring -= 1;
          this.#tellReady();
          this.#release();
          reject(error);
        },
      );
    });
  }

  /**
   * Sends mails as they are given, and yields the outcomes of each, in their order; takes no more of them than may wait.
   *
   * Throws what the mails threw, and UsageError for what is not a mail, after the outcomes of all that were taken have been told. A mail
   * that could not be read has none, and nothing stands in its place: `forwardPath` tells whose outcomes they are.
   */
  sendAll(mails: Iterable<MailToSend> | AsyncIterable<MailToSend>): AsyncGenerator<readonly RecipientOutcome[], void> {
    const { waiting = 100, connections = 5 } = this.#options;
    return sendAll(mails, (mail) => this.send(mail), waiting + connections);
  }

  /** Takes no further mail, waits until all have their outcomes, says QUIT on each connection, and resolves when they are gone; for a server that does not answer QUIT it waits half a minute, or as long as `timeout` says. The option `signal` ends all that at once. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#inHand > 0) {
      this.#idle ??= promised();
      await this.#idle.promise;
    }
    await this.#pool.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #add(job: Job): void {
    const { connections = 5 } = this.#options;
    this.#waiting.push(job);
    if (this.#lanes >= Math.min(connections, this.#most)) return;
    this.#lanes += 1;
    void this.#serve();
  }

  #next(): Job | undefined {
    const job = this.#waiting[this.#first];
    if (job === undefined) return undefined;
    this.#first += 1;
    if (this.#first > 1_000 || this.#first === this.#waiting.length) {
      this.#waiting.splice(0, this.#first);
      this.#first = 0;
    }
    this.#tellReady();
    return job;
  }

  #tellReady(): void {
    const { waiting = 100 } = this.#options;
    if (this.waiting >= waiting) return;
    this.#ready?.resolve();
    this.#ready = undefined;
  }

  /** Sends what waits, one mail after the other, until nothing does. Never rejects. */
  async #serve(): Promise<void> {
    const { mailsPerConnection = Infinity } = this.#options;
    let held = this.#pool.take(SERVER);
    const behind: { readonly job: Job; readonly outcomes: Promise<readonly Outcome[]> }[] = [];
    const next = (): Follower | undefined => {
      const following = held === undefined || held.mails >= mailsPerConnection || this.#closing?.aborted === true ? undefined : this.#next();
      if (held === undefined || following === undefined) return undefined;
      held.mails += 1;
      const { promise, resolve } = promised<readonly Outcome[]>();
      behind.push({ job: following, outcomes: promise });
      return { mail: following.mail, forwardPaths: following.paths, settle: resolve };
    };
    for (let job = this.#next(); job !== undefined; ) {
      if (this.#closing?.aborted === true) {
        this.#settle(job, [], { ...ABORTED, time: Date.now() });
        job = this.#next();
        continue;
      }
      const open = held ?? (await this.#openFor(job));
      if (open === 'left') return;
      if (open === 'told') {
        job = this.#next();
        continue;
      }
      held = open;
      held.mails += 1;
      let outcomes = await held.connection.send(job.mail, job.paths, undefined, next);
      for (let following; (following = behind.shift()) !== undefined; ) {
        this.#settle(job, outcomes, ABORTED, held.target);
        job = following.job;
        outcomes = await following.outcomes;
      }
      const stale = held.mails > 1 && isStale(outcomes);
      if (!stale) this.#settle(job, outcomes, ABORTED, held.target);
      if (!held.connection.usable || held.mails >= mailsPerConnection) {
        this.#pool.give(held); // which has it say QUIT
        held = undefined;
      }
      if (!stale) job = this.#next();
    }
    if (held !== undefined) this.#pool.give(held);
    this.#endLane(); // in one go with the last look for a mail: none comes in between
  }

  #endLane(): void {
    this.#lanes -= 1;
    if (this.#lanes === 0) this.#most = Infinity;
  }

  /**
   * Opens a connection for the mail. 'left': none takes mail, and the lane has ended; the mail is left to the other lanes, which have a
   * connection, or will be told. 'told': there is no other lane either, so that the mail and all that wait have been told.
   */
  async #openFor(job: Job): Promise<Held | 'left' | 'told'> {
    let tell: (each: Job) => void | Promise<void>;
    try {
      const held = await this.#open();
      if (held.connection.usable) {
        this.#most += 1; // another one may be had by now
        return held;
      }
      tell = async (each) => this.#settle(each, await held.connection.send(each.mail, each.paths), ABORTED, held.target); // says why, and sends nothing
    } catch (error) {
      tell = (each) => this.#settle(each, [], outcomeOfError(error, this.#closing?.aborted === true));
    }
    if (this.#lanes > 1) {
      this.#waiting.splice(this.#first, 0, job);
      this.#endLane();
      this.#most = this.#lanes;
      return 'left';
    }
    const waiting = Array.from({ length: this.#waiting.length - this.#first }, () => this.#next());
    for (const each of [job, ...waiting]) if (each !== undefined) await tell(each);
    return 'told';
  }

  #settle({ paths, resolve }: Job, outcomes: readonly Outcome[], otherwise: Outcome, target?: Target): void {
    this.#release();
    resolve(paths.map((forwardPath, index) => {
      const outcome = outcomes[index] ?? otherwise;
      return target === undefined ? { forwardPath, outcome } : { forwardPath, outcome, target };
    }));
  }

  /** Opens one more connection, to the first address of the server that answers. Rejects with a ConnectError, or with a verdict's text. */
  async #open(): Promise<Held> {
    const { timeout, hostname = await machineName({ signal: this.#closing, timeout }), resolver = new Resolver() } = this.#options;
    const options = { ...this.#options, hostname };
    const routing: RouteOptions = { ownNames: [], ownAddresses: [], routes: new Map(), smarthost: this.#server, mxPort: this.#server.port, allowPrivateTargets: true };
    const route = await resolver.route(this.#server.host, routing, { signal: this.#closing, timeout });
    if (route.type === 'verdict') throw new ConnectError(route.verdict.reply.lines.join(' '), false);
    let last: unknown;
    for await (const targets of raced(route.targets)) {
      try {
        const { held } = await openTo(targets, options);
        held.destinations.add(SERVER);
        return held;
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  /** A mail is in hand no more; lets `close` go on where none is. */
  #release(): void {
    this.#inHand -= 1;
    if (this.#inHand > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}

function outcomeOfError(error: unknown, aborted: boolean): Outcome {
  return unconnected(error instanceof ConnectError ? error : new ConnectError(errorText(error), true), aborted);
}

/** What the pool knows the server by. */
const SERVER = 'server';
const NOW = Promise.resolve();

function promised<Value = void>(): { readonly promise: Promise<Value>; readonly resolve: (value: Value) => void } {
  let resolve = (_: Value): void => undefined;
  const promise = new Promise<Value>((fulfil) => (resolve = fulfil));
  return { promise, resolve };
}
