// Pieces of octets on their way out: large ones as views, small ones copied together. A piece costs as much as a thousand octets of it
// wherever it comes, and content every line of which begins with a dot would be nothing but pieces.

import { CR, DOT, LF } from './octet.ts';
import type { TextScan } from './text-scan.ts';

/** Octets of a piece that is handed on as a view, and more. */
export const LARGE = 4_096;

/** Octets that are copied one by one sooner than by a call, which takes 100 ns. */
const FEW = 32;

/** Octets that are copied together. */
const MOST = 16_384;

export class Pieces {
  #views: Uint8Array[] = [];
  #copy: Uint8Array | undefined; // behind them, if there is one,
  #length = 0; //                   of which so many octets are in use

  /** Adds the octets from `from` to `to`. At most `left` are to be added behind them. */
  add(octets: Uint8Array, from: number, to: number, left: number): void {
    const length = to - from;
    if (length === 0) return;
    if (length >= LARGE || (left === 0 && this.#copy === undefined)) {
      this.#close();
      this.#views.push(octets.subarray(from, to));
      return;
    }
    put(this.#room(length, left), this.#length, octets, from, to);
    this.#length += length;
  }

  /**
   * Adds the lines from `at` on that begin with a dot, each with one more, up to one that does not, holds an octet up to CR in front of
   * its CRLF, or is large. Returns where that is. At most `left` octets are to be added for those from `at` on.
   */
  addDotted(scan: TextScan, at: number, left: number): number {
    const { octets } = scan;
    while (octets[at] === DOT) {
      const stop = scan.skip(at + 1);
      if (octets[stop] !== CR || octets[stop + 1] !== LF || stop - at > LARGE) break;
      const copy = this.#room(stop + 3 - at, left);
      copy[this.#length] = DOT;
      put(copy, this.#length + 1, octets, at, stop + 2);
      this.#length += stop + 3 - at;
      at = stop + 2;
    }
    return at;
  }

  /** Returns all of them, in their order, and has none then. */
  take(): Uint8Array[] {
    this.#close();
    const views = this.#views;
    this.#views = [];
    return views;
  }

  /** The copy, with room for so many octets, and for `left` behind them or as many of these as are copied together. */
  #room(length: number, left: number): Uint8Array {
    if (this.#copy === undefined || this.#length + length > this.#copy.length) {
      this.#close();
      this.#copy = new Uint8Array(Math.min(MOST, length + left));
    }
    return this.#copy;
  }

  /** What comes now is no part of the copy. */
  #close(): void {
    if (this.#copy === undefined) return;
    this.#views.push(this.#copy.subarray(0, this.#length));
    this.#copy = undefined;
    this.#length = 0;
  }
}

/** Copies the octets from `from` to `to` into `copy`, from `at` on. */
function put(copy: Uint8Array, at: number, octets: Uint8Array, from: number, to: number): void {
  if (to - from > FEW) copy.set(octets.subarray(from, to), at);
  else for (; from < to; from++, at++) copy[at] = octets[from] ?? 0;
}
