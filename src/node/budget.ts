// Octets in flight, all of them: content that waits for its reader, what came while nothing was to be read, what Node has
// read ahead, replies that the client does not take. All connections of a server have one budget; each gives back what it was charged.
//
// Rule 1: a connection stops reading at HIGH_WATER; where the budget is exhausted, as soon as anything waits at all. A
//         connection for which nothing waits may always read on: others that are stuck do not stop it.
// Rule 2: so the budget is overdrawn by no more than a read of each connection, READ_AHEAD octets and what it has read.
// Rule 3: where it is overdrawn by half all the same, no further connection is taken in (`listen`).
// Rule 4: recipients, which stay until their mail comes or the session ends, have a budget of their own: where that is exhausted,
//         a mail has its hundred, and no more (a thousand sessions with a thousand of the longest each took 3 GB).

import type { ServerQuestion } from '../protocol/server/action.ts';

/** Octets that may wait for their reader before the socket is not read any more. */
export const HIGH_WATER = 65_536;

/** Octets that the connections of a server may have in flight together before they are held back. */
export const BUDGET = 67_108_864;

/** Octets of the objects that a recipient is. */
const RECIPIENT = 1_024;

/** Octets that a recipient takes up in memory, at most or nearly so: what was written is kept with its line, two octets a character, and once more as it was read. */
export function octetsOfRecipient({ forwardPath, parameters }: Extract<ServerQuestion, { readonly about: 'rcpt' }>): number {
  return RECIPIENT + 4 * (forwardPath.text.length + (parameters.originalRecipient?.address.length ?? 0));
}

export class Budget {
  readonly #limit: number;
  #octets = 0;

  constructor(limit: number = BUDGET) {
    this.#limit = limit;
  }

  /** Octets in flight. */
  get octets(): number {
    return this.#octets;
  }

  get exhausted(): boolean {
    return this.#octets >= this.#limit;
  }

  /** The limit is passed by half of it: holding back was not enough. */
  get overdrawn(): boolean {
    return this.#octets >= 1.5 * this.#limit;
  }

  /** Octets that a connection may have waiting for their reader now. */
  get highWater(): number {
    return this.exhausted ? 0 : HIGH_WATER;
  }

  /** A number below zero gives back. */
  charge(octets: number): void {
    this.#octets += octets;
  }
}
