// `ehlo send`: one mail, now, without a queue. One line for each recipient says what became of it, in the order of the recipients.
//
// Choice: lines of any length are sent as they are (RFC 5321 §4.5.3.1 has clients avoid more than 1000 octets "when possible");
//         a bare CR is refused, because nobody can tell what it was meant to be (§2.3.8).
// Choice: a secret is shown to servers with a verified certificate (RFC 4954 §14), or to any where that is asked for: under TLS
//         by `--tls require`, in the clear by `--tls off` (§4).

import { fstatSync } from 'node:fs';
import process from 'node:process';
import { isFault } from '../syntax/fault.ts';
import { parseForwardPath, parseReversePath, type ForwardPath, type ReversePath } from '../syntax/path.ts';
import { statusOf } from '../syntax/reply.ts';
import { CR, LF } from '../wire/octet.ts';
import { seconds, type Milliseconds } from '../protocol/limit.ts';
import type { ClientOptions, TlsPolicy } from '../protocol/client/option.ts';
import { visible } from '../wire/visible.ts';
import { UsageError } from '../wire/usage.ts';
import type { RecordedClientSession } from '../transcript/record-client.ts';
import { ofOctets } from '../node/content-source.ts';
import { HASH } from '../node/credential.ts';
import type { RecipientOutcome } from '../node/deliver.ts';
import { EXIT } from '../node/exit-status.ts';
import { machineName } from '../node/machine-name.ts';
import { LARGEST_PEM } from '../node/pem.ts';
import { relayTo } from '../node/relay.ts';
import type { SenderOptions } from '../node/sender.ts';
import { TlsClient } from '../node/tls-client.ts';
import { VERSION } from '../node/version.ts';
import { collectWhole, readWhole } from '../node/whole-read.ts';
import { inColours } from './colour.ts';
import { Dialogues } from './dialogues.ts';
import { runCommand, type CommandLine, type Terminal, type Usage } from './command-line.ts';
import { misuse, type Misuse } from './misuse.ts';
import { choice, FILE, flag, isMalformed, many, NEXT_HOP, one, SECONDS, text, type Kind, type OptionValues } from './option.ts';
import { OrderedLines } from './ordered-lines.ts';
import { withProgress } from './progress.ts';
import { readPassword } from './password-file.ts';
import { reason } from './reason.ts';
import { nextHops, resolverOf, routeOptions, ROUTING } from './routing.ts';

const bracketed = (written: string): string => (written.startsWith('<') ? written : `<${written}>`);

const FROM: Kind<ReversePath> = {
  placeholder: 'PATH',
  expected: 'an address such as alice@example.org, or <> for none',
  parse: (written) => isMalformed(written) ? undefined : soundOf(parseReversePath(bracketed(written), { utf8: true })),
};

const TO: Kind<ForwardPath> = {
  placeholder: 'PATH',
  expected: 'an address such as bob@example.com',
  parse: (written) => isMalformed(written) ? undefined : soundOf(parseForwardPath(bracketed(written), { utf8: true })),
};

function soundOf<Path extends object>(path: Path): Exclude<Path, { readonly fault: string }> | undefined {
  return isFault(path) ? undefined : (path as Exclude<Path, { readonly fault: string }>); // isFault has told them apart
}

const OPTIONS = {
  server: one(NEXT_HOP, 'send to this host, perhaps behind smtps:// (TLS at once) or lmtp://, instead of the MX of each recipient'),
  from: one(FROM, 'the reverse-path: who is told when the mail cannot be delivered', '<>'),
  to: many(TO, 'a recipient'),
  tls: one(choice<TlsPolicy>('off', 'opportunistic', 'require', 'verify'), 'whether the mail goes under TLS', 'opportunistic'),
  tlsCa: one(FILE, 'certificates of the authorities to be trusted, instead of the usual ones'),
  user: one(text('NAME', 'a name to authenticate with'), 'authenticate under this name, to the host of --server or --smarthost alone'),
  passwordFile: one(FILE, 'file whose first line is the password'),
  timeout: one(SECONDS, 'longest wait for anything'),
  trace: flag('print each dialogue on standard error, secrets struck out, as a transcript that ehlo replay reads'),
  ...ROUTING,
};

const USAGE = {
  name: 'ehlo send',
  operands: '[FILE|-]',
  operandCount: { least: 0, most: 1 },
  about: 'Sends the mail in FILE, or on standard input, to each --to. Its lines may end in LF or CRLF. Exit status: 0 when all\nare delivered, 69 when some failed for good, 75 when none did but some may be tried again.',
  examples: [
    'ehlo send --from alice@example.org --to bob@example.com mail.eml',
    'ehlo send --server 127.0.0.1:2525 --from alice@example.org --to bob@example.com --trace mail.eml',
    'ehlo send --server smtps://mail.example.org --tls verify --user alice --password-file secret --from alice@example.org --to bob@example.com mail.eml',
    "printf 'Subject: hello\\n\\nIt works.\\n' | ehlo send --to bob@example.com",
  ],
  options: OPTIONS,
} as const satisfies Usage<typeof OPTIONS>;

export function send(args: readonly string[], terminal: Terminal): Promise<number> {
  return runCommand(USAGE, args, terminal, (line) => run(line, terminal));
}

async function run({ options: given, operands: [file = '-'] }: CommandLine<typeof OPTIONS>, terminal: Terminal): Promise<number | Misuse> {
  if (given.to.length === 0) return misuse('expected at least one --to PATH, found none');
  if (given.server !== undefined && (given.smarthost !== undefined || given.route.length > 0)) return misuse('--server is where all of the mail goes: expected no --smarthost and no --route with it');
  const options = { ...given, smarthost: given.server ?? given.smarthost };
  const dialogues = options.trace ? new Dialogues(terminal.screen?.colours === true ? inColours(terminal.err) : terminal.err) : undefined;
  const way = await senderOptions(options, dialogues);
  if ('text' in way) return way;
  const source = file === '-' ? 'standard input' : JSON.stringify(file);
  let written: Uint8Array;
  try {
    if (file === '-' && fstatSync(0).isDirectory()) throw new Error('it is a directory'); // of which Node reads nothing, and says nothing
    written = await (file === '-' ? collectWhole(process.stdin, LARGEST) : readWhole(file, LARGEST));
  } catch (error) {
    return misuse(`cannot read ${source}: expected a mail (${reason(error, file)})`);
  }
  const content = withCrlf(written);
  if (typeof content === 'number') return misuse(`a CR without LF at octet ${content} of ${source}: expected lines that end in LF or CRLF`);

  const hostname = options.hostname ?? (await machineName(way));
  const routing = routeOptions({ ...options, hostname });
  const toServer = options.server === undefined ? {} : { serverPostmaster: true };
  const whole = ofOctets(options.from, content);
  const { mail, erase } = dialogues !== undefined ? { mail: whole, erase: () => undefined } : withProgress(whole, content, terminal);
  const lines = new OrderedLines((line) => {
    erase();
    terminal.out(line);
  });
  const report = (recipient: number, outcome: RecipientOutcome): void => lines.add(recipient, `${describe(outcome)}\n`);
  const outcomes = await relayTo(mail, options.to, { ...way, ...toServer, hostname, routing, resolver: resolverOf(options), report }).finally(() => lines.end());
  const states = outcomes.map(({ outcome }) => outcome.state);
  if (states.includes('failed')) return EXIT.unavailable;
  return states.every((state) => state === 'delivered') ? EXIT.ok : EXIT.temporary;
}

/** What the options say of each session; or why that cannot be. */
async function senderOptions(options: OptionValues<typeof OPTIONS>, dialogues: Dialogues | undefined): Promise<Omit<SenderOptions, 'hostname'> | Misuse> {
  const { server, tls, tlsCa, user, passwordFile, timeout } = options;
  if ((user === undefined) !== (passwordFile === undefined)) return misuse(user === undefined ? '--password-file goes with --user NAME' : '--user needs --password-file FILE');
  if (user !== undefined && server === undefined && options.smarthost === undefined) return misuse('--user needs --server or --smarthost: whom MX names is no one to authenticate to');
  if (tls === 'off' && nextHops(options).some(({ tlsAtOnce }) => tlsAtOnce === true)) return misuse('--tls off: expected another policy for a server with TLS at once');
  const ca = tlsCa === undefined ? undefined : await readWhole(tlsCa, LARGEST_PEM).catch((error: unknown) => misuse(`--tls-ca ${JSON.stringify(tlsCa)}: expected a file with certificates (${reason(error, tlsCa)})`));
  if (ca !== undefined && 'text' in ca) return ca;
  const password = passwordFile === undefined ? undefined : await readPassword('--password-file', passwordFile).catch((error: unknown) => misuse(reason(error)));
  if (typeof password === 'object') return password;
  try {
    return {
      tlsPolicy: tls,
      ...(ca === undefined ? {} : { tls: new TlsClient({ ca }) }),
      ...(timeout === undefined ? {} : { timeout: seconds(timeout) }),
      ...(user === undefined || password === undefined ? {} : { auth: { secret: { type: 'password', authcid: user, password }, clearText: tls === 'off' } }),
      ...(dialogues === undefined ? {} : { session: await recording(dialogues) }),
    };
  } catch (error) {
    if (error instanceof UsageError) return misuse(`--tls-ca ${JSON.stringify(tlsCa)}: ${error.message}`);
    throw error;
  }
}

/** Makes sessions that write what is said. What they need, a fifth of the program, is loaded here. */
async function recording(dialogues: Dialogues): Promise<(given: ClientOptions, now: Milliseconds) => RecordedClientSession> {
  const { RecordedClientSession } = await import('../transcript/record-client.ts');
  const source = `ehlo send ${VERSION}, ${new Date().toISOString().slice(0, 10)}, secrets struck out`;
  return (given, now) => {
    const { write, ended } = dialogues.open();
    return new RecordedClientSession(given, now, { title: 'a mail is sent', source, hash: HASH, ended }, write);
  };
}

/** Characters of a reply that are printed. */
const MOST_SAID = 400;

/** State, recipient, code, enhanced code, text, host. */
function describe({ forwardPath, outcome, target }: RecipientOutcome): string {
  const { code, lines } = outcome.reply;
  const said = [...lines.join(' ')];
  const shown = visible(said.length > MOST_SAID ? `${said.slice(0, MOST_SAID).join('')}…` : said.join(''));
  const where = target === undefined ? '' : ` (${target.host} [${target.address}]:${target.port})`;
  const when = 'reason' in outcome || !('inReplyTo' in outcome) ? '' : `, in reply to ${outcome.inReplyTo}`;
  return `${outcome.state} ${forwardPath.text} ${code} ${statusOf(outcome.reply)} ${shown}${where}${when}`;
}

/** The octets with CRLF for every LF that has no CR in front of it; the offset of a CR without LF where there is one. */
function withCrlf(octets: Uint8Array): Uint8Array | number {
  for (let at = octets.indexOf(CR); at >= 0; at = octets.indexOf(CR, at + 1)) if (octets[at + 1] !== LF) return at;
  let bare = 0;
  for (let at = 0; at < octets.length; at++) if (octets[at] === LF && octets[at - 1] !== CR) bare++;
  if (bare === 0) return octets;
  const output = new Uint8Array(octets.length + bare);
  let end = 0;
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at] ?? 0;
    if (octet === LF && octets[at - 1] !== CR) output[end++] = CR;
    output[end++] = octet;
  }
  return output;
}

/** Octets of a mail that is sent from memory: fifteen times what servers take by default, and far from all that a machine has. */
const LARGEST = 536_870_912;
