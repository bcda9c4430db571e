// The recipients of the transaction under way: whom the server took, and what became of each.
//
// Rule 1: every recipient gets exactly one outcome; what comes later about the same one counts for nothing.

import type { ForwardPath } from '../../syntax/path.ts';
import type { ClientAction, Outcome } from './action.ts';

type Tell = (action: Extract<ClientAction, { readonly type: 'outcome' }>) => void;

export class Recipients {
  readonly #forwardPaths: readonly ForwardPath[];
  readonly #outcomes: (Outcome | undefined)[];
  readonly #tell: Tell;
  #left: number; // without an outcome
  readonly #accepted: number[] = [];

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

  report(recipient: number, outcome: Outcome): void {
    const forwardPath = this.#forwardPaths[recipient];
    if (forwardPath === undefined || this.#outcomes[recipient] !== undefined) return;
    this.#outcomes[recipient] = outcome;
    this.#left -= 1;
    this.#tell({ type: 'outcome', recipient, forwardPath, outcome });
  }

  /** Gives the outcome to all that have none. */
  settle(outcome: Outcome): void {
    for (const recipient of this.open) this.report(recipient, outcome);
  }
}
