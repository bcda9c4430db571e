// Names of hosts: Domain (RFC 5321 §4.1.2) and address literals (§4.1.3), and IP addresses as text (§4.1.3, RFC 5952).
//
// With `utf8` a sub-domain may be a U-label (RFC 6531 §3.3). Left out: whether a U-label is one that IDNA admits, and its
// A-label; whether a tag of a general literal is registered (only IPv6 is); whether the domain exists.

import { checkFlags, checkObject, checkText } from '../wire/usage.ts';
import { belongs, DCONTENT, exceeds, HELO_LABEL, LDH, run } from './character.ts';
import { asWritten, fault, unexpected, whole } from './fault.ts';
import type { Fault } from './fault.ts';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from './ip-address.ts';

/** A domain as it was written, and its key in lower case (RFC 5321 §4.1.2). */
export interface Domain {
  readonly type: 'domain';
  readonly text: string;
  /** For comparison: ASCII letters in lower case (§2.4); other characters as they are, since a U-label has no capitals. */
  readonly key: string;
}

/** An address in brackets in the place of a domain (RFC 5321 §4.1.3): IPv4, IPv6, or of another kind. */
export type AddressLiteral =
  | {
      readonly type: 'ipv4' | 'ipv6';
      /** As written, with the brackets. */
      readonly text: string;
      /** For comparison: lower case, with brackets and tag, the address in its canonical form. */
      readonly key: string;
      /** Canonical: dotted decimal without leading zeros, or RFC 5952. */
      readonly address: string;
      readonly octets: Uint8Array;
    }
  | { readonly type: 'general'; readonly text: string; readonly key: string; readonly tag: string; readonly content: string };

/** What a parser is to take. */
export interface SyntaxOptions {
  /** Takes characters above U+007F where RFC 6531 §3.3 has them. Default: false. */
  readonly utf8?: boolean;
}

/** Returns whether the options take UTF-8. Throws UsageError for what is none of them; a number, as `map` gives it, says nothing. */
export function takesUtf8(options: SyntaxOptions | undefined): boolean {
  if (options === undefined) return false;
  if (typeof options !== 'number') checkObject(options);
  const { utf8 = false } = options;
  if (typeof utf8 !== 'boolean') checkFlags(options, ['utf8']);
  return utf8;
}

/** Returns the domain that `text` is, or why it is none. `utf8`: U-labels are taken. */
export function parseDomain(text: string, options?: SyntaxOptions): Domain | Fault {
  checkText(text, 'parseDomain', 'example.org');
  return whole(text, readDomain(text, 0, takesUtf8(options)), 'bad-domain', 'RFC 5321 §4.1.2 Domain');
}

/** Returns the address literal that `text`, brackets included, is, or why it is none. */
export function parseAddressLiteral(text: string): AddressLiteral | Fault {
  checkText(text, 'parseAddressLiteral', '[192.0.2.1]');
  return whole(text, readAddressLiteral(text, 0), 'bad-literal', 'RFC 5321 §4.1.3 address-literal');
}

/**
 * Returns the domain or address literal that `text` is, or why it is neither: the argument of EHLO and HELO (§4.1.1.1).
 *
 * Departs: underscores are taken here, and nowhere else. §4.1.2 forbids them, but hosts that cannot change their name greet with
 * them every day, and §4.1.4 wants no mail refused over this name. Postfix takes any name unless told otherwise, and Exim has an
 * option, `helo_allow_chars`, for this very character.
 */
export function parseHost(text: string, { utf8 = false }: SyntaxOptions = {}): Domain | AddressLiteral | Fault {
  return text.startsWith('[')
    ? parseAddressLiteral(text)
    : whole(text, readDomain(text, 0, utf8, HELO_LABEL), 'bad-domain', 'RFC 5321 §4.1.1.1');
}

/** Returns the text of the literal (§4.1.3) of an IP address that stands without brackets, and maybe with a zone (RFC 4007 §11), which means nothing to others; undefined for what is no address. */
export function addressLiteral(address: string): string | undefined {
  const four = parseIpv4(address);
  if (four !== undefined) return `[${formatIpv4(four)}]`;
  const six = parseIpv6(address.replace(/%.*$/, ''));
  return six === undefined ? undefined : `[IPv6:${formatIpv6(six)}]`;
}

/** Returns the domain as it was written. */
export function formatDomain(domain: Domain): string {
  return asWritten(domain, 'formatDomain', 'parseDomain');
}

/** Returns the domain or address literal as it was written. */
export function formatHost(host: Domain | AddressLiteral): string {
  return asWritten(host, 'a command', 'parseDomain or parseAddressLiteral');
}

/** Returns the longest domain that begins at `at`; it ends at `at` + the length of its text. `label`: the set of its letters. */
export function readDomain(text: string, at: number, utf8: boolean, label = LDH): Domain | Fault {
  let end = at;
  for (;;) {
    const start = end;
    end = run(text, start, label, utf8);
    if (end === start || text.startsWith('-', start)) return unexpected('bad-domain', text, start, 'Let-dig', SUB_DOMAIN);
    if (text.startsWith('-', end - 1)) return unexpected('bad-domain', text, end, 'Let-dig', SUB_DOMAIN);
    // A U-label may be longer: the limit is one of its A-label.
    if (end - start > 63 && !exceeds(text, start, end, end - start)) {
      return fault('domain-too-long', text, start, 'at most 63 octets in a sub-domain', 'RFC 1035 §2.3.4');
    }
    if (!text.startsWith('.', end)) break;
    end += 1;
  }
  // Nothing that may follow a domain begins with an underscore: it was meant as a letter of it.
  if (text.startsWith('_', end)) return unexpected('bad-domain', text, end, 'Let-dig or "-"', SUB_DOMAIN);
  if (exceeds(text, at, end, 255)) return tooLong(text, at);
  const name = text.slice(at, end);
  return { type: 'domain', text: name, key: lowerAscii(name, utf8) };
}

const SUB_DOMAIN = 'RFC 5321 §4.1.2 sub-domain';

function tooLong(text: string, at: number): Fault {
  return fault('domain-too-long', text, at, 'at most 255 octets', 'RFC 5321 §4.5.3.1.2');
}

/** Unicode has letters whose lower case is an ASCII letter (U+212A, the Kelvin sign): they must not make two domains one. */
function lowerAscii(text: string, utf8: boolean): string {
  return utf8 ? text.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase()) : text.toLowerCase();
}

/** Returns the address literal that begins at `at`; it ends at `at` + the length of its text. */
export function readAddressLiteral(text: string, at: number): AddressLiteral | Fault {
  if (!text.startsWith('[', at)) return unexpected('bad-literal', text, at, '"["', LITERAL);
  const end = run(text, at + 1, DCONTENT);
  if (!text.startsWith(']', end)) return unexpected('bad-literal', text, end, 'dcontent or "]"', LITERAL);
  if (exceeds(text, at, end + 1, 255)) return tooLong(text, at);
  const written = text.slice(at, end + 1);
  const content = text.slice(at + 1, end);
  const colon = content.indexOf(':');
  if (colon === -1) {
    const octets = parseIpv4(content);
    if (octets === undefined) return fault('bad-literal', text, at + 1, 'IPv4-address-literal or tag', LITERAL);
    const address = formatIpv4(octets);
    return { type: 'ipv4', text: written, key: `[${address}]`, address, octets };
  }
  const tag = content.slice(0, colon);
  // A text that is no IPv6 address is not saved by being a general literal of the tag IPv6: that tag has its own format.
  if (tag.toLowerCase() === 'ipv6') {
    const octets = parseIpv6(content.slice(colon + 1), 2);
    if (octets === undefined) return fault('bad-literal', text, at + 1 + colon + 1, 'IPv6-addr', LITERAL);
    const address = formatIpv6(octets);
    return { type: 'ipv6', text: written, key: `[ipv6:${address}]`, address, octets };
  }
  if (run(tag, 0, LDH) < tag.length || tag === '' || tag.endsWith('-')) {
    return fault('bad-literal', text, at + 1, 'Standardized-tag', LITERAL);
  }
  if (!belongs(content, colon + 1, DCONTENT)) return fault('bad-literal', text, end, 'dcontent', LITERAL);
  const value = content.slice(colon + 1);
  return { type: 'general', text: written, key: `[${tag.toLowerCase()}:${value}]`, tag, content: value };
}

const LITERAL = 'RFC 5321 §4.1.3';
