// Waiting in tests: for something to come about, never for a time.

import { setImmediate, setTimeout } from 'node:timers';

/** Resolves when the event loop has come round `count` times: what was ready to be read, written or run has been. */
export async function turns(count = 1): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Turns after which a condition is asked at intervals: what it waits for takes time of its own, and the other tests need the core. */
const SOON = 20;

/** Resolves when the condition holds, which is asked at each turn of the event loop, later each millisecond; the test's own time-out is its limit. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) await (turn < SOON ? turns() : new Promise<void>((resolve) => setTimeout(resolve, 1)));
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
