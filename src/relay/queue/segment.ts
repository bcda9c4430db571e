// How a segment of the journal is read: record after record, up to the first octets that are none.
//
// What follows such octets decides what they are. A batch is acknowledged only when all of it is durable, and what is written
// after that says so in its watermark. So where a later record has a watermark above the place, the octets there were durable
// once and have decayed: `corrupt`. Where none has, they are a batch that a crash tore, of which nobody was told: `torn`.
//
// Rule 1: of a torn segment, the records up to the tear count, those behind it do not.
// Rule 2: of a corrupt segment all records count that can be found: each is a fact on its own, and facts need no order.
// Rule 3: a segment that has a successor was durable as a whole before that one was made: it cannot be torn, only corrupt.
// Rule 4: zeros up to the end are room that was made for records to come (segment-log.ts), and no octets at all here. What a
//         crash left of a batch in that room is torn like any other; where it left nothing, there is nothing to cut off.
// Rule 5: the search takes time linear in the segment, whatever strangers had put into it: without the secret nobody can
//         make more than one place in 65,536 look like a record.

import type { Checksum } from './checksum.ts';
import { HEADER, nextMark, readRecord } from './record.ts';
import type { StoredRecord } from './record.ts';

export interface SegmentReading {
  readonly state: 'whole' | 'torn' | 'corrupt';
  /** Octets up to which there is nothing but records. */
  readonly end: number;
  /** Octets up to which there is anything but zeros. */
  readonly used: number;
}

/** Reads a segment, and calls back for each record that counts, with a view of `octets`. `last`: it has no successor, so it may be torn. */
export function readSegment(octets: Uint8Array, secret: number, last: boolean, checksum: Checksum, each: (record: StoredRecord, at: number) => void): SegmentReading {
  let at = 0;
  let sequence = 0;
  for (;;) {
    const record = readRecord(octets, at, secret, checksum);
    if (record?.sequence !== sequence >>> 0) break;
    each(record, at);
    at += HEADER + record.payload.length;
    sequence += 1;
  }
  const end = at;
  let used = octets.length;
  while (used > end && octets[used - 1] === 0) used -= 1;
  if (end === used) return { state: 'whole', end, used };

  const found: { readonly at: number; readonly record: StoredRecord }[] = [];
  let watermark = 0;
  for (at = end + 1; (at = nextMark(octets, at, secret)) < octets.length; ) {
    const record = readRecord(octets, at, secret, checksum);
    if (record === undefined || record.sequence < sequence || record.watermark > at) {
      at += 1;
      continue;
    }
    found.push({ at, record });
    watermark = record.watermark; // the last one has the highest
    at += HEADER + record.payload.length;
    sequence = record.sequence + 1;
  }
  if (last && watermark <= end) return { state: 'torn', end, used };
  for (const { at, record } of found) each(record, at);
  return { state: 'corrupt', end, used };
}
