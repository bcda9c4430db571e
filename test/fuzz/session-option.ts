// The first octets of an input for a session say under which options it runs; so the fuzzer changes those like anything else.

import { encodeAscii } from '../../src/wire/ascii.ts';
import type { SyntaxLeniency } from '../../src/syntax/leniency.ts';
import { EXTENSIONS, type ExtensionKeyword } from '../../src/protocol/extension.ts';
import { LENIENCIES, type LeniencyName } from '../../src/protocol/leniency.ts';
import { minutes, SESSION_TIMEOUT } from '../../src/protocol/limit.ts';
import type { ChannelBinding, MechanismName } from '../../src/protocol/sasl/exchange.ts';
import { beginServerExchange, type ClientSecret } from '../../src/protocol/sasl/mechanism.ts';
import type { ClientOptions, TlsPolicy } from '../../src/protocol/client/option.ts';
import { NOT_BY_DEFAULT, type ServerOptions } from '../../src/protocol/server/option.ts';
import { HASH } from '../../src/node/credential.ts';

export const SYNTAX_LENIENCIES: ReadonlySet<SyntaxLeniency> = new Set(['spaceAroundColon', 'missingAngleBrackets', 'oddDotsInLocalPart']);

export const SERVER_NAME = 'mx.example.com';
export const CLIENT_NAME = 'client.example.org';
/** Octets that hold the options of a server, and of a client. */
export const SERVER_OPTIONS = 8;
export const CLIENT_OPTIONS = 6;

/** Secrets that no output may hold. None of them is a word that anything else might say. */
export const PASSWORD = 'xyzzy-passw0rd';
export const TOKEN = 'xyzzy-t0ken-of-bearer';

const LENIENCY_NAMES = Object.keys(LENIENCIES) as LeniencyName[]; // the table's own keys
const MECHANISM_SETS: readonly (readonly MechanismName[])[] = [
  ['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256', 'OAUTHBEARER', 'XOAUTH2'],
  ['SCRAM-SHA-256'],
  ['SCRAM-SHA-256-PLUS', 'PLAIN'],
  ['CRAM-MD5', 'LOGIN'],
];
const REMOVABLE = ['PIPELINING', 'SIZE', '8BITMIME', 'ENHANCEDSTATUSCODES', 'HELP', 'CHUNKING', 'LIMITS', 'AUTH'] as const satisfies readonly ExtensionKeyword[];

const BINDING: ChannelBinding = { name: 'tls-exporter', data: encodeAscii('a channel') };

/** Octet 0: what the server is; 1: leniencies; 2 and 3: extensions; 4 to 6: limits; 7: time, and what is drained. All 0: the defaults. */
export function serverOptionsOf(octets: Uint8Array): ServerOptions {
  const [kind = 0, lenient = 0, without = 0, added = 0, sizes = 0, caps = 0, more = 0, time = 0] = octets;
  const bit = (octet: number, at: number): boolean => ((octet >> at) & 1) === 1;
  const one = <Value>(octet: number, at: number, values: readonly [Value, Value, Value, Value]): Value => values[(octet >> at) & 3] ?? values[0];
  const removed = REMOVABLE.filter((_, at) => bit(without, at));
  const offered = NOT_BY_DEFAULT.filter((_, at) => bit(added, at));
  const mechanisms = one<readonly MechanismName[]>(added, 4, [MECHANISM_SETS[0] ?? [], MECHANISM_SETS[1] ?? [], MECHANISM_SETS[2] ?? [], MECHANISM_SETS[3] ?? []]);
  return {
    hostname: SERVER_NAME,
    lmtp: bit(kind, 0),
    startTls: bit(kind, 1) ? (bit(kind, 2) ? 'unavailable' : true) : false,
    secured: bit(kind, 3),
    requireTls: bit(kind, 4),
    earlyTalk: bit(added, 6) ? 'refuse' : 'take',
    leniencies: LENIENCY_NAMES.filter((_, at) => bit(lenient, at)),
    without: [...NOT_BY_DEFAULT.filter((keyword) => !offered.includes(keyword)), ...removed].filter((keyword) => keyword in EXTENSIONS),
    ...(bit(kind, 5) ? { auth: { mechanisms, required: bit(kind, 6), clearText: bit(kind, 7), begin: (mechanism) => beginServerExchange(mechanism, { hash: HASH, nonce: 'nonce', hostname: SERVER_NAME, decoy: { secret: encodeAscii('decoy'), iterations: 4_096 }, channelBinding: BINDING }) } } : {}),
    maxSize: one(sizes, 0, [35_882_577, 0, 20, 300]),
    maxRecipients: one(sizes, 2, [1_000, 1, 2, 3]),
    maxTextLine: one(sizes, 4, [1_000, 12, 40, 1_000]),
    maxAuthFailures: one(sizes, 6, [5, 0, 1, 2]),
    maxCommands: one(caps, 0, [100_000, 1, 5, 12]),
    maxErrors: one(caps, 2, [100, 0, 1, 3]),
    maxRefusedRecipients: one(caps, 4, [1_000, 0, 1, 2]),
    maxMails: one(caps, 6, [Infinity, 1, 2, Infinity]),
    maxRecipientDomains: one(more, 0, [Infinity, 1, 2, Infinity]),
    minDataRate: one(more, 2, [100, 0, 1, 10_000]),
    sessionTimeout: one(time, 0, [SESSION_TIMEOUT, minutes(3), minutes(20), SESSION_TIMEOUT]),
    timeout: one(time, 2, [minutes(5), minutes(1), minutes(5), minutes(5)]),
    ...(bit(time, 6) && bit(sizes, 1) ? { maxDrain: 400 } : {}), // above a maximum of 20 or 300: one below it makes no sense
    dataRateWindow: one(time, 4, [minutes(5), minutes(2), minutes(5), minutes(5)]),
  };
}

/** What the application answers from the first question on: a letter of server-run.ts. */
export function firstPolicyOf(octets: Uint8Array): string {
  return ['a', 'w', 'n', 'x'][((octets[6] ?? 0) >> 4) & 3] ?? 'a';
}

/** The options of a client, and what its embedder does. */
export interface ClientPlan {
  readonly options: ClientOptions;
  /** Of the handshake: well, with a certificate that proves nothing, not at all. */
  readonly handshake: 'verified' | 'unverified' | 'failed';
}

const POLICIES = ['off', 'opportunistic', 'require', 'verify'] as const satisfies readonly TlsPolicy[];

/** Octet 0: what the client is; 1: TLS; 2: AUTH. The rest is for the mails (mail-plan.ts). */
export function clientPlanOf(octets: Uint8Array): ClientPlan {
  const [kind = 0, tls = 0, auth = 0] = octets;
  const secret: ClientSecret | undefined = (auth & 3) === 1 ? { type: 'password', authcid: 'alice', password: PASSWORD } : (auth & 3) === 2 ? { type: 'token', token: TOKEN, authzid: 'alice' } : (auth & 3) === 3 ? { type: 'password', authcid: 'alice', password: PASSWORD, authzid: 'bob' } : undefined;
  return {
    options: {
      hostname: CLIENT_NAME,
      lmtp: (kind & 1) !== 0,
      timeout: (kind & 2) !== 0 ? 1_000 : Infinity,
      ownNames: (kind & 4) !== 0 ? ['mx.example.com'] : [],
      tlsPolicy: POLICIES[tls & 3] ?? 'off',
      tlsAtOnce: (tls & 4) !== 0,
      ...(secret === undefined ? {} : { auth: { secret, hash: HASH, nonce: 'bm9uY2U', clearText: (auth & 4) !== 0 } }),
    },
    handshake: (tls & 16) !== 0 ? 'failed' : (tls & 8) !== 0 ? 'unverified' : 'verified',
  };
}
