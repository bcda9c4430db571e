import { describe, expect, it } from 'vitest';
import { TEXT_EDGES, TextCheck, type TextPlace } from '../../src/wire/text-check.ts';
import { type Cuts, cut, everyCut, everyString, everyStringInLines, octetsOf, someCuts } from './every.ts';
import { edgesTaken, everyEdge } from './walk.ts';

const ALPHABET = '\r\na';

function check(text: string, cuts: Cuts, lineLimit: number): string {
  const found = new TextCheck({ lineLimit });
  for (const segment of cut(text, cuts)) found.write(segment);
  found.end();
  return `${found.fault} at ${found.faultAt}`;
}

/** RFC 5321 §2.3.8 and §4.5.3.1.6, in words, over the whole text at once, to which the CRLF is added that it does not end in. */
function oracle(text: string, lineLimit: number): string {
  const bare = /\r(?!\n)|(?<!\r)\n/.exec(text);
  let at = 0;
  let long: number | undefined;
  for (const line of `${text}${text.endsWith('\r\n') ? '' : '\r\n'}`.split(/(?<=\r\n)/)) {
    if (line.length > lineLimit) long ??= at + lineLimit;
    at += line.length;
  }
  if (long !== undefined && (bare === null || long <= bare.index)) return `text-line-too-long at ${long}`;
  return bare === null ? 'undefined at 0' : `${bare[0] === '\r' ? 'bare-cr' : 'bare-lf'} at ${bare.index}`;
}

/** Compares by hand: `expect` is for the case that they differ. */
function agree(text: string, ways: readonly Cuts[], lineLimit: number): void {
  const wanted = oracle(text, lineLimit);
  for (const cuts of ways) {
    const found = check(text, cuts, lineLimit);
    if (found !== wanted) expect({ text, cuts, found }).toEqual({ text, cuts, found: wanted });
  }
}

describe('the first fault of a text', () => {
  for (const lineLimit of [2, 3, 4, Infinity]) {
    it(`is the same for every string up to 7 under every segmentation, by a limit of ${lineLimit} octets`, () => {
      for (let length = 0; length <= 7; length++) {
        const ways = length < 6 ? everyCut(length) : someCuts(length);
        for (const text of everyString(ALPHABET, length, length)) agree(text, ways, lineLimit);
      }
    });
  }

  it('is the same wherever CR or LF stands in long lines, by any limit', () => {
    for (const [text, ways] of everyStringInLines(ALPHABET)) for (const lineLimit of [Infinity, 45, 46, 47]) agree(text, ways, lineLimit);
  });

  it('takes every edge of its table', () => {
    expect(edgesTaken<TextPlace>(TEXT_EDGES, 'text', ['\r', '\n', '\0', 'a'], 4)).toEqual(everyEdge(TEXT_EDGES));
  });

  it('is known before its line has ended', () => {
    const found = new TextCheck({ lineLimit: 1_000 });
    found.write(octetsOf(`ok\r\n${'x'.repeat(1_000)}`));
    expect(found.fault).toBeUndefined();
    found.write(octetsOf('x'));
    expect(found).toMatchObject({ fault: 'text-line-too-long', faultAt: 1_004 });
  });

  it('counts the CRLF that the last line gets on its way', () => {
    expect(check('x'.repeat(998), [], 1_000)).toBe('undefined at 0');
    expect(check('x'.repeat(999), [], 1_000)).toBe('text-line-too-long at 1000');
  });
});
