import { clearTimeout, setTimeout } from 'node:timers';
import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../src/protocol/client/action.ts';
import type { Target } from '../../src/relay/route.ts';
import { reply } from '../../src/syntax/reply.ts';
import { ABORTED, type Answers, DELIVERED, HOUR, MINUTE, NOTHING, onVirtualTime, settle, SILENT, stage, TO_BOB, UNKNOWN } from '../support/dispatch.ts';
import { mailOf } from '../support/memory-queue.ts';
import { targetOf } from '../support/scripted-server.ts';

vi.mock('node:timers', async () => (await import('../support/global-timers.ts')).timers);
onVirtualTime();

// found by reading: whose DNS answers one thing when it is asked which hosts a domain has, and another when it is routed, could have a
// hoster of others left alone for an hour with three mails
describe('hosts that serve several domains', () => {
  const other = targetOf(25, 'elsewhere.test');
  const NO_DNS: Outcome = { state: 'deferred', reply: reply(451, '4.4.3', 'the DNS did not answer'), inReplyTo: 'nothing', reason: 'not-routed' };
  it.each<[string, Outcome, Target | undefined, boolean]>([
    ['are left alone when they themselves do not answer', SILENT, targetOf(25), false],
    ['are not when the DNS of one domain fails', NO_DNS, undefined, true],
    ['are not when mail for one domain went elsewhere by then, where nobody answers', SILENT, other, true],
  ])('%s', async (_, outcome, target, tried) => {
    const { queue, dispatcher, done } = stage(() => [], {
      destination: () => 'mx.test,mx2.test 25',
      async relay({ id, forwardPaths }, recipients) {
        queue.done.push(`relay ${id}`);
        return recipients.flatMap((recipient) => {
          const forwardPath = forwardPaths[recipient];
          if (forwardPath === undefined) return [];
          return [id === 'good' ? { forwardPath, outcome: DELIVERED, target: targetOf(25) } : { forwardPath, outcome, ...(target === undefined ? {} : { target }) }];
        });
      },
    });
    for (const number of [1, 2, 3, 4]) dispatcher.add(queue.put({ ...TO_BOB, id: `m${number}` }, NOTHING));
    await settle();
    dispatcher.add(queue.put(mailOf('good', '<alice@a.test>', '<carol@c.test>'), NOTHING));
    await settle();
    expect(done.includes('relay good')).toBe(tried);
  });
});

describe('an attempt that turns out to go elsewhere', () => {
  const going = (key: string, routes: readonly string[]): Promise<readonly string[]> => {
    const { queue, dispatcher, done } = stage(() => [], {
      destination: () => key,
      widest: 2,
      async relay({ id }, _, signals, routed) {
        queue.done.push(`relay ${id}`);
        await null;
        for (const route of routes) routed(route);
        return new Promise((resolve) => signals.signal.addEventListener('abort', () => resolve([]), { once: true }));
      },
    });
    for (const number of [1, 2, 3, 4]) dispatcher.add(queue.put({ ...TO_BOB, id: `m${number}` }, NOTHING));
    return settle().then(() => done);
  };

  it('holds up no mail for the hosts whose turn it had', async () => {
    expect(await going('mx.test 25', ['elsewhere.test 25'])).toEqual(['relay m1', 'relay m2', 'relay m3', 'relay m4']);
  });

  it('is tried again as one of theirs, where that shows when it is over', async () => {
    const late: ((destination: string) => void)[] = [];
    const attempts: number[] = [];
    const { queue, dispatcher } = stage(() => [], {
      destination: () => 'mx.test 25',
      async relay(_, __, ___, routed) {
        attempts.push(Date.now());
        late.push(routed);
        throw new Error('out of order');
      },
    });
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await settle();
    late[0]?.('elsewhere.test 25');
    dispatcher.retry('m1'); // in the place of what waits
    await settle();
    const begun = attempts.length;
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect([begun, attempts.length]).toEqual([2, 3]);
  });

  it('is one of theirs where it goes to them, and one of a domain wherever that goes', async () => {
    expect(await going('mx.test 25', ['mx.test 25'])).toEqual(['relay m1', 'relay m2']);
    expect(await going('b.test', ['mx.test 25'])).toEqual(['relay m1', 'relay m2']);
  });
});

describe('a destination that does not answer', () => {
  const dead: Answers = async (mail, recipients, { closing }) => {
    if (mail.forwardPaths[0]?.key !== 'bob@b.test') return recipients.map(() => DELIVERED);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 5 * MINUTE);
      closing.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
    });
    return recipients.map(() => (closing.aborted ? ABORTED : SILENT));
  };

  it('does not keep mail for others waiting, however much there is for it', async () => {
    const { queue, dispatcher, done } = stage(dead);
    for (let number = 0; number < 200; number++) dispatcher.add(queue.put({ ...TO_BOB, id: `m${number}` }, NOTHING));
    dispatcher.add(queue.put(mailOf('other', '<alice@a.test>', '<carol@c.test>'), NOTHING));
    await settle();
    expect(done).toEqual(['relay m0 0', 'relay m1 0', 'relay other 0', 'settle other delivered']);
  });

  it('has all whose time is over given up by one attempt, each of them reported', async () => {
    const { queue, dispatcher, done, logged } = stage(dead);
    for (let number = 0; number < 20; number++) dispatcher.add(queue.put({ ...TO_BOB, id: `m${number}` }, NOTHING));
    await vi.advanceTimersByTimeAsync(7 * HOUR);
    expect([...queue.mails()]).toEqual([]);
    expect(done.filter((what) => what.startsWith('notify'))).toHaveLength(20);
    expect(done.filter((what) => what.startsWith('relay')).length).toBeLessThan(20);
    expect(logged.filter(([event]) => event === 'done')).toHaveLength(20);
    expect(logged.findLast(([event]) => event === 'deferred')?.[1]).toMatchObject({ to: '<bob@b.test>', reply: '451 4.4.2 timed out', gaveUp: true });
  });

  it('has nobody given up as one who may have the mail, who was not tried; the host is named to each', async () => {
    const { queue, dispatcher, done, logged } = stage(async (mail, recipients, signals) => ((await dead(mail, recipients, signals)), recipients.map(() => UNKNOWN)));
    for (let number = 0; number < 20; number++) dispatcher.add(queue.put({ ...TO_BOB, id: `m${number}` }, NOTHING));
    await vi.advanceTimersByTimeAsync(7 * HOUR);
    expect([...queue.mails()]).toEqual([]);
    const gaveUp = (state: string): number => logged.filter(([event, fields]) => event === state && fields['gaveUp'] === true && fields['host'] === targetOf(25).host).length;
    expect(gaveUp('unknown') + gaveUp('deferred')).toBe(20);
    expect(logged.filter(([event]) => event === 'unknown')).toHaveLength(done.filter((what) => what.startsWith('relay')).length);
  });

  it('is broken off at once when the dispatcher closes', async () => {
    const { queue, dispatcher, done } = stage(dead);
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await settle();
    await dispatcher.close(HOUR);
    expect(done).toEqual(['relay m1 0', 'settle m1 waiting']);
    expect(queue.mail('m1')).toMatchObject({ recipients: [{ state: 'waiting' }], nextAttempt: Date.now() });
    expect(queue.mail('m1')?.recipients[0]?.reply).toBeUndefined();
  });
});
