// What `ehlo` does with its arguments: finds the command that is meant. The program around it is ehlo.ts.

import process from 'node:process';
import { EXIT } from '../node/exit-status.ts';
import { VERSION } from '../node/version.ts';
import type { Terminal } from './command-line.ts';
import { quoted, suggest } from './misuse.ts';

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
  queue:  { about: 'look at the queue, and decide what becomes of a mail',     run: async (args, terminal) => (await import('./queue.ts')).queue(args, terminal) },
  route:  { about: 'show where mail for an address goes, and why',             run: async (args, terminal) => (await import('./route.ts')).route(args, terminal) },
  passwd: { about: 'make a line for the file of users of ehlo serve',          run: async (args, terminal) => (await import('./passwd.ts')).passwd(args, terminal) },
  replay: { about: 'replay transcripts, here or against a server',             run: async (args, terminal) => (await import('./replay.ts')).replay(args, terminal) },
  record: { about: 'write the sessions of other programs as transcripts',      run: async (args, terminal) => (await import('./record.ts')).record(args, terminal) },
  draw:   { about: 'draw a state machine from its table',                      run: async (args, terminal) => (await import('./draw.ts')).draw(args, terminal) },
}));

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
or a file that is not there; 66 no such queue or mail, or for serve no certificate, key, users or password; 67 and 77 the user of
--user; 69 refused or unavailable; 70 a fault of this program; 71 the system; 73 and 74 the disk; 75 try again later. Beside them:
1 what ehlo replay finds is not as it was; 130 Ctrl-C.
`;
}

/** Runs `ehlo ARGS`; returns the exit status. */
export async function main([name, ...args]: readonly string[], terminal: Terminal): Promise<number> {
  if (name === undefined) {
    terminal.err(helpText());
    return EXIT.usage;
  }
  if (name === '--help' || (name === 'help' && args.length === 0)) {
    terminal.out(helpText());
    return EXIT.ok;
  }
  if (name === 'help') return main([...args.slice(0, 1), '--help'], terminal);
  if (name === '--version') {
    terminal.out(`ehlo ${VERSION}\n`);
    return EXIT.ok;
  }
  const command = COMMANDS.get(name);
  if (command !== undefined) return command.run(args, terminal);
  terminal.err(`ehlo: unknown command ${quoted(name)}: ${suggest(name, [...COMMANDS.keys(), '--help', '--version'])}\n`);
  return EXIT.usage;
}
