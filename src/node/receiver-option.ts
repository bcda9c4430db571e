// What an embedder sets about a Receiver, and what follows from it: made once for a server, not for each connection.

import { randomBytes } from 'node:crypto';
import { encodeBase64 } from '../wire/base64.ts';
import { minutes, type Milliseconds } from '../protocol/limit.ts';
import type { AuthOptions, ServerOptions } from '../protocol/server/option.ts';
import { beginServerExchange } from '../protocol/sasl/mechanism.ts';
import type { Decoy } from '../protocol/sasl/scram-key.ts';
import { Budget } from './budget.ts';
import { HASH } from './credential.ts';
import { Patience } from './patience.ts';
import type { TlsServer } from './tls.ts';

/** What AUTH offers; the hook `auth` answers. */
export type AuthSettings = Omit<AuthOptions, 'begin'> & { readonly decoy?: Decoy };

export interface ReceiverOptions extends Omit<ServerOptions, 'startTls' | 'secured' | 'auth'> {
  /** Certificate and key: STARTTLS is offered, or TLS is spoken at once where `tlsAtOnce` says so. */
  readonly tls?: TlsServer | undefined;
  /** TLS from the first octet on (RFC 8314 §3). Default: false. */
  readonly tlsAtOnce?: boolean;
  /** Offers AUTH with these mechanisms; the hook `auth` answers. A function is asked at each connection: the users may change. */
  readonly auth?: AuthSettings | (() => AuthSettings);
  /** Milliseconds for a hook to answer, and for content to be read on. Default: four minutes, one less than a client waits. */
  readonly hookTimeout?: Milliseconds;
  /** Octets that all connections may have in flight together before they are held back. Default: 67108864. */
  readonly maxBuffered?: number;
}

/** What the receivers of a server share. */
export class ReceiverSettings {
  readonly hostname: string;
  readonly lmtp: boolean;
  readonly tls: TlsServer | undefined;
  readonly budget: Budget;
  readonly patience: Patience;
  readonly #options: ReceiverOptions;
  #auth: AuthSettings | undefined; //              that the two below were made with
  #inClear: ServerOptions | undefined;
  #underTls: ServerOptions | undefined;

  constructor(options: ReceiverOptions) {
    const { hostname, lmtp = false, tls, hookTimeout = minutes(4), maxBuffered } = options;
    this.hostname = hostname;
    this.lmtp = lmtp;
    this.tls = tls;
    this.budget = new Budget(maxBuffered);
    this.patience = new Patience(hookTimeout);
    this.#options = options;
  }

  /** The options of a session, under TLS from its first octet on where it is `secured`: the same object until they change. */
  sessionOptions(secured: boolean): ServerOptions {
    const { auth } = this.#options;
    const offered = typeof auth === 'function' ? auth() : auth;
    if (offered !== this.#auth) this.#inClear = this.#underTls = undefined;
    this.#auth = offered;
    if (secured) return (this.#underTls ??= sessionOptions(this.#options, offered, true));
    return (this.#inClear ??= sessionOptions(this.#options, offered, false));
  }
}

function sessionOptions({ tls, tlsAtOnce, auth: _, hookTimeout: __, maxBuffered: ___, ...options }: ReceiverOptions, auth: AuthSettings | undefined, secured: boolean): ServerOptions {
  const { hostname } = options;
  const session = { ...options, startTls: tls !== undefined && tlsAtOnce !== true, secured };
  if (auth === undefined) return session;
  const { decoy = DECOY, ...settings } = auth;
  return { ...session, auth: { ...settings, begin: (mechanism) => beginServerExchange(mechanism, { hash: HASH, nonce: encodeBase64(randomBytes(18)), hostname, decoy }) } };
}

/** For servers without users of their own: new in each process. */
const DECOY: Decoy = { secret: randomBytes(32), iterations: 100_000 };
