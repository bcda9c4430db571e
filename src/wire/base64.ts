// Base 64, for the SASL exchanges of RFC 4954 §4, as RFC 4648 §4 has it.
//
// Strict, so that a credential has one encoding: whole quanta, padding where it is due and nowhere else (§3.2), trailing bits
// zero (§3.5), and nothing outside the alphabet, line ends and spaces included (§3.3).

import { checkOctets, checkText } from './usage.ts';

const ALPHABET =
  'ABCDEFGHIJKLMNOP' + // 0x00
  'QRSTUVWXYZabcdef' + // 0x10
  'ghijklmnopqrstuv' + // 0x20
  'wxyz0123456789+/'; //  0x30

const VALUES: ReadonlyMap<string, number> = new Map([...ALPHABET].map((character, value) => [character, value]));

/** Returns the octets in base 64, with padding, in one line. */
export function encodeBase64(octets: Uint8Array): string {
  checkOctets(octets);
  let text = '';
  for (let at = 0; at < octets.length; at += 3) {
    const [first = 0, second, third] = octets.subarray(at, at + 3);
    const bits = (first << 16) | ((second ?? 0) << 8) | (third ?? 0);
    text += ALPHABET.charAt(bits >> 18);
    text += ALPHABET.charAt((bits >> 12) & 0x3f);
    text += second === undefined ? '=' : ALPHABET.charAt((bits >> 6) & 0x3f);
    text += third === undefined ? '=' : ALPHABET.charAt(bits & 0x3f);
  }
  return text;
}

/** Returns the octets that the text encodes; undefined unless it is exactly what `encodeBase64` gives for some octets. */
export function decodeBase64(text: string): Uint8Array | undefined {
  checkText(text, 'decodeBase64', 'aGVsbG8=');
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  const octets = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0;
  let held = 0; // how many of the low bits of `bits` belong to no octet yet
  let filled = 0;
  for (let at = 0; at < digits; at++) {
    const value = VALUES.get(text.charAt(at));
    if (value === undefined) return undefined;
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      octets[filled++] = bits >> held;
    }
  }
  const trailing = bits & ((1 << held) - 1);
  return trailing === 0 ? octets : undefined;
}
