// Ranges of addresses (RFC 4632): who may relay, and whose PROXY headers are believed.

import { shown, UsageError } from '../wire/usage.ts';
import { parseIpv4, parseIpv6 } from '../syntax/ip-address.ts';
import { addressKey } from './address.ts';

/** A range of addresses: the first `prefix` bits of `octets`. */
export interface Cidr {
  readonly octets: Uint8Array;
  readonly prefix: number;
}

/** Returns the range that `192.0.2.0/24`, `2001:db8::/32` or a single address is; undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', length, ...more] = text.split('/');
  const octets = parseIpv4(address) ?? parseIpv6(address);
  if (octets === undefined || more.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined;
  const prefix = length === undefined ? octets.length * 8 : Number(length);
  if (prefix > octets.length * 8) return undefined;
  const mapped = prefix < MAPPED ? undefined : parseIpv4(addressKey(address) ?? '');
  return mapped === undefined ? { octets, prefix } : { octets: mapped, prefix: prefix - MAPPED };
}

/** Bits in front of the IPv4 address in `::ffff:192.0.2.1` (RFC 4291 §2.5.5.2). */
const MAPPED = 96;

/** Returns a range of an option. Throws UsageError for what is not one, whatever its type promised. */
export function rangeOf(range: string | Cidr, option: string): Cidr {
  const parsed = typeof range === 'string' ? parseCidr(range) : range;
  if (!(parsed?.octets instanceof Uint8Array)) throw new UsageError(`${option} holds addresses or ranges such as 192.0.2.0/24, not ${shown(range)}`);
  return parsed;
}

/** Tells whether the address is in the range. `::ffff:192.0.2.1` is 192.0.2.1, here and in ranges. */
export function contains({ octets, prefix }: Cidr, address: string): boolean {
  const key = addressKey(address.replace(/%.*$/, '')) ?? '';
  const candidate = parseIpv4(key) ?? parseIpv6(key);
  if (candidate === undefined || candidate.length !== octets.length) return false;
  return octets.every((octet, index) => {
    const bits = Math.min(Math.max(prefix - index * 8, 0), 8);
    const mask = 0xff & (0xff << (8 - bits));
    return (octet & mask) === ((candidate[index] ?? 0) & mask);
  });
}
