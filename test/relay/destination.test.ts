import { describe, expect, it } from 'vitest';
import type { InReplyTo, Outcome, Reason } from '../../src/protocol/client/action.ts';
import { REASONS } from '../../src/protocol/client/reason.ts';
import { Destination, effectOf, type Effect } from '../../src/relay/destination.ts';
import { RETRY_SCHEDULE } from '../../src/relay/schedule.ts';
import { ownVerdict, type VerdictEvent } from '../../src/relay/own-verdict.ts';
import { reply } from '../../src/syntax/reply.ts';

const DELIVERED: Outcome = { state: 'delivered', reply: reply(250, '2.0.0', 'taken') };
const said = (state: 'deferred' | 'failed', code: 421 | 450 | 521 | 550, inReplyTo: InReplyTo): Outcome => ({ state, reply: reply(code, undefined, 'no'), inReplyTo });
const unsaid = (reason: Reason): Outcome => ({ ...REASONS[reason], inReplyTo: 'nothing', reason });
const unrouted = (event: VerdictEvent): Outcome => {
  const { kind, reply: text } = ownVerdict(event);
  return { state: kind === 'permanent' ? 'failed' : 'deferred', reply: text, inReplyTo: 'nothing', reason: 'not-routed' };
};

describe('what an attempt shows of its destination', () => {
  it.each<readonly [outcome: string, effect: Effect, outcomes: readonly Outcome[]]>([
    // said by a server
    ['250',                             'answered',    [DELIVERED]],
    ['450 to RCPT (greylisting)',       'answered',    [said('deferred', 450, 'RCPT')]],
    ['550 to RCPT',                     'answered',    [said('failed', 550, 'RCPT')]],
    ['450 to MAIL',                     'answered',    [said('deferred', 450, 'MAIL')]],
    ['450 to end of mail data',         'answered',    [said('deferred', 450, 'end of mail data')]],
    ['421 to the connection',           'unreachable', [said('deferred', 421, 'the connection')]],
    ['421 to RCPT (§3.8)',              'unreachable', [said('deferred', 421, 'RCPT')]],
    ['450 to EHLO',                     'unreachable', [said('deferred', 450, 'EHLO')]],
    ['550 to AUTH',                     'unreachable', [said('deferred', 550, 'AUTH')]], // no mail gets there, and each try is one more wrong password
    ['450 to STARTTLS',                 'unreachable', [said('deferred', 450, 'STARTTLS')]],
    ['550 to HELO',                     'unreachable', [said('deferred', 550, 'HELO')]],
    ['550 to the connection',           'unreachable', [said('deferred', 550, 'the connection')]],
    ['521 to the connection (RFC 7504)', 'answered',   [said('failed', 521, 'the connection')]],
    // not said by one
    ['no connection',                   'unreachable', [unsaid('no-connection')]],
    ['a connection that breaks',        'unreachable', [unsaid('connection-lost')]],
    ['silence',                         'unreachable', [unsaid('timeout')]],
    ['silence after the final dot',     'unreachable', [{ ...unsaid('timeout'), state: 'unknown' } as Outcome]],
    ['no SMTP',                         'unreachable', [unsaid('bad-reply')]],
    ['a mail too large for it',         'answered',    [unsaid('size-not-accepted')]],
    ['a mail that cannot be read',      'none',        [unsaid('content-lost')]],
    ['our own end',                     'none',        [unsaid('aborted')]],
    ['no DNS',                          'unreachable', [unrouted('dns-failure')]],
    ['no next hop',                     'unreachable', [unrouted('relay-not-found')]],
    ['no such domain',                  'answered',    [unrouted('nxdomain')]],
    ['no socket of our own',            'none',        [unrouted('local-failure')]],
    // of several recipients
    ['250 and 421',                     'answered',    [said('deferred', 421, 'RCPT'), DELIVERED]],
    ['silence and our own end',         'unreachable', [unsaid('aborted'), unsaid('timeout')]],
    ['nothing',                         'none',        []],
  ])('%s: %s', (_, effect, outcomes) => {
    expect(effectOf(outcomes)).toBe(effect);
  });
});

describe('a destination', () => {
  it('is doubtful from its first failure to its next answer', () => {
    const destination = new Destination('x', RETRY_SCHEDULE, 20);
    const doubtful = (['none', 'unreachable', 'none', 'answered'] as const).map((effect) => {
      destination.begin();
      destination.end(effect, 0);
      return destination.doubtful;
    });
    expect(doubtful).toEqual([false, true, true, false]);
  });

  it('has no window wider than it may', () => {
    const destination = new Destination('x', RETRY_SCHEDULE, 1);
    destination.begin();
    expect(destination.hasRoom(0)).toBe(false);
    destination.end('answered', 0);
    destination.begin();
    expect(destination.hasRoom(0)).toBe(false);
  });

  it('is found dead by the third failure in a row, and by each failed probe', () => {
    const destination = new Destination('x', { ...RETRY_SCHEDULE, jitter: 0 }, 20);
    const found = [0, 0, 0, 10_000_000].map((now) => {
      destination.begin();
      return destination.end('unreachable', now);
    });
    expect(found).toEqual([false, false, true, true]);
    expect(destination.deadUntil).toBe(13_600_000);
  });
});
