// What an embedder sets about a ServerSession, and what holds where nothing is set.

import { UsageError } from '../../wire/usage.ts';
import { parseHost } from '../../syntax/domain.ts';
import { isFault } from '../../syntax/fault.ts';
import type { ExtensionKeyword } from '../extension.ts';
import { LIMITS, SERVER_TIMEOUT, type Milliseconds } from '../limit.ts';
import type { MechanismName } from '../sasl/exchange.ts';
import type { ServerExchange } from '../sasl/server-exchange.ts';

export interface ServerOptions {
  /** The server's name, a domain or an address literal: first word of banner and EHLO reply (RFC 5321 §4.3.1). */
  readonly hostname: string;
  /** Most octets of mail data, announced with SIZE (RFC 1870). Default: 35882577. */
  readonly maxSize?: number;
  /** Most recipients of one mail; more get 452 (RFC 5321 §4.5.3.1.10). Default: 1000, at least 100. */
  readonly maxRecipients?: number;
  /** Most octets of a line of mail data with its CRLF (RFC 5321 §4.5.3.1.6). Default: 1000. */
  readonly maxTextLine?: number;
  /** Milliseconds without an octet after which the session ends (RFC 5321 §4.5.3.2.7). Default: five minutes. */
  readonly timeout?: Milliseconds;
  /** Speaks LMTP (RFC 2033): LHLO, and a reply for each recipient at the end of mail data. Default: false. */
  readonly lmtp?: boolean;
  /** Extensions that are not offered, though they could be. Default: `NOT_BY_DEFAULT`. */
  readonly without?: readonly ExtensionKeyword[];
  /** STARTTLS can be done: the shell answers `start-tls`. Default: false. */
  readonly startTls?: boolean;
  /** TLS is at work from the first octet on (RFC 8314). Default: false. */
  readonly secured?: boolean;
  /** Everything but EHLO, STARTTLS, NOOP and QUIT needs TLS (RFC 3207 §4). Default: false. */
  readonly requireTls?: boolean;
  /** Offers AUTH (RFC 4954). */
  readonly auth?: AuthOptions;
}

export interface AuthOptions {
  readonly mechanisms: readonly MechanismName[];
  /** Begins an exchange; the nonce is its business. */
  readonly begin: (mechanism: MechanismName) => ServerExchange;
  /** Everything but AUTH, EHLO, STARTTLS, NOOP, RSET and QUIT needs AUTH (RFC 4954 §6, RFC 6409 §4.3). Default: false. */
  readonly required?: boolean;
  /** Offers mechanisms that show the secret without TLS too. Default: false. */
  readonly clearText?: boolean;
}

/** Extensions that bind whoever relays the mail, so that a server has to ask for them. */
export const NOT_BY_DEFAULT = ['BINARYMIME', 'SMTPUTF8', 'DSN', 'REQUIRETLS'] as const satisfies readonly ExtensionKeyword[];

/** The options with the defaults put in. */
export type Settings = Required<Omit<ServerOptions, 'auth'>> & { readonly auth: AuthOptions | undefined };

/** Throws UsageError for a hostname that is none. */
export function settingsOf(options: ServerOptions): Settings {
  if (isFault(parseHost(options.hostname))) throw new UsageError(`hostname must be a domain or an address literal, not ${JSON.stringify(options.hostname)}`);
  return {
    maxSize: LIMITS.mailData,
    maxRecipients: LIMITS.recipients,
    maxTextLine: LIMITS.textLine,
    timeout: SERVER_TIMEOUT,
    lmtp: false,
    without: NOT_BY_DEFAULT,
    startTls: false,
    secured: false,
    requireTls: false,
    auth: undefined,
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    hostname: options.hostname,
  };
}
