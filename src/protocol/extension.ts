// The service extensions (RFC 5321 §2.2) as one table: what a server announces and when, the verbs that each adds and whether
// they may be pipelined, and the parameters that each adds to MAIL and RCPT (their values: parameter-value.ts). The EHLO and HELP
// replies, the reading of parameters and their refusal (555, 504, 501), and what is said of the verbs of extensions that are not
// offered derive from it.

import { encodeXtext } from '../wire/xtext.ts';
import type { Verb } from '../syntax/command.ts';
import type { Parameter } from '../syntax/parameter.ts';
import type { MailParameters, RecipientParameters } from './mail.ts';
import { passOnOriginalRecipient, readAuth, readBody, readEnvelopeId, readNotify, readOriginalRecipient, readRet, type Read } from './parameter-value.ts';

/** What of a server and its session decides what is offered. */
export interface Offer {
  /** Octets of mail data; 0: no limit (RFC 1870 §4). */
  readonly maxSize: number;
  readonly maxRecipients: number;
  /** MAIL commands of a session, and domains of its recipients; absent or Infinity: no limit. */
  readonly maxMails?: number;
  readonly maxRecipientDomains?: number;
  /** STARTTLS can be done. */
  readonly startTls: boolean;
  /** TLS is at work. */
  readonly secured: boolean;
  /** SASL mechanisms that may be used now; none where the client is authenticated. */
  readonly mechanisms: readonly string[];
  /** Extensions that this server does not offer. */
  readonly without: ReadonlySet<ExtensionKeyword>;
}

/** What a client writes behind the keyword and "="; true: the keyword alone; undefined: no such parameter. */
type Write<Parameters> = (parameters: Parameters) => string | true | undefined;

/** How one parameter of a command is read: its ABNF for the fault's text, and the typed value, or why there is none; and how it is written. */
interface ParameterRule<Parameters> {
  readonly grammar: string;
  readonly read: Read<Parameters>;
  readonly write: Write<Parameters>;
}

/** Where a command may stand in a pipelined group: anywhere, or only at its end (RFC 2920 §3.1). */
export type Pipelining = 'anywhere' | 'last';

/** What has to hold for an extension to be offered. */
type Precondition = 'TLS is possible' | 'TLS is not at work' | 'TLS is at work' | 'a mechanism may be used';

const PRECONDITIONS: Readonly<Record<Precondition, (offer: Offer) => boolean>> = {
  'TLS is possible':         ({ startTls }) => startTls,
  'TLS is not at work':      ({ secured }) => !secured,
  'TLS is at work':          ({ secured }) => secured,
  'a mechanism may be used': ({ mechanisms }) => mechanisms.length > 0, // none where the client is authenticated
};

interface Extension {
  readonly source: string;
  /** What stands behind the keyword in the EHLO reply. */
  readonly announce?: (offer: Offer) => string;
  readonly when?: readonly Precondition[];
  /** Other extensions, without which it is not offered. */
  readonly needs?: readonly ('CHUNKING' | '8BITMIME')[];
  readonly verbs?: Readonly<Partial<Record<Verb, Pipelining>>>;
  readonly mail?: Readonly<Record<string, ParameterRule<MailParameters>>>;
  readonly rcpt?: Readonly<Record<string, ParameterRule<RecipientParameters>>>;
}

export const EXTENSIONS = {
  PIPELINING:          { source: 'RFC 2920' },
  SIZE:                { source: 'RFC 1870', announce: ({ maxSize }) => ` ${maxSize}`,
    mail: { SIZE: { grammar: '1*20DIGIT', read: (value = '') => (/^[0-9]{1,20}$/.test(value) ? { size: Number(value) } : 'malformed'),
      write: ({ size }) => (size === undefined ? undefined : String(size)) } } },
  '8BITMIME':          { source: 'RFC 6152',
    mail: { BODY: { grammar: '"7BIT" / "8BITMIME" / "BINARYMIME"', read: readBody, write: ({ body }) => body } } },
  ENHANCEDSTATUSCODES: { source: 'RFC 2034' },
  HELP:                { source: 'RFC 5321 §4.1.1.8', verbs: { HELP: 'last' } }, // §4.1.1.1: optional commands are listed
  STARTTLS:            { source: 'RFC 3207', when: ['TLS is possible', 'TLS is not at work'], verbs: { STARTTLS: 'last' } }, // §4.2: not again
  AUTH:                { source: 'RFC 4954', when: ['a mechanism may be used'], verbs: { AUTH: 'last' }, announce: ({ mechanisms }) => ` ${mechanisms.join(' ')}`,
    mail: { AUTH: { grammar: 'xtext of Mailbox / "<>"', read: readAuth, write: ({ auth }) => xtext(auth) } } },
  CHUNKING:            { source: 'RFC 3030', verbs: { BDAT: 'anywhere' } }, // §4.2
  BINARYMIME:          { source: 'RFC 3030 §3', needs: ['CHUNKING', '8BITMIME'] }, // whose BODY it has a value of
  SMTPUTF8:            { source: 'RFC 6531', needs: ['8BITMIME'], // §3.1 (8)
    mail: { SMTPUTF8: { grammar: 'no value', read: (value) => (value === undefined ? { smtpUtf8: true } : 'malformed'), write: ({ smtpUtf8 }) => smtpUtf8 } } },
  DSN:                 { source: 'RFC 3461',
    mail: {
      RET:    { grammar: '"FULL" / "HDRS"', read: readRet, write: ({ ret }) => ret },
      ENVID:  { grammar: 'xtext, at most 100 characters', read: readEnvelopeId, write: ({ envelopeId }) => xtext(envelopeId) },
    },
    rcpt: {
      NOTIFY: { grammar: '"NEVER" / 1#("SUCCESS" / "FAILURE" / "DELAY")', read: readNotify, write: ({ notify }) => (notify?.length === 0 ? 'NEVER' : notify?.join(',')) },
      ORCPT:  { grammar: 'addr-type ";" xtext', read: readOriginalRecipient, write: ({ originalRecipient: original }) => original && passOnOriginalRecipient(original) },
    } },
  LIMITS:              { source: 'RFC 9422', announce: limitsOf },
  REQUIRETLS:          { source: 'RFC 8689', when: ['TLS is at work'], // §2: only where TLS is at work
    mail: { REQUIRETLS: { grammar: 'no value', read: (value) => (value === undefined ? { requireTls: true } : 'malformed'), write: ({ requireTls }) => requireTls } } },
} as const satisfies Readonly<Record<string, Extension>>;

/** Keyword of an extension that this table knows. */
export type ExtensionKeyword = keyof typeof EXTENSIONS;

const ROWS = Object.entries(EXTENSIONS) as readonly (readonly [ExtensionKeyword, Extension])[]; // the keys are the table's own

/** The verbs of RFC 5321 §4.1.1 that need no extension, and LMTP's (RFC 2033 §4.1). RFC 2920 §3.1 says which end a group. */
const BASE_VERBS = {
  EHLO: 'last', HELO: 'last', LHLO: 'last', MAIL: 'anywhere', RCPT: 'anywhere', DATA: 'last', RSET: 'anywhere', NOOP: 'last', QUIT: 'last', VRFY: 'last', EXPN: 'last',
} as const satisfies Readonly<Partial<Record<Verb, Pipelining>>>;

/** Every verb, with the extension that it belongs to. */
const VERBS = new Map<string, { readonly pipelining: Pipelining; readonly extension: ExtensionKeyword | undefined }>([
  ...Object.entries(BASE_VERBS).map(([verb, pipelining]) => [verb, { pipelining, extension: undefined }] as const),
  ...ROWS.flatMap(([extension, { verbs = {} }]) => Object.entries(verbs).map(([verb, pipelining]) => [verb, { pipelining, extension }] as const)),
]);

const ANYWHERE: ReadonlySet<string> = new Set([...VERBS].filter(([, { pipelining }]) => pipelining === 'anywhere').map(([verb]) => verb));

/** Tells whether the command ends a pipelined group: what comes behind it must wait for its reply (RFC 2920 §3.1). */
export function endsGroup(verb: Verb): boolean {
  return !ANYWHERE.has(verb);
}

/** Tells whether the verb needs no extension, or one that is offered now. */
export function isVerbOffered(verb: Verb, offer: Offer): boolean {
  const extension = VERBS.get(verb)?.extension;
  return extension === undefined || isOffered(extension, offer);
}

/** The verbs that HELP names (RFC 5321 §4.1.1.8): those that are carried out now. */
export function verbsOffered(offer: Offer, lmtp: boolean): Verb[] {
  const others: readonly string[] = lmtp ? ['EHLO', 'HELO', 'EXPN'] : ['LHLO', 'EXPN'];
  return ([...VERBS.keys()] as Verb[]).filter((verb) => !others.includes(verb) && isVerbOffered(verb, offer)); // the keys are the tables' own
}

/** Tells whether the extension is offered now. */
export function isOffered(keyword: ExtensionKeyword, offer: Offer): boolean {
  const { when = [], needs = [] }: Extension = EXTENSIONS[keyword];
  return !offer.without.has(keyword) && when.every((precondition) => PRECONDITIONS[precondition](offer)) && needs.every((needed) => isOffered(needed, offer));
}

/** The keyword lines of the EHLO reply, without codes. */
export function ehloLines(offer: Offer): string[] {
  return ROWS.flatMap(([keyword, { announce }]) => {
    return isOffered(keyword, offer) ? [`${keyword}${announce?.(offer) ?? ''}`] : [];
  });
}

/** A parameter that was refused: unknown (555), not implemented (504) or malformed (501). RFC 5321 §4.1.1.11, §4.2.2. */
export interface ParameterRefusal {
  readonly refused: 'unknown' | 'not implemented' | 'malformed';
  readonly keyword: string;
  /** What the value should have been. */
  readonly grammar: string;
}

/** The parameters of MAIL as typed values, or the first that cannot be taken. Duplicates were refused by the syntax. */
export function readMailParameters(parameters: readonly Parameter[], offer: Offer): MailParameters | ParameterRefusal {
  if (parameters.length === 0) return NONE;
  const read = readParameters(parameters, (keyword) => ruleOf(keyword, offer, ({ mail }) => mail));
  if (isOffered('BINARYMIME', offer)) return read;
  const grammar = '"7BIT" / "8BITMIME"'; // what is not offered is not hinted at
  if ('refused' in read) return read.refused === 'malformed' && read.keyword.toUpperCase() === 'BODY' ? { ...read, grammar } : read;
  return read.body === 'BINARYMIME' ? { refused: 'not implemented', keyword: 'BODY', grammar } : read;
}

/** The same for RCPT. */
export function readRecipientParameters(parameters: readonly Parameter[], offer: Offer): RecipientParameters | ParameterRefusal {
  if (parameters.length === 0) return NONE;
  return readParameters(parameters, (keyword) => ruleOf(keyword, offer, ({ rcpt }) => rcpt));
}

function ruleOf<Parameters>(keyword: string, offer: Offer, side: (row: Extension) => Readonly<Record<string, ParameterRule<Parameters>>> | undefined): ParameterRule<Parameters> | undefined {
  for (const [extension, row] of ROWS) {
    const rules = side(row);
    const rule = rules !== undefined && Object.hasOwn(rules, keyword) ? rules[keyword] : undefined;
    if (rule !== undefined) return isOffered(extension, offer) || (keyword === 'AUTH' && !offer.without.has('AUTH')) ? rule : undefined; // RFC 4954 §5: also of those who are authenticated
  }
  return undefined;
}

/** The parameters of MAIL that say this to a server with these extensions; what others are for is left out (RFC 5321 §4.1.1.11). */
export function writeMailParameters(parameters: MailParameters, offered: (keyword: ExtensionKeyword) => boolean): Parameter[] {
  return writeParameters(parameters, offered, MAIL_WRITERS);
}

/** The same for RCPT. */
export function writeRecipientParameters(parameters: RecipientParameters, offered: (keyword: ExtensionKeyword) => boolean): Parameter[] {
  return writeParameters(parameters, offered, RCPT_WRITERS);
}

/** How each parameter of a command is written, in the order of the table. */
interface Writer<Parameters> {
  readonly extension: ExtensionKeyword;
  readonly keyword: string;
  readonly write: Write<Parameters>;
}

const MAIL_WRITERS = ROWS.flatMap(([extension, { mail = {} }]) => Object.entries(mail).map(([keyword, { write }]): Writer<MailParameters> => ({ extension, keyword, write })));
const RCPT_WRITERS = ROWS.flatMap(([extension, { rcpt = {} }]) => Object.entries(rcpt).map(([keyword, { write }]): Writer<RecipientParameters> => ({ extension, keyword, write })));

function writeParameters<Parameters>(parameters: Parameters, offered: (keyword: ExtensionKeyword) => boolean, writers: readonly Writer<Parameters>[]): Parameter[] {
  const written: Parameter[] = [];
  for (const { extension, keyword, write } of writers) {
    const value = write(parameters);
    if (value !== undefined && offered(extension)) written.push({ keyword, value: value === true ? undefined : value });
  }
  return written;
}

function xtext(text: string | undefined): string | undefined {
  return text === undefined ? undefined : encodeXtext(text);
}

/** Tells whether any extension here defines a parameter of that name, for either command, offered or not. */
export function isKnownParameter(keyword: string): boolean {
  const name = keyword.toUpperCase();
  return ROWS.some(([, { mail = {}, rcpt = {} }]) => Object.hasOwn(mail, name) || Object.hasOwn(rcpt, name));
}

const NONE: Readonly<Record<never, never>> = Object.freeze({});

function readParameters<Parameters extends object>(parameters: readonly Parameter[], find: (keyword: string) => ParameterRule<Parameters> | undefined): Parameters | ParameterRefusal {
  let read = NONE as Parameters; // every parameter is optional
  for (const { keyword, value } of parameters) {
    const rule = find(keyword.toUpperCase());
    if (rule === undefined) return { refused: 'unknown', keyword, grammar: '' };
    const result = rule.read(value);
    if (typeof result === 'string') return { refused: result, keyword, grammar: rule.grammar };
    read = read === NONE ? result : Object.assign({}, read, result); // a spread costs 2 µs more
  }
  return read;
}

/** RFC 9422 §4.1 to §4.3: six digits at most; a limit that needs more is none. */
function limitsOf({ maxRecipients, maxMails = Infinity, maxRecipientDomains = Infinity }: Offer): string {
  const limits = { RCPTMAX: Math.min(maxRecipients, 999_999), MAILMAX: maxMails, RCPTDOMAINMAX: maxRecipientDomains };
  return Object.entries(limits).map(([name, limit]) => (limit > 999_999 ? '' : ` ${name}=${limit}`)).join('');
}
