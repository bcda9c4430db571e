// How a segment is read from the disk: a piece at a time, so that a start needs no memory for all that waits (measured for 250 MB
// of it: 470 MB in place of 690). Where it holds anything but records, and zeros behind them, it is read once more and all at
// once: what follows decides what that is (relay/queue/segment.ts). What was read before counts either way, and twice is as once.

import type { Checksum } from '../relay/queue/checksum.ts';
import { HEADER, readHeader, readRecord, type StoredRecord } from '../relay/queue/record.ts';
import { readSegment, type SegmentReading } from '../relay/queue/segment.ts';
import { EMPTY } from '../wire/octet.ts';
import type { Disk } from './disk.ts';

export interface SegmentFile {
  readonly disk: Pick<Disk, 'read'>;
  readonly path: string;
  readonly secret: number; // the segment's
  /** It has no successor. */
  readonly last: boolean;
  readonly checksum: Checksum;
}

/** Octets that are read at a time. */
const PIECE = 4_194_304;

/** Octets of a record up to which it is read by itself: what says that it is longer may have decayed. */
const MOST_OF_A_RECORD = 67_108_864;

/** Calls back for each record that counts. `octets`: all of the segment, where it is not whole. */
export async function readSegmentFile(file: SegmentFile, each: (record: StoredRecord, at: number) => void, piece = PIECE): Promise<SegmentReading & { readonly octets: Uint8Array }> {
  const end = await readSound(file, each, piece);
  if (await isZeros(file, end, piece)) return { state: 'whole', end, used: end, octets: EMPTY };
  const { disk, path, secret, last, checksum } = file;
  const octets = await disk.read(path);
  return { ...readSegment(octets, secret, last, checksum, each), octets };
}

/** Returns the octets up to which there is nothing but records. */
async function readSound({ disk, path, secret, checksum }: SegmentFile, each: (record: StoredRecord, at: number) => void, piece: number): Promise<number> {
  let [begin, length, sequence] = [0, piece, 0];
  for (;;) {
    const octets = await disk.read(path, begin, length);
    let at = 0;
    for (;;) {
      const record = readRecord(octets, at, secret, checksum);
      if (record?.sequence !== sequence >>> 0) break;
      each(record, begin + at);
      at += HEADER + record.payload.length;
      sequence += 1;
    }
    begin += at;
    if (octets.length < length) return begin; // the file ends there
    const needed = HEADER + (readHeader(octets, at, secret)?.length ?? 0);
    if (at === 0 && (needed <= length || needed > MOST_OF_A_RECORD)) return begin;
    length = at === 0 ? needed : piece;
  }
}

async function isZeros({ disk, path }: SegmentFile, from: number, piece: number): Promise<boolean> {
  for (let at = from; ; at += piece) {
    const octets = await disk.read(path, at, piece);
    if (octets.some((octet) => octet !== 0)) return false;
    if (octets.length < piece) return true;
  }
}
