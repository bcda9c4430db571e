// Content on its way into the queue: our Received field in front (RFC 5321 §4.4), those that are there counted (§6.3).
//
// The plain form of this is an async generator that yields the field and then, counting, each piece; it stands in the test,
// which proves both equal. It has three promises for each piece where the iterator written out here has one.

import { ReceivedCounter } from '../relay/loop.ts';

/** Content that has too many Received fields: thrown into whoever stores it, so that nothing is stored. */
export class LoopError extends Error {}

type Step = IteratorResult<Uint8Array, undefined>;

export class TracedContent implements AsyncIterable<Uint8Array> {
  readonly #field: Uint8Array;
  readonly #content: AsyncIterable<Uint8Array>;

  constructor(field: Uint8Array, content: AsyncIterable<Uint8Array>) {
    this.#field = field;
    this.#content = content;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    const counter = new ReceivedCounter();
    const source = this.#content[Symbol.asyncIterator]();
    const counted = (step: IteratorResult<Uint8Array, unknown>): Step => {
      if (step.done === true) return END;
      counter.read(step.value);
      if (!counter.looped) return step;
      stop();
      throw new LoopError('the mail is in a loop');
    };
    let stopped = false;
    const stop = (): void => {
      if (!stopped) (async () => source.return?.())().catch(() => undefined); // what is read no further may end as it likes
      stopped = true;
    };
    let begun = false;
    return {
      next: () => {
        if (begun) return stopped ? Promise.resolve(END) : source.next().then(counted);
        begun = true;
        return Promise.resolve({ done: false, value: this.#field });
      },
      return: () => {
        stop(); // a reader that stops early wants no more
        return Promise.resolve(END);
      },
    };
  }
}

const END: Step = { done: true, value: undefined };
