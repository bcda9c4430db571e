import { describe, expect, it } from 'vitest';
import { addressKey, addressKind } from '../../src/relay/address.ts';

describe('the kind of an address', () => {
  it.each([
    // the first and the last address of each range, and their neighbours
    ['0.0.0.0', 'none', 'unspecified'],
    ['0.255.255.255', 'none', 'unspecified'],
    ['1.0.0.0', 'public', 'public'],
    ['9.255.255.255', 'public', 'public'],
    ['10.0.0.0', 'private', 'private'],
    ['10.255.255.255', 'private', 'private'],
    ['11.0.0.0', 'public', 'public'],
    ['100.63.255.255', 'public', 'public'],
    ['100.64.0.0', 'private', 'shared'],
    ['100.127.255.255', 'private', 'shared'],
    ['100.128.0.0', 'public', 'public'],
    ['126.255.255.255', 'public', 'public'],
    ['127.0.0.1', 'private', 'loopback'],
    ['127.255.255.255', 'private', 'loopback'],
    ['128.0.0.0', 'public', 'public'],
    ['169.254.169.254', 'private', 'link-local'],
    ['169.253.255.255', 'public', 'public'],
    ['172.15.255.255', 'public', 'public'],
    ['172.16.0.0', 'private', 'private'],
    ['172.31.255.255', 'private', 'private'],
    ['172.32.0.0', 'public', 'public'],
    ['192.0.0.170', 'private', 'protocol assignment'],
    ['192.0.2.1', 'public', 'public'],
    ['192.168.0.1', 'private', 'private'],
    ['192.169.0.0', 'public', 'public'],
    ['198.17.255.255', 'public', 'public'],
    ['198.18.0.0', 'private', 'benchmarking'],
    ['198.19.255.255', 'private', 'benchmarking'],
    ['198.20.0.0', 'public', 'public'],
    ['223.255.255.255', 'public', 'public'],
    ['224.0.0.1', 'none', 'multicast'],
    ['239.255.255.255', 'none', 'multicast'],
    ['240.0.0.0', 'none', 'reserved'],
    ['255.255.255.255', 'none', 'reserved'],
    ['::', 'none', 'unspecified'],
    ['::1', 'private', 'loopback'],
    ['100::1', 'none', 'discard'],
    ['100:0:0:1::', 'public', 'public'],
    ['64:ff9b:1::a', 'private', 'local translation'],
    ['fbff::', 'public', 'public'],
    ['fc00::', 'private', 'unique local'],
    ['fdff::1', 'private', 'unique local'],
    ['fe00::', 'public', 'public'],
    ['fe80::1', 'private', 'link-local'],
    ['febf::1', 'private', 'link-local'],
    ['fec0::1', 'private', 'site-local'],
    ['ff02::1', 'none', 'multicast'],
    ['2001:db8::1', 'public', 'public'],
    ['2600::1', 'public', 'public'],
    // an IPv4 address inside
    ['::ffff:127.0.0.1', 'private', 'loopback in IPv4-mapped'],
    ['::ffff:7f00:1', 'private', 'loopback in IPv4-mapped'],
    ['::ffff:192.0.2.1', 'public', 'public in IPv4-mapped'],
    ['::ffff:0.0.0.0', 'none', 'unspecified in IPv4-mapped'],
    ['::127.0.0.1', 'private', 'loopback in IPv4-compatible'],
    ['::ffff:0:127.0.0.1', 'private', 'loopback in IPv4-translated'],
    ['64:ff9b::10.0.0.1', 'private', 'private in NAT64'],
    ['64:ff9b::192.0.2.1', 'public', 'public in NAT64'],
    ['2002:7f00:1::', 'private', 'loopback in 6to4'],
    ['2002:c000:201::1', 'public', 'public in 6to4'],
    ['2001:0:c000:201::80ff:fffe', 'private', 'loopback in Teredo'],
    ['2001:0:c000:201::3fff:fdfe', 'public', 'public in Teredo'],
    ['2001:0:c000:201::1fff:ffff', 'none', 'multicast in Teredo'],
  ])('of %s is %s: %s', (text, scope, name) => {
    expect(addressKind(text)).toMatchObject({ scope, name });
  });

  it.each(['', 'localhost', '127.1', '0x7f.0.0.1', '127.0.0.1:25', '[::1]', 'fe80::1%eth0'])('of %j is none: it is no address', (text) => {
    expect(addressKind(text)).toBeUndefined();
  });
});

describe('the key of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:0201', '192.0.2.1'],
    ['localhost', undefined],
  ])('of %s is %s', (text, key) => {
    expect(addressKey(text)).toBe(key);
  });
});
