// What an embedder sets about a Receiver, and what follows from it: made once for a server, not for each connection.

import { Buffer } from 'node:buffer';
import { encodeBase64 } from '../wire/base64.ts';
import { checkCounts, checkFunctions, checkLists, shown, UsageError } from '../wire/usage.ts';
import { minutes, type Milliseconds } from '../protocol/limit.ts';
import { settingsOf, type AuthOptions, type ServerOptions } from '../protocol/server/option.ts';
import { ServerSession } from '../protocol/server/session.ts';
import { beginServerExchange, MECHANISMS } from '../protocol/sasl/mechanism.ts';
import { checkDecoy, type Decoy } from '../protocol/sasl/scram-key.ts';
import { Budget } from './budget.ts';
import { HASH } from './credential.ts';
import { atOnce } from './hook-call.ts';
import { nodeCrypto } from './on-demand.ts';
import { Patience } from './patience.ts';
import type { TlsServer } from './tls.ts';

/** What AUTH offers; the hook `auth` answers. */
export type AuthSettings = Omit<AuthOptions, 'begin'> & {
  /**
   * What SCRAM tells those who have no credential, so that nobody learns who is a user: the `decoy` of `Users`, or for credentials of
   * your own `{ secret, iterations }`, a secret that outlives a restart and the iterations of your users. Default: for 100,000 iterations and
   * salts of 16 octets, new in each process.
   */
  readonly decoy?: Decoy;
};

/** The options of the sessions of a server, besides what `ServerSession` takes. */
export interface ReceiverOptions extends Omit<ServerOptions, 'startTls' | 'secured' | 'auth'> {
  /** Certificate and key: STARTTLS is offered, or TLS is spoken at once where `tlsAtOnce` says so. */
  readonly tls?: TlsServer | undefined;
  /** TLS from the first octet on (RFC 8314 §3). Default: false. */
  readonly tlsAtOnce?: boolean;
  /** Offers AUTH with these mechanisms; the hook `auth` answers. A function is asked at each connection: the users may change. */
  readonly auth?: AuthSettings | (() => AuthSettings);
  /** Milliseconds for a hook to answer, and for content to be read on. Default: four minutes, one less than a client waits. */
  readonly hookTimeout?: Milliseconds;
  /** Octets that all connections together may have in flight before they are held back; and that all recipients may take up before a mail may have only a hundred. Default: 67108864. */
  readonly maxBuffered?: number;
  /** Makes the session; for one that writes itself down. Default: a plain one. */
  readonly session?: (options: ServerOptions, now: Milliseconds) => ServerSession;
}

/** As in protocol/server/option.ts. */
const LEAST = { hookTimeout: 1, maxBuffered: 1 } as const;

/** What the receivers of a server share. Throws UsageError for options that are of no use. */
export class ReceiverSettings {
  readonly hostname: string;
  readonly lmtp: boolean;
  readonly tls: TlsServer | undefined;
  readonly budget: Budget;
  /** What the recipients of all sessions take up. */
  readonly recipients: Budget;
  readonly patience: Patience;
  readonly #options: ReceiverOptions;
  #auth: AuthSettings | undefined; // that the options below were made with
  readonly #sessions = new Map<string, ServerOptions>();

  constructor(options: ReceiverOptions) {
    checkCounts(options, LEAST);
    checkFunctions(options, ['session']);
    settingsOf(sessionOptions(options, typeof options.auth === 'function' ? undefined : options.auth, false, false)); // throws now, and not when the first client comes
    const { hostname, lmtp = false, tls, hookTimeout = minutes(4), maxBuffered } = options;
    this.hostname = hostname;
    this.lmtp = lmtp;
    this.tls = tls;
    this.budget = new Budget(maxBuffered);
    this.recipients = new Budget(maxBuffered);
    this.patience = new Patience(hookTimeout);
    this.#options = options;
  }

  /** A session, under TLS from its first octet on where it is `secured`. Throws what the functions among the options throw, and for what they return. */
  newSession(secured: boolean, now: Milliseconds): ServerSession {
    const { session = (options, time) => new ServerSession(options, time) } = this.#options;
    const made = atOnce('session', session(this.#sessionOptions(secured), now));
    if (typeof made?.next !== 'function') throw new UsageError('session must return a ServerSession');
    return made;
  }

  /** The same object until something has changed. */
  #sessionOptions(secured: boolean): ServerOptions {
    const { auth, tlsAtOnce } = this.#options;
    const offered = typeof auth === 'function' ? atOnce('auth', auth()) : auth;
    if (offered !== this.#auth) this.#sessions.clear();
    this.#auth = offered;
    const startTls = this.tls === undefined || tlsAtOnce === true ? false : this.tls.available ? true : 'unavailable';
    const name = `${secured} ${startTls}`;
    let options = this.#sessions.get(name);
    if (options === undefined) this.#sessions.set(name, (options = { ...sessionOptions(this.#options, offered, startTls, secured), crowded: () => this.recipients.exhausted }));
    return options;
  }
}

function sessionOptions({ tls: _, tlsAtOnce: __, auth: ___, hookTimeout: ____, maxBuffered: _____, session: ______, ...options }: ReceiverOptions, auth: AuthSettings | undefined, startTls: boolean | 'unavailable', secured: boolean): ServerOptions {
  const { hostname } = options;
  const session = { ...options, startTls, secured, encode: bufferOf };
  if (auth === undefined) return session;
  checkMechanisms(auth);
  const { randomBytes } = nodeCrypto();
  const { decoy = (ownDecoy ??= { secret: randomBytes(32), iterations: 100_000 }), ...settings } = auth;
  checkDecoy(decoy);
  return { ...session, auth: { ...settings, begin: (mechanism) => beginServerExchange(mechanism, { hash: HASH, nonce: encodeBase64(randomBytes(18)), hostname, decoy }) } };
}

/** Those that a server can offer. */
const OFFERED = Object.keys(MECHANISMS).filter((name) => name !== 'SCRAM-SHA-256-PLUS');

function checkMechanisms(auth: AuthSettings): void {
  if (!(auth?.mechanisms?.length > 0)) throw new UsageError('auth needs mechanisms, such as ["SCRAM-SHA-256", "PLAIN"]');
  checkLists(auth, ['mechanisms']);
  const other = auth.mechanisms.find((name) => !OFFERED.includes(name));
  if (other === 'SCRAM-SHA-256-PLUS') throw new UsageError('SCRAM-SHA-256-PLUS is not offered: there is no channel binding yet');
  if (other !== undefined) throw new UsageError(`mechanisms are ${OFFERED.join(', ')}, not ${shown(other)}`);
}

/** A Buffer, which Node's streams take as it is: other octets they wrap in a new one each time (0.15 µs a reply, and a mail has four). */
function bufferOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** For servers without users of their own: new in each process. */
let ownDecoy: Decoy | undefined;
