import { Buffer } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { describe, expect, it } from 'vitest';
import { decodeUtf8, encodeUtf8 } from '../../src/wire/utf8.ts';
import { TIMES } from '../support/random.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function oracle(octets: Uint8Array): string | undefined {
  try {
    return decoder.decode(octets);
  } catch {
    return undefined; // malformed
  }
}

/** Compares by hand: `expect` is for the case that they differ. */
function agree(octets: Uint8Array): void {
  const wanted = oracle(octets);
  if (decodeUtf8(octets) !== wanted) expect({ octets, text: decodeUtf8(octets) }).toEqual({ octets, text: wanted });
}

/** The octets at which the ABNF of RFC 3629 §4 changes its mind, and their neighbours. */
const LEADS = [
  ...[0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef],
  ...[0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff],
];
const SECONDS = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe1, 0xf1, 0xff];
const THIRDS = TIMES > 1 ? Array.from({ length: 0x100 }, (_, octet) => octet) : [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xef, 0xf0, 0xf4, 0xff];
const TAILS = [0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xc2];

describe('UTF-8 (RFC 3629)', () => {
  it('is encoded and decoded for every character, sixteen at a time', () => {
    for (let first = 0; first <= 0x10ffff; first += 16) {
      if (first >= 0xd800 && first <= 0xdfff) continue;
      const text = String.fromCodePoint(...Array.from({ length: 16 }, (_, index) => first + index));
      const octets = encodeUtf8(text);
      if (Buffer.compare(octets, Buffer.from(text, 'utf8')) !== 0) expect(octets).toEqual(Uint8Array.from(Buffer.from(text, 'utf8')));
      if (decodeUtf8(octets) !== text) expect({ first, text: decodeUtf8(octets) }).toEqual({ first, text });
    }
  });

  it('is accepted or rejected as Buffer does, which replaces what is malformed: every sequence of one and two octets', () => {
    for (let pair = 0; pair < 0x10000; pair++) {
      for (const octets of pair < 0x100 ? [Uint8Array.of(pair), Uint8Array.of(0, pair)] : [Uint8Array.of(pair >> 8, pair & 0xff)]) {
        const text = Buffer.from(octets).toString('utf8');
        const wanted = text.includes('\ufffd') ? undefined : text; // which has three octets itself
        if (decodeUtf8(octets) !== wanted) expect({ octets, text: decodeUtf8(octets) }).toEqual({ octets, text: wanted });
      }
    }
  });

  it('is accepted or rejected as its ABNF says: every two octets that do not begin with ASCII, and a third at its boundaries', () => {
    const octets = new Uint8Array(3);
    for (let first = 0x80; first <= 0xff; first++) {
      octets[0] = first;
      for (let second = 0; second <= 0xff; second++) {
        octets[1] = second;
        for (const third of THIRDS) {
          octets[2] = third;
          if ((decodeUtf8(octets) !== undefined) !== wellFormed(first, second, third)) agree(octets);
        }
      }
    }
  });

  it('is accepted or rejected as TextDecoder does: four octets, at every boundary of the ABNF', () => {
    for (const first of LEADS) {
      for (const second of SECONDS) {
        for (const third of TAILS) {
          for (const fourth of TAILS) agree(Uint8Array.of(first, second, third, fourth));
        }
      }
    }
  });

  it('is rejected when it is cut short, wherever', () => {
    const octets = encodeUtf8('aé€😀');
    const whole = [0, 1, 3, 6, 10];
    for (let length = 0; length <= octets.length; length++) {
      expect(decodeUtf8(octets.subarray(0, length)) !== undefined).toBe(whole.includes(length));
    }
  });

  it('keeps a byte order mark, which is a character', () => {
    expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa');
  });

  it('has no surrogates: a pair is one character, a lone one is replaced', () => {
    expect(encodeUtf8('\ud83d\ude00')).toEqual(Uint8Array.of(0xf0, 0x9f, 0x98, 0x80));
    expect(encodeUtf8('a\ud83d')).toEqual(Uint8Array.of(0x61, 0xef, 0xbf, 0xbd));
    expect(decodeUtf8(Uint8Array.of(0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80))).toBeUndefined();
  });

  it.each([
    ['an overlong slash', [0xc0, 0xaf]],
    ['an overlong slash in three octets', [0xe0, 0x80, 0xaf]],
    ['an overlong NUL', [0xc0, 0x80]],
    ['a character above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a sequence of five octets', [0xf8, 0x88, 0x80, 0x80, 0x80]],
    ['a tail without a lead', [0x61, 0x80]],
    ['Latin-1', [0x66, 0xfc, 0x72]],
  ])('is not %s (§3, §10)', (_, octets) => {
    expect(decodeUtf8(Uint8Array.from(octets))).toBeUndefined();
  });
});

/** RFC 3629 §4 by its character numbers (§3), not by its table: what three octets can be, the first no ASCII, cut in every way into characters. */
function wellFormed(first: number, second: number, third: number): boolean {
  if (isPair(first, second)) return third < 0x80;
  if (first >> 4 !== 0xe || second >> 6 !== 2 || third >> 6 !== 2) return false;
  const point = ((first & 0x0f) << 12) | ((second & 0x3f) << 6) | (third & 0x3f);
  return point >= 0x800 && (point < 0xd800 || point > 0xdfff);
}

function isPair(first: number, second: number): boolean {
  return first >> 5 === 0x6 && second >> 6 === 2 && (((first & 0x1f) << 6) | (second & 0x3f)) >= 0x80;
}
