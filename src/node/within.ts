// Waiting for what cannot be told to stop, as the system's look-up of a host: it goes on, and what comes of it is dropped.

import { clearTimeout, setTimeout } from 'node:timers';
import type { Milliseconds } from '../protocol/limit.ts';
import type { Signal } from './aborter.ts';
import { LONGEST_TIMER, type Timer } from './pause.ts';

/** How long somebody waits. */
export interface WaitOptions {
  /** Default: as long as it takes. */
  readonly timeout?: Milliseconds | undefined;
  /** Nobody waits once it has aborted. */
  readonly signal?: Signal | undefined;
}

/** Nobody waits for it any more. */
export class NotWaited extends Error {}

/** Settles as the work does, or rejects with NotWaited. */
export function within<Value>(work: Promise<Value>, { timeout = Infinity, signal }: WaitOptions): Promise<Value> {
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', leave);
    };
    const leave = (): void => {
      end();
      reject(new NotWaited('it was not there in time'));
    };
    if (timeout <= LONGEST_TIMER) timer = setTimeout(leave, timeout);
    signal?.addEventListener('abort', leave, { once: true });
    if (signal?.aborted === true) leave();
    work.then(resolve, reject).finally(end);
  });
}
