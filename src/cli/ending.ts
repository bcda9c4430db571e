// What ends a program that serves: SIGTERM or SIGINT (a second SIGINT at once), or a queue that has failed.

import process from 'node:process';
import { EXIT } from '../node/exit-status.ts';

export class Ending {
  #end: (failure: Error | undefined) => void = () => undefined;
  /** Resolves with the failure, or undefined where a signal asked for the end. */
  readonly awaited = new Promise<Error | undefined>((resolve) => (this.#end = resolve));

  constructor() {
    let asked = false;
    process.on('SIGTERM', () => this.#end(undefined));
    process.on('SIGINT', () => {
      if (asked) process.exit(EXIT.interrupted);
      asked = true;
      this.#end(undefined);
    });
  }

  fail(error: Error): void {
    this.#end(error);
  }
}
