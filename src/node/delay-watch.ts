// Tells the senders of mail that has waited long that it still waits (RFC 3461 §5.2.5). When that is so is a matter of the mail's
// age alone: behind a destination that is dead no attempt need be made for it.
//
// All mail in charge is looked at when the earliest of it that is not known to be late becomes so, and not more often than a
// thousandth of the delay, nor than once a second: whoever comes meanwhile is not late before the delay has passed again.

import { clearTimeout, setTimeout } from 'node:timers';
import { LONGEST_TIMER, type Timer } from './pause.ts';

export interface DelayWatchOptions {
  /** The age, in milliseconds, at which the sender is told. */
  readonly delay: number;
  /** The mails in charge, and when they arrived. */
  readonly mails: () => Iterable<readonly [id: string, arrival: number]>;
  /** Tells the sender of a mail, if he is to be told. */
  readonly warn: (id: string) => Promise<void>;
}

/** Milliseconds after the start before anybody is told: mail that was only kept back by our own absence may go out at once. */
const AT_FIRST = 60_000;

/** Milliseconds after which it is tried again to tell whom it failed to tell. */
const AGAIN = 60_000;

/** Milliseconds from one look to the next, at least: a delay of none had all of them looked at each millisecond. */
const APART = 1_000;

export class DelayWatch {
  readonly #options: DelayWatchOptions;
  #late = new Set<string>(); // in charge when last looked at, and dealt with
  #timer: Timer | undefined;
  #soon = false; // somebody is to be looked at who was dealt with
  #started = false;
  #closed = false;

  constructor(options: DelayWatchOptions) {
    this.#options = options;
  }

  /** Once: more do nothing. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#lookIn(Math.min(AT_FIRST, this.#options.delay));
  }

  /** A mail that could not be late, since the operator held it, is looked at anew. */
  again(id: string): void {
    if (!this.#late.delete(id) || this.#soon) return;
    this.#soon = true;
    if (this.#timer === undefined) return; // they are being looked at
    clearTimeout(this.#timer);
    this.#lookIn(Math.min(AT_FIRST, this.#options.delay));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #lookIn(time: number): void {
    if (!this.#closed) this.#timer = setTimeout(() => void this.#look(), Math.min(time, LONGEST_TIMER));
  }

  async #look(): Promise<void> {
    const { delay, mails, warn } = this.#options;
    const now = Date.now();
    this.#timer = undefined;
    this.#soon = false;
    const late = new Set<string>();
    let next = now + delay;
    const told: string[] = [];
    for (const [id, arrival] of mails()) {
      if (arrival + delay > now) next = Math.min(next, arrival + delay);
      else {
        if (!this.#late.has(id)) told.push(id);
        late.add(id);
      }
    }
    this.#late = late;
    for (const id of told) {
      if (this.#closed) return;
      await warn(id).catch(() => {
        late.delete(id); // whoever warns has logged why
        next = Math.min(next, now + AGAIN);
      });
    }
    if (this.#soon) next = Math.min(next, now + AT_FIRST);
    this.#lookIn(Math.max(next - Date.now(), delay / 1000, APART));
  }
}
