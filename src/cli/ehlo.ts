#!/usr/bin/env node
// The program `ehlo`: gives its command (main.ts) a terminal, and turns what went wrong into one line and an exit status.

import process from 'node:process';
import { setTimeout } from 'node:timers';
import { errorCode, errorText } from '../node/error-text.ts';
import { EXIT } from '../node/exit-status.ts';
import type { Screen, Terminal } from './command-line.ts';
import { main } from './main.ts';
import { reason } from './reason.ts';

const { stderr } = process;

process.on('SIGUSR1', () => undefined); // by which others open their logs anew; Node would open its debugger, at which every user of the machine may do what we may

let unwritten = false; // of what was to be read on standard output
process.stdout.on('error', (error) => {
  if (errorCode(error) !== 'EPIPE' && !unwritten) stderr.write(`ehlo: cannot write to standard output: ${reason(error)}\n`);
  unwritten ||= errorCode(error) !== 'EPIPE'; // else whoever read it has gone, and the work goes on
});
stderr.on('error', () => undefined);

/** Commands that do more than to tell something: their status is about that. */
const WORKING: readonly string[] = ['serve', 'send', 'record'];

const SCREEN: Screen = {
  colours: (process.env['NO_COLOR'] ?? '') === '', // no-color.org
  columns: () => stderr.columns || 80, // 0 where the terminal does not know
};

const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void stderr.write(text),
  ...(stderr.isTTY === true && process.env['TERM'] !== 'dumb' ? { screen: SCREEN } : {}),
};

/** Milliseconds that whoever reads the log of `serve` has to take what is left of it. */
const LAST_WORDS = 1_000;

process.on('exit', (status) => {
  if (status === EXIT.ok && unwritten && !WORKING.includes(process.argv[2] ?? '')) process.exitCode = EXIT.ioFailed;
});

main(process.argv.slice(2), terminal).then(
  (status) => {
    process.exitCode = status;
    if (process.argv[2] === 'serve') setTimeout(() => process.exit(status), LAST_WORDS).unref();
  },
  (error: unknown) => {
    terminal.err(`ehlo: ${errorText(error)}\n`);
    process.exitCode = EXIT.software;
  },
);
