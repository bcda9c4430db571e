// The whole way of a mail (RFC 5321 §2.1, §3.6): accept a connection, take a mail into the queue, relay it by MX.
//
// Rule 1: the 250 to end of mail data comes after the queue, or the Maildir, has made the mail durable (§4.1.1.4, §6.1).
// Rule 2: anyone may send to accepted domains, only clients of `relayFrom` to others (§7.9).
// Rule 3: mail that has come round a hundred times is refused (§6.3).
// Rule 4: what cannot be delivered is reported to its sender (§6.1), unless it has none (§4.5.5).

import { networkInterfaces } from 'node:os';
import { formatHost } from '../syntax/domain.ts';
import { formatReceived } from '../syntax/trace.ts';
import type { ReversePath } from '../syntax/path.ts';
import { concat } from '../wire/octet.ts';
import { encodeUtf8 } from '../wire/utf8.ts';
import { seconds, type Milliseconds } from '../protocol/limit.ts';
import { committed, refuse, type Verdict } from '../protocol/server/verdict.ts';
import { admit, type Admission } from '../relay/admission.ts';
import { ReceivedCounter } from '../relay/loop.ts';
import { formatNotification, LONGEST_HEADER, mayNotify, notificationEnvelope } from '../relay/notification.ts';
import type { Queue, QueuedMail } from '../relay/queue/port.ts';
import type { RouteOptions } from '../relay/route.ts';
import { destinationKey } from '../relay/outgoing.ts';
import type { RetrySchedule } from '../relay/schedule.ts';
import { Submission } from '../relay/submission.ts';
import { VERDICTS } from '../relay/verdict.ts';
import type { Failure } from './conclusion.ts';
import type { Users } from './credential.ts';
import { Dispatcher, type Signals } from './dispatch.ts';
import { newId } from './file-queue.ts';
import type { Hooks, Mail } from './hook.ts';
import { listen, type Server, type ServerLimits } from './listen.ts';
import type { Log } from './log.ts';
import type { Maildir } from './maildir.ts';
import type { Notification } from './recorder.ts';
import { relayTo } from './relay.ts';
import type { ReceiverOptions } from './receiver-option.ts';
import type { Resolver } from './resolve.ts';
import type { TlsServer } from './tls.ts';

export interface TransferAgentOptions extends Omit<ReceiverOptions, 'tls' | 'tlsAtOnce' | 'auth' | 'lmtp'>, ServerLimits {
  readonly queue: Queue;
  /** Mail for accepted domains goes here instead of being relayed. */
  readonly maildir?: Maildir | undefined;
  readonly admission: Admission;
  readonly routing: Omit<RouteOptions, 'ownNames' | 'ownAddresses'>;
  readonly resolver: Resolver;
  readonly schedule: RetrySchedule;
  readonly log: Log;
  /** Certificate and key: STARTTLS is offered, and doors with TLS at once can be opened. */
  readonly tls?: TlsServer | undefined;
  /** Who may authenticate: AUTH is offered. The function is asked each time, so that the users can change. */
  readonly users?: (() => Users) | undefined;
}

/** Where the agent listens, and how. */
export interface Door {
  readonly place: { readonly host: string; readonly port: number } | { readonly path: string } | { readonly fd: number };
  /** TLS from the first octet on (RFC 8314 §3). */
  readonly tlsAtOnce?: boolean;
  /** Submission (RFC 6409): nobody sends without AUTH, and Date and Message-ID are added where they are missing. */
  readonly submission?: boolean;
  /** LMTP (RFC 2033). */
  readonly lmtp?: boolean;
}

/** Content that has too many Received fields: thrown into whoever stores it, so that nothing is stored. */
class LoopError extends Error {}

export class TransferAgent {
  readonly #options: TransferAgentOptions;
  readonly #servers: Server[] = [];
  readonly #dispatcher: Dispatcher;

  constructor(options: TransferAgentOptions) {
    this.#options = options;
    const { hostname, queue, routing, schedule, log } = options;
    this.#dispatcher = new Dispatcher({
      queue,
      schedule,
      log,
      destination: (path) => destinationKey(path, hostname, routing),
      relay: (mail, recipients, signals) => this.#relay(mail, recipients, signals),
      notify: (mail, failures) => this.#notify(mail, failures),
    });
  }

  /** Listens in one more place. */
  async listen({ place, tlsAtOnce = false, submission = false, lmtp = false }: Door): Promise<Server> {
    const { tls, users, ...options } = this.#options;
    const auth = users === undefined ? {} : { auth: { mechanisms: users().mechanisms, decoy: users().decoy, required: submission } };
    const server = await listen({ ...options, ...place, ...(tls === undefined ? {} : { tls }), ...auth, tlsAtOnce, lmtp }, this.#hooks(submission));
    this.#servers.push(server);
    return server;
  }

  /** Begins to relay what the queue holds. */
  start(): void {
    this.#dispatcher.start();
  }

  /** Stops accepting, finishes what is in hand, closes the queue; takes at most `grace` milliseconds and a little. */
  async close(grace: Milliseconds = seconds(25)): Promise<void> {
    await Promise.all([...this.#servers.map((server) => server.close(grace)), this.#dispatcher.close(grace)]);
    await this.#options.queue.close();
  }

  #hooks(submission: boolean): Hooks {
    const { admission, log, queue, users } = this.#options;
    return {
      ...(users === undefined ? {} : { auth: ({ question }) => users().answer(question) }),
      mail: ({ parameters: { size = 0 } }) => (queue.roomFor?.(size) === false ? refuse(452, '4.3.1', 'not enough room to keep the mail') : undefined), // §4.3.2
      rcpt: ({ forwardPath, reversePath, session: { client, identity } }) => {
        // A Unix socket has no address: who can open it is on this machine.
        if (identity !== undefined || admit(admission, client.address === '' ? '127.0.0.1' : client.address, forwardPath) !== 'denied') return undefined;
        log('refused', { client: client.address, from: reversePath.text, to: forwardPath.text, reason: 'relaying denied' });
        return refuse(550, '5.7.1', 'relaying denied');
      },
      message: (mail) => this.#take(mail, submission),
      error: (error) => log('error', { text: error.message }),
    };
  }

  async #take(mail: Mail, submission: boolean): Promise<Verdict> {
    const { admission, maildir, queue, log } = this.#options;
    const { reversePath, forwardPaths, session } = mail;
    const id = newId();
    const isLocal = (path: (typeof forwardPaths)[number]): boolean => maildir !== undefined && admit(admission, session.client.address, path) === 'local';
    const relayed = forwardPaths.filter((path) => !isLocal(path));
    const story = { id, client: session.client.address, helo: session.helo && formatHost(session.helo), user: session.identity?.authzid, tls: session.tls?.version, from: reversePath.text, to: forwardPaths.map(({ text }) => text).join(',') };
    try {
      let queued: QueuedMail | undefined;
      if (relayed.length > 0) queued = await queue.add({ id, reversePath, forwardPaths: relayed }, this.#traced(mail, id, submission));
      if (relayed.length < forwardPaths.length) await this.#deliverHere(reversePath, queued === undefined ? this.#traced(mail, id, submission) : queue.content(id), queued);
      log('accepted', { ...story, size: queued?.size, maildir: relayed.length < forwardPaths.length ? true : undefined });
      if (queued !== undefined) this.#dispatcher.add(queued);
      return committed({ id });
    } catch (error) {
      if (error instanceof LoopError) {
        log('refused', { ...story, reason: 'loop' });
        return { type: 'refuse', reply: VERDICTS['too-many-hops'].reply };
      }
      if (mail.signal.aborted) log('lost', { ...story, reason: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  }

  /** Into the Maildir; where that fails the mail must not stay in the queue either, since the client hears a refusal. */
  async #deliverHere(reversePath: ReversePath, content: AsyncIterable<Uint8Array>, queued: QueuedMail | undefined): Promise<void> {
    try {
      await this.#options.maildir?.deliver(reversePath, content);
    } catch (error) {
      if (queued !== undefined) await this.#options.queue.settle(queued.id, queued.recipients.map(() => ({ state: 'failed' })), 0);
      throw error;
    }
  }

  /** The content with our Received field in front (§4.4), counting those that are there. */
  async *#traced(mail: Mail, id: string, submission: boolean): AsyncGenerator<Uint8Array, void> {
    const { helo, client, protocol } = mail.session;
    const [only, ...more] = mail.forwardPaths;
    const field = formatReceived({
      helo: helo === undefined ? 'unknown' : formatHost(helo),
      client: { address: client.address },
      by: this.#options.hostname,
      with: protocol,
      id,
      ...(only !== undefined && more.length === 0 ? { for: only } : {}), // §7.2: one recipient is not told of the others
      date: Date.now(),
    });
    yield encodeUtf8(field);
    const counter = new ReceivedCounter();
    const fields = submission ? new Submission({ id, hostname: this.#options.hostname, date: Date.now() }) : undefined;
    for await (const octets of mail.content) {
      counter.read(octets);
      if (counter.looped) throw new LoopError('the mail is in a loop');
      if (fields === undefined) yield octets;
      else yield* fields.read(octets);
    }
    if (fields !== undefined) yield* fields.end();
  }

  async #relay(mail: QueuedMail, recipients: readonly number[], signals: Signals): ReturnType<typeof relayTo> {
    const { hostname, queue, resolver, routing } = this.#options;
    const { reversePath, forwardPaths, size, eightBit } = mail;
    const paths = recipients.map((recipient) => forwardPaths[recipient]).filter((path) => path !== undefined);
    const ownAddresses = this.#servers.flatMap(({ host, port }) => addressesOf(host).map((address) => ({ address, port })));
    const content = async function* (host?: string): AsyncGenerator<Uint8Array, void> {
      yield* queue.content(mail.id);
      await queue.attempt?.(mail.id, recipients, host); // before the final dot: after that the mail may be taken
    };
    return relayTo({ reversePath, content, size, eightBit }, paths, { hostname, resolver, ...signals, routing: { ...routing, ownNames: [hostname], ownAddresses } });
  }

  async #notify(mail: QueuedMail, failures: readonly Failure[]): Promise<Notification | undefined> {
    const { maildir, admission, hostname } = this.#options;
    const { reversePath, forwardPaths } = mail;
    if (!mayNotify(reversePath)) return undefined;
    const id = `${mail.id}-${failures[0]?.recipient ?? 0}`; // the same after a crash: the notification is added once
    const date = Date.now();
    const octets = formatNotification({
      id,
      reportingMta: hostname,
      sender: reversePath,
      arrival: mail.arrival,
      date,
      recipients: failures.flatMap(({ recipient, state: { reply = VERDICTS['local-failure'].reply, host } }) => {
        const forwardPath = forwardPaths[recipient];
        return forwardPath === undefined ? [] : [{ forwardPath, action: 'failed' as const, reply, ...(host === undefined ? {} : { host }), lastAttempt: date }];
      }),
      original: { header: await this.#beginning(mail.id) },
    });
    const content = async function* (): AsyncGenerator<Uint8Array, void> {
      yield octets;
    };
    const envelope = notificationEnvelope(reversePath);
    if (maildir !== undefined && admit(admission, '', reversePath) === 'local') {
      await maildir.deliver(envelope.reversePath, content());
      return { id };
    }
    return { id, queue: { mail: { id, ...envelope }, content } };
  }

  /** The content of a mail in the queue, as far as a notification may quote its header. */
  async #beginning(id: string): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const octets of this.#options.queue.content(id)) {
      pieces.push(octets);
      size += octets.length;
      if (size >= LONGEST_HEADER) break;
    }
    return concat(pieces);
  }
}

/** The addresses that a listener has: those of every interface, where it listens on all of them. */
function addressesOf(host: string): readonly string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host];
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return [host, ...all.filter(({ family }) => host === '::' || family === 'IPv4').map(({ address }) => address)];
}
