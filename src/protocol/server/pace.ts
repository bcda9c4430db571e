// What time a client has, as one deadline. The session tells what came; nothing here reads a clock.
//
// Rule 1: a command has `timeout` from the end of what came before it (RFC 5321 §4.5.3.2.7: "awaiting the next command"). Octets
//         of a line that does not end win no time.
// Rule 2: each segment of mail data has as long again. Whether a window of them brought enough octets is looked at when more
//         come: the client is there, and drips.
// Rule 3: the whole session has `sessionTimeout`, whatever is under way.
// Rule 4: no time runs while the application has the word; the client's begins anew with the answer.

import type { Milliseconds } from '../limit.ts';
import type { ReplyName } from './reply.ts';

export interface PaceLimits {
  readonly timeout: Milliseconds;
  readonly sessionTimeout: Milliseconds;
  /** Octets a second of mail data; 0: every pace will do. */
  readonly minDataRate: number;
  readonly dataRateWindow: Milliseconds;
}

/** Why a client's time is over, by the reply that says so. */
export type Overrun = Extract<ReplyName, 'timeout' | 'session too long'>;

/** Octets of mail data that have come, and since when. */
interface Window {
  readonly since: Milliseconds;
  octets: number;
}

export class Pace {
  readonly #limits: PaceLimits;
  readonly #end: Milliseconds;
  #now: Milliseconds;
  #since: Milliseconds; //        what is awaited has been since then
  #window: Window | undefined; // while mail data come

  constructor(limits: PaceLimits, now: Milliseconds) {
    this.#limits = limits;
    this.#end = now + limits.sessionTimeout;
    this.#now = now;
    this.#since = now;
  }

  /** When time is over, if nothing comes before. */
  get deadline(): Milliseconds {
    return Math.min(this.#since + this.#limits.timeout, this.#end);
  }

  /** What is over at that time; undefined: nothing. */
  overrun(now: Milliseconds): Overrun | undefined {
    if (now >= this.#end) return 'session too long';
    return now >= this.#since + this.#limits.timeout ? 'timeout' : undefined;
  }

  /** Octets have come, of whatever kind. */
  tick(now: Milliseconds): void {
    this.#now = now;
  }

  /** Something else is awaited: the next command, a handshake. */
  renew(now: Milliseconds = this.#now): void {
    this.#now = now;
    this.#since = now;
    this.#window = undefined;
  }

  /** So many octets of mail data came. Tells whether the window that they close had brought too few. */
  flow(octets: number): boolean {
    this.#since = this.#now;
    const { minDataRate, dataRateWindow } = this.#limits;
    const window = this.#window;
    const closes = window !== undefined && this.#now >= window.since + dataRateWindow;
    if (closes && window.octets < (minDataRate * dataRateWindow) / 1_000) return true;
    if (closes || window === undefined) this.#window = { since: this.#now, octets };
    else window.octets += octets;
    return false;
  }
}
