// The public names, from what the entries export, with the first sentence of what is written above each.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));
const KINDS = { const: 'value', let: 'value', function: 'function', class: 'class', interface: 'type', type: 'type' };

/** The entries, of which `ehlo` has what the others have too. */
const ENTRIES = [['ehlo/core', 'core.ts'], ['ehlo/server', 'server.ts'], ['ehlo/client', 'client.ts'], ['ehlo', 'index.ts']];

/** Names in the order of the alphabet: `{ name, entries, kind, sentence, lost }`, with each entry that exports it by name. An empty sentence: nothing is written. `lost`: what a type says behind `//`, which declarations do not have. */
export function publicNames() {
  const names = new Map();
  for (const [entry, path] of ENTRIES) for (const { name, file } of exportsOf(path)) names.set(name, { name, file, entries: [...(names.get(name)?.entries ?? []), entry] });
  return [...names.values()].map(({ name, file, entries }) => ({ name, entries, ...describe(name, readFileSync(join(SRC, file), 'utf8')) })).sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
}

function exportsOf(entry) {
  const text = readFileSync(join(SRC, entry), 'utf8');
  return [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';/gms)].flatMap(([, names, from]) =>
    names.split(',').map((name) => name.replace(/^\s*(type )?/, '').trim()).filter((name) => name !== '').map((name) => ({ name, file: join(dirname(entry), from) })));
}

function describe(name, text) {
  const pattern = new RegExp(String.raw`(?:/\*\*((?:(?!\*/)[\s\S])*)\*/\s*)?^export (?:declare |abstract |async )*(const|let|function\*?|class|interface|type) ${name}\b`, 'm');
  const [, comment = '', kind = ''] = pattern.exec(text) ?? [];
  const prose = comment.replace(/^\s*\* ?/gm, ' ').replace(/\s+/g, ' ').trim();
  const [sentence = ''] = /^.*?[.!?](?=\s|$)(?<!\b(?:e\.g|i\.e)\.)/.exec(prose) ?? [];
  const [, declared = ''] = new RegExp(String.raw`^export (?:type|interface) ${name}\b([\s\S]*?)\n(?=\n|$)`, 'm').exec(text) ?? [];
  return { kind: KINDS[kind.replace('*', '')] ?? 'unknown', sentence, lost: [...declared.matchAll(/ \/\/ .*/g)].map(([remark]) => remark.trim()) };
}

/** The names as a table in Markdown. */
export function formatApi(names) {
  return ['| name | from | | |', '|---|---|---|---|', ...names.map(({ name, entries, kind, sentence }) => `| \`${name}\` | ${entries.map((entry) => `\`${entry}\``).join(', ')} | ${kind} | ${sentence.replaceAll('|', '\\|')} |`), ''].join('\n');
}
