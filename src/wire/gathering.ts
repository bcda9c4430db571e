// Pieces of one run of octets, made one: a view where there is only one piece, else a copy.
//
// Octets of a piece are copied one by one where they are few: content every line of which begins with a dot comes in pieces of
// two octets and more, and a call for each costs as much as thirty octets.

import { EMPTY } from './octet.ts';

/** Octets that are copied one by one sooner than by a call. */
const FEW = 32;

export class Gathering {
  /** Octets gathered so far. */
  length = 0;
  #from = 0; //      of the first piece
  #copy = EMPTY; // from the second piece on

  /** Adds the octets from `from` to `to`, which stand behind those that were added before. */
  add(octets: Uint8Array, from: number, to: number): void {
    if (from === to) return;
    if (this.length === 0) this.#from = from;
    else {
      if (this.#copy.length === 0) this.#begin(octets);
      append(this.#copy, this.length, octets, from, to);
    }
    this.length += to - from;
  }

  /** Returns all of them, and has none then. */
  take(octets: Uint8Array): Uint8Array {
    const all = this.#copy.length === 0 ? octets.subarray(this.#from, this.#from + this.length) : this.#copy.subarray(0, this.length);
    this.length = 0;
    this.#copy = EMPTY;
    return all;
  }

  /** Copies the first piece, with room for all that can follow. */
  #begin(octets: Uint8Array): void {
    this.#copy = new Uint8Array(octets.length - this.#from);
    append(this.#copy, 0, octets, this.#from, this.#from + this.length);
  }
}

function append(copy: Uint8Array, at: number, octets: Uint8Array, from: number, to: number): void {
  if (to - from > FEW) copy.set(octets.subarray(from, to), at);
  else for (; from < to; from++, at++) copy[at] = octets[from] ?? 0;
}
