// Waiting for a time, or for the end of everything.

import { clearTimeout, setTimeout } from 'node:timers';
import type { Milliseconds } from '../protocol/limit.ts';

/** Resolves after the time, or when the signal aborts. */
export function pause(time: Milliseconds, signal: AbortSignal): Promise<void> {
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
