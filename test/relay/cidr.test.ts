import { describe, expect, it } from 'vitest';
import { contains, parseCidr } from '../../src/relay/cidr.ts';

describe('a range of addresses (RFC 4632)', () => {
  it.each<[string, string, boolean]>([
    ['192.0.2.0/24', '192.0.2.0', true],
    ['192.0.2.0/24', '192.0.2.255', true],
    ['192.0.2.0/24', '192.0.3.0', false],
    ['192.0.2.77/24', '192.0.2.1', true], // host bits do not count
    ['192.0.2.128/25', '192.0.2.127', false],
    ['192.0.2.128/25', '192.0.2.128', true],
    ['10.0.0.0/7', '11.255.255.255', true],
    ['10.0.0.0/7', '12.0.0.0', false],
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['192.0.2.1/32', '192.0.2.1', true],
    ['192.0.2.1/31', '192.0.2.0', true],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '192.0.2.1', false],
    ['::1/128', '::1', true],
    ['::1', '::2', false],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['2001:db8:1:2:3:4:5::/112', '2001:db8:1:2:3:4:5:ffff', true], // RFC 5952 §4: whatever RFC 4291 §2.2 has is taken
    ['127.0.0.0/8', '::ffff:127.0.0.1', true], // RFC 4291 §2.5.5.2
    ['127.0.0.0/8', '::FFFF:128.0.0.1', false],
    ['127.0.0.0/8', '::ffff:7f00:1', true],
    ['::ffff:127.0.0.0/104', '127.255.0.1', true], // as some list their own networks
    ['::ffff:127.0.0.0/104', '::ffff:128.0.0.1', false],
    ['::ffff:192.0.2.1', '192.0.2.1', true],
    ['::ffff:0:0/95', '192.0.2.1', false], // there is more in it
    ['127.0.0.0/8', 'localhost', false],
    ['127.0.0.0/8', '', false],
  ])('%s has %s: %s', (range, address, inside) => {
    const cidr = parseCidr(range);
    expect(cidr !== undefined && contains(cidr, address)).toBe(inside);
    expect(cidr).toBeDefined();
  });

  it.each(['', '/', '/8', '192.0.2.0/', '192.0.2.0/33', '192.0.2.0/-1', '192.0.2.0/8/8', '192.0.2.0/1x', '192.0.2.0/ 8', '192.0.2/24', '256.0.0.0/8', '::/129', '::1/', '[::1]/128', 'localhost', '10.0.0.0/0008'])('is not %j', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });
});
