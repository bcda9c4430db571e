import { describe, expect, it } from 'vitest';
import { decodeXtext, encodeXtext } from '../../src/wire/xtext.ts';

const EVERY_CHARACTER = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet));

describe('xtext (RFC 3461 §4)', () => {
  // shows RFC3461:4-2 RFC3461:4-3 RFC3461:4-5
  it('leaves "!" to "~" as they are, but for "+" and "="', () => {
    for (const character of EVERY_CHARACTER) {
      const plain = character >= '!' && character <= '~' && character !== '+' && character !== '=';
      expect(encodeXtext(character) === character).toBe(plain);
      expect(encodeXtext(character)).toMatch(plain ? /^.$/ : /^\+[0-9A-F]{2}$/);
    }
  });

  it('decodes to what was encoded', () => {
    for (const first of EVERY_CHARACTER) {
      for (const second of EVERY_CHARACTER) {
        const text = first + second;
        if (decodeXtext(encodeXtext(text)) !== text) expect(decodeXtext(encodeXtext(text))).toBe(text);
      }
    }
    expect(encodeXtext('')).toBe('');
    expect(encodeXtext('e+mc2=x y@example.org')).toBe('e+2Bmc2+3Dx+20y@example.org');
  });

  // shows RFC3461:4-4
  it('may write as hexchar what it need not', () => {
    expect(decodeXtext('+41+2Bb')).toBe('A+b');
  });

  it('encodes octets, and no characters that are none', () => {
    expect(() => encodeXtext('a€')).toThrow('above U+00FF');
    expect(() => encodeXtext('😀')).toThrow('above U+00FF');
  });
});

describe('what is not xtext', () => {
  it.each([
    ['a hexchar in lower case', '+2b'],
    ['a hexchar in mixed case', '+2Bx+3d'],
    ['a "+" at the end', 'a+'],
    ['half a hexchar', 'a+4'],
    ['a "+" in a hexchar', '++4'],
    ['a "+" for a space', 'a+b'],
    ['"="', 'a=b'],
    ['a space', 'a b'],
    ['a tab', 'a\tb'],
    ['CR', 'a\rb'],
    ['LF at the end', 'a\n'],
    ['NUL', '\0'],
    ['DEL', '\x7f'],
    ['a character above ASCII', 'é'],
    ['a digit that is not ASCII', '+4\uff11'],
  ])('is rejected: %s', (_, text) => {
    expect(decodeXtext(text)).toBeUndefined();
  });

  // shows RFC3461:4-2
  it('is every single character that is not an xchar', () => {
    for (const character of EVERY_CHARACTER) {
      expect(decodeXtext(character)).toBe(encodeXtext(character) === character ? character : undefined);
    }
  });
});
