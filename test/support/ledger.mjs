// The conformance ledger: every normative statement of the RFCs here implemented, and which test shows that it holds.
//
//   fixtures/conformance/rfc5321.tsv …   the statements, in our own words, each with an id such as RFC5321:4.5.2-3
//   fixtures/conformance/departures.tsv  those that we knowingly do not follow, with the reason
//   fixtures/conformance/open.tsv        those that no test shows yet
//
// Rule 1: a test shows a statement by naming its id, in its title or in the comment above it; so does a transcript in its field
//         `Shows`, and a table of grammar in its title in the test that reads it.
// Rule 2: a statement that binds us is shown, departed from, or open: one of the three, and no two.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join(ROOT, 'fixtures/conformance');
const ID = /\bRFC\d{4}:[A-Z\d.]+-\d+\b/g;
const SHOWN_IN = ['test', 'fixtures/transcripts'];
const NOT_SHOWN_IN = /conformance|ledger/;

/** The rows of a file of tab-separated values, as objects by the names in its first line. */
export function readTable(name) {
  const [head = '', ...rows] = readFileSync(join(FOLDER, name), 'utf8').trimEnd().split('\n');
  const names = head.split('\t');
  return rows.map((row) => Object.fromEntries(row.split('\t').map((value, column) => [names[column], value])));
}

/** The ledger: its statements by id, the places that show each of them, and the ids in departures and open. */
export function readLedger() {
  const files = readdirSync(FOLDER).filter((name) => /^rfc\d+\.tsv$/.test(name)).sort();
  const statements = files.flatMap((name) => readTable(name));
  return { statements, shown: readShown(), departures: readTable('departures.tsv'), open: readTable('open.tsv').map(({ id }) => id) };
}

/** `file:line` of each place that names an id, by id. */
function readShown() {
  const shown = new Map();
  for (const folder of SHOWN_IN)
    for (const name of readdirSync(join(ROOT, folder), { recursive: true }).sort()) {
      if (!/\.(ts|mjs|py|smtp)$/.test(name) || NOT_SHOWN_IN.test(name)) continue;
      for (const [index, line] of readFileSync(join(ROOT, folder, name), 'utf8').split('\n').entries())
        for (const [id] of line.matchAll(ID)) shown.set(id, [...(shown.get(id) ?? []), `${folder}/${name}:${index + 1}`]);
    }
  return shown;
}

/** Counts for each RFC, or for each section of it where `bySection`: what binds, and what of it is shown, departed from and open. */
export function coverage({ statements, shown, departures, open }, bySection = false) {
  const [departed, opened] = [new Set(departures.map(({ id }) => id)), new Set(open)];
  const counts = new Map();
  for (const { id, binds } of statements) {
    const [, rfc = '', section = ''] = /^RFC(\d+):([^-]+)/.exec(id) ?? [];
    const key = bySection ? `RFC ${rfc} §${section}` : `RFC ${rfc}`;
    const count = counts.get(key) ?? { all: 0, bind: 0, shown: 0, departures: 0, open: 0 };
    counts.set(key, count);
    count.all += 1;
    if (binds !== 'yes') continue;
    count.bind += 1;
    if (shown.has(id)) count.shown += 1;
    if (departed.has(id)) count.departures += 1;
    if (opened.has(id)) count.open += 1;
  }
  return counts;
}

/** The coverage as a table in Markdown. */
export function formatCoverage(counts) {
  const rows = [...counts].map(([name, { all, bind, shown, departures, open }]) => `| ${name} | ${all} | ${bind} | ${shown} | ${departures} | ${open} |`);
  return ['| | statements | bind us | shown by a test | departed from | open |', '|---|---|---|---|---|---|', ...rows, ''].join('\n');
}
