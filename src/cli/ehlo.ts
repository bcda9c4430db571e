#!/usr/bin/env node
// The command `ehlo`: finds the command that is meant, and turns what went wrong into one line and an exit status.

import process from 'node:process';
import { setTimeout } from 'node:timers';
import { EXIT, type Screen, type Terminal } from './command-line.ts';
import { errorCode } from '../node/error-text.ts';
import { VERSION } from '../node/version.ts';
import { suggest } from './misuse.ts';
import { reason } from './reason.ts';

interface Command {
  readonly about: string;
  readonly run: (args: readonly string[], terminal: Terminal) => Promise<number>;
}

const COMMANDS: ReadonlyMap<string, Command> = new Map(Object.entries<Command>({
  serve:  { about: 'receive mail, keep it safely, relay it by MX',             run: async (args, terminal) => {
    process.on('SIGHUP', () => undefined); // there is nothing yet to be read again, and it must not end the program
    return (await import('./serve.ts')).serve(args, terminal);
  } },
  send:   { about: 'send one mail, now',                                       run: async (args, terminal) => (await import('./send.ts')).send(args, terminal) },
  queue:  { about: 'look at the queue, and say what is to become of a mail',   run: async (args, terminal) => (await import('./queue.ts')).queue(args, terminal) },
  route:  { about: 'show where mail for an address goes, and why',             run: async (args, terminal) => (await import('./route.ts')).route(args, terminal) },
  passwd: { about: 'make a line for the file of users of ehlo serve',          run: async (args, terminal) => (await import('./passwd.ts')).passwd(args, terminal) },
  replay: { about: 'replay transcripts, here or against a server',             run: async (args, terminal) => (await import('./replay.ts')).replay(args, terminal) },
  record: { about: 'write the sessions of other programs as transcripts',      run: async (args, terminal) => (await import('./record.ts')).record(args, terminal) },
  draw:   { about: 'draw a state machine from its table',                      run: async (args, terminal) => (await import('./draw.ts')).draw(args, terminal) },
}));

const { stderr } = process;

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

/** The help that teaches: from nothing to a mail that has gone, and what to look at then. */
function helpText(): string {
  return `usage: ehlo COMMAND [OPTION]…

${[...COMMANDS].map(([name, { about }]) => `  ${name.padEnd(6)}  ${about}\n`).join('')}
to see it work, in two terminals:
  ehlo serve --maildir ./Maildir --accept '*'        receives on smtp://127.0.0.1:2525, and keeps all mail in ./Maildir
  printf 'Subject: hello\\n\\nIt works.\\n' | ehlo send --server 127.0.0.1:2525 --from alice@example.org --to bob@example.com

where mail would go, and what waits:
  ehlo route bob@example.com
  ehlo queue list

ehlo COMMAND --help tells all options of a command, with examples. Exit statuses are those of sysexits.h: 0 done, 64 misused,
or a file named that is not there; 66 no such queue or mail, no certificate, key or users; 69 refused or not to be had; 73 and 74
the disk; 75 try again later.
`;
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined) {
    terminal.err(helpText());
    return EXIT.usage;
  }
  if (name === '--help' || (name === 'help' && args.length === 0)) {
    terminal.out(helpText());
    return EXIT.ok;
  }
  if (name === 'help') return main([...args.slice(0, 1), '--help']);
  if (name === '--version') {
    terminal.out(`ehlo ${VERSION}\n`);
    return EXIT.ok;
  }
  const command = COMMANDS.get(name);
  if (command !== undefined) return command.run(args, terminal);
  terminal.err(`ehlo: unknown command ${JSON.stringify(name)}: ${suggest(name, [...COMMANDS.keys()])}\n`);
  return EXIT.usage;
}

/** Milliseconds that whoever reads the log of `serve` has to take what is left of it. */
const LAST_WORDS = 1_000;

process.on('exit', (status) => {
  if (status === EXIT.ok && unwritten && !WORKING.includes(process.argv[2] ?? '')) process.exitCode = EXIT.unwritten;
});

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
    if (process.argv[2] === 'serve') setTimeout(() => process.exit(status), LAST_WORDS).unref();
  },
  (error: unknown) => {
    terminal.err(`ehlo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 70; // EX_SOFTWARE
  },
);
