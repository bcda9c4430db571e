import { describe, expect, it } from 'vitest';
import { randomFrom } from '../../src/wire/random.ts';

describe('numbers from a seed', () => {
  it('are always the same for one seed, others for another, and spread evenly from 0 up to but not 1', () => {
    const draw = (seed: number, count: number): readonly number[] => {
      const random = randomFrom(seed);
      return Array.from({ length: count }, random);
    };
    expect(draw(1, 5)).toEqual(draw(1, 5));
    expect(draw(1, 5)).not.toEqual(draw(2, 5));
    const tenths = new Array<number>(10).fill(0);
    for (const number of draw(42, 100_000)) tenths[Math.floor(number * 10)] = (tenths[Math.floor(number * 10)] ?? 0) + 1;
    expect(tenths).toHaveLength(10);
    for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });
});
