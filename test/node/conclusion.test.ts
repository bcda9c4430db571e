import { describe, expect, it } from 'vitest';
import { conclude, inOneLine } from '../../src/node/conclusion.ts';
import type { Outcome } from '../../src/protocol/client/action.ts';
import { REASONS } from '../../src/protocol/client/reason.ts';
import type { QueuedMail, RecipientState } from '../../src/relay/queue/port.ts';
import { RETRY_SCHEDULE } from '../../src/relay/schedule.ts';
import { reply } from '../../src/syntax/reply.ts';
import { mailOf } from '../support/memory-queue.ts';
import { targetOf } from '../support/scripted-server.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const SCHEDULE = { ...RETRY_SCHEDULE, jitter: 0 };

const OUTCOMES = {
  delivered: { state: 'delivered', reply: reply(250, '2.0.0', 'taken') },
  failed: { state: 'failed', reply: reply(550, '5.1.1', 'no such user'), inReplyTo: 'RCPT' },
  deferred: { state: 'deferred', reply: reply(451, '4.3.0', 'later'), inReplyTo: 'RCPT' },
  unknown: { ...REASONS['connection-lost'], state: 'unknown', inReplyTo: 'end of mail data', reason: 'connection-lost' },
  lost: { ...REASONS['content-lost'], inReplyTo: 'DATA', reason: 'content-lost' },
  aborted: { ...REASONS['aborted'], inReplyTo: 'nothing', reason: 'aborted' },
} as const satisfies Readonly<Record<string, Outcome>>;

function mail(from = '<alice@a.test>'): QueuedMail {
  const { reversePath, forwardPaths } = mailOf('m1', from, '<a@b.test>', '<b@b.test>', '<c@b.test>');
  return { id: 'm1', arrival: 0, reversePath, forwardPaths, size: 0, eightBit: false, recipients: forwardPaths.map(() => ({ state: 'waiting', host: 'earlier.test' })), nextAttempt: 0 };
}

function after(now: number, outcomes: readonly (keyof typeof OUTCOMES)[], from?: string): { readonly states: readonly string[]; readonly failures: readonly number[]; readonly again: number | undefined } {
  const subject = mail(from);
  const recipients = outcomes.map((_, index) => 2 - index); // in any order
  const results = outcomes.map((outcome, index) => ({ forwardPath: subject.forwardPaths[2 - index] ?? { type: 'postmaster' as const, text: '', key: 'postmaster' as const }, outcome: OUTCOMES[outcome], target: targetOf(25) }));
  const { states, failures, again } = conclude(subject, recipients, results, SCHEDULE, now);
  return { states: recipients.map((recipient) => `${states.get(recipient)?.state} ${states.get(recipient)?.host ?? '-'} ${states.get(recipient)?.reply?.enhanced ?? '-'}`), failures, again };
}

describe('what an attempt means for recipients', () => {
  it.each<readonly [what: string, outcomes: readonly (keyof typeof OUTCOMES)[], now: number, expected: ReturnType<typeof after>]>([
    ['who is delivered or has failed is done with', ['delivered', 'failed'], 0, { states: ['delivered mx.test 2.0.0', 'failed mx.test 5.1.1'], failures: [1], again: undefined }],
    ['who is deferred waits for the next time', ['deferred'], 0, { states: ['waiting mx.test 4.3.0'], failures: [], again: 450_000 }],
    ['whose mail could not be read does too', ['lost'], 0, { states: ['waiting - 4.3.0'], failures: [], again: 450_000 }],
    ['whose fate is unknown does too, but not as soon (RFC 1047); no host has said so', ['unknown'], 0, { states: ['waiting - 4.4.2'], failures: [], again: 1_800_000 }],
    ['whose fate is unknown is tried no sooner than others', ['unknown'], 10 * HOUR, { states: ['waiting - 4.4.2'], failures: [], again: 13 * HOUR }],
    ['whose fate is unknown is tried once more before the end', ['unknown'], 5 * DAY - 1000, { states: ['waiting - 4.4.2'], failures: [], again: 5 * DAY }],
    ['one who waits is enough', ['delivered', 'deferred', 'failed'], 0, { states: ['delivered mx.test 2.0.0', 'waiting mx.test 4.3.0', 'failed mx.test 5.1.1'], failures: [0], again: 450_000 }],
    ['who waits after five days has failed', ['deferred', 'unknown'], 5 * DAY, { states: ['failed - 4.4.7', 'failed - 4.4.7'], failures: [2, 1], again: undefined }],
    ['who was broken off is as before, and due', ['aborted'], 7_000, { states: ['waiting earlier.test -'], failures: [], again: 7_000 }],
    ['who was broken off has not failed, however old', ['aborted', 'deferred'], 9 * DAY, { states: ['waiting earlier.test -', 'failed - 4.4.7'], failures: [1], again: 9 * DAY }],
  ])('%s', (_, outcomes, now, expected) => {
    expect(after(now, outcomes)).toEqual(expected);
  });

  it.each<readonly [what: string, before: RecipientState, begun: RecipientState]>([
    ['was tried in vain before that', { state: 'waiting', reply: reply(451, '4.3.0', 'later'), host: 'earlier.test' }, { state: 'waiting', reply: reply(451, '4.3.0', 'later'), host: 'earlier.test' }],
    ['was never tried', { state: 'waiting' }, { state: 'waiting' }],
    ['may have the mail since an attempt before that', { state: 'waiting', unsettled: { host: 'mx.test' } }, { state: 'waiting', unsettled: { host: 'earlier.test' } }],
  ])('who was broken off is as before, though the queue knows of the attempt: who %s', (_, expected, begun) => {
    const [forwardPath] = mail().forwardPaths;
    if (forwardPath === undefined) throw new Error('nobody');
    const now: QueuedMail = { ...mail(), recipients: [{ ...begun, unsettled: { host: 'mx.test' } }] };
    const { states } = conclude(now, [0], [{ forwardPath, outcome: OUTCOMES.aborted, target: targetOf(25) }], SCHEDULE, 0, { ...mail(), recipients: [begun] });
    expect(states.get(0)).toStrictEqual(expected);
  });

  it('keeps no more of what a server said than a person reads', () => {
    const subject = mail();
    const said = reply(450, '4.2.1', ...Array.from({ length: 12 }, () => 'x'.repeat(4_000)));
    const conclusion = (now: number): string | undefined => conclude(subject, [0], [{ forwardPath: subject.forwardPaths[0] ?? { type: 'postmaster', text: '', key: 'postmaster' }, outcome: { ...OUTCOMES.deferred, reply: said } }], SCHEDULE, now).states.get(0)?.reply?.lines.join('');
    expect(conclusion(0)).toBe(`${'x'.repeat(477)}...`.repeat(10));
    expect(conclusion(5 * DAY)?.length).toBeLessThan(5_000);
  });

  // found by a host that said ten long lines of each of a thousand recipients: the log had room for 852 of them
  it('tells in a line of the log no more of it than a thousand characters', () => {
    expect(inOneLine(reply(450, '4.2.1', 'x'.repeat(400), 'y'.repeat(400)))).toBe(`450 4.2.1 ${'x'.repeat(400)} ${'y'.repeat(400)}`);
    const long = inOneLine(reply(450, '4.2.1', ...Array.from({ length: 12 }, () => 'x'.repeat(4_000))));
    expect(long).toMatch(/^450 4\.2\.1 x{477}\.{3} x{477}\.{3} x+\.{3}$/);
    expect(long).toHaveLength(1_000);
  });

  // found by reading: neither the code nor the host was told
  it('tells who waited in vain what was said last, and by whom', () => {
    const subject = mail();
    const [forwardPath] = subject.forwardPaths;
    const said = (outcome: Outcome): string | undefined => conclude(subject, [0], forwardPath === undefined ? [] : [{ forwardPath, outcome, target: targetOf(25) }], SCHEDULE, 5 * DAY).states.get(0)?.reply?.lines.join('');
    expect(said(OUTCOMES.deferred)).toBe('the mail has not been delivered in time: mx.test said 451 4.3.0 later');
    expect(said(OUTCOMES.unknown)).toBe('the mail has not been delivered in time: 451 4.4.2 connection lost');
  });

  // found by reading: it said that the mail had not been delivered in time
  it('is the end for who waits where the operator has given up the mail, which is what is told', () => {
    const subject: QueuedMail = { ...mail(), returned: true };
    const [forwardPath] = subject.forwardPaths;
    const { states, again, news } = conclude(subject, [0], forwardPath === undefined ? [] : [{ forwardPath, outcome: OUTCOMES.deferred, target: targetOf(25) }], SCHEDULE, 0);
    expect(news[0]?.said).toBeUndefined();
    expect(states.get(0)).toEqual({ state: 'failed', reply: { code: 554, enhanced: '5.3.0', lines: ['the operator of this host has given up the mail: mx.test said 451 4.3.0 later'] } });
    expect(again).toBeUndefined();
  });

  it('ends after a day for a bounce', () => {
    expect(after(DAY, ['deferred'], '<>').failures).toEqual([2]);
    expect(after(DAY - 1, ['deferred'], '<>').failures).toEqual([]);
    expect(after(DAY - 1, ['unknown'], '<>').again).toBe(DAY);
  });
});
