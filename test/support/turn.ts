// Waiting in tests: for the event loop to come round, never for a time.

import { setImmediate } from 'node:timers';

/** Resolves when the event loop has come round `count` times: what was ready to be read, written or run has been. */
export async function turns(count = 1): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Resolves when the condition holds, which is asked at each turn of the event loop; the test's own time-out is its limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turns();
}

/** A promise, and what settles it. */
export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
}

export function deferred<Value = void>(): Deferred<Value> {
  let resolve: ((value: Value) => void) | undefined;
  let reject: ((error: Error) => void) | undefined;
  const promise = new Promise<Value>((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  return { promise, resolve: (value) => resolve?.(value), reject: (error) => reject?.(error) };
}
