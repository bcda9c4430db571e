import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../src/protocol/client/action.ts';
import { DEFERRED, DELIVERED, HOUR, MINUTE, NOTHING, notifyAfter, onVirtualTime, settle, SILENT, sixExpire, stage, TO_BOB } from '../support/dispatch.ts';
import { deferred } from '../support/turn.ts';

vi.mock('node:timers', async () => (await import('../support/global-timers.ts')).timers);
onVirtualTime();

// found by reading: what came before a machine without a clock had learnt the time was returned when it was deferred first
describe('a clock that is set forward by a year, or a machine that has slept', () => {
  const YEAR = 365 * 24 * HOUR;
  let ahead = 0;
  beforeEach(() => void (ahead = 0));
  const leap = (): void => {
    vi.setSystemTime(Date.now() + YEAR);
    ahead += YEAR;
  };
  const ticks = (): number => Date.now() - ahead;

  it('makes no mail older: it is tried as often, and given up as late', async () => {
    const { queue, dispatcher, attempts, done, logged } = stage(() => [DEFERRED], { ticks });
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await vi.advanceTimersByTimeAsync(30 * MINUTE);
    leap();
    dispatcher.retry('m1');
    await vi.advanceTimersByTimeAsync(270 * MINUTE - 1);
    expect(attempts.map((minute) => minute % (YEAR / MINUTE))).toEqual([0, 10, 30, 90, 150, 210, 270]);
    expect(Date.parse(String(logged.findLast(([event]) => event === 'deferred')?.[1]['next'])) - Date.now()).toBe(1);
    expect(queue.mail('m1')).toBeDefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(done.at(-1)).toBe('settle m1 failed');
  });

  it('counts for mail that comes later as it does for all', async () => {
    const { queue, dispatcher, done } = stage(() => [DEFERRED], { ticks });
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    leap();
    dispatcher.add(queue.put({ ...TO_BOB, id: 'm2' }, NOTHING));
    await vi.advanceTimersByTimeAsync(5 * HOUR);
    expect(done.filter((what) => what.endsWith('failed')).sort()).toEqual(['settle m1 failed', 'settle m2 failed']);
  });

  it('has the sender told of a delay no sooner', async () => {
    const { queue, dispatcher, done } = stage(() => [DEFERRED], { ticks });
    dispatcher.start();
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await settle();
    leap();
    dispatcher.retry('m1');
    await vi.advanceTimersByTimeAsync(59 * MINUTE);
    expect(done.filter((what) => what.startsWith('notify'))).toEqual([]);
    await vi.advanceTimersByTimeAsync(2 * HOUR);
    expect(done.filter((what) => what.startsWith('notify'))).toHaveLength(1);
  });

  it('gives nobody up with others behind a destination that is dead', async () => {
    const { queue, dispatcher, done } = stage(() => [SILENT], { ticks });
    for (let number = 1; number <= 6; number++) dispatcher.add(queue.put({ ...TO_BOB, id: `m${number}` }, NOTHING));
    await settle();
    leap();
    dispatcher.retry('m1');
    await vi.advanceTimersByTimeAsync(4 * HOUR);
    expect(done.filter((what) => what.startsWith('notify'))).toEqual([]);
    await vi.advanceTimersByTimeAsync(2 * HOUR);
    expect([...queue.mails()]).toEqual([]);
  });
});

describe('a clock that is set back by a day', () => {
  it.each<[string, Outcome, number[]]>([
    ['of a mail that was deferred', DEFERRED, [0, 10, 70, 80, 90, 100, 110, 120, 130, 140]],
    ['at a destination that does not answer', SILENT, [0, 10, 70, 80, 140]],
  ])('holds up no attempt %s', async (_, outcome, minutes) => {
    let back = 0;
    const attempts: number[] = [];
    const start = Date.now();
    const ticks = (): number => Date.now() + back;
    const { queue, dispatcher } = stage(() => (attempts.push((ticks() - start) / MINUTE), [outcome]), { ticks });
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    for (let hour = 0; hour < 2; hour++) {
      await vi.advanceTimersByTimeAsync(65 * MINUTE);
      vi.setSystemTime(Date.now() - 24 * HOUR);
      back += 24 * HOUR;
    }
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(attempts).toEqual(minutes);
    expect(queue.mail('m1')).toBeDefined();
  });

  // found by reading: it was in nobody's hands then, until the next start
  it('keeps mail that was to be given up, and is not that old any more', async () => {
    const reported = deferred();
    let back = 0;
    let outcome: Outcome = SILENT;
    const { queue, dispatcher, done } = stage(() => [outcome], {
      ticks: () => Date.now() + back,
      notify: (mail) => notifyAfter(reported.promise, queue, mail),
    });
    await sixExpire(dispatcher, queue);
    expect(done.filter((what) => what.startsWith('notify'))).toHaveLength(1); // the others are to be told of one after the other
    vi.setSystemTime(Date.now() - 24 * HOUR);
    back = 24 * HOUR;
    reported.resolve();
    await settle();
    expect([...queue.mails()]).toHaveLength(5);
    outcome = DELIVERED;
    await vi.advanceTimersByTimeAsync(2 * HOUR);
    expect([...queue.mails()]).toEqual([]);
    expect(done.filter((what) => what.startsWith('notify'))).toHaveLength(1);
  });

  // found by reading: it waited until the clock had come so far again
  it('has what was queued just before tried at once', async () => {
    let back = 0;
    const { queue, dispatcher, done } = stage(() => [DELIVERED], { ticks: () => Date.now() + back });
    const mail = queue.put(TO_BOB, NOTHING);
    vi.setSystemTime(Date.now() - 24 * HOUR);
    back = 24 * HOUR;
    dispatcher.add(mail);
    await settle();
    expect(done).toEqual(['relay m1 0', 'settle m1 delivered']);
  });

  it('has what comes then tried at once', async () => {
    let back = 0;
    const { queue, dispatcher, done } = stage(({ id }) => [id === 'm1' ? DEFERRED : DELIVERED], { ticks: () => Date.now() + back });
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await settle();
    vi.setSystemTime(Date.now() - 24 * HOUR);
    back = 24 * HOUR;
    dispatcher.add(queue.put({ ...TO_BOB, id: 'm2' }, NOTHING));
    await settle();
    expect(done).toEqual(['relay m1 0', expect.stringMatching(/^settle m1 /), 'relay m2 0', 'settle m2 delivered']);
    expect(dispatcher.nextAttempt('m1')).toBe(Date.now() + 10 * MINUTE);
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(done.slice(4, 5)).toEqual(['relay m1 0']);
  });
});
