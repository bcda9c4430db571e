// The choices that comments of the sources give reasons for (`Choice:`), and the departures from the RFCs (`Departs:` there, and
// fixtures/conformance/departures.tsv), as lists in Markdown.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Where the text of a remark ends that began with `Choice:` or `Departs:`. */
const NEXT = /\s(?:Choice|Departs|Left out|Rule \d+|Needed by|Costs):?\s/;

/** `{ kind: 'Choice' | 'Departs', file, text }` for each, in the order of the files. */
export function gatherRemarks() {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true }).filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts')).sort();
  return files.flatMap((file) => commentsOf(readFileSync(join(ROOT, 'src', file), 'utf8')).flatMap((comment) => {
    return [...comment.matchAll(/(?:^|\s)(Choice|Departs): /g)].map(({ 0: mark, 1: kind, index }) => {
      const rest = comment.slice(index + mark.length);
      const text = rest.slice(0, NEXT.exec(rest)?.index ?? rest.length).trim();
      const before = comment.slice(0, index).trim(); // what it is a choice about, where that is said in a few words
      return { kind, file, text: before === '' || before.length > 120 || /^Rule|Choice:|Departs:/.test(before) ? text : `${before} ${text.charAt(0).toUpperCase()}${text.slice(1)}` };
    });
  }));
}

/** The comments of a file, each paragraph of them as one line. */
function commentsOf(source) {
  const paragraphs = [];
  let open = '';
  const close = () => {
    if (open !== '') paragraphs.push(open.trim().replace(/\s+/g, ' '));
    open = '';
  };
  for (const line of source.split('\n')) {
    const [, code = '', slashes, stars] = /^(.*?)(?:\/\/ ?(.*)|(?:\/\*\*| \*(?!\/)) ?(.*?)(?:\*\/)?)$/.exec(line) ?? [];
    const text = slashes ?? stars;
    if (text === undefined || text.trim() === '' || (code.trim() !== '' && open !== '')) close();
    if (text !== undefined) open += ` ${text}`;
    if (code.trim() !== '') close(); // a remark behind code stands alone
  }
  close();
  return paragraphs;
}

export function formatChoices() {
  return list(gatherRemarks().filter(({ kind }) => kind === 'Choice').map(({ file, text }) => `\`${file}\`: ${text}`));
}

export function formatDepartures() {
  const [, ...rows] = readFileSync(join(ROOT, 'fixtures/conformance/departures.tsv'), 'utf8').trimEnd().split('\n').map((row) => row.split('\t'));
  const reasons = Map.groupBy?.(rows, ([, reason]) => reason) ?? group(rows);
  const departed = [...reasons].map(([reason, entries]) => `${entries.map(([id]) => id.replace(':', ' §').replace('RFC', 'RFC ').replace(/-\d+$/, '')).filter((id, at, all) => all.indexOf(id) === at).join(', ')}: ${reason}`);
  return list([...departed, ...gatherRemarks().filter(({ kind }) => kind === 'Departs').map(({ file, text }) => `\`${file}\`: ${text}`)]);
}

function group(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row[1], [...(groups.get(row[1]) ?? []), row]);
  return groups;
}

function list(items) {
  return items.map((item) => `- ${item}\n`).join('');
}
