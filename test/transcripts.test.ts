// Every transcript of fixtures/transcripts, replayed in every segmentation; and what they take of the machines together.

import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { clientEdges } from '../src/protocol/client/table.ts';
import { HASH } from '../src/node/credential.ts';
import { REPLIES, ownReply } from '../src/protocol/server/reply.ts';
import type { ReplyName } from '../src/protocol/server/reply.ts';
import { COMMAND_ORDER, serverEdges } from '../src/protocol/server/table.ts';
import { parseVerb } from '../src/syntax/command.ts';
import { isFault } from '../src/syntax/fault.ts';
import { formatReply } from '../src/syntax/reply.ts';
import type { Reply } from '../src/syntax/reply.ts';
import { decodeLatin1 } from '../src/wire/ascii.ts';
import { formatTranscript, formatTranscriptFault, isTranscriptFault, parseTranscript } from '../src/transcript/format.ts';
import { formatMismatch, replay } from '../src/transcript/replay.ts';
import { readScript } from '../src/transcript/script.ts';
import type { Script } from '../src/transcript/script.ts';

const FOLDER = 'fixtures/transcripts';
const NAMES = readdirSync(FOLDER, { recursive: true }).filter((name) => name.endsWith('.smtp')).sort();
const FIXTURES = NAMES.map((name) => {
  const text = readFileSync(`${FOLDER}/${name}`, 'utf8');
  const transcript = parseTranscript(text);
  return { name, text, script: isTranscriptFault(transcript) ? transcript : readScript(transcript) };
});
const SCRIPTS = FIXTURES.flatMap(({ name, script }) => (isTranscriptFault(script) ? [] : [{ name, script }]));

/** Changes of state that the replays of a subject went through. */
const taken = { server: new Set<string>(), client: new Set<string>() };
/** Commands that servers received, with the states before and behind them. */
const commands = new Set<string>();

describe('a transcript', () => {
  for (const { name, text, script } of FIXTURES) {
    it(`${name}: ${/^Title: (.*)/.exec(text)?.[1] ?? ''}`, () => {
      if (isTranscriptFault(script)) throw new Error(formatTranscriptFault(name, script));
      const mismatch = replay(script, HASH, {
        changed: (from, to) => taken[script.header.subject].add(`${from} → ${to}`),
        received: (line, from, to) => script.header.subject === 'server' && commands.add(`${from} ${verbOf(line)} ${to}`),
      });
      if (mismatch !== undefined) throw new Error(formatMismatch(name, mismatch));
    });
  }

  it('is the same text when it is parsed and formatted again', () => {
    for (const { text } of FIXTURES) {
      const transcript = parseTranscript(text);
      if (!isTranscriptFault(transcript)) expect(formatTranscript(transcript)).toBe(text);
    }
  });
});

describe('the header of a transcript', () => {
  it('has a title that is a sentence in the present tense, and no other\'s', () => {
    const titles = SCRIPTS.map(({ script }) => script.header.title);
    expect(titles.filter((title) => !/^\S+( \S+){2,}$/.test(title) || title.endsWith('.') || /\b(should|must|will|shall)\b/i.test(title))).toEqual([]);
    expect(titles.filter((title, at) => titles.indexOf(title) !== at)).toEqual([]);
  });

  it('names a source: a section of an RFC, software with its version and a date, or a hand', () => {
    const wrong = SCRIPTS.filter(({ script }) => !/^(hand-written|RFC \d+ §[A-Z\d].*|.* \d.* \d{4}-\d\d-\d\d.*)$/.test(script.header.source));
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it('says what the transcript verifies', () => {
    expect(SCRIPTS.filter(({ script }) => script.header.verifies.length === 0).map(({ name }) => name)).toEqual([]);
  });
});

describe('the transcripts together', () => {
  it('verify each section that has a rule for what is said', () => {
    const verified = new Set(SCRIPTS.flatMap(({ script }) => script.header.verifies));
    expect(SECTIONS.filter((section) => !verified.has(section))).toEqual([]);
  });

  it('hold each reply that the server originates', () => {
    const servers = SCRIPTS.filter(({ script }) => script.header.subject === 'server').map(({ script }) => {
      const sent = script.steps.flatMap((step) => (step.type === 'sent' ? [decodeLatin1(step.octets)] : []));
      return { hostname: hostnameOf(script), lines: new Set(sent.map((line) => line.replace(/^(\d{3})-/, '$1 '))) };
    });
    const missing = (Object.keys(REPLIES) as ReplyName[]).filter((name) => !ELSEWHERE.has(name) && !servers.some(({ hostname, lines }) => linesOf(ownReply(name, hostname)).every((line) => lines.has(line))));
    expect(missing).toEqual([]);
  });

  it('take each cell of the server\'s table of commands, those that say no as well', () => {
    const cells = Object.entries(COMMAND_ORDER).flatMap(([verb, row]) => row.map((to, column) => {
      const from = COMMAND_STATES[column] ?? '';
      return `${from} ${verb} ${to === 'no' ? from : to}`;
    }));
    expect(cells.filter((cell) => !commands.has(cell))).toEqual([]);
  });

  it.each([['server', serverEdges], ['client', clientEdges]] as const)('take each arrow of the %s\'s machine, and no other', (subject, edges) => {
    const drawn = new Set([...edges()].filter(({ from, to }) => from !== to).map(({ from, to }) => `${from} → ${to}`));
    const states = new Set([...edges()].map(({ to }) => to));
    const passing = ([from, to]: readonly string[]): boolean => [...states].some((state) => drawn.has(`${from} → ${state}`) && drawn.has(`${state} → ${to}`));
    // A session that is set to begin TLS or AUTH is ready for no more than a moment: it passes over two arrows in one go.
    const passedOver = (arrow: string): boolean => {
      const [from = '', to = ''] = arrow.split(' → ');
      return [...taken[subject]].some((change) => change.endsWith(`→ ${to}`) && !drawn.has(change) && drawn.has(`${change.split(' → ')[0]} → ${from}`));
    };
    expect([...drawn].filter((arrow) => !taken[subject].has(arrow) && !passedOver(arrow))).toEqual([]);
    expect([...taken[subject]].filter((arrow) => !drawn.has(arrow) && !passing(arrow.split(' → ')))).toEqual([]);
  });
});

/** The sections that set down what is said, when, how long it may be and how long it may take. */
const SECTIONS = [
  ...['D.1', 'D.2', 'D.3', 'D.4'],
  ...['3.1', '3.3', '3.4', '3.5.1', '3.5.2', '3.5.3', '3.8'],
  ...Array.from({ length: 11 }, (_, index) => `4.1.1.${index + 1}`),
  ...['4.1.2', '4.1.3', '4.1.4', '4.1.5', '4.2', '4.2.1', '4.2.4', '4.2.5', '4.3.1', '4.3.2', '4.5.1', '4.5.2'],
  ...Array.from({ length: 10 }, (_, index) => `4.5.3.1.${index + 1}`),
  ...Array.from({ length: 7 }, (_, index) => `4.5.3.2.${index + 1}`),
].map((section) => `RFC 5321 §${section}`).concat(
  ...['RFC 2920 §3.1', 'RFC 2920 §3.2', 'RFC 2920 §4', 'RFC 1870 §6.1', 'RFC 6152 §3', 'RFC 2034 §4', 'RFC 1047'],
  ...['RFC 3207 §4', 'RFC 3207 §4.1', 'RFC 3207 §4.2', 'RFC 3207 §5', 'RFC 3207 §6', 'RFC 8314 §3'],
  ...['RFC 4954 §3', 'RFC 4954 §4', 'RFC 4954 §4.1', 'RFC 4954 §5', 'RFC 4954 §6', 'RFC 4954 §9', 'RFC 2195', 'RFC 4616', 'RFC 5802 §3', 'RFC 7677 §3', 'RFC 6409 §4.3'],
  ...['RFC 3030 §2', 'RFC 3030 §3', 'RFC 3030 §4.1', 'RFC 3030 §4.2'],
  ...['RFC 6531 §3.1', 'RFC 6531 §3.3', 'RFC 6531 §3.4', 'RFC 6531 §3.5', 'RFC 6531 §3.7.1', 'RFC 6531 §3.7.4', 'RFC 6531 §3.7.4.1', 'RFC 6531 §3.7.4.2'],
  ...['RFC 3461 §4', 'RFC 3461 §4.1', 'RFC 3461 §4.2', 'RFC 3461 §4.3', 'RFC 3461 §4.4', 'RFC 3461 §10.1', 'RFC 9422 §3', 'RFC 9422 §4.1', 'RFC 9422 §4.3', 'RFC 8689 §2', 'RFC 8689 §4.1', 'RFC 2033 §4.1', 'RFC 2033 §4.2', 'RFC 2033 §4.3'],
);

/** Columns of the server's table of commands. */
const COMMAND_STATES = ['refused', 'greeted', 'ready', 'mail', 'rcpt', 'bdat'];

function verbOf(line: string): string {
  const verb = parseVerb(line);
  return isFault(verb) ? verb.fault : verb;
}

/** Replies that no transcript can hold. */
const ELSEWHERE: ReadonlySet<ReplyName> = new Set([
  'response too long', // of twelve thousand octets
  'endless line', // behind a megabyte without CRLF
]);

function hostnameOf({ header }: Script): string {
  return header.options.get('hostname') ?? 'mx.example.com';
}

/** The lines of a reply as they are sent, but with a space behind each code. */
function linesOf(reply: Reply): string[] {
  return formatReply(reply).split(/(?<=\n)/).map((line) => line.replace(/^(\d{3})-/, '$1 '));
}
