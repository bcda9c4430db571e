// Lines that come in an order of their own, not in that in which they are known: each as soon as those before it are out.
//
// Rule 1: a program that is stopped says first what it knows: whoever waits for a destination that does not answer, and gives up, must
//         not think that nobody has the mail, and send it once more to those who do.

import process from 'node:process';

const STOPS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class OrderedLines {
  readonly #say: (line: string) => void;
  readonly #known = new Map<number, string>(); // and not said
  #next = 0;
  readonly #stop = (signal: (typeof STOPS)[number]): void => {
    for (const [, line] of [...this.#known].sort(([a], [b]) => a - b)) this.#say(line);
    this.end();
    process.kill(process.pid, signal); // now that nobody listens, it does what it always does
  };

  constructor(say: (line: string) => void) {
    this.#say = say;
    for (const signal of STOPS) process.on(signal, this.#stop);
  }

  /** `place`: 0 for the first line. */
  add(place: number, line: string): void {
    this.#known.set(place, line);
    for (let due; (due = this.#known.get(this.#next)) !== undefined; this.#next++) {
      this.#known.delete(this.#next);
      this.#say(due);
    }
  }

  /** There are no more. */
  end(): void {
    for (const signal of STOPS) process.off(signal, this.#stop);
  }
}
