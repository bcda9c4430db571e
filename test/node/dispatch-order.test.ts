import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../src/protocol/client/action.ts';
import { REASONS } from '../../src/protocol/client/reason.ts';
import type { QueuedMail } from '../../src/relay/queue/port.ts';
import { type Answers, DEFERRED, DELIVERED, HOUR, MINUTE, NOTHING, notifyAfter, onVirtualTime, settle, SILENT, sixExpire, stage, type Stage, TO_BOB, TO_BOTH } from '../support/dispatch.ts';
import { MemoryQueue } from '../support/memory-queue.ts';
import { deferred, type Deferred } from '../support/turn.ts';

vi.mock('node:timers', async () => (await import('../support/global-timers.ts')).timers);
onVirtualTime();

describe('an order of the operator', () => {
  const returning = (queue: MemoryQueue): void => {
    const { mail } = queue;
    queue.mail = (id) => {
      const found = mail.call(queue, id);
      return found === undefined ? undefined : { ...found, returned: true };
    };
  };

  it('to retry is done at once, and the schedule goes on from there', async () => {
    const { queue, dispatcher, attempts } = stage(() => [DEFERRED]);
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await vi.advanceTimersByTimeAsync(3 * MINUTE);
    expect(dispatcher.retry('m1')).toBe(true);
    expect(dispatcher.retry('m1')).toBe(false); // it is being tried
    await vi.advanceTimersByTimeAsync(17 * MINUTE);
    expect(attempts).toEqual([0, 3, 13]);
    expect(dispatcher.retry('nobody')).toBe(true);
  });

  // found by reading: the unit that it took the place of stayed until its own time, three hours later, and a destination with it; where
  // it was ordered each minute there were two hundred of them for each mail
  it.each([['retry', DELIVERED], ['giveUp', DEFERRED]] as const)('to %s leaves nothing behind that waits', async (order, then) => {
    let outcome: Outcome = DEFERRED;
    const { queue, dispatcher } = stage(() => [outcome]);
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(vi.getTimerCount()).toBe(1);
    outcome = then;
    if (order === 'giveUp') returning(queue);
    dispatcher[order]('m1');
    await settle();
    expect([...queue.mails()]).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  // found by trying: behind `removed` in the log stood when the mail would be tried next
  it.each([['remove', undefined], ['hold', true]] as const)('to %s, of a mail that is being tried, has it tried no more, and the log says of no time when it would be', async (order, held) => {
    const gate = deferred();
    const { queue, dispatcher, attempts, logged } = stage(async () => {
      await gate.promise;
      return [DEFERRED];
    });
    const { mail } = queue;
    queue.mail = (id) => Object.create(mail.call(queue, id) ?? null) as QueuedMail; // as that of a journal, it has little of its own
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await settle();
    queue.mail = (id) => {
      const found = mail.call(queue, id);
      return held === undefined || found === undefined ? undefined : { ...found, held };
    };
    gate.resolve();
    await settle();
    expect(logged).toEqual([['deferred', expect.objectContaining({ id: 'm1', next: undefined })]]);
    await vi.advanceTimersByTimeAsync(3 * HOUR);
    expect(attempts).toEqual([0]);
    if (order === 'remove') expect(vi.getTimerCount()).toBe(0);
  });

  // found by reading: it stayed in the queue until the next start
  it('to giveUp counts for a mail that only comes to be taken in charge', async () => {
    const { queue, dispatcher, done } = stage(() => [DEFERRED]);
    const mails = ['m1', 'm2', 'm3'].map((id) => queue.put({ ...TO_BOB, id }, NOTHING)); // more than one destination has room for at a time
    returning(queue);
    for (const mail of mails) {
      dispatcher.giveUp(mail.id);
      dispatcher.add(mail);
    }
    await settle();
    expect(done.filter((what) => what.startsWith('settle'))).toEqual(['settle m1 failed', 'settle m2 failed', 'settle m3 failed']);
  });

  it('to remove a mail that waits is the last that is heard of it', async () => {
    const { queue, dispatcher } = stage(() => [DEFERRED]);
    dispatcher.start();
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await vi.advanceTimersByTimeAsync(MINUTE);
    let asked = 0;
    queue.mail = () => void (asked += 1);
    await vi.advanceTimersByTimeAsync(4 * HOUR); // its sender would be told of the delay, too
    expect(asked).toBe(1);
  });

  it('to retry tries a destination that is dead', async () => {
    let silent = true;
    const { queue, dispatcher, attempts, done } = stage(() => [silent ? SILENT : DELIVERED]);
    for (const id of ['m1', 'm2', 'm3', 'm4']) dispatcher.add(queue.put({ ...TO_BOB, id }, NOTHING));
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(attempts).toHaveLength(3); // and the fourth waits for the probe
    expect(dispatcher.nextAttempt('m4')).toBe(Date.now() + 9 * MINUTE); // though it is due
    expect(dispatcher.nextAttempt('nobody')).toBeUndefined();
    expect([...dispatcher.behindDead('m4')]).toEqual([0]);
    expect([...dispatcher.behindDead('nobody')]).toEqual([]);
    silent = false;
    dispatcher.retry('m4');
    await settle();
    expect(done).toContain('settle m4 delivered');
  });

  // found by trying: the destination went with the last of its mail for a moment, and what came behind was tried at once
  it('to retry the only mail of a dead destination leaves it as dead as it was, if the attempt fails', async () => {
    const { queue, dispatcher, attempts } = stage(() => [SILENT]);
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await vi.advanceTimersByTimeAsync(80 * MINUTE);
    dispatcher.retry('m1');
    await settle();
    dispatcher.add(queue.put({ ...TO_BOB, id: 'm2' }, NOTHING));
    await settle();
    expect(attempts).toEqual([0, 10, 70, 80]);
    expect(dispatcher.nextAttempt('m2')).toBeGreaterThan(Date.now());
  });

  it('to retry leaves those alone who are being tried', async () => {
    const gate = deferred();
    const { queue, dispatcher, done } = stage(async (_, recipients) => {
      if (!recipients.includes(1)) await gate.promise;
      return recipients.map(() => DEFERRED);
    });
    dispatcher.add(queue.put(TO_BOTH, NOTHING));
    await settle();
    dispatcher.retry('m1');
    await settle();
    expect(done.filter((what) => what.startsWith('relay'))).toEqual(['relay m1 0,2', 'relay m1 1', 'relay m1 1']);
    expect(dispatcher.isTrying('m1')).toBe(true);
    gate.resolve();
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(done.filter((what) => what.startsWith('relay')).slice(3)).toEqual(['relay m1 1', 'relay m1 0,2']);
    expect(dispatcher.isTrying('m1')).toBe(false);
  });

  it('to retry keeps a mail from being given up with others that are as old', async () => {
    const [reported, answered] = [deferred(), deferred()];
    let back = false;
    const { queue, dispatcher, done } = stage(async () => {
      if (back) await answered.promise;
      return [back ? DELIVERED : SILENT];
    }, {
      notify: (mail) => notifyAfter(reported.promise, queue, mail),
    });
    await sixExpire(dispatcher, queue);
    const told = done.filter((what) => what.startsWith('notify'));
    expect(told).toHaveLength(1); // the first of them is reported, and the others are to be
    const [first] = told.map((what) => what.slice('notify '.length));
    back = true;
    const others = [...queue.mails()].map(({ id }) => id).filter((id) => id !== first);
    for (const id of others) dispatcher.retry(id);
    await settle();
    done.length = 0;
    reported.resolve();
    await settle();
    expect(done).toEqual([`settle ${first} failed`]);
    answered.resolve();
    await settle();
    expect(done.filter((what) => what.startsWith('settle')).slice(1).sort()).toEqual(others.sort().map((id) => `settle ${id} delivered`));
  });

  it('to retry a mail that is to be given up leaves its destination dead for those who wait for it', async () => {
    const reported = deferred();
    const { queue, dispatcher, done } = stage(() => [SILENT], { notify: (mail) => notifyAfter(reported.promise, queue, mail) });
    for (let number = 1; number <= 6; number++) dispatcher.add(queue.put({ ...TO_BOB, id: `m${number}` }, NOTHING));
    await vi.advanceTimersByTimeAsync(4 * HOUR);
    dispatcher.add(queue.put({ ...TO_BOB, id: 'young' }, NOTHING));
    await vi.advanceTimersByTimeAsync(2 * HOUR);
    expect(done.filter((what) => what.startsWith('notify'))).toHaveLength(1); // of the others one is ordered, whichever it is
    dispatcher.retry(done.includes('notify m1') ? 'm2' : 'm1');
    await settle();
    expect([...dispatcher.behindDead('young')]).toEqual([0]);
    reported.resolve();
    await settle();
  });

  const RETURNED = { ...TO_BOTH, id: 'm1' };

  it('to return a mail fails those who wait, and reports them', async () => {
    const { queue, dispatcher, done, logged } = stage((_, recipients) => recipients.map(() => DEFERRED));
    dispatcher.add(queue.put(RETURNED, NOTHING));
    await vi.advanceTimersByTimeAsync(MINUTE);
    returning(queue);
    done.length = 0;
    dispatcher.giveUp('m1');
    await vi.advanceTimersByTimeAsync(10 * HOUR);
    expect(done).toEqual(['notify m1 0,2', 'settle m1 failed,waiting,failed', 'notify m1 1', 'settle m1 failed,failed,failed']);
    expect(logged.filter(([event]) => event === 'failed').map(([, { reply }]) => reply)).toEqual(Array.from({ length: 3 }, () => '554 5.3.0 the operator of this host has given up the mail'));
  });

  it('to return a mail waits for the attempt under way, which is the last one', async () => {
    const gate = deferred();
    const { queue, dispatcher, done } = stage(async () => (await gate.promise, [DEFERRED]));
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await settle();
    returning(queue);
    dispatcher.giveUp('m1');
    await settle();
    expect(done).toEqual(['relay m1 0']);
    gate.resolve();
    await settle();
    expect(done).toEqual(['relay m1 0', 'notify m1 0', 'settle m1 failed']);
  });

  it('to return a mail counts once, where it has called off the attempt under way', async () => {
    const gate = deferred();
    const { queue, dispatcher, done } = stage(async (_, recipients, { signal }) => {
      await (recipients.includes(1) ? new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())) : gate.promise);
      return [{ ...REASONS['content-lost'], inReplyTo: 'DATA', reason: 'content-lost' }];
    });
    dispatcher.add(queue.put(TO_BOTH, NOTHING));
    await settle();
    returning(queue);
    dispatcher.giveUp('m1');
    done.length = 0;
    gate.resolve();
    await settle();
    expect(done).toEqual(['settle m1 waiting,waiting,waiting', 'notify m1 0,2', 'settle m1 failed,waiting,failed']);
  });

  // found by reading: both orders were said to be done, and came to nothing before the next attempt
  describe('that come while what an attempt has come to is being recorded', () => {
    const recording = (answers: Answers): Stage & { readonly recorded: Deferred<void> } => {
      const staged = stage(answers);
      const { queue } = staged;
      const { settle: record } = queue;
      const recorded = deferred();
      queue.settle = async (...args) => {
        await recorded.promise;
        return record.apply(queue, args);
      };
      return { ...staged, recorded };
    };

    it('are done then: a mail is returned', async () => {
      const { queue, dispatcher, done, recorded } = recording(() => [DEFERRED]);
      dispatcher.add(queue.put(TO_BOB, NOTHING));
      await settle();
      returning(queue);
      dispatcher.giveUp('m1');
      await settle();
      expect(done).toEqual(['relay m1 0']);
      recorded.resolve();
      await settle();
      expect(done).toEqual(['relay m1 0', 'settle m1 waiting', 'notify m1 0', 'settle m1 failed']);
    });

    it('are done then: a mail is tried', async () => {
      let outcomes: readonly Outcome[] = [DEFERRED];
      const { queue, dispatcher, done, attempts, logged, recorded } = recording(() => outcomes);
      dispatcher.add(queue.put(TO_BOB, NOTHING));
      await settle();
      outcomes = [DELIVERED];
      expect(dispatcher.retry('m1')).toBe(true);
      await settle();
      expect(done).toEqual(['relay m1 0']);
      recorded.resolve();
      await settle();
      expect(done).toEqual(['relay m1 0', 'settle m1 waiting', 'relay m1 0', 'settle m1 delivered']);
      await vi.advanceTimersByTimeAsync(2 * HOUR);
      expect(attempts).toEqual([0, 0]);
      expect(logged.filter(([event]) => event === 'retry')).toHaveLength(1);
    });
  });

  it('to return a mail is done by the next process where this one has ended, whatever becomes of other mail', async () => {
    const { queue, dispatcher, done } = stage(() => [SILENT]);
    const { mail } = queue;
    for (let number = 1; number <= 5; number++) queue.put({ ...TO_BOB, id: `m${number}` }, NOTHING);
    const returned = (each: QueuedMail): QueuedMail => (each.id === 'm5' ? { ...each, returned: true } : each);
    queue.mail = (id) => returned(mail.call(queue, id) as QueuedMail);
    const all = [...queue.mails()].map(returned);
    queue.mails = () => all;
    dispatcher.start();
    await settle();
    expect(done).not.toContain('relay m5 0');
    expect(done.filter((what) => what.includes('m5'))).toEqual(['notify m5 0', 'settle m5 failed']);
  });
});
