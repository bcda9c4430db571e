// What a PROXY header says, once it is whole (HAProxy doc/proxy-protocol.txt §2.1, §2.2): whose connection it is.
//
// Addresses are octets here, whichever way they were written, so that two spellings of one address cannot be two clients.

import { crc32c } from './crc32c.ts';

export interface ProxyEndpoint {
  /** 4 octets of IPv4, 16 of IPv6. */
  readonly address: Uint8Array;
  readonly port: number;
}

export type ProxyHeader =
  | { readonly type: 'local' } // §2.2 LOCAL: the proxy speaks for itself, as health checks do
  | { readonly type: 'unknown' } // UNKNOWN, AF_UNSPEC, datagrams: take the addresses of the connection
  | { readonly type: 'ipv4' | 'ipv6'; readonly source: ProxyEndpoint; readonly destination: ProxyEndpoint }
  | { readonly type: 'unix'; readonly source: Uint8Array; readonly destination: Uint8Array }; // paths without padding; abstract names begin with NUL

export type ProxyFault =
  | 'not-a-header' // the octets begin neither version
  | 'bare-lf' // §2.1: CRLF alone ends the line
  | 'bare-cr'
  | 'too-long'
  | 'bad-line' // version 1: protocol, addresses or ports, or the spaces between them
  | 'bad-version'
  | 'bad-command'
  | 'bad-family' // version 2: an unassigned pair of address family and transport
  | 'bad-length' // the block is shorter than the addresses of its family
  | 'bad-tlv'
  | 'bad-checksum';

/** Returns what a version 1 line says; `text` is what stands between `PROXY ` and the CRLF. */
export function parseProxyLine(text: string): ProxyHeader | ProxyFault {
  if (/^UNKNOWN(?: |$)/.test(text)) return { type: 'unknown' }; // the rest must be ignored
  const fields = /^TCP([46]) ([^ ]+) ([^ ]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/.exec(text);
  if (fields === null) return 'bad-line';
  const [, digit, from = '', to = '', fromPort, toPort] = fields;
  const type = digit === '4' ? 'ipv4' : 'ipv6';
  const parse = type === 'ipv4' ? parseQuad : parseGroups;
  const [source, destination] = [{ address: parse(from), port: Number(fromPort) }, { address: parse(to), port: Number(toPort) }];
  if (source.port > 0xffff || destination.port > 0xffff) return 'bad-line';
  return isEndpoint(source) && isEndpoint(destination) ? { type, source, destination } : 'bad-line';
}

function isEndpoint(endpoint: { readonly address: Uint8Array | undefined; readonly port: number }): endpoint is ProxyEndpoint {
  return endpoint.address !== undefined;
}

/** Dotted decimal without leading zeros (§2.1: "to avoid any possible confusion with octal numbers"). */
function parseQuad(text: string): Uint8Array | undefined {
  if (!/^(?:(?:0|[1-9]\d{0,2})(?:\.|$)){4}$/.test(text) || text.endsWith('.')) return undefined;
  const numbers = text.split('.').map(Number);
  return numbers.every((number) => number <= 0xff) ? Uint8Array.from(numbers) : undefined;
}

/**
 * Groups of hexadecimal digits. As inet_pton has it, and not RFC 5321 §4.1.3: `::` may stand for a single group. The last
 * two groups may be dotted, as inet_ntop writes IPv4-mapped addresses, though §2.1 does not say so.
 */
function parseGroups(text: string): Uint8Array | undefined {
  const dotted = /^(.*:)([^:]*\.[^:]*)$/.exec(text);
  const quad = dotted === null ? undefined : parseQuad(dotted[2] ?? '');
  if (dotted !== null && quad === undefined) return undefined;
  const hexadecimal = quad === undefined ? text : `${dotted?.[1]}${pair(quad, 0).toString(16)}:${pair(quad, 2).toString(16)}`;
  const [left = '', right, extra] = hexadecimal.split('::');
  if (extra !== undefined) return undefined;
  const [head, tail] = [left, right ?? ''].map((side) => (side === '' ? [] : side.split(':')));
  const groups = [...(head ?? []), ...(tail ?? [])];
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return undefined;
  if (right === undefined ? groups.length !== 8 : groups.length > 7) return undefined;
  const address = new Uint8Array(16);
  for (const [index, group] of groups.entries()) {
    const place = 2 * (index < (head?.length ?? 0) ? index : 8 - groups.length + index);
    address.set([Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff], place);
  }
  return address;
}

const FIXED = 16; // octets in front of the block

// §2.2, "in practice, the following protocol bytes are expected": the type, and the octets of both addresses. Datagrams are
// valid and carry no SMTP; a receiver takes what it does not support as UNSPEC.
const FAMILIES: ReadonlyMap<number, { readonly type: 'unknown' | 'ipv4' | 'ipv6' | 'unix'; readonly octets: number }> = new Map([
  [0x00, { type: 'unknown', octets: 0 }],
  [0x11, { type: 'ipv4', octets: 12 }],
  [0x12, { type: 'unknown', octets: 12 }],
  [0x21, { type: 'ipv6', octets: 36 }],
  [0x22, { type: 'unknown', octets: 36 }],
  [0x31, { type: 'unix', octets: 216 }],
  [0x32, { type: 'unknown', octets: 216 }],
]);

/** Returns what a whole version 2 header says, of which magic, version and command were found right. */
export function parseProxyBlock(header: Uint8Array): ProxyHeader | ProxyFault {
  if ((header[12] ?? 0) % 2 === 0) return { type: 'local' }; // the block is skipped, "including the family"
  const protocol = header[13] ?? 0;
  const family = FAMILIES.get(protocol);
  if (family === undefined) return 'bad-family';
  if (header.length < FIXED + family.octets) return 'bad-length';
  // What follows UNSPEC may be addresses of any form, in which no TLV can be found.
  const fault = protocol === 0 ? undefined : checkVectors(header, FIXED + family.octets);
  if (fault !== undefined) return fault;
  const { type } = family;
  switch (type) {
    case 'unknown': return { type };
    case 'unix': return { type, source: pathAt(header, FIXED), destination: pathAt(header, FIXED + UNIX_PATH) };
    case 'ipv4':
    case 'ipv6': {
      const width = type === 'ipv4' ? 4 : 16;
      const endpoint = (index: number): ProxyEndpoint => ({
        address: header.slice(FIXED + index * width, FIXED + (index + 1) * width),
        port: pair(header, FIXED + 2 * width + 2 * index),
      });
      return { type, source: endpoint(0), destination: endpoint(1) };
    }
    default: return type satisfies never;
  }
}

const UNIX_PATH = 108;

function pathAt(header: Uint8Array, at: number): Uint8Array {
  let end = at + UNIX_PATH;
  while (end > at && header[end - 1] === 0) end--;
  return header.slice(at, end);
}

function pair(octets: Uint8Array, at: number): number {
  return ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
}

const CRC32C_TYPE = 0x03;

/** Checks that the TLVs from `at` fill the header exactly, and the checksum, which is one of them at most (§2.2.3). */
function checkVectors(header: Uint8Array, at: number): ProxyFault | undefined {
  let checksumAt: number | undefined;
  while (at < header.length) {
    const value = at + 3;
    const end = value + pair(header, at + 1);
    if (value > header.length || end > header.length) return 'bad-tlv';
    if (header[at] === CRC32C_TYPE) {
      if (checksumAt !== undefined || end !== value + 4) return 'bad-tlv';
      checksumAt = value;
    }
    at = end;
  }
  if (checksumAt === undefined) return undefined;
  const claimed = ((pair(header, checksumAt) << 16) | pair(header, checksumAt + 2)) >>> 0;
  const zeroed = header.slice().fill(0, checksumAt, checksumAt + 4);
  return crc32c(zeroed) === claimed ? undefined : 'bad-checksum';
}
