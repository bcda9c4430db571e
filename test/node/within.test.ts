import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NotWaited, within } from '../../src/node/within.ts';

vi.mock('node:timers', async () => (await import('../support/global-timers.ts')).timers);

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => vi.useRealTimers());

const NEVER = new Promise<string>(() => undefined);

/** A source of a signal, and how many listen to it. */
function source(): { readonly controller: AbortController; readonly listeners: () => number } {
  const controller = new AbortController();
  const [add, remove] = [vi.spyOn(controller.signal, 'addEventListener'), vi.spyOn(controller.signal, 'removeEventListener')];
  return { controller, listeners: () => add.mock.calls.filter(([, listener]) => !remove.mock.calls.some(([, removed]) => removed === listener)).length };
}

describe('who waits for what cannot be told to stop', () => {
  it.each<[string, () => Promise<string>]>([['it has come', async () => 'come'], ['it has failed', async () => Promise.reject(new Error('failed'))]])('leaves nothing behind when %s', async (_, work) => {
    const { controller: { signal }, listeners } = source();
    const waited = within(work(), { timeout: 1_000, signal });
    expect([vi.getTimerCount(), listeners()]).toEqual([1, 1]);
    expect(await waited.catch(({ message }: Error) => message)).toMatch(/come|failed/);
    expect([vi.getTimerCount(), listeners()]).toEqual([0, 0]);
  });

  it.each<[string, (controller: AbortController) => void, boolean]>([
    ['its time is over', () => void vi.advanceTimersByTime(1_000), false],
    ['it is aborted', (controller) => controller.abort(), false],
    ['it was aborted before', () => undefined, true],
  ])('leaves when %s, and nothing behind', async (_, end, before) => {
    const { controller, listeners } = source();
    if (before) controller.abort();
    const waited = within(NEVER, { timeout: 1_000, signal: controller.signal });
    end(controller);
    await expect(waited).rejects.toBeInstanceOf(NotWaited);
    expect([vi.getTimerCount(), listeners()]).toEqual([0, 0]);
  });

  it.each([undefined, 2 ** 31])('has as long as it takes: %s ms', (timeout) => {
    void within(NEVER, { timeout });
    expect(vi.getTimerCount()).toBe(0);
  });
});
