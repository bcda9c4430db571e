// Waiting for a time, or for the end of everything.

import { clearTimeout, setTimeout } from 'node:timers';
import type { Milliseconds } from '../protocol/limit.ts';
import type { Signal } from './aborter.ts';

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
    const timer = setTimeout(end, time);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
