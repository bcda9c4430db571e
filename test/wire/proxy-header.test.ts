import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/wire/crc32c.ts';
import { PROXY_EDGES, ProxyHeaderDecoder, type ProxyPlace } from '../../src/wire/proxy-header.ts';
import { type Cuts, cut, everyCut, everyString, octetsOf, someCuts, textOf } from './every.ts';

const MAGIC = '\r\n\r\n\0\r\nQUIT\n';

const sixteen = (number: number): string => String.fromCharCode(number >> 8, number & 0xff);
const v2 = (command: number, family: number, block: string): string => MAGIC + String.fromCharCode(command, family) + sixteen(block.length) + block;
const tlv = (type: number, value: string): string => String.fromCharCode(type) + sixteen(value.length) + value;

const IPV4 = '\x0a\x00\x00\x01\xc0\x00\x02\x19' + sixteen(56324) + sixteen(25);
const IPV6 = `\x20\x01\x0d\xb8${'\0'.repeat(11)}\x01\x20\x01\x0d\xb8${'\0'.repeat(11)}\x02${sixteen(1)}${sixteen(65535)}`;
const UNIX = `/run/client${'\0'.repeat(97)}\0abstract${'\0'.repeat(99)}`;

/** A header with its checksum, which stands in a TLV behind the block. */
function checked(family: number, block: string): string {
  const header = v2(0x21, family, block + tlv(3, '\0\0\0\0'));
  const sum = crc32c(octetsOf(header));
  return header.slice(0, -4) + sixteen(sum >>> 16) + sixteen(sum & 0xffff);
}

/** What the decoder makes of a stream, and what it leaves of it. */
function read(text: string, cuts: Cuts = [], limit = 536): string {
  const decoder = new ProxyHeaderDecoder({ limit });
  let left = '';
  for (const segment of cut(text, cuts)) {
    const at = decoder.read(segment, 0);
    if (at < segment.length && !decoder.ended) expect.fail(`at ${at} of ${text} it stops before its end`);
    left += textOf(segment.subarray(at));
  }
  if (decoder.ended !== (decoder.header !== undefined || decoder.fault !== undefined)) expect.fail(`${text}: ended ${decoder.ended}, with neither header nor fault, or not, with one`);
  return `${say(decoder)} | ${left}`;
}

function say({ header, fault }: ProxyHeaderDecoder): string {
  if (header === undefined) return fault ?? 'under way';
  if (fault !== undefined) expect.fail(`a header and the fault ${fault}`);
  switch (header.type) {
    case 'local':
    case 'unknown': return header.type;
    case 'unix': return `unix ${textOf(header.source)} ${textOf(header.destination)}`;
    default: return `${header.type} ${[header.source, header.destination].map(({ address, port }) => `${address.join('.')}:${port}`).join(' ')}`;
  }
}

const LOOPBACK = '0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1';

describe('a PROXY header that is right', () => {
  it.each([
    // The example of §2.1.
    ['PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n', 'ipv4 192.168.0.1:56324 192.168.0.11:443'],
    ['PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n', 'ipv4 255.255.255.255:65535 255.255.255.255:65535'],
    ['PROXY TCP4 0.0.0.0 1.2.3.4 0 1\r\n', 'ipv4 0.0.0.0:0 1.2.3.4:1'],
    ['PROXY TCP6 ::1 ::1 1 2\r\n', `ipv6 ${LOOPBACK}:1 ${LOOPBACK}:2`],
    ['PROXY TCP6 :: 1:2:3:4:5:6:7:8 1 2\r\n', `ipv6 ${'0.'.repeat(15)}0:1 0.1.0.2.0.3.0.4.0.5.0.6.0.7.0.8:2`],
    ['PROXY TCP6 1:2:3:4:5:6:7:: ::2:3:4:5:6:7:8 1 2\r\n', 'ipv6 0.1.0.2.0.3.0.4.0.5.0.6.0.7.0.0:1 0.0.0.2.0.3.0.4.0.5.0.6.0.7.0.8:2'],
    ['PROXY TCP6 2001:DB8::Ff 2001:0db8::00ff 1 2\r\n', `ipv6 32.1.13.184.${'0.'.repeat(11)}255:1 32.1.13.184.${'0.'.repeat(11)}255:2`],
    ['PROXY TCP6 ::ffff:192.0.2.1 1:2:3:4:5:6:7.8.9.10 1 2\r\n', `ipv6 ${'0.'.repeat(10)}255.255.192.0.2.1:1 0.1.0.2.0.3.0.4.0.5.0.6.7.8.9.10:2`],
    [`PROXY TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`, `ipv6 ${'255.'.repeat(15)}255:65535 ${'255.'.repeat(15)}255:65535`],
    ['PROXY UNKNOWN\r\n', 'unknown'],
    ['PROXY UNKNOWN \r\n', 'unknown'],
    ['PROXY UNKNOWN 1.2.3.4 whatever \0\xff\r\n', 'unknown'],
    [`PROXY UNKNOWN ${'f'.repeat(91)}\r\n`, 'unknown'], // 107 octets
    [v2(0x21, 0x11, IPV4), 'ipv4 10.0.0.1:56324 192.0.2.25:25'],
    [v2(0x21, 0x21, IPV6), `ipv6 32.1.13.184.${'0.'.repeat(11)}1:1 32.1.13.184.${'0.'.repeat(11)}2:65535`],
    [v2(0x21, 0x31, UNIX), 'unix /run/client \0abstract'],
    [v2(0x21, 0x31, 'p'.repeat(108) + '\0'.repeat(108)), `unix ${'p'.repeat(108)} `],
    [v2(0x21, 0x00, ''), 'unknown'],
    [v2(0x21, 0x00, 'anything'), 'unknown'],
    [v2(0x21, 0x12, IPV4), 'unknown'],
    [v2(0x21, 0x22, IPV6), 'unknown'],
    [v2(0x21, 0x32, UNIX), 'unknown'],
    [v2(0x20, 0x00, ''), 'local'],
    [v2(0x20, 0x11, IPV4), 'local'],
    [v2(0x20, 0xff, 'anything'), 'local'], // "including the family which is ignored"
    [v2(0x21, 0x11, IPV4 + tlv(4, '') + tlv(2, 'mx.example') + tlv(0xe0, '\0'.repeat(300))), 'ipv4 10.0.0.1:56324 192.0.2.25:25'],
    [checked(0x11, IPV4), 'ipv4 10.0.0.1:56324 192.0.2.25:25'],
    [checked(0x21, IPV6 + tlv(1, 'smtp')), `ipv6 32.1.13.184.${'0.'.repeat(11)}1:1 32.1.13.184.${'0.'.repeat(11)}2:65535`],
  ])('%j is read whole, octet by octet and under every single cut, and nothing behind it', (header, said) => {
    const stream = `${header}EHLO a\r\n\r\n`;
    for (const cuts of someCuts(stream.length)) if (read(stream, cuts) !== `${said} | EHLO a\r\n\r\n`) expect({ cuts, said: read(stream, cuts) }).toEqual({ cuts, said });
  });

  it('is the same under every segmentation', () => {
    for (const header of ['PROXY UNKNOWN\r\n', v2(0x20, 0, '')]) {
      for (const cuts of everyCut(header.length)) if (!/^(?:unknown|local) \| $/.test(read(header, cuts))) expect({ cuts, said: read(header, cuts) }).toEqual({});
    }
  });

  it('is under way while an octet of it is missing', () => {
    for (const header of ['PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n', v2(0x21, 0x11, IPV4 + tlv(4, 'x')), v2(0x20, 0, '')]) {
      for (let end = 0; end < header.length; end++) expect(read(header.slice(0, end))).toBe('under way | ');
    }
  });

  it('takes as many octets as its limit, and no more', () => {
    const header = v2(0x21, 0x11, IPV4 + tlv(4, 'x'.repeat(505)));
    expect(header.length).toBe(536);
    expect(read(header)).toMatch(/^ipv4/);
    expect(read(v2(0x21, 0x11, IPV4 + tlv(4, 'x'.repeat(506))))).toMatch(/^too-long/);
    expect(read(v2(0x21, 0x11, IPV4 + tlv(4, 'x'.repeat(506))), [], 537)).toMatch(/^ipv4/);
    expect(read(v2(0x21, 0x11, IPV4 + tlv(4, 'x'.repeat(65_520))), [], 65_551)).toMatch(/^ipv4/);
    for (const limit of [15, 65_552, NaN, 20.5]) expect(() => new ProxyHeaderDecoder({ limit })).toThrow('from 16 to 65551');
  });

  it('has addresses of its own, which later octets do not change', () => {
    const octets = octetsOf(v2(0x21, 0x11, IPV4));
    const decoder = new ProxyHeaderDecoder();
    expect(decoder.read(octets, 0)).toBe(octets.length);
    octets.fill(0);
    expect(say(decoder)).toBe('ipv4 10.0.0.1:56324 192.0.2.25:25');
    expect(decoder.read(octetsOf('QUIT\r\n'), 0)).toBe(0);
  });
});

describe('a PROXY header that is wrong', () => {
  it.each([
    ['EHLO a\r\n', 'not-a-header | HLO a\r\n'],
    ['\n', 'not-a-header | '],
    ['proxy TCP4', 'not-a-header | roxy TCP4'],
    ['PROXYTCP4', 'not-a-header | CP4'],
    ['PROXX', 'not-a-header | '],
    ['\r\n\r\n\0\r\nQUIT\r', 'not-a-header | '],
    ['\r\n\r\n\r', 'not-a-header | '],
    ['PROXY UNKNOWN\n', 'bare-lf | '],
    ['PROXY UNKNOWN\rx', 'bare-cr | '],
    ['PROXY UNKNOWN\r\r\n', 'bare-cr | \n'],
    [`PROXY UNKNOWN ${'f'.repeat(92)}\r\n`, 'too-long | \n'], // 108 octets
    [`PROXY ${'f'.repeat(200)}`, `too-long | ${'f'.repeat(99)}`],
    [`${MAGIC}\x11`, 'bad-version | '],
    [`${MAGIC}\x31`, 'bad-version | '],
    [`${MAGIC}\x22`, 'bad-command | '],
    [`${MAGIC}\x2f`, 'bad-command | '],
    [`${MAGIC}\x21\x11\xff\xff`, 'too-long | '],
    [`${MAGIC}\x20\x00\x02\x09`, 'too-long | '],
    [v2(0x21, 0x11, IPV4.slice(1)), 'bad-length | '],
    [v2(0x21, 0x11, ''), 'bad-length | '],
    [v2(0x21, 0x21, IPV6.slice(1)), 'bad-length | '],
    [v2(0x21, 0x31, UNIX.slice(1)), 'bad-length | '],
    [v2(0x21, 0x11, `${IPV4}\x04`), 'bad-tlv | '],
    [v2(0x21, 0x11, `${IPV4}\x04\x00`), 'bad-tlv | '],
    [v2(0x21, 0x11, `${IPV4}\x04\x00\x01`), 'bad-tlv | '],
    [v2(0x21, 0x11, `${IPV4}${tlv(4, 'x')}\x04\x00\x02x`), 'bad-tlv | '],
    [v2(0x21, 0x11, IPV4 + tlv(3, 'x')), 'bad-tlv | '],
    [v2(0x21, 0x11, IPV4 + tlv(3, '\0\0\0\0') + tlv(3, '\0\0\0\0')), 'bad-tlv | '],
    [v2(0x21, 0x11, IPV4 + tlv(3, '\0\0\0\0')), 'bad-checksum | '],
  ])('%j is %j', (stream, said) => {
    for (const cuts of someCuts(stream.length)) expect(read(stream, cuts)).toBe(said);
  });

  it.each([
    'TCP4', 'TCP4 ', 'TCP4 1.2.3.4', 'TCP4 1.2.3.4 1.2.3.4', 'TCP4 1.2.3.4 1.2.3.4 1', 'TCP4 1.2.3.4 1.2.3.4 1 ', 'TCP4 1.2.3.4 1.2.3.4 1 2 ',
    'TCP4 1.2.3.4 1.2.3.4 1 2 3', 'TCP4  1.2.3.4 1.2.3.4 1 2', 'TCP4 1.2.3.4  1.2.3.4 1 2', ' TCP4 1.2.3.4 1.2.3.4 1 2', 'TCP4\t1.2.3.4 1.2.3.4 1 2',
    'tcp4 1.2.3.4 1.2.3.4 1 2', 'TCP5 1.2.3.4 1.2.3.4 1 2', 'UDP4 1.2.3.4 1.2.3.4 1 2', 'unknown', 'UNKNOWNX', 'TCP4 UNKNOWN', '',
    'TCP4 1.2.3.4 1.2.3.4 65536 2', 'TCP4 1.2.3.4 1.2.3.4 1 99999', 'TCP4 1.2.3.4 1.2.3.4 01 2', 'TCP4 1.2.3.4 1.2.3.4 -1 2', 'TCP4 1.2.3.4 1.2.3.4 +1 2',
    'TCP4 1.2.3.256 1.2.3.4 1 2', 'TCP4 1.2.3.04 1.2.3.4 1 2', 'TCP4 1.2.3 1.2.3.4 1 2', 'TCP4 1.2.3.4.5 1.2.3.4 1 2', 'TCP4 1.2.3.4. 1.2.3.4 1 2', 'TCP4 1..3.4 1.2.3.4 1 2',
    'TCP4 0x1.2.3.4 1.2.3.4 1 2', 'TCP4 ::1 ::1 1 2', 'TCP6 1.2.3.4 1.2.3.4 1 2', 'TCP6 1:2:3:4:5:6:7 ::1 1 2', 'TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2', 'TCP6 1:2:3:4:5:6:7:8:: ::1 1 2',
    'TCP6 1::2::3 ::1 1 2', 'TCP6 ::: ::1 1 2', 'TCP6 :1:2:3:4:5:6:7 ::1 1 2', 'TCP6 1:2:3:4:5:6:7: ::1 1 2', 'TCP6 ::12345 ::1 1 2', 'TCP6 ::g ::1 1 2', 'TCP6 [::1] ::1 1 2',
    'TCP6 ::1%eth0 ::1 1 2', 'TCP6 ::1.2.3.4:5 ::1 1 2', 'TCP6 ::1.2.3 ::1 1 2', 'TCP6 1:2:3:4:5:6:7:1.2.3.4 ::1 1 2', 'TCP6 ::1 . 1 2',
  ])('a line that says %j is bad', (line) => {
    expect(read(`PROXY ${line}\r\nQUIT`)).toBe('bad-line | QUIT');
  });

  it('is any pair of family and transport that is not assigned', () => {
    const assigned = [0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32];
    for (let family = 0; family <= 0xff; family++) {
      const said = read(v2(0x21, family, '\0'.repeat(216)));
      if (assigned.includes(family)) expect(said).toMatch(/^(?:unknown|ipv4|ipv6|unix) /);
      else expect(said).toBe('bad-family | ');
    }
  });

  it('is any octet of a checked header that was changed behind its command', () => {
    const header = checked(0x11, IPV4);
    for (let at = 16; at < header.length; at++) {
      const changed = header.slice(0, at) + String.fromCharCode(header.charCodeAt(at) ^ 0x40) + header.slice(at + 1);
      if (at >= header.length - 7 && at < header.length - 4) expect(read(changed)).not.toMatch(/^(?:local|unknown)/); // type and length of the TLV itself
      else expect(read(changed)).toBe('bad-checksum | ');
    }
  });
});

describe('hostile octets', () => {
  it('never throw, are never kept beyond the limit, and fault the same under every cut', () => {
    let seed = 1;
    const random = (below: number): number => (seed = (seed * 48271) % 0x7fffffff) % below;
    const starts = ['', 'PROXY ', 'PROXY TCP4 1.2.3.4 ', 'PROXY TCP6 ::', MAGIC, `${MAGIC}\x21\x11\0`, `${MAGIC}\x21\x21\0\x30`];
    for (let round = 0; round < 3000; round++) {
      const text = starts[random(starts.length)] + Array.from({ length: random(80) }, () => String.fromCharCode(random(3) === 0 ? random(256) : ' :.\r\n0123456789afT'.charCodeAt(random(18)))).join('');
      const whole = read(text);
      const inside = Array.from({ length: Math.max(0, text.length - 1) }, (_, at) => at + 1);
      if (read(text, inside) !== whole) expect(read(text, inside)).toBe(whole);
    }
  });

  it('behind `PROXY ` are the same for every short string under every segmentation', () => {
    for (let length = 0; length <= 5; length++) {
      const ways = everyCut(length).map((cuts) => cuts.map((at) => at + 6));
      for (const text of everyString('\r\n A', length, length)) {
        const whole = read(`PROXY ${text}`);
        for (const cuts of ways) if (read(`PROXY ${text}`, cuts) !== whole) expect({ text, cuts }).toBe(whole);
      }
    }
  });
});

it('the table names every place, and leads from the start to each', () => {
  const reached = new Set<ProxyPlace>(['start']);
  for (const place of reached) for (const to of PROXY_EDGES[place]) reached.add(to);
  expect([...reached].sort()).toEqual(Object.keys(PROXY_EDGES).sort());
});

describe('CRC-32C (RFC 4960 appendix B)', () => {
  it.each([
    ['', 0],
    ['123456789', 0xe3069283],
    ['\0'.repeat(32), 0x8a9136aa], // RFC 3720 appendix B.4
    ['\xff'.repeat(32), 0x62a8ab43],
  ])('of %j is right', (text, sum) => {
    expect(crc32c(octetsOf(text))).toBe(sum);
  });
});
