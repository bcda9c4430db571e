import { describe, expect, it } from 'vitest';
import { BLOCK, inBlocks } from '../../src/node/blocks.ts';
import { concat, equal } from '../../src/wire/octet.ts';

/** Octets that are not the same everywhere. */
function octetsOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => at % 251);
}

function* cutAt(octets: Uint8Array, ...lengths: readonly number[]): Generator<Uint8Array, void> {
  let at = 0;
  for (const length of lengths) yield octets.subarray(at, (at += length));
  yield octets.subarray(at);
}

async function blocksOf(content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  const blocks: Uint8Array[] = [];
  for await (const block of inBlocks(content)) blocks.push(block);
  return blocks;
}

describe('content in blocks', () => {
  const octets = octetsOf(2 * BLOCK + 10);

  it.each<[string, readonly number[], readonly number[]]>([
    ['in one piece', [], [BLOCK, BLOCK, 10]],
    ['in blocks', [BLOCK, BLOCK], [BLOCK, BLOCK, 10]],
    ['in an odd piece first', [7], [BLOCK, BLOCK, 10]],
    ['in many small pieces', Array.from({ length: 2_000 }, () => 60), [BLOCK, BLOCK, 10]],
    ['in pieces of which some are empty', [0, 10, 0, 0, 2 * BLOCK], [BLOCK, BLOCK, 10]],
  ])('has them full but for the last, and every octet, where it comes %s', async (_, lengths, wanted) => {
    const blocks = await blocksOf(cutAt(octets, ...lengths));
    expect(blocks.map(({ length }) => length)).toEqual(wanted);
    expect(equal(concat(blocks), octets)).toBe(true);
  });

  it('is none where there is nothing', async () => {
    expect(await blocksOf(cutAt(octetsOf(0)))).toEqual([]);
  });

  it('goes on without what is long in coming', async () => {
    let go: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => (go = resolve));
    const content = async function* (): AsyncGenerator<Uint8Array, void> {
      yield octetsOf(1);
      yield octetsOf(2);
      await gone;
      yield octetsOf(3);
    };
    const blocks = inBlocks(content());
    expect((await blocks.next()).value).toHaveLength(3);
    go();
    expect((await blocks.next()).value).toHaveLength(3);
    expect((await blocks.next()).done).toBe(true);
  });

  it('throws what the content throws, also while nobody waits for it', async () => {
    let fail: (error: Error) => void = () => undefined;
    const failed = new Promise<void>((_, reject) => (fail = reject));
    const content = async function* (): AsyncGenerator<Uint8Array, void> {
      yield octetsOf(1);
      await failed;
    };
    const blocks = inBlocks(content());
    expect((await blocks.next()).value).toHaveLength(1);
    fail(new Error('the disk'));
    await expect(blocks.next()).rejects.toThrow('the disk');
  });

  it('closes the stream that nobody wants to the end', async () => {
    let closed = 0;
    const content = async function* (): AsyncGenerator<Uint8Array, void> {
      try {
        yield octetsOf(BLOCK);
        yield octetsOf(BLOCK);
      } finally {
        closed += 1;
      }
    };
    for await (const block of inBlocks(content())) if (block.length === BLOCK) break;
    expect(closed).toBe(1);
  });
});
