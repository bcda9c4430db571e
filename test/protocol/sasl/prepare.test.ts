import { describe, expect, it } from 'vitest';
import { prepare } from '../../../src/protocol/sasl/prepare.ts';

describe('SASLprep', () => {
  // RFC 4013 §3, row for row.
  it.each([
    ['I\u00adX', 'IX', 'soft hyphen mapped to nothing'],
    ['user', 'user', 'no transformation'],
    ['USER', 'USER', 'case preserved, will not match #2'],
    ['\u00aa', 'a', 'output is NFKC, input in ISO 8859-1'],
    ['\u2168', 'IX', 'output is NFKC, will match #1'],
    ['\u0007', undefined, 'Error - prohibited character'],
    ['\u0627\u0031', undefined, 'Error - bidirectional check'],
  ])('makes of %j %j: %s (RFC 4013 §3)', (text, prepared, _remark) => {
    expect(prepare(text, 'query')).toBe(prepared);
    expect(prepare(text, 'stored')).toBe(prepared);
  });

  it.each([
    ['a b', 'a b'],
    ['a\u00a0b\u3000c\u200bd', 'a b c d'], // C.1.2
    ['\u00ad\u200da\ufeff', 'a'], // B.1
    ['\u00bd', '1\u20442'], // RFC 5802 §3 names this character
    ['\u00b4', ' \u0301'], // and this
    ['e\u0301', '\u00e9'],
    ['\u{1d400}', 'A'],
    ['\u0627\u0031\u0628', '\u0627\u0031\u0628'],
    ['\u05d0', '\u05d0'],
    ['\u{10348}', '\u{10348}'],
    ['a~!"', 'a~!"'],
  ])('makes of %j %j', (text, prepared) => {
    expect(prepare(text, 'stored')).toBe(prepared);
  });

  // found by trying: names of 4,500 marks in the wrong order, 60 a second, took all of a server's time
  it('takes no text so long that its normal form is a burden, but for ASCII, of which there is none', () => {
    expect(prepare('\u00e9'.repeat(512), 'query')).toBe('\u00e9'.repeat(512));
    expect(prepare(`a${'\u0301'.repeat(256)}${'\u0323'.repeat(256)}`, 'query')).toBe(undefined);
    expect(prepare('x'.repeat(9_000), 'query')).toBe('x'.repeat(9_000));
  });

  it.each([
    ['nothing', ''],
    ['nothing is left', '\u00ad'],
    ['C.2.1', 'a\0'],
    ['C.2.1', 'a\x7f'],
    ['C.2.2', 'a\u0085'],
    ['C.2.2', 'a\u2028'],
    ['C.2.2', 'a\u2061'],
    ['C.2.2', 'a\ufffc'],
    ['C.2.2', '\u{1d173}'],
    ['C.3', '\ue000'],
    ['C.3', '\u{f0000}'],
    ['C.4', '\ufdd0'],
    ['C.4', '\u{1fffe}'],
    ['C.5', '\ud800'],
    ['C.6', '\ufffd'],
    ['C.7', '\u2ff0'],
    ['C.8', 'a\u200e'],
    ['C.8', 'a\u202e'],
    ['C.9', '\u{e0041}'],
    ['RFC 3454 §6', '\u05d0a\u05d0'],
    ['RFC 3454 §6', '1\u05d0'],
  ])('refuses %s: %j', (_, text) => {
    expect(prepare(text, 'query')).toBeUndefined();
    expect(prepare(text, 'stored')).toBeUndefined();
  });

  it('takes what is unassigned in a query, and not in what is stored (RFC 3454 §7)', () => {
    expect(prepare('\u0378', 'query')).toBe('\u0378');
    expect(prepare('\u0378', 'stored')).toBeUndefined();
  });

  it('leaves as it is what it has prepared', () => {
    for (let point = 0; point < 0x3000; point++) {
      const once = prepare(String.fromCodePoint(point), 'query');
      if (once !== undefined && prepare(once, 'query') !== once) expect({ point, once }).toBe('the same');
    }
  });
});
