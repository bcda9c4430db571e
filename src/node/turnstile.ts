// Work of which only so much is to be under way at a time: the rest waits its turn, first come, first served.
//
// What is slow on purpose, such as the hash of a password, goes to Node's four threads, and so do the reads, writes and syncs of
// the disk: strangers who try passwords over fifty connections would make each mail wait behind all of them (measured: a durable mail
// took 8 s, and more with each connection that was closed and opened again; now 60 ms).

import { Fifo } from '../wire/fifo.ts';

export class Turnstile {
  readonly #most: number;
  #under = 0; // way
  readonly #waiting = new Fifo<() => void>();

  /** `most`: at a time. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Begins the work when its turn comes; settles as that does. */
  async pass<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#under >= this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#under++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift(); // whose place this is now
      if (next === undefined) this.#under--;
      else next();
    }
  }
}
