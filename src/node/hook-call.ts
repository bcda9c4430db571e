// One call of a hook: it comes to one outcome, at once or within its time.

import { clearTimeout, setTimeout } from 'node:timers';
import type { Milliseconds } from '../protocol/limit.ts';

/** What a hook answered, or why it did not. */
export type HookOutcome<Answer> = { readonly answer: Answer } | { readonly error: unknown };

/**
 * Calls `call` and tells `settled` its outcome: before it returns where the answer is no promise, which costs no microtask.
 *
 * Returns true where the answer is still to come. `signal` aborted means that nobody waits any more.
 */
export function callHook<Answer>(name: string, limit: Milliseconds, signal: AbortSignal, call: () => Answer | PromiseLike<Answer>, settled: (outcome: HookOutcome<Answer>) => void): boolean {
  let answer: Answer | PromiseLike<Answer>;
  try {
    answer = call();
  } catch (error) {
    settled({ error });
    return false;
  }
  if (!isPromise(answer)) {
    settled({ answer });
    return false;
  }
  let open = true;
  const settle = (outcome: HookOutcome<Answer> | undefined): void => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    if (outcome !== undefined) settled(outcome);
  };
  const timer = setTimeout(() => settle({ error: new Error(`the hook '${name}' did not answer in ${limit} ms`) }), limit);
  signal.addEventListener('abort', () => settle(undefined));
  answer.then((given) => settle({ answer: given }), (error: unknown) => settle({ error }));
  return true;
}

/** Any thenable counts: an answer that is still to come must not pass for one. */
export function isPromise<Answer>(answer: Answer | PromiseLike<Answer>): answer is PromiseLike<Answer> {
  return typeof answer === 'object' && answer !== null && 'then' in answer;
}
