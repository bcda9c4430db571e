import { describe, expect, it } from 'vitest';
import { chargesOf } from '../../src/node/charge.ts';
import { REASONS } from '../../src/protocol/client/reason.ts';
import type { RecipientState } from '../../src/relay/queue/port.ts';
import { RETRY_SCHEDULE } from '../../src/relay/schedule.ts';
import { reply } from '../../src/syntax/reply.ts';
import { mailOf } from '../support/memory-queue.ts';

const MINUTE = 60_000;
const [NOW, ARRIVAL] = [600 * MINUTE, 7];
const SCHEDULE = { ...RETRY_SCHEDULE, intervals: [15 * MINUTE, 60 * MINUTE] };

const WAITING: RecipientState = { state: 'waiting' };
const LATER: RecipientState = { ...WAITING, reply: reply(450, '4.2.1', 'later') };
const ABORTED: RecipientState = { ...WAITING, reply: REASONS['aborted'].reply };

/** Those of a mail to a@b.test, b@c.test and c@b.test, due a minute ago, and what is logged of it; `next`: when the queue has it due. */
function taken(recipients: readonly RecipientState[], next = 0, from = '<alice@a.test>'): { readonly charges: readonly string[]; readonly lives: readonly number[]; readonly logged: readonly unknown[] } {
  const logged: unknown[] = [];
  const mail = { ...mailOf('m1', from, '<a@b.test>', '<b@c.test>', '<c@b.test>'), id: 'm1', arrival: ARRIVAL, size: 0, eightBit: false, recipients, nextAttempt: NOW + next };
  const charges = chargesOf(mail, NOW - MINUTE, { destination: ({ text }) => text.slice(3, -1), schedule: SCHEDULE, log: (event, { to, host }) => logged.push([event, to, host]) }, NOW);
  return { charges: charges.map(({ destination, recipients: whose, fresh, at }) => `${destination} ${whose.join()} ${fresh ? 'fresh' : 'tried'} ${(at - NOW) / MINUTE}`), lives: charges.map(({ expires }) => expires - ARRIVAL), logged };
}

describe('what is taken in charge of a mail', () => {
  it.each<readonly [what: string, recipients: readonly RecipientState[], next: number, expected: readonly string[]]>([
    ['is a unit for each destination', [WAITING, WAITING, WAITING], 0, ['b.test 0,2 fresh -1', 'c.test 1 fresh -1']],
    ['is who waits', [{ state: 'delivered' }, WAITING, { state: 'failed' }], 0, ['c.test 1 fresh -1']],
    ['was tried where anybody was', [WAITING, WAITING, LATER], 90 * MINUTE, ['b.test 0,2 tried -1', 'c.test 1 fresh -1']],
    ['waits as it did where our own end broke off the wait for an answer', [WAITING, ABORTED, WAITING], 30 * MINUTE, ['b.test 0,2 fresh -1', 'c.test 1 tried 30']],
    ['waits so no longer than the second time of the schedule: the clock may have been set back', [WAITING, ABORTED, WAITING], 90 * MINUTE, ['b.test 0,2 fresh -1', 'c.test 1 tried 60']],
    ['does not where that is overdue', [WAITING, ABORTED, WAITING], -2 * MINUTE, ['b.test 0,2 fresh -1', 'c.test 1 tried -1']],
    ['does not where a server has said the same', [WAITING, { ...ABORTED, host: 'mx.test' }, WAITING], 30 * MINUTE, ['b.test 0,2 fresh -1', 'c.test 1 tried -1']],
  ])('%s', (_, recipients, next, expected) => {
    expect(taken(recipients, next).charges).toEqual(expected);
  });

  it('waits a moment, and is told of, where an earlier process was just sending to it', () => {
    const { charges, logged } = taken([{ ...WAITING, unsettled: { host: 'mx.test' } }, { ...WAITING, unsettled: { host: '' } }, WAITING]);
    expect(charges).toEqual([`b.test 0,2 fresh ${1 / 6}`, `c.test 1 fresh ${1 / 6}`]);
    expect(logged).toEqual([['unknown', '<a@b.test>', 'mx.test'], ['unknown', '<b@c.test>', undefined]]);
  });

  it.each([['<alice@a.test>', SCHEDULE.expire], ['<>', SCHEDULE.expireBounce]])('from %s lives %d ms from its arrival on', (from, life) => {
    expect(taken([WAITING, WAITING, WAITING], 0, from).lives).toEqual([life, life]);
  });
});
