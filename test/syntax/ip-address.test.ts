import { describe, expect, it } from 'vitest';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../../src/syntax/ip-address.ts';

describe('IPv4 addresses (RFC 5321 §4.1.3)', () => {
  // shows RFC5321:4.1.3-3 RFC5321:4.1.3-8
  it('are four numbers from 0 to 255', () => {
    expect(parseIpv4('192.0.2.1')).toEqual(Uint8Array.of(192, 0, 2, 1));
    for (const text of ['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '1.2.3.', '1.2.3.4 ', ' 1.2.3.4', '1.2.3.4\n', '0x1.2.3.4', '127.1', '1.2.3.٤']) {
      expect(parseIpv4(text)).toBeUndefined();
    }
  });

  it('are written without leading zeros', () => {
    expect(formatIpv4(parseIpv4('010.000.002.001') ?? Uint8Array.of())).toBe('10.0.2.1');
  });
});

// Transcribed from the ABNF; the comments of IPv6-comp and IPv6v4-comp on the number of groups are the look-aheads' business.
const HEX = '[0-9A-Fa-f]{1,4}';
const QUAD = '(?:\\d|[1-9]\\d|1\\d\\d|2[0-4]\\d|25[0-5])(?:\\.(?:\\d|[1-9]\\d|1\\d\\d|2[0-4]\\d|25[0-5])){3}';
const FORMS = [
  `${HEX}(?::${HEX}){7}`,
  ...[0, 1, 2, 3, 4, 5, 6].map((left) => `${run(left)}::${upTo(6 - left)}`),
  `${HEX}(?::${HEX}){5}:${QUAD}`,
  ...[0, 1, 2, 3, 4].map((left) => `${run(left)}::(?:${HEX}:){0,${4 - left}}${QUAD}`),
].map((form) => new RegExp(`^${form}$`));

function run(groups: number): string {
  return groups === 0 ? '' : `${HEX}(?::${HEX}){${groups - 1}}`;
}

function upTo(groups: number): string {
  return groups === 0 ? '' : `(?:${HEX}(?::${HEX}){0,${groups - 1}})?`;
}

describe('IPv6 addresses (RFC 5321 §4.1.3)', () => {
  // shows RFC5321:4.1.3-9 RFC5321:4.1.3-10 RFC5321:4.1.3-11
  it('are exactly what the four forms of the grammar say, for all rows of up to eleven pieces', () => {
    const pieces = [':', '::', 'a', '1.2.3.4'];
    let checked = 0;
    const check = (text: string, left: number): void => {
      const expected = FORMS.some((form) => form.test(text));
      if ((parseIpv6(text, 2) !== undefined) !== expected) throw new Error(`${text} is ${expected ? 'an address' : 'no address'}`);
      checked += 1;
      if (left > 0) for (const piece of pieces) check(text + piece, left - 1);
    };
    check('', 7);
    // Longer ones hang together: groups parted by single colons, one of which may be double.
    for (let groups = 0; groups <= 10; groups += 1) {
      for (let double = -1; double <= groups; double += 1) {
        for (const end of ['', '1.2.3.4', ':1.2.3.4']) {
          const parts = Array.from({ length: groups }, () => 'a');
          const text = double < 0 ? parts.join(':') : `${parts.slice(0, double).join(':')}::${parts.slice(double).join(':')}`;
          check(text + end, 0);
        }
      }
    }
    expect(checked).toBeGreaterThan(20_000);
  });

  it('are also what RFC 4291 §2.2 has and that grammar has not, where they are no literal: a single group that is left out', () => {
    for (const text of ['::2:3:4:5:6:7:8', '1:2:3::5:6:7:8', '1:2:3:4:5:6:7::', '1:2:3:4:5::192.0.2.1']) {
      expect(parseIpv6(text)).toEqual(parseIpv6(text.replace(/^::/, '0:').replace(/::$/, ':0').replace('::', ':0:')));
      expect(parseIpv6(text, 2)).toBeUndefined();
    }
    expect(parseIpv6('1:2:3:4::5:6:7:8')).toBeUndefined();
  });

  it('are written as RFC 5952 §4 wants it, and read back as the same octets', () => {
    const words = ['0', '0', '1', 'abcd'];
    for (let number = 0; number < 4 ** 8; number += 37) {
      const text = Array.from({ length: 8 }, (_, index) => words[(number >> (2 * index)) & 3]).join(':');
      const octets = parseIpv6(text) ?? Uint8Array.of();
      const written = formatIpv6(octets);
      const sound = parseIpv6(written)?.join() === octets.join() && /^[0-9a-f:.]+$/.test(written) && written.length <= text.length;
      if (!sound) expect.fail(`${text} is written ${written}`);
    }
  });

  it('of the examples of RFC 5952 are written so', () => {
    const canonical = (text: string): string => formatIpv6(parseIpv6(text) ?? Uint8Array.of());
    expect(canonical('2001:0db8:0:0:0:0:2:1')).toBe('2001:db8::2:1');
    expect(canonical('2001:db8:0:1:1:1:1:1')).toBe('2001:db8:0:1:1:1:1:1');
    expect(canonical('2001:0:0:1:0:0:0:1')).toBe('2001:0:0:1::1');
    expect(canonical('2001:db8:0:0:1:0:0:1')).toBe('2001:db8::1:0:0:1');
    expect(canonical('0:0:0:0:0:ffff:192.0.2.1')).toBe('::ffff:192.0.2.1');
    expect(canonical('::')).toBe('::');
  });
});
