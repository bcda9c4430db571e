import { describe, expect, it } from 'vitest';
import { DataDecoder } from '../../src/wire/data-decoder.ts';
import { CONTENT_EDGES, type ContentPlace, DataEncoder } from '../../src/wire/data-encoder.ts';
import { concat } from '../../src/wire/octet.ts';
import { type Cuts, cut, EVERY_STRING_CUT, everyString, everyStringCut, everyStringInLines, octetsOf, textOf } from './every.ts';
import { edgesTaken, everyEdge } from './walk.ts';

const ALPHABET = '\r\n.a';

/** What an encoder makes of content, whatever the cuts. */
interface Encoded {
  readonly data: string;
  readonly fault: string | undefined;
  readonly faultAt: number;
}

function encode(content: string, cuts: Cuts): Encoded {
  const encoder = new DataEncoder();
  let data = '';
  for (const segment of cut(content, cuts)) {
    for (const view of encoder.write(segment)) data += textOf(view);
  }
  data += textOf(encoder.end());
  const { fault, faultAt } = encoder;
  return { data, fault, faultAt };
}

/**
 * The same from the words of RFC 5321 §4.5.2 and §4.1.1.4: one additional period is inserted at the beginning of each line
 * whose first character is one; CRLF is added if the content does not end in one; then comes a line that is a period.
 */
function oracle(content: string): Encoded {
  const whole = content === '' || content.endsWith('\r\n') ? content : `${content}\r\n`;
  const stuffed = whole.split('\r\n').map((line) => (line.startsWith('.') ? `.${line}` : line));
  const bare = /\r(?!\n)|(?<!\r)\n/.exec(content);
  return {
    data: `${stuffed.join('\r\n')}.\r\n`,
    fault: bare === null ? undefined : bare[0] === '\r' ? 'bare-cr' : 'bare-lf',
    faultAt: bare?.index ?? 0,
  };
}

/** Compares by hand: `expect` is for the case that they differ. */
function agree(content: string, ways: readonly Cuts[]): void {
  const wanted = oracle(content);
  for (const cuts of ways) {
    const found = encode(content, cuts);
    if (found.data === wanted.data && found.fault === wanted.fault && found.faultAt === wanted.faultAt) continue;
    expect({ content, cuts, ...found }).toEqual({ content, cuts, ...wanted });
  }
}

// found by reading: all encoders gave the same octets
it.each([['\r\n', '.\r\n'], ['x', '\r\n.\r\n']])('the end behind %j that a consumer writes into changes no other', (content, end) => {
  const given = (): Uint8Array => {
    const encoder = new DataEncoder();
    encoder.write(octetsOf(content));
    return encoder.end();
  };
  given().fill(0);
  expect(given()).toEqual(octetsOf(end));
});

describe('content, exhaustively (RFC 5321 §4.5.2)', () => {
  it(`comes out the same for ${EVERY_STRING_CUT}: CR, LF, dot and another`, () => {
    for (const [content, ways] of everyStringCut(ALPHABET)) agree(content, ways);
  });

  it('comes out the same wherever CR, LF or a dot stands in long lines', () => {
    for (const [content, ways] of everyStringInLines(ALPHABET)) agree(content, ways);
  });

  it('takes every edge of its table', () => {
    expect(edgesTaken<ContentPlace>(CONTENT_EDGES, 'start', ['\r', '\n', '.', 'a'], 5)).toEqual(everyEdge(CONTENT_EDGES));
  });
});

describe('mail data that was encoded', () => {
  it('decodes to the content, and the CRLF that it lacked, and leaves what follows it', () => {
    const rest = '.\r\nQUIT\r\n';
    for (const content of everyString(ALPHABET, 0, 7)) {
      const encoder = new DataEncoder();
      const views = encoder.write(octetsOf(content));
      const data = concat([...views, encoder.end(), octetsOf(rest)]);
      const decoder = new DataDecoder({ lineLimit: Infinity });
      let decoded = '';
      let at = 0;
      while (!decoder.ended && at < data.length) {
        at = decoder.read(data, at);
        decoded += textOf(decoder.content);
      }
      const wanted = content === '' || content.endsWith('\r\n') ? content : `${content}\r\n`;
      const left = textOf(data.subarray(at));
      if (decoded !== wanted || left !== rest) expect({ content, decoded, left }).toEqual({ content, decoded: wanted, left: rest });
    }
  });
});

describe('the views', () => {
  it('are the content itself where no line begins with a dot', () => {
    const content = octetsOf('Subject: a.b\r\n\r\nno dot. at a .start\r\n');
    expect(new DataEncoder().write(content)).toEqual([content]);
    expect(new DataEncoder().write(content)[0]?.buffer).toBe(content.buffer);
  });

  it('are views of large pieces where dots part them, each with one dot more', () => {
    const large = `${'x'.repeat(76)}\r\n`.repeat(60);
    const content = octetsOf(`${large}.a\r\n${large}.${large}`);
    const views = new DataEncoder().write(content);
    expect(views.map(textOf)).toEqual([`${large}.`, `.a\r\n${large}.`, `.${large}`]);
    expect(views.every((view) => view.buffer === content.buffer)).toBe(true);
  });

  it('are copies of small pieces together', () => {
    const content = octetsOf('.\r\na\r\n..b\r\n');
    const views = new DataEncoder().write(content);
    expect(views.map(textOf)).toEqual(['..\r\na\r\n...b\r\n']);
    content.fill(0);
    expect(views.map(textOf)).toEqual(['..\r\na\r\n...b\r\n']);
  });

  it.each(['.\r\n', '.a\r\n', '.\0\r\n', `.${'a'.repeat(40)}\r\n`, `a\r\n.\r\n`])('are few, and exactly long enough, where lines are all %j', (line) => {
    const content = octetsOf(line.repeat(Math.ceil(65_536 / line.length)));
    const views = new DataEncoder().write(content);
    expect(views.map(textOf).join('')).toBe(line.replaceAll('.', '..').repeat(content.length / line.length));
    expect(views.length).toBeLessThan(10);
  });

  it('hold lines of any length', () => {
    for (const length of [4_090, 4_091, 4_092, 4_093, 4_094, 4_095, 4_096, 4_097, 16_378, 16_384, 16_390, 40_000]) {
      const line = `.${'a'.repeat(length)}\r\n`;
      const views = new DataEncoder().write(octetsOf(`.\r\n${line}.\r\n${line}${line}`));
      expect(views.map(textOf).join('')).toBe(`..\r\n.${line}..\r\n.${line}.${line}`);
    }
  });

  it('are none of nothing', () => {
    expect(new DataEncoder().write(new Uint8Array(0))).toEqual([]);
  });
});

// shows RFC5321:2.3.8-3
describe('content that must not be sent (§2.3.8)', () => {
  it.each([
    ['a bare LF', 'a\nb\r\n', 'bare-lf', 1],
    ['a bare LF in front of a dot', 'a\r\nb\n.\r\n', 'bare-lf', 4],
    ['a bare CR', 'a\r\n\rb', 'bare-cr', 3],
    ['a CR in front of CRLF', 'a\r\r\n', 'bare-cr', 1],
    ['a CR at the very end', 'a\r\nb\r', 'bare-cr', 4],
  ])('is named: %s', (_, content, fault, faultAt) => {
    expect(encode(content, [])).toMatchObject({ fault, faultAt });
  });
});
