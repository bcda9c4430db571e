// Sends mails to one server: opens the connection, and does what takes more than one connection.
//
// Choice: after a handshake that failed under the policy 'opportunistic' the same host is asked once more, in clear: it would
//         have been without TLS in any case, and a mail that waits for ever is no safer (RFC 7435). Postfix does so too.

import type { Socket } from 'node:net';
import { checkFunctions, checkObject, shown, UsageError } from '../wire/usage.ts';
import type { ForwardPath, ReversePath } from '../syntax/path.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import type { MailParameters, RecipientParameters } from '../protocol/mail.ts';
import type { ClientTls, InReplyTo, Outcome } from '../protocol/client/action.ts';
import type { ClientAuth } from '../protocol/client/authentication.ts';
import { checkClientOptions, type ClientOptions, type TlsPolicy } from '../protocol/client/option.ts';
import type { ClientSession } from '../protocol/client/session.ts';
import type { Signal } from './aborter.ts';
import { ClientConnection } from './client-connection.ts';
import type { TlsClient } from './tls-client.ts';

/** A mail on its way out; the content is read anew for each transaction, and is told to which host it goes. */
export interface Outgoing {
  readonly reversePath: ReversePath;
  readonly content: (host?: string) => AsyncIterable<Uint8Array>;
  /** All of the content, where it is in memory; `content` is not called then. */
  readonly octets?: Uint8Array;
  /** Octets of the content. */
  readonly size?: number;
  /** The content holds octets above 0x7f. */
  readonly eightBit?: boolean;
  /** What MAIL asked for when the mail came, to be asked for again. */
  readonly parameters?: MailParameters | undefined;
  /** The same of RCPT, one for each of the forward-paths that are sent to. */
  readonly recipientParameters?: readonly RecipientParameters[] | undefined;
}

/** The options of the connections that mail is sent over. */
export interface SenderOptions extends Omit<ClientOptions, 'tlsPolicy' | 'tlsAtOnce' | 'auth'> {
  /** Default: opportunistic. */
  readonly tlsPolicy?: TlsPolicy;
  /** TLS before the greeting (RFC 8314 §3). Default: false. */
  readonly tlsAtOnce?: boolean;
  /** Whose authorities are trusted. Default: those that Node brings along. */
  readonly tls?: TlsClient | undefined;
  /** The host that is meant, for which the certificate is checked, and which the server is told of (RFC 6066 §3). */
  readonly serverName?: string;
  /** Authenticates, or sends nothing (RFC 4954): who it is, and whether the secret may be shown in the clear. Default: it does not. */
  readonly auth?: Pick<ClientAuth, 'secret' | 'clearText'> | undefined;
  /** Breaks off whatever is under way. */
  readonly signal?: Signal | undefined;
  /** Breaks off what has not come as far as MAIL, and begins nothing more. Aborted no later than `signal`. */
  readonly closing?: Signal | undefined;
  /** Makes the session. Default: a ClientSession. */
  readonly session?: (options: ClientOptions, now: Milliseconds) => ClientSession;
}

/** All of them, by name. */
export const SENDER_OPTIONS: Readonly<Record<keyof SenderOptions, true>> = {
  hostname: true, timeout: true, lmtp: true, ownNames: true, tlsPolicy: true, tlsAtOnce: true, tls: true, serverName: true, auth: true, signal: true, closing: true, session: true,
};

/** Throws UsageError for options that no session can be made with. @internal */
export function checkSender(options: Omit<Partial<SenderOptions>, 'tls'> & { readonly tls?: unknown }): void {
  const { tls, serverName, signal, closing } = options;
  const strict = Object.keys(options).find((name) => name.toLowerCase() === 'requiretls'); // a server's option: the mail would go in the clear
  if (strict !== undefined) throw new UsageError(`there is no option ${strict} where mail is sent: tlsPolicy: "require", or "verify", sends nothing without TLS`);
  checkClientOptions(options);
  checkFunctions(options, ['session']);
  if (serverName !== undefined && typeof serverName !== 'string') throw new UsageError(`serverName must be a host name, not ${shown(serverName)}`);
  for (const [name, each] of Object.entries({ signal, closing }))
    if (each !== undefined && typeof each?.addEventListener !== 'function') throw new UsageError(`${name} must be an AbortSignal, such as that of new AbortController(), not ${shown(each)}`);
  if (tls !== undefined) checkObject(tls, 'tls must be a TlsClient, or its options, such as { ca }');
}

/** A mail that may go right behind another: what `send` is given, and who is told the outcomes, when its turn is over. */
export interface Follower {
  readonly mail: Outgoing;
  readonly forwardPaths: readonly ForwardPath[];
  readonly settle: (outcomes: readonly Outcome[]) => void;
}

/** Asked, when the end of a mail is out, for the mail that goes right behind it. */
export type Next = () => Follower | undefined;

/** The mail as it goes to some of its recipients, by index, and their paths. */
export function forSome(mail: Outgoing, forwardPaths: readonly ForwardPath[], recipients: readonly number[]): { readonly mail: Outgoing; readonly paths: readonly ForwardPath[] } {
  if (recipients.length === forwardPaths.length) return { mail, paths: forwardPaths };
  const { recipientParameters } = mail;
  return {
    mail: recipientParameters === undefined ? mail : { ...mail, recipientParameters: recipients.map((recipient) => recipientParameters[recipient] ?? {}) },
    paths: recipients.map((recipient) => forwardPaths[recipient]).filter((path) => path !== undefined),
  };
}

/** Told of a recipient, by index, as soon as there is an outcome; a further transaction may bring another. */
export type Report = (recipient: number, outcome: Outcome) => void;

/**
 * Opens a connection, and resolves when it takes a mail, or when the session has ended: then each mail gets the reason.
 * Rejects with what `connect` rejects with. That is called again, for the same host, where the first connection cannot do all:
 * in clear, after a handshake that failed; and where a server takes no more in one session (RFC 9422 §4.1, §4.3).
 * @internal
 */
export async function openConnection(connect: () => Promise<Socket>, options: SenderOptions): Promise<SenderConnection> {
  return new SenderConnection(connect, options, await open(connect, options));
}

async function open(connect: () => Promise<Socket>, options: SenderOptions): Promise<ClientConnection> {
  const connection = new ClientConnection(await connect(), options);
  await connection.settled();
  if (!handshakeFailed(connection) || options.tlsAtOnce === true || (options.tlsPolicy ?? 'opportunistic') !== 'opportunistic') return connection;
  const inClear = new ClientConnection(await connect(), { ...options, tlsPolicy: 'off' });
  await inClear.settled();
  return inClear;
}

/**
 * The server has said that TLS can begin, or was asked whether it can, and then it came to nothing. In TLS 1.3 a server can still refuse
 * what was the end of the handshake to us (RFC 8446 §4.4.2.4: a certificate that it wants): then it goes without a word under TLS.
 */
function handshakeFailed({ failure, tls }: ClientConnection): boolean {
  const { reason, inReplyTo = 'nothing' } = failure ?? {};
  if (tls !== undefined) return reason === 'connection-lost' && HELLOS.has(inReplyTo);
  return reason === 'tls-failed' || (inReplyTo === 'STARTTLS' && (reason === 'timeout' || reason === 'connection-lost'));
}

const HELLOS: ReadonlySet<InReplyTo> = new Set(['EHLO', 'LHLO']);

/** A connection to one host for any number of mails, which is another one where its server has had enough of the first. */
export class SenderConnection {
  readonly #connect: () => Promise<Socket>;
  readonly #options: SenderOptions;
  #connection: ClientConnection;
  #before: Promise<void> = Promise.resolve(); // until those that it has replaced are gone

  /** Of `openConnection` alone. @internal */
  constructor(connect: () => Promise<Socket>, options: SenderOptions, connection: ClientConnection) {
    this.#connect = connect;
    this.#options = options;
    this.#connection = connection;
  }

  /** It takes another mail now. */
  get usable(): boolean {
    return this.#connection.usable;
  }

  get tls(): ClientTls | undefined {
    return this.#connection.tls;
  }

  /**
   * Sends the mail, and resolves with an outcome for each recipient, in their order, when another mail can be sent, or none.
   * Never rejects. One at a time; but `next`, if given, is asked for the mail behind this one, and again behind that, where the
   * server lets its envelope go with the end of this one (see ClientConnection).
   */
  async send(mail: Outgoing, forwardPaths: readonly ForwardPath[], report: Report = () => undefined, next?: Next): Promise<readonly Outcome[]> {
    const first = await this.#connection.send(mail, forwardPaths, report, next);
    if (!first.some(isTooMany)) return first;
    const outcomes = [...first];
    let before = Infinity; // a session that is new takes somebody
    for (let left = tooMany(outcomes); left.length > 0 && left.length < before; ) {
      if (!(await this.#reopen())) break;
      const rest = forSome(mail, forwardPaths, left);
      const again = await this.#connection.send(rest.mail, rest.paths, (index, outcome) => report(left[index] ?? -1, outcome));
      for (const [index, outcome] of again.entries()) outcomes[left[index] ?? -1] = outcome;
      before = left.length;
      left = tooMany(outcomes);
    }
    return outcomes;
  }

  /** Says QUIT, and resolves when the connection is gone, and those before it. No mail is in hand. */
  async quit(): Promise<void> {
    await Promise.all([this.#before, this.#connection.quit()]);
  }

  /** Whether there is another connection; where there is none, what the first one said stands. */
  async #reopen(): Promise<boolean> {
    const gone = this.#connection.quit();
    this.#before = this.#before.then(() => gone);
    try {
      this.#connection = await open(this.#connect, this.#options);
    } catch {
      return false; // whatever it was, a function of the embedder's included: others may have been delivered
    }
    return true;
  }
}

/** The recipients, by index, whom the server does not take in this session. */
function tooMany(outcomes: readonly Outcome[]): readonly number[] {
  return [...outcomes.keys()].filter((recipient) => isTooMany(outcomes[recipient]));
}

function isTooMany(outcome: Outcome | undefined): boolean {
  return outcome?.state === 'deferred' && outcome.reason === 'session-limit';
}
