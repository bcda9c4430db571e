// A dispatcher on a queue in memory, whose attempts come to what a test says, in virtual time.
//
// A test of it also says `vi.mock('node:timers', …)` with `global-timers.ts`: that is hoisted within its own file alone.

import { afterEach, beforeEach, expect, vi } from 'vitest';
import type { RecipientOutcome } from '../../src/node/deliver.ts';
import { Dispatcher, type DispatchOptions, type Signals } from '../../src/node/dispatch.ts';
import type { LogFields } from '../../src/node/log.ts';
import type { Outcome } from '../../src/protocol/client/action.ts';
import type { QueuedMail } from '../../src/relay/queue/port.ts';
import type { RetrySchedule } from '../../src/relay/schedule.ts';
import { reply } from '../../src/syntax/reply.ts';
import { MemoryQueue, mailOf } from './memory-queue.ts';
import { targetOf } from './scripted-server.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const SCHEDULE: RetrySchedule = { intervals: [10 * MINUTE, HOUR], jitter: 0, expire: 5 * HOUR, expireBounce: HOUR, delayWarning: HOUR };

export const DELIVERED: Outcome = { state: 'delivered', reply: reply(250, '2.0.0', 'taken') };
export const FAILED: Outcome = { state: 'failed', reply: reply(550, '5.1.1', 'no such user'), inReplyTo: 'RCPT' };
export const DEFERRED: Outcome = { state: 'deferred', reply: reply(451, '4.3.0', 'later'), inReplyTo: 'RCPT' };
export const UNKNOWN: Outcome = { state: 'unknown', reply: reply(451, '4.4.2', 'connection lost'), inReplyTo: 'end of mail data', reason: 'connection-lost' };
export const SILENT: Outcome = { state: 'deferred', reply: reply(451, '4.4.2', 'timed out'), inReplyTo: 'the connection', reason: 'timeout' };
export const ABORTED: Outcome = { state: 'deferred', reply: reply(451, '4.3.2', 'given up'), inReplyTo: 'nothing', reason: 'aborted' };

export const NOTHING = new Uint8Array(0);
export async function* nothing(): AsyncGenerator<Uint8Array, void> {
  yield NOTHING;
}
export const TO_BOB = mailOf('m1', '<alice@a.test>', '<bob@b.test>');
export const TO_TWO = mailOf('m1', '<alice@a.test>', '<bob@b.test>', '<carol@b.test>');
export const TO_BOTH = mailOf('m1', '<alice@a.test>', '<bob@b.test>', '<carol@c.test>', '<dave@b.test>');

export interface Stage {
  readonly queue: MemoryQueue;
  readonly dispatcher: Dispatcher;
  /** What happened, in order: `relay m1 0,1`, `notify m1 0`, `settle m1 failed`. */
  readonly done: string[];
  readonly logged: readonly (readonly [string, LogFields])[];
  /** Minutes after the start at which each attempt began. */
  readonly attempts: readonly number[];
}

export type Answers = (mail: QueuedMail, recipients: readonly number[], signals: Signals) => readonly Outcome[] | Promise<readonly Outcome[]>;

const running: Dispatcher[] = [];

/** Has each test of a file begin with a clock that only the test moves, and end with nothing left behind. */
export function onVirtualTime(): void {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
  afterEach(async () => {
    const closed = Promise.all(running.splice(0).map((dispatcher) => dispatcher.close(0)));
    await vi.advanceTimersByTimeAsync(1);
    await closed;
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
}

export function stage(answers: Answers, options: Partial<DispatchOptions> = {}): Stage {
  const queue = new MemoryQueue();
  const logged: (readonly [string, LogFields])[] = [];
  const attempts: number[] = [];
  const start = Date.now();
  const dispatcher = new Dispatcher({
    queue,
    schedule: SCHEDULE,
    ticks: () => Date.now(),
    log: (event, fields) => logged.push([event, fields]),
    destination: (path) => (path.type === 'path' ? path.mailbox.domain.key : ''),
    async relay(mail, recipients, signals): Promise<readonly RecipientOutcome[]> {
      queue.done.push(`relay ${mail.id} ${recipients.join()}`);
      attempts.push((Date.now() - start) / MINUTE);
      const outcomes = await answers(mail, recipients, signals);
      return recipients.flatMap((recipient, index) => {
        const forwardPath = mail.forwardPaths[recipient];
        const outcome = outcomes[index] ?? outcomes[0];
        return forwardPath === undefined || outcome === undefined ? [] : [{ forwardPath, outcome, target: targetOf(25) }];
      });
    },
    async notify(mail, failures) {
      queue.done.push(`notify ${mail.id} ${failures.map(({ recipient }) => recipient).join()}`);
      return { id: 'n1' };
    },
    ...options,
  });
  running.push(dispatcher);
  return { queue, dispatcher, done: queue.done, logged, attempts };
}

/** Lets what is due now come to its end. */
export const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

/** Six mails for one recipient, whose time is over: the first of them is reported, and the others are to be. */
export async function sixExpire(dispatcher: Dispatcher, queue: MemoryQueue): Promise<void> {
  for (let number = 1; number <= 6; number++) dispatcher.add(queue.put({ ...TO_BOB, id: `m${number}` }, NOTHING));
  await vi.advanceTimersByTimeAsync(6 * HOUR);
}

/** A notification that is written only when `reported` is. */
export async function notifyAfter(reported: Promise<unknown>, queue: MemoryQueue, { id }: QueuedMail): Promise<{ readonly id: string }> {
  queue.done.push(`notify ${id}`);
  await reported;
  return { id: `n-${id}` };
}
