import { describe, expect, it } from 'vitest';
import { visible } from '../../src/wire/visible.ts';

describe('text for a terminal', () => {
  it('is what it was where every character shows', () => {
    expect(visible('alice@bücher.example 例え "x" \\')).toBe('alice@bücher.example 例え "x" \\');
  });

  it.each([['\x1b[31m', '\\u001b[31m'], ['\x9b31m', '\\u009b31m'], ['\x7f', '\\u007f'], ['\r\n', '\\u000d\\u000a'], ['\u202egro', '\\u202egro'], ['\u2066\u2069\u061c\u200e\ufeff', '\\u2066\\u2069\\u061c\\u200e\\ufeff']])('says %j as %s', (text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  it('stays JSON that means the same', () => {
    const value = { header: 'Subject: \x9b31m\x7f\u202e\n"\\' };
    expect(JSON.parse(visible(JSON.stringify(value)))).toEqual(value);
  });
});
