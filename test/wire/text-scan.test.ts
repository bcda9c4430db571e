import { describe, expect, it } from 'vitest';
import { skipLines, skipText, TextScan } from '../../src/wire/text-scan.ts';
import { randomOf } from '../support/random.ts';
import { everyStringInLines, octetsOf } from './every.ts';

/** Octets of text that make a run long enough for the fast form, behind or in front of what is looked at. */
const ENOUGH = 64;

/** Both forms, over a view that begins so many octets behind a word. */
const FORMS: readonly (readonly [string, (octets: Uint8Array, at: number) => number])[] = [
  ['octet by octet', skipText],
  ...[0, 1, 2, 3].map((offset) => [`in words, ${offset} behind one`, (octets: Uint8Array, at: number) => new TextScan(moved(octets, offset)).skip(at)] as const),
];

function moved(octets: Uint8Array, offset: number): Uint8Array {
  const view = new Uint8Array(octets.length + offset + 1).fill(0x0a).subarray(offset, offset + octets.length);
  view.set(octets);
  return view;
}

describe.each(FORMS)('text that is passed over %s', (_, skip) => {
  it('ends in front of every octet up to CR, wherever it stands, and of no other', () => {
    for (const length of [...Array(21).keys(), 32, 37].flatMap((short) => [short, short + ENOUGH])) {
      const from = length < ENOUGH ? 0 : ENOUGH;
      for (let at = from; at <= length; at += length - from > 20 ? 5 : 1) {
        for (let stop = at; stop < length; stop++) {
          for (const octet of [0, 1, 9, 0x0a, 0x0c, 0x0d, 0x0e, 0x0f, 0x20, 0x7f, 0x80, 0x8c, 0x8d, 0x8e, 0xff]) {
            const octets = new Uint8Array(length).fill(0x61);
            octets[stop] = octet;
            const wanted = octet <= 0x0d ? stop : length;
            const ends = skip(octets, at);
            if (ends !== wanted) expect({ length, at, stop, octet, ends }).toMatchObject({ ends: wanted });
          }
        }
        expect(skip(new Uint8Array(length).fill(0xff), at)).toBe(length);
      }
    }
  });
});

describe('the fast form', () => {
  it('ends where the plain one does, in any octets, for each of 256 values in each place of a word beside each other', () => {
    for (let first = 0; first <= 0xff; first++) {
      for (let second = 0; second <= 0xff; second++) {
        const octets = new Uint8Array(ENOUGH).fill(0x61);
        const place = 13 + (first & 3);
        octets[place] = first;
        octets[place + 1] = second;
        const [plain, fast] = [skipText(octets, 0), new TextScan(octets).skip(0)];
        if (plain !== fast) expect({ first, second, fast }).toMatchObject({ fast: plain });
      }
    }
  });

  it('and goes on over one run from any place to any other', () => {
    const random = randomOf(7);
    const octets = Uint8Array.from({ length: 3_000 }, () => (random.chance(0.02) ? random.below(14) : 14 + random.below(242)));
    const scan = new TextScan(octets);
    for (let at = 0; at <= octets.length; at++) if (scan.skip(at) !== skipText(octets, at)) expect({ at, fast: scan.skip(at) }).toMatchObject({ fast: skipText(octets, at) });
  });
});

describe('whole lines that are passed over', () => {
  it('end where the plain form ends them, or in front of the last octets, and the plain form goes on from there to the same end', () => {
    for (const [text] of everyStringInLines('\r\n.a')) {
      const octets = octetsOf(text);
      for (const limit of [2, 45, 46, 47, Infinity]) {
        const plain = skipLines(octets, 0, limit, 0x2e);
        const fast = new TextScan(octets).skipLines(0, limit, 0x2e);
        const near = fast === plain || (fast < plain && plain - fast < 16 && octets.length - fast < ENOUGH);
        if (!near || skipLines(octets, fast, limit, 0x2e) !== plain) expect({ text, limit, fast }).toMatchObject({ fast: plain });
      }
    }
  });

  it('are none of few octets', () => {
    const octets = octetsOf('a\r\n'.repeat(5));
    expect(skipLines(octets, 0, Infinity, 0x2e)).toBe(15);
    expect(new TextScan(octets).skipLines(0, Infinity, 0x2e)).toBe(0);
  });
});
