import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { decodeLatin1, decodeLatin1Run, encodeAscii, isAscii, isAsciiText, quote } from '../../src/wire/ascii.ts';
import { octetsOf } from './every.ts';

const EVERY_OCTET = Uint8Array.from({ length: 256 }, (_, octet) => octet);

describe('ASCII (RFC 5321 §2.4)', () => {
  // shows RFC5321:4.5.2-5 RFC5321:2.4-8 RFC5321:A-1
  it('has an octet for each character, and a question mark for one that it lacks', () => {
    expect(encodeAscii('250 ok\r\n')).toEqual(octetsOf('250 ok\r\n'));
    expect(encodeAscii('\x7fé€😀')).toEqual(octetsOf('\x7f????'));
    expect(encodeAscii('')).toEqual(new Uint8Array(0));
  });

  it('ends at 0x7f', () => {
    for (const octet of EVERY_OCTET) expect(isAscii(Uint8Array.of(0x61, octet))).toBe(octet < 0x80);
    expect(isAscii(new Uint8Array(0))).toBe(true);
    expect(['', 'abc', '\x7f', '\x80', 'ä', '\u{1f600}'].map(isAsciiText)).toEqual([true, true, true, false, false, false]);
  });
});

describe('Latin-1', () => {
  it('has a character for each octet, of which none is lost', () => {
    expect(octetsOf(decodeLatin1(EVERY_OCTET))).toEqual(EVERY_OCTET);
  });

  it('is that of the octets from one to another', () => {
    for (let from = 0; from <= 4; from++) for (let to = from; to <= 4; to++) expect(decodeLatin1Run(octetsOf('ab\xe4d'), from, to)).toBe('ab\xe4d'.slice(from, to));
  });

  it('holds for more octets than a call has arguments', () => {
    const many = Uint8Array.from({ length: 300_000 }, (_, at) => at * 7);
    expect(decodeLatin1(many)).toBe(Buffer.from(many).toString('latin1'));
    expect(decodeLatin1Run(many, 5, 9_000)).toBe(Buffer.from(many.subarray(5, 9_000)).toString('latin1'));
  });
});

describe('octets quoted', () => {
  it('stand on one line in printable ASCII', () => {
    expect(quote('MAIL FROM:<"a\\b"@x>\r\n')).toBe('MAIL FROM:<"a\\\\b"@x>\\x0d\\x0a');
    expect(quote(octetsOf('\0\x1f ~\x7f\x80\xff'))).toBe('\\x00\\x1f ~\\x7f\\x80\\xff');
    expect(quote(EVERY_OCTET, 256)).toMatch(/^[ -~]*$/);
  });

  it('are told apart from what looks like them', () => {
    const quoted = new Set([quote('\r'), quote('\\x0d'), quote('\\\\x0d'), quote('\\r')]);
    expect(quoted.size).toBe(4);
  });

  it('show characters that are no octets by their number', () => {
    expect(quote('a€😀\ud800')).toBe('a\\u{20ac}\\u{1f600}\\u{d800}');
  });

  it('are cut behind 40, and say so', () => {
    expect(quote('a'.repeat(40))).toBe('a'.repeat(40));
    expect(quote('a'.repeat(41))).toBe(`${'a'.repeat(40)}…`);
    expect(quote(octetsOf('\r'.repeat(41)))).toBe(`${'\\x0d'.repeat(40)}…`);
    expect(quote('abc', 2)).toBe('ab…');
    expect(quote(new Uint8Array(0))).toBe('');
  });
});
