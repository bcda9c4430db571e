import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../src/protocol/client/action.ts';
import { REASONS } from '../../src/protocol/client/reason.ts';
import type { Queue } from '../../src/relay/queue/port.ts';
import { nextAttempt } from '../../src/relay/schedule.ts';
import { type Answers, DEFERRED, DELIVERED, FAILED, HOUR, MINUTE, nothing, NOTHING, onVirtualTime, SCHEDULE, settle, stage, TO_BOB, TO_BOTH, TO_TWO, UNKNOWN } from '../support/dispatch.ts';
import { mailOf } from '../support/memory-queue.ts';
import { deferred, type Deferred } from '../support/turn.ts';

vi.mock('node:timers', async () => (await import('../support/global-timers.ts')).timers);
onVirtualTime();

describe('a mail', () => {
  it('is relayed when it is added, and done with when it is delivered', async () => {
    const { queue, dispatcher, done, logged } = stage(() => [DELIVERED]);
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await settle();
    expect(done).toEqual(['relay m1 0', 'settle m1 delivered']);
    expect(logged).toMatchObject([
      ['delivered', { id: 'm1', to: '<bob@b.test>', host: 'mx.test', address: '127.0.0.1:25', reply: '250 2.0.0 taken' }],
      ['done', { id: 'm1' }],
    ]);
  });

  it('that was in the queue at the start is relayed at once, whenever it was due', async () => {
    const { queue, dispatcher, done } = stage(() => [DELIVERED]);
    for (const id of ['m1', 'm2', 'm3']) queue.put({ ...TO_BOB, id }, NOTHING);
    await queue.settle('m2', [{ state: 'waiting' }], Date.now() + HOUR);
    done.length = 0;
    dispatcher.start();
    await settle();
    expect(done.filter((what) => what.startsWith('relay'))).toEqual(['relay m1 0', 'relay m2 0', 'relay m3 0']);
  });

  it('has its whole story in the log under one id: taken, put off, tried again, bounced, done with', async () => {
    const THREE = mailOf('m1', '<alice@a.test>', '<ok@b.test>', '<later@b.test>', '<never@b.test>');
    let round = 0;
    const { queue, dispatcher, logged } = stage((_, recipients) => (round++ === 0 ? [DELIVERED, DEFERRED, FAILED] : recipients.map(() => (round < 3 ? DEFERRED : DELIVERED))));
    const start = Date.now();
    dispatcher.add(queue.put(THREE, NOTHING));
    await vi.advanceTimersByTimeAsync(3 * HOUR);
    const time = (minutes: number): string => new Date(start + minutes * MINUTE).toISOString();
    expect(logged.map(([event, { id, to, next, notification }]) => [event, id, to, next ?? notification])).toEqual([
      ['delivered', 'm1', '<ok@b.test>', undefined],
      ['deferred', 'm1', '<later@b.test>', time(10)],
      ['failed', 'm1', '<never@b.test>', undefined],
      ['bounced', 'm1', '<never@b.test>', 'n1'],
      ['deferred', 'm1', '<later@b.test>', time(70)],
      ['delivered', 'm1', '<later@b.test>', undefined],
      ['done', 'm1', undefined, undefined],
    ]);
    expect(logged.filter(([, { gaveUp }]) => gaveUp === true)).toEqual([]);
  });

  it('may be due later than a timer can say', async () => {
    const DAY = 24 * HOUR;
    const { queue, dispatcher, attempts } = stage(() => [DEFERRED], { schedule: { ...SCHEDULE, intervals: [60 * DAY], expire: 100 * DAY } });
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await settle();
    const start = Date.now();
    await vi.advanceTimersToNextTimerAsync();
    expect(Date.now() - start).toBeGreaterThan(20 * DAY);
    await vi.advanceTimersByTimeAsync(60 * DAY);
    expect(attempts).toEqual([0, 60 * DAY / MINUTE]);
  });

  // shows RFC8689:4.2.1-11
  it('that needs TLS where no host has it is reported to its sender at once', async () => {
    const { queue, dispatcher, done } = stage(() => [{ ...REASONS['require-tls-not-secured'], inReplyTo: 'EHLO', reason: 'require-tls-not-secured' }]);
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await settle();
    expect(done).toEqual(['relay m1 0', 'notify m1 0', 'settle m1 failed']);
  });

  // shows RFC5321:4.2.1-2 RFC5321:4.2.1-3 RFC5321:4.2.5-2 RFC5321:4.2.5-5 RFC5321:4.5.4.1-1 RFC5321:4.5.4.1-3 RFC5321:4.5.4.1-5
  // shows RFC5321:2.1-2
  it('is tried again at the times of the schedule, and given up at its end', async () => {
    const { queue, dispatcher, attempts, done, logged } = stage(() => [DEFERRED]);
    const mail = queue.put(TO_BOB, NOTHING);
    dispatcher.add(mail);
    await vi.advanceTimersByTimeAsync(10 * HOUR);
    expect(attempts).toEqual([0, 10, 70, 130, 190, 250, 300]);
    for (const [index, minutes] of attempts.slice(0, -1).entries()) expect(nextAttempt({ id: 'm1', age: minutes * MINUTE, bounce: false }, SCHEDULE)).toBe((attempts[index + 1] ?? 0) * MINUTE);
    expect(done.slice(-3)).toEqual(['relay m1 0', 'notify m1 0', 'settle m1 failed']);
    expect(logged.slice(-3)).toMatchObject([['deferred', { id: 'm1', gaveUp: true }], ['bounced', { id: 'm1', to: '<bob@b.test>', notification: 'n1' }], ['done', {}]]);
  });

  // shows RFC5321:4.5.4.1-7
  it('that is a bounce is given up sooner', async () => {
    const { queue, dispatcher, attempts } = stage(() => [DEFERRED]);
    dispatcher.add(queue.put(mailOf('m1', '<>', '<bob@b.test>'), NOTHING));
    await vi.advanceTimersByTimeAsync(10 * HOUR);
    expect(attempts).toEqual([0, 10, 60]);
  });

  // shows RFC5321:4.2.5-3
  it('says in the failure why it could not be delivered in time', async () => {
    const states: unknown[] = [];
    const { queue, dispatcher } = stage(() => [DEFERRED], { notify: async (_, failures) => void states.push(...failures) });
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await vi.advanceTimersByTimeAsync(10 * HOUR);
    expect(states).toMatchObject([{ recipient: 0, state: { state: 'failed', reply: { code: 451, enhanced: '4.4.7', lines: [expect.stringContaining('later')] } } }]);
  });

  // shows RFC5321:4.2.1-5 RFC5321:4.2.5-8
  it('goes only to recipients that still wait', async () => {
    let attempt = 0;
    const { queue, dispatcher, done } = stage((_, recipients) => (attempt++ === 0 ? [DELIVERED, DEFERRED] : recipients.map(() => DELIVERED)));
    dispatcher.add(queue.put(TO_TWO, NOTHING));
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(done).toEqual(['relay m1 0,1', 'settle m1 delivered,waiting', 'relay m1 1', 'settle m1 delivered,delivered']);
  });

  // shows RFC2033:5-9
  it('whose fate is unknown is tried again on the schedule, but not as soon as greylisting asks for (RFC 1047)', async () => {
    let attempt = 0;
    const { queue, dispatcher, attempts } = stage(() => [attempt++ === 0 ? UNKNOWN : DELIVERED]);
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(attempts).toEqual([0, 60]);
  });

  it('that is being put into the queue is left alone until that is done', async () => {
    const { queue, dispatcher, done } = stage(() => [DEFERRED]);
    dispatcher.expect('m1');
    const mail = queue.put(TO_BOB, NOTHING);
    dispatcher.start();
    expect(dispatcher.retry('m1')).toBe(true);
    await settle();
    expect(done).toEqual([]);
    dispatcher.add(mail);
    await settle();
    dispatcher.retry('m1');
    await settle();
    expect(done.filter((what) => what.startsWith('relay'))).toEqual(['relay m1 0', 'relay m1 0']);
  });

  it('is taken in charge once, though it is added while it waits or is in hand', async () => {
    const go = deferred();
    const { queue, dispatcher, done } = stage(async () => (await go.promise, [DELIVERED]));
    const mail = queue.put(TO_BOB, NOTHING);
    dispatcher.add(mail);
    dispatcher.start();
    await settle();
    dispatcher.add(mail);
    await settle();
    expect(done).toEqual(['relay m1 0']);
    go.resolve();
    await settle();
    expect(done).toEqual(['relay m1 0', 'settle m1 delivered']);
  });

  it('may come again under its id when it was done with', async () => {
    const { queue, dispatcher, done } = stage(() => [DELIVERED]);
    for (let time = 0; time < 2; time++) {
      dispatcher.add(queue.put(TO_BOB, NOTHING));
      await settle();
    }
    expect(done.filter((what) => what.startsWith('relay'))).toHaveLength(2);
  });

  it('that somebody removed from the queue is forgotten', async () => {
    const { queue, dispatcher, done } = stage(() => [DEFERRED]);
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await settle();
    await queue.settle('m1', [{ state: 'failed' }], 0);
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(done.filter((what) => what.startsWith('relay'))).toHaveLength(1);
  });
});

describe('a mail to two destinations', () => {
  /** Answers when the gate of its first recipient is opened. */
  function gated(outcome: (recipient: number) => Outcome): { readonly answers: Answers; readonly open: (recipient: number) => Promise<unknown> } {
    const gates = new Map<number, Deferred<void>>();
    return {
      async answers(_, recipients) {
        const gate = deferred();
        gates.set(recipients[0] ?? -1, gate);
        await gate.promise;
        return recipients.map(outcome);
      },
      open(recipient) {
        gates.get(recipient)?.resolve();
        return settle();
      },
    };
  }

  it('is recorded at one while the other still makes it wait; it is done once, after the last', async () => {
    const { answers, open } = gated(() => DELIVERED);
    const { queue, dispatcher, done, logged } = stage(answers);
    dispatcher.add(queue.put(TO_BOTH, NOTHING));
    await settle();
    await open(1);
    expect(done).toEqual(['relay m1 0,2', 'relay m1 1', 'settle m1 waiting,delivered,waiting']);
    expect(queue.mail('m1')?.nextAttempt).toBeLessThanOrEqual(Date.now()); // for the recipients in hand: a crash tries them at once
    await open(0);
    expect(done.at(-1)).toBe('settle m1 delivered,delivered,delivered');
    expect(logged.filter(([event]) => event === 'done')).toHaveLength(1);
  });

  it('keeps what was recorded of one when the other is, though both end at once', async () => {
    const { answers, open } = gated((recipient) => (recipient === 1 ? DEFERRED : DELIVERED));
    const { queue, dispatcher, done } = stage(answers);
    const { settle: slow } = queue;
    queue.settle = async (...args) => {
      await Promise.resolve();
      return slow.apply(queue, args);
    };
    dispatcher.add(queue.put(TO_BOTH, NOTHING));
    await settle();
    await Promise.all([open(0), open(1)]);
    expect(done.slice(2)).toEqual(['settle m1 delivered,waiting,delivered', 'settle m1 delivered,waiting,delivered']);
    expect(queue.mail('m1')?.nextAttempt).toBe(Date.now() + 10 * MINUTE);
  });

  it('is reported in one notification for each that fails, under different recipients', async () => {
    const { answers, open } = gated(() => FAILED);
    const { queue, dispatcher, done } = stage(answers);
    dispatcher.add(queue.put(TO_BOTH, NOTHING));
    await settle();
    await open(0);
    await open(1);
    expect(done.slice(2)).toEqual(['notify m1 0,2', 'settle m1 failed,waiting,failed', 'notify m1 1', 'settle m1 failed,failed,failed']);
  });

  it('is due again when the first of them is', async () => {
    const { queue, dispatcher, attempts } = stage((_, recipients) => recipients.map((recipient) => (recipient === 1 ? DEFERRED : DELIVERED)));
    dispatcher.add(queue.put(TO_BOTH, NOTHING));
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(queue.mail('m1')?.nextAttempt).toBe(Date.now() + 10 * MINUTE);
    expect(attempts).toEqual([0, 0, 10]);
  });
});

describe('a queue that knows more', () => {
  it('records a failure and the notification of it as one', async () => {
    const { queue, dispatcher, done, logged } = stage((mail) => [mail.id === 'm1' ? FAILED : DELIVERED], {
      notify: async () => ({ id: 'n1', queue: { mail: mailOf('n1', '<>', '<alice@a.test>'), content: nothing } }),
    });
    const bouncing: Queue = Object.assign(queue, {
      async bounce(...[id, recipients, , notification]: Parameters<NonNullable<Queue['bounce']>>) {
        done.push(`bounce ${id} ${recipients.map(({ state }) => state).join()}`);
        await queue.settle(id, recipients, 0);
        return queue.put(notification, NOTHING);
      },
    });
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await settle();
    expect(bouncing.mail('m1')).toBeUndefined();
    expect(done).toEqual(['relay m1 0', 'bounce m1 failed', 'settle m1 failed', 'relay n1 0', 'settle n1 delivered']);
    expect(logged.map(([event]) => event)).toEqual(['failed', 'bounced', 'done', 'delivered', 'done']);
  });

  it('has a mail left alone that is held, until it goes on', async () => {
    const { queue, dispatcher, attempts } = stage(() => [DELIVERED]);
    const mail = queue.put(TO_BOB, NOTHING);
    let held = true;
    queue.mail = () => (held ? { ...mail, held } : mail);
    dispatcher.add(mail);
    await vi.advanceTimersByTimeAsync(90 * 1000);
    expect(attempts).toEqual([]);
    held = false;
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(attempts).toEqual([2]);
  });

  it('has an attempt of an earlier process taken for one whose outcome is unknown (RFC 1047)', async () => {
    const { queue, dispatcher, attempts, logged } = stage((_, recipients) => recipients.map(() => DELIVERED));
    const mail = queue.put(TO_BOTH, NOTHING);
    queue.mails = () => [{ ...mail, recipients: [{ state: 'waiting' }, { state: 'waiting', unsettled: { host: 'mx.c.test' } }, { state: 'waiting' }] }];
    dispatcher.start();
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(attempts).toEqual([0, 1 / 6]); // not at once: the mail may be what ends the process
    expect(logged[0]).toEqual(['unknown', { id: 'm1', to: '<carol@c.test>', host: 'mx.c.test', reply: '451 4.3.2 given up on our side', inReplyTo: 'end of mail data' }]);
  });
});

describe('attempts', () => {
  // shows RFC5321:4.5.4.1-18 RFC5321:4.5.4.1-19
  it('are only so many at a time, and the mail that is due first goes first', async () => {
    const gates = new Map<string, Deferred<void>>();
    const { queue, dispatcher, done } = stage(async ({ id }) => {
      const gate = deferred();
      gates.set(id, gate);
      await gate.promise;
      return [DELIVERED];
    }, { places: 2 });
    for (const id of ['m1', 'm2', 'm3', 'm4']) dispatcher.add(queue.put({ ...TO_BOB, id }, NOTHING));
    await settle();
    expect(done).toEqual(['relay m1 0', 'relay m2 0']);
    gates.get('m2')?.resolve();
    await settle();
    expect(done).toEqual(['relay m1 0', 'relay m2 0', 'relay m3 0', 'settle m2 delivered']); // the place is free before the outcome is recorded
    for (const id of ['m1', 'm3']) gates.get(id)?.resolve();
    await settle();
    gates.get('m4')?.resolve();
    await settle();
    expect([...queue.mails()]).toEqual([]);
  });

  it('are made in the order in which mails are due, whenever they were added', async () => {
    const { queue, dispatcher, done } = stage(() => [DELIVERED]);
    for (const [id, minutes] of [['c', 3], ['a', 1], ['e', 5], ['b', 2], ['d', 4], ['b2', 2]] as const) dispatcher.add({ ...queue.put({ ...TO_BOB, id }, NOTHING), nextAttempt: Date.now() + minutes * MINUTE });
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(done.filter((what) => what.startsWith('relay'))).toEqual(['relay a 0', 'relay b 0', 'relay b2 0', 'relay c 0', 'relay d 0', 'relay e 0']);
  });

  it('that fail on our own side are made again in a minute', async () => {
    let attempt = 0;
    const { queue, dispatcher, attempts, logged } = stage(() => {
      if (attempt++ === 0) throw new Error('disk on fire');
      return [DELIVERED];
    });
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(attempts).toEqual([0, 1]);
    expect(logged[0]).toEqual(['error', { id: 'm1', text: 'disk on fire' }]);
  });

  it('whose outcomes cannot be recorded are not made again: recording is', async () => {
    const { queue, dispatcher, done } = stage(() => [DELIVERED, FAILED]);
    queue.broken = new Error('disk full');
    dispatcher.add(queue.put(TO_TWO, NOTHING));
    await vi.advanceTimersByTimeAsync(3 * MINUTE);
    queue.broken = undefined;
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(done).toEqual(['relay m1 0,1', 'notify m1 1', 'settle m1 delivered,failed']);
  });

  it('whose outcomes are not recorded are not made again before that, however soon they are due', async () => {
    const { queue, dispatcher, attempts, done } = stage(() => [DELIVERED, DEFERRED], { schedule: { ...SCHEDULE, intervals: [MINUTE / 2] } });
    queue.broken = new Error('disk full');
    dispatcher.add(queue.put(TO_TWO, NOTHING));
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(attempts).toEqual([0]);
    queue.broken = undefined;
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    expect(done.slice(0, 3)).toEqual(['relay m1 0,1', 'settle m1 delivered,waiting', 'relay m1 1']);
  });

  it('whose failures cannot be reported are not made again: reporting is', async () => {
    let full = true;
    const { queue, dispatcher, done } = stage(() => [DELIVERED, FAILED], {
      async notify() {
        if (full) throw new Error('disk full');
        done.push('notify');
        return { id: 'n1' };
      },
    });
    dispatcher.add(queue.put(TO_TWO, NOTHING));
    await vi.advanceTimersByTimeAsync(3 * MINUTE);
    full = false;
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(done).toEqual(['relay m1 0,1', 'notify', 'settle m1 delivered,failed']);
  });
});
