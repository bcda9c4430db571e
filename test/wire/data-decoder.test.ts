import { describe, expect, it } from 'vitest';
import { DATA_EDGES, DataDecoder, type DataPlace } from '../../src/wire/data-decoder.ts';
import { type Cuts, cut, EVERY_STRING_CUT, everyString, everyStringCut, everyStringInLines, octetsOf, textOf } from './every.ts';
import { edgesTaken, everyEdge } from './walk.ts';

const ALPHABET = '\r\n.a';

/** What a decoder has to say about mail data, whatever the cuts. */
interface Finding {
  readonly content: string;
  readonly size: number;
  readonly ended: boolean;
  readonly consumed: number;
  readonly fault: string | undefined;
  readonly faultAt: number;
}

/** Reads one string cut in one way. */
function read(text: string, cuts: Cuts, lineLimit = Infinity): Finding {
  const decoder = new DataDecoder({ lineLimit });
  let content = '';
  let consumed = 0;
  for (const segment of cut(text, cuts)) {
    let at = 0;
    while (at < segment.length && !decoder.ended) {
      at = decoder.read(segment, at);
      content += textOf(decoder.content);
    }
    consumed += at;
  }
  const { size, ended, fault, faultAt } = decoder;
  return { content, size, ended, consumed, fault, faultAt };
}

/**
 * The same from the words of RFC 5321 §4.5.2 and §4.1.1.4, over the whole string at once: the first CRLF.CRLF ends it, where
 * the CRLF of the DATA command counts; of the lines before it, the leading dot of each that has more is deleted.
 */
function oracle(text: string, lineLimit = Infinity): Finding {
  const data = `\r\n${text}`;
  const end = data.indexOf('\r\n.\r\n');
  const ended = end >= 0;
  const lines = data.slice(2, ended ? end + 2 : undefined).split('\r\n');
  if (!ended && /^\.\r?$/.test(lines.at(-1) ?? '')) lines[lines.length - 1] = ''; // it may be the end yet
  const content = lines.map((line) => line.replace(/^\./, '')).join('\r\n');

  const faults: { readonly fault: string; readonly at: number }[] = [];
  let at = 0;
  for (const line of content.match(/[^]*?\r\n|[^]+$/g) ?? []) {
    if (line.length > lineLimit) faults.push({ fault: 'text-line-too-long', at: at + lineLimit });
    at += line.length;
  }
  for (const bare of content.matchAll(/\r(?!\n)(?!$)|(?<!\r)\n/g)) {
    faults.push({ fault: bare[0] === '\r' ? 'bare-cr' : 'bare-lf', at: bare.index });
  }
  const first = faults.sort((a, b) => a.at - b.at)[0]; // stable: of two at one octet the long line

  return {
    content,
    size: content.length,
    ended,
    consumed: ended ? end + 3 : text.length,
    fault: first?.fault,
    faultAt: first?.at ?? 0,
  };
}

/** Compares by hand, a million times and more; `expect` is for the case that they differ. */
function agree(text: string, ways: readonly Cuts[], lineLimit?: number): void {
  const wanted = oracle(text, lineLimit);
  for (const cuts of ways) {
    const found = read(text, cuts, lineLimit);
    const same =
      found.content === wanted.content &&
      found.size === wanted.size &&
      found.ended === wanted.ended &&
      found.consumed === wanted.consumed &&
      found.fault === wanted.fault &&
      found.faultAt === wanted.faultAt;
    if (!same) expect({ text, cuts, ...found }).toEqual({ text, cuts, ...wanted });
  }
}

describe('mail data, exhaustively (RFC 5321 §4.5.2)', () => {
  it(`reads ${EVERY_STRING_CUT} the same: CR, LF, dot and another`, () => {
    for (const [text, ways] of everyStringCut(ALPHABET)) agree(text, ways);
  });

  for (const lineLimit of [2, 3, 4]) {
    it(`judges lines by a limit of ${lineLimit} octets the same however it is cut`, () => {
      for (const [text, ways] of everyStringCut(ALPHABET)) agree(text, ways, lineLimit);
    });
  }

  it('reads long lines the same wherever CR, LF or a dot stands in them, by any limit', () => {
    for (const [text, ways] of everyStringInLines(ALPHABET)) for (const lineLimit of [Infinity, 45, 46, 47]) agree(text, ways, lineLimit);
  });

  it('reads pieces that are views, and pieces that are copied together, the same wherever dots part them', () => {
    const line = `${'x'.repeat(76)}\r\n`;
    const lengths = [0, 1, 31, 32, 33, 4_093, 4_094, 4_095, 4_096, 9_000];
    const pieces = lengths.map((length) => (length < 2 ? 'x'.repeat(length) : `${line.repeat(120).slice(0, length - 2)}\r\n`));
    for (const first of pieces)
      for (const second of pieces)
        for (const between of ['\r\n.', '\r\n..', '\r\n.\r', '\r\n.\r\n', '.', '\r\n..\r\n.x\r\n.']) {
          const text = `${first}${between}${second}${between}.\r\n`;
          agree(text, [[], [first.length], [first.length + 2], [first.length + 3], [first.length + between.length]], 1_000);
        }
  });

  it.each(['..\r\n', '..a\r\nb\r\n', '.a\r\n\r\n'])('makes one piece, by one copy, of a run of octets in which dots part small pieces: lines %j', (lines) => {
    const decoder = new DataDecoder({ lineLimit: 1_000 });
    const octets = octetsOf(lines.repeat(10_000));
    expect(decoder.read(octets, 0)).toBe(octets.length);
    expect(textOf(decoder.content)).toBe(lines.slice(1).repeat(10_000));
  });

  it('takes every edge of its table', () => {
    expect(edgesTaken<DataPlace>(DATA_EDGES, 'start', ['\r', '\n', '.', 'a'], 5)).toEqual(everyEdge(DATA_EDGES));
  });
});

describe('the end of mail data (§4.1.1.4)', () => {
  it('leaves what follows it for the next command', () => {
    const found = read('Subject: x\r\n\r\n..\r\n.\r\nQUIT\r\n', []);
    expect(found).toMatchObject({ content: 'Subject: x\r\n\r\n.\r\n', ended: true, consumed: 21 });
  });

  it('is a dot at once when there is no mail data', () => {
    expect(read('.\r\n', [])).toMatchObject({ content: '', size: 0, ended: true, consumed: 3 });
  });

  it.each([
    ['LF . CR LF', 'a\n.\r\n', 'bare-lf'],
    ['LF . LF', 'a\n.\n', 'bare-lf'],
    ['CR . CR LF', 'a\r.\r\n', 'bare-cr'],
    ['CR . CR', 'a\r.\r', 'bare-cr'],
    ['CR LF . LF', 'a\r\n.\n', 'bare-lf'],
    ['CR LF . CR', 'a\r\n.\rx', 'bare-cr'],
    ['CR CR LF . CR CR LF', 'a\r\r\n.\r\r\n', 'bare-cr'],
    ['CR LF NUL . CR LF', 'a\r\n\0.\r\n', undefined],
  ])('is not %s', (_, text, fault) => {
    expect(read(text, [])).toMatchObject({ ended: false, fault });
    expect(read(`${text}\r\n.\r\n`, [])).toMatchObject({ ended: true, fault });
  });

  it('is final: nothing is read behind it', () => {
    const decoder = new DataDecoder({ lineLimit: 1000 });
    const octets = octetsOf('.\r\na\n.\r\n');
    expect(decoder.read(octets, 0)).toBe(3);
    expect(decoder.read(octets, 3)).toBe(3);
    expect(decoder).toMatchObject({ ended: true, size: 0, fault: undefined });
  });
});

describe('the content', () => {
  /** The pieces of the content in one run of octets, and which of them are views of it. */
  function piecesOf(text: string): { readonly pieces: readonly string[]; readonly views: readonly boolean[] } {
    const octets = octetsOf(`DATA\r\n${text}`);
    const decoder = new DataDecoder({ lineLimit: 1000 });
    const pieces = [];
    for (let at = 6; !decoder.ended; ) {
      at = decoder.read(octets, at);
      if (decoder.content.length > 0) pieces.push(decoder.content);
    }
    return { pieces: pieces.map(textOf), views: pieces.map((piece) => piece.buffer === octets.buffer) };
  }

  it('is a view of the octets given where no dot parts it, or only one that begins it or ends the mail data', () => {
    expect(piecesOf('first\r\nsecond\r\n.\r\n')).toEqual({ pieces: ['first\r\nsecond\r\n'], views: [true] });
    expect(piecesOf('..first\r\nsecond\r\n.\r\n')).toEqual({ pieces: ['.first\r\nsecond\r\n'], views: [true] });
  });

  it('is a view of a large piece in front of a dot', () => {
    const large = 'first\r\n'.repeat(1_000);
    expect(piecesOf(`${large}..second\r\nthird\r\n.\r\n`)).toEqual({ pieces: [large, '.second\r\nthird\r\n'], views: [true, true] });
  });

  it('is one copy of small pieces that dots part', () => {
    expect(piecesOf('first\r\n..second\r\nthird\r\n..\r\n.\r\n')).toEqual({ pieces: ['first\r\n.second\r\nthird\r\n.\r\n'], views: [false] });
  });

  it('gives back a CR that was held behind a dot when the octets that it stood in are gone', () => {
    const decoder = new DataDecoder({ lineLimit: 1000 });
    const octets = octetsOf('x');
    decoder.read(octetsOf('.\r'), 0);
    expect(decoder).toMatchObject({ content: new Uint8Array(0), size: 0 });
    expect(decoder.read(octets, 0)).toBe(0);
    expect(decoder).toMatchObject({ content: octetsOf('\r'), size: 1 });
    expect(decoder.read(octets, 0)).toBe(1);
    expect(decoder).toMatchObject({ content: octets, size: 2, fault: 'bare-cr', faultAt: 0 });
  });
});

// found by reading: all decoders gave the same octet
it('content that a consumer writes into changes no other: a CR that is given back is a new one', () => {
  const given = (): Uint8Array => {
    const decoder = new DataDecoder({ lineLimit: 1000 });
    decoder.read(octetsOf('.\r'), 0);
    decoder.read(octetsOf('x'), 0);
    return decoder.content;
  };
  given().fill(0);
  expect(given()).toEqual(octetsOf('\r'));
});

describe('the length of a text line (§4.5.3.1.6)', () => {
  it('counts the CRLF and does not count the dot that was duplicated', () => {
    const longest = 'a'.repeat(997);
    expect(read(`..${longest}\r\n.\r\n`, [], 1000).fault).toBeUndefined();
    const tooLong = read(`x\r\n..a${longest}\r\n.\r\n`, [], 1000);
    expect(tooLong).toMatchObject({ fault: 'text-line-too-long', faultAt: 1003, ended: true });
  });

  it('is judged before the line has ended', () => {
    expect(read('a'.repeat(1001), [], 1000)).toMatchObject({ fault: 'text-line-too-long', faultAt: 1000, ended: false });
    expect(read('a'.repeat(1000), [], 1000).fault).toBeUndefined();
  });

  it('has no limit below a CRLF', () => {
    expect(() => new DataDecoder({ lineLimit: 1 })).toThrow('at least the 2 octets of its CRLF');
    expect(() => new DataDecoder({ lineLimit: NaN })).toThrow('at least the 2 octets of its CRLF');
  });
});

describe('a decoder that is reset', () => {
  it('reads as a new one does, wherever it stood', () => {
    for (const text of everyString(ALPHABET, 0, 4)) {
      const decoder = new DataDecoder({ lineLimit: 3 });
      decoder.read(octetsOf(text), 0);
      decoder.reset();
      const next = octetsOf('..a\n');
      expect(decoder).toMatchObject({ ended: false, size: 0, fault: undefined, faultAt: 0, content: new Uint8Array(0) });
      expect(decoder.read(next, 0)).toBe(4);
      expect(decoder).toMatchObject({ content: next.subarray(1), fault: 'bare-lf', faultAt: 2 });
    }
  });
});
