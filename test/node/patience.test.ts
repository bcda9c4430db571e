import process from 'node:process';
import { describe, expect, it, vi } from 'vitest';
import { now } from '../../src/node/now.ts';
import { Patience } from '../../src/node/patience.ts';
import { until } from '../support/turn.ts';

describe('patience', () => {
  it('ends waits in the order in which they began, none of them early', async () => {
    const patience = new Patience(20);
    const start = now();
    const over: string[] = [];
    patience.begin(() => over.push('a'));
    patience.begin(() => over.push('b'));
    await until(() => over.length === 2);
    expect(over).toEqual(['a', 'b']);
    expect(now() - start).toBeGreaterThanOrEqual(20);
  });

  it('has no end where its limit is longer than a timer of Node\'s takes', () => {
    const warned = vi.spyOn(process, 'emitWarning'); // what Node does then, and goes off after a millisecond
    const patience = new Patience(Infinity);
    patience.begin(() => undefined);
    patience.close();
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
  });

  it('does not end what was ended before, and still ends what began later', async () => {
    const patience = new Patience(20);
    const over: string[] = [];
    const first = patience.begin(() => over.push('first'));
    await until(() => now() > first.until - 10);
    const second = patience.begin(() => over.push('second'));
    patience.end(first);
    await until(() => over.length > 0);
    expect(over).toEqual(['second']);
    expect(now()).toBeGreaterThanOrEqual(second.until);
  });

  it('ends a wait that is begun by the end of another', async () => {
    const patience = new Patience(10);
    const over: string[] = [];
    patience.begin(() => {
      over.push('first');
      patience.begin(() => over.push('second'));
    });
    await until(() => over.length === 2);
    expect(over).toEqual(['first', 'second']);
  });

  it('ends all that are left, whichever of them were given up, and however often', async () => {
    const patience = new Patience(10);
    const over: string[] = [];
    const waits = ['first', 'second', 'third', 'fourth', 'fifth'].map((name) => patience.begin(() => over.push(name)));
    for (const index of [2, 0, 2, 4, 0]) patience.end(waits[index] ?? expect.unreachable());
    patience.begin(() => over.push('sixth'));
    await until(() => over.length === 3);
    for (const wait of waits) patience.end(wait);
    patience.begin(() => over.push('seventh'));
    await until(() => over.length === 4);
    expect(over).toEqual(['second', 'fourth', 'sixth', 'seventh']);
  });

  it('that is closed ends nothing', async () => {
    const patience = new Patience(10);
    const over: string[] = [];
    const { until: end } = patience.begin(() => over.push('closed'));
    patience.close();
    await until(() => now() > end + 10);
    expect(over).toEqual([]);
  });
});
