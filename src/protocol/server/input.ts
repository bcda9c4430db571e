// Octets of the peer that were received and not looked at yet, segment by segment.

import { EMPTY } from '../../wire/octet.ts';

export class Input {
  /** The segment under way; it has been read up to `at`. */
  octets: Uint8Array = EMPTY;
  at = 0;
  #waiting: Uint8Array[] | undefined; // nearly always none do
  #next = 0; // of those that wait: to shift them one by one would be quadratic

  get empty(): boolean {
    return this.at >= this.octets.length;
  }

  push(octets: Uint8Array): void {
    if (octets.length === 0) return;
    if (!this.empty) (this.#waiting ??= []).push(octets);
    else {
      this.octets = octets;
      this.at = 0;
    }
  }

  /** The segment has been read up to `at`. */
  advance(at: number): void {
    this.at = at;
    if (!this.empty) return;
    this.octets = this.#waiting?.[this.#next] ?? EMPTY;
    this.at = 0;
    if (this.#waiting === undefined) return;
    this.#waiting[this.#next++] = EMPTY; // its owner may want the memory back
    if (this.#next < this.#waiting.length) return;
    this.#waiting = undefined;
    this.#next = 0;
  }
}
