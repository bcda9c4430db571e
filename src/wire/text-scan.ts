// The one fast path of the machines for content: within a line only CR and LF matter, so pass over all that cannot be either.
//
// It stops at whichever comes first. To look for each with `indexOf` takes lines of 76 octets at a quarter of the speed, at half
// where the octets are a Buffer of Node's, and both answers would have to be remembered: a megabyte of one without the other
// takes quadratic time if they are not.

import { CR, LF } from './octet.ts';

/**
 * Returns the index, from `at` on, of the first octet that may be CR or LF, that is of any up to CR; or the length.
 *
 * The plain form, of which `TextScan` is the fast one.
 */
export function skipText(octets: Uint8Array, at: number): number {
  while (at < octets.length && isAboveCr(octets[at])) at++;
  return at;
}

/**
 * Returns the start, from that of a line at `at` on, of the first line that is not whole, or is longer than the limit, CRLF counted,
 * or begins with the special octet or one up to CR, or has one up to CR in front of its CRLF: all those before it are lines within
 * which nothing is to be looked at.
 *
 * The plain form; `TextScan` has the fast one.
 */
export function skipLines(octets: Uint8Array, at: number, limit: number, special: number): number {
  for (;;) {
    const stop = skipText(octets, at);
    if (stop === at || octets[at] === special || octets[stop] !== CR || octets[stop + 1] !== LF || stop + 2 - at > limit) return at;
    at = stop + 2;
  }
}

/** Returns the index, from `at` on, of the first octet that is not the one at `at`; or the length. */
export function skipRun(octets: Uint8Array, at: number): number {
  const octet = octets[at];
  while (at < octets.length && octets[at] === octet) at++;
  return at;
}

function isAboveCr(octet: number | undefined): boolean {
  return octet !== undefined && octet > CR;
}

/** In each octet of a word: one more than CR, and the highest bit. */
const ABOVE_CR = 0x0e0e0e0e;
const HIGHEST_BITS = 0x80808080 | 0;

/** CR and LF, as a number of two octets. */
const CRLF = 0x0d0a;

/** Octets of a round, of four words. */
const ROUND = 16;

/** Octets that are worth a view of words. */
const SHORTEST = 64;

const NO_WORDS = new DataView(new ArrayBuffer(0));

/**
 * `skipText` and `skipLines` over one run of octets, four octets to a word, four words to a round: the data decoder takes lines of
 * 78 octets at 4,300 MB/s in a run in which it does at 490 octet by octet, lines of 998 at 5,900. It keeps the octets from being
 * freed.
 *
 * The words are those of a DataView, which may begin at any octet: so lines of one length are all read alike, which the processor
 * learns. (Words of an Int32Array begin at each fourth octet: 3,600 MB/s.)
 */
export class TextScan {
  readonly octets: Uint8Array;
  readonly #words: DataView;

  constructor(octets: Uint8Array) {
    this.octets = octets;
    this.#words = octets.length >= SHORTEST ? new DataView(octets.buffer, octets.byteOffset, octets.length) : NO_WORDS;
  }

  /** As `skipText`. */
  skip(at: number): number {
    const words = this.#words;
    for (const last = words.byteLength - ROUND; at <= last; at += ROUND) {
      if (isText(words, at)) continue;
      const stop = stopIn(words, at);
      if (stop < ROUND) return at + stop;
    }
    return skipText(this.octets, at);
  }

  /**
   * As `skipLines`; but it stops in front of a line that the last round reaches into, so that what is left is passed over line by line.
   *
   * Its own loop over rounds, since one call of `skip` for each line takes away most of the gain.
   */
  skipLines(at: number, limit: number, special: number): number {
    const words = this.#words;
    const length = words.byteLength;
    const last = length - ROUND;
    while (at <= last) {
      const octet = words.getUint8(at);
      if (octet <= CR || octet === special) break;
      let end = at;
      let stop = ROUND;
      for (; end <= last; end += ROUND) {
        if (isText(words, end)) continue;
        stop = stopIn(words, end);
        if (stop < ROUND) break;
      }
      end += stop + 2;
      if (end > length || end - at > limit || words.getUint16(end - 2) !== CRLF) break;
      at = end;
    }
    return at;
  }
}

/** Whether all octets of a round are ASCII above CR, as most are: two operations for a word, three to find those that are not. */
function isText(words: DataView, at: number): boolean {
  const one = words.getInt32(at, true) - ABOVE_CR;
  const two = words.getInt32(at + 4, true) - ABOVE_CR;
  const three = words.getInt32(at + 8, true) - ABOVE_CR;
  const four = words.getInt32(at + 12, true) - ABOVE_CR;
  return ((one | two | three | four) & HIGHEST_BITS) === 0;
}

/** Which octet of a round is the first up to CR; the length of a round, if none is. */
function stopIn(words: DataView, at: number): number {
  const inOne = found(words.getInt32(at, true));
  if (inOne !== 0) return firstOctet(inOne);
  const inTwo = found(words.getInt32(at + 4, true));
  if (inTwo !== 0) return 4 + firstOctet(inTwo);
  const inThree = found(words.getInt32(at + 8, true));
  if (inThree !== 0) return 8 + firstOctet(inThree);
  const inFour = found(words.getInt32(at + 12, true));
  return inFour !== 0 ? 12 + firstOctet(inFour) : ROUND;
}

/**
 * The highest bit of each octet of a word that is up to CR; and maybe of one that such a one is in front of.
 *
 * Of a word less 0x0e in each octet the highest bit of an octet is set where the octet was below that, or above 0x8d, or where
 * the one before it was below; the second is ruled out by the word's own bit, the third by taking the lowest.
 */
function found(word: number): number {
  return ((word - ABOVE_CR) | 0) & ~word & HIGHEST_BITS;
}

/** Which octet of a word, of which the first is its lowest, the lowest bit stands in. */
function firstOctet(bits: number): number {
  return (31 - Math.clz32(bits & -bits)) >> 3;
}
