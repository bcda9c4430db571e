import { describe, expect, it } from 'vitest';
import { RecentContent } from '../../src/node/recent-content.ts';
import { concat } from '../../src/wire/octet.ts';

async function* of(...pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* pieces;
}

async function passed(recent: RecentContent, id: string, ...pieces: readonly Uint8Array[]): Promise<Uint8Array> {
  const seen: Uint8Array[] = [];
  for await (const octets of recent.pass(id, of(...pieces))) seen.push(octets);
  return concat(seen);
}

const filled = (length: number, octet = 1): Uint8Array => new Uint8Array(length).fill(octet);

describe('recent content', () => {
  it('is what was handed on, and is taken once', async () => {
    const recent = new RecentContent();
    expect(await passed(recent, 'm1', filled(3), filled(2, 7))).toEqual(Uint8Array.of(1, 1, 1, 7, 7));
    expect(recent.take('m1')).toEqual(Uint8Array.of(1, 1, 1, 7, 7));
    expect(recent.take('m1')).toBeUndefined();
  });

  it('is a copy: what becomes of the pieces does not change it', async () => {
    const recent = new RecentContent();
    const piece = filled(3);
    await passed(recent, 'm1', piece);
    piece.fill(9);
    expect(recent.take('m1')).toEqual(filled(3));
  });

  it('is kept of mails up to 64 KiB', async () => {
    const recent = new RecentContent();
    expect((await passed(recent, 'large', filled(65_536), filled(1))).length).toBe(65_537);
    await passed(recent, 'small', filled(65_536));
    expect(recent.take('large')).toBeUndefined();
    expect(recent.take('small')).toHaveLength(65_536);
  });

  it('is not kept where it does not come to its end', async () => {
    const recent = new RecentContent();
    async function* broken(): AsyncGenerator<Uint8Array, void> {
      yield filled(3);
      throw new Error('connection lost');
    }
    await expect((async () => { for await (const octets of recent.pass('m1', broken())) expect(octets).toHaveLength(3); })()).rejects.toThrow('connection lost');
    expect(recent.take('m1')).toBeUndefined();
  });

  it('of the oldest mails goes first where there is too much', async () => {
    const recent = new RecentContent(25);
    for (const id of ['m1', 'm2', 'm3']) await passed(recent, id, filled(10));
    expect(['m1', 'm2', 'm3'].map((id) => recent.take(id)?.length)).toEqual([undefined, 10, 10]);
    await passed(recent, 'm4', filled(20));
    expect(recent.take('m4')).toHaveLength(20); // what was taken does not count any more
  });
});
