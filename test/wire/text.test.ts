import { describe, expect, it } from 'vitest';
import { skipText } from '../../src/wire/text.ts';

describe('text that is passed over', () => {
  it('ends in front of every octet up to CR, wherever it stands, and of no other', () => {
    for (let length = 0; length <= 20; length++) {
      for (let at = 0; at <= length; at++) {
        for (let stop = at; stop < length; stop++) {
          for (let octet = 0; octet <= 0xff; octet++) {
            const octets = new Uint8Array(length).fill(0x61);
            octets[stop] = octet;
            const wanted = octet <= 0x0d ? stop : length;
            const ends = skipText(octets, at);
            if (ends !== wanted) expect({ length, at, stop, octet, ends }).toMatchObject({ ends: wanted });
          }
        }
        expect(skipText(new Uint8Array(length).fill(0xff), at)).toBe(length);
      }
    }
  });
});
