// What an embedder sets about a ClientSession, and what holds where nothing is set.

import { checkCounts, checkFlags, checkLists, checkNames, checkObject, shown, UsageError } from '../../wire/usage.ts';
import type { AddressLiteral, Domain } from '../../syntax/domain.ts';
import { checkOwnNames, hostOf } from '../hostname.ts';
import type { Milliseconds } from '../limit.ts';
import { checkExchange, type ClientSecret } from '../sasl/mechanism.ts';
import type { ClientAuth } from './authentication.ts';

/**
 * Whether TLS is used (RFC 3207 §6).
 *
 *   off            never
 *   opportunistic  where it is offered, whatever the certificate; without it otherwise
 *   require        nothing is sent without TLS; the certificate may be any
 *   verify         nor to a server whose certificate is not good, or names another host
 */
export type TlsPolicy = 'off' | 'opportunistic' | 'require' | 'verify';

/** The options of a `ClientSession`. */
export interface ClientOptions {
  /** The client's name for EHLO: its domain, or an address literal (RFC 5321 §4.1.4). */
  readonly hostname: string;
  /** Most milliseconds for any wait; the waits of RFC 5321 §4.5.3.2 are cut to it. Default: Infinity. */
  readonly timeout?: Milliseconds;
  /** Speaks LMTP (RFC 2033): LHLO, and a reply for each recipient at the end of mail data. Default: false. */
  readonly lmtp?: boolean;
  /** Default: off, since TLS is for the embedder to do: the action 'start-tls' asks for it. */
  readonly tlsPolicy?: TlsPolicy;
  /** TLS comes before the greeting (RFC 8314 §3): 'start-tls' is the first action. Default: false. */
  readonly tlsAtOnce?: boolean;
  /** Authenticates, or sends nothing. */
  readonly auth?: ClientAuth;
  /** Names of the embedder's own: a server that calls itself so is this host, and gets no mail (RFC 5321 §5.1). Default: none. */
  readonly ownNames?: readonly string[];
}

/** The options with the defaults put in. */
export interface Settings {
  readonly host: Domain | AddressLiteral;
  readonly timeout: Milliseconds;
  readonly lmtp: boolean;
  readonly tlsPolicy: TlsPolicy;
  readonly tlsAtOnce: boolean;
  readonly auth: ClientAuth | undefined;
  /** In lower case. */
  readonly ownNames: ReadonlySet<string>;
}

/** All of them, by name. */
const CLIENT_OPTIONS: Readonly<Record<keyof ClientOptions, true>> = { hostname: true, timeout: true, lmtp: true, tlsPolicy: true, tlsAtOnce: true, auth: true, ownNames: true };

const AUTH_OPTIONS: Readonly<Record<keyof ClientAuth, true>> = { secret: true, hash: true, nonce: true, clearText: true };

const POLICIES: readonly TlsPolicy[] = ['off', 'opportunistic', 'require', 'verify'];

/** Throws UsageError for a hostname, own names, a policy, a secret, a time or a flag that is not one: a session that began with it could only fail, or show what it was not to show. */
export function checkClientOptions(options: Partial<Omit<ClientOptions, 'auth'>> & { readonly auth?: Pick<ClientAuth, 'secret' | 'clearText'> | undefined }): void {
  const { hostname, ownNames = [], tlsPolicy, auth } = options;
  if (hostname !== undefined) hostOf(hostname);
  checkCounts(options, { timeout: 1 });
  checkFlags(options, ['lmtp', 'tlsAtOnce']);
  checkLists(options, ['ownNames']);
  checkOwnNames(ownNames);
  if (tlsPolicy !== undefined && !POLICIES.includes(tlsPolicy)) throw new UsageError(`tlsPolicy must be one of ${POLICIES.join(', ')}, not ${shown(tlsPolicy)}`);
  if (auth !== undefined && !isSecret(auth?.secret)) throw new UsageError('auth needs a secret: { type: "password", authcid, password } or { type: "token", token }');
  if (auth === undefined) return;
  checkNames(auth, AUTH_OPTIONS);
  checkFlags(auth, ['clearText']);
}

/** Tells whether it is one, as a program without types may not have it. */
function isSecret(secret: ClientSecret | undefined): boolean {
  if (secret?.type === 'password') return typeof secret.authcid === 'string' && typeof secret.password === 'string';
  return secret?.type === 'token' && typeof secret.token === 'string';
}

/** Throws UsageError for what `checkClientOptions` does, for an option that is misspelt, and for an exchange of SASL that could not be begun. */
export function settingsOf(options: ClientOptions): Settings {
  checkObject(options);
  checkNames(options, CLIENT_OPTIONS);
  const { hostname, timeout = Infinity, lmtp = false, tlsPolicy = 'off', tlsAtOnce = false, auth, ownNames = [] } = options;
  const host = hostOf(hostname);
  checkClientOptions({ ownNames, tlsPolicy, auth, timeout, lmtp, tlsAtOnce });
  if (auth !== undefined) checkExchange(auth);
  return { host, timeout, lmtp, tlsPolicy, tlsAtOnce, auth, ownNames: new Set(ownNames.map((name) => name.toLowerCase())) };
}
