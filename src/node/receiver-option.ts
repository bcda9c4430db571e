// What an embedder sets about a Receiver, and the session's options that follow from it.

import { randomBytes } from 'node:crypto';
import { encodeBase64 } from '../wire/base64.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import type { AuthOptions, ServerOptions } from '../protocol/server/option.ts';
import { beginServerExchange } from '../protocol/sasl/mechanism.ts';
import type { Decoy } from '../protocol/sasl/scram-key.ts';
import { HASH } from './credential.ts';
import type { TlsServer } from './tls.ts';

export interface ReceiverOptions extends Omit<ServerOptions, 'startTls' | 'secured' | 'auth'> {
  /** Certificate and key: STARTTLS is offered, or TLS is spoken at once where `tlsAtOnce` says so. */
  readonly tls?: TlsServer | undefined;
  /** TLS from the first octet on (RFC 8314 §3). Default: false. */
  readonly tlsAtOnce?: boolean;
  /** Offers AUTH with these mechanisms; the hook `auth` answers. */
  readonly auth?: Omit<AuthOptions, 'begin'> & { readonly decoy?: Decoy };
  /** Milliseconds for a hook to answer, and for content to be read on. Default: four minutes, one less than a client waits. */
  readonly hookTimeout?: Milliseconds;
}

/** The options of a session, under TLS from its first octet on where it is `secured`. */
export function sessionOptions({ tls, tlsAtOnce, auth, hookTimeout: _, ...options }: ReceiverOptions, secured: boolean): ServerOptions {
  const { hostname } = options;
  const session = { ...options, startTls: tls !== undefined && tlsAtOnce !== true, secured };
  if (auth === undefined) return session;
  const { decoy = DECOY, ...settings } = auth;
  return { ...session, auth: { ...settings, begin: (mechanism) => beginServerExchange(mechanism, { hash: HASH, nonce: encodeBase64(randomBytes(18)), hostname, decoy }) } };
}

/** For servers without users of their own: new in each process. */
const DECOY: Decoy = { secret: randomBytes(32), iterations: 100_000 };
