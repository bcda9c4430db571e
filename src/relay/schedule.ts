// When mail that was deferred is tried again, and when the relay gives up (RFC 5321 §4.5.4.1).
//
// The next attempt is a function of the mail's age and its id alone: no count of attempts is kept, so a restart, or an
// attempt that came late, changes nothing. Each mail has a clock of its own that runs up to a tenth slow or fast, by a
// hash of its id: what was deferred together is not tried again together.
//
// Departs: the first retry comes after some seven minutes, before the 30 of "in general, the retry interval SHOULD be at
// least 30 minutes". A host that answers the first attempt of an unknown client with 4yz (greylisting) takes the second;
// Postfix does the same. The later intervals follow the RFC.
// Choice: a bounce is given up after one day instead of "at least 4-5 days": nothing can be reported to anybody then (§6.1).

import { checkCounts, checkNames, checkObject, given, shown, UsageError } from '../wire/usage.ts';

/** When mail that was deferred is tried again; times in milliseconds (RFC 5321 §4.5.4.1). */
export interface RetrySchedule {
  /** From one attempt to the next; the last one stands for all further ones. Default: 7.5 and 30 minutes, one, two and three hours. */
  readonly intervals: readonly number[];
  /** How far a mail's clock may be off, below 1: 0.1, the default, is a tenth either way. */
  readonly jitter: number;
  /** The age at which the relay tries for the last time. Default: five days. */
  readonly expire: number;
  /** The same for mail with the null reverse-path. Default: one day. */
  readonly expireBounce: number;
  /** The age at which the sender is told of the delay. Default: four hours. */
  readonly delayWarning: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const RETRY_SCHEDULE: RetrySchedule = {
  intervals: [7.5 * MINUTE, 30 * MINUTE, 1 * HOUR, 2 * HOUR, 3 * HOUR],
  jitter: 0.1,
  expire: 5 * DAY,
  expireBounce: 1 * DAY,
  delayWarning: 4 * HOUR,
};

/** Returns the schedule with the defaults for what is not given. Throws UsageError for one by which mail could never be due. */
export function scheduleOf(options: Partial<RetrySchedule> = {}): RetrySchedule {
  checkObject(options, 'schedule must be an object');
  checkNames(options, RETRY_SCHEDULE);
  const schedule = { ...RETRY_SCHEDULE, ...given(options) };
  checkCounts(schedule, { jitter: 0, expire: 0, expireBounce: 0, delayWarning: 0 });
  const { intervals, jitter } = schedule;
  if (jitter >= 1) throw new UsageError(`jitter must be below 1, a part of the time (0.1 is a tenth either way), not ${jitter}`); // a clock that stands still, or runs backwards
  if (!(Array.isArray(intervals) && intervals.length > 0 && intervals.every((interval) => interval > 0))) throw new UsageError(`intervals must be milliseconds, one of them at least, not ${shown(intervals)}`);
  return schedule;
}

/** Milliseconds after which mail is given up; `bounce`: its reverse-path is null. */
export function lifeOf(bounce: boolean, { expire, expireBounce }: RetrySchedule): number {
  return bounce ? expireBounce : expire;
}

/**
 * Returns the age (milliseconds) at which mail of this age, just tried in vain, is tried again; undefined: give up now.
 *
 * The last attempt is made when the age of expiry is reached, however long the interval before it would have been.
 */
export function nextAttempt(mail: { readonly id: string; readonly age: number; readonly bounce: boolean }, schedule: RetrySchedule): number | undefined {
  const expire = lifeOf(mail.bounce, schedule);
  if (mail.age >= expire) return undefined;

  const pace = 1 + schedule.jitter * (2 * fraction(mail.id) - 1);
  const age = Math.ceil(mail.age / pace); // by the mail's own clock; rounded up, lest an attempt look early by a fraction
  let planned = 0; // the age at which the attempt after this interval is due
  let interval = expire;
  for (interval of schedule.intervals) {
    planned += interval;
    if (planned > age) break;
  }
  return Math.min(Math.ceil((age + interval) * pace), expire);
}

/** The longest duration there is, a hundred years: what is added to a time stays a time, that a calendar has and a record of the queue can hold. */
const LONGEST = 36_500 * DAY;

/** Returns milliseconds from `90s`, `30m`, `2h`, `5d`, `250ms` or `1.5h`; undefined for anything else, and for more than a hundred years. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) return undefined;
  const duration = Math.round(Number(count) * UNITS[unit as keyof typeof UNITS]);
  return duration > LONGEST ? undefined : duration;
}

/** Returns milliseconds from `7m,30m,1h`; undefined unless each is a duration, and none is zero. */
export function parseIntervals(text: string): readonly number[] | undefined {
  const intervals = text.split(',').map((each) => parseDuration(each) ?? 0);
  return intervals.includes(0) ? undefined : intervals;
}

const UNITS = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY } as const;

/** Returns a number from 0 up to but not 1, spread evenly over ids: FNV-1a, stirred as in MurmurHash3, since ids that follow each other differ little. */
function fraction(id: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
