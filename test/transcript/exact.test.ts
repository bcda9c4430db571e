import { describe, expect, it } from 'vitest';
import { formatExact, parseExact } from '../../src/transcript/exact.ts';

const octets = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

describe('exact octets as text', () => {
  it('spell every octet in printable ASCII, and read it back', () => {
    const all = Uint8Array.from({ length: 256 }, (_, octet) => octet);
    const text = formatExact(all);
    expect(text).toMatch(/^[ -~]*$/);
    expect(parseExact(text)).toEqual(all);
  });

  it.each([
    ['', []],
    ['a b', [0x61, 0x20, 0x62]],
    ['\\"\\\\\\/', [0x22, 0x5c, 0x2f]],
    ['\\b\\f\\n\\r\\t', [0x08, 0x0c, 0x0a, 0x0d, 0x09]],
    ['\\x00\\xfF', [0x00, 0xff]],
    ['\\u0041\\u00e9', [0x41, 0xc3, 0xa9]],
    ['\\ud83d\\udce7', [0xf0, 0x9f, 0x93, 0xa7]],
    ['é📧', [0xc3, 0xa9, 0xf0, 0x9f, 0x93, 0xa7]],
    ['\\x41\\u0042C\\n', [0x41, 0x42, 0x43, 0x0a]],
  ])('read %j', (text, values) => {
    expect(parseExact(text)).toEqual(octets(...values));
  });

  it.each([
    ['a"b', 1],
    ['ab\\', 2],
    ['\\a', 0],
    ['\\0', 0],
    ['x\\x4', 1],
    ['x\\xg0', 1],
    ['\\u00e', 0],
    ['\\n\\ud83d', 2], // half a pair
    ['\\udce7\\ud83d', 0],
    ['\\ud83dx\\udce7', 0],
  ])('tell where %j spells nothing', (text, at) => {
    expect(parseExact(text)).toBe(at);
  });

  it('prefer the short escapes that are no letters of their own', () => {
    expect(formatExact(octets(0x0d, 0x0a, 0x09, 0x08, 0x00, 0x7f, 0x80))).toBe('\\r\\n\\t\\x08\\x00\\x7f\\x80');
    expect(formatExact(octets(0x22, 0x5c, 0x2f))).toBe('\\"\\\\/');
  });
});
