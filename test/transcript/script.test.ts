import { describe, expect, it } from 'vitest';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { isTranscriptFault, parseTranscript } from '../../src/transcript/format.ts';
import type { TranscriptFault } from '../../src/transcript/format.ts';
import { readScript } from '../../src/transcript/script.ts';
import type { Script } from '../../src/transcript/script.ts';
import { cpuTime } from '../support/cpu-time.ts';

/** The script of the lines behind a header of four lines. */
function scriptOf(subject: string, ...lines: readonly string[]): Script | TranscriptFault {
  const transcript = parseTranscript(['Title: x goes through', 'Source: hand-written', `Subject: ${subject}`, '', ...lines, ''].join('\n'));
  return isTranscriptFault(transcript) ? transcript : readScript(transcript);
}

/** What the steps are, for short. */
function stepsOf(script: Script | TranscriptFault): string[] {
  if (isTranscriptFault(script)) throw new Error(script.expected);
  return script.steps.map((step) => {
    switch (step.type) {
      case 'receive': case 'supply': return `${step.type} ${step.segments.map(decodeLatin1).join('|')}`;
      case 'sent': return `sent ${decodeLatin1(step.octets)}`;
      case 'say': return `say ${step.said.say} ${step.replyLines.join('|')}`;
      case 'told': return `told ${step.said.say}${step.said.say === 'content' ? ` ${step.said.text}` : ''}`;
      case 'world': return `world ${step.event.happens}`;
      case 'closed': return 'closed';
      default: return step satisfies never;
    }
  });
}

describe('the steps of a transcript', () => {
  it('join the peer\'s lines to segments, over remarks and empty lines', () => {
    expect(stepsOf(scriptOf('server', 'C: a', '# remark', 'C= "b"', '', 'C= "c"', '/', 'C= "d"', 'S: e', 'C: f'))).toEqual(['receive a\r\nbc|d', 'sent e\r\n', 'receive f\r\n']);
  });

  it('take the other side\'s lines one by one', () => {
    expect(stepsOf(scriptOf('client', 'S: a', 'S: b', 'C: c', 'C: d'))).toEqual(['receive a\r\nb\r\n', 'sent c\r\n', 'sent d\r\n']);
  });

  it('join the content that a server\'s application is told, and keep the pieces that a client\'s gives', () => {
    const lines = ['A: content "a"', 'A: content "b"'];
    expect(stepsOf(scriptOf('server', ...lines))).toEqual(['told content ab']);
    expect(stepsOf(scriptOf('client', ...lines, 'A: content ends'))).toEqual(['supply a|b', 'say content ends ']);
  });

  it('join the lines of a reply', () => {
    expect(stepsOf(scriptOf('server', 'A: ask vrfy x', 'A: refuse 553-a', 'A: refuse 553 b', 'A: ask vrfy y', 'A: accept', '* close'))).toEqual(['told ask', 'say refuse 553-a|553 b', 'told ask', 'say accept ', 'closed']);
  });

  it('join the replies for each recipient', () => {
    expect(stepsOf(scriptOf('server', 'A: ask message', 'A: each 250 a', 'A: each 550-b', 'A: each 550 c'))).toEqual(['told ask', 'say each 250 a|550-b|550 c']);
  });

  // found by measuring: the mail of 80,000 lines took half a minute, its content as it is told a quarter of an hour
  it.each([
    ['a mail\'s lines', 'server', [], ['C: some text of a mail']],
    ['segments', 'server', ['C: x'], ['/', 'C: some text of a mail']],
    ['content that is told', 'server', [], ['A: content "text"']],
    ['content that is given', 'client', [], ['A: content "text"']],
    ['the lines of a reply', 'server', ['A: ask vrfy x', 'A: refuse 553 b'], ['A: refuse 553-a']],
    ['the replies for each recipient', 'server', ['A: ask message'], ['A: each 250 a']],
  ])('join %s in linear time', (_, subject, [first = [], ...behind], repeated) => {
    const lines = [first, ...Array.from({ length: 30_000 }, () => repeated), ...behind].flat();
    expect(cpuTime(() => void stepsOf(scriptOf(subject, ...lines)))).toBeLessThan(5_000); // a third of a second, were the machine not busy
  });

  it('tell the two meanings of abort apart', () => {
    expect(stepsOf(scriptOf('server', 'A: abort timeout'))).toEqual(['told abort']);
    expect(stepsOf(scriptOf('client', 'A: abort'))).toEqual(['say abort ']);
  });
});

describe('what a transcript speaks of', () => {
  it('is each kind of line that its application is told', () => {
    const script = scriptOf('server', 'A: ask rcpt <b@example.com>', 'A: accept', 'A: ask message', 'A: accept', 'A: content "x"');
    expect('spoken' in script && [...script.spoken]).toEqual(['ask rcpt', 'ask message', 'content']);
  });
});

describe('a transcript that makes no sense', () => {
  it.each([
    ['server', ['/', 'C: a'], 5, 'on both sides of each cut'],
    ['server', ['C: a', '/'], 5, 'on both sides of each cut'],
    ['server', ['C: a', '/', '/', 'C: b'], 5, 'on both sides of each cut'],
    ['server', ['C: a', 'S: b', '/', 'S: c'], 7, 'octets of the client'],
    ['server', ['A: accept'], 5, 'A: ask'],
    ['server', ['A: ask client', 'A: accept', 'A: refuse 554 no'], 7, 'A: ask'],
    ['server', ['A: ask client', 'A: refuse 554-no'], 6, 'all lines of the reply'],
    ['server', ['A: ask client', 'A: refuse 554-no', 'C: a', 'A: refuse 554 no'], 6, 'all lines of the reply'],
    ['server', ['A: ask client', 'A: refuse 554-no', 'A: refuse 550 no'], 6, 'with one code'],
    ['server', ['A: each 250 ok'], 5, 'A: ask'],
    ['server', ['A: ask message', 'A: each 250 ok', 'A: each 250-ok'], 6, 'all lines of the reply'],
    ['client', ['* shutdown'], 5, 'in the world of a client'],
    ['client', ['* halt'], 5, 'in the world of a client'],
  ])('is found: %s %j', (subject, lines, line, expected) => {
    expect(scriptOf(subject, ...lines)).toMatchObject({ line, expected: expect.stringContaining(expected) as string });
  });
});
