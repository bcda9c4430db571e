import { describe, expect, it } from 'vitest';
import { concat } from '../../src/wire/octet.ts';
import { encodeAscii, decodeLatin1 } from '../../src/wire/ascii.ts';
import { isTranscriptFault, parseTranscript } from '../../src/transcript/format.ts';
import { readScript } from '../../src/transcript/script.ts';
import type { Script } from '../../src/transcript/script.ts';
import { segmentationsOf, sendAhead } from '../../src/transcript/segmentation.ts';
import { cpuTime } from '../support/cpu-time.ts';

function scriptOf(header: string, ...lines: readonly string[]): Script {
  const transcript = parseTranscript(`Title: x goes through\nSource: hand-written\n${header}\n\n${lines.join('\n')}\n`);
  const script = isTranscriptFault(transcript) ? transcript : readScript(transcript);
  if (isTranscriptFault(script)) throw new Error(script.expected);
  return script;
}

const WRITTEN = [encodeAscii('EHLO x\r\n'), encodeAscii('NOOP\r\nQU'), encodeAscii('IT\r\n')];

describe('the segmentations', () => {
  const segmentations = segmentationsOf(scriptOf('Subject: server'));

  it('are as written, octet by octet, coalesced, ahead, and twenty random ones', () => {
    expect(segmentations).toHaveLength(24);
    expect(segmentations.slice(0, 4).map(({ name, cut }) => [name, [...cut(WRITTEN)].length])).toEqual([['as written', 3], ['octet by octet', 20], ['coalesced', 1], ['sent ahead', 1]]);
    expect(segmentations.filter(({ ahead }) => ahead)).toHaveLength(11);
  });

  it('neither lose nor add an octet, nor give an empty piece', () => {
    for (const { cut } of segmentations) {
      const pieces = [...cut(WRITTEN)];
      expect(concat(pieces)).toEqual(concat(WRITTEN));
      expect(pieces.every(({ length }) => length > 0)).toBe(true);
    }
  });

  it('are the same every time, and differ from each other', () => {
    const cuts = (): string[] => segmentationsOf(scriptOf('Subject: server')).slice(4).map(({ cut }) => [...cut(WRITTEN)].map(decodeLatin1).join('|'));
    expect(cuts()).toEqual(cuts());
    expect(new Set(cuts()).size).toBeGreaterThan(10);
  });

  it('never give a client replies ahead of its commands', () => {
    expect(segmentationsOf(scriptOf('Subject: client')).some(({ ahead }) => ahead)).toBe(false);
  });

  it('are one where the header says so', () => {
    expect(segmentationsOf(scriptOf('Subject: server\nSegments: as written')).map(({ name }) => name)).toEqual(['as written']);
  });
});

describe('input sent ahead', () => {
  it('stands where the first of its stretch stood, and never before an event of the world', () => {
    const { steps } = scriptOf('Subject: server', 'S: 220 x', 'C: a', 'S: 250 a', 'C: b', 'C: c', 'A: ask client', 'A: accept', 'C: d', '* clock +1m', 'S: 421 x', 'C: e', '* close', 'C: f');
    const short = sendAhead(steps).map((step) => (step.type === 'receive' ? decodeLatin1(concat(step.segments)).replaceAll('\r\n', '') : step.type));
    expect(short).toEqual(['sent', 'abcd', 'sent', 'told', 'say', 'world', 'sent', 'ef', 'closed']);
  });

  it('is put together in linear time', () => {
    const { steps } = scriptOf('Subject: server', ...Array.from({ length: 20_000 }, () => ['C: NOOP', 'S: 250 2.0.0 ok']).flat());
    expect(cpuTime(() => void expect(sendAhead(steps)).toHaveLength(20_001))).toBeLessThan(500);
  });
});
