// The built program as a child process: `npm test` builds it first.

import { spawn, type PipedProcess } from 'node:child_process';
import { join } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { decodeLatin1 } from '../../src/wire/ascii.ts';

export const EHLO = join(import.meta.dirname, '../../dist/cli/ehlo.js');

export interface Ended {
  /** Exit status; the signal's name where it was one. */
  readonly status: number | string | null;
  readonly out: string;
  readonly err: string;
}

export class Program implements AsyncDisposable {
  out = '';
  err = '';
  readonly ended: Promise<Ended>;
  readonly #child: PipedProcess;
  #wake: (() => void)[] = [];
  #over = false;

  /** Starts `ehlo ARGS` in the directory. */
  constructor(args: readonly string[], directory: string, input?: string | Uint8Array) {
    const child = (this.#child = spawn('node', [EHLO, ...args], { cwd: directory }));
    child.stdout.on('data', (octets) => this.#note(() => (this.out += decodeLatin1(octets))));
    child.stderr.on('data', (octets) => this.#note(() => (this.err += decodeLatin1(octets))));
    child.on('exit', () => child.stdout.resume()); // 'close' waits for that
    this.ended = new Promise((resolve) => {
      child.on('close', (status, signal) => {
        this.#note(() => (this.#over = true));
        resolve({ status: status ?? signal, out: this.out, err: this.err });
      });
    });
    if (input !== undefined) child.stdin.write(input);
    child.stdin.end();
  }

  /** The ports of its `listening` lines, when there are so many. */
  async listening(count = 1): Promise<readonly number[]> {
    const ports = (): readonly number[] => [...this.err.matchAll(/^ehlo: listening on smtp:\/\/.*:(\d+)\n/gm)].map(([, port]) => Number(port));
    await this.#until(() => ports().length >= count);
    return ports();
  }

  /** Resolves when an event was logged so many times. */
  logged(event: string, count = 1): Promise<void> {
    return this.#until(() => [...this.out.matchAll(new RegExp(`^\\S+ ${event}(?: |$)`, 'gm'))].length >= count);
  }

  kill(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGKILL'): Promise<Ended> {
    this.#child.kill(signal);
    return this.ended;
  }

  /** Sends it a signal that does not end it. */
  signal(signal: 'SIGHUP' | 'SIGUSR1'): void {
    this.#child.kill(signal);
  }

  /** Whoever reads its log takes nothing more for now. */
  stall(): void {
    this.#child.stdout.pause();
  }

  /** Whoever read its log has gone. */
  deafen(): void {
    this.#child.stdout.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL');
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#over) throw new Error(`the program has ended: ${this.err}${this.out}`);
      await this.#change();
    }
  }

  /** Something has been printed, or it has ended. */
  async #change(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#wake.push(resolve);
      timer = setTimeout(() => reject(new Error(`the program has said nothing for a minute: ${this.err}${this.out}`)), 60_000);
    });
    clearTimeout(timer);
  }

  #note(change: () => void): void {
    change();
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** Runs `ehlo ARGS` to its end. */
export function run(args: readonly string[], directory: string, input?: string | Uint8Array): Promise<Ended> {
  return new Program(args, directory, input).ended;
}
