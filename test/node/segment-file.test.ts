import { describe, expect, it } from 'vitest';
import { readSegmentFile } from '../../src/node/segment-file.ts';
import { crc32 } from '../../src/relay/queue/checksum.ts';
import { encodeFact, type Fact } from '../../src/relay/queue/fact.ts';
import { seal } from '../../src/relay/queue/record.ts';
import { readSegment, type SegmentReading } from '../../src/relay/queue/segment.ts';
import { concat } from '../../src/wire/octet.ts';
import { randomOf } from '../support/random.ts';
import { SimDisk } from '../support/sim-disk.ts';

const SECRET = 0x12345678;
const PATH = 'journal/000001.log';

/** A segment of records with ids of these lengths, and zeros behind them; each is durable before the next one is written. */
function segmentOf(lengths: readonly number[], zeros: number): Uint8Array {
  const pieces: Uint8Array[] = [];
  let watermark = 0;
  for (const [sequence, length] of lengths.entries()) {
    const fact: Fact = { type: 'KILL', id: 'x'.repeat(length) };
    const draft = encodeFact(fact, crc32);
    seal(draft, { secret: SECRET, sequence, watermark }, crc32);
    pieces.push(draft.octets.slice());
    watermark += draft.octets.length;
  }
  return concat([...pieces, new Uint8Array(zeros)]);
}

interface Found extends SegmentReading {
  readonly places: readonly number[];
}

function same(a: Found, b: Found): boolean {
  return a.state === b.state && a.end === b.end && a.used === b.used && a.places.join() === b.places.join();
}

/** What is found at once, and in pieces of so many octets; and the longest read of the latter. */
async function both(octets: Uint8Array, last: boolean, piece: number): Promise<{ readonly atOnce: Found; readonly inPieces: Found; readonly longest: number }> {
  const disk = new SimDisk();
  await disk.write(PATH, [octets], 0);
  const read = disk.read.bind(disk);
  let longest = 0;
  disk.read = async (path, at = 0, length = Infinity) => {
    longest = Math.max(longest, length);
    return read(path, at, length);
  };
  const places = [new Set<number>(), new Set<number>()] as const;
  const atOnce = readSegment(octets, SECRET, last, crc32, (_, at) => places[0].add(at));
  const { state, end, used } = await readSegmentFile({ disk, path: PATH, secret: SECRET, last, checksum: crc32 }, (_, at) => places[1].add(at), piece);
  return { atOnce: { ...atOnce, places: [...places[0]] }, inPieces: { state, end, used, places: [...places[1]] }, longest };
}

describe('a segment that is read in pieces', () => {
  const LENGTHS = [5, 0, 30, 1, 100, 2, 2, 7, 60, 12];

  it('has the records that it has at once, wherever the pieces end, and is never read at once', async () => {
    for (const zeros of [0, 1, 19, 20, 21, 500]) {
      const octets = segmentOf(LENGTHS, zeros);
      for (let piece = 20; piece < octets.length + 3; piece++) {
        const { atOnce, inPieces, longest } = await both(octets, true, piece);
        if (!same(inPieces, atOnce)) expect.fail(`pieces of ${piece}, ${zeros} zeros: ${JSON.stringify(inPieces)}`);
        if (inPieces.places.length !== LENGTHS.length || longest > Math.max(piece, 125)) expect.fail(`pieces of ${piece}, ${zeros} zeros: ${inPieces.places.length} records, ${longest} octets read at once`);
      }
    }
  });

  it('is torn or decayed as it is at once, wherever it is cut off or an octet is another', async () => {
    const sound = segmentOf(LENGTHS, 40);
    const random = randomOf(1);
    const states = new Set<string>();
    for (let at = 0; at < sound.length; at++) {
      const other = sound.slice();
      other[at] = (other[at] ?? 0) ^ (1 + random.below(255));
      for (const octets of [other, sound.slice(0, at)]) {
        for (const last of [true, false]) {
          const { atOnce, inPieces } = await both(octets, last, 20 + random.below(200));
          if (!same(inPieces, atOnce)) expect.fail(`at ${at}: ${JSON.stringify(inPieces)} in place of ${JSON.stringify(atOnce)}`);
          states.add(inPieces.state);
        }
      }
    }
    expect([...states].sort()).toEqual(['corrupt', 'torn', 'whole']);
  });
});
