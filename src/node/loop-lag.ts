// How late the event loop is: the lateness of a timer of Node's own, apart from the program's.

import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION = 10; // milliseconds between two looks
const NANOSECONDS = 1e9;

export class LoopLag {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION });

  constructor() {
    this.#histogram.enable();
  }

  /** Returns the seconds that the loop was late since this was last asked for: on average, for the worst hundredth, at most. */
  take(): { readonly mean: number; readonly p99: number; readonly max: number } {
    const seconds = (nanoseconds: number): number => (Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION / 1000) : 0); // no look yet: NaN
    const lag = { mean: seconds(this.#histogram.mean), p99: seconds(this.#histogram.percentile(99)), max: seconds(this.#histogram.max) };
    this.#histogram.reset();
    return lag;
  }

  close(): void {
    this.#histogram.disable();
  }
}
