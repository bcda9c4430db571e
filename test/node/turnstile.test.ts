import { setImmediate } from 'node:timers';
import { describe, expect, it } from 'vitest';
import { Turnstile } from '../../src/node/turnstile.ts';

/** Work that ends when it is told to. */
function work(name: string, log: string[]): { readonly begin: () => Promise<string>; readonly end: (how: 'well' | 'badly') => void } {
  let settle = (_: 'well' | 'badly'): void => undefined;
  return {
    begin: () => {
      log.push(name);
      return new Promise((resolve, reject) => (settle = (how) => (how === 'well' ? resolve(name) : reject(new Error(name)))));
    },
    end: (how) => settle(how),
  };
}

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('a turnstile', () => {
  it('has so much under way at a time, and the rest in its order', async () => {
    const log: string[] = [];
    const turnstile = new Turnstile(2);
    const [last, ...all] = ['e', 'a', 'b', 'c', 'd'].map((name) => work(name, log));
    const results = all.map(({ begin }) => turnstile.pass('x', begin));
    await settled();
    expect(log).toEqual(['a', 'b']);
    all[1]?.end('well');
    await settled();
    results.push(turnstile.pass('x', () => last?.begin() ?? Promise.reject())); // who comes now has no place before who has waited
    expect(log).toEqual(['a', 'b', 'c']);
    for (const { end } of all) end('well');
    await settled();
    all[3]?.end('well');
    last?.end('well');
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('lets those who wait take turns', async () => {
    const log: string[] = [];
    const turnstile = new Turnstile(1);
    await Promise.all(['a1', 'a2', 'a3', 'b1', 'a4', 'c1', 'c2'].map((name) => turnstile.pass(name.charAt(0), async () => void log.push(name))));
    expect(log).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'c2', 'a4']);
    await turnstile.pass('d', async () => void log.push('d1'));
    expect(log).toHaveLength(8);
  });

  it('goes on behind what fails, and is free in the end', async () => {
    const log: string[] = [];
    const turnstile = new Turnstile(1);
    const [first, second, third] = ['a', 'b', 'c'].map((name) => work(name, log));
    const failing = turnstile.pass('x', () => first?.begin() ?? Promise.reject());
    const thrower = turnstile.pass('x', () => {
      throw new Error('at once');
    });
    const later = turnstile.pass('x', () => second?.begin() ?? Promise.reject());
    await settled();
    first?.end('badly');
    await expect(failing).rejects.toThrow('a');
    await expect(thrower).rejects.toThrow('at once');
    await settled();
    second?.end('well');
    expect(await later).toBe('b');
    const last = turnstile.pass('x', () => third?.begin() ?? Promise.reject());
    expect(log).toEqual(['a', 'b', 'c']);
    third?.end('well');
    await last;
  });
});
