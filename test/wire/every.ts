// Everything that a decoder can be fed, when its alphabet is small: every string, every way to cut it.

import { Buffer } from 'node:buffer';
import { TIMES } from '../support/random.ts';

/** The longest strings of four characters, of which there are 4^8, where there is the time for them; and the longest that are cut in every way. */
export const LONGEST = { string: TIMES > 1 ? 8 : 7, inEveryWay: 6 };

/** Yields the strings over the alphabet up to the longest, each with the ways to cut it. */
export function* everyStringCut(alphabet: string): Generator<readonly [string, readonly Cuts[]]> {
  for (let length = 0; length <= LONGEST.string; length++) {
    const ways = length <= LONGEST.inEveryWay ? everyCut(length) : someCuts(length);
    for (const string of everyString(alphabet, length, length)) yield [string, ways];
  }
}

/** What `everyStringCut` goes through. */
export const EVERY_STRING_CUT = `every string up to ${LONGEST.inEveryWay} under every segmentation and up to ${LONGEST.string} whole, octet by octet and under every single cut`;

/** Yields the strings over the alphabet with a length in this range, shortest first. A string has a character for each octet. */
export function* everyString(alphabet: string, from: number, to: number): Generator<string> {
  let strings = [''];
  for (let length = 0; length <= to; length++) {
    if (length >= from) yield* strings;
    if (length < to) strings = strings.flatMap((string) => [...alphabet].map((character) => string + character));
  }
}

/**
 * Yields texts that are long enough for what looks at many octets at a time: each short string of the alphabet behind whole lines and
 * the beginning of another, which has each length up to two rounds of 16 octets, and in front of more lines. And ways to cut them.
 */
export function* everyStringInLines(alphabet: string): Generator<readonly [string, readonly Cuts[]]> {
  const filler = 'The quick brown fox\tjumps over the lazy d\xf6g';
  for (const head of ['', `${filler}\r\n`]) {
    for (let length = 0; length <= 33; length++) {
      const from = head.length + length;
      for (const string of everyString(alphabet, 1, 3)) {
        const text = `${head}${filler.slice(0, length)}${string}${filler}\r\n${filler.slice(length)}\r\n`;
        yield [text, [[], [from], [from + string.length]]];
      }
    }
  }
}

/** A way to cut octets: the indices, in order, at which a segment ends and another begins. */
export type Cuts = readonly number[];

/** Returns all 2^(length - 1) ways to cut so many octets, the uncut one first. */
export function everyCut(length: number): readonly Cuts[] {
  let all: Cuts[] = [[]];
  for (let at = 1; at < length; at++) all = all.flatMap((cuts) => [cuts, [...cuts, at]]);
  return all;
}

/** Returns the ways that are left when there are too many: whole, octet by octet, and each single cut. */
export function someCuts(length: number): readonly Cuts[] {
  const inside = Array.from({ length: Math.max(0, length - 1) }, (_, at) => at + 1);
  return [[], inside, ...inside.map((at) => [at])];
}

/** Returns the text cut in segments. Each lies in memory between line feeds, which would matter. */
export function cut(text: string, cuts: Cuts): Uint8Array[] {
  const segments: Uint8Array[] = [];
  for (let index = 0; index <= cuts.length; index++) {
    segments.push(amongLineFeeds(text, cuts[index - 1] ?? 0, cuts[index] ?? text.length));
  }
  return segments;
}

// A few million segments are needed, and to allocate memory for each took longer than to decode them.
let memory = new Uint8Array(0);
let used = 0;

function amongLineFeeds(text: string, from: number, to: number): Uint8Array {
  const begin = used + 1;
  used = begin + to - from;
  if (used >= memory.length) {
    memory = new Uint8Array(Math.max(0x10000, to - from + 2)).fill(0x0a);
    used = 0;
    return amongLineFeeds(text, from, to);
  }
  for (let at = from; at < to; at++) memory[begin + at - from] = text.charCodeAt(at);
  return memory.subarray(begin, used);
}

/** From so many octets on Buffer is faster, the call included. */
const FOREIGN = { octets: 200, text: 12 };

export function octetsOf(text: string): Uint8Array {
  if (text.length >= FOREIGN.octets) return new Uint8Array(Buffer.from(text, 'latin1')); // in memory of its own
  const octets = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) octets[at] = text.charCodeAt(at);
  return octets;
}

export function textOf(octets: Uint8Array): string {
  if (octets.length >= FOREIGN.text) return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1');
  let text = '';
  for (let at = 0; at < octets.length; at++) text += String.fromCharCode(octets[at] ?? 0);
  return text;
}
