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
    const recent = new RecentContent(25);
    for (const id of ['m1', 'm2', 'm3']) recent.keep(id, [filled(10)], PATHS);
    expect(['m1', 'm2', 'm3'].map((id) => recent.take(id)?.[0]?.length)).toEqual([undefined, 10, 10]);
    recent.keep('m4', [filled(20)], PATHS);
    expect(recent.take('m4')).toEqual([filled(20)]); // what was taken does not count any more
  });

  it('of the oldest mails goes first where there are too many, however small', () => {
    const recent = new RecentContent();
    const ids = Array.from({ length: 1_000 }, (_, number) => `m${number}`);
    for (const id of ids) recent.keep(id, [filled(1)], PATHS);
    expect(ids.filter((id) => recent.take(id) !== undefined)).toEqual(ids.slice(-700));
  });

  it('counts for all of the memory behind it, however little of that it shows', () => {
    const recent = new RecentContent(25);
    recent.keep('m1', [filled(20).subarray(18)], PATHS);
    recent.keep('m2', [filled(20).subarray(18)], PATHS);
    expect(recent.take('m1')).toBeUndefined();
    expect(recent.take('m2')).toEqual([filled(2)]);
    const roomy = new RecentContent();
    roomy.keep('m1', [filled(131_073).subarray(0, 3)], PATHS);
    expect(roomy.take('m1')).toBeUndefined();
  });

  it('counts once for pieces of one read', () => {
    const recent = new RecentContent(25);
    const read = filled(20);
    recent.keep('m1', [filled(5), read.subarray(0, 3), read.subarray(4)], PATHS);
    expect(recent.take('m1')).toHaveLength(3);
  });

  it('counts once for a mail that is kept again', () => {
    const recent = new RecentContent(25);
    for (const octet of [1, 2, 3]) recent.keep('m1', [filled(12, octet)], PATHS);
    recent.keep('m2', [filled(12)], PATHS);
    expect(recent.take('m1')).toEqual([filled(12, 3)]);
  });
});
