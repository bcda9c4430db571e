// `ehlo passwd USER`: a line for the file that `--users` names. The password comes from standard input, and is shown nowhere.

import process from 'node:process';
import { isatty, ReadStream } from 'node:tty';
import { makeCredential, SCHEMES } from '../node/credential.ts';
import { EXIT } from '../node/exit-status.ts';
import { collectWhole } from '../node/whole-read.ts';
import { formatUser, isUserName } from '../protocol/sasl/credential.ts';
import { decodeUtf8 } from '../wire/utf8.ts';
import { runCommand, type Terminal, type Usage } from './command-line.ts';
import { misuse, quoted, type Misuse } from './misuse.ts';
import { choice, one } from './option.ts';
import { createKeyboard, INTERRUPTED, type Keyboard } from './keyboard.ts';
import { reason } from './reason.ts';

const OPTIONS = {
  scheme: one(choice(...SCHEMES), 'how the password is kept: only scram-sha-256 serves SCRAM, and both serve PLAIN and LOGIN', 'scram-sha-256'),
};

const USAGE = {
  name: 'ehlo passwd',
  operands: 'USER',
  operandCount: { least: 1, most: 1 },
  about: 'Prints a line for the file of --users. The password is read from standard input: one line, or, on a terminal,\nasked for twice and not shown.',
  examples: ['ehlo passwd alice >>users', 'ehlo passwd bob <secret >>users'],
  options: OPTIONS,
} as const satisfies Usage<typeof OPTIONS>;

/** Where the password comes from. */
export type PasswordInput =
  | { readonly type: 'terminal'; readonly keyboard: Keyboard }
  | { readonly type: 'stream'; readonly octets: AsyncIterable<Uint8Array> };

/** Returns the exit status. */
export function passwd(args: readonly string[], terminal: Terminal, open: () => PasswordInput = openInput): Promise<number> {
  return runCommand(USAGE, args, terminal, async ({ options: { scheme }, operands: [name = ''] }) => {
    if (!isUserName(name)) return misuse(`${quoted(name)}: expected a name without ":", "#" in front or what SASLprep changes (RFC 4013)`);
    const input = open();
    const password = input.type === 'terminal' ? await ask(input.keyboard, terminal) : await readLine(input.octets);
    if (password === INTERRUPTED) return EXIT.interrupted;
    if (typeof password !== 'string') return password;
    const credential = await makeCredential(scheme, password);
    if (credential === undefined) return misuse('expected a password without control characters and others that SASLprep prohibits (RFC 4013 §2.3)');
    terminal.out(`${formatUser({ name, credential })}\n`);
    return EXIT.ok;
  });
}

function openInput(): PasswordInput {
  return isatty(0) ? { type: 'terminal', keyboard: createKeyboard(new ReadStream(0)) } : { type: 'stream', octets: process.stdin };
}

/** Asks twice; what is asked goes to standard error, since standard output is for the line. */
async function ask(keyboard: Keyboard, terminal: Terminal): Promise<string | typeof INTERRUPTED | Misuse> {
  try {
    const typed: string[] = [];
    for (const prompt of ['Password: ', 'Again: ']) {
      terminal.err(prompt);
      const line = await keyboard.readLine();
      terminal.err('\n');
      if (line === INTERRUPTED) return line;
      if (line === undefined) return misuse('expected a password in UTF-8');
      if (line === '') return EMPTY_PASSWORD;
      typed.push(line);
    }
    return typed[0] === typed[1] ? (typed[0] ?? '') : misuse('expected the same password twice');
  } finally {
    keyboard.close();
  }
}

const EMPTY_PASSWORD = misuse('expected a password, found none');

/** More octets than any password has. */
const MOST_OCTETS = 4_096;

/** Returns the one line of the stream, without its end. */
async function readLine(stream: AsyncIterable<Uint8Array>): Promise<string | Misuse> {
  const octets = await collectWhole(stream, MOST_OCTETS).catch((error: unknown) => misuse(`expected a password on standard input (${reason(error)})`));
  if ('text' in octets) return octets;
  const text = decodeUtf8(octets);
  if (text === undefined) return misuse('expected a password in UTF-8 on standard input');
  const line = text.replace(/\r?\n$/, '');
  if (line === '') return EMPTY_PASSWORD;
  return line.includes('\n') ? misuse('expected a password on standard input, found more than one line') : line;
}
