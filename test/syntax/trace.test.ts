import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/syntax/fault.ts';
import { parseReversePath } from '../../src/syntax/path.ts';
import { formatReceived, formatReturnPath, parseReceived, parseReturnPath } from '../../src/syntax/trace.ts';
import type { Received } from '../../src/syntax/trace.ts';
import { forwardPath } from '../support/path.ts';
import { testTable } from './table.ts';

const short = ({ helo, client, by, via, with: protocol, id, for: path, date }: Received): string =>
  [
    helo,
    client === undefined ? [] : `(${client.name === undefined ? '' : `${client.name} `}${client.address})`,
    by,
    via === undefined ? [] : `via ${via}`,
    protocol === undefined ? [] : `with ${protocol}`,
    id === undefined ? [] : `id ${id}`,
    path === undefined ? [] : `for ${path.key}`,
    new Date(date).toISOString().slice(0, 10),
  ].flat().join(' ');

const isReturnPath = (field: string): boolean => /^return-path/i.test(field);

// shows RFC5321:4.4-3 RFC5321:4.4-6 RFC5321:4.4-33 RFC5321:4.4-34 RFC5321:4.4-35 RFC5321:4.4-37 RFC5321:4.4-38 RFC5321:4.4-39
// shows RFC5321:4.4-40 RFC5321:4.4-41 RFC5321:4.4-42 RFC5321:4.4-43 RFC5321:4.4-45 RFC5321:4.4-46 RFC5321:4.4-48 RFC5321:4.4-50
testTable('trace', {
  parse: (field) => (isReturnPath(field) ? parseReturnPath(field) : parseReceived(field)),
  result: (value) => ('type' in value ? value.key : short(value)),
  format: (value) => ('type' in value ? formatReturnPath(value) : short(reread(formatReceived(value)))),
  // Of a Received field of others its meaning is written again, not its comments and folds.
  written: (field) => (isReturnPath(field) ? `Return-Path: ${/<.*>/.exec(field)?.[0]}\r\n` : short(reread(field))),
});

function reread(field: string): Received {
  const received = parseReceived(field);
  if (isFault(received)) throw new Error(`${received.fault} at ${received.at} of ${field}`);
  return received;
}

const date = Date.UTC(2026, 10, 23, 15, 20, 12);

const PLAIN: Received = {
  helo: 'mail.example.org',
  client: { address: '192.0.2.1', name: 'client.example.org' },
  by: 'mx.example.net',
  with: 'ESMTPS',
  id: '4abcXYZ',
  for: forwardPath('<bob@example.net>'),
  date,
};

describe('the Received field that a server writes (RFC 5321 §4.4)', () => {
  // shows RFC5321:4.1.1.4-18 RFC5321:4.4-12 RFC5321:4.4-36 RFC5321:F.5-1
  it('names the client twice, the server, the protocol, the mail and the date', () => {
    expect(formatReceived(PLAIN)).toBe(
      [
        'Received: from mail.example.org (client.example.org [192.0.2.1])',
        '\tby mx.example.net with ESMTPS id 4abcXYZ for <bob@example.net>;',
        '\tMon, 23 Nov 2026 15:20:12 +0000',
        '',
      ].join('\r\n'),
    );
  });

  // shows RFC5321:4.4-3
  it('needs no more than names and a date', () => {
    expect(formatReceived({ helo: 'a.example', by: 'b.example', date })).toBe(
      'Received: from a.example by b.example; Mon, 23 Nov 2026 15:20:12 +0000\r\n',
    );
  });

  // shows RFC5321:4.4-5 RFC5321:4.4-44
  it('is read back as it was written', () => {
    for (const received of [
      PLAIN,
      { helo: 'a.example', by: 'b.example', date },
      { ...PLAIN, helo: '[192.0.2.7]', via: 'TCP' },
      { ...PLAIN, helo: 'my_pc' },
      { ...PLAIN, helo: 'my pc (\\)' },
      { ...PLAIN, helo: '[192.0.2.7]', client: { address: '2001:db8::1' } },
      { ...PLAIN, id: '<a.b@c.example>' },
      { ...PLAIN, tls: 'TLS_AES_128_GCM_SHA256' },
      { helo: 'a.example', by: 'b.example', tls: 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', date },
      { ...PLAIN, for: forwardPath('<"a; (b"@[IPv6:2001:db8::1]>') },
      { ...PLAIN, for: forwardPath('<@a.example:bob@b.example>') },
    ]) {
      expect(reread(formatReceived(received))).toEqual(received);
    }
  });

  it('tells behind everything else how TLS was done (RFC 8314 §4.3)', () => {
    expect(formatReceived({ ...PLAIN, tls: 'TLS_AES_128_GCM_SHA256' })).toContain(' for <bob@example.net>\r\n\ttls TLS_AES_128_GCM_SHA256; Mon, 23 Nov 2026');
    expect(formatReceived({ helo: 'a.example', by: 'b.example', tls: 'TLS_X', date })).toContain('by b.example tls TLS_X;');
    expect(reread('Received: from a.example by b.example x y tls TLS_X group x25519 tls TLS_Y; 23 Nov 2026 15:20:12 +0000').tls).toBe('TLS_X');
  });

  // shows RFC5321:4.4-10
  it('has the zone that is asked for', () => {
    expect(formatReceived({ ...PLAIN, zone: -480 })).toContain('Mon, 23 Nov 2026 07:20:12 -0800');
    expect(reread(formatReceived({ ...PLAIN, zone: -480 })).date).toBe(date);
  });

  it('names the postmaster of the server by its domain, since For holds a Path', () => {
    expect(formatReceived({ ...PLAIN, for: forwardPath('<PostMaster>') })).toContain('for <postmaster@mx.example.net>;');
  });

  it('puts a name that is no Domain into a comment, and the address of the client in its place', () => {
    expect(formatReceived({ ...PLAIN, helo: 'my_pc' })).toContain('from [192.0.2.1] (client.example.org [192.0.2.1]) (HELO=my_pc)');
    expect(formatReceived({ helo: '[192.0.2.1]', by: 'b', date })).toContain('from unknown (HELO=[192.0.2.1])');
  });

  it('does not let a name pass for the address of the client', () => {
    for (const helo of ['[203.0.113.9]', 'x ([203.0.113.9])', 'x) ([203.0.113.9]', ' [203.0.113.9]', 'a.example [203.0.113.9]', '']) {
      const known = reread(formatReceived({ ...PLAIN, helo }));
      expect([known.client, known.helo]).toEqual([PLAIN.client, helo]);
      const unknown = reread(formatReceived({ helo, by: 'b.example', date }));
      expect([unknown.client, unknown.helo]).toEqual([undefined, helo]);
    }
  });

  it('has the address of a client on the same link without its zone, which means nothing to another host (RFC 4007 §11)', () => {
    expect(formatReceived({ ...PLAIN, client: { address: 'fe80::1%eth0' } })).toContain('from mail.example.org ([IPv6:fe80::1])');
    expect(formatReceived({ ...PLAIN, client: { address: '192.0.2.1%eth0' } })).toContain('from mail.example.org by mx');
  });

  it('leaves out a client whose address or name is none', () => {
    expect(formatReceived({ ...PLAIN, client: { address: 'unix socket' } })).toContain('from mail.example.org by mx');
    expect(formatReceived({ ...PLAIN, client: { address: '192.0.2.1', name: 'x) (y' } })).toContain('from mail.example.org ([192.0.2.1])');
    expect(formatReceived({ ...PLAIN, client: { address: '192.0.2.1', name: 'a\r\nX: y' } })).toContain('from mail.example.org ([192.0.2.1])');
  });

  const HOSTILE = [
    '\r\nSubject: x', '\nX: y', '\r', '\0', 'a\r\n\r\nbody', '(', ')', '\\', '"', '((((', 'a) by evil.example; (', '\u{85}x', '\u{2028}', 'ü', '\x1b[2J',
    'x'.repeat(100_000), '('.repeat(2000), '\\'.repeat(255), ' '.repeat(300), '; Mon, 1 Jan 2001 00:00:00 +0000', '',
  ];

  // shows RFC5321:4.4-2 RFC6531:3.7.3-2
  it.each(['helo', 'by', 'via', 'with', 'id', 'tls'] as const)('is one field of the grammar whatever `%s` holds', (name) => {
    for (const value of HOSTILE) {
      const field = formatReceived({ ...PLAIN, [name]: value });
      expect(field).toMatch(/^Received: [ -~]+(\r\n\t[ -~]+)*\r\n$/);
      for (const line of field.split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
      const read = parseReceived(field);
      if (name !== 'by') expect(read).toMatchObject({ by: PLAIN.by, client: PLAIN.client, date });
    }
  });

  it('has lines of at most 78 characters where no word of it is longer', () => {
    for (let length = 1; length < 60; length += 1) {
      for (const other of [1, 20, 40, 60]) {
        const helo = `${'h'.repeat(length)}.example`;
        const field = formatReceived({ ...PLAIN, helo, id: 'i'.repeat(other), by: `${'b'.repeat(other)}.example`, for: forwardPath(`<${'f'.repeat(other)}@x>`) });
        for (const line of field.split('\r\n')) expect(line.length).toBeLessThanOrEqual(78);
        expect(field).not.toMatch(/^Received:\r/);
        expect(reread(field).helo).toBe(helo);
      }
    }
  });

  it('keeps a path whole however long it is', () => {
    const long = `<"${'a b '.repeat(15)}"@${'d'.repeat(60)}.${'e'.repeat(60)}.${'f'.repeat(60)}>`;
    expect(formatReceived({ ...PLAIN, for: forwardPath(long) })).toContain(`\t${long};\r\n`);
  });
});

describe('a Received field of others (RFC 5321 §4.4)', () => {
  it('is read in time that grows with its length', () => {
    for (const text of ['('.repeat(100_000), '()'.repeat(50_000), '\\('.repeat(50_000), 'a '.repeat(50_000), '\r\n '.repeat(30_000), '"'.repeat(100_000), ' '.repeat(100_000)]) {
      for (const start of ['', 'from a ', 'from a by b ', 'from a by b; ', 'from a by b; 1 Jan 2001 00:00:00 +0000 ']) {
        expect(parseReceived(`Received: ${start}${text}`)).toBeTypeOf('object');
      }
    }
  });

  it('is a value or a fault for all rows of up to five pieces', () => {
    const pieces = ['from', 'by', 'a', ' ', '(', ')', '\\', '"', '<', '[', ';', '\r\n ', '1 Jan 2001 00:00 +0000', '\0'];
    const check = (text: string, left: number): void => {
      parseReceived(text);
      parseReturnPath(text.replace('Received', 'Return-Path'));
      if (left > 0) for (const piece of pieces) check(text + piece, left - 1);
    };
    for (const start of ['Received:', 'Received: from a by b']) check(start, 4);
  });
});

describe('the Return-Path field (RFC 5321 §4.4)', () => {
  it('keeps the reverse-path as it was', () => {
    for (const text of ['<>', '<alice@example.org>', '<@a,@b:"a b"@c>']) {
      const reversePath = parseReversePath(text);
      if (isFault(reversePath)) throw new Error(reversePath.fault);
      expect(formatReturnPath(reversePath)).toBe(`Return-Path: ${text}\r\n`);
      expect(parseReturnPath(formatReturnPath(reversePath))).toEqual(reversePath);
    }
  });
});
