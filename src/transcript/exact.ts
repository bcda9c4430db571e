// Exact octets as text, both ways: JSON's escapes, and `\xHH` for one octet.
//
// Every octet string has a spelling of printable ASCII, so a transcript can hold any traffic and be read on paper.

import { encodeUtf8 } from '../wire/utf8.ts';
import { concat } from '../wire/octet.ts';

const ESCAPES: Readonly<Record<string, number>> = {
  '"': 0x22, '\\': 0x5c, '/': 0x2f, b: 0x08, f: 0x0c, n: 0x0a, r: 0x0d, t: 0x09,
};

/** What stands between escapes, one octet, characters by number (surrogates in pairs), and the short escapes. */
const PIECE = /([^"\\]+)|\\x([0-9A-Fa-f]{2})|((?:\\u[0-9A-Fa-f]{4})+)|\\(["\\/bfnrt])/gy;

/**
 * The octets that the text between the quotes spells, characters above 0x7f in UTF-8; or the offset, in characters, at
 * which it spells nothing.
 */
export function parseExact(text: string): Uint8Array | number {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [all, plain, octet, characters, escape] of text.matchAll(PIECE)) {
    if (octet !== undefined) parts.push(Uint8Array.of(Number.parseInt(octet, 16)));
    else if (escape !== undefined) parts.push(Uint8Array.of(ESCAPES[escape] ?? 0));
    else {
      const decoded = plain ?? (characters ?? '').replaceAll(/\\u(.{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
      if (/\p{Surrogate}/u.test(decoded)) return at; // half a pair has no UTF-8 (RFC 3629 §3)
      parts.push(encodeUtf8(decoded));
    }
    at += all.length;
  }
  return at === text.length ? concat(parts) : at;
}

/** The octets as text between quotes, all of it printable ASCII. */
export function formatExact(octets: Uint8Array): string {
  let text = '';
  for (const octet of octets) text += SPELLINGS[octet];
  return text;
}

const SPELLINGS: readonly string[] = Array.from({ length: 256 }, (_, octet) => {
  switch (octet) {
    case 0x09: return '\\t';
    case 0x0a: return '\\n';
    case 0x0d: return '\\r';
    case 0x22: return '\\"';
    case 0x5c: return '\\\\';
    default: return octet >= 0x20 && octet < 0x7f ? String.fromCharCode(octet) : `\\x${octet.toString(16).padStart(2, '0')}`;
  }
});

/** What no line of a transcript may hold: what cannot be seen, and a space at its end. */
export const UNSEEN = /(?! )[\p{C}\p{Z}]| $/gu;

/** The text with each character that nobody would see, or that a terminal may act upon, as `\u{202e}`. */
export function seen(text: string): string {
  return text.replace(UNSEEN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** The text that was made seen so; what stands behind another backslash is the text's own. */
export function unseen(text: string): string {
  return text.replace(/(?<!\\)\\u\{([0-9a-f]{1,5}|10[0-9a-f]{4})\}/g, (spelled, point: string) => {
    const character = String.fromCodePoint(Number.parseInt(point, 16));
    return seen(character) === spelled ? character : spelled;
  });
}
