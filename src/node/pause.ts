// Waiting for a time, or for the end of everything.

import { clearTimeout, setTimeout } from 'node:timers';
import type { Milliseconds } from '../protocol/limit.ts';
import type { Signal } from './aborter.ts';

/** Longest delay that a timer of Node's takes, some 24 days; a longer one would go off at once. */
export const LONGEST_TIMER: Milliseconds = 2 ** 31 - 1;

/** What setTimeout returns. */
export type Timer = ReturnType<typeof setTimeout>;

/** Resolves after the time, or when the signal aborts. */
export function pause(time: Milliseconds, signal: Signal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(time, LONGEST_TIMER));
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
