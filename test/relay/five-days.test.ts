// Five days of a relay's outgoing mail, in a second: the scheduler and the retry schedule on a number for a clock, against
// destinations that play a part. Nothing is left to chance, so what fails once fails again.

import { describe, expect, it } from 'vitest';
import { Agenda } from '../../src/relay/agenda.ts';
import type { Effect } from '../../src/relay/destination.ts';
import { nextAttempt, RETRY_SCHEDULE } from '../../src/relay/schedule.ts';
import { Scheduler, type Unit } from '../../src/relay/scheduler.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface Mail extends Unit {
  readonly id: string;
  readonly arrival: number;
  attempts: number;
  ended: { readonly at: number; readonly how: 'delivered' | 'expired' } | undefined;
}

/** What an attempt comes to, after how long. */
interface Result {
  readonly takes: number;
  readonly effect: Effect;
  readonly delivered: boolean;
}

const taken = (takes: number): Result => ({ takes, effect: 'answered', delivered: true });
const deferred = (takes: number): Result => ({ takes, effect: 'answered', delivered: false });
const unreachable = (takes: number): Result => ({ takes, effect: 'unreachable', delivered: false });

type Destination = (mail: Mail, now: number) => Result;

/** Takes so many mails in any hour of the clock, and says 421 to the rest. */
function rationed(most: number): Destination {
  let hour = 0;
  let count = 0;
  return (_, now) => {
    if (Math.floor(now / HOUR) !== hour) [hour, count] = [Math.floor(now / HOUR), 0];
    count += 1;
    return count <= most ? taken(SECOND) : unreachable(SECOND);
  };
}

const cast = (): Readonly<Record<string, Destination>> => ({
  'healthy': () => taken(SECOND),
  'greylister': ({ arrival }, now) => (now - arrival < 5 * MINUTE ? deferred(SECOND) : taken(SECOND)),
  'tarpit': () => taken(5 * MINUTE),
  'slow': () => taken(45 * SECOND), // between the final dot and its reply
  'rationed': rationed(20),
  'flapping': (_, now) => (Math.floor(now / HOUR) % 2 === 1 ? unreachable(5 * SECOND) : taken(SECOND)), // the DNS, hour by hour
  'dead': () => unreachable(5 * MINUTE), // takes the connection, and never greets
  'returning': (_, now) => (now < 2 * DAY ? unreachable(30 * SECOND) : taken(SECOND)),
});

/** What the bulk sender has. */
const BULK = [['healthy', 2000], ['dead', 1000], ['rationed', 100], ['returning', 500]] as const;

interface Story {
  readonly mails: readonly Mail[];
  /** Attempts at each destination. */
  readonly attempts: ReadonlyMap<string, number>;
  readonly mostInHand: number;
}

function play(arrivals: readonly (readonly [at: number, sender: string, destination: string])[], parts: Readonly<Record<string, Destination>>): Story {
  const scheduler = new Scheduler<Mail>({ schedule: RETRY_SCHEDULE });
  const events = new Agenda<() => void>();
  const mails = arrivals.map(([arrival, sender, destination], index): Mail => ({ id: `${index}`, arrival, sender, destination, expires: arrival + RETRY_SCHEDULE.expire, attempts: 0, ended: undefined }));
  for (const mail of mails) events.add(() => scheduler.add(mail, mail.arrival, true), mail.arrival);
  const attempts = new Map<string, number>();
  let inHand = 0;
  let mostInHand = 0;
  let now = 0;
  const begin = (mail: Mail): void => {
    mail.attempts += 1;
    attempts.set(mail.destination, (attempts.get(mail.destination) ?? 0) + 1);
    mostInHand = Math.max(mostInHand, ++inHand);
    const { takes, effect, delivered } = parts[mail.destination]?.(mail, now) ?? taken(0);
    events.add(() => {
      inHand -= 1;
      const next = delivered ? undefined : nextAttempt({ id: mail.id, age: now - mail.arrival, bounce: false }, RETRY_SCHEDULE);
      if (next === undefined) mail.ended = { at: now, how: delivered ? 'delivered' : 'expired' };
      for (const other of scheduler.end(mail, effect, now, next === undefined ? undefined : mail.arrival + next)) other.ended = { at: now, how: 'expired' };
    }, now + takes);
  };
  for (; now < Infinity; now = Math.min(events.nextAt, scheduler.wakeAt)) {
    for (let event; (event = events.take(now)) !== undefined; ) event();
    for (let mail; (mail = scheduler.next(now)) !== undefined; ) begin(mail);
  }
  return { mails, attempts, mostInHand };
}

/** A mail to everybody each ten minutes of five days; and a bulk sender's to some, at once, after an hour. */
function fiveDays(): Story {
  const arrivals: (readonly [number, string, string])[] = [];
  const parts = cast();
  for (let at = 0; at < 5 * DAY; at += 10 * MINUTE) {
    if (at === HOUR) for (const [destination, count] of BULK) for (let number = 0; number < count; number++) arrivals.push([at, 'bulk', destination]);
    for (const destination of Object.keys(parts)) arrivals.push([at, 'alice', destination]); // behind the bulk
  }
  return play(arrivals, parts);
}

const story = fiveDays();
const to = (destination: string, sender = 'alice'): readonly Mail[] => story.mails.filter((mail) => mail.destination === destination && mail.sender === sender);
const ages = (mails: readonly Mail[]): readonly number[] => mails.map(({ arrival, ended }) => (ended?.at ?? Infinity) - arrival);
const longest = (mails: readonly Mail[]): number => Math.max(...ages(mails));
const ends = (mails: readonly Mail[]): readonly string[] => [...new Set(mails.map(({ ended }) => ended?.how ?? 'lost'))];

describe('five days of a relay', () => {
  // shows RFC3464:3-3
  it('end every mail, once, and never with more attempts at a time than there are places', () => {
    expect(story.mails.filter(({ ended }) => ended === undefined)).toEqual([]);
    expect(story.mostInHand).toBeLessThanOrEqual(100);
  });

  it.each<readonly [destination: string, longest: number]>([
    ['healthy', 2 * SECOND], // while a bulk sender has two thousand for the same
    ['greylister', 10 * MINUTE],
    ['tarpit', 5 * MINUTE],
    ['slow', 45 * SECOND],
    ['rationed', 7 * HOUR],
    ['flapping', 2.5 * HOUR],
  ])('bring every mail to the %s destination, one in ten minutes, within %d ms', (destination, most) => {
    expect(ends(to(destination))).toEqual(['delivered']);
    expect(longest(to(destination))).toBeLessThanOrEqual(most);
  });

  it('take two attempts for each mail to a greylister', () => {
    expect([...new Set(to('greylister').map(({ attempts }) => attempts))]).toEqual([2]);
  });

  it.each<readonly [what: string, condition: (mail: Mail) => boolean, delay: number]>([
    ['what was not tried meanwhile, within the hour of a probe', ({ attempts }) => attempts === 1, 70 * MINUTE],
    ['what was, when its own interval of three hours is over', ({ attempts }) => attempts > 1, 3.5 * HOUR],
  ])('bring to a destination that comes back %s', (_, condition, delay) => {
    const waited = story.mails.filter((mail) => mail.destination === 'returning' && mail.arrival < 2 * DAY && condition(mail));
    expect(waited.length).toBeGreaterThan(30);
    expect(ends(waited)).toEqual(['delivered']);
    expect(Math.max(...waited.map(({ ended }) => ended?.at ?? Infinity))).toBeLessThan(2 * DAY + delay);
  });

  it('give up every mail to a dead destination when it is five days old, none before and none much later', () => {
    const all = [...to('dead'), ...to('dead', 'bulk')];
    expect(ends(all)).toEqual(['expired']);
    expect(Math.min(...ages(all))).toBeGreaterThanOrEqual(5 * DAY);
    expect(longest(all)).toBeLessThan(5 * DAY + 75 * MINUTE);
  });

  it('probe a dead destination once an hour, however many mails wait for it', () => {
    expect(to('dead').length + to('dead', 'bulk').length).toBe(1720);
    expect(story.attempts.get('dead')).toBeLessThan(10 * 24 + 10);
  });

  it('are the same each time', () => {
    expect(fiveDays()).toEqual(story);
  });
});

describe('one dead destination and one bulk sender', () => {
  it('never hold up the others, not by a second', () => {
    const bulk = Array.from({ length: 20_000 }, (_, index) => [0, 'bulk', index % 2 === 0 ? 'dead' : 'healthy'] as const);
    const others = Array.from({ length: 100 }, (_, index) => [index * MINUTE, `sender${index}`, `other${index % 10}`] as const);
    const { mails } = play([...bulk, ...others], { ...cast(), ...Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`other${index}`, () => taken(SECOND)])) });
    expect(ages(mails.filter(({ sender }) => sender !== 'bulk'))).toEqual(others.map(() => SECOND));
  });

  it('nor do two hundred destinations that never greet', () => {
    const silent = Array.from({ length: 1_000 }, (_, index) => [0, 'bulk', `silent${index % 200}`] as const);
    const others = Array.from({ length: 60 }, (_, index) => [HOUR + index * MINUTE, 'alice', 'healthy'] as const);
    const { mails } = play([...silent, ...others], { ...cast(), ...Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`silent${index}`, () => unreachable(5 * MINUTE)])) });
    expect(longest(mails.filter(({ sender }) => sender === 'alice'))).toBe(SECOND);
  });
});
