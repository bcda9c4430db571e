// Pieces of one run of octets, made one: a view where they stand one behind the other, else a copy.
//
// The copy is of all the run from the first piece on, in which each further piece is moved down to the end of those before it: so
// a piece is one call (`copyWithin`, 20 ns; `set` of a view 55). Where its octets are few they are moved one by one: content every
// line of which begins with a dot comes in pieces of two octets and more.

import { CR, DOT, EMPTY, LF } from './octet.ts';
import type { TextScan } from './text-scan.ts';

/** Octets that are moved one by one sooner than by a call. */
const FEW = 12;

export class Gathering {
  /** Octets gathered so far. */
  length = 0;
  #from = 0; //      of the first piece
  #copy = EMPTY; // from the second piece on

  /** Whether they are parted, so that they had to be copied. */
  get isCopy(): boolean {
    return this.#copy.length > 0;
  }

  /** Adds the octets from `from` to `to`, which stand behind those that were added before. */
  add(octets: Uint8Array, from: number, to: number): void {
    if (from === to) return;
    if (this.length === 0) this.#from = from;
    else if (this.isCopy || from > this.#from + this.length) {
      if (!this.isCopy) this.#copy = new Uint8Array(octets.subarray(this.#from));
      moveDown(this.#copy, this.length, from - this.#from, to - this.#from);
    }
    this.length += to - from;
  }

  /**
   * Adds the lines from `at` on that begin with a dot, each without it, up to one that has another octet there or none of text behind
   * it, holds one up to CR in front of its CRLF, or is longer than `limit`, CRLF counted, the dot not. Returns where that is.
   */
  addDotted(scan: TextScan, at: number, limit: number): number {
    const { octets } = scan;
    while (octets[at] === DOT) {
      const text = at + 1;
      const stop = scan.skip(text);
      if (stop === text || octets[stop] !== CR || octets[stop + 1] !== LF || stop + 2 - text > limit) break;
      at = stop + 2;
      this.add(octets, text, at);
    }
    return at;
  }

  /** Returns all of them, and has none then. */
  take(octets: Uint8Array): Uint8Array {
    const all = this.isCopy ? this.#copy.subarray(0, this.length) : octets.subarray(this.#from, this.#from + this.length);
    this.length = 0;
    this.#copy = EMPTY;
    return all;
  }
}

function moveDown(copy: Uint8Array, at: number, from: number, to: number): void {
  if (to - from > FEW) copy.copyWithin(at, from, to);
  else for (; from < to; from++, at++) copy[at] = copy[from] ?? 0;
}
