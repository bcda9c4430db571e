// What goes wrong on the embedder's side, told to the embedder: no session and no server ends by it.

import process from 'node:process';
import type { AnyHooks } from './hook.ts';

/** Tells the hook `error`, or where there is none warns the process. Throws nothing, whatever that hook does. */
export function reportError(hooks: AnyHooks | undefined, thrown: unknown): void {
  const error = errorOf(thrown);
  try {
    if (hooks?.error !== undefined) hooks.error(error);
    else process.emitWarning(error);
  } catch (another) {
    process.emitWarning(errorOf(another)); // the hook `error` itself
  }
}

export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(textOf(thrown));
}

/** An object without a prototype is no text, and String throws then. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return 'what was thrown is no Error, and has no text';
  }
}
