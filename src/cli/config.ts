// The JSON file of `--config`: one object, each option under its name without dashes in front (`"mx-port": 25`), a list
// for what may be given again and again, `true` or `false` for a flag.

import { readWholeAtOnce } from '../node/whole-read.ts';
import { decodeUtf8 } from '../wire/utf8.ts';
import { findJsonFault } from './json-fault.ts';
import { type Misuse, misuse, quoted, suggest } from './misuse.ts';
import { dashed, type Given, type OptionTable } from './option.ts';
import { reason } from './reason.ts';

/** Octets: room for a hundred thousand routes. */
const LARGEST = 16_777_216;

/** Returns what the file gives to each option, by the names of the table; values are judged with those of the command line. */
export function readConfig(options: OptionTable, file: string): ReadonlyMap<string, Given> | Misuse {
  let octets: Uint8Array;
  try {
    octets = readWholeAtOnce(file, LARGEST);
  } catch (error) {
    return misuse(`--config ${file}: expected a file with a JSON object (${reason(error, file)})`);
  }
  const text = decodeUtf8(octets);
  if (text === undefined) return misuse(`--config ${file}: expected UTF-8`); // RFC 8259 §8.1
  const fault = findJsonFault(text);
  if (fault !== undefined) return misuse(`--config ${file}:${fault.line}:${fault.column}: expected ${fault.expected}, found ${fault.found}`);
  const content: unknown = JSON.parse(text);
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return misuse(`--config ${file}: expected a JSON object`);

  const names = new Map(Object.keys(options).map((name) => [dashed(name).slice(2), name]));
  names.delete('config'); // a file names no further file
  const given = new Map<string, Given>();
  for (const [key, value] of Object.entries(content)) {
    const place = `--config ${file}: ${quoted(key)}`;
    const name = names.get(key);
    if (name === undefined) return misuse(`${place} is unknown: ${suggest(key, [...names.keys()])}`);
    const { kind, repeatable = false } = options[name] ?? {};
    const texts = kind === undefined ? flagTexts(value) : valueTexts(value, repeatable);
    if (texts === undefined) return misuse(`${place}: expected ${kind === undefined ? 'true or false' : repeatable ? 'a string, a number or a list of them' : 'a string or a number'}`);
    given.set(name, { place, texts });
  }
  return given;
}

/** A list is for what may be given again and again: of others nobody could tell which of it counts, and none may be missing. */
function valueTexts(value: unknown, repeatable: boolean): readonly string[] | undefined {
  const list: readonly unknown[] = repeatable && Array.isArray(value) ? value : [value];
  return list.every((each) => typeof each === 'string' || typeof each === 'number') ? list.map(String) : undefined;
}

/** A flag that is false counts as not given. */
function flagTexts(value: unknown): readonly string[] | undefined {
  if (typeof value !== 'boolean') return undefined;
  return value ? [''] : [];
}
