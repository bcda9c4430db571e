import { describe, expect, it } from 'vitest';
import { formatDomain, formatHost, parseAddressLiteral, parseDomain, parseHost } from '../../src/syntax/domain.ts';
import { testTable } from './table.ts';

// shows RFC5321:4.1.2-12 RFC5321:4.1.2-13 RFC5321:4.1.2-29 RFC5321:4.1.2-30 RFC5321:2.3.5-1
testTable('domain', { parse: parseDomain, result: ({ key }) => key, format: formatDomain });
// shows RFC6531:3.3-1 RFC6531:3.3-2
testTable('domain-utf8', { parse: (text) => parseDomain(text, { utf8: true }), result: ({ key }) => key, format: formatDomain });
// shows RFC5321:4.1.2-14 RFC5321:4.1.3-1 RFC5321:4.1.3-2 RFC5321:4.1.3-3 RFC5321:4.1.3-4 RFC5321:4.1.3-5 RFC5321:4.1.3-7 RFC5321:4.1.3-8
// shows RFC5321:4.1.3-9 RFC5321:4.1.3-10 RFC5321:4.1.3-11
testTable('address-literal', { parse: parseAddressLiteral, result: ({ key }) => key, format: formatHost });

const label = (length: number): string => 'a'.repeat(length);
/** A domain of `length` octets, in labels of at most 50. */
const domain = (length: number): string => Array.from({ length: Math.ceil(length / 50) }, (_, index) => label(Math.min(50, length - 50 * index) - 1)).join('.') + 'a';

describe('the length of a Domain (RFC 5321 §4.5.3.1.2)', () => {
  it('may be 255 octets', () => {
    expect(parseDomain(domain(255))).toMatchObject({ type: 'domain', text: domain(255) });
    expect(domain(255)).toHaveLength(255);
  });

  it('is not more', () => {
    expect(parseDomain(domain(256))).toMatchObject({ fault: 'domain-too-long', at: 0, source: 'RFC 5321 §4.5.3.1.2' });
  });

  it('is counted in octets of UTF-8', () => {
    const name = `${'ü'.repeat(60)}.${'ü'.repeat(60)}.example`;
    expect(parseDomain(name, { utf8: true })).toMatchObject({ text: name });
    expect(parseDomain(`a.b.${name}`, { utf8: true })).toMatchObject({ text: `a.b.${name}` });
    expect(parseDomain(`abcdefgh.${name}`, { utf8: true })).toMatchObject({ fault: 'domain-too-long' });
  });

  it('holds for address literals too', () => {
    expect(parseAddressLiteral(`[tag:${label(249)}]`)).toMatchObject({ type: 'general' });
    expect(parseAddressLiteral(`[tag:${label(250)}]`)).toMatchObject({ fault: 'domain-too-long' });
  });

  it('of a sub-domain is at most 63 octets (RFC 1035 §2.3.4)', () => {
    expect(parseDomain(`${label(63)}.example`)).toMatchObject({ type: 'domain' });
    expect(parseDomain(`a.${label(64)}.example`)).toMatchObject({ fault: 'domain-too-long', at: 2 });
  });

  it('of a U-label may be more, since the limit is one of its A-label', () => {
    expect(parseDomain(`${'ü'.repeat(64)}.example`, { utf8: true })).toMatchObject({ type: 'domain' });
  });
});

describe('the name in EHLO and HELO (RFC 5321 §4.1.1.1)', () => {
  it('is a Domain or an address literal', () => {
    expect(parseHost('mail.example.org')).toMatchObject({ type: 'domain', key: 'mail.example.org' });
    expect(parseHost('[192.0.2.1]')).toMatchObject({ type: 'ipv4', address: '192.0.2.1', octets: Uint8Array.of(192, 0, 2, 1) });
    expect(parseHost('[x:y]')).toMatchObject({ type: 'general', tag: 'x', content: 'y' });
  });

  it('may have underscores, which no other Domain has', () => {
    expect(parseHost('WIN_PC_')).toMatchObject({ type: 'domain', key: 'win_pc_' });
    expect(parseDomain('WIN_PC_')).toMatchObject({ fault: 'bad-domain' });
  });

  it('may not have what underscores do not excuse', () => {
    for (const text of ['', '-a', 'a-', 'a..b', 'a b', '[a_b:c]', '[_]']) expect(parseHost(text)).toHaveProperty('fault');
  });
});
