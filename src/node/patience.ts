// Many waits of one length, under one timer: a wait is begun and ended with every mail, and nearly never comes to its end.
//
// Since all are of the same length they end in the order in which they began. The timer is not moved when one is given up: it
// fires early then, and is set again for the first that is left. (A timer of Node's for each cost 1.5 µs a mail.)

import { clearTimeout, setTimeout } from 'node:timers';
import type { Milliseconds } from '../protocol/limit.ts';
import { LONGEST_TIMER, type Timer } from './pause.ts';
import { now } from './pump.ts';

/** A wait that has begun. */
export interface Wait {
  readonly until: number;
  readonly over: () => void;
}

export class Patience {
  readonly limit: Milliseconds;
  readonly #waits = new Set<Wait>();
  #timer: Timer | undefined;

  constructor(limit: Milliseconds) {
    this.limit = limit;
  }

  /** Calls `over` when the time is over, unless `end` is called before. */
  begin(over: () => void): Wait {
    const wait = { until: now() + this.limit, over };
    this.#waits.add(wait);
    this.#timer ??= setTimeout(() => this.#look(), Math.min(this.limit, LONGEST_TIMER));
    return wait;
  }

  end(wait: Wait): void {
    this.#waits.delete(wait);
  }

  /** Nobody waits any more; nothing keeps the process alive. */
  close(): void {
    this.#waits.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    const time = now();
    for (const wait of this.#waits) {
      if (wait.until > time) {
        this.#timer = setTimeout(() => this.#look(), Math.min(Math.ceil(wait.until - time), LONGEST_TIMER));
        return;
      }
      this.#waits.delete(wait);
      wait.over();
    }
  }
}
