import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionPool, isStale, placeOf, type Held, type PoolOptions } from '../../src/node/pool.ts';
import type { InReplyTo, Outcome } from '../../src/protocol/client/action.ts';
import type { Target } from '../../src/relay/route.ts';
import { reply } from '../../src/syntax/reply.ts';
import { deferred } from '../support/turn.ts';

vi.mock('node:timers', async () => (await import('../support/global-timers.ts')).timers);

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => vi.useRealTimers());

const poolOf = (options: Partial<PoolOptions> = {}): ConnectionPool => new ConnectionPool({ clock: Date.now, ...options });

interface TestHeld extends Held {
  readonly connection: Held['connection'] & { usable: boolean; quits: number };
}

function held(address = '192.0.2.1', destinations: readonly string[] = ['b.test'], mails = 1): TestHeld {
  const target: Target = { host: 'mx.test', address, family: 4, port: 25, preference: 10 };
  const connection = {
    usable: true,
    quits: 0,
    send: () => expect.fail('a pool sends nothing'),
    async quit() {
      this.quits += 1;
    },
  };
  return { connection, target, place: placeOf(target), destinations: new Set(destinations), opened: Date.now(), mails };
}

const advance = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds);

describe('a pool of connections', () => {
  it('hands a connection out by each of its destinations and by its target, to one taker', () => {
    const pool = poolOf();
    const one = held('192.0.2.1', ['b.test', 'c.test']);
    pool.give(one);
    expect(pool.take('d.test')).toBeUndefined();
    expect(pool.take('c.test')).toBe(one);
    expect(pool.take('b.test')).toBeUndefined();
    expect(pool.takeAt(one.target)).toBeUndefined();
    pool.give(one);
    expect(pool.takeAt({ ...one.target, host: 'other.test' })).toBeUndefined(); // whose certificate is another
    expect(pool.takeAt({ ...one.target, tlsAtOnce: true })).toBeUndefined(); // it may be in the clear
    expect(pool.takeAt({ ...one.target, lmtp: true })).toBeUndefined();
    expect(pool.takeAt(one.target)).toBe(one);
    expect(pool.size).toBe(0);
  });

  it('knows what a connection became good for while it was taken', () => {
    const pool = poolOf();
    const one = held();
    one.destinations.add('c.test');
    pool.give(one);
    expect(pool.take('c.test')).toBe(one);
  });

  it('lets a connection wait two seconds, each by itself, and then says QUIT', async () => {
    const pool = poolOf();
    const [one, two] = [held(), held('192.0.2.2')];
    pool.give(one);
    await advance(1_500);
    pool.give(two);
    expect(vi.getTimerCount()).toBe(1);
    await advance(499);
    expect([one.connection.quits, two.connection.quits]).toEqual([0, 0]);
    await advance(1);
    expect([one.connection.quits, two.connection.quits]).toEqual([1, 0]);
    await advance(1_500);
    expect(two.connection.quits).toBe(1);
    expect(pool.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('begins the wait anew with each mail', async () => {
    const pool = poolOf();
    const one = held();
    for (let mail = 0; mail < 5; mail += 1) {
      pool.give(one);
      await advance(1_900);
      expect(pool.take('b.test')).toBe(one);
    }
    await advance(10_000);
    expect(one.connection.quits).toBe(0);
  });

  it.each<[string, Partial<PoolOptions>, (one: TestHeld) => void]>([
    ['has served a hundred mails', {}, (one) => (one.mails = 100)],
    ['has served as many as it may', { mails: 1 }, () => undefined],
    ['is five minutes old', {}, () => vi.setSystemTime(Date.now() + 300_000)],
    ['takes no further mail', {}, (one) => (one.connection.usable = false)],
    ['may not wait', { idle: 0 }, () => undefined],
  ])('keeps no connection that %s', (_, options, change) => {
    const pool = poolOf(options);
    const one = held();
    change(one);
    pool.give(one);
    expect(one.connection.quits).toBe(1);
    expect(pool.take('b.test')).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('hands out none that its server has closed meanwhile', () => {
    const pool = poolOf();
    const [gone, good] = [held(), held('192.0.2.2')];
    pool.give(gone);
    pool.give(good);
    gone.connection.usable = false;
    expect(pool.take('b.test')).toBe(good);
    expect(pool.size).toBe(0);
    expect(gone.connection.quits).toBe(1); // it may have others before it that are to be waited for
  });

  it.each([[{ most: 2 }, 2], [{}, 200]])('with %j closes the one that waits longest where more than %d do', (options, most) => {
    const pool = poolOf(options);
    const all = Array.from({ length: most + 1 }, (_, index) => held(`192.0.2.${index}`));
    all.forEach((one) => pool.give(one));
    expect(all.map(({ connection }) => connection.quits)).toEqual([1, ...all.slice(1).map(() => 0)]);
    expect(pool.size).toBe(most);
  });

  it('that lets a connection wait for ever does not look after it all the time', async () => {
    const clock = vi.fn(Date.now);
    poolOf({ idle: Infinity, clock }).give(held());
    await advance(1_000);
    expect(clock).toHaveBeenCalledTimes(1);
  });

  it('says QUIT on all when it closes, and on those that come back after that', async () => {
    const pool = poolOf();
    const [waiting, taken] = [held(), held()];
    pool.give(waiting);
    await pool.close();
    pool.give(taken);
    expect([waiting.connection.quits, taken.connection.quits]).toEqual([1, 1]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

// found by trying: it was closed while others said QUIT still
it.each<[string, (pool: ConnectionPool, one: TestHeld) => unknown]>([
  ['was not to be used again', (pool, one) => pool.give({ ...one, mails: 100 })],
  ['has waited too long', async (pool, one) => {
    pool.give(one);
    await advance(2_000);
  }],
])('a pool is closed when a connection is gone that %s', async (_, leave) => {
  const [pool, one, gone] = [poolOf(), held(), deferred()];
  one.connection.quit = () => gone.promise;
  await leave(pool, one);
  let closed = false;
  const closing = pool.close().then(() => (closed = true));
  await advance(0);
  expect(closed).toBe(false);
  gone.resolve();
  await closing;
});

describe('a connection that was used again', () => {
  const lost = (inReplyTo: InReplyTo): Outcome => ({ state: 'deferred', reply: reply(451, '4.4.2', 'lost'), inReplyTo, reason: 'connection-lost' });
  const said = (code: 421 | 451 | 550, inReplyTo: InReplyTo, state: 'deferred' | 'failed' = 'deferred'): Outcome => ({ state, reply: reply(code, undefined, 'no'), inReplyTo });

  const missing: Outcome = { state: 'failed', reply: reply(553, '5.6.7', 'no'), inReplyTo: 'EHLO', reason: 'utf8-not-offered' };

  it.each<[string, readonly Outcome[], boolean]>([
    ['was gone before MAIL', [lost('nothing')], true],
    ['was gone instead of a reply to MAIL', [lost('MAIL'), lost('MAIL')], true],
    ['was gone instead of a reply to RSET', [lost('RSET')], true],
    ['turned away with 421', [said(421, 'MAIL')], true],
    ['answered nothing with what it said', [{ ...lost('MAIL'), reason: 'bad-reply' } as Outcome], true],
    ['turned away by refusing RSET', [said(451, 'RSET')], true],
    ['was gone, and could not be given one of the recipients', [lost('MAIL'), missing], true],
    ['could not be given any of the recipients', [missing], false],
    ['was lost in RCPT', [lost('RCPT')], false],
    ['was lost when content could be out', [{ state: 'unknown', reply: reply(451, '4.4.2', 'lost'), inReplyTo: 'end of mail data', reason: 'connection-lost' }], false],
    ['was lost when content could be out to some', [{ state: 'unknown', reply: reply(451, '4.4.2', 'lost'), inReplyTo: 'end of mail data', reason: 'connection-lost' }, lost('nothing')], false],
    ['was lost when a mail was out behind RSET', [{ state: 'unknown', reply: reply(451, '4.4.2', 'lost'), inReplyTo: 'RSET', reason: 'connection-lost' }], false],
    ['has content of which a part is out', [lost('DATA')], false],
    ['refused the sender for now', [said(451, 'MAIL')], false],
    ['refused the sender', [said(550, 'MAIL', 'failed')], false],
    ['timed out', [{ state: 'deferred', reply: reply(451, '4.4.2', 'late'), inReplyTo: 'MAIL', reason: 'timeout' }], false],
    ['timed out', [{ state: 'deferred', reply: reply(451, '4.4.2', 'late'), inReplyTo: 'RSET', reason: 'timeout' }], false],
    ['took one recipient', [{ state: 'delivered', reply: reply(250, '2.0.0', 'ok') }, lost('MAIL')], false],
  ])('%s: stale %j %j', (_, outcomes, stale) => {
    expect(isStale(outcomes)).toBe(stale);
  });
});
