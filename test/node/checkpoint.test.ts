import { describe, expect, it } from 'vitest';
import { isWorthIt } from '../../src/node/checkpoint.ts';

const BOUNDS = { growth: 64, most: 512 };

describe('a checkpoint', () => {
  it.each<[what: string, left: readonly [size: number, carried: number], now: readonly [size: number, carried: number], fresh: boolean, old: boolean]>([
    ['nothing has happened', [300, 250], [300, 250], false, false],
    ['all that came is done with, and it has grown as usual', [0, 0], [65, 0], true, true],
    ['all that came is done with, and it has grown by less', [0, 0], [64, 0], false, true],
    ['all that came is small and waits', [0, 0], [60, 60], false, false],
    ['all that came is small and waits, and it has grown by more than usual', [0, 0], [500, 490], false, false],
    ['all that came is small and waits, as does what was carried along', [200, 150], [401, 351], false, false],
    ['as much is done with as still waits', [0, 0], [140, 70], false, true],
    ['more is done with than still waits', [0, 0], [140, 69], true, true],
    ['it has grown to its bound, and much of what came is done with', [400, 350], [513, 398], true, true],
    ['it has grown to its bound by what waits', [400, 350], [513, 463], false, false],
    ['it is beyond its bound, and much of what was carried along is done with', [900, 850], [901, 786], true, true],
    ['it is beyond its bound, and hardly anything is done with', [900, 850], [960, 846], false, false],
    ['half of what was carried along is done with', [300, 250], [310, 100], true, true],
    ['less than half of what was carried along is done with', [300, 250], [310, 140], false, true],
    ['an eighth of what it holds is done with', [300, 250], [310, 220], false, true],
    ['less than an eighth of what it holds is done with', [300, 250], [302, 240], false, false],
    ['much of what was carried along is done with, but less than a segment usually is', [60, 50], [70, 10], false, true],
    ['the last one was broken off, and half of what waited is done with', [1, 250], [11, 100], true, true],
  ])('is worth it or not, soon and after a while, when %s', (_, [left, carriedThen], [size, carried], fresh, old) => {
    expect([false, true].map((each) => isWorthIt({ size: left, carried: carriedThen }, { size, carried }, BOUNDS, each))).toEqual([fresh, old]);
  });
});
