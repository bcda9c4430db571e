import { performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../src/relay/queue/checksum.ts';
import { encodeFact, type Fact } from '../../../src/relay/queue/fact.ts';
import { HEADER, seal, secretOf } from '../../../src/relay/queue/record.ts';
import * as segment from '../../../src/relay/queue/segment.ts';
import { concat } from '../../../src/wire/octet.ts';

const SECRET = secretOf(1, 1);

/** Records in batches; each batch was durable when the next was written. */
function segmentOf(batches: readonly number[], size = 30): { readonly octets: Uint8Array; readonly places: readonly number[] } {
  const parts: Uint8Array[] = [];
  const places: number[] = [];
  let at = 0;
  for (const records of batches) {
    const watermark = at;
    for (let index = 0; index < records; index++) {
      const draft = encodeFact({ type: 'KILL', id: 'k'.repeat(size) } satisfies Fact, crc32);
      seal(draft, { secret: SECRET, sequence: parts.length, watermark }, crc32);
      parts.push(draft.octets);
      places.push(at);
      at += draft.octets.length;
    }
  }
  return { octets: concat([...parts]), places };
}

/** Reads a segment; also where the records that count are. */
function readSegment(octets: Uint8Array, secret: number, last: boolean): segment.SegmentReading & { readonly found: readonly number[] } {
  const found: number[] = [];
  return { ...segment.readSegment(octets, secret, last, crc32, (_, at) => found.push(at)), found };
}

const { octets, places } = segmentOf([1, 3, 2]);

describe('a segment', () => {
  it('is whole where there is nothing but records', () => {
    const reading = readSegment(octets, SECRET, true);
    expect(reading).toMatchObject({ state: 'whole', end: octets.length });
    expect(reading.found).toEqual(places);
    expect(readSegment(new Uint8Array(0), SECRET, false)).toEqual({ state: 'whole', end: 0, used: 0, found: [] });
  });

  it('is whole where zeros follow, with a successor or without, and torn where anything else stands among them', () => {
    const longer = concat([octets, new Uint8Array(100)]);
    for (const last of [true, false]) expect(readSegment(longer, SECRET, last)).toEqual({ state: 'whole', end: octets.length, used: octets.length, found: places });
    for (const at of [0, 50, 99]) {
      const torn = longer.slice();
      torn[octets.length + at] = 1;
      expect(readSegment(torn, SECRET, true)).toEqual({ state: 'torn', end: octets.length, used: octets.length + at + 1, found: places });
      expect(readSegment(torn, SECRET, false)).toMatchObject({ state: 'corrupt', end: octets.length });
    }
  });

  it('is torn wherever its last octets are zeros, or whole where nothing is left of the last record', () => {
    for (let length = 1; length < octets.length; length++) {
      const zeroed = octets.slice();
      zeroed.fill(0, length);
      const end = places.findLast((each) => each <= length) ?? 0;
      const reading = readSegment(zeroed, SECRET, true);
      expect(reading).toMatchObject({ state: reading.used === end ? 'whole' : 'torn', end });
      expect(reading.used).toBeLessThanOrEqual(length);
      expect(reading.found).toEqual(places.filter((at) => at < end));
    }
  });

  it('is torn wherever its last octets are missing, and counts up to there', () => {
    for (let length = 1; length < octets.length; length++) {
      const ends = [...places, octets.length];
      const end = ends.findLast((each) => each <= length) ?? 0;
      const reading = readSegment(octets.subarray(0, length), SECRET, true);
      expect(reading).toMatchObject({ state: end === length ? 'whole' : 'torn', end });
      expect(reading.found).toEqual(places.filter((at) => at < end));
    }
  });

  it('is torn where a batch has a hole that a later record of the same batch does not have', () => {
    for (const at of places.slice(-2)) {
      const holed = octets.slice();
      holed.fill(0, at, at + HEADER);
      expect(readSegment(holed, SECRET, true)).toMatchObject({ state: 'torn', end: at });
    }
  });

  it('is corrupt where octets have changed that a later batch knows to be durable, and still tells all other facts', () => {
    for (const [index, at] of places.slice(0, 4).entries()) {
      for (const place of [at, at + 5, at + HEADER + 3]) {
        const decayed = octets.slice();
        decayed[place] = (decayed[place] ?? 0) ^ 0x10;
        const reading = readSegment(decayed, SECRET, true);
        expect(reading).toMatchObject({ state: 'corrupt', end: at });
        expect(reading.found).toEqual(places.toSpliced(index, 1));
      }
    }
  });

  it('tells the facts behind octets that have become such as a record begins with', () => {
    const [, at = 0, next = 0] = places;
    for (const from of [at, at + 2]) {
      const decayed = octets.slice();
      decayed.fill(octets[0] ?? 0, from, next);
      expect(readSegment(decayed, SECRET, true)).toMatchObject({ state: 'corrupt', found: places.toSpliced(1, 1) });
    }
  });

  it('is corrupt, not torn, where it has a successor', () => {
    expect(readSegment(octets.subarray(0, -1), SECRET, false)).toMatchObject({ state: 'corrupt', end: places.at(-1) });
  });

  it('takes no record of another segment or of an earlier life of its own for its own', () => {
    expect(readSegment(octets, secretOf(1, 2), false).found).toEqual([]);
    const doubled = concat([octets, octets]);
    expect(readSegment(doubled, SECRET, false).found).toEqual(places);
    doubled.fill(0, places[1], places[2]);
    expect(readSegment(doubled, SECRET, false).found).toEqual(places.toSpliced(1, 1));
  });

  it('is read in linear time when content is full of what looks like records', () => {
    const time = (length: number): number => {
      const hostile = new Uint8Array(length);
      const view = new DataView(hostile.buffer);
      for (let at = 3; at + HEADER < length; at += HEADER) {
        view.setUint16(at, 0x454a);
        view.setUint8(at + 2, 2);
        view.setUint32(at + 4, length - at - HEADER);
        view.setUint32(at + 8, at);
      }
      const begin = performance.now();
      readSegment(hostile, SECRET, false);
      return performance.now() - begin;
    };
    time(1 << 18);
    expect(time(1 << 21)).toBeLessThan(2000);
  });
});
