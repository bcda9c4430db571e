// Passes lines on, whole: what several processes print goes into one stream, and a line of one never stands in the middle of
// another's.

import { concat } from '../wire/octet.ts';

const LF = 0x0a;

export class LineRelay {
  readonly #write: (octets: Uint8Array) => void;
  #rest: Uint8Array[] = []; // of a line

  constructor(write: (octets: Uint8Array) => void) {
    this.#write = write;
  }

  /** Writes what ends in a line end, in one piece, and keeps the rest. */
  take(octets: Uint8Array): void {
    const end = octets.lastIndexOf(LF) + 1;
    if (end > 0) {
      this.#write(this.#rest.length === 0 ? octets.subarray(0, end) : concat([...this.#rest, octets.subarray(0, end)]));
      this.#rest = [];
    }
    if (end < octets.length) this.#rest.push(octets.subarray(end));
  }

  /** The process has ended: what it began to say is a line too. */
  end(): void {
    if (this.#rest.length > 0) this.take(Uint8Array.of(LF));
  }
}
