#!/usr/bin/env node
// The command `ehlo`: finds the command that is meant, and turns what went wrong into one line and an exit status.

import process from 'node:process';
import { EXIT, type Terminal } from './command-line.ts';
import { VERSION } from '../node/version.ts';
import { suggest } from './misuse.ts';

interface Command {
  readonly about: string;
  readonly run: (args: readonly string[], terminal: Terminal) => Promise<number>;
}

const COMMANDS: ReadonlyMap<string, Command> = new Map(Object.entries<Command>({
  serve: { about: 'receive mail, keep it safely, relay it by MX', run: async (args, terminal) => {
    process.on('SIGHUP', () => undefined); // there is nothing yet to be read again, and it must not end the program
    return (await import('./serve.ts')).serve(args, terminal);
  } },
  send:  { about: 'send one mail, now',                           run: async (args, terminal) => (await import('./send.ts')).send(args, terminal) },
  queue: { about: 'look at the queue, and say what is to become of a mail', run: async (args, terminal) => (await import('./queue.ts')).queue(args, terminal) },
  route: { about: 'show where mail for an address goes, and why', run: async (args, terminal) => (await import('./route.ts')).route(args, terminal) },
  passwd: { about: 'make a line for --users', run: async (args, terminal) => (await import('./passwd.ts')).passwd(args, terminal) },
  replay: { about: 'replay transcripts, here or against a server', run: async (args, terminal) => (await import('./replay.ts')).replay(args, terminal) },
  record: { about: 'write the sessions of others as transcripts', run: async (args, terminal) => (await import('./record.ts')).record(args, terminal) },
  draw:  { about: 'draw a state machine from its table',          run: async (args, terminal) => (await import('./draw.ts')).draw(args, terminal) },
}));

for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined); // whoever read it has gone; the work goes on

const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === '--help' || name === undefined) {
    const rows = [...COMMANDS].map(([command, { about }]) => `  ${command.padEnd(6)} ${about}\n`);
    const text = `usage: ehlo COMMAND [OPTION]…\n\n${rows.join('')}\n'ehlo COMMAND --help' tells more.\n`;
    if (name === undefined) terminal.err(text);
    else terminal.out(text);
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  if (name === '--version') {
    terminal.out(`ehlo ${VERSION}\n`);
    return EXIT.ok;
  }
  const command = COMMANDS.get(name);
  if (command !== undefined) return command.run(args, terminal);
  terminal.err(`ehlo: unknown command ${JSON.stringify(name)}: ${suggest(name, [...COMMANDS.keys()])}\n`);
  return EXIT.usage;
}

main(process.argv.slice(2)).then(
  (status) => (process.exitCode = status),
  (error: unknown) => {
    terminal.err(`ehlo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 70; // EX_SOFTWARE
  },
);
