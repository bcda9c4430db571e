import { describe, expect, it, vi } from 'vitest';
import type { Conclusion } from '../../src/node/conclusion.ts';
import { Recorder, type NotificationMail } from '../../src/node/recorder.ts';
import type { QueuedMail, RecipientState } from '../../src/relay/queue/port.ts';
import { MemoryQueue, mailOf } from '../support/memory-queue.ts';
import { deferred, turns, type Deferred } from '../support/turn.ts';

const NOTHING = new Uint8Array(0);

/** A queue that settles when the test lets it. */
class SlowQueue extends MemoryQueue {
  readonly begun: (Deferred<void> & { readonly recipients: readonly RecipientState[] })[] = [];

  override async settle(id: string, recipients: readonly RecipientState[], nextAttempt: number): Promise<void> {
    const gate = { ...deferred(), recipients };
    this.begun.push(gate);
    await gate.promise;
    return super.settle(id, recipients, nextAttempt);
  }
}

function stage(): { readonly queue: SlowQueue; readonly recorder: Recorder; readonly queued: string[]; readonly record: (recipient: number) => Promise<void> } {
  const queue = new SlowQueue();
  queue.put(mailOf('m1', '<alice@a.test>', '<a@b.test>', '<b@b.test>', '<c@b.test>', '<d@b.test>'), NOTHING);
  const queued: string[] = [];
  const notify = async (): Promise<NotificationMail> => ({ id: 'n1', queue: { mail: mailOf('n1', '<>', '<alice@a.test>'), content: () => queue.content('m1') } });
  const recorder = new Recorder({ queue, notify, log: () => undefined }, ({ id }: QueuedMail) => queued.push(id));
  const record = (recipient: number): Promise<void> => {
    const conclusion: Conclusion = { states: new Map([[recipient, { state: 'delivered' }]]), failures: [], news: [], again: 0 };
    return recorder.record('m1', conclusion, () => 0);
  };
  return { queue, recorder, queued, record };
}

describe('what is recorded of a mail', () => {
  it('is one thing at a time, on top of what was recorded before, and behind what came to nothing', async () => {
    const { queue, record } = stage();
    const [first, ...others] = [record(0), record(1), record(2)];
    await turns();
    expect(queue.begun).toHaveLength(1);
    queue.begun[0]?.reject(new Error('no space'));
    await expect(first).rejects.toThrow('no space');
    others.push(record(3));
    for (const count of [2, 3, 4]) {
      await turns();
      expect(queue.begun).toHaveLength(count);
      queue.begun[count - 1]?.resolve();
    }
    await Promise.all(others);
    expect(queue.done).toEqual(['waiting,delivered,waiting,waiting', 'waiting,delivered,delivered,waiting', 'waiting,delivered,delivered,delivered'].map((states) => `settle m1 ${states}`));
    const asked = vi.spyOn(queue, 'mail');
    const last = record(0);
    expect(asked).toHaveBeenCalled(); // nothing is kept of those before, to be waited for
    await turns();
    queue.begun.at(-1)?.resolve();
    await last;
  });

  it('hands back as it was who is not concluded about, which is no news', async () => {
    const { queue, record } = stage();
    const before = queue.mail('m1');
    if (before !== undefined) Object.assign(before, { recipients: before.recipients.map((state) => ({ ...state, warned: true })) });
    const recorded = record(0);
    await turns();
    expect(queue.begun[0]?.recipients[0]).toEqual({ state: 'delivered', warned: true });
    for (const other of [1, 2, 3]) expect(queue.begun[0]?.recipients[other]).toBe(before?.recipients[other]);
    queue.begun[0]?.resolve();
    await recorded;
  });

  it.each(['recorded', 'not recorded'])('lets the word of a delay go its way once, also where that is %s', async (how) => {
    const { queue, recorder, queued } = stage();
    const warned = recorder.warn('m1', () => 0).catch(() => undefined);
    await turns();
    if (how === 'recorded') queue.begun[0]?.resolve();
    else queue.begun[0]?.reject(new Error('no space'));
    await warned;
    recorder.forget('m1');
    recorder.forget('m1');
    expect(queued).toEqual(['n1']);
  });
});
