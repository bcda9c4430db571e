// Work of which only so much is to be under way at a time: the rest waits. Who waits for whom goes by turns, and what one and the same
// has asked for goes in its order: somebody who asks for much holds himself up, and everybody else by one piece of it.
//
// What is slow on purpose, such as the hash of a password, goes to Node's four threads, and so do the reads, writes and syncs of
// the disk: strangers who try passwords over fifty connections would make each mail wait behind all of them (measured: a durable mail
// took 8 s, and more with each connection that was closed and opened again; now 10 ms).

import { FairLine } from './fair-line.ts';

export class Turnstile {
  readonly #most: number;
  #under = 0; // way
  readonly #waiting = new FairLine<() => void>();

  /** `most`: at a time. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Begins the work when it is the turn of whose it is; settles as that does. */
  async pass<Result>(whose: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#under < this.#most) this.#under++;
    else await new Promise<void>((resolve) => this.#waiting.push(whose, resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift(); // whose place this is now
      if (next === undefined) this.#under--;
      else next();
    }
  }
}
