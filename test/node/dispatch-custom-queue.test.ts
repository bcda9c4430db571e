import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../src/protocol/client/action.ts';
import type { QueuedMail } from '../../src/relay/queue/port.ts';
import { DEFERRED, DELIVERED, MINUTE, NOTHING, onVirtualTime, settle, stage, TO_BOB } from '../support/dispatch.ts';

vi.mock('node:timers', async () => (await import('../support/global-timers.ts')).timers);
onVirtualTime();

// found by trying: it ended the process; and a promise, as of an async function, ended it with a word about our own code
describe('a queue that does not say what is in it', () => {
  const WRONG = 'mail of the queue must return a mail as "add" resolves with, not {"id":"m1"}';
  const PROMISE = 'mail of the queue must answer at once, and not with a promise';
  it.each<[string, string, () => unknown]>([
    ['throws', 'disk on fire', () => { throw new Error('disk on fire'); }],
    ['answers with a promise', PROMISE, async () => undefined],
    ['answers with a promise that rejects', PROMISE, () => Promise.reject(new Error('disk on fire'))],
    ['answers with what is no mail', WRONG, () => ({ id: 'm1' })],
  ])('and %s is asked again after a minute: before an attempt, behind it, and for those who are given up', async (_, text, wrong) => {
    let outcome: Outcome = DELIVERED;
    let broken = false;
    const failing = (): void => void (broken = true);
    const { queue, dispatcher, done, logged } = stage(() => {
      failing();
      return [outcome];
    });
    const { mail } = queue;
    queue.mail = (id) => (broken ? wrong() as QueuedMail : mail.call(queue, id));
    const mended = async (): Promise<void> => {
      await settle();
      broken = false;
      await vi.advanceTimersByTimeAsync(MINUTE);
    };
    failing();
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await mended(); // the attempt begins, and what it came to cannot be recorded
    await mended();
    expect(done).toEqual(['relay m1 0', 'settle m1 delivered']);
    outcome = DEFERRED;
    dispatcher.add(queue.put({ ...TO_BOB, id: 'm2' }, NOTHING));
    await mended();
    failing();
    dispatcher.giveUp('m2');
    await mended(); // it is put off, and tried in its turn
    await mended();
    expect(done.slice(2)).toEqual(['relay m2 0', 'settle m2 waiting', 'relay m2 0', 'settle m2 waiting']);
    expect(new Set(logged.filter(([event]) => event === 'error').map(([, fields]) => fields['text']))).toEqual(new Set([text]));
  });

  // found by trying: one row of a database kept a relay from starting
  it.each<[string, string, readonly string[], (mail: QueuedMail) => unknown]>([
    ['throws', 'disk on fire', [], () => { throw new Error('disk on fire'); }],
    ['throws in the midst', 'disk on fire', ['m1'], function* (mail) { yield mail; throw new Error('disk on fire'); }],
    ['answers with null', 'mails of the queue must return an iterable of mails, not null', [], () => null],
    ['answers with a promise', 'mails of the queue must answer at once, and not with a promise', [], async () => []],
    ['answers with what only `for await` iterates', 'mails of the queue must return an iterable of mails, not {}', [], async function* (mail) { yield mail; }],
    ['answers with one whose paths are none', "Cannot read properties of null (reading 'type')", ['m1'], (mail) => [{ ...mail, id: 'm2', forwardPaths: [null] }, mail]],
    ['answers with one that is no mail', 'mails of the queue must return a mail as "add" resolves with, not null', ['m1'], (mail) => [null, mail]],
  ])('and %s at the start is asked again after a minute', async (_, text, first, wrong) => {
    const { queue, dispatcher, done, logged } = stage(() => [DELIVERED]);
    const mail = queue.put(TO_BOB, NOTHING);
    queue.put({ ...TO_BOB, id: 'm2' }, NOTHING);
    const { mails } = queue;
    queue.mails = () => wrong(mail) as QueuedMail[];
    dispatcher.start();
    queue.mails = mails;
    await settle();
    expect(logged.filter(([event]) => event === 'error')).toEqual([['error', { text }]]);
    expect(done.filter((what) => what.startsWith('settle'))).toEqual(first.map((id) => `settle ${id} delivered`));
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect([...queue.mails()]).toEqual([]);
    expect(logged.filter(([event]) => event === 'error')).toHaveLength(1);
  });

  it('is not asked for what it holds once the dispatcher closes', async () => {
    const { queue, dispatcher, logged } = stage(() => [DELIVERED]);
    queue.mails = () => { throw new Error('disk on fire'); };
    dispatcher.start();
    await dispatcher.close(0);
    expect(logged).toHaveLength(1);
  });

  it('and is wrong when mail is to be given up, of which much waits, has that tried in its turn', async () => {
    const { queue, dispatcher, done } = stage(() => [DEFERRED]);
    for (const id of ['m1', 'm2', 'm3', 'm4']) dispatcher.add(queue.put({ ...TO_BOB, id }, NOTHING));
    await settle();
    const { mail } = queue;
    queue.mail = () => { throw new Error('disk on fire'); };
    dispatcher.giveUp('m1');
    queue.mail = mail;
    expect(dispatcher.nextAttempt('m1')).toBe(Date.now() + MINUTE);
    done.length = 0;
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(done).toEqual(['relay m1 0', 'settle m1 waiting']);
  });
});
