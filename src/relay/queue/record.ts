// A record of the journal: a header of 20 octets, then the payload. Numbers of the header are big-endian.
//
//   at  octets
//    0       2  mark       0x454a ("EJ") under the upper half of the secret
//    2       1  type       one of `RECORD_TYPES`, by its number
//    3       1  flags      1: the content holds octets above 0x7f; 2: the content stands in a file of its own; 4: the envelope
//                          has parameters; 8: a list of those follows of whose delay the sender has been told
//    4       4  length     of the payload, in octets
//    8       4  sequence   records before this one in its segment, modulo 2 ** 32
//   12       4  watermark  octets of the segment that were known to be durable when this record was written
//   16       4  checksum   CRC-32 of the payload and then of the 16 octets above, under the secret
//
// Rule 1: the payload goes into the checksum before the header, so that a record can be written whose length is known last.
// Rule 2: both the mark and the checksum are combined (exclusive or) with a secret of the queue and the segment. Content comes
//         from strangers, and one who wrote a record into a mail must not have it taken for ours when a reader, behind
//         octets that have decayed, looks for the next record. It also tells our records from those of an older file
//         whose blocks the disk gave us again.
//
// What payloads hold is in fact.ts; how a segment is read whose end is torn or whose middle has decayed, in segment.ts.

import type { Checksum } from './checksum.ts';

/** What a type says is in fact.ts. The number of a type is its place here plus one: append, never insert. */
export const RECORD_TYPES = ['SEG', 'ENQ', 'RES', 'ATT', 'STATE', 'HOLD', 'KILL'] as const;
export type RecordType = (typeof RECORD_TYPES)[number];

export const FLAGS = { eightBit: 1, external: 2, parameters: 4, warned: 8 } as const;

/** Octets of the header. */
export const HEADER = 20;
const CHECKED = 16; // octets of the header that the checksum covers

const MARK = 0x454a;

/** A record in the making: its payload is complete, its place in a segment not known. */
export interface Draft {
  readonly type: RecordType;
  readonly flags: number;
  /** The header, yet to be written, and the payload, or how it begins. */
  readonly octets: Uint8Array;
  /** How it goes on. */
  readonly behind: readonly Uint8Array[];
  /** Octets of the payload. */
  readonly length: number;
  /** Checksum of the payload. */
  readonly checksum: number;
}

/** What the place of a record says about it. */
export interface RecordPlace {
  readonly secret: number;
  readonly sequence: number;
  readonly watermark: number;
}

export interface StoredRecord {
  readonly type: RecordType;
  readonly flags: number;
  readonly sequence: number;
  readonly watermark: number;
  /** A view of the octets that were read. */
  readonly payload: Uint8Array;
}

/** Returns the draft of a record whose payload is what stands in `octets` behind the room for the header, and then the others. */
export function draft(type: RecordType, flags: number, octets: Uint8Array, behind: readonly Uint8Array[], checksum: Checksum): Draft {
  let length = octets.length - HEADER;
  let sum = checksum(octets.subarray(HEADER));
  for (const each of behind) {
    length += each.length;
    sum = checksum(each, sum);
  }
  return { type, flags, octets, behind, length, checksum: sum };
}

/** Writes the header of a draft. Its octets, and those behind, are then a record, for this place and no other. */
export function seal({ type, flags, octets, length, checksum: ofPayload }: Draft, { secret, sequence, watermark }: RecordPlace, checksum: Checksum): void {
  const mark = MARK ^ (secret >>> 16);
  octets[0] = mark >>> 8;
  octets[1] = mark;
  octets[2] = RECORD_TYPES.indexOf(type) + 1;
  octets[3] = flags;
  write32(octets, 4, length); // not by a DataView: that is one more object for each record
  write32(octets, 8, sequence);
  write32(octets, 12, watermark);
  write32(octets, 16, checksum(octets.subarray(0, CHECKED), ofPayload) ^ secret);
}

function write32(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >>> 24;
  octets[at + 1] = value >>> 16;
  octets[at + 2] = value >>> 8;
  octets[at + 3] = value;
}

/** What a header says before its checksum is known to be right. */
export interface Header {
  readonly type: RecordType;
  readonly flags: number;
  readonly length: number;
  readonly sequence: number;
  readonly watermark: number;
}

/** Returns the header that stands at `at`, unchecked; undefined where none can stand. */
export function readHeader(octets: Uint8Array, at: number, secret: number): Header | undefined {
  if (at + HEADER > octets.length) return undefined;
  const header = new DataView(octets.buffer, octets.byteOffset + at, HEADER);
  if (header.getUint16(0) !== (MARK ^ (secret >>> 16))) return undefined;
  const type = RECORD_TYPES[header.getUint8(2) - 1];
  if (type === undefined) return undefined;
  return { type, flags: header.getUint8(3), length: header.getUint32(4), sequence: header.getUint32(8), watermark: header.getUint32(12) };
}

/** Tells whether the header, given as its octets, agrees with the checksum of the payload. */
export function isSound(header: Uint8Array, ofPayload: number, secret: number, checksum: Checksum): boolean {
  const view = new DataView(header.buffer, header.byteOffset, HEADER);
  return view.getUint32(16) === (checksum(header.subarray(0, CHECKED), ofPayload) ^ secret) >>> 0;
}

/** Returns the record that stands at `at`, whole and with a right checksum; undefined where none does. */
export function readRecord(octets: Uint8Array, at: number, secret: number, checksum: Checksum): StoredRecord | undefined {
  const header = readHeader(octets, at, secret);
  if (header === undefined || at + HEADER + header.length > octets.length) return undefined;
  const payload = octets.subarray(at + HEADER, at + HEADER + header.length);
  if (!isSound(octets.subarray(at, at + HEADER), checksum(payload), secret, checksum)) return undefined;
  const { type, flags, sequence, watermark } = header;
  return { type, flags, sequence, watermark, payload };
}

/** Returns the first place, from `at` on, where a record may begin; the length where there is none. */
export function nextMark(octets: Uint8Array, at: number, secret: number): number {
  const mark = MARK ^ (secret >>> 16);
  for (let next = octets.indexOf(mark >>> 8, at); next >= 0; next = octets.indexOf(mark >>> 8, next + 1)) {
    if (octets[next + 1] === (mark & 0xff)) return next;
  }
  return octets.length;
}

/** Returns the secret of a segment, or of the files of content as segment 0, from that of the queue: MurmurHash3's finish of both. */
export function secretOf(queueSecret: number, segment: number): number {
  let hash = queueSecret ^ Math.imul(segment, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
