// The transcript: one text format for fixtures, logs and bug reports. `fixtures/README.md` shows it by example.
//
// A header, an empty line, then one entry a line, each of which keeps its line number and its spelling, so that
// `formatTranscript(parseTranscript(text)) === text` for every text that is one. What cannot be seen in an editor is at
// fault: control characters, white space at the end of a line, CR. There are no variables, patterns or includes.

import { decodeLatin1 } from '../wire/ascii.ts';
import { LF } from '../wire/octet.ts';
import { encodeUtf8 } from '../wire/utf8.ts';
import { formatApplicationLine, parseApplicationLine } from './application.ts';
import type { ApplicationLine, Spelled, Subject } from './application.ts';
import { formatExact, parseExact, UNSEEN } from './exact.ts';
import { parseHeader } from './header.ts';
import type { Header } from './header.ts';

export interface Transcript {
  readonly header: Header;
  readonly entries: readonly Entry[];
}

/** One line behind the header. `line` counts from 1, in the whole text. */
export type Entry = { readonly line: number } & (
  | Octets
  | { readonly type: 'cut' } //         `/`: a segment ends here
  | { readonly type: 'application'; readonly said: ApplicationLine }
  | { readonly type: 'world'; readonly event: WorldEvent }
  | { readonly type: 'remark'; readonly text: string }
  | { readonly type: 'blank' }
);

/** `C: text` (with CRLF added) or `C= "text"` (exact). */
export type Octets = { readonly type: 'octets'; readonly from: Speaker; readonly exact: boolean } & Spelled;

/** Client or server. */
export type Speaker = 'C' | 'S';

/** What neither peer nor application does. */
export type WorldEvent =
  | { readonly happens: 'eof' | 'lost' | 'close' | 'shutdown' | 'halt' | 'tls' | 'tls insufficient' }
  | { readonly happens: 'clock'; readonly count: number; readonly unit: TimeUnit };

export type TimeUnit = 'ms' | 's' | 'm' | 'h';

/** Why a text is no transcript. */
export interface TranscriptFault {
  readonly line: number;
  readonly expected: string;
  readonly found: string;
}

/** Transcripts that stand one behind the other in a text, as `ehlo send --trace` prints them; and how many lines stand before each. */
export function transcriptsIn(text: string): readonly { readonly text: string; readonly before: number }[] {
  const parts = text.split(/(?<=^(?:(?:[CSA][:=]|[*#/]).*)?\n)(?=Title: )/m); // behind an entry, or a blank line: in a header it is a field
  let before = 0;
  return parts.map((part) => {
    const here = { text: part, before };
    before += part.split('\n').length - 1;
    return here;
  });
}

/** The transcript that the text is, or the first fault in it. */
export function parseTranscript(text: string): Transcript | TranscriptFault {
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    const [unseen] = line.match(UNSEEN) ?? [];
    if (unseen === undefined) continue;
    const found = unseen === ' ' ? 'a space at the end of the line' : formatExact(encodeUtf8(unseen));
    return { line: index + 1, expected: 'only what can be seen (else write C= "…" with escapes)', found };
  }
  if (lines.pop() !== '') return { line: lines.length + 1, expected: 'a line feed at the end of the text', found: 'none' };

  const blank = lines.indexOf('');
  const header = parseHeader(blank === -1 ? lines : lines.slice(0, blank));
  if (isTranscriptFault(header)) return header;

  const entries: Entry[] = [];
  for (const [index, line] of lines.entries()) {
    if (blank === -1 || index < blank) continue;
    const entry = parseEntry(line, header.subject);
    if (typeof entry === 'string') return { line: index + 1, expected: entry, found: line };
    entries.push({ ...entry, line: index + 1 });
  }
  return { header, entries };
}

export function formatTranscript({ header, entries }: Transcript): string {
  return [...header.fields.map(({ name, value }) => `${name}: ${value}`), ...entries.map(formatEntry), ''].join('\n');
}

/** The entry as it stands in a transcript, without its line feed. */
export function formatEntry(entry: Unplaced): string {
  switch (entry.type) {
    case 'octets': return entry.exact ? `${entry.from}= "${entry.text}"` : `${entry.from}: ${entry.text}`.trimEnd();
    case 'cut': return '/';
    case 'application': return `A: ${formatApplicationLine(entry.said)}`;
    case 'world': return `* ${entry.event.happens === 'clock' ? `clock +${entry.event.count}${entry.event.unit}` : entry.event.happens}`;
    case 'remark': return `# ${entry.text}`.trimEnd();
    case 'blank': return '';
    default: return entry satisfies never;
  }
}

export function isTranscriptFault(x: object): x is TranscriptFault {
  return 'expected' in x;
}

/** `rfc5321/quit.smtp:7: expected …, found …` */
export function formatTranscriptFault(name: string, { line, expected, found }: TranscriptFault): string {
  return `${name}:${line}: expected ${expected}, found ${found}`;
}

/** The octets as entries: whole lines as such where nothing in them is unseen, all else exactly. */
export function spellOctets(from: Speaker, octets: Uint8Array): Octets[] {
  const spelled: Octets[] = [];
  for (let at = 0, end; at < octets.length; at = end) {
    end = (octets.indexOf(LF, at) + 1) || octets.length;
    const line = octets.subarray(at, end);
    const plain = /^((?:[ -~]*[!-~])?)\r\n$/.exec(decodeLatin1(line))?.[1];
    spelled.push({ type: 'octets', from, exact: plain === undefined, text: plain ?? formatExact(line), octets: line });
  }
  return spelled;
}

type Unplaced<E = Entry> = E extends Entry ? Omit<E, 'line'> : never;

/** The entry that the line is; or what was expected, as a string. */
function parseEntry(line: string, subject: Subject): Unplaced | string {
  if (line === '') return { type: 'blank' };
  if (line === '/') return { type: 'cut' };
  const [, mark = '', text = ''] = /^([CS]=|[CSA]:|[*#])(?: (.*))?$/.exec(line) ?? [];
  switch (mark) {
    case 'C:': case 'S:': return { type: 'octets', from: mark === 'C:' ? 'C' : 'S', exact: false, text, octets: encodeUtf8(`${text}\r\n`) };
    case 'C=': case 'S=': return parseExactEntry(mark === 'C=' ? 'C' : 'S', text);
    case 'A:': {
      const said = parseApplicationLine(text, subject);
      return typeof said === 'string' ? `A: ${said}` : { type: 'application', said };
    }
    case '*': return parseWorldEntry(text);
    case '#': return { type: 'remark', text };
    default: return 'C: S: C= S= A: * # or / and a space behind it';
  }
}

function parseExactEntry(from: Speaker, quoted: string): Unplaced | string {
  const text = /^"(.*)"$/.exec(quoted)?.[1];
  if (text === undefined) return `${from}= "…"`;
  const octets = parseExact(text);
  if (typeof octets === 'number') return `an escape of JSON or \\xHH at character ${octets + 1} of the string`;
  return { type: 'octets', from, exact: true, text, octets };
}

function parseWorldEntry(text: string): Unplaced | string {
  if (text === 'eof' || text === 'lost' || text === 'close' || text === 'shutdown' || text === 'halt' || text === 'tls' || text === 'tls insufficient') return { type: 'world', event: { happens: text } };
  const [, count = '', unit] = /^clock \+([1-9]\d{0,8})(ms|s|m|h)$/.exec(text) ?? [];
  if (unit === undefined) return '* eof, lost, close, shutdown, halt, tls, tls insufficient or clock +N with ms, s, m or h behind N';
  return { type: 'world', event: { happens: 'clock', count: Number(count), unit: unit as TimeUnit } }; // the pattern's own alternatives
}
