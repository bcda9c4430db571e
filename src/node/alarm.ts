// Being woken at a time: those who are to be woken at the same one share a timer of Node's. A timer for each would be 210 octets
// of every connection; a place among others is 40.
//
// Rule 1: who is woken, or has it called off, is not woken again.
// Rule 2: nobody is woken before what has come by then is read, though this program did not run at the time: it was stopped, or busy.
//         A reply that came in time counts, or its mail would be sent twice. So a timer that goes off waits for a turn of the event loop.
// Rule 3: one that throws keeps no other from being woken, in the same turn or a later one.

import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import type { Milliseconds } from '../protocol/limit.ts';
import { LONGEST_TIMER, type Timer } from './pause.ts';

export interface Sleeper {
  /** The time has come, or will soon: a time that is very far off is gone to in steps. */
  wake(): void;
}

/** Those to come, by their times. */
const alarms = new Map<Milliseconds, Alarm>();

/** Wakes all who sleep to its time. */
export class Alarm {
  readonly at: Milliseconds;
  readonly #sleepers = new Set<Sleeper>();
  #timer: Timer;

  constructor(at: Milliseconds, now: Milliseconds) {
    this.at = at;
    this.#timer = setTimeout(() => setImmediate(() => this.#ring()), Math.min(Math.max(0, at - now), LONGEST_TIMER));
  }

  /** Wakes the sleeper at a time, once, and returns what calls that off. */
  static set(at: Milliseconds, now: Milliseconds, sleeper: Sleeper): Alarm {
    let alarm = alarms.get(at);
    if (alarm === undefined) alarms.set(at, (alarm = new Alarm(at, now)));
    alarm.#sleepers.add(sleeper);
    return alarm;
  }

  /** Does not wake the sleeper. */
  off(sleeper: Sleeper): void {
    this.#sleepers.delete(sleeper);
    if (this.#sleepers.size === 0) this.#end();
  }

  #ring(): void {
    this.#end(); // who is woken may sleep again to the same time
    try {
      for (const sleeper of this.#sleepers) {
        this.#sleepers.delete(sleeper);
        sleeper.wake();
      }
    } finally {
      if (this.#sleepers.size > 0) this.#timer = setTimeout(() => this.#ring(), 0); // one threw
    }
  }

  #end(): void {
    clearTimeout(this.#timer);
    if (alarms.get(this.at) === this) alarms.delete(this.at);
  }
}
