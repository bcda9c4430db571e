import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DelayWatch } from '../../src/node/delay-watch.ts';

vi.mock('node:timers', async () => (await import('../support/global-timers.ts')).timers);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let watch: DelayWatch | undefined;
let mails: Map<string, number>;
let told: (readonly [id: string, minutes: number])[];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: 0 });
  mails = new Map();
  told = [];
});
afterEach(() => {
  watch?.close();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function start(warn: (id: string) => Promise<void> = async () => undefined, delay = 4 * HOUR): void {
  watch = new DelayWatch({
    delay,
    mails: () => mails,
    warn: (id) => {
      told.push([id, Math.floor(Date.now() / MINUTE)]);
      return warn(id);
    },
  });
  watch.start();
}

describe('mail that waits', () => {
  // found by reading: a timer stayed when it was closed
  it('is watched once, however often that is begun', async () => {
    mails = new Map([['old', -5 * HOUR]]);
    start();
    watch?.start();
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(told).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(1);
  });

  it('is late once, when it is as old as that', async () => {
    mails = new Map([['old', -5 * HOUR], ['a', -HOUR], ['b', 0]]);
    start();
    await vi.advanceTimersByTimeAsync(HOUR);
    mails.set('c', Date.now());
    await vi.advanceTimersByTimeAsync(20 * HOUR);
    expect(told).toEqual([['old', 1], ['a', 180], ['b', 240], ['c', 300]]);
  });

  it('is looked at anew soon where that is asked for, also while others are told of', async () => {
    mails = new Map([['a', 0], ['b', 0]]);
    start(async (id) => {
      if (id === 'b') watch?.again('a');
    });
    await vi.advanceTimersByTimeAsync(5 * HOUR);
    expect(told).toEqual([['a', 240], ['b', 240], ['a', 241]]);
    for (const id of ['a', 'nobody', 'a']) watch?.again(id);
    await vi.advanceTimersByTimeAsync(5 * HOUR);
    expect(told.slice(3)).toEqual([['a', 301]]);
  });

  it('is looked at anew a minute after that was asked for, not before, and no later because more is', async () => {
    mails = new Map([['a', 0], ['b', 0]]);
    start();
    await vi.advanceTimersByTimeAsync(5 * HOUR);
    for (let time = 0; time < 2; time++) {
      told = [];
      await vi.advanceTimersByTimeAsync(MINUTE / 2);
      watch?.again('a');
      await vi.advanceTimersByTimeAsync(MINUTE / 2);
      watch?.again('b');
      expect(told).toEqual([]);
      await vi.advanceTimersByTimeAsync(MINUTE / 2);
      expect(told).toHaveLength(2);
    }
  });

  it('is not late when it has gone before', async () => {
    mails.set('a', 0);
    start();
    await vi.advanceTimersByTimeAsync(3 * HOUR);
    mails.delete('a');
    await vi.advanceTimersByTimeAsync(10 * HOUR);
    expect(told).toEqual([]);
  });

  it('is told of again where that failed', async () => {
    mails.set('a', 0);
    let failures = 2;
    start(async () => {
      if (failures-- > 0) throw new Error('no room');
    });
    await vi.advanceTimersByTimeAsync(10 * HOUR);
    expect(told).toEqual([['a', 240], ['a', 241], ['a', 242]]);
  });

  it('is looked at no more often than a thousandth of the delay, however many there are', async () => {
    let looks = 0;
    mails = new Map(Array.from({ length: 10_000 }, (_, index) => [`m${index}`, index] as const)); // one each millisecond
    start();
    const all = mails;
    mails = Object.assign(new Map(all), { [Symbol.iterator]: () => ((looks += 1), all[Symbol.iterator]()) });
    await vi.advanceTimersByTimeAsync(5 * HOUR);
    expect(told).toHaveLength(10_000);
    expect(looks).toBeLessThan(10);
  });

  // found by reading: an idle relay took a tenth of a core, and one with much mail all of it
  it('is looked at once a second where nobody is to wait for it', async () => {
    start(undefined, 0);
    for (let time = 0; time < 10; time++) {
      mails.set(`m${time}`, Date.now());
      await vi.advanceTimersByTimeAsync(1_000);
      expect(vi.getTimerCount()).toBe(1);
    }
    expect(told).toHaveLength(10);
    let looks = 0;
    mails = Object.assign(new Map(), { [Symbol.iterator]: () => ((looks += 1), [][Symbol.iterator]()) });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(looks).toBe(10);
  });

  it.each([[['a']], [['a', 'b']]])('is told of no more once the watch has ended, of %j', async (ids) => {
    mails = new Map(ids.map((id) => [id, 0]));
    start(async () => watch?.close());
    await vi.advanceTimersByTimeAsync(10 * HOUR);
    expect(told).toEqual([['a', 240]]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('may wait for longer than a timer can', async () => {
    mails = new Map([['a', 0]]);
    start(undefined, 60 * 24 * HOUR);
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    await vi.advanceTimersToNextTimerAsync();
    expect(Date.now()).toBeGreaterThan(20 * 24 * HOUR);
    await vi.advanceTimersByTimeAsync(60 * 24 * HOUR);
    expect(told).toHaveLength(1);
  });
});
