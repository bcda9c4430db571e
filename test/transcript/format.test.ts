import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/wire/octet.ts';
import { encodeUtf8 } from '../../src/wire/utf8.ts';
import { formatEntry, formatTranscript, formatTranscriptFault, isTranscriptFault, parseTranscript, spellOctets } from '../../src/transcript/format.ts';
import type { Transcript } from '../../src/transcript/format.ts';
import { replay } from '../../src/transcript/replay.ts';
import { HASH } from '../../src/node/credential.ts';
import { readScript } from '../../src/transcript/script.ts';

const HEADER = 'Title: x goes through\nSource: hand-written\nSubject: server\n\n';

function parsed(text: string): Transcript {
  const transcript = parseTranscript(text);
  if (isTranscriptFault(transcript)) throw new Error(formatTranscriptFault('text', transcript));
  return transcript;
}

describe('a transcript', () => {
  it('is the same text when it is parsed and formatted again, spellings and all', () => {
    const lines = [
      '# a remark', '#', 'C: EHLO é', 'C:', 'C:  indented', '', 'C= "a\\x0a\\u000a\\n"', '/', 'C= ""', 'S= "\\"\\r\\n"',
      'A: ask rcpt', 'A: accept 250-a', '* clock +60s', '* clock +1m', '* eof', '* lost', '* shutdown', '* halt', '* tls', '* close', '', '',
    ];
    const text = HEADER + lines.join('\n');
    expect(formatTranscript(parsed(text))).toBe(text);
  });

  it('keeps the line number of each entry', () => {
    expect(parsed(`${HEADER}C: NOOP\n\n# remark\n* close\n`).entries.map(({ line }) => line)).toEqual([4, 5, 6, 7, 8]);
  });

  it('holds the octets that its lines spell', () => {
    const [, ...entries] = parsed(`${HEADER}C: é\nC:\nC= "\\xff"\n`).entries;
    expect(entries.map((entry) => entry.type === 'octets' && [...entry.octets])).toEqual([[0xc3, 0xa9, 0x0d, 0x0a], [0x0d, 0x0a], [0xff]]);
  });

  it.each([
    ['C:NOOP', 'C: S: C='],
    ['c: NOOP', 'C: S: C='],
    ['NOOP', 'C: S: C='],
    ['//', 'C: S: C='],
    ['/ x', 'C: S: C='],
    ['*close', 'C: S: C='],
    ['C= NOOP', 'C= "…"'],
    ['C= "NOOP', 'C= "…"'],
    ['C= "a"b"', 'character 2'],
    ['S= "abc\\q"', 'character 4'],
    ['* tls 1.3', '* eof'],
    ['* open', '* eof'],
    ['* clock 5m', '* eof'],
    ['* clock +5', '* eof'],
    ['* clock +0s', '* eof'],
    ['* clock +1d', '* eof'],
    ['A: say nothing', 'A: one of ask'],
    ['A: refuse', 'A: refuse REPLY'],
    ['C: NOOP ', 'only what can be seen'],
    ['C: a\tb', 'only what can be seen'],
    ['C: NOOP\r', 'only what can be seen'],
    ['C: a\u00a0b', 'only what can be seen'],
    ['C: a\u200bb', 'only what can be seen'],
    ['# \u202eremark', 'only what can be seen'],
  ])('does not hold %j', (line, expected) => {
    expect(parseTranscript(`${HEADER}C: NOOP\n${line}\n`)).toMatchObject({ line: 6, expected: expect.stringContaining(expected) as string });
  });

  it('ends in a line feed', () => {
    expect(parseTranscript(`${HEADER}C: NOOP`)).toEqual({ line: 5, expected: 'a line feed at the end of the text', found: 'none' });
    expect(parseTranscript('')).toMatchObject({ line: 1 });
  });

  it('has a header first', () => {
    expect(parseTranscript('C: NOOP\n')).toMatchObject({ line: 1, expected: expect.stringContaining('a field of the header') as string });
    expect(parseTranscript('\nC: NOOP\n')).toMatchObject({ line: 1, expected: expect.stringContaining('Title') as string });
  });

  it('tells its fault with the name of the file and the line', () => {
    const fault = parseTranscript(`${HEADER}* open\n`);
    expect(isTranscriptFault(fault) && formatTranscriptFault('rfc3207/tls.smtp', fault)).toMatch(/^rfc3207\/tls\.smtp:5: expected .*, found \* open$/);
  });
});

describe('octets as lines', () => {
  it('are plain where every octet can be seen, and exact elsewhere', () => {
    const lines = spellOctets('S', encodeUtf8('250-"a" \\ b\r\n250 \r\n\r\né\r\na\nb\rc\r\n220 rest'));
    expect(lines.map(formatEntry)).toEqual(['S: 250-"a" \\ b', 'S= "250 \\r\\n"', 'S:', 'S= "\\xc3\\xa9\\r\\n"', 'S= "a\\n"', 'S= "b\\rc\\r\\n"', 'S= "220 rest"']);
  });

  it('are the octets again when the lines are parsed', () => {
    const all = concat([Uint8Array.from({ length: 256 }, (_, octet) => octet), encodeUtf8('\r\nC: x\r\n \r\n"\r\n\\\r\n')]);
    const text = `${HEADER}${spellOctets('C', all).map(formatEntry).join('\n')}\n`;
    expect(concat(parsed(text).entries.map((entry) => (entry.type === 'octets' ? entry.octets : new Uint8Array())))).toEqual(all);
  });
});

describe('the examples of fixtures/README.md', () => {
  const examples = [...readFileSync('fixtures/README.md', 'utf8').matchAll(/^```\n(Title: [^]*?)^```$/gm)].map(([, text = '']) => text);

  it('are replayed', () => {
    expect(examples).toHaveLength(3);
    for (const text of examples) {
      const script = readScript(parsed(text));
      expect(isTranscriptFault(script) ? script : replay(script, HASH)).toBeUndefined();
    }
  });
});
