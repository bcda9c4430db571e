// The SASL mechanisms as one table: what each needs, in the order in which a client prefers them; and how each is begun.

import { checkObject, shown, UsageError } from '../../wire/usage.ts';
import { beginCramMd5, CramMd5Server } from './cram-md5.ts';
import { clientFault, type ChannelBinding, type ClientExchange, type ClientFault, type Hash, type MechanismName } from './exchange.ts';
import { beginLogin, LoginServer } from './login.ts';
import { beginOAuth, OAuthServer } from './oauth.ts';
import { beginPlain, PlainServer } from './plain.ts';
import { beginScram } from './scram-client.ts';
import { checkDecoy, type Decoy } from './scram-key.ts';
import { ScramServer } from './scram-server.ts';
import { ServerExchange, type ServerMechanism } from './server-exchange.ts';

export interface Mechanism {
  readonly source: string;
  /** What the client has to have. */
  readonly needs: 'password' | 'token';
  /** True where the secret itself goes over the wire: neither offered nor used without TLS (RFC 4954 §4, §9). */
  readonly revealsSecret: boolean;
  /** Who speaks first. Where it is the server, an initial response is 501 5.7.0 (RFC 4954 §4); LOGIN knows both ways. */
  readonly begins: 'client' | 'server' | 'either';
  /** What a server has to store. */
  readonly stores: 'scram' | 'hash' | 'clear text' | 'nothing';
}

/**
 * The order is the client's preference.
 *
 * Of those that need a password: what binds it to the channel; what proves it, and the server too, by a slow hash; then CRAM-MD5,
 * which at least does not hand it to whoever answers; PLAIN, LOGIN. Of those that need a token: the standard, then its forerunner.
 */
export const MECHANISMS: Readonly<Record<MechanismName, Mechanism>> = {
  'SCRAM-SHA-256-PLUS': { source: 'RFC 7677',              needs: 'password', revealsSecret: false, begins: 'client', stores: 'scram' },
  'SCRAM-SHA-256':      { source: 'RFC 7677',              needs: 'password', revealsSecret: false, begins: 'client', stores: 'scram' },
  'CRAM-MD5':           { source: 'RFC 2195',              needs: 'password', revealsSecret: false, begins: 'server', stores: 'clear text' },
  PLAIN:                { source: 'RFC 4616',              needs: 'password', revealsSecret: true,  begins: 'client', stores: 'hash' },
  LOGIN:                { source: 'draft-murchison-sasl-login', needs: 'password', revealsSecret: true,  begins: 'either', stores: 'hash' },
  OAUTHBEARER:          { source: 'RFC 7628',              needs: 'token',    revealsSecret: true,  begins: 'client', stores: 'nothing' },
  XOAUTH2:              { source: 'Google, Microsoft',     needs: 'token',    revealsSecret: true,  begins: 'client', stores: 'nothing' },
};

/** Returns the mechanism of that name, in any case (RFC 4954 §8). */
export function findMechanism(name: string): MechanismName | undefined {
  const upper = name.toUpperCase();
  return NAMES.find((mechanism) => mechanism === upper);
}

// The one cast: the table's keys are its type's.
const NAMES = Object.keys(MECHANISMS) as readonly MechanismName[];

/** What an exchange of the server is made with: what only its host has. */
export interface ServerExchangeOptions {
  /** Such as those of `node:crypto`, which return octets of their own. */
  readonly hash: Hash;
  /** Letters, digits, `+`, `/` and `=`, new and unpredictable each time: at least 18 random octets in base 64. */
  readonly nonce: string;
  /** What the server calls itself, for the challenge of CRAM-MD5. */
  readonly hostname: string;
  /** What SCRAM tells those of whom there is no credential. */
  readonly decoy: Decoy;
  /** That of this connection, where SCRAM-SHA-256-PLUS is offered on it. Without it, -PLUS is a UsageError. */
  readonly channelBinding?: ChannelBinding;
}

/**
 * Begins an exchange of SASL on the server's side (RFC 4422 §3): what `begin` of the option `auth` of a `ServerSession` returns, a new
 * one for each AUTH. What it asks is the question 'auth' of the session. Throws UsageError for what is no mechanism, and for options that are none.
 */
export function beginServerExchange(name: MechanismName, options: ServerExchangeOptions): ServerExchange {
  const { hash, nonce, hostname, decoy, channelBinding } = checked(name, options);
  const begin = (): ServerMechanism => {
    switch (name) {
      case 'SCRAM-SHA-256-PLUS':
      case 'SCRAM-SHA-256': return new ScramServer(name, { hash, nonce, decoy, channelBinding });
      case 'CRAM-MD5': return new CramMd5Server(`<${nonce}@${hostname}>`, hash);
      case 'PLAIN': return new PlainServer();
      case 'LOGIN': return new LoginServer();
      case 'OAUTHBEARER':
      case 'XOAUTH2': return new OAuthServer(name);
      default: return name satisfies never;
    }
  };
  return new ServerExchange(begin());
}

function checked(name: MechanismName, options: ServerExchangeOptions): ServerExchangeOptions {
  if (!NAMES.includes(name)) throw new UsageError(`a mechanism is one of ${NAMES.join(', ')}, not ${shown(name)}`);
  checkObject(options);
  const { hostname, decoy } = options;
  checkExchange(options);
  if (typeof hostname !== 'string') throw new UsageError(`hostname must be text, not ${shown(hostname)}`);
  checkDecoy(decoy);
  return options;
}

/** Throws UsageError for hashes or a nonce with which neither side could begin: it would be found out when a peer is there. */
export function checkExchange({ hash, nonce }: { readonly hash: Hash; readonly nonce: string }): void {
  if (!HASHES.every((each) => typeof hash?.[each] === 'function')) throw new UsageError(`hash must have ${HASHES.join(', ')}, functions of octets that return octets`);
  if (typeof nonce !== 'string' || nonce === '') throw new UsageError(`nonce must be text that is new each time, not ${shown(nonce)}`);
}

const HASHES = ['sha256', 'hmacSha256', 'hmacMd5'] as const satisfies readonly (keyof Hash)[];

/** What a client has, to show who it is. */
export type ClientSecret =
  | { readonly type: 'password'; readonly authcid: string; readonly password: string; readonly authzid?: string }
  | { readonly type: 'token'; readonly token: string; readonly authzid?: string; readonly host?: string; readonly port?: number };

export interface ClientExchangeOptions {
  readonly secret: ClientSecret;
  readonly hash: Hash;
  /** As above. */
  readonly nonce: string;
  /** That of this connection, where there is one, whatever the server offers. */
  readonly channelBinding?: ChannelBinding;
}

/** Returns those of the mechanisms offered that the client can use, the best first; `bindable`: it has a channel binding. */
export function usableMechanisms(
  offered: readonly string[],
  secret: ClientSecret,
  connection: { readonly secured: boolean; readonly bindable: boolean },
): MechanismName[] {
  const found = new Set(offered.map(findMechanism));
  return NAMES.filter((name) => {
    const { needs, revealsSecret } = MECHANISMS[name];
    if (!found.has(name) || needs !== secret.type || (revealsSecret && !connection.secured)) return false;
    if (name === 'SCRAM-SHA-256-PLUS') return connection.bindable;
    // RFC 5802 §6: who sees -PLUS and could use it, must; with the plain name it would have to lie.
    return !(name === 'SCRAM-SHA-256' && connection.bindable && found.has('SCRAM-SHA-256-PLUS'));
  });
}

/** Returns the exchange, or why the mechanism cannot carry what there is. */
export function beginClientExchange(name: MechanismName, { secret, hash, nonce, channelBinding }: ClientExchangeOptions): ClientExchange | ClientFault {
  const { authzid } = secret;
  if (secret.type === 'token') {
    if (name !== 'OAUTHBEARER' && name !== 'XOAUTH2') return unsuitable(name, 'password');
    return beginOAuth(name, { authzid, token: secret.token, host: secret.host, port: secret.port });
  }
  const { authcid, password } = secret;
  switch (name) {
    case 'SCRAM-SHA-256-PLUS':
    case 'SCRAM-SHA-256': return beginScram(name, { authcid, password, authzid, hash, nonce, channelBinding });
    case 'PLAIN': return beginPlain({ authcid, password, authzid });
    case 'CRAM-MD5': return authzid === undefined ? beginCramMd5(authcid, password, hash) : unsuitable(name, 'user without an authzid');
    case 'LOGIN': return authzid === undefined ? beginLogin(authcid, password) : unsuitable(name, 'user without an authzid');
    case 'OAUTHBEARER':
    case 'XOAUTH2': return unsuitable(name, 'token');
    default: return name satisfies never;
  }
}

function unsuitable(name: MechanismName, expected: string): ClientFault {
  return clientFault('unsuitable', `expected a ${expected} for ${name}`);
}
