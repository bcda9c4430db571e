// The one fast path of the machines for content: within a line only CR and LF matter, so pass over all that cannot be either.
//
// It stops at whichever comes first. To look for each with `indexOf` takes lines of 76 octets at a quarter of the speed, at half
// where the octets are a Buffer of Node's, and both answers would have to be remembered: a megabyte of one without the other
// takes quadratic time if they are not.

import { CR } from './octet.ts';

/**
 * Returns the index, from `at` on, of the first octet that may be CR or LF, that is of any up to CR; or the length.
 *
 * The plain form, of which `TextScan` is the fast one.
 */
export function skipText(octets: Uint8Array, at: number): number {
  while (at < octets.length && isText(octets[at])) at++;
  return at;
}

function isText(octet: number | undefined): boolean {
  return octet !== undefined && octet > CR;
}

/** In each octet of a word: one more than CR, and the highest bit. */
const ABOVE_CR = 0x0e0e0e0e;
const HIGHEST_BITS = 0x80808080 | 0;

/** Whether the first octet of a word is its lowest, so that the lowest bit tells the first octet. */
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

const NO_WORDS = new Int32Array(0);

/** Octets that are worth a view of words. */
const SHORTEST = 64;

/**
 * `skipText` over one run of octets, four octets to a word, four words to a round: the data decoder takes lines of 76 octets at
 * 2,700 MB/s in a run in which it does at 490 octet by octet, lines of 998 at 4,700. It keeps the octets from being freed.
 *
 * Of a word less 0x0e in each octet the highest bit of an octet is set where the octet was below that, or above 0x8d, or where
 * the one before it was below; the second is ruled out by the word's own bit, the third by taking the lowest.
 */
export class TextScan {
  readonly octets: Uint8Array;
  readonly #first: number; // index of the first octet that begins a word
  readonly #words: Int32Array;

  constructor(octets: Uint8Array) {
    const first = -octets.byteOffset & 3;
    this.octets = octets;
    this.#first = first;
    this.#words = LITTLE_ENDIAN && octets.length >= SHORTEST ? new Int32Array(octets.buffer, octets.byteOffset + first, (octets.length - first) >> 2) : NO_WORDS;
  }

  /** As `skipText`. */
  skip(at: number): number {
    const first = this.#first;
    const words = this.#words;
    let word = (at - first) >> 2;
    if (word < 0 || word >= words.length) return skipText(this.octets, at); // in front of the first word, or behind the last
    const inBegun = found((words[word] ?? 0) | passed((at - first) & 3));
    if (inBegun !== 0) return first + (word << 2) + firstOctet(inBegun);
    word++;
    for (; word + 3 < words.length; word += 4) {
      const one = words[word] ?? 0;
      const two = words[word + 1] ?? 0;
      const three = words[word + 2] ?? 0;
      const four = words[word + 3] ?? 0;
      if (mayStop(one, two, three, four)) {
        const inOne = found(one);
        if (inOne !== 0) return first + (word << 2) + firstOctet(inOne);
        const inTwo = found(two);
        if (inTwo !== 0) return first + (word << 2) + 4 + firstOctet(inTwo);
        const inThree = found(three);
        if (inThree !== 0) return first + (word << 2) + 8 + firstOctet(inThree);
        const inFour = found(four);
        if (inFour !== 0) return first + (word << 2) + 12 + firstOctet(inFour);
      }
    }
    return skipText(this.octets, first + (word << 2));
  }
}

/** False where all octets of the words are ASCII above CR, as most are: two operations for a word in place of three. */
function mayStop(one: number, two: number, three: number, four: number): boolean {
  return (((one - ABOVE_CR) | (two - ABOVE_CR) | (three - ABOVE_CR) | (four - ABOVE_CR)) & HIGHEST_BITS) !== 0;
}

/** The highest bit of each octet of a word that is up to CR; and maybe of one that such a one is in front of. */
function found(word: number): number {
  return ((word - ABOVE_CR) | 0) & ~word & HIGHEST_BITS;
}

/** Octets above CR in place of the first ones of a word, which were passed already. */
function passed(octets: number): number {
  return octets === 0 ? 0 : 0x7f7f7f >>> (24 - 8 * octets);
}

/** Which octet of a word the lowest bit stands in. */
function firstOctet(bits: number): number {
  return (31 - Math.clz32(bits & -bits)) >> 3;
}
