// Content of mail that was just taken, kept in memory until it is first sent: most mail is sent at once, and need not be read
// back from the disk for that (measured: a tenth of what a relayed mail of 1 kB costs).
//
// Rule 1: what is not here, or not any more, is in the queue.
// Rule 2: the octets are those that were read from the client (measured: a copy besides costs 5 µs a mail), so what counts is
//         all of the memory that they keep: a small mail may have come in one read with others, each of which counts it.

import { Turns } from '../relay/turns.ts';

/** Octets of memory for one mail: two reads. */
const MOST_OF_A_MAIL = 131_072;

export class RecentContent {
  readonly #most: number;
  readonly #mails = new Map<string, readonly Uint8Array[]>();
  readonly #ids = new Turns<string>(); // of #mails, the oldest first
  #octets = 0;

  /** `most`: octets that are kept in all. */
  constructor(most = 16_777_216) {
    this.#most = most;
  }

  /** Keeps the content if it is not large. It must stay as it is. */
  keep(id: string, content: readonly Uint8Array[]): void {
    const octets = sizeOf(content);
    if (octets > MOST_OF_A_MAIL) return;
    this.take(id);
    this.#mails.set(id, content);
    this.#ids.add(id);
    this.#octets += octets;
    for (let oldest; this.#octets > this.#most && (oldest = this.#ids.take()) !== undefined; ) this.take(oldest);
  }

  /** Returns the content, once; undefined where it is not kept. */
  take(id: string): readonly Uint8Array[] | undefined {
    const content = this.#mails.get(id);
    if (content === undefined) return undefined;
    this.#mails.delete(id);
    this.#ids.delete(id);
    this.#octets -= sizeOf(content);
    return content;
  }
}

/** Octets of memory that the content keeps. */
function sizeOf(content: readonly Uint8Array[]): number {
  let size = 0;
  for (const [index, { buffer }] of content.entries()) if (buffer !== content[index - 1]?.buffer) size += buffer.byteLength;
  return size;
}
