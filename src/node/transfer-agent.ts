// The whole way of a mail (RFC 5321 §2.1, §3.6): accept a connection, take a mail into the queue, relay it by MX.
//
// Rule 1: the 250 to end of mail data comes after the queue, or the Maildir, has made the mail durable (§4.1.1.4, §6.1).
// Rule 2: anyone may send to accepted domains, only clients of `relayFrom` to others (§7.9).
// Rule 3: mail that has come round a hundred times is refused (§6.3).
// Rule 4: what cannot be delivered is reported to its sender (§6.1), unless it has none (§4.5.5), or wants no report (RFC 3461).
// Rule 5: mail for which there is no room is refused with 452 4.3.1 (§4.2.3), or with 451 4.3.2 where too many files are open;
//         once there is room, mail is taken again.

import { checkCounts, given, UsageError } from '../wire/usage.ts';
import { formatHost } from '../syntax/domain.ts';
import type { ForwardPath, ReversePath } from '../syntax/path.ts';
import { seconds, type Milliseconds } from '../protocol/limit.ts';
import type { Unauthenticated } from '../protocol/server/action.ts';
import { committed, refuse, type Verdict } from '../protocol/server/verdict.ts';
import { clientKey } from '../relay/address.ts';
import { admit, isQualified, type Admission } from '../relay/admission.ts';
import { relayCounts, type RelayCounts } from '../relay/count.ts';
import { destinationClass } from '../relay/outgoing.ts';
import type { Queue, QueuedMail } from '../relay/queue/port.ts';
import { checkRouting, DEFAULT_ROUTING, type RouteOptions } from '../relay/route.ts';
import { scheduleOf, type RetrySchedule } from '../relay/schedule.ts';
import { OWN_VERDICTS } from '../relay/own-verdict.ts';
import { admissionOf, authOf, checkAgent, checkDoor, usersOf, type AdmissionOptions } from './agent-option.ts';
import { lookedUp } from './ascii-path.ts';
import { isCalledOff } from './conclusion.ts';
import type { Users } from './credential.ts';
import { shortageOf } from './disk.ts';
import type { RecipientOutcome } from './deliver.ts';
import { Destinations } from './destinations.ts';
import { Dispatcher, type Signals } from './dispatch.ts';
import type { Entrance } from './entrance.ts';
import { tell, warn } from './error-report.ts';
import { errorText } from './error-text.ts';
import type { Hooks, Mail } from './hook.ts';
import { newId } from './id.ts';
import { listen } from './listen.ts';
import { LocalDelivery } from './local-delivery.ts';
import type { Log, LogFields } from './log.ts';
import type { Maildir } from './maildir.ts';
import type { RunningRelay } from './operation.ts';
import { notify } from './notifier.ts';
import { now } from './now.ts';
import { OwnFields } from './own-fields.ts';
import { OwnRouting } from './own-routing.ts';
import { ConnectionPool, type PoolOptions } from './pool.ts';
import { isOver } from './hook-question.ts';
import { contentOf, hasRoom, mailOf, queuedBy, recentOf } from './queue-answer.ts';
import { relayTo } from './relay.ts';
import { Unfinished } from './receiver-mail.ts';
import type { ReceiverOptions } from './receiver-option.ts';
import { Resolver } from './resolve.ts';
import type { SenderOptions } from './sender.ts';
import type { Server, ServerLimits } from './server.ts';
import { tlsServerOf, type TlsOptions, type TlsServer } from './tls.ts';
import { TakeBack } from './take-back.ts';
import { LoopError } from './traced-content.ts';
import type { Tracing } from './trace.ts';

/** The options of a `TransferAgent`. */
export interface TransferAgentOptions extends Omit<ReceiverOptions, 'tls' | 'tlsAtOnce' | 'auth' | 'lmtp' | 'session' | 'counts'>, ServerLimits {
  /** Where mail is kept until it is delivered; `close` of the agent closes it. */
  readonly queue: Queue;
  /** Mail for accepted domains goes here instead of being relayed. */
  readonly maildir?: Maildir | undefined;
  /** Who may send to whom. */
  readonly admission: AdmissionOptions;
  /** Where mail goes besides what the DNS says. This host's own names and addresses are those of `hostname` and of the doors. Default: port 25, no private targets, no configured next hops. */
  readonly routing?: Partial<OtherRouting>;
  /** Finds routes. A subclass of `Resolver` may answer for some domains itself. Default: the system's DNS. */
  readonly resolver?: Resolver;
  /** What differs from the default times of attempts: the first after 7.5 minutes, the last after 5 days (RFC 5321 §4.5.4.1). */
  readonly schedule?: Partial<RetrySchedule>;
  /** Told of each event; `Log` says which there are. Default: nobody, and an `error` is a warning of the process. */
  readonly log?: Log;
  /** How long connections wait for further mail, and how many mails go over one. */
  readonly reuse?: Omit<PoolOptions, 'clock'>;
  /** Certificate and key: STARTTLS is offered, and doors with TLS at once can be opened. */
  readonly tls?: TlsOptions | TlsServer | undefined;
  /** Who may authenticate: AUTH is offered. The function is asked each time, so that the users can change. */
  readonly users?: (() => Users) | undefined;
  /**
   * Authenticates to the smarthost of `routing`, and to no other host: who this relay is there, such as `{ secret: { type: 'password',
   * authcid, password } }`. Mail goes there only under TLS with a certificate that names the smarthost, unless `clearText` says otherwise; where
   * the secret is not accepted it waits. The function is asked for each attempt, so that the password can change. Default: nobody.
   */
  readonly smarthostAuth?: (() => SenderOptions['auth']) | undefined;
  /** Writes down every session. */
  readonly trace?: Tracing | undefined;
  /** Counts what the agent does: `relayCounts()`, to be looked at whenever. */
  readonly counts?: RelayCounts | undefined;
}

/** What of routing is not the agent's to know. */
type OtherRouting = Omit<RouteOptions, 'ownNames' | 'ownAddresses'>;

/** The options, each in one form, with what stands for those that were not given. */
interface Settings extends Omit<TransferAgentOptions, 'admission'> {
  readonly schedule: RetrySchedule;
  readonly admission: Admission;
  readonly routing: OtherRouting;
  readonly resolver: Resolver;
  readonly log: Log;
  readonly tls: TlsServer | undefined;
}

/** Where the agent listens, and how. */
export interface Door {
  /** A host and a port (0: a free one), a Unix socket, a listening descriptor, or connections that come some other way. */
  readonly place: { readonly host: string; readonly port: number } | { readonly path: string } | { readonly fd: number } | { readonly entrance: Entrance };
  /** TLS from the first octet on (RFC 8314 §3). */
  readonly tlsAtOnce?: boolean;
  /** Submission (RFC 6409), which needs `users`: nobody sends without AUTH, domains are fully qualified, and Date and Message-ID are added where they are missing. */
  readonly submission?: boolean;
  /** LMTP (RFC 2033). */
  readonly lmtp?: boolean;
}

const DOOR_OPTIONS: Readonly<Record<keyof Door, true>> = { place: true, tlsAtOnce: true, submission: true, lmtp: true };

/** What the log says of a mail that came in. */
type Story = Readonly<Record<'id' | 'client' | 'from', string> & Record<'helo' | 'user' | 'tls' | 'cipher', string | undefined>> & { to: string; size: number | undefined; maildir: true | undefined };

const NO_ROOM = refuse(452, '4.3.1', 'not enough room to keep the mail');

const NO_SUCH_USER = refuse(550, '5.1.1', 'no such user');

/** Of an AUTH that was answered with 535 5.7.8. */
const DENIED: ReadonlySet<Unauthenticated['reason']> = new Set(['credentials', 'authority', 'channel-binding']);

/** RFC 6409 §4.2. */
const UNQUALIFIED_SENDER = refuse(554, '5.1.8', 'the domain is not fully qualified');
const UNQUALIFIED_RECIPIENT = refuse(554, '5.1.2', 'the domain is not fully qualified');

/** What the client hears, by what there is too little of for its mail. */
const SHORTAGES = {
  'no room':             NO_ROOM,
  'too many open files': refuse(451, '4.3.2', 'too many files are open here, try again later'),
  'file too large':      refuse(452, '4.3.1', 'no file can be as large here as this mail'), // for now: the limit is the process's, and no policy
} as const;

/** A mail transfer agent: receives mail into a queue, delivers and relays it, and tells senders of failures. */
export class TransferAgent implements AsyncDisposable {
  readonly #options: Settings;
  readonly #counts: RelayCounts;
  readonly #servers: Server[] = [];
  readonly #dispatcher: Dispatcher;
  readonly #pool: ConnectionPool;
  readonly #destinations: Destinations;
  readonly #routing: OwnRouting;
  readonly #fields: OwnFields;
  readonly #local: LocalDelivery;
  #taking = 0; // mails whose verdict is not known yet
  #taken: () => void = () => undefined; // told when there is none
  readonly #takeBack: TakeBack;
  #closed: Promise<void> | undefined;

  constructor(options: TransferAgentOptions) {
    checkAgent(options);
    if (options.routing !== undefined) checkRouting(options.routing);
    const { hostname, queue, resolver = new Resolver(), reuse, counts = relayCounts(), log: told = warnOfErrors } = options;
    const schedule = scheduleOf(options.schedule);
    const log: Log = (event, fields) => tell(() => told(event, fields), warn); // what it throws must not become what a client hears
    const routing = { ...DEFAULT_ROUTING, ...given(options.routing ?? {}) };
    this.#options = { ...options, schedule, admission: admissionOf(options.admission, hostname), routing, resolver, log, tls: tlsServerOf(options.tls) };
    const notifier = { ...this.#options, expire: schedule.expire };
    this.#counts = counts;
    this.#routing = new OwnRouting(routing, hostname);
    this.#fields = new OwnFields(hostname);
    this.#local = new LocalDelivery(notifier, (notification) => this.#dispatcher.add(notification));
    this.#takeBack = new TakeBack(queue, log, (id) => this.#dispatcher.dismiss(id));
    this.#pool = new ConnectionPool({ ...reuse, clock: now });
    this.#destinations = new Destinations(resolver, hostname, () => this.#routing.current);
    this.#dispatcher = new Dispatcher({
      queue,
      schedule,
      log,
      destination: (path) => this.#destinations.keyOf(path),
      relay: (mail, recipients, signals, routed) => this.#relay(mail, recipients, signals, routed),
      notify: (mail, news) => notify(mail, news, notifier),
    });
  }

  /** @internal For orders of the operator (operation.ts). */
  get relaying(): RunningRelay {
    return this.#dispatcher;
  }

  /** Sessions of clients under way. */
  get sessions(): number {
    return this.#servers.reduce((sum, { sessions }) => sum + sessions, 0);
  }

  /** Listens in one more place. Not once it is closed: nobody would relay what came in. */
  async listen(door: Door): Promise<Server> {
    if (this.#closed !== undefined) throw new UsageError('the transfer agent is closed');
    checkDoor(door, DOOR_OPTIONS);
    const { place, tlsAtOnce = false, submission = false, lmtp = false } = door;
    const { tls, users, trace, ...options } = this.#options;
    if (submission && users === undefined) throw new UsageError('submission needs users: nobody may submit without AUTH'); // RFC 6409 §4.3
    const auth = users === undefined ? {} : { auth: authOf(users, submission) };
    const server = await listen({ without: [], ...options, ...place, ...(trace === undefined ? {} : { session: trace.serverSession }), ...(tls === undefined ? {} : { tls }), ...auth, tlsAtOnce, lmtp }, this.#hooks(submission));
    if (this.#closed !== undefined) { // meanwhile
      await server.close(0);
      throw new UsageError('the transfer agent is closed');
    }
    this.#servers.push(server);
    this.#routing.add(server);
    return server;
  }

  /** Begins to relay what the queue holds. */
  start(): void {
    if (this.#closed !== undefined) throw new UsageError('the transfer agent is closed');
    this.#dispatcher.start();
  }

  /** Stops accepting, finishes what is in hand, closes the queue; takes at most `grace` milliseconds (default: 25,000) and a little, unless the queue or the resolver owes an answer. */
  async close(grace: Milliseconds = seconds(25)): Promise<void> {
    checkCounts({ grace }, { grace: 0 });
    this.#closed ??= this.#close(grace);
    await this.#closed;
  }

  async #close(grace: Milliseconds): Promise<void> {
    this.#destinations.close();
    await Promise.all([...this.#servers.map((server) => server.close(grace)), this.#pool.close(), this.#dispatcher.close(grace)]);
    if (this.#taking > 0) await new Promise<void>((resolve) => (this.#taken = resolve)); // the queue owes an answer, and a mail is to be taken back
    await Promise.all([this.#takeBack.close(), this.#local.told()]);
    await this.#options.queue.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #hooks(submission: boolean): Hooks {
    const { admission, log, queue, users, routing } = this.#options;
    const unknown = (path: ReversePath | ForwardPath): boolean => submission && !isQualified(admission, lookedUp(path), routing.routes);
    const refused = (client: string, from: ReversePath, to: ForwardPath | undefined, reason: string): void => log('refused', { client, from: from.text, to: to?.text, reason });
    return {
      ...(users === undefined ? {} : { auth: ({ question, session: { client }, signal }) => usersOf(users).answer(question, { client: clientKey(client.address), signal }) }),
      unauthenticated: ({ session: { client, tls }, reason, authcid: user }) => { // who tries passwords is in the log (RFC 8314 §4)
        if (DENIED.has(reason)) log('refused', { client: client.address, user, tls: tls?.version, cipher: tls?.cipherSuite, reason: 'not authenticated' });
      },
      notice: ({ session: { client }, type, name, source }) => {
        if (type === 'leniency') log('lenient', { client: client.address, name, source });
      },
      mail: ({ reversePath, parameters: { size = 0 }, session: { client } }) => {
        if (unknown(reversePath)) {
          refused(client.address, reversePath, undefined, 'domain not fully qualified');
          return UNQUALIFIED_SENDER;
        }
        if (hasRoom(queue, size)) return undefined; // §4.3.2
        refused(client.address, reversePath, undefined, 'no room');
        return NO_ROOM;
      },
      rcpt: ({ forwardPath, reversePath, session: { client, identity } }) => {
        if (unknown(forwardPath)) {
          refused(client.address, reversePath, forwardPath, 'domain not fully qualified');
          return UNQUALIFIED_RECIPIENT;
        }
        const admitted = admit(admission, client.address === '' ? '127.0.0.1' : client.address, lookedUp(forwardPath)); // who can open a Unix socket is on this machine
        if (admitted === 'unknown') {
          refused(client.address, reversePath, forwardPath, 'no such user');
          return NO_SUCH_USER;
        }
        if (admitted !== 'denied' || identity !== undefined) return undefined;
        refused(client.address, reversePath, forwardPath, 'relaying denied');
        return refuse(550, '5.7.1', 'relaying denied');
      },
      message: (mail) => this.#take(mail, submission),
      error: (error) => log('error', { text: error.message }),
    };
  }

  async #take(mail: Mail, submission: boolean): Promise<Verdict> {
    const { queue, log } = this.#options;
    const { reversePath, forwardPaths, parameters, session } = mail;
    const id = newId();
    const { relayed, local } = this.#local.split(mail);
    // One object, filled in when its size is known, as in the queue: spreading parts into others cost 3 µs.
    const story: Story = { id, client: session.client.address, helo: session.helo && formatHost(session.helo), user: session.identity?.authzid, tls: session.tls?.version, cipher: session.tls?.cipherSuite, from: reversePath.text, to: listed(forwardPaths), size: undefined, maildir: undefined };
    this.#taking++;
    let queued: QueuedMail | undefined; // until it is to be taken back
    try {
      let kept: number | undefined; // octets in the Maildir
      if (relayed.forwardPaths.length > 0) {
        this.#dispatcher.expect(id);
        queued = queuedBy('add', await queue.add({ id, reversePath, parameters, forwardPaths: relayed.forwardPaths, recipientParameters: relayed.recipientParameters }, this.#fields.before(mail, id, submission)));
        if (isOver(mail)) throw mail.signal.reason;
      }
      if (local.forwardPaths.length > 0) {
        const content = queued === undefined ? this.#fields.before(mail, id, submission) : contentOf(queue, id);
        kept = await this.#local.deliver(id, { reversePath, parameters, ...local }, content, mail.signal);
        if (queued !== undefined && isOver(mail)) {
          await this.#takeBack.take(queued);
          queued = undefined;
          log(fateOf(mail), { ...story, to: listed(relayed.forwardPaths), reason: errorText(mail.signal.reason) });
          story.to = listed(local.forwardPaths);
        }
      }
      this.#counts.mails.accepted++;
      story.size = kept ?? queued?.size;
      this.#counts.octets.received += story.size ?? 0;
      this.#counts.outcomes.maildir.delivered += local.forwardPaths.length;
      if (kept !== undefined) story.maildir = true;
      log('accepted', story);
      if (queued !== undefined) this.#dispatch(queued);
      return committed({ id });
    } catch (error) {
      if (queued === undefined) this.#dispatcher.dismiss(id);
      else await this.#takeBack.take(queued);
      this.#counts.mails[fateOf(mail)]++;
      if (error instanceof LoopError) {
        log('refused', { ...story, reason: 'loop' });
        return { type: 'refuse', reply: OWN_VERDICTS['too-many-hops'].reply };
      }
      const shortage = shortageOf(error);
      if (shortage !== undefined) {
        log('refused', { ...story, reason: shortage });
        return SHORTAGES[shortage];
      }
      if (mail.signal.aborted) log(fateOf(mail), { ...story, reason: errorText(error) });
      throw error;
    } finally {
      if (--this.#taking === 0) this.#taken();
    }
  }

  async #relay(mail: QueuedMail, recipients: readonly number[], signals: Signals, routed: (destination: string) => void): ReturnType<typeof relayTo> {
    const { hostname, resolver, smarthostAuth } = this.#options;
    const { reversePath, forwardPaths, size, eightBit, parameters, recipientParameters } = mail;
    const paths = recipients.map((recipient) => forwardPaths[recipient]).filter((path) => path !== undefined);
    const asked = { parameters: parameters ?? {}, recipientParameters: recipients.map((recipient) => recipientParameters?.[recipient] ?? {}) };
    const content = (host?: string): AsyncIterable<Uint8Array> => contentForAttempt(this.#options, mail.id, recipients, host);
    const results = await relayTo({ reversePath, content, size, eightBit, ...asked }, paths, { hostname, resolver, ...signals, routed, pool: this.#pool, routing: this.#routing.current, smarthostAuth: smarthostAuth?.(), ...(this.#options.trace === undefined ? {} : { session: this.#options.trace.clientSession }) });
    this.#count(results, size);
    return results;
  }

  #count(results: readonly RecipientOutcome[], size: number): void {
    const takers = new Set<string>(); // one transaction serves all recipients of an address
    for (const { forwardPath, outcome, target } of results) {
      this.#counts.outcomes[destinationClass(lookedUp(forwardPath), this.#options.hostname, this.#options.routing)][outcome.state]++;
      if (target !== undefined && (outcome.state === 'delivered' || outcome.state === 'unknown')) takers.add(target.address);
    }
    this.#counts.octets.sent += takers.size * size;
  }

  /** Hands a mail on, once it is known as well as may be which of its recipients have one destination. */
  #dispatch(mail: QueuedMail): void {
    const learnt = this.#destinations.learn(mail.forwardPaths);
    if (learnt === undefined) this.#dispatcher.add(mail);
    else void learnt.then(() => this.#dispatcher.add(mail));
  }
}

/** What becomes of a mail that is not kept: its client has gone, or hears so. */
function fateOf({ signal }: Mail): 'lost' | 'refused' {
  return signal.reason instanceof Unfinished ? 'lost' : 'refused';
}

function listed(paths: readonly ForwardPath[]): string {
  return paths.map(({ text }) => text).join(',');
}

/** Why a mail is not sent that was on its way when the operator was told that it is held, returned or removed. */
const CALLED_OFF = new Error('the operator has called it off');

/** The content of a mail for an attempt, which is recorded before the final dot goes out: after that the mail may be taken. Why it cannot be read is for the log alone: an outcome goes to the sender in the end. */
async function* contentForAttempt({ queue, log }: Pick<Settings, 'queue' | 'log'>, id: string, recipients: readonly number[], host: string | undefined): AsyncGenerator<Uint8Array, void> {
  try {
    if (isCalledOff(mailOf(queue, id))) throw CALLED_OFF;
    yield* recentOf(queue, id) ?? contentOf(queue, id);
    if (isCalledOff(mailOf(queue, id))) throw CALLED_OFF; // meanwhile
    await queue.attempt?.(id, recipients, host);
  } catch (error) {
    if (error === CALLED_OFF) throw error;
    log('error', { id, text: errorText(error) });
    throw new Error('failure on our own side', { cause: error });
  }
}

/** For who has no log: nothing that goes wrong on our side is kept from him. */
function warnOfErrors(event: string, { text }: LogFields): void {
  if (event === 'error') warn(text);
}
