import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { decodeBase64, encodeBase64 } from '../../src/wire/base64.ts';
import { everyString, octetsOf } from './every.ts';

/** Octets of this length that look random, the same each time. */
function octetsFrom(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => (seed = (Math.imul(seed, 1664525) + 1013904223) | 0) >>> 24);
}

describe('base 64 (RFC 4648 §4)', () => {
  it('encodes the test vectors of §10', () => {
    const vectors = ['', 'Zg==', 'Zm8=', 'Zm9v', 'Zm9vYg==', 'Zm9vYmE=', 'Zm9vYmFy'];
    expect(vectors.map((_, length) => encodeBase64(octetsOf('foobar'.slice(0, length))))).toEqual(vectors);
    expect(vectors.map(decodeBase64)).toEqual(vectors.map((_, length) => octetsOf('foobar'.slice(0, length))));
  });

  it('encodes and decodes every one and every pair of octets as Buffer does', () => {
    for (let pair = 0; pair < 0x10000; pair++) {
      const octets = Uint8Array.of(pair >> 8, pair & 0xff).subarray(pair < 0x100 ? 1 : 0);
      const text = Buffer.from(octets).toString('base64');
      if (encodeBase64(octets) !== text) expect(encodeBase64(octets)).toBe(text);
      if (decodeBase64(text)?.join() !== octets.join()) expect(decodeBase64(text)).toEqual(octets);
    }
  });

  it('encodes and decodes octets of any length as Buffer does', () => {
    for (let length = 0; length < 200; length++) {
      const octets = octetsFrom(length, length);
      const text = Buffer.from(octets).toString('base64');
      expect(encodeBase64(octets)).toBe(text);
      expect(decodeBase64(text)).toEqual(octets);
    }
  });
});

describe('what is not base 64', () => {
  // shows RFC4954:4-21 RFC4954:4-22 RFC4954:8-4
  it('is all that no octets encode to: every string up to 8 of four characters', () => {
    for (const text of everyString('AB=+', 0, 8)) {
      const octets = Buffer.from(text, 'base64'); // lenient: takes what it can
      const strict = octets.toString('base64') === text;
      if ((decodeBase64(text) !== undefined) !== strict) expect({ text, accepted: !strict }).toEqual({ text, accepted: strict });
    }
  });

  it.each([
    ['padding left out (§3.2)', 'Zg'],
    ['padding left out in part', 'Zg='],
    ['padding that is not due', 'Zm9v===='],
    ['padding alone', '===='],
    ['padding in the middle', 'Zg==Zg=='],
    ['three characters of padding', 'Z==='],
    ['a single character', 'Z'],
    ['trailing bits that are not zero, of four (§3.5)', 'Zh=='],
    ['trailing bits that are not zero, of two', 'Zm9='],
    ['a space (§3.3)', 'Zm 9v==='],
    ['a line end', 'Zm9v\r\n'],
    ['a line end in place of characters', 'Zm9vYm\r\n'],
    ['the URL alphabet (§5)', '-_-_'],
    ['a character above ASCII', 'Zm9\u017f'],
    ['a NUL', 'Zm9\0'],
    ['the `*` that cancels an exchange (RFC 4954 §4)', '*'],
  ])('is rejected: %s', (_, text) => {
    expect(decodeBase64(text)).toBeUndefined();
  });

  it('is every character outside the alphabet, in every place', () => {
    for (let unit = 0; unit < 0x180; unit++) {
      const character = String.fromCharCode(unit);
      for (const text of [`${character}AAA`, `A${character}AA`, `AA${character}A`, `AAA${character}`]) {
        const wanted = /^[A-Za-z0-9+/]$/.test(character) || text === 'AAA=';
        const accepted = decodeBase64(text) !== undefined;
        if (accepted !== wanted) expect({ text, accepted }).toEqual({ text, accepted: wanted });
      }
    }
  });
});
