// A worker of `ehlo serve --workers` that says what a test has it say, in place of a process.

import type { FromWorker } from '../../src/node/duty.ts';

export class PlayedWorker {
  readonly process: { readonly pid: number | undefined; readonly stdout: null; readonly stderr: null; readonly kill: (signal: string) => boolean };
  /** It does not end when it is asked to. */
  hangs = false;
  readonly told: unknown[] = [];
  readonly #listeners = new Map<string, (...values: readonly unknown[]) => void>();

  constructor(pid: number | undefined) {
    this.process = { pid, stdout: null, stderr: null, kill: (signal) => (!this.hangs || signal === 'SIGKILL') && (this.exits(0), true) };
  }

  on(event: string, listener: (...values: readonly unknown[]) => void): void {
    this.#listeners.set(event, listener);
  }

  send(message: unknown): boolean {
    this.told.push(message);
    return true;
  }

  says(message: FromWorker): void {
    this.#listeners.get('message')?.(message);
  }

  fails(error: Error): void {
    this.#listeners.get('error')?.(error);
  }

  /** As it does where it is asked to end. */
  exits(status: number): void {
    this.#listeners.get('exit')?.(status, null);
  }

  dies(): void {
    this.#listeners.get('exit')?.(null, 'SIGKILL');
  }
}
