import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/wire/usage.ts';
import { nextAttempt, parseDuration, parseIntervals, RETRY_SCHEDULE, scheduleOf, type RetrySchedule } from '../../src/relay/schedule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEADY: RetrySchedule = { ...RETRY_SCHEDULE, jitter: 0 };

/** Returns the ages (milliseconds) of all attempts after the first, each made when it is due. */
function attempts(id: string, schedule: RetrySchedule, bounce = false): readonly number[] {
  const ages: number[] = [];
  for (let age: number | undefined = 0; (age = nextAttempt({ id, age, bounce }, schedule)) !== undefined; ) ages.push(age);
  return ages;
}

describe('the retry schedule (RFC 5321 §4.5.4.1)', () => {
  // shows RFC5321:4.5.4.1-10
  it('tries again quickly once, then after at least 30 minutes, then every three hours', () => {
    expect(attempts('x', STEADY).slice(0, 6).map((age) => age / MINUTE)).toEqual([7.5, 37.5, 97.5, 217.5, 397.5, 577.5]);
  });

  it('keeps the first retry between 5 and 10 minutes and all others between 27 minutes and 3.3 hours, whatever the id', () => {
    for (let id = 0; id < 500; id += 1) {
      const ages = [0, ...attempts(`${id}`, RETRY_SCHEDULE)];
      const [first, ...later] = ages.slice(1, -1).map((age, at) => age - (ages[at] ?? 0));
      expect(first).toSatisfy((interval: number) => interval >= 5 * MINUTE && interval <= 10 * MINUTE);
      expect(Math.min(...later)).toBeGreaterThanOrEqual(27 * MINUTE);
      expect(Math.max(...later)).toBeLessThanOrEqual(3.3 * HOUR + 1);
    }
  });

  // shows RFC5321:4.5.4.1-5 RFC5321:4.5.4.1-6 RFC5321:4.5.4.1-7
  it('tries for the last time at the age of expiry: five days, one for a bounce', () => {
    expect(attempts('x', RETRY_SCHEDULE).at(-1)).toBe(5 * DAY);
    expect(attempts('x', RETRY_SCHEDULE, true).at(-1)).toBe(1 * DAY);
    expect(nextAttempt({ id: 'x', age: 5 * DAY + 1, bounce: false }, RETRY_SCHEDULE)).toBeUndefined();
  });

  it('keeps the whole interval after an attempt that came late', () => {
    expect(nextAttempt({ id: 'x', age: 50 * MINUTE, bounce: false }, STEADY)).toBe(110 * MINUTE);
    expect(nextAttempt({ id: 'x', age: 2 * DAY, bounce: false }, STEADY)).toBe(2 * DAY + 3 * HOUR);
  });

  it('spreads mails that were deferred together over a fifth of the interval, evenly', () => {
    const ages = Array.from({ length: 1000 }, (_, id) => nextAttempt({ id: `m${id}`, age: 0, bounce: false }, RETRY_SCHEDULE) ?? 0);
    const mean = ages.reduce((sum, age) => sum + age, 0) / ages.length;
    expect(Math.min(...ages)).toBeLessThan(6.9 * MINUTE);
    expect(Math.max(...ages)).toBeGreaterThan(8.1 * MINUTE);
    expect(Math.abs(mean - 7.5 * MINUTE)).toBeLessThan(0.05 * MINUTE);
    expect(ages.every(Number.isInteger)).toBe(true);
  });

  it('gives the same mail the same times', () => {
    expect(attempts('18c9-0001', RETRY_SCHEDULE)).toEqual(attempts('18c9-0001', RETRY_SCHEDULE));
  });

  // shows RFC5321:4.5.4.1-8
  it('takes any intervals, the last one for all further attempts', () => {
    expect(attempts('x', { ...STEADY, intervals: [1000, 2000], expire: 8000 })).toEqual([1000, 3000, 5000, 7000, 8000]);
  });
});

describe('a duration', () => {
  it.each([
    ['90s', 90_000],
    ['30m', 30 * MINUTE],
    ['2h', 2 * HOUR],
    ['5d', 5 * DAY],
    ['250ms', 250],
    ['1.5h', 90 * MINUTE],
    ['0s', 0],
    ['', undefined],
    ['30', undefined],
    ['m', undefined],
    ['-5m', undefined],
    ['5 m', undefined],
    ['5M', undefined],
    ['1h30m', undefined],
    ['.5h', undefined],
    ['9999999999s', undefined],
    ['36500d', 36_500 * DAY],
    ['36501d', undefined],
    ['999999999d', undefined],
  ])('%j is %s milliseconds', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each([
    ['7m', [7 * MINUTE]],
    ['7m,30m,1h', [7 * MINUTE, 30 * MINUTE, HOUR]],
    ['', undefined],
    ['7m,', undefined],
    ['7m, 30m', undefined],
    ['0s', undefined],
  ])('%j is the list %j', (text, list) => {
    expect(parseIntervals(text)).toEqual(list);
  });
});

describe('a schedule that an embedder gives', () => {
  it('has the defaults for what it leaves out', () => {
    expect(scheduleOf()).toEqual(RETRY_SCHEDULE);
    expect(scheduleOf({ expire: HOUR })).toEqual({ ...RETRY_SCHEDULE, expire: HOUR });
  });

  it.each<[string, object]>([
    ['intervals must be milliseconds, one of them at least, not []', { intervals: [] }],
    ['intervals must be milliseconds, one of them at least, not [60000,0]', { intervals: [60_000, 0] }], // mail would be tried without a pause
    ['intervals must be milliseconds, one of them at least, not ["7m"]', { intervals: ['7m'] }],
    ['jitter must be below 1, a part of the time (0.1 is a tenth either way), not 1', { jitter: 1 }],
    ['jitter must be below 1, a part of the time (0.1 is a tenth either way), not 60000', { jitter: 60_000 }], // an early mail was due again before it was tried, and so at once, without end
    ['expire must be a number of at least 0, not "5d"', { expire: '5d' }],
  ])('is misuse where mail could never be due: %s', (message, given) => {
    expect(() => scheduleOf(given)).toThrow(new UsageError(message));
  });
});
