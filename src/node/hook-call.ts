// One call of a hook whose answer is still to come: it comes to one outcome within its time, or nobody waits any more.

import type { Patience } from './patience.ts';

/** What a hook answered, or why it did not. */
export type HookOutcome<Answer> = { readonly answer: Answer } | { readonly error: unknown };

/**
 * Tells `settled` the outcome of `answer`, once. The function returned ends the waiting: `settled` is not called any more.
 */
export function awaitHook<Answer>(name: string, patience: Patience, answer: PromiseLike<Answer>, settled: (outcome: HookOutcome<Answer>) => void): () => void {
  let open = true;
  const end = (): boolean => {
    if (!open) return false;
    open = false;
    patience.end(wait);
    return true;
  };
  const wait = patience.begin(() => {
    if (end()) settled({ error: new Error(`the hook '${name}' did not answer in ${patience.limit} ms`) });
  });
  answer.then(
    (given) => {
      if (end()) settled({ answer: given });
    },
    (error: unknown) => {
      if (end()) settled({ error });
    },
  );
  return end;
}

/** Any thenable counts: an answer that is still to come must not pass for one. */
export function isPromise<Answer>(answer: Answer | PromiseLike<Answer>): answer is PromiseLike<Answer> {
  return typeof answer === 'object' && answer !== null && 'then' in answer;
}
