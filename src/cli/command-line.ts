// From the words of a command line to typed values, with `--help`, misuse and the JSON file that `--config` names.
//
// Whatever is wrong becomes a `Misuse`: one line that says what was wrong and what would be right. util.parseArgs only
// splits the words here (`strict: false` and its tokens); all judgement is ours, and so is its wording.

import { parseArgs } from 'node:util';
import { EXIT } from '../node/exit-status.ts';
import { readConfig } from './config.ts';
import { bare, type Misuse, misuse, quoted, suggest } from './misuse.ts';
import { dashed, type Given, type Option, type OptionTable, type OptionValues } from './option.ts';

/** What a command is, as far as its command line goes. */
export interface Usage<Table extends OptionTable> {
  readonly name: string; // `ehlo route`
  readonly operands: string; // as the help shows them: `ADDRESS`, `[FILE|-]`
  readonly operandCount: { readonly least: number; readonly most: number };
  readonly about: string; // the help's second paragraph
  readonly examples: readonly string[]; // for the end of the help
  readonly options: Table; // an option `config` in it names a JSON file with values for the others
}

export interface CommandLine<Table extends OptionTable> {
  readonly type: 'run';
  readonly options: OptionValues<Table>;
  readonly operands: readonly string[];
}

/** Where a command writes; text as it is, line ends included. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Where `err` goes, if that is a terminal with somebody in front of it. */
  readonly screen?: Screen;
}

export interface Screen {
  readonly colours: boolean;
  readonly columns: () => number;
}

/**
 * Runs a command: `--help` is printed from the table; misuse is one line on standard error and status 64.
 *
 * `body` may return a `Misuse` too, for what only the options together can show.
 */
export async function runCommand<Table extends OptionTable>(
  usage: Usage<Table>,
  args: readonly string[],
  terminal: Terminal,
  body: (line: CommandLine<Table>) => Promise<number | Misuse>,
): Promise<number> {
  const line = parseCommandLine(usage, args);
  if (line.type === 'help') {
    terminal.out(formatHelp(usage));
    return EXIT.ok;
  }
  const result = line.type === 'misuse' ? line : await body(line);
  if (typeof result === 'number') return result;
  terminal.err(`${usage.name}: ${result.text}\n`);
  return EXIT.usage;
}

/** Returns a value for each option of the table, and the operands. The command line goes before the file, the file before the defaults. */
export function parseCommandLine<Table extends OptionTable>(
  usage: Usage<Table>,
  args: readonly string[],
): CommandLine<Table> | Misuse | { readonly type: 'help' } {
  const written = splitArguments(usage, args);
  if (written.type !== 'written') return written;
  const { given, operands } = written;

  const file = given.get('config')?.texts.at(-1);
  const configured = file === undefined ? undefined : readConfig(usage.options, file);
  if (configured !== undefined && 'type' in configured) return configured;

  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(usage.options)) {
    const { place, texts } = given.get(name) ?? configured?.get(name) ?? { place: dashed(name), texts: option.defaults };
    const parsed: unknown[] = [];
    const keys = new Map<string, string>(); // and the texts that they were found in
    for (const text of texts) {
      const value = option.kind === undefined ? true : option.kind.parse(text);
      if (value === undefined) return misuse(`${place} ${quoted(text)}: expected ${option.kind?.expected}`);
      const key = option.keyOf?.(value as never); // of the kind that the option was made with
      const other = key === undefined ? undefined : keys.get(key);
      if (key !== undefined && other !== undefined) return misuse(`${place} ${quoted(text)}: expected nothing else for ${quoted(key)}, found ${quoted(other)} too`);
      if (key !== undefined) keys.set(key, text);
      parsed.push(value);
    }
    values[name] = option.combine(parsed);
  }
  // The one cast: the loop above walks the table by name, and the type says the same for each name of it.
  return { type: 'run', options: values as OptionValues<Table>, operands };
}

/** Returns the text of `--help`: usage, what the command is about, a line for each option. */
function formatHelp(usage: Usage<OptionTable>): string {
  const rows = Object.entries(usage.options).map(([name, option]) => {
    const remarks = option.repeatable ? ['repeatable'] : [];
    if (option.defaults.length > 0) remarks.push(`default ${option.defaults.join(' ')}`);
    return {
      left: option.kind === undefined ? dashed(name) : `${dashed(name)} ${option.kind.placeholder}`,
      right: remarks.length === 0 ? option.help : `${option.help} (${remarks.join('; ')})`,
    };
  });
  rows.push({ left: '--help', right: 'print this' });
  const width = Math.max(...rows.map(({ left }) => left.length));
  const lines = rows.map(({ left, right }) => `  ${left.padEnd(width)}  ${right}\n`);
  return `usage: ${`${usage.name} [OPTION]… ${usage.operands}`.trimEnd()}\n\n${usage.about}\n\n${lines.join('')}\nexamples:\n${usage.examples.map((example) => `  ${example}\n`).join('')}`;
}

/** What was given on the command line, by the names of the table; nothing is judged yet but that it can be split. */
interface Written {
  readonly type: 'written';
  readonly given: ReadonlyMap<string, Given>;
  readonly operands: readonly string[];
}

function splitArguments({ options, operands: wanted, operandCount }: Usage<OptionTable>, args: readonly string[]): Written | Misuse | { readonly type: 'help' } {
  const names = new Map(Object.keys(options).map((name) => [dashed(name), name]));
  const types: Record<string, { type: 'string' | 'boolean' }> = {};
  for (const [written, name] of names) types[written.slice(2)] = { type: options[name]?.kind === undefined ? 'boolean' : 'string' };
  const { tokens } = parseArgs({ args, options: types, strict: false, allowPositionals: true, tokens: true });

  const given = new Map<string, { readonly place: string; readonly texts: string[] }>();
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const place = token.rawName;
    if (place === '--help') return { type: 'help' };
    const name = names.get(place);
    const option: Option<unknown> | undefined = name === undefined ? undefined : options[name];
    if (name === undefined || option === undefined) return misuse(`unknown option ${bare(place)}: ${suggest(place, [...names.keys(), '--help'])}`);
    if (option.kind === undefined && token.value !== undefined) return misuse(`${place} takes no value, found ${quoted(token.value)}`);
    // `--hostname --mx-port 25` has forgotten a value; `--hostname=--mx-port` would be meant.
    const forgotten = token.value === undefined || (!token.inlineValue && token.value.startsWith('--'));
    if (option.kind !== undefined && forgotten) return misuse(`${place} needs a value: expected ${option.kind.expected}`);
    const texts = given.get(name)?.texts ?? [];
    texts.push(token.value ?? '');
    given.set(name, { place, texts });
  }
  const right = wanted === '' ? 'options only' : wanted;
  if (operands.length < operandCount.least) return misuse(`expected ${right}, found ${operands.length === 0 ? 'nothing' : 'too few'}`);
  if (operands.length > operandCount.most) return misuse(`unexpected ${quoted(operands[operandCount.most] ?? '')}: expected ${right}`);
  return { type: 'written', given, operands };
}
