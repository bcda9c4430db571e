import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Signal } from '../../src/node/aborter.ts';
import { Destinations } from '../../src/node/destinations.ts';
import type { Resolver } from '../../src/node/resolve.ts';
import type { NextHop } from '../../src/relay/next-hop.ts';
import type { RouteOptions } from '../../src/relay/route.ts';
import type { ForwardPath } from '../../src/syntax/path.ts';
import { forwardPath } from '../support/path.ts';
import { deferred, until } from '../support/turn.ts';

const clock = { now: 0 };
beforeAll(() => void vi.spyOn(performance, 'now').mockImplementation(() => clock.now));
afterAll(() => void vi.restoreAllMocks());

const pathTo = (domain: string): ForwardPath => forwardPath(`<bob@${domain}>`);
const many = (count: number): readonly ForwardPath[] => Array.from({ length: count }, (_, at) => pathTo(`d${at}.test`));

const [B, C, D] = [pathTo('b.test'), pathTo('c.test'), pathTo('d.test')];

function stage(answer: (domain: string, signal: Signal | undefined) => Promise<string | undefined>, routes: readonly (readonly [string, NextHop])[] = []): { readonly destinations: Destinations; readonly asked: readonly string[] } {
  const asked: string[] = [];
  const routing: RouteOptions = { ownNames: [], ownAddresses: [], routes: new Map(routes), mxPort: 25, allowPrivateTargets: false };
  const keyOf: Resolver['keyOf'] = (domain, _, { signal } = {}) => {
    asked.push(domain);
    return answer(domain, signal);
  };
  return { destinations: new Destinations({ keyOf }, 'relay.test', () => routing), asked };
}

const hosted = async (domain: string): Promise<string | undefined> => (domain === 'd.test' ? undefined : 'mx.hoster.test 25');

describe('destinations', () => {
  it('are the domains themselves before the DNS was asked', () => {
    const { destinations } = stage(hosted);
    expect([B, C].map((path) => destinations.keyOf(path))).toEqual(['b.test', 'c.test']);
  });

  // found by trying: it ended the process, and the mail waited for the next start
  it.each<[string, () => unknown]>([
    ['throws', () => { throw new Error('no DNS'); }],
    ['rejects', () => Promise.reject(new Error('no DNS'))],
    ['answers without a promise', () => undefined],
    ['answers with what is no text', () => ({})],
  ])('are the domains themselves where a resolver of another kind %s', async (_, answer) => {
    const { destinations } = stage(answer as () => Promise<undefined>);
    await destinations.learn([B, C]);
    expect([B, C].map((path) => destinations.keyOf(path))).toEqual(['b.test', 'c.test']);
  });

  it('are one for domains with the same exchangers, once they are known; a domain without stays by itself', async () => {
    const { destinations, asked } = stage(hosted);
    await destinations.learn([B, C, D, B]);
    expect([B, C, D].map((path) => destinations.keyOf(path))).toEqual(['mx.hoster.test 25', 'mx.hoster.test 25', 'd.test']);
    expect(asked).toEqual(['b.test', 'c.test', 'd.test']);
    expect(destinations.learn([B, C, D])).toBeUndefined();
  });

  it('are asked for once, however many mails want to know', async () => {
    const { destinations, asked } = stage(hosted);
    await Promise.all([destinations.learn([B]), destinations.learn([B, C]), destinations.learn([C])]);
    expect(asked).toEqual(['b.test', 'c.test']);
  });

  it('are asked for again after five minutes, and the old answer holds until there is a new one', async () => {
    const { destinations, asked } = stage(hosted);
    await destinations.learn([B]);
    clock.now += 299_999;
    expect(destinations.learn([B])).toBeUndefined();
    clock.now += 1;
    const again = destinations.learn([B]);
    expect(destinations.keyOf(B)).toBe('mx.hoster.test 25');
    await again;
    expect(asked).toHaveLength(2);
  });

  it('are next hops where those are configured, and nobody is asked', () => {
    const { destinations, asked } = stage(hosted, [['b.test', { host: 'hop.test', port: 26 }]]);
    expect(destinations.learn([B])).toBeUndefined();
    expect(destinations.keyOf(B)).toBe('hop.test:26');
    expect(asked).toEqual([]);
  });

  it('are the domains where the question fails, and where it takes longer than a second', async () => {
    const failing = stage(() => Promise.reject(new Error('out of files')));
    await failing.destinations.learn([B]);
    expect(failing.destinations.keyOf(B)).toBe('b.test');

    const late = deferred<string | undefined>();
    const [slow, crowded] = [stage(() => late.promise), stage(() => late.promise)];
    const crowd = crowded.destinations.learn(many(101));
    await slow.destinations.learn([B]);
    expect(slow.destinations.keyOf(B)).toBe('b.test');
    await crowd;
    late.resolve('mx.hoster.test 25');
    await slow.destinations.learn([B]);
    expect(slow.destinations.keyOf(B)).toBe('mx.hoster.test 25');
    await crowded.destinations.learn([B]);
    expect(crowded.asked.slice(100)).toEqual(['b.test']); // the last of the crowd is not asked about any more
  });

  it('are known of ten thousand domains, the last ones', async () => {
    const { destinations, asked } = stage(hosted);
    const paths = many(10_001);
    await destinations.learn(paths);
    expect(destinations.keyOf(paths[0] ?? B)).toBe('d0.test');
    expect(destinations.learn(paths.slice(1))).toBeUndefined();
    expect(asked).toHaveLength(10_001);
  });

  it('are asked for a hundred at a time, since each question has a socket; and mails take turns', async () => {
    const [first, others] = [deferred<undefined>(), deferred<undefined>()];
    const { destinations, asked } = stage((domain) => (domain === 'd0.test' || domain === 'd1.test' ? first.promise : others.promise));
    const learnt = Promise.all([destinations.learn(many(1_000)), destinations.learn([B, C])]);
    expect(asked).toHaveLength(100);
    first.resolve(undefined);
    await until(() => asked.length > 101);
    expect(asked.slice(100)).toEqual(['d100.test', 'b.test']);
    others.resolve(undefined);
    await learnt;
    expect(asked).toHaveLength(1_002);
  });

  it('are waited for no longer once they are closed', async () => {
    let open = 0;
    const { destinations, asked } = stage((_, signal) => new Promise((_, reject) => {
      const stop = (): void => void (open--, reject(new Error('closed')));
      open++;
      if (signal?.aborted === true) stop();
      else signal?.addEventListener('abort', stop);
    }));
    const learnt = destinations.learn(many(200));
    expect(open).toBe(100);
    destinations.close();
    await learnt;
    expect([open, asked.length]).toEqual([0, 200]);
  });
});
