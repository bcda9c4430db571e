// The service extensions (RFC 5321 §2.2) as one table: what a server announces, and the parameters that each
// adds to MAIL and RCPT. The EHLO reply and the reading of parameters derive from it.

import type { Parameter } from '../syntax/parameter.ts';
import type { MailParameters } from './mail.ts';

/** What of the server's options shows in its EHLO reply. */
export interface Offer {
  /** Octets of mail data; 0: no limit (RFC 1870 §4). */
  readonly maxSize: number;
}

/** How one parameter of a command is read. `read` yields the typed value, or why there is none. */
interface ParameterRule {
  /** The ABNF of the value, for the fault's text. */
  readonly grammar: string;
  readonly read: (value: string | undefined) => MailParameters | 'malformed' | 'not implemented';
}

interface Extension {
  readonly source: string;
  /** What stands behind the keyword in the EHLO reply. */
  readonly announce: (offer: Offer) => string;
  /** Parameters of MAIL. */
  readonly mail: Readonly<Record<string, ParameterRule>>;
}

const plain = (): string => '';

const EXTENSIONS = {
  PIPELINING:          { source: 'RFC 2920',       announce: plain, mail: {} },
  SIZE:                { source: 'RFC 1870',       announce: ({ maxSize }) => ` ${maxSize}`, mail: {
    SIZE: { grammar: '1*20DIGIT', read: (value) => (value !== undefined && /^[0-9]{1,20}$/.test(value) ? { size: Number(value) } : 'malformed') },
  } },
  '8BITMIME':          { source: 'RFC 6152',       announce: plain, mail: {
    BODY: { grammar: '"7BIT" / "8BITMIME"', read: readBody },
  } },
  ENHANCEDSTATUSCODES: { source: 'RFC 2034',       announce: plain, mail: {} },
  HELP:                { source: 'RFC 5321 §4.1.1.8', announce: plain, mail: {} }, // §4.1.1.1: optional commands are listed
} as const satisfies Readonly<Record<string, Extension>>;

/** Keyword of an extension that this table knows. */
export type ExtensionKeyword = keyof typeof EXTENSIONS;

const MAIL_PARAMETERS: ReadonlyMap<string, ParameterRule> = new Map(Object.values(EXTENSIONS).flatMap(({ mail }) => Object.entries<ParameterRule>(mail)));

/** The keyword lines of the EHLO reply, without codes. */
export function ehloLines(offer: Offer): string[] {
  return Object.entries<Extension>(EXTENSIONS).map(([keyword, { announce }]) => keyword + announce(offer));
}

/** A parameter that was refused: unknown (555), not implemented (504) or malformed (501). RFC 5321 §4.1.1.11, §4.2.2. */
export interface ParameterRefusal {
  readonly refused: 'unknown' | 'not implemented' | 'malformed';
  readonly keyword: string;
  /** What the value should have been. */
  readonly grammar: string;
}

/** The parameters of MAIL as typed values, or the first that cannot be taken. Duplicates were refused by the syntax. */
export function readMailParameters(parameters: readonly Parameter[]): MailParameters | ParameterRefusal {
  let read: MailParameters = {};
  for (const { keyword, value } of parameters) {
    const rule = MAIL_PARAMETERS.get(keyword.toUpperCase());
    if (rule === undefined) return { refused: 'unknown', keyword, grammar: '' };
    const result = rule.read(value);
    if (typeof result === 'string') return { refused: result, keyword, grammar: rule.grammar };
    read = { ...read, ...result };
  }
  return read;
}

function readBody(value: string | undefined): MailParameters | 'malformed' | 'not implemented' {
  switch (value?.toUpperCase()) {
    case '7BIT': return { body: '7BIT' };
    case '8BITMIME': return { body: '8BITMIME' };
    case 'BINARYMIME': return 'not implemented'; // RFC 3030 §3, which is not offered
    default: return 'malformed';
  }
}
