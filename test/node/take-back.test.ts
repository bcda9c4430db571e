import { setTimeout } from 'node:timers';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TakeBack } from '../../src/node/take-back.ts';
import type { QueuedMail } from '../../src/relay/queue/port.ts';
import { forwardPath, reversePath } from '../support/path.ts';

vi.mock('node:timers', async () => (await import('../support/global-timers.ts')).timers);

const MINUTE = 60_000;
const MAIL: QueuedMail = {
  id: 'm', arrival: 0, nextAttempt: 0, size: 1, eightBit: false, reversePath: reversePath('<alice@a.test>'),
  forwardPaths: ['<bob@b.test>', '<carol@c.test>'].map(forwardPath), recipients: [{ state: 'waiting' }, { state: 'waiting' }],
};

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: 0 }));
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** A queue that has the mail, fails so many times, and takes a second for each answer. */
function failing(times: number): { readonly takeBack: TakeBack; readonly told: number[]; readonly errors: number[]; readonly taken: string[]; remove(): void } {
  const [told, errors, taken]: [number[], number[], string[]] = [[], [], []];
  let mail: QueuedMail | undefined = MAIL;
  const settle = async (...asked: readonly unknown[]): Promise<void> => {
    expect(asked).toEqual(['m', [{ state: 'failed' }, { state: 'failed' }], 0]);
    told.push(Date.now());
    await new Promise<void>((resolve) => setTimeout(resolve, 1_000));
    if (told.length <= times) throw new Error('the disk is away');
    mail = undefined;
  };
  const queue = { mail: () => mail, settle };
  return { takeBack: new TakeBack(queue, () => void errors.push(Date.now()), (id) => void taken.push(id)), told, errors, taken, remove: () => (mail = undefined) };
}

/** When it resolves. */
const time = (promise: Promise<void>): Promise<number> => promise.then(() => Date.now());

it.each([0, 1, 2, 3])('a queue that fails %i times is told a minute after each, until it has taken it, and never again', async (times) => {
  const { takeBack, told, errors, taken } = failing(times);
  const answered = time(takeBack.take(MAIL));
  await vi.advanceTimersByTimeAsync(10 * MINUTE);
  expect(await answered).toBe(1_000);
  expect(taken).toEqual(['m']);
  expect(told).toEqual([0, 1, 2, 3].slice(0, times + 1).map((failures) => failures * (MINUTE + 1_000)));
  expect(errors).toEqual(told.slice(0, times).map((at) => at + 1_000));
  await takeBack.close();
  expect(told).toHaveLength(times + 1);
});

it.each([1, 9])('it is told once more in the end, which waits for its answer, though it failed %i times', async (times) => {
  const { takeBack, told } = failing(times);
  void takeBack.take(MAIL);
  await vi.advanceTimersByTimeAsync(5_000);
  const closed = time(takeBack.close());
  await vi.advanceTimersByTimeAsync(10 * MINUTE);
  expect(await closed).toBe(6_000);
  expect(told).toEqual([0, 5_000]);
});

it('its answer is waited for in the end where it is being told', async () => {
  const { takeBack, told } = failing(9);
  void takeBack.take(MAIL);
  await vi.advanceTimersByTimeAsync(1_000 + MINUTE + 500);
  const closed = time(takeBack.close());
  await vi.advanceTimersByTimeAsync(10 * MINUTE);
  expect(told).toEqual([0, MINUTE + 1_000, MINUTE + 2_000]);
  expect(await closed).toBe(MINUTE + 3_000);
});

it('a queue that has it no more is not told: the operator has removed it', async () => {
  const { takeBack, told, taken, remove } = failing(9);
  void takeBack.take(MAIL);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(taken).toEqual([]);
  remove();
  await vi.advanceTimersByTimeAsync(10 * MINUTE);
  await takeBack.close();
  expect([told, taken]).toEqual([[0], ['m']]);
});
