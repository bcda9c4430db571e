// The service extensions (RFC 5321 §2.2) as one table: what a server announces and when, and the parameters that each adds
// to MAIL and RCPT. The EHLO reply, the reading of parameters and their refusal (555, 504, 501) derive from it.

import { decodeXtext } from '../wire/xtext.ts';
import { isFault } from '../syntax/fault.ts';
import { parseMailbox } from '../syntax/mailbox.ts';
import type { Parameter } from '../syntax/parameter.ts';
import type { MailParameters, RecipientParameters } from './mail.ts';

/** What of a server and its session decides what is offered. */
export interface Offer {
  /** Octets of mail data; 0: no limit (RFC 1870 §4). */
  readonly maxSize: number;
  readonly maxRecipients: number;
  /** STARTTLS can be done. */
  readonly startTls: boolean;
  /** TLS is at work. */
  readonly secured: boolean;
  /** SASL mechanisms that may be used now; none where the client is authenticated. */
  readonly mechanisms: readonly string[];
  /** Extensions that this server does not offer. */
  readonly without: ReadonlySet<ExtensionKeyword>;
}

type Read<Parameters> = (value: string | undefined) => Parameters | 'malformed' | 'not implemented';

/** How one parameter of a command is read: its ABNF for the fault's text, and the typed value, or why there is none. */
interface ParameterRule<Parameters> {
  readonly grammar: string;
  readonly read: Read<Parameters>;
}

interface Extension {
  readonly source: string;
  /** What stands behind the keyword in the EHLO reply; undefined: not offered now. */
  readonly announce: (offer: Offer) => string | undefined;
  /** Another extension, without which it is not offered. */
  readonly needs?: 'CHUNKING' | '8BITMIME';
  readonly mail?: Readonly<Record<string, ParameterRule<MailParameters>>>;
  readonly rcpt?: Readonly<Record<string, ParameterRule<RecipientParameters>>>;
}

const always = (): string => '';

export const EXTENSIONS = {
  PIPELINING:          { source: 'RFC 2920', announce: always },
  SIZE:                { source: 'RFC 1870', announce: ({ maxSize }) => ` ${maxSize}`,
    mail: { SIZE: { grammar: '1*20DIGIT', read: (value = '') => (/^[0-9]{1,20}$/.test(value) ? { size: Number(value) } : 'malformed') } } },
  '8BITMIME':          { source: 'RFC 6152', announce: always,
    mail: { BODY: { grammar: '"7BIT" / "8BITMIME" / "BINARYMIME"', read: readBody } } },
  ENHANCEDSTATUSCODES: { source: 'RFC 2034', announce: always },
  HELP:                { source: 'RFC 5321 §4.1.1.8', announce: always }, // §4.1.1.1: optional commands are listed
  STARTTLS:            { source: 'RFC 3207', announce: ({ startTls, secured }) => (startTls && !secured ? '' : undefined) }, // §4.2: not again
  AUTH:                { source: 'RFC 4954', announce: ({ mechanisms }) => (mechanisms.length > 0 ? ` ${mechanisms.join(' ')}` : undefined),
    mail: { AUTH: { grammar: 'xtext of Mailbox / "<>"', read: readAuth } } },
  CHUNKING:            { source: 'RFC 3030', announce: always },
  BINARYMIME:          { source: 'RFC 3030 §3', announce: always, needs: 'CHUNKING' }, // its value of BODY stands above
  SMTPUTF8:            { source: 'RFC 6531', announce: always, needs: '8BITMIME', // §3.1 (10)
    mail: { SMTPUTF8: { grammar: 'no value', read: (value) => (value === undefined ? { smtpUtf8: true } : 'malformed') } } },
  DSN:                 { source: 'RFC 3461', announce: always,
    mail: {
      RET:    { grammar: '"FULL" / "HDRS"', read: readRet },
      ENVID:  { grammar: 'xtext, at most 100 characters', read: readEnvelopeId },
    },
    rcpt: {
      NOTIFY: { grammar: '"NEVER" / 1#("SUCCESS" / "FAILURE" / "DELAY")', read: readNotify },
      ORCPT:  { grammar: 'addr-type ";" xtext', read: readOriginalRecipient },
    } },
  LIMITS:              { source: 'RFC 9422', announce: ({ maxRecipients }) => ` RCPTMAX=${Math.min(maxRecipients, 999_999)}` }, // §4.2: six digits
  REQUIRETLS:          { source: 'RFC 8689', announce: ({ secured }) => (secured ? '' : undefined), // §3: only under TLS
    mail: { REQUIRETLS: { grammar: 'no value', read: (value) => (value === undefined ? { requireTls: true } : 'malformed') } } },
} as const satisfies Readonly<Record<string, Extension>>;

/** Keyword of an extension that this table knows. */
export type ExtensionKeyword = keyof typeof EXTENSIONS;

const ROWS = Object.entries(EXTENSIONS) as readonly (readonly [ExtensionKeyword, Extension])[]; // the keys are the table's own

/** Tells whether the extension is offered now. */
export function isOffered(keyword: ExtensionKeyword, offer: Offer): boolean {
  const { announce, needs }: Extension = EXTENSIONS[keyword];
  return !offer.without.has(keyword) && announce(offer) !== undefined && (needs === undefined || isOffered(needs, offer));
}

/** The keyword lines of the EHLO reply, without codes. */
export function ehloLines(offer: Offer): string[] {
  return ROWS.flatMap(([keyword, { announce }]) => {
    return isOffered(keyword, offer) ? [`${keyword}${announce(offer) ?? ''}`] : [];
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
  const read = readParameters(parameters, (keyword) => ruleOf(keyword, offer, ({ mail }) => mail));
  if (isOffered('BINARYMIME', offer)) return read;
  const grammar = '"7BIT" / "8BITMIME"'; // what is not offered is not hinted at
  if ('refused' in read) return read.refused === 'malformed' && read.keyword.toUpperCase() === 'BODY' ? { ...read, grammar } : read;
  return read.body === 'BINARYMIME' ? { refused: 'not implemented', keyword: 'BODY', grammar } : read;
}

/** The same for RCPT. */
export function readRecipientParameters(parameters: readonly Parameter[], offer: Offer): RecipientParameters | ParameterRefusal {
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

const NONE: Readonly<Record<never, never>> = Object.freeze({});

function readParameters<Parameters extends object>(parameters: readonly Parameter[], find: (keyword: string) => ParameterRule<Parameters> | undefined): Parameters | ParameterRefusal {
  let read = NONE as Parameters; // every parameter is optional
  for (const { keyword, value } of parameters) {
    const rule = find(keyword.toUpperCase());
    if (rule === undefined) return { refused: 'unknown', keyword, grammar: '' };
    const result = rule.read(value);
    if (typeof result === 'string') return { refused: result, keyword, grammar: rule.grammar };
    read = { ...read, ...result };
  }
  return read;
}

function readBody(value: string | undefined): ReturnType<Read<MailParameters>> {
  const body = value?.toUpperCase();
  return body === '7BIT' || body === '8BITMIME' || body === 'BINARYMIME' ? { body } : 'malformed';
}

function readAuth(value: string | undefined): ReturnType<Read<MailParameters>> {
  const auth = value === undefined ? undefined : decodeXtext(value);
  if (auth === undefined || (auth !== '<>' && isFault(parseMailbox(auth)))) return 'malformed';
  return { auth };
}

function readRet(value: string | undefined): ReturnType<Read<MailParameters>> {
  const ret = value?.toUpperCase();
  return ret === 'FULL' || ret === 'HDRS' ? { ret } : 'malformed';
}

/** RFC 3461 §4.4: printable, at most 100 characters as it stands encoded. */
function readEnvelopeId(value: string | undefined): ReturnType<Read<MailParameters>> {
  const envelopeId = value === undefined || value.length > 100 ? undefined : decodeXtext(value);
  return envelopeId !== undefined && /^[ -~]+$/.test(envelopeId) ? { envelopeId } : 'malformed';
}

/** RFC 3461 §4.1: NEVER stands alone. */
function readNotify(value: string | undefined): ReturnType<Read<RecipientParameters>> {
  const words = value?.toUpperCase().split(',') ?? [];
  if (words.length === 1 && words[0] === 'NEVER') return { notify: [] };
  const notify = words.filter((word) => word === 'SUCCESS' || word === 'FAILURE' || word === 'DELAY');
  return words.length > 0 && notify.length === words.length && new Set(words).size === words.length ? { notify } : 'malformed';
}

/** RFC 3461 §4.2: at most 500 characters. */
function readOriginalRecipient(value: string | undefined): ReturnType<Read<RecipientParameters>> {
  const [, type = '', encoded = ''] = /^([A-Za-z0-9-]+);(.+)$/.exec(value ?? '') ?? [];
  const address = (value?.length ?? 0) > 500 ? undefined : decodeXtext(encoded);
  return type !== '' && address !== undefined && /^[ -~]+$/.test(address) ? { originalRecipient: { type, address } } : 'malformed';
}
