// The recipients of the transaction under way: whom the server took, and what became of each.
//
// Rule 1: every recipient gets exactly one outcome; what comes later about the same one counts for nothing.
// Rule 2: replies are kept as they came until together they are much; of those that come later only as much as anybody reads. A
//         server may have 64 KiB to say of each of a thousand recipients, and then take its time about the content.

import { abridged, lengthOf } from '../../syntax/abridgement.ts';
import type { ForwardPath } from '../../syntax/path.ts';
import type { ClientAction, Outcome } from './action.ts';

/** Characters of replies that the outcomes of one transaction have as they came. */
const MOST_AS_THEY_CAME = 262_144;

type Tell = (action: Extract<ClientAction, { readonly type: 'outcome' }>) => void;

export class Recipients {
  readonly #forwardPaths: readonly ForwardPath[];
  readonly #outcomes: (Outcome | undefined)[];
  readonly #tell: Tell;
  #left: number; // without an outcome
  readonly #accepted: number[] = [];
  #said = 0; // characters of replies

  /** `tell` is handed each outcome, once. */
  constructor(forwardPaths: readonly ForwardPath[], tell: Tell) {
    this.#forwardPaths = forwardPaths;
    this.#outcomes = forwardPaths.map(() => undefined);
    this.#tell = tell;
    this.#left = forwardPaths.length;
  }

  /** Those without an outcome, by their index. */
  get open(): readonly number[] {
    return this.#forwardPaths.map((_, recipient) => recipient).filter((recipient) => this.#outcomes[recipient] === undefined);
  }

  get settled(): boolean {
    return this.#left === 0;
  }

  /** Those that RCPT took, in the order of their RCPT. */
  get accepted(): readonly number[] {
    return this.#accepted;
  }

  accept(recipient: number): void {
    this.#accepted.push(recipient);
  }

  report(recipient: number, given: Outcome): void {
    const forwardPath = this.#forwardPaths[recipient];
    if (forwardPath === undefined || this.#outcomes[recipient] !== undefined) return;
    this.#said += lengthOf(given.reply);
    const outcome = this.#said <= MOST_AS_THEY_CAME ? given : abridgedOutcome(given);
    this.#outcomes[recipient] = outcome;
    this.#left -= 1;
    this.#tell({ type: 'outcome', recipient, forwardPath, outcome });
  }

  /** Gives the outcome to all that have none. */
  settle(outcome: Outcome): void {
    for (const recipient of this.open) this.report(recipient, outcome);
  }
}

function abridgedOutcome(outcome: Outcome): Outcome {
  const { reply, verbatim } = outcome;
  return { ...outcome, reply: abridged(reply), ...(verbatim === undefined ? {} : { verbatim: abridged(verbatim) }) };
}
