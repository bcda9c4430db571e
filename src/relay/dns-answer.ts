// What the DNS said to one question, as a value: the input of routing. No answer at all is a `failure`.
//
// Each kind of answer has a text, for people and for records of routes (route-record.ts), which parses to the same answer.

import { parseIpv4, parseIpv6 } from '../syntax/ip-address.ts';
import { quote } from '../wire/ascii.ts';

export type DnsAnswer<Data> =
  | { readonly type: 'records'; readonly records: readonly Data[] } // at least one
  | { readonly type: 'none' } // the name exists, records of this type do not (RFC 2308 §2.2, "NODATA")
  | { readonly type: 'nxdomain' } // the name does not exist, nor any below it (RFC 8020 §2)
  | { readonly type: 'bad-name' } // cannot be asked for
  | { readonly type: 'failure'; readonly reason: string }; // `SERVFAIL`, `timeout`, …: ask again later

export interface MxRecord {
  readonly preference: number;
  readonly exchange: string; // '' or '.' is the null MX (RFC 7505 §3)
}

/** The addresses of one host, in the resolver's order, which is one of preference (RFC 5321 §5.1). */
export interface AddressAnswers {
  readonly A: DnsAnswer<string>;
  readonly AAAA: DnsAnswer<string>;
}

/** Returns the answer that holds these records; an empty list, which resolvers return for an alias without more, is none. */
export function recordsOf<Data>(records: readonly Data[]): DnsAnswer<Data> {
  return records.length === 0 ? { type: 'none' } : { type: 'records', records };
}

/** Returns `10 mx1.example.org, 20 mx2.example.org`, `0 .`, `none`, `NXDOMAIN`, or why there is no answer. */
export function formatMxAnswer(answer: DnsAnswer<MxRecord>): string {
  return answer.type === 'records' ? answer.records.map(({ preference, exchange }) => `${preference} ${escapeName(exchange) || '.'}`).join(', ') : describe(answer);
}

/** Returns `192.0.2.1 192.0.2.2`, `none`, `NXDOMAIN`, or why there is no answer. */
export function formatAddressAnswer(answer: DnsAnswer<string>): string {
  return answer.type === 'records' ? answer.records.join(' ') : describe(answer);
}

/** Returns the answer that was formatted so; what is no records, nor any other answer, is a reason of failure. */
export function parseMxAnswer(text: string): DnsAnswer<MxRecord> {
  const records = text.split(', ').map((record) => /^(\d{1,5}) (\S+)$/.exec(record));
  if (records.includes(null)) return parseOther(text);
  return recordsOf(records.map((match) => ({ preference: Number(match?.[1]), exchange: unescapeName(match?.[2] ?? '') })));
}

/** The same for addresses of either family. */
export function parseAddressAnswer(text: string): DnsAnswer<string> {
  const words = text.split(' ');
  return words.every((word) => parseIpv4(word) !== undefined || parseIpv6(word) !== undefined) ? recordsOf(words) : parseOther(text);
}

const WORDS = { 'none': 'none', 'nxdomain': 'NXDOMAIN', 'bad-name': 'no name to ask for' } as const;

function describe(answer: Exclude<DnsAnswer<never>, { readonly type: 'records' }>): string {
  return answer.type === 'failure' ? answer.reason : WORDS[answer.type];
}

function parseOther(text: string): DnsAnswer<never> {
  for (const type of ['none', 'nxdomain', 'bad-name'] as const) if (WORDS[type] === text) return { type };
  return { type: 'failure', reason: text };
}

/** Whoever runs a zone can put any octet into a name: those that would end a record or a line are written as `\x20`. */
function escapeName(name: string): string {
  return quote(name, 255).replace(/[ ,]/g, (character) => `\\x${character.charCodeAt(0).toString(16)}`);
}

function unescapeName(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|u\{([0-9a-f]{1,6})\}|(\\))/g, (_, octet?: string, point?: string) => {
    const digits = octet ?? point;
    return digits === undefined ? '\\' : String.fromCodePoint(Number.parseInt(digits, 16));
  });
}
