// What an embedder sets about a ServerSession, and what holds where nothing is set.

import { encodeAscii } from '../../wire/ascii.ts';
import { checkCounts, checkFlags, checkLists, checkNames, checkObject, shown, UsageError } from '../../wire/usage.ts';
import { EXTENSIONS, type ExtensionKeyword } from '../extension.ts';
import { hostOf } from '../hostname.ts';
import { LENIENCIES, type LeniencyName } from '../leniency.ts';
import { CAPS, DATA_RATE, LIMITS, MOST_AUTH_FAILURES, SERVER_TIMEOUT, SESSION_TIMEOUT, type Milliseconds } from '../limit.ts';
import type { MechanismName } from '../sasl/exchange.ts';
import { MECHANISMS } from '../sasl/mechanism.ts';
import type { ServerExchange } from '../sasl/server-exchange.ts';
import type { SessionCounts } from './count.ts';
import { OwnReplies } from './own-replies.ts';
import type { Caps } from './tally.ts';

/** The options of a `ServerSession`. */
export interface ServerOptions {
  /** The server's name, a domain or an address literal: first word of banner and EHLO reply (RFC 5321 §4.3.1). */
  readonly hostname: string;
  /** Most octets of mail data, announced with SIZE (RFC 1870); 0 or Infinity: no limit. Default: 35882577. */
  readonly maxSize?: number;
  /** Octets of mail data, or of a refused chunk, after which no end is waited for any more. Default: eight times `maxSize`, and a MiB at least. */
  readonly maxDrain?: number;
  /** Most recipients of one mail; more get 452 (RFC 5321 §4.5.3.1.10). Default: 1000, at least 100. */
  readonly maxRecipients?: number;
  /** Most octets of a line of mail data with its CRLF (RFC 5321 §4.5.3.1.6). Default: 1000. */
  readonly maxTextLine?: number;
  /** Milliseconds for the next command, or for a segment of mail data (RFC 5321 §4.5.3.2.7). Default: five minutes. */
  readonly timeout?: Milliseconds;
  /** Milliseconds for the whole session. Default: six hours. */
  readonly sessionTimeout?: Milliseconds;
  /** Octets a second at which mail data have to come, over each `dataRateWindow`; 0: every pace will do. Default: 100. */
  readonly minDataRate?: number;
  /** Milliseconds over which that is measured. Default: five minutes. */
  readonly dataRateWindow?: Milliseconds;
  /** Commands of a session; one more gets 421. Default: 100000. */
  readonly maxCommands?: number;
  /** Commands refused for their syntax or order; one more gets 421. Default: 100. */
  readonly maxErrors?: number;
  /** Recipients of a session that the application refuses; one more gets 421. Default: 100. */
  readonly maxRefusedRecipients?: number;
  /** Failed authentications of a session; one more gets 421 (RFC 4954 §9). Default: 5. */
  readonly maxAuthFailures?: number;
  /** MAIL commands of a session, announced as MAILMAX (RFC 9422 §4.1); one more gets 421. Default: no limit. */
  readonly maxMails?: number;
  /** Domains of the recipients of a session, announced as RCPTDOMAINMAX (RFC 9422 §4.3); more get 452. Default: no limit. */
  readonly maxRecipientDomains?: number;
  /** What the RFC forbids and is taken all the same, each use with an action 'leniency'. Default: nothing. */
  readonly leniencies?: readonly LeniencyName[];
  /**
   * What becomes of a client that speaks before the banner. `refuse`: a banner of 554.
   *
   * Default: `take`. To wait is a SHOULD (RFC 5321 §4.3.1), and a client that does not is noticed only where the application
   * thinks about the banner for a while; some monitors and load balancers pipeline a whole session blindly. An action 'notice' tells.
   */
  readonly earlyTalk?: 'take' | 'refuse';
  /** Speaks LMTP (RFC 2033): LHLO, and a reply for each recipient at the end of mail data. Default: false. */
  readonly lmtp?: boolean;
  /** Extensions that are not offered, though they could be. Default: BINARYMIME, SMTPUTF8, DSN and REQUIRETLS, which bind whoever relays the mail on. */
  readonly without?: readonly ExtensionKeyword[];
  /** STARTTLS can be done: the shell answers `start-tls`. `unavailable`: it is offered, and gets 454 for now (RFC 3207 §4). Default: false. */
  readonly startTls?: boolean | 'unavailable';
  /** TLS is at work from the first octet on (RFC 8314). Default: false. */
  readonly secured?: boolean;
  /** Everything but EHLO, LHLO, STARTTLS, NOOP and QUIT needs TLS (RFC 3207 §4). Default: false. */
  readonly requireTls?: boolean;
  /** Offers AUTH (RFC 4954). */
  readonly auth?: AuthOptions;
  /** Counts what sessions do; the object may be shared by all of them. Default: nothing is counted. */
  readonly counts?: SessionCounts | undefined;
  /**
   * Makes our own replies, which are ASCII, the octets that are sent: once for all sessions. Default: `encodeAscii`.
   * @internal
   */
  readonly encode?: (text: string) => Uint8Array;
  /**
   * Tells whether the recipients of all sessions together are too many; those of a mail beyond its hundredth then get 452 (RFC 5321
   * §4.5.3.1.8, §4.5.3.1.10). Default: never.
   * @internal
   */
  readonly crowded?: () => boolean;
}

/** How a server offers AUTH (RFC 4954). */
export interface AuthOptions {
  readonly mechanisms: readonly MechanismName[];
  /** Begins an exchange; the nonce is its business. */
  readonly begin: (mechanism: MechanismName) => ServerExchange;
  /** Everything but AUTH, EHLO, HELO, LHLO, STARTTLS, NOOP, RSET and QUIT needs AUTH (RFC 4954 §6, RFC 6409 §4.3). Default: false. */
  readonly required?: boolean;
  /** Offers mechanisms that show the secret without TLS too. Default: false. */
  readonly clearText?: boolean;
}

/** Extensions that bind whoever relays the mail, so that a server has to ask for them. */
export const NOT_BY_DEFAULT = ['BINARYMIME', 'SMTPUTF8', 'DSN', 'REQUIRETLS'] as const satisfies readonly ExtensionKeyword[];

/** The options with the defaults put in, and what follows from them for every session. */
export type Settings = Required<Omit<ServerOptions, 'auth' | 'counts'>> & {
  readonly auth: AuthOptions | undefined;
  readonly counts: SessionCounts | undefined;
  /** `without` as a set, and AUTH in it where it is not set up. */
  readonly lacking: ReadonlySet<ExtensionKeyword>;
  readonly lenient: ReadonlySet<LeniencyName>;
  readonly caps: Caps;
  readonly own: OwnReplies;
};

/** Settings of the options seen so far: those of a server are the same for each of its sessions (a third of what opening one cost). */
const remembered = new WeakMap<ServerOptions, Settings>();

/** Throws UsageError for what is not a hostname, not a count, or not the name of a leniency, extension or mechanism. The options must not change afterwards. */
export function settingsOf(options: ServerOptions): Settings {
  let settings = remembered.get(options);
  if (settings === undefined) {
    settings = readOptions(options);
    remembered.set(options, settings);
  }
  return settings;
}

const never = (): boolean => false;

/** Options that count something, and the least that makes sense of each. */
const LEAST = {
  maxSize: 0, maxDrain: 0, maxRecipients: 1, maxTextLine: 2, timeout: 0, sessionTimeout: 0, minDataRate: 0, dataRateWindow: 1,
  maxCommands: 0, maxErrors: 0, maxRefusedRecipients: 0, maxAuthFailures: 0, maxMails: 1, maxRecipientDomains: 1, // RFC 9422 §4: "0" is no limit's value
} as const satisfies Readonly<Partial<Record<keyof ServerOptions, number>>>;

/** All of them, by name. */
export const SERVER_OPTIONS: Readonly<Record<keyof ServerOptions, true>> = {
  hostname: true, maxSize: true, maxDrain: true, maxRecipients: true, maxTextLine: true, timeout: true, sessionTimeout: true, minDataRate: true,
  dataRateWindow: true, maxCommands: true, maxErrors: true, maxRefusedRecipients: true, maxAuthFailures: true, maxMails: true,
  maxRecipientDomains: true, leniencies: true, earlyTalk: true, lmtp: true, without: true, startTls: true, secured: true, requireTls: true,
  auth: true, counts: true, encode: true, crowded: true,
};

const AUTH_OPTIONS: Readonly<Record<keyof AuthOptions, true>> = { mechanisms: true, begin: true, required: true, clearText: true };

/** Options whose number stands in the reply to EHLO. */
const ANNOUNCED = ['maxSize', 'maxRecipients', 'maxMails', 'maxRecipientDomains'] as const satisfies readonly (keyof typeof LEAST)[];

function readOptions(options: ServerOptions): Settings {
  checkObject(options);
  checkNames(options, SERVER_OPTIONS);
  checkLists(options, ['leniencies', 'without']);
  checkFlags(options, ['lmtp', 'secured', 'requireTls']);
  if (options.auth !== undefined) {
    checkObject(options.auth, 'auth must be an object');
    checkNames(options.auth, AUTH_OPTIONS);
    const { mechanisms, begin } = options.auth;
    if (!Array.isArray(mechanisms) || typeof begin !== 'function') throw new UsageError(`auth needs { mechanisms, begin }, a list and a function, not ${shown(options.auth)}`);
    checkFlags(options.auth, ['required', 'clearText']);
  }
  const { earlyTalk = 'take', startTls = false } = options;
  if (earlyTalk !== 'take' && earlyTalk !== 'refuse') throw new UsageError(`earlyTalk must be "take" or "refuse", not ${shown(earlyTalk)}`);
  if (typeof startTls !== 'boolean' && startTls !== 'unavailable') throw new UsageError(`startTls must be true, false or "unavailable", not ${shown(startTls)}`);
  const unknown = options.leniencies?.find((name) => !Object.hasOwn(LENIENCIES, name));
  if (unknown !== undefined) throw new UsageError(`leniencies are ${Object.keys(LENIENCIES).join(', ')}, not ${shown(unknown)}`);
  hostOf(options.hostname);
  const strange = options.without?.find((name) => !Object.hasOwn(EXTENSIONS, name));
  if (strange !== undefined) throw new UsageError(`without names extensions: ${Object.keys(EXTENSIONS).join(', ')}, not ${shown(strange)}`);
  const foreign = options.auth?.mechanisms.find((name) => !Object.hasOwn(MECHANISMS, name));
  if (foreign !== undefined) throw new UsageError(`mechanisms are ${Object.keys(MECHANISMS).join(', ')}, not ${shown(foreign)}`);
  checkCounts(options, LEAST);
  if (options.counts !== undefined && !(options.counts?.replies instanceof Float64Array && typeof options.counts.commands === 'object')) throw new UsageError('counts must be what sessionCounts() has returned');
  for (const name of ANNOUNCED) {
    const value = options[name] ?? 0;
    if (value !== Infinity && !Number.isSafeInteger(value)) throw new UsageError(`${name} is announced in digits: a whole number, or Infinity for no limit, not ${value}`);
  }
  const { without = NOT_BY_DEFAULT, leniencies = [], auth } = options;
  const maxSize = options.maxSize === Infinity ? 0 : (options.maxSize ?? LIMITS.mailData); // RFC 1870 §4: 0 is how no limit is announced
  return {
    maxDrain: maxSize === 0 ? Infinity : Math.max(LIMITS.mailDataDrain * maxSize, LIMITS.leastDrain),
    maxRecipients: LIMITS.recipients,
    maxTextLine: LIMITS.textLine,
    timeout: SERVER_TIMEOUT,
    sessionTimeout: SESSION_TIMEOUT,
    minDataRate: DATA_RATE.octetsPerSecond,
    dataRateWindow: DATA_RATE.window,
    maxCommands: CAPS.commands,
    maxErrors: CAPS.errors,
    maxRefusedRecipients: CAPS.refusedRecipients,
    maxAuthFailures: MOST_AUTH_FAILURES,
    maxMails: CAPS.mails,
    maxRecipientDomains: Infinity,
    leniencies: [],
    earlyTalk: 'take',
    lmtp: false,
    without: NOT_BY_DEFAULT,
    startTls: false,
    secured: false,
    requireTls: false,
    auth: undefined,
    counts: undefined,
    encode: encodeAscii,
    crowded: never,
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    hostname: options.hostname,
    maxSize,
    lacking: new Set(auth === undefined ? [...without, 'AUTH'] : without),
    caps: {
      commands: options.maxCommands ?? CAPS.commands,
      errors: options.maxErrors ?? CAPS.errors,
      refusedRecipients: options.maxRefusedRecipients ?? CAPS.refusedRecipients,
      mails: options.maxMails ?? CAPS.mails,
    },
    lenient: new Set(leniencies),
    own: new OwnReplies({ hostname: options.hostname, maxTextLine: options.maxTextLine ?? LIMITS.textLine, encode: options.encode ?? encodeAscii }),
  };
}
