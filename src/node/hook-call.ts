// One call of a hook whose answer is still to come: it comes to one outcome within its time, or nobody waits any more.

import { UsageError } from '../wire/usage.ts';
import type { Patience, Wait } from './patience.ts';

/** What a hook answered, or why it did not. */
export type HookOutcome<Answer> = { readonly answer: Answer } | { readonly error: unknown };

/** Waits for the outcome of one call. */
export class HookCall<Answer> {
  readonly #patience: Patience;
  readonly #settled: (outcome: HookOutcome<Answer>) => void;
  readonly #wait: Wait;
  #open = true;

  /** Tells `settled` the outcome, once: what `settle` brings, or that there was none in time. */
  constructor(name: string, patience: Patience, settled: (outcome: HookOutcome<Answer>) => void) {
    this.#patience = patience;
    this.#settled = settled;
    this.#wait = patience.begin(() => this.settle({ error: new Error(`the hook '${name}' did not answer in ${patience.limit} ms`) }));
  }

  settle(outcome: HookOutcome<Answer>): void {
    if (!this.#open) return;
    this.end();
    this.#settled(outcome);
  }

  /** Nobody waits any more: `settled` is not called. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#patience.end(this.#wait);
  }
}

/** Calls a hook and tells `settle` what came of it: at once where it answered without a promise. Returns whether that is still to come. */
export function whenSettled<Answer>(call: () => Answer | PromiseLike<Answer>, settle: (outcome: HookOutcome<Answer>) => void): boolean {
  let answer: Answer | PromiseLike<Answer>;
  let later: PromiseLike<Answer> | undefined;
  try {
    answer = call();
    if (isPromise(answer)) later = answer;
  } catch (error) {
    settle({ error });
    return false;
  }
  if (later === undefined) {
    settle({ answer: answer as Answer }); // it was found to be no promise
    return false;
  }
  Promise.resolve(later).then((given) => settle({ answer: given }), (error: unknown) => settle({ error }));
  return true;
}

/** Returns the answer of a function that is not waited for. Throws UsageError for a promise, which would pass for an answer; where that rejects, it need not end the process too. */
export function atOnce<Answer>(name: string, answer: Answer): Answer {
  if (!isPromise<unknown>(answer)) return answer;
  answer.then(undefined, () => undefined);
  throw new UsageError(`${name} must answer at once, and not with a promise`);
}

/** Any thenable counts: an answer that is still to come must not pass for one. */
export function isPromise<Answer>(answer: Answer | PromiseLike<Answer>): answer is PromiseLike<Answer> {
  return typeof answer === 'object' && answer !== null && 'then' in answer && typeof answer.then === 'function';
}
