import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/syntax/fault.ts';
import { formatPath, parseForwardPath, parseReversePath } from '../../src/syntax/path.ts';
import { testTable } from './table.ts';

const key = ({ key }: { readonly key: string }): string => key;

// shows RFC5321:4.1.1.3-12 RFC5321:4.1.2-2 RFC5321:4.1.2-3 RFC5321:4.1.2-4 RFC5321:4.1.2-5 RFC5321:C-5
testTable('path', { parse: parseForwardPath, result: key, format: formatPath });
// shows RFC5321:4.1.2-1
testTable('reverse-path', { parse: parseReversePath, result: key, format: formatPath });
// shows RFC6531:3.2-2 RFC6531:3.3-3 RFC6531:3.3-4
testTable('path-utf8', { parse: (text) => parseForwardPath(text, { utf8: true }), result: key, format: formatPath });

describe('a path (RFC 5321 §4.1.2)', () => {
  it('keeps its source route in the text, and out of the mailbox', () => {
    const path = parseForwardPath('<@One.example,@two.example:Bob@Example.org>');
    expect(path).toMatchObject({
      type: 'path',
      text: '<@One.example,@two.example:Bob@Example.org>',
      sourceRoute: [{ type: 'domain', text: 'One.example', key: 'one.example' }, { text: 'two.example' }],
      mailbox: { type: 'mailbox', text: 'Bob@Example.org', localPart: 'Bob' },
      key: 'Bob@example.org',
    });
  });

  it('may be postmaster alone as a forward-path, and null as a reverse-path', () => {
    expect(parseForwardPath('<PostMaster>')).toEqual({ type: 'postmaster', text: '<PostMaster>', key: 'postmaster' });
    expect(parseReversePath('<>')).toEqual({ type: 'null', text: '<>', key: '' });
  });
});

describe('the length of a path (RFC 5321 §4.5.3.1.3)', () => {
  // "<" 64 "@" 63 "." 63 "." 62 ">" is 256 octets.
  const domain = `${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;

  it('may be 256 octets with its punctuation, and not more', () => {
    const longest = `<${'a'.repeat(64)}@${domain}>`;
    expect(longest).toHaveLength(256);
    expect(parseForwardPath(longest)).toMatchObject({ type: 'path', text: longest });
    expect(parseForwardPath(longest.replace('>', 'd>'))).toMatchObject({ fault: 'path-too-long', at: 0, source: 'RFC 5321 §4.5.3.1.3' });
  });

  it('includes the source route', () => {
    const route = (length: number): string => `<@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(length)}:a@b>`;
    expect(parseReversePath(route(65 - 0 - 5))).toMatchObject({ type: 'path' });
    expect(route(63)).toHaveLength(253);
    expect(parseReversePath(route(63).replace('a@b', 'aaaa@b'))).toMatchObject({ type: 'path' });
    expect(parseReversePath(route(63).replace('a@b', 'aaaaa@b'))).toMatchObject({ fault: 'path-too-long' });
  });

  it('is counted in octets of UTF-8', () => {
    const path = `<${'ü'.repeat(32)}@${domain}>`;
    expect(parseForwardPath(path, { utf8: true })).toMatchObject({ type: 'path' });
    expect(parseForwardPath(path.replace('>', 'd>'), { utf8: true })).toMatchObject({ fault: 'path-too-long' });
  });

  it('is told after what is too long inside', () => {
    expect(parseForwardPath(`<${'a'.repeat(65)}@${domain}>`)).toMatchObject({ fault: 'local-part-too-long' });
    expect(parseForwardPath(`<a@${domain}.${domain}>`)).toMatchObject({ fault: 'domain-too-long' });
  });
});

// The grammar of §4.1.2 and §4.1.3 once more, as one regular expression and in no other respect like the parser.
const DOMAIN = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*';
const DOT_STRING = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*";
const QUOTED_STRING = '"(?:[ !#-[\\]-~]|\\\\[ -~])*"';
const LITERAL = '\\[(?:1\\.2\\.3\\.4|[A-Za-z0-9-]*[A-Za-z0-9]:[!-Z^-~]+)\\]'; // of IPv4 what the pieces below can make; no IPv6
const PATH = new RegExp(`^<(?:@${DOMAIN}(?:,@${DOMAIN})*:)?(?:${DOT_STRING}|${QUOTED_STRING})@(?:${DOMAIN}|${LITERAL})>$`);

describe('the path grammar, against a regular expression transcribed from the ABNF', () => {
  const compare = (text: string): number => {
    const reverse = parseReversePath(text);
    const forward = parseForwardPath(text);
    const expected = PATH.test(text);
    const taken = !isFault(forward) && forward.text === text && !isFault(reverse) && reverse.text === text;
    if (taken !== expected || isFault(forward) !== !expected || (isFault(reverse) !== !expected && text !== '<>')) {
      throw new Error(`${JSON.stringify(text)} is ${expected ? 'a path' : 'no path'}`);
    }
    return expected ? 1 : 0;
  };

  const all = (prefix: string, pieces: readonly string[], left: number): number =>
    compare(prefix) + (left === 0 ? 0 : pieces.reduce((count, piece) => count + all(prefix + piece, pieces, left - 1), 0));

  it('takes the same strings of "<" and up to four of its punctuation', () => {
    expect(all('<', ['a', '.', '@', '"', '\\', '<', '>', '[', ']', ':', ',', ' '], 4)).toBe(1);
  });

  it('takes the same strings of "<" and up to six of what most depends on', () => {
    expect(all('<', ['a', '.', '@', '"', '\\', '>', '[', ']'], 6)).toBe(16);
  });

  it('takes the same strings of up to three characters without the bracket in front', () => {
    expect(all('', ['a', '-', '.', '@', '"', '\\', '>', '[', ']', ':', ',', ' ', '\0', '\x7f', 'ö'], 3)).toBe(0);
  });

  it('takes the same strings of up to seven larger pieces', () => {
    expect(all('<', ['@a', 'a', '"', '\\', '-', ',', ':', '[1.2.3.4]', '[a:<]'], 5)).toBe(0);
    let count = 0;
    for (const start of ['<@a:', '<@a,@a:', '<"', '<a', '<a@', '<a@a', '<a.a@a.a']) {
      for (const end of ['>', '@a>', '"@a>', ':a@a>', ',@a:a@a>']) {
        const inside = (text: string, left: number): void => {
          count += compare(text + end);
          if (left > 0) for (const piece of ['@a', 'a', '.', '"', '\\', '-', ':', ',', '>', '[1.2.3.4]', '[a:]']) inside(text + piece, left - 1);
        };
        inside(start, 3);
      }
    }
    expect(count).toBeGreaterThan(1000);
  });
});
