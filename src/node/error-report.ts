// What goes wrong on the embedder's side, told to the embedder: no session and no server ends by it.

import { errorText } from './error-text.ts';
import type { AnyHooks } from './hook.ts';
import { isPromise } from './hook-call.ts';
import { nodeProcess } from './on-demand.ts';

const process = nodeProcess();

/** Tells the hook `error`, or where there is none warns the process. Throws nothing, whatever that hook does. */
export function reportError(hooks: AnyHooks | undefined, thrown: unknown): void {
  const error = errorOf(thrown);
  if (hooks?.error === undefined) return process.emitWarning(error);
  tell(() => hooks.error?.(error), warn); // of what the hook `error` itself throws
}

/** Calls a function of the embedder's that has nothing to answer. `failed` is told what it throws, or rejects with. */
export function tell(call: () => unknown, failed: (thrown: unknown) => void): void {
  try {
    const returned = call();
    if (isPromise(returned)) returned.then(undefined, failed);
  } catch (thrown) {
    failed(thrown);
  }
}

export function warn(thrown: unknown): void {
  process.emitWarning(errorOf(thrown));
}

export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(errorText(thrown));
}
