// IP addresses as text: the four IPv6 forms and the IPv4 form of RFC 5321 §4.1.3, and RFC 5952 for what is written.
//
// Left out: zone indices (`%eth0`) and the abbreviated IPv4 forms (`127.1`, octal, hexadecimal): §4.1.3 has neither.

/** Returns the 4 octets of a dotted quad, undefined when malformed. Leading zeros are decimal: `Snum = 1*3DIGIT`. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const quad = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (quad === null) return undefined;
  const [a, b, c, d] = [Number(quad[1]), Number(quad[2]), Number(quad[3]), Number(quad[4])];
  return a <= 255 && b <= 255 && c <= 255 && d <= 255 ? Uint8Array.of(a, b, c, d) : undefined; // each RCPT asks: twice as fast as a list in between
}

/** Returns `host:port`, with brackets around an IPv6 address. */
export function formatHostPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Returns the dotted quad of 4 octets, without leading zeros. */
export function formatIpv4(octets: Uint8Array): string {
  return octets.join('.');
}

/**
 * Returns the 16 octets of an IPv6 address, undefined when malformed.
 *
 * `least`: groups that `::` stands for. RFC 4291 §2.2 lets it stand for one, which must be taken (RFC 5952 §4); in a literal of §4.1.3
 * it stands for two, and errata 2467 (rejected) and 4315 (held) would have changed this.
 */
export function parseIpv6(text: string, least = 1): Uint8Array | undefined {
  if (text.length > LONGEST_IPV6) return undefined;
  const [left = '', right, extra] = text.split('::');
  if (extra !== undefined) return undefined;
  const head = groups(left, right === undefined);
  const tail = groups(right ?? '', true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < least) return undefined;
  const octets = new Uint8Array(16);
  head.forEach((group, index) => octets.set([group >> 8, group & 0xff], 2 * index));
  tail.forEach((group, index) => octets.set([group >> 8, group & 0xff], 2 * (8 - tail.length + index)));
  return octets;
}

const LONGEST_IPV6 = 'ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255'.length;

/** Returns the 16-bit groups of one side of `::`; the last may be a dotted quad, which is two, where `last` says so. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const found: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const quad = last && index === parts.length - 1 && part.includes('.') ? parseIpv4(part) : undefined;
    if (quad !== undefined) {
      const [a = 0, b = 0, c = 0, d = 0] = quad;
      found.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) {
      found.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return found;
}

/**
 * Returns the text of 16 octets as RFC 5952 §4 wants it: lower case, no leading zeros, the first longest run of two or more zero
 * groups as `::`; an IPv4-mapped address ends in a dotted quad (§5).
 */
export function formatIpv6(octets: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, index) => ((octets[2 * index] ?? 0) << 8) | (octets[2 * index + 1] ?? 0));
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) {
    return `::ffff:${formatIpv4(octets.subarray(12))}`;
  }
  const { start, length } = longestZeros(words);
  const hex = words.map((word) => word.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

function longestZeros(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < words.length; start += 1) {
    let end = start;
    while (words[end] === 0) end += 1;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}
