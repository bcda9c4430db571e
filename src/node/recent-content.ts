// Content of mail that was just taken, kept in memory until it is first sent: most mail is sent at once, and need not be read
// back from the disk for that (measured: a tenth of what a relayed mail of 1 kB costs).
//
// Rule 1: what is not here, or not any more, is in the queue.
// Rule 2: the octets are those that were read from the client (measured: a copy besides costs 5 µs a mail), so what counts is
//         all of the memory that they keep: a small mail may have come in one read with others, each of which counts it.

import type { QueuedMail } from '../relay/queue/port.ts';

/** Octets of memory for one mail: two reads. */
const MOST_OF_A_MAIL = 131_072;

/** Mails that are kept. Those that outlive a collection or two cost the most, whatever their size (measured: 3,000 of 1 kB made a durable mail 10 µs dearer). */
const MOST_MAILS = 700;

/** What somebody has made of the text of the envelope; it need not be made anew for the first attempt. */
export type Paths = Pick<QueuedMail, 'reversePath' | 'forwardPaths'>;

interface Kept {
  readonly content: readonly Uint8Array[];
  readonly paths: Paths;
  readonly octets: number; // of memory
}

export class RecentContent {
  readonly #most: number;
  #mails = new Map<string, Kept>(); // at most half of what is kept
  #older = new Map<string, Kept>(); // dropped as a whole: to find the oldest each time, and to delete it, cost 3 µs a mail
  #octets = 0; // of `#mails`

  /** `most`: octets that are kept in all. Few: what waits for longer than a moment waits for long, and old objects cost the collector more than a read costs the disk. */
  constructor(most = 4_194_304) {
    this.#most = most;
  }

  /** Keeps the content if it is not large. It must stay as it is. */
  keep(id: string, content: readonly Uint8Array[], paths: Paths): void {
    const octets = memoryOf(content);
    if (octets > MOST_OF_A_MAIL) return;
    this.take(id);
    if (this.#octets + octets > this.#most / 2 || this.#mails.size === MOST_MAILS / 2) [this.#older, this.#mails, this.#octets] = [this.#mails, new Map(), 0];
    this.#mails.set(id, { content, octets, paths });
    this.#octets += octets;
  }

  /** Returns the paths of a mail whose content is kept. */
  paths(id: string): Paths | undefined {
    return (this.#mails.get(id) ?? this.#older.get(id))?.paths;
  }

  /** Returns the content, once; undefined where it is not kept. */
  take(id: string): readonly Uint8Array[] | undefined {
    const kept = this.#mails.get(id);
    if (kept === undefined) {
      const older = this.#older.get(id);
      if (older !== undefined) this.#older.delete(id);
      return older?.content;
    }
    this.#mails.delete(id);
    this.#octets -= kept.octets;
    return kept.content;
  }
}

/** Octets of memory that the content keeps. */
function memoryOf(content: readonly Uint8Array[]): number {
  let size = 0;
  let last: unknown;
  for (const { buffer } of content) {
    if (buffer !== last) size += buffer.byteLength;
    last = buffer;
  }
  return size;
}
