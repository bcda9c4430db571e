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
  for (const [entry, path] of ENTRIES) for (const { name, own, file } of exportsOf(path)) names.set(name, { name, own, file, entries: [...(names.get(name)?.entries ?? []), entry] });
  return [...names.values()].map(({ name, own, file, entries }) => ({ name, entries, ...describe(own, readFileSync(join(SRC, file), 'utf8')) })).sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
}

/**
 * Types that stand in what is declared of a public name, and that no entry exports: `[name, types]`. What an interface extends is its own,
 * and a type that its module keeps to itself is told in full.
 */
export function unnamedTypes() {
  const named = ENTRIES.flatMap(([, path]) => exportsOf(path));
  const isPublic = (own, file) => named.some((each) => each.own === own && each.file === file);
  return named.map(({ name, own, file }) => {
    const text = declarationsOf(file);
    const imported = [...text.matchAll(/^import (?:type )?\{([^}]*)\} from '(\.[^']+)'/gm)].flatMap(([, names, from]) => namesIn(names).map((each) => [each, join(dirname(file), from)]));
    const declared = [...text.matchAll(/^export (?:declare )?(?:abstract )?(?:type|interface|class) (\w+)/gm)].map(([, each]) => [each, file]);
    const [declaration = ''] = new RegExp(String.raw`^export (?:declare )?(?:abstract )?(?:type|interface|class|function|const) ${own}\b[\s\S]*?(?=\n(?:export|declare|interface|type|import)\b|$(?![\s\S]))`, 'm').exec(text) ?? [];
    const told = declaration.replace(/'[^']*'/g, "''").replace(/^(export interface \w+)[^{]*/, '$1');
    return [name, [...imported, ...declared].filter(([each, from]) => !isPublic(each, from) && new RegExp(String.raw`\b${each}\b`).test(told)).map(([each]) => each)];
  }).filter(([, types]) => types.length > 0);
}

/** What is declared of a source, without comments. */
function declarationsOf(file) {
  return readFileSync(join(SRC, '../dist', file.replace(/\.ts$/, '.d.ts')), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '').replace(/ \/\/ .*$/gm, '');
}

function namesIn(list) {
  return list.split(',').map((name) => name.replace(/^\s*(type )?/, '').trim()).filter((name) => name !== '');
}

function exportsOf(entry) {
  const text = readFileSync(join(SRC, entry), 'utf8');
  return [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';/gms)].flatMap(([, names, from]) =>
    namesIn(names).map((name) => {
      const [own, other = own] = name.split(' as ');
      return { name: other, own, file: join(dirname(entry), from) };
    }));
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
