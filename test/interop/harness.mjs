// Named checks of the command `ehlo` against real programs, and the stage on which each of them plays.
//
// Rule 1: a check has a stage of its own: temporary folders outside the tree, free ports, programs that end with it.
// Rule 2: nothing sleeps for a fixed time to see something happen; it is looked for until a deadline.
// Rule 3: no program of ours ever prints a stack trace, or a warning of Node's. That is looked at when a stage ends, whatever
//         the check is about.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const EHLO = join(ROOT, 'dist/cli/ehlo.js');

/** Folder with the programs that provision.sh brought; set by run.mjs. */
export const PEERS = process.env.EHLO_INTEROP_PEERS ?? '';

const CHECKS = [];

/**
 * Adds a check. It passes when its body returns, and fails with the message of what it throws.
 * @param {string} name a sentence in the present tense
 * @param {(stage: Stage) => Promise<void>} body
 * @param {{ seconds?: number }} options how long it may take
 */
export function check(name, body, { seconds = 60 } = {}) {
  CHECKS.push({ name, body, seconds });
}

const LAST = [];

/** As `check`, for when all other checks are over; may be called by a check that runs. */
export function checkLast(name, body) {
  LAST.push({ name, body, seconds: 60 });
}

const SHARED = [];

/**
 * Returns what gives what `start` made, which is made once, when it is first asked for, on a stage that ends behind the last check.
 * @param {(stage: Stage) => Promise<unknown>} start
 */
export function shared(start) {
  let made;
  return () => {
    if (made === undefined) {
      const stage = new Stage();
      SHARED.push(stage);
      made = start(stage);
    }
    return made;
  };
}

/** Checks that play at a time: most of a check is waiting. */
const SIDE_BY_SIDE = 4;

/** Runs the checks whose name holds the filter; returns how many passed and failed. */
export async function runChecks(filter) {
  const waiting = CHECKS.filter(({ name }) => name.includes(filter));
  const count = { passed: 0, failed: 0 };
  const runInTurn = async () => {
    for (let next; (next = waiting.shift()) !== undefined; ) count[await runCheck(next)] += 1;
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, runInTurn));
  for (const last of LAST) count[await runCheck(last)] += 1;
  if (SHARED.length > 0) count[await runCheck({ name: 'what several checks shared ends as it should', body: endShared, seconds: 60 })] += 1;
  return count;
}

async function endShared() {
  for (const stage of SHARED) await stage.end();
}

async function runCheck({ name, body, seconds }) {
  const stage = new Stage();
  const start = Date.now();
  const faults = [];
  await within(seconds, 'the check', body(stage)).catch((error) => faults.push(error));
  await stage.end().catch((error) => faults.push(error));
  const passed = faults.length === 0;
  console.log(`${passed ? 'ok   ' : 'FAIL '} ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  if (passed) return 'passed';
  for (const fault of faults) console.log(indent(fault instanceof Failure ? fault.message : fault.stack));
  console.log(indent([stage, ...SHARED].map((each) => each.report()).join('\n')));
  return 'failed';
}

/** What a check did not find as it should be: the message says all, where it was thrown does not matter. */
export class Failure extends Error {}

export function expect(condition, text) {
  if (!condition) throw new Failure(text);
}

export function expectEqual(actual, expected, what) {
  expect(actual === expected, `${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(actual)}`);
}

export function expectMatch(text, pattern, what) {
  expect(pattern.test(text), `${what}: expected ${pattern}, found ${JSON.stringify(text)}`);
}

/** Looks until `probe` yields something other than undefined or false; what it throws is told when the time is up. */
export async function until(what, probe, seconds = 15) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    let fault = '';
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      fault = `: ${error.message}`;
    }
    if (Date.now() > deadline) throw new Failure(`${what}: not within ${seconds} s${fault}`);
    await sleep(20);
  }
}

export function within(seconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Failure(`${what}: not within ${seconds} s`)), seconds * 1000)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Returns a port on which nothing listens, on any address; below those that the system gives to outgoing connections. */
export async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise((resolve) => {
      const server = createServer().on('error', () => resolve(false));
      server.listen({ port, host: '0.0.0.0' }, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** Where one check plays: what it starts and makes is gone when it ends. */
export class Stage {
  #folder = mkdtempSync(join(tmpdir(), 'ehlo-interop-'));
  #programs = [];
  #endings = [];
  #folders = 0;

  /** Makes an empty folder. */
  folder(name = 'folder') {
    const path = join(this.#folder, `${++this.#folders}-${name}`);
    mkdirSync(path);
    return path;
  }

  /** Calls `ending` when the stage ends; last come, first called. */
  onEnd(ending) {
    this.#endings.unshift(ending);
  }

  /** Starts a program. */
  start(command, args, options = {}) {
    const program = new Program(command, args, { cwd: this.#folder, ...options });
    this.#programs.push(program);
    return program;
  }

  /** Runs a program to its end; returns its exit status and what it printed. */
  async run(command, args, { input = '', seconds = 60, ...options } = {}) {
    const program = this.start(command, args, options);
    program.input(input);
    const { status } = await within(seconds, `the end of ${program.name}`, program.exited);
    return { status, out: program.out, err: program.err };
  }

  /** Runs `ehlo` to its end. */
  ehlo(args, options) {
    return this.run(process.execPath, [EHLO, ...args], options);
  }

  /**
   * Starts `ehlo serve` on a free port of 127.0.0.1, with a queue of its own unless one is named, and waits until it is ready.
   * When the stage ends it has to end with status 0 within 31 s of SIGTERM.
   * @param {string[]} args
   * @param {{ descriptors?: number, env?: Record<string, string> }} options `descriptors`: how many files it may have open; `env`: what its environment has besides
   */
  async serve(args = [], { descriptors, env = {} } = {}) {
    const words = ['serve', ...args];
    if (!args.includes('--listen')) words.push('--listen', 'smtp://127.0.0.1:0');
    if (!args.includes('--queue')) words.push('--queue', join(this.folder('queue'), 'queue'));
    if (!args.includes('--hostname')) words.push('--hostname', 'relay.test');
    const limited = ['-c', `ulimit -n ${descriptors}; exec "$@"`, 'sh', process.execPath, EHLO, ...words];
    const options = { env: { ...process.env, ...env } };
    const program = descriptors === undefined ? this.start(process.execPath, [EHLO, ...words], options) : this.start('sh', limited, options);
    const [, port] = await program.find(/^ehlo: listening on smtp:\/\/\S*:(\d+)$/m, 15);
    program.port = Number(port);
    this.onEnd(async () => {
      if (program.ended === undefined) expectEqual(await program.stop(), 0, 'exit status of ehlo serve after SIGTERM');
    });
    return program;
  }

  async end() {
    const faults = [];
    for (const ending of this.#endings) await ending().catch((error) => faults.push(error));
    for (const program of this.#programs) {
      await program.kill();
      const trace = /^(?: +at |\(node:\d+\)).*$/m.exec(program.out + program.err);
      if (program.ours && trace !== null) faults.push(new Failure(`${program.name} printed a stack trace or a warning: ${trace[0]}`));
    }
    rmSync(this.#folder, { recursive: true, force: true });
    if (faults.length > 0) throw faults[0];
  }

  /** The last lines that the programs printed which were started last. */
  report() {
    const printed = this.#programs.filter(({ out, err }) => out + err !== '').slice(-4);
    return printed.map(({ name, out, err }) => `${name}:\n${indent(`${out}${err}`.trimEnd().split('\n').slice(-12).map((line) => line.slice(0, 300)).join('\n'))}`).join('\n');
  }
}

const RUNNING = new Set();
process.on('exit', () => {
  for (const child of RUNNING) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

/** A program that runs, or ran. */
export class Program {
  out = '';
  err = '';
  /** How it ended, or undefined while it runs. */
  ended;
  port = 0;
  #child;

  constructor(command, args, options) {
    this.ours = args.includes(EHLO);
    this.name = this.ours ? `ehlo ${args[args.indexOf(EHLO) + 1]}` : command.replace(/.*\//, '');
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    RUNNING.add(this.#child);
    this.#child.stdout.setEncoding('utf8').on('data', (text) => (this.out += text));
    this.#child.stderr.setEncoding('utf8').on('data', (text) => (this.err += text));
    this.#child.stdin.on('error', () => {}); // it may end before it has read everything
    this.exited = new Promise((resolve) => {
      const end = (status, signal) => {
        RUNNING.delete(this.#child);
        this.ended ??= { status: status ?? signal, signal };
        resolve(this.ended);
      };
      this.#child.on('close', end);
      this.#child.on('error', (error) => {
        this.err += `${error.message}\n`;
        end(127);
      });
    });
  }

  /** Writes to standard input and closes it. */
  input(octets) {
    this.#child.stdin.end(octets);
  }

  /** Closes our end of its standard output. */
  closeOutput() {
    this.#child.stdout.destroy();
  }

  get pid() {
    return this.#child.pid;
  }

  /** Octets of memory that it holds; 0 where the system does not tell. */
  memory() {
    const status = `/proc/${this.#child.pid}/status`;
    return existsSync(status) ? Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(status, 'utf8'))?.[1] ?? 0) * 1024 : 0;
  }

  /** Sends it a signal. */
  signal(name) {
    this.#child.kill(name);
  }

  /** kill -9, and waits until it is dead. */
  async kill() {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Asks it to end; returns its exit status, or the name of the signal that ended it. */
  async stop(signal = 'SIGTERM', seconds = 31) {
    this.#child.kill(signal);
    const { status } = await within(seconds, `the end of ${this.name} after ${signal}`, this.exited);
    return status;
  }

  /** Waits for a piece of its output, of both streams; fails when it ends without. */
  find(pattern, seconds = 15) {
    return until(`${this.name} prints ${pattern}`, () => {
      const found = pattern.exec(this.out) ?? pattern.exec(this.err);
      if (found === null && this.ended !== undefined) throw new Error(`${this.name} ended with status ${this.ended.status} instead of printing ${pattern}`);
      return found ?? undefined;
    }, seconds);
  }
}

const indent = (text) => String(text).replace(/^(?=.)/gm, '      ');
