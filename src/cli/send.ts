// `ehlo send`: one mail, now, without a queue. One line for each recipient says what became of it.

import process from 'node:process';
import { readFile } from 'node:fs/promises';
import { formatFault, isFault } from '../syntax/fault.ts';
import { parseForwardPath, parseReversePath, type ForwardPath, type ReversePath } from '../syntax/path.ts';
import { isAscii, quote } from '../wire/ascii.ts';
import { concat, CR, LF } from '../wire/octet.ts';
import { seconds } from '../protocol/limit.ts';
import type { RecipientOutcome } from '../node/deliver.ts';
import { machineName } from '../node/machine-name.ts';
import { relayTo } from '../node/relay.ts';
import { EXIT, runCommand, type CommandLine, type Terminal, type Usage } from './command-line.ts';
import { misuse, type Misuse } from './misuse.ts';
import { HOST_PORT, integer, many, one, type Kind } from './option.ts';
import { resolverOf, routeOptions, ROUTING } from './routing.ts';

const bracketed = (written: string): string => (written.startsWith('<') ? written : `<${written}>`);

const FROM: Kind<ReversePath> = {
  placeholder: 'PATH',
  expected: 'an address such as alice@example.org, or <> for none',
  parse: (written) => soundOf(parseReversePath(bracketed(written))),
};

const TO: Kind<ForwardPath> = {
  placeholder: 'PATH',
  expected: 'an address such as bob@example.com',
  parse: (written) => soundOf(parseForwardPath(bracketed(written))),
};

function soundOf<Path extends object>(path: Path): Exclude<Path, { readonly fault: string }> | undefined {
  return isFault(path) ? undefined : (path as Exclude<Path, { readonly fault: string }>); // isFault has told them apart
}

const OPTIONS = {
  server: one(HOST_PORT, 'send to this host instead of the MX of each recipient'),
  from: one(FROM, 'the reverse-path: who is told when the mail cannot be delivered', '<>'),
  to: many(TO, 'a recipient'),
  timeout: one(integer('SECONDS', 1), 'longest wait for anything'),
  ...ROUTING,
};

const USAGE = {
  name: 'ehlo send',
  operands: '[FILE|-]',
  operandCount: { least: 0, most: 1 },
  about: 'Sends the mail in FILE, or on standard input, to each --to. Its lines may end in LF or CRLF. Exit status: 0 when all\nare delivered, 69 when some failed for good, 75 when none did but some may be tried again.',
  options: OPTIONS,
} as const satisfies Usage<typeof OPTIONS>;

export function send(args: readonly string[], terminal: Terminal): Promise<number> {
  return runCommand(USAGE, args, terminal, (line) => run(line, terminal));
}

async function run({ options, operands: [file = '-'] }: CommandLine<typeof OPTIONS>, terminal: Terminal): Promise<number | Misuse> {
  if (options.to.length === 0) return misuse('expected at least one --to PATH, found none');
  let written: Uint8Array;
  try {
    written = file === '-' ? await collect(process.stdin) : await readFile(file);
  } catch (error) {
    return misuse(`cannot read ${JSON.stringify(file)}: expected a file with a mail (${error instanceof Error ? error.message : String(error)})`);
  }
  const content = withCrlf(written);
  if (typeof content === 'number') return misuse(`a CR without LF at octet ${content} of ${file === '-' ? 'standard input' : JSON.stringify(file)}: expected lines that end in LF or CRLF`);

  const hostname = options.hostname ?? (await machineName());
  const routing = routeOptions({ ...options, hostname, ...(options.server === undefined ? {} : { smarthost: options.server, route: [] }) });
  const mail = {
    reversePath: options.from,
    content: async function* (): AsyncGenerator<Uint8Array, void> {
      yield content;
    },
    size: content.length,
    eightBit: !isAscii(content),
  };
  const timeout = options.timeout === undefined ? {} : { timeout: seconds(options.timeout) };
  const outcomes = await relayTo(mail, options.to, { hostname, routing, resolver: resolverOf(options), ...timeout });
  for (const outcome of outcomes) terminal.out(`${describe(outcome)}\n`);
  const states = outcomes.map(({ outcome }) => outcome.state);
  if (states.includes('failed')) return EXIT.unavailable;
  return states.every((state) => state === 'delivered') ? EXIT.ok : EXIT.temporary;
}

/** State, recipient, code, enhanced code, text, host. */
function describe({ forwardPath, outcome, target }: RecipientOutcome): string {
  const { code, enhanced, lines } = outcome.reply;
  const where = target === undefined ? '' : ` (${target.host} [${target.address}]:${target.port})`;
  const when = 'reason' in outcome || !('inReplyTo' in outcome) ? '' : `, in reply to ${outcome.inReplyTo}`;
  return `${outcome.state} ${forwardPath.text} ${code} ${enhanced ?? '-'} ${quote(lines.join(' '), 400)}${where}${when}`;
}

/** The octets with CRLF for every LF that has no CR in front of it; the offset of a CR without LF where there is one. */
function withCrlf(octets: Uint8Array): Uint8Array | number {
  for (let at = octets.indexOf(CR); at >= 0; at = octets.indexOf(CR, at + 1)) if (octets[at + 1] !== LF) return at;
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (let at = octets.indexOf(LF); at >= 0; at = octets.indexOf(LF, at + 1)) {
    if (octets[at - 1] === CR) continue;
    pieces.push(octets.subarray(from, at), CRLF);
    from = at + 1;
  }
  return pieces.length === 0 ? octets : concat([...pieces, octets.subarray(from)]);
}

const CRLF = Uint8Array.of(CR, LF);

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const octets of stream) pieces.push(octets);
  return concat(pieces);
}
