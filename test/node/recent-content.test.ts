import { describe, expect, it } from 'vitest';
import { RecentContent, type Paths } from '../../src/node/recent-content.ts';

const PATHS: Paths = { reversePath: { type: 'null', text: '<>', key: '' }, forwardPaths: [] };
const filled = (length: number, octet = 1): Uint8Array => new Uint8Array(length).fill(octet);

describe('recent content', () => {
  it('is what was kept, and is taken once', () => {
    const recent = new RecentContent();
    recent.keep('m1', [Uint8Array.of(1, 1, 1, 7, 7)], PATHS);
    expect(recent.paths('m1')).toBe(PATHS);
    expect(recent.take('m1')).toEqual([Uint8Array.of(1, 1, 1, 7, 7)]);
    expect(recent.paths('m1')).toBeUndefined();
    expect(recent.take('m1')).toBeUndefined();
  });

  it('is kept of mails that keep up to 128 KiB of memory', () => {
    const recent = new RecentContent();
    recent.keep('large', [filled(65_536), filled(65_537)], PATHS);
    recent.keep('small', [filled(65_536), filled(65_536)], PATHS);
    expect(recent.take('large')).toBeUndefined();
    expect(recent.take('small')).toHaveLength(2);
  });

  it('of the oldest mails goes first where there is too much', () => {
    const recent = new RecentContent(50);
    for (const id of ['m1', 'm2', 'm3', 'm4', 'm5']) recent.keep(id, [filled(10)], PATHS);
    expect(['m1', 'm2', 'm3', 'm4', 'm5'].map((id) => recent.take(id)?.length)).toEqual([undefined, undefined, 1, 1, 1]);
    expect(recent.take('m3')).toBeUndefined();
    recent.keep('m6', [filled(1)], PATHS);
    recent.keep('m7', [filled(20)], PATHS);
    recent.take('m7');
    recent.keep('m8', [filled(24)], PATHS);
    recent.keep('m9', [filled(25)], PATHS);
    expect(['m6', 'm8', 'm9'].map((id) => recent.take(id)?.length)).toEqual([1, 1, 1]); // what was taken does not count any more
  });

  it('of the oldest mails goes first where there are too many, however small', () => {
    const recent = new RecentContent();
    const ids = Array.from({ length: 1_000 }, (_, number) => `m${number}`);
    for (const id of ids) recent.keep(id, [filled(1)], PATHS);
    expect(ids.filter((id) => recent.paths(id) !== undefined)).toEqual(ids.slice(350));
    recent.keep('more', [filled(1)], PATHS);
    for (const id of ids) recent.keep(`other ${id}`, [filled(1)], PATHS);
    expect(ids.filter((id) => recent.paths(id) !== undefined)).toEqual([]);
  });

  it('never has more memory than it may, whatever comes', () => {
    const recent = new RecentContent(50);
    for (let count = 0; count < 500; count++) {
      recent.keep(`m${count}`, [filled(1 + ((count * 7) % 25))], PATHS);
      if (count % 3 === 0) recent.take(`m${count - 1}`);
      const kept = Array.from({ length: count + 1 }, (_, number) => `m${number}`).filter((id) => recent.paths(id) !== undefined);
      expect(kept.reduce((sum, id) => sum + 1 + ((Number(id.slice(1)) * 7) % 25), 0)).toBeLessThanOrEqual(50);
      expect(kept).toContain(`m${count}`);
    }
  });

  it('counts for all of the memory behind it, however little of that it shows', () => {
    const recent = new RecentContent(40);
    for (const id of ['m1', 'm2', 'm3']) recent.keep(id, [filled(20).subarray(18)], PATHS);
    expect(recent.take('m1')).toBeUndefined();
    expect(recent.take('m2')).toEqual([filled(2)]);
    const roomy = new RecentContent();
    roomy.keep('m1', [filled(131_073).subarray(0, 3)], PATHS);
    expect(roomy.take('m1')).toBeUndefined();
  });

  it('counts once for pieces of one read', () => {
    const recent = new RecentContent(80);
    const read = filled(20);
    recent.keep('m1', [filled(5), read.subarray(0, 3), read.subarray(4)], PATHS);
    recent.keep('m2', [filled(15)], PATHS); // would not go with it into one half, did the read count twice
    recent.keep('m3', [filled(40)], PATHS);
    expect(recent.take('m1')).toHaveLength(3);
  });

  it('counts once for a mail that is kept again', () => {
    const recent = new RecentContent(48);
    for (const octet of [1, 2]) recent.keep('m1', [filled(12, octet)], PATHS);
    for (const id of ['m2', 'm3', 'm4']) recent.keep(id, [filled(12)], PATHS);
    expect(recent.take('m1')).toEqual([filled(12, 2)]);
    expect(recent.take('m1')).toBeUndefined();
  });
});
