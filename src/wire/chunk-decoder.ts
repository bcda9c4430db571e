// The octets of one BDAT chunk (RFC 3030 §2): so many, whatever they are. No transparency, no lines, no end mark.
//
// Rule 1: Exactly `size` octets are consumed, under any segmentation; the next one is the first of a command line.
// Rule 2: Nothing is kept and nothing is copied.

import { EMPTY } from './octet.ts';
import { shown, UsageError } from './usage.ts';

/** Reads the octets of one BDAT chunk (RFC 3030 §2). */
export class ChunkDecoder {
  /** What the last `read` found: a view of the octets given, valid as long as they are. */
  content: Uint8Array = EMPTY;
  /** Octets of the chunk that are still to come. */
  remaining: number;

  /** `size` is the chunk-size, in octets. Throws UsageError for what is no whole number: `parseCommand` lets no such BDAT through. */
  constructor(size: number) {
    if (!Number.isSafeInteger(size) || size < 0) throw new UsageError(`a chunk has a whole number of octets, not ${shown(size)}`);
    this.remaining = size;
  }

  /** True as soon as all octets of the chunk have been read: at once for `BDAT 0 LAST`. */
  get ended(): boolean {
    return this.remaining === 0;
  }

  /** Reads from `at`, to the end of the chunk or of the octets; returns the index of the first octet not consumed. */
  read(octets: Uint8Array, at: number): number {
    const end = Math.min(octets.length, at + this.remaining);
    this.content = octets.subarray(at, end);
    this.remaining -= end - at;
    return end;
  }
}
