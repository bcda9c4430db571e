// A mail whose data have begun: its content on the way to the hook 'message', and what that hook answers, or will.

import type { Envelope } from '../protocol/mail.ts';
import type { AbortReason } from '../protocol/server/action.ts';
import { Aborter } from './aborter.ts';
import type { Budget } from './budget.ts';
import { ContentStream, type Flow } from './content.ts';
import type { AnyHooks } from './hook.ts';
import { whenSettled, type HookCall, type HookOutcome } from './hook-call.ts';
import { askingMail, type HookAnswer, type Occasion } from './hook-question.ts';
import type { Patience, Wait } from './patience.ts';

/** Why nothing is said of a mail whose data have begun: its client has gone, or does not send the rest of them. */
export class Unfinished extends Error {}

/** Returns why mail data came to nothing: by what their client did not send, or by what it sent, which it hears. */
export function abortError(reason: AbortReason): Error {
  const text = `the mail data came to nothing: ${reason}`;
  return UNFINISHED.has(reason) ? new Unfinished(text) : new Error(text);
}

const UNFINISHED: ReadonlySet<AbortReason> = new Set(['timeout', 'peer-gone', 'reset', 'shutdown']);

export class ReceivedMailData implements Flow {
  readonly aborter = new Aborter();
  readonly #content: ContentStream;
  readonly #flow: Flow;
  readonly #patience: Patience;
  #reading: Wait | undefined; // for the hook to read on, while the flow is held
  #outcome: HookOutcome<HookAnswer> | undefined;
  #call: HookCall<HookAnswer> | undefined;

  /** Calls the hook, which may read the content as it comes. `flow` is held while it does not. */
  constructor(envelope: Envelope, hooks: AnyHooks, occasionOf: (aborter: Aborter) => Occasion, { flow, budget, patience }: { readonly flow: Flow; readonly budget: Budget; readonly patience: Patience }) {
    this.#flow = flow;
    this.#patience = patience;
    this.#content = new ContentStream(this, budget);
    const mail = askingMail(occasionOf(this.aborter), envelope, this.#content);
    // What is thrown is reported when the question is asked; if it never is, because the data came to nothing, so did the hook.
    whenSettled(() => hooks.message(mail), (outcome) => {
      this.#outcome = outcome;
      this.#content.discard();
      this.#call?.settle(outcome);
    });
  }

  /** What the hook has answered, or why it did not; undefined: it will, and `call` is told then. */
  outcome(call: () => HookCall<HookAnswer>): HookOutcome<HookAnswer> | undefined {
    if (this.#outcome === undefined) this.#call = call();
    return this.#outcome;
  }

  push(octets: Uint8Array): void {
    this.#content.push(octets);
  }

  /** The mail data are complete. */
  end(): void {
    this.#content.end();
  }

  /** They come to nothing, or nobody waits for the verdict any more. */
  giveUp(error: Error): void {
    this.#content.fail(error);
    this.aborter.abort(error);
  }

  /** For the content: the hook is to read on, in its time. */
  hold(): void {
    this.#flow.hold();
    this.#reading = this.#patience.begin(() => this.#content.fail(new Error(`the content was not read on for ${this.#patience.limit} ms`)));
  }

  /** For the content. */
  release(): void {
    if (this.#reading !== undefined) this.#patience.end(this.#reading);
    this.#flow.release();
  }
}
