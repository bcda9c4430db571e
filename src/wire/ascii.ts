// US-ASCII, the alphabet of commands and replies (RFC 5321 §2.4), and the two ways out of it: Latin-1, which loses nothing,
// for octets that a parser is to look at; and quoting, for octets that a person is to look at.

import { EMPTY } from './octet.ts';

const HIGHEST = 0x7f;
const SPACE = 0x20;
const TILDE = 0x7e;

/** Returns an octet for each UTF-16 unit of the text; what is not ASCII becomes `?` (text that may hold it: `encodeUtf8`). */
export function encodeAscii(text: string): Uint8Array {
  if (text === '') return EMPTY;
  const octets = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    octets[at] = unit <= HIGHEST ? unit : 0x3f;
  }
  return octets;
}

/** Returns a character for each octet, U+0000 to U+00FF, whatever the octets: offsets in the text are offsets in the octets. */
export function decodeLatin1(octets: Uint8Array): string {
  return decodeLatin1Run(octets, 0, octets.length);
}

/** The same for the octets from `from` to `to`, without a view of them. */
export function decodeLatin1Run(octets: Uint8Array, from: number, to: number): string {
  if (to - from <= MOST_ARGUMENTS) return characters(octets, from, to);
  let text = '';
  for (let at = from; at < to; at += MOST_ARGUMENTS) text += characters(octets, at, Math.min(at + MOST_ARGUMENTS, to));
  return text;
}

/** Octets to a slice, because arguments live on the stack. */
const MOST_ARGUMENTS = 4_096;

function characters(octets: Uint8Array, from: number, to: number): string {
  const units = new Array<number>(to - from); // octets themselves are taken too, but not as fast: a command line of 25 costs 90 ns for 190
  for (let at = from; at < to; at++) units[at - from] = octets[at] ?? 0;
  return String.fromCharCode.apply(undefined, units);
}

/** Returns whether no octet is above 0x7f. */
export function isAscii(octets: Uint8Array): boolean {
  // An index, since iterating costs ten times as much; and no way out in between, which lets the loop run freely.
  let all = 0;
  for (let at = 0; at < octets.length; at++) all |= octets[at] ?? 0;
  return all <= HIGHEST;
}

/** Returns whether no character is above U+007F. */
export function isAsciiText(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > HIGHEST) return false;
  return true;
}

/**
 * Quotes what a peer sent, for a message or a log: on one line, in printable ASCII (and the `…` that says that it was cut).
 *
 * Printable characters stand as they are, but `\` is `\\`; any other octet is `\xHH`, any character above U+00FF `\u{H…}`.
 * At most `most` octets or characters are shown.
 */
export function quote(source: Uint8Array | string, most = 40): string {
  const text = typeof source === 'string' ? source : decodeLatin1(source.subarray(0, most + 1));
  let quoted = '';
  let shown = 0;
  for (const character of text) {
    if (shown++ === most) return `${quoted}…`;
    const point = character.codePointAt(0) ?? 0;
    if (character === '\\') quoted += '\\\\';
    else if (point >= SPACE && point <= TILDE) quoted += character;
    else if (point <= 0xff) quoted += `\\x${point.toString(16).padStart(2, '0')}`;
    else quoted += `\\u{${point.toString(16)}}`;
  }
  return quoted;
}
