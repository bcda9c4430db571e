// Which IP addresses mail found by MX or literal may be sent to.
//
// Whoever writes a domain into a recipient chooses, through his DNS, where this host connects to: without this filter he
// could reach what only this host can reach (server-side request forgery). So an address is judged by what it leads to: an
// IPv6 address that carries an IPv4 address (mapped, translated, tunnelled) is judged by the one inside.

import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../syntax/ip-address.ts';

/** `none`: nobody's; never connected to. `private`: someone's, but not the Internet's. */
export type Scope = 'public' | 'private' | 'none';

export interface AddressKind {
  readonly scope: Scope;
  readonly name: string;
  readonly source: string;
}

/** Returns what kind of address the text is: the first row of the tables that holds it. Text that is no address: undefined. */
export function addressKind(text: string): AddressKind | undefined {
  const octets = parseIpv4(text) ?? parseIpv6(text);
  return octets === undefined ? undefined : kindOf(octets);
}

/** Returns the text by which addresses are compared: canonical, and IPv4 where it is an IPv4-mapped one. Undefined: no address. */
export function addressKey(text: string): string | undefined {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== undefined) return formatIpv4(ipv4);
  const ipv6 = parseIpv6(text);
  if (ipv6 === undefined) return undefined;
  return within(ipv6, MAPPED.prefix, MAPPED.bits) ? formatIpv4(ipv6.subarray(12)) : formatIpv6(ipv6);
}

/**
 * Returns what one client has of addresses, for caps on clients: an IPv4 address; of IPv6 the /64, since a host has at least that much
 * (RFC 6177 §2) and may come from another address each time. Text that is no address stands for itself.
 */
export function clientKey(text: string): string {
  if (!text.includes(':')) return text;
  const [address = '', zone] = text.split('%'); // RFC 4007 §11: of a link-local address
  const ipv6 = parseIpv6(address);
  if (ipv6 === undefined) return text;
  if (within(ipv6, MAPPED.prefix, MAPPED.bits)) return formatIpv4(ipv6.subarray(12));
  const net = formatIpv6(ipv6.map((octet, at) => (at < 8 ? octet : 0)));
  return zone === undefined ? net : `${net}%${zone}`;
}

function kindOf(octets: Uint8Array): AddressKind {
  if (octets.length === 16) {
    const own = IPV6.find((row) => within(octets, row.prefix, row.bits));
    if (own !== undefined) return own;
    const carrier = CARRIERS.find((row) => within(octets, row.prefix, row.bits));
    if (carrier === undefined) return PUBLIC;
    const inner = octets.slice(carrier.at, carrier.at + 4);
    const { scope, name, source } = kindOf(carrier.inverted ? inner.map((octet) => octet ^ 0xff) : inner);
    return { scope, name: `${name} in ${carrier.name}`, source };
  }
  return IPV4.find((row) => within(octets, row.prefix, row.bits)) ?? PUBLIC;
}

function within(octets: Uint8Array, prefix: Uint8Array, bits: number): boolean {
  const whole = bits >> 3;
  const mask = 0xff00 >> (bits & 7);
  for (let at = 0; at < whole; at += 1) if (octets[at] !== prefix[at]) return false;
  return (((octets[whole] ?? 0) ^ (prefix[whole] ?? 0)) & mask & 0xff) === 0;
}

interface Row extends AddressKind {
  readonly prefix: Uint8Array;
  readonly bits: number;
}

function ipv4(prefix: string, bits: number, scope: Scope, name: string, source: string): Row {
  return { prefix: parseIpv4(prefix) ?? new Uint8Array(4), bits, scope, name, source };
}

function ipv6(prefix: string, bits: number, scope: Scope, name: string, source: string): Row {
  return { prefix: parseIpv6(prefix) ?? new Uint8Array(16), bits, scope, name, source };
}

const PUBLIC: AddressKind = { scope: 'public', name: 'public', source: 'RFC 6890' };

// From the registries of special-purpose addresses (RFC 6890 §2.2). The ranges for documentation are left out: whoever
// routes them routes them like any other.
const IPV4: readonly Row[] = [
  ipv4('0.0.0.0', 8, 'none', 'unspecified', 'RFC 1122 §3.2.1.3'), // connecting to 0.0.0.0 reaches this host itself
  ipv4('10.0.0.0', 8, 'private', 'private', 'RFC 1918 §3'),
  ipv4('100.64.0.0', 10, 'private', 'shared', 'RFC 6598 §7'), // behind a carrier's NAT
  ipv4('127.0.0.0', 8, 'private', 'loopback', 'RFC 1122 §3.2.1.3'),
  ipv4('169.254.0.0', 16, 'private', 'link-local', 'RFC 3927 §2.1'), // clouds keep credentials at 169.254.169.254
  ipv4('172.16.0.0', 12, 'private', 'private', 'RFC 1918 §3'),
  ipv4('192.0.0.0', 24, 'private', 'protocol assignment', 'RFC 6890 §2.1'),
  ipv4('192.168.0.0', 16, 'private', 'private', 'RFC 1918 §3'),
  ipv4('198.18.0.0', 15, 'private', 'benchmarking', 'RFC 2544 §C.2.2'),
  ipv4('224.0.0.0', 4, 'none', 'multicast', 'RFC 5771 §3'),
  ipv4('240.0.0.0', 4, 'none', 'reserved', 'RFC 1112 §4'), // holds 255.255.255.255, the broadcast address
];

const IPV6: readonly Row[] = [
  ipv6('::', 128, 'none', 'unspecified', 'RFC 4291 §2.5.2'),
  ipv6('::1', 128, 'private', 'loopback', 'RFC 4291 §2.5.3'),
  ipv6('64:ff9b:1::', 48, 'private', 'local translation', 'RFC 8215'), // where in it the IPv4 address is, each network decides
  ipv6('100::', 64, 'none', 'discard', 'RFC 6666 §4'),
  ipv6('fc00::', 7, 'private', 'unique local', 'RFC 4193 §3.1'),
  ipv6('fe80::', 10, 'private', 'link-local', 'RFC 4291 §2.5.6'),
  ipv6('fec0::', 10, 'private', 'site-local', 'RFC 3879 §4'),
  ipv6('ff00::', 8, 'none', 'multicast', 'RFC 4291 §2.7'),
];

/** Prefixes below which an IPv4 address is carried: at which octet, and whether its bits are inverted. */
interface Carrier {
  readonly prefix: Uint8Array;
  readonly bits: number;
  readonly at: number;
  readonly inverted: boolean;
  readonly name: string;
}

function carrier(prefix: string, bits: number, at: number, name: string, inverted = false): Carrier {
  return { prefix: parseIpv6(prefix) ?? new Uint8Array(16), bits, at, inverted, name };
}

const MAPPED = carrier('::ffff:0:0', 96, 12, 'IPv4-mapped'); // RFC 4291 §2.5.5.2
const CARRIERS: readonly Carrier[] = [
  MAPPED,
  carrier('::', 96, 12, 'IPv4-compatible'), //          RFC 4291 §2.5.5.1
  carrier('::ffff:0:0:0', 96, 12, 'IPv4-translated'), // RFC 2765 §2.1
  carrier('64:ff9b::', 96, 12, 'NAT64'), //             RFC 6052 §2.1
  carrier('2002::', 16, 2, '6to4'), //                  RFC 3056 §2
  carrier('2001::', 32, 12, 'Teredo', true), //         RFC 4380 §4
];
