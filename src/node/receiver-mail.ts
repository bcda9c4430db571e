// A mail whose data have begun: its content on the way to the hook 'message', and what that hook answers, or will.

import type { Envelope } from '../protocol/mail.ts';
import { Aborter } from './aborter.ts';
import type { Budget } from './budget.ts';
import { ContentStream, type Flow } from './content.ts';
import type { AnyHooks } from './hook.ts';
import { isPromise } from './hook-call.ts';
import { asking, type HookAnswer, type Occasion } from './hook-question.ts';
import type { Patience, Wait } from './patience.ts';

export class ReceivedMailData {
  readonly aborter = new Aborter();
  /** What the hook has answered; a promise: will answer. */
  readonly verdict: HookAnswer | PromiseLike<HookAnswer>;
  /** The client asked for SMTPUTF8 (RFC 6531). */
  readonly utf8: boolean;
  readonly #content: ContentStream;

  /** Calls the hook, which may read the content as it comes. `flow` is held while it does not. */
  constructor(envelope: Envelope, hooks: AnyHooks, occasionOf: (aborter: Aborter) => Occasion, { flow, budget, patience }: { readonly flow: Flow; readonly budget: Budget; readonly patience: Patience }) {
    const occasion = occasionOf(this.aborter);
    let wait: Wait | undefined;
    const content: ContentStream = new ContentStream({
      hold: () => {
        flow.hold();
        wait = patience.begin(() => content.fail(new Error(`the content was not read on for ${patience.limit} ms`)));
      },
      release: () => {
        if (wait !== undefined) patience.end(wait);
        flow.release();
      },
    }, budget);
    this.#content = content;
    this.utf8 = envelope.parameters.smtpUtf8 === true;
    const mail = Object.assign(asking(occasion, envelope), { content, mailState: occasion.mailState }); // a spread would cost 2 µs more
    this.verdict = this.#ask(hooks, mail);
    // A rejection is reported when the question is asked; if it never is, because the data came to nothing, so did the hook.
    if (isPromise(this.verdict)) this.verdict.then(() => content.discard(), () => content.discard());
    else content.discard();
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

  #ask(hooks: AnyHooks, mail: Parameters<AnyHooks['message']>[0]): HookAnswer | PromiseLike<HookAnswer> {
    try {
      return hooks.message(mail);
    } catch (error) {
      return Promise.reject(error);
    }
  }
}
