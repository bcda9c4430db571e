// Content of mail that was just taken, kept in memory until it is first sent: most mail is sent at once, and need not be read
// back from the disk for that (measured: a tenth of what a relayed mail of 1 kB costs).
//
// Rule: this is a copy. What is not here, or not any more, is in the queue.

import { concat } from '../wire/octet.ts';

/** Octets of one mail. */
const MOST_OF_A_MAIL = 65_536;

export class RecentContent {
  readonly #most: number;
  readonly #mails = new Map<string, Uint8Array>(); // the oldest first
  #octets = 0;

  /** `most`: octets that are kept in all. */
  constructor(most = 16_777_216) {
    this.#most = most;
  }

  /** Hands the content on, and keeps it if it comes to its end and is not large. */
  async *pass(id: string, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    let pieces: Uint8Array[] | undefined = [];
    let size = 0;
    for await (const octets of content) {
      size += octets.length;
      if (size > MOST_OF_A_MAIL) pieces = undefined;
      pieces?.push(octets);
      yield octets;
    }
    if (pieces !== undefined) this.#keep(id, concat(pieces));
  }

  /** Returns the content, once; undefined where it is not kept. */
  take(id: string): Uint8Array | undefined {
    const octets = this.#mails.get(id);
    if (octets === undefined) return undefined;
    this.#mails.delete(id);
    this.#octets -= octets.length;
    return octets;
  }

  #keep(id: string, octets: Uint8Array): void {
    this.#mails.set(id, octets);
    this.#octets += octets.length;
    for (const oldest of this.#mails.keys()) {
      if (this.#octets <= this.#most) return;
      this.take(oldest);
    }
  }
}
