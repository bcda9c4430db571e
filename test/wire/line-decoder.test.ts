import { describe, expect, it } from 'vitest';
import { LENIENT_LINE_EDGES, LINE_EDGES, LineDecoder, type LinePlace } from '../../src/wire/line-decoder.ts';
import { type Cuts, cut, EVERY_STRING_CUT, everyCut, everyString, everyStringCut, octetsOf, textOf } from './every.ts';
import { edgesTaken, everyEdge } from './walk.ts';

const ALPHABET = '\r\n\0a';

/** What the decoder has to say about a stream: each line with its fault, and how much there is of one under way. */
function read(text: string, cuts: Cuts, limit: number): string[] {
  const decoder = new LineDecoder({ limit });
  const found: string[] = [];
  for (const segment of cut(text, cuts)) {
    for (let at = 0; at < segment.length; ) {
      at = decoder.read(segment, at);
      if (decoder.line !== undefined) found.push(say(shownOf(decoder), decoder.fault, decoder.faultAt));
    }
  }
  found.push(`${decoder.length} under way`);
  return found;
}

/** The line, which is the same as octets and as text. */
function shownOf({ line = new Uint8Array(0), text, ended }: LineDecoder): string {
  if (!ended || textOf(line) !== text) expect({ ended, text }).toEqual({ ended: true, text: textOf(line) });
  return text;
}

/** The same from the words of RFC 5321 §2.3.8, over the whole stream at once: CRLF terminates lines, and nothing else does. */
function oracle(text: string, limit: number): string[] {
  const lines = text.split('\r\n');
  const underWay = lines.pop() ?? '';
  const found = lines.map((line) => {
    if (line.length + 2 > limit) return say(line.slice(0, limit), 'line-too-long', limit);
    const bad = /[\r\n\0]/.exec(line);
    return bad === null ? say(line, undefined, 0) : say(line, FAULTS.get(bad[0]), bad.index);
  });
  return [...found, `${underWay.length} under way`];
}

const FAULTS: ReadonlyMap<string, string> = new Map([
  ['\r', 'bare-cr'],
  ['\n', 'bare-lf'],
  ['\0', 'nul'],
]);

function say(line: string, fault: string | undefined, faultAt: number): string {
  return `${line} has ${fault} at ${faultAt}`;
}

/** Compares by hand: `expect` is for the case that they differ. */
function agree(text: string, ways: readonly Cuts[], limit: number): void {
  const wanted = oracle(text, limit);
  const joined = wanted.join('|');
  for (const cuts of ways) {
    const found = read(text, cuts, limit);
    if (found.join('|') !== joined) expect({ text, cuts, found }).toEqual({ text, cuts, found: wanted });
  }
}

describe('lines, exhaustively (RFC 5321 §2.3.8)', () => {
  it(`are the same for ${EVERY_STRING_CUT}: CR, LF, NUL and another`, () => {
    for (const [text, ways] of everyStringCut(ALPHABET)) agree(text, ways, 512);
  });

  for (const limit of [2, 3, 4, 5]) {
    it(`are judged by a limit of ${limit} octets the same under every segmentation`, () => {
      for (let length = 0; length <= 5; length++) {
        const ways = everyCut(length);
        for (const text of everyString(ALPHABET, length, length)) agree(text, ways, limit);
      }
    });
  }

  it('take every edge of their table', () => {
    expect(edgesTaken<LinePlace>(LINE_EDGES, 'text', ['\r', '\n', '\0', 'a'], 4)).toEqual(everyEdge(LINE_EDGES));
  });
});

describe('lines that a bare LF ends too', () => {
  /** The same from words: each LF ends a line, and one CR in front of it is not of the line. */
  function lenientOracle(text: string, limit: number): string[] {
    const lines = text.split('\n');
    const underWay = lines.pop() ?? '';
    const found = lines.map((all) => {
      const line = all.endsWith('\r') ? all.slice(0, -1) : all;
      const ended = all.endsWith('\r') ? 'CRLF' : 'LF';
      if (all.length + 1 > limit) return `${ended}: ${say(line.slice(0, limit), 'line-too-long', limit)}`;
      const bad = /[\r\0]/.exec(line);
      return `${ended}: ${bad === null ? say(line, undefined, 0) : say(line, FAULTS.get(bad[0]), bad.index)}`;
    });
    return [...found, `${underWay.length} under way`];
  }

  function readLeniently(text: string, cuts: Cuts, limit: number): string[] {
    const decoder = new LineDecoder({ limit, bareLf: true });
    const found: string[] = [];
    for (const segment of cut(text, cuts)) {
      for (let at = 0; at < segment.length; ) {
        at = decoder.read(segment, at);
        if (decoder.line !== undefined) found.push(`${decoder.lenient ? 'LF' : 'CRLF'}: ${say(shownOf(decoder), decoder.fault, decoder.faultAt)}`);
      }
    }
    found.push(`${decoder.length} under way`);
    return found;
  }

  for (const limit of [3, 512]) {
    it(`are the same for ${EVERY_STRING_CUT}, by a limit of ${limit} octets`, () => {
      for (const [text, ways] of everyStringCut(ALPHABET)) {
        const wanted = lenientOracle(text, limit);
        const joined = wanted.join('|');
        for (const cuts of ways) {
          const found = readLeniently(text, cuts, limit);
          if (found.join('|') !== joined) expect({ text, cuts, found }).toEqual({ text, cuts, found: wanted });
        }
      }
    });
  }

  it('take every edge of their table, which differs from the strict one in one', () => {
    expect(edgesTaken<LinePlace>(LENIENT_LINE_EDGES, 'text', ['\r', '\n', '\0', 'a'], 4)).toEqual(everyEdge(LENIENT_LINE_EDGES));
    expect(LENIENT_LINE_EDGES.cr).toEqual(LINE_EDGES.cr);
    expect(LENIENT_LINE_EDGES.text.map((edge, column) => column === 1 || edge.join() === LINE_EDGES.text[column]?.join())).toEqual([true, true, true, true]);
  });
});

describe('a line', () => {
  it('is a view of the octets given when they hold it whole', () => {
    const octets = octetsOf('NOOP\r\nQUIT\r\n');
    const decoder = new LineDecoder({ limit: 512 });
    expect(decoder.read(octets, 6)).toBe(12);
    expect(decoder.line?.buffer).toBe(octets.buffer);
    expect(decoder.line).toEqual(octetsOf('QUIT'));
  });

  it('is gone at the next read', () => {
    const decoder = new LineDecoder({ limit: 512 });
    decoder.read(octetsOf('a\nb\r\n'), 0);
    expect(decoder).toMatchObject({ line: octetsOf('a\nb'), fault: 'bare-lf', faultAt: 1, length: 0 });
    decoder.read(octetsOf('Q'), 0);
    expect(decoder).toMatchObject({ ended: false, line: undefined, text: '', fault: undefined, faultAt: 0, length: 1 });
  });

  it('is as long as the limit with its CRLF, and no longer (§4.5.3.1.4)', () => {
    const longest = 'a'.repeat(510);
    expect(read(`${longest}\r\n`, [], 512)).toEqual(oracle(`${longest}\r\n`, 512));
    expect(read(`${longest}a\r\n`, [], 512)[0]).toBe(`${longest}a has line-too-long at 512`);
    expect(read(`\0${longest}aaa\r\n`, [3, 511, 512, 513], 512)[0]).toBe(`\0${longest}a has line-too-long at 512`);
  });

  it('that has no end is counted and not kept', () => {
    const decoder = new LineDecoder({ limit: 512 });
    const segment = new Uint8Array(10_000).fill(0x61);
    for (let turn = 0; turn < 100; turn++) decoder.read(segment, 0);
    expect(decoder.length).toBe(1_000_000);
    expect(decoder.read(octetsOf('\r\nQUIT\r\n'), 0)).toBe(2);
    expect(decoder).toMatchObject({ line: segment.subarray(0, 512), fault: 'line-too-long', faultAt: 512, length: 0 });
    expect(decoder.line?.buffer.byteLength).toBe(512);
  });

  it('has no limit below a CRLF, and none that is not a number of octets', () => {
    for (const limit of [1, -1, 2.5, NaN, Infinity]) {
      expect(() => new LineDecoder({ limit })).toThrow('at least the 2 octets of its CRLF');
    }
  });
});

describe('a decoder that is reset', () => {
  it('reads as a new one does, wherever it stood', () => {
    for (const text of everyString(ALPHABET, 0, 4)) {
      const decoder = new LineDecoder({ limit: 3 });
      decoder.read(octetsOf(text), 0);
      decoder.reset();
      expect(decoder).toMatchObject({ line: undefined, fault: undefined, faultAt: 0, length: 0 });
      decoder.read(octetsOf('\n'), 0);
      decoder.read(octetsOf('\r\n'), 0);
      expect(decoder).toMatchObject({ line: octetsOf('\n'), fault: 'bare-lf', faultAt: 0 });
    }
  });
});
