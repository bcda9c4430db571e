import { describe, expect, it } from 'vitest';
import { REPAIR_EDGES, LineEndRepair, type RepairPlace } from '../../src/wire/line-end-repair.ts';
import { type Cuts, cut, everyCut, everyString, everyStringInLines, octetsOf, someCuts, textOf } from './every.ts';
import { edgesTaken, everyEdge } from './walk.ts';

const ALPHABET = '\r\n.a';

function repaired(text: string, cuts: Cuts): string {
  const repair = new LineEndRepair();
  const out = cut(text, cuts).map((segment) => textOf(repair.write(segment))).join('') + textOf(repair.end());
  return `${out}, ${repair.used}`;
}

/** In words: what stands as CRLF stays, and each CR and LF that is left over becomes one. */
function oracle(text: string): string {
  const out = text.replace(/\r\n|\r|\n/g, '\r\n');
  return `${out}, ${out !== text}`;
}

/** Compares by hand: `expect` is for the case that they differ. */
function agree(text: string, ways: readonly Cuts[]): void {
  const wanted = oracle(text);
  for (const cuts of ways) {
    const found = repaired(text, cuts);
    if (found !== wanted) expect({ text, cuts, found }).toEqual({ text, cuts, found: wanted });
  }
}

describe('line ends that are put right', () => {
  it('are the same for every string up to 5 under every segmentation, and of 6 under every single cut', () => {
    for (let length = 0; length <= 6; length++) {
      const ways = length < 6 ? everyCut(length) : someCuts(length);
      for (const text of everyString(ALPHABET, length, length)) agree(text, ways);
    }
  });

  it('are the same wherever CR or LF stands in long lines', () => {
    for (const [text, ways] of everyStringInLines(ALPHABET)) agree(text, ways);
  });

  it('take every edge of their table', () => {
    expect(edgesTaken<RepairPlace>(REPAIR_EDGES, 'text', ['\r', '\n', '\0', 'a'], 4)).toEqual(everyEdge(REPAIR_EDGES));
  });

  it('cost nothing where nothing is wrong: the very octets come out', () => {
    const octets = octetsOf('one line\r\nanother\r\n');
    expect(new LineEndRepair().write(octets)).toBe(octets);
  });

  // found by reading: all of them gave the same octet
  it('that a consumer writes into change no other', () => {
    const given = (): Uint8Array => {
      const repair = new LineEndRepair();
      repair.write(octetsOf('\r'));
      return repair.end();
    };
    given().fill(0);
    expect(given()).toEqual(octetsOf('\n'));
  });
});
