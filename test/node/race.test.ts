import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectError } from '../../src/node/connect.ts';
import { connectFirst, type Won } from '../../src/node/race.ts';
import type { Target } from '../../src/relay/route.ts';
import { deferred, type Deferred } from '../support/turn.ts';

vi.mock('node:timers', async () => (await import('../support/global-timers.ts')).timers);

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const SIX: Target = { host: 'mx.test', address: '2001:db8::1', family: 6, port: 25, preference: 10 };
const FOUR: Target = { host: 'mx.test', address: '192.0.2.1', family: 4, port: 25, preference: 10 };

interface Racer extends Deferred<Socket> {
  readonly signal: AbortSignal;
  readonly socket: Socket & { readonly destroyed: boolean };
}

/** A race, and its racers by address as they begin; an abort of theirs rejects as connect does. */
function race(targets: readonly Target[] = [SIX, FOUR], signal?: AbortSignal): { readonly won: Promise<Won>; readonly racers: Map<string, Racer> } {
  const racers = new Map<string, Racer>();
  const won = connectFirst(targets, (target, own) => {
    const begun = deferred<Socket>();
    const socket = { destroyed: false, destroy(this: { destroyed: boolean }) { this.destroyed = true; } } as unknown as Racer['socket']; // all that a race does with one
    racers.set(target.address, { ...begun, signal: own, socket });
    own.addEventListener('abort', () => begun.reject(new ConnectError('given up', true)), { once: true });
    return begun.promise;
  }, signal);
  return { won, racers };
}

const advance = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds);
const racerOf = (racers: Map<string, Racer>, { address }: Target): Racer => racers.get(address) ?? expect.fail(`${address} has not begun`);

describe('a race of two addresses (RFC 8305 §5)', () => {
  it('is over before the second has begun where the first answers within 250 ms', async () => {
    const { won, racers } = race();
    await advance(249);
    expect(racers.size).toBe(1);
    const { socket, resolve } = racerOf(racers, SIX);
    resolve(socket);
    expect(await won).toEqual({ socket, target: SIX, losers: [FOUR] });
    await advance(1_000);
    expect(racers.size).toBe(1);
  });

  it('begins the second after 250 ms, and does not give the first up', async () => {
    const { won, racers } = race();
    await advance(250);
    expect([...racers.keys()]).toEqual([SIX.address, FOUR.address]);
    await advance(5_000);
    expect(racerOf(racers, SIX).signal.aborted).toBe(false);
    racerOf(racers, SIX).resolve(racerOf(racers, SIX).socket);
    expect((await won).target).toBe(SIX);
    expect(racerOf(racers, FOUR).signal.aborted).toBe(true);
  });

  it('is won by the second where that answers first; the first is given up', async () => {
    const { won, racers } = race();
    await advance(250);
    racerOf(racers, FOUR).resolve(racerOf(racers, FOUR).socket);
    expect((await won).target).toBe(FOUR);
    expect(racerOf(racers, SIX).signal.aborted).toBe(true);
  });

  it('begins the second at once where the first is refused', async () => {
    const { won, racers } = race();
    racerOf(racers, SIX).reject(new ConnectError('refused', false));
    await advance(0);
    racerOf(racers, FOUR).resolve(racerOf(racers, FOUR).socket);
    expect(await won).toMatchObject({ target: FOUR, losers: [] });
  });

  it('closes a connection that comes about when another has won', async () => {
    const { won, racers } = race();
    await advance(250);
    const [six, four] = [racerOf(racers, SIX), racerOf(racers, FOUR)];
    six.resolve(six.socket);
    four.resolve(four.socket);
    expect((await won).target).toBe(SIX);
    await advance(0);
    expect([six.socket.destroyed, four.socket.destroyed]).toEqual([false, true]);
  });

  it('is lost when all have failed; by our own fault only where each was', async () => {
    for (const [first, second, local] of [[true, true, true], [true, false, false], [false, true, false]] as const) {
      const { won, racers } = race();
      racerOf(racers, SIX).reject(new ConnectError('no route', first));
      await advance(0);
      racerOf(racers, FOUR).reject(new ConnectError('refused', second));
      await expect(won).rejects.toMatchObject({ message: 'no route; refused', local });
    }
  });

  it('of one is a connection', async () => {
    const { won, racers } = race([FOUR]);
    const error = new ConnectError('refused', false);
    racerOf(racers, FOUR).reject(error);
    await expect(won).rejects.toBe(error);
  });

  it('ends with an abort, which gives all up', async () => {
    const aborter = new AbortController();
    const { won, racers } = race([SIX, FOUR], aborter.signal);
    await advance(250);
    aborter.abort();
    await expect(won).rejects.toMatchObject({ message: 'given up', local: true });
    expect([...racers.values()].map(({ signal }) => signal.aborted)).toEqual([true, true]);
  });

  it('does not begin where it was aborted before', async () => {
    const aborter = new AbortController();
    aborter.abort();
    const { won, racers } = race([SIX], aborter.signal);
    await expect(won).rejects.toMatchObject({ local: true });
    expect(racers.size).toBe(0);
  });
});
