// What the clock of the machine does besides running: it is set back or ahead, by hand or when a machine has learnt the time, and
// it goes on while the machine sleeps. A counter that nobody sets, and that sleeps too, shows it.
//
// Rule 1: a leap ahead counts for what came before it. Set back, the clock takes back the leaps that it has made last.

import { now as monotonic } from './now.ts';

/** Milliseconds by which it may fall behind unseen: it is slowed down now and then, to be right. */
const SLACK = 1_000;

/** Milliseconds by which it has to run ahead at once for that to be a leap. */
const LEAP = 60_000;

export interface Look {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** By how much it was set back since the last look; 0: it was not. */
  readonly back: number;
  /** What `leaptSince` returns is another than before. */
  readonly leapt: boolean;
}

export class Clock {
  readonly #ticks: () => number;
  #last: { readonly time: number; readonly ticks: number };
  #leaps: { readonly before: number; readonly by: number }[] = []; // the earliest first

  /** `ticks`: milliseconds that pass whatever is done to the clock. Default: those of the machine. */
  constructor(ticks: () => number = monotonic) {
    this.#ticks = ticks;
    this.#last = { time: Date.now(), ticks: ticks() };
  }

  look(): Look {
    const { time: before, ticks: since } = this.#last;
    const [time, ticks] = [Date.now(), this.#ticks()];
    this.#last = { time, ticks };
    const expected = before + (ticks - since);
    if (time - expected >= LEAP) {
      this.#leaps.push({ before: expected, by: time - expected });
      return { time, back: 0, leapt: true };
    }
    return expected - time < SLACK ? { time, back: 0, leapt: false } : { time, back: expected - time, leapt: this.#takeBack(expected - time) };
  }

  /** By how much it has leapt ahead since that time, as far as that is remembered. */
  leaptSince(time: number): number {
    return this.#leaps.reduce((sum, { before, by }) => (time <= before ? sum + by : sum), 0);
  }

  /** Nobody wants to know of leaps so far. */
  forget(): void {
    if (this.#leaps.length > 0) this.#leaps = [];
  }

  #takeBack(back: number): boolean {
    let left = back;
    for (let last; left > 0 && (last = this.#leaps.pop()) !== undefined; left -= last.by) {
      if (last.by > left) this.#leaps.push({ ...last, by: last.by - left });
      if (last.by >= left) return true;
    }
    return left < back;
  }
}
