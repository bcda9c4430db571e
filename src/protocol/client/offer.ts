// What a server offers, as its reply to EHLO says (RFC 5321 §4.1.1.1), and what of it a mail cannot do without.

import { isAsciiText } from '../../wire/ascii.ts';
import type { ForwardPath, ReversePath } from '../../syntax/path.ts';
import type { ExtensionKeyword } from '../extension.ts';
import type { ClientTls, Reason, Transaction } from './action.ts';

/** What the LIMITS of a server say (RFC 9422 §4); Infinity where they do not. */
export interface OfferedLimits {
  /** MAIL commands in a session, those that failed counted. */
  readonly mailMax: number;
  /** Recipients in a transaction. */
  readonly rcptMax: number;
  /** Different domains of recipients in a session. */
  readonly rcptDomainMax: number;
}

/** The extensions of the latest EHLO; none behind HELO. */
export class ServerOffer {
  /** By upper-case keyword, with their parameters. */
  readonly keywords: ReadonlyMap<string, readonly string[]>;
  readonly limits: OfferedLimits;
  /** Most octets of a mail; Infinity where it does not say (RFC 1870 §4: 0, or none). */
  readonly maxSize: number;

  constructor(keywords: ReadonlyMap<string, readonly string[]> = new Map()) {
    const [size = ''] = keywords.get('SIZE') ?? [];
    this.keywords = keywords;
    this.limits = readLimits(keywords.get('LIMITS') ?? []);
    this.maxSize = /^[0-9]{1,20}$/.test(size) ? Number(size) || Infinity : Infinity;
  }

  has(keyword: ExtensionKeyword): boolean {
    if (keyword === 'BINARYMIME') return this.keywords.has('BINARYMIME') && this.keywords.has('CHUNKING'); // RFC 3030 §3: not without
    return this.keywords.has(keyword);
  }
}

/** RFC 9422 §3.7: a limit that is malformed counts as if it had not been given; so do limits that are not known here. */
function readLimits(parameters: readonly string[]): OfferedLimits {
  const found = new Map(parameters.flatMap((parameter) => {
    const [, name, value] = /^([A-Za-z0-9_-]+)=([1-9][0-9]{0,5})$/.exec(parameter) ?? [];
    return name === undefined ? [] : [[name.toUpperCase(), Number(value)] as const];
  }));
  const limit = (name: string): number => found.get(name) ?? Infinity;
  return { mailMax: limit('MAILMAX'), rcptMax: limit('RCPTMAX'), rcptDomainMax: limit('RCPTDOMAINMAX') };
}

type Use = 'where offered' | { readonly needed: (transaction: Transaction) => boolean; readonly reason: Reason };

/**
 * What a client does where an extension is not offered: goes on without it, or sends nothing at all of a mail that needs it.
 * One row for each of the extension table, in the order in which their lack is reported.
 */
const USE: Readonly<Record<ExtensionKeyword, Use>> = {
  REQUIRETLS:          { needed: bindsToTls, reason: 'require-tls-not-offered' }, // RFC 8689 §4.2.1
  SMTPUTF8:            { needed: ({ parameters }) => parameters?.smtpUtf8 === true, reason: 'utf8-header-not-offered' }, // RFC 6531 §3.5; addresses: `needsUtf8`
  BINARYMIME:          { needed: isBinary, reason: 'binary-not-offered' }, // RFC 3030 §3
  CHUNKING:            'where offered',
  '8BITMIME':          { needed: (transaction) => transaction.eightBit === true && !isBinary(transaction), reason: '8bit-not-offered' }, // RFC 6152 §3
  SIZE:                'where offered', // RFC 1870 §6.1: its limit is looked at
  DSN:                 'where offered', // RFC 3461 §5.2.2: the relay answers for what the server does not
  PIPELINING:          'where offered',
  ENHANCEDSTATUSCODES: 'where offered', // and where they stand without being offered
  STARTTLS:            'where offered', // as the policy says
  AUTH:                'where offered', // for the AUTH parameter; to authenticate, as the embedder says
  LIMITS:              'where offered',
  HELP:                'where offered', // never asked for
};

/** Why none of the recipients can be sent to with this server; undefined: they can. */
export function missingFor(transaction: Transaction, offer: ServerOffer, tls: ClientTls | undefined): Reason | undefined {
  if (bindsToTls(transaction) && tls?.verified !== true) return 'require-tls-not-secured';
  for (const { keyword, needed, reason } of NEEDS) if (needed(transaction) && !offer.has(keyword)) return reason;
  if (!offer.has('SMTPUTF8') && needsUtf8(transaction.reversePath)) return 'utf8-not-offered';
  if (sizeOf(transaction) > offer.maxSize) return 'size-not-accepted';
  return undefined;
}

/** The rows that can hold a mail back. */
const NEEDS = (Object.entries(USE) as readonly (readonly [ExtensionKeyword, Use])[]) // the keys are the table's own
  .flatMap(([keyword, use]) => (use === 'where offered' ? [] : [{ keyword, ...use }]));

/** RFC 6531 §3.2: only a server with SMTPUTF8 may be given such an address. */
export function needsUtf8({ text }: ReversePath | ForwardPath): boolean {
  return !isAsciiText(text);
}

/** Only TLS will do; a notification, of which no more than a header goes back, need not be lost for that (RFC 8689 §5). */
function bindsToTls({ parameters, reversePath }: Transaction): boolean {
  return parameters?.requireTls === true && reversePath.type !== 'null';
}

/** The content may hold anything, so that only BINARYMIME can carry it. */
export function isBinary({ parameters }: Transaction): boolean {
  return parameters?.body === 'BINARYMIME';
}

/** Octets of the content; 0 where nobody knows. */
function sizeOf({ content, size }: Transaction): number {
  return content?.length ?? size ?? 0;
}
