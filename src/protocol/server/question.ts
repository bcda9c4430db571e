// The one open question: asked once, answered once. While it is open nothing is read.

import { UsageError } from '../../wire/usage.ts';
import type { ServerQuestion } from './action.ts';

export class OpenQuestion {
  #question: ServerQuestion | undefined = { about: 'client' };
  #asked = false;

  get about(): ServerQuestion['about'] | undefined {
    return this.#question?.about;
  }

  open(question: ServerQuestion): void {
    this.#question = question;
    this.#asked = false;
  }

  /** The question, to be handed out; once. */
  ask(): ServerQuestion | undefined {
    if (this.#asked) return undefined;
    this.#asked = true;
    return this.#question;
  }

  /** Throws UsageError where no question was asked. */
  mustBeAsked(): ServerQuestion {
    if (this.#question === undefined || !this.#asked) throw new UsageError('no question is open');
    return this.#question;
  }

  /** The question, to be answered. Throws as above. */
  answer(): ServerQuestion {
    const question = this.mustBeAsked();
    this.#question = undefined;
    return question;
  }

  /** Nobody waits for the answer any more. */
  drop(): void {
    this.#question = undefined;
  }
}
