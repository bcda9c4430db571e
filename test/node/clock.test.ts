import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Clock } from '../../src/node/clock.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());

/** A clock, and how it is set by so many milliseconds while as many have passed. */
function stage(): { readonly clock: Clock; readonly set: (by: number, passed?: number) => ReturnType<Clock['look']> } {
  let ticks = 7;
  const clock = new Clock(() => ticks);
  return {
    clock,
    set(by, passed = 0) {
      ticks += passed;
      vi.setSystemTime(Date.now() + passed + by);
      return clock.look();
    },
  };
}

describe('the clock of a machine', () => {
  it('runs, a little fast or slow', () => {
    const { set } = stage();
    expect(set(0, 3_600_000)).toEqual({ time: 4_600_000, back: 0, leapt: false });
    expect(set(-999)).toMatchObject({ back: 0, leapt: false });
    expect(set(59_999)).toMatchObject({ back: 0, leapt: false });
  });

  it('is set back', () => {
    expect(stage().set(-1_000, 500)).toEqual({ time: 999_500, back: 1_000, leapt: false });
  });

  it('leaps ahead for what was there before, and that adds up', () => {
    const { clock, set } = stage();
    expect(set(60_000, 1_000)).toEqual({ time: 1_061_000, back: 0, leapt: true });
    expect([clock.leaptSince(0), clock.leaptSince(1_001_000), clock.leaptSince(1_001_001)]).toEqual([60_000, 60_000, 0]);
    set(100_000, 1_000);
    expect([clock.leaptSince(1_001_000), clock.leaptSince(1_061_000), clock.leaptSince(1_162_000)]).toEqual([160_000, 100_000, 0]);
    clock.forget();
    expect(clock.leaptSince(0)).toBe(0);
  });

  it('takes back its last leaps when it is set back, as far as that goes', () => {
    const { clock, set } = stage();
    set(60_000);
    set(100_000);
    expect(set(-40_000)).toMatchObject({ back: 40_000, leapt: true });
    expect([clock.leaptSince(0), clock.leaptSince(1_060_000)]).toEqual([120_000, 60_000]);
    expect(set(-60_000)).toMatchObject({ back: 60_000, leapt: true });
    expect([clock.leaptSince(0), clock.leaptSince(1_060_000)]).toEqual([60_000, 0]);
    expect(set(-90_000)).toMatchObject({ back: 90_000, leapt: true });
    expect(clock.leaptSince(0)).toBe(0);
    expect(set(-90_000)).toMatchObject({ back: 90_000, leapt: false });
  });
});
