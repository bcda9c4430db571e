// xtext (RFC 3461 §4), the encoding of the values of ORCPT and ENVID, and of AUTH on MAIL (RFC 4954 §5); and the escapes that stand
// in its place in addresses of the type utf-8 (RFC 6533 §3).
//
// On both sides of xtext a character stands for an octet, U+0000 to U+00FF. Whether the octets make sense is for whoever wanted them.

import { checkText, UsageError } from './usage.ts';

/** Returns the text in xtext: "!" to "~" as they are, except "+" and "="; all others as hexchar. Throws UsageError for a character above U+00FF. */
export function encodeXtext(text: string): string {
  checkText(text, 'encodeXtext', 'a=b');
  return text.replace(/[^!-*,-<>-~]/gu, (character) => {
    const octet = character.codePointAt(0) ?? 0;
    if (octet > 0xff) throw new UsageError('xtext encodes octets: characters above U+00FF have none, encode them first');
    return `+${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

/** Returns the text that the xtext encodes; undefined when it is not xtext. Lower case hexadecimal digits are not. */
export function decodeXtext(text: string): string | undefined {
  checkText(text, 'decodeXtext', 'a+3Db');
  if (/[^!-<>-~]|\+(?![0-9A-F]{2})/.test(text)) return undefined;
  return text.replace(/\+(..)/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

/** Returns the text with `\x{HEXPOINT}` for each character that `escaped` matches, such as an address of the type utf-8 has. */
export function escapeUnicode(text: string, escaped: RegExp): string {
  return text.replace(escaped, (character) => `\\x{${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(2, '0')}}`);
}
