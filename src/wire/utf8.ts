// UTF-8 (RFC 3629), as strictly as its §3 and §4 want: no overlong forms, no surrogates, nothing above U+10FFFF.
// A lenient decoder lets two octet sequences be one mailbox (RFC 3629 §10), so a malformed sequence has no text at all here:
// no replacement characters.

import { checkOctets, checkText } from './usage.ts';

const SURROGATES_FROM = 0xd800;
const SURROGATES_TO = 0xdfff;
const REPLACEMENT = 0xfffd;

// RFC 3629 §4, row for row. Only the second octet is ever bounded more tightly than 80…bf: that is what keeps out overlong
// forms (E0, F0), surrogates (ED) and what lies above U+10FFFF (F4). C0, C1 and F5…FF begin nothing.
//
//  lead from, to  second from, to  octets   value bits of the lead
const SEQUENCES: readonly (readonly [number, number, number, number, number, number])[] = [
  [0xc2, 0xdf,   0x80, 0xbf,      2,       0x1f], // UTF8-2
  [0xe0, 0xe0,   0xa0, 0xbf,      3,       0x0f], // UTF8-3
  [0xe1, 0xec,   0x80, 0xbf,      3,       0x0f],
  [0xed, 0xed,   0x80, 0x9f,      3,       0x0f],
  [0xee, 0xef,   0x80, 0xbf,      3,       0x0f],
  [0xf0, 0xf0,   0x90, 0xbf,      4,       0x07], // UTF8-4
  [0xf1, 0xf3,   0x80, 0xbf,      4,       0x07],
  [0xf4, 0xf4,   0x80, 0x8f,      4,       0x07],
];

const BY_LEAD = Array.from({ length: 0x100 }, (_, lead) => SEQUENCES.find(([from, to]) => from <= lead && lead <= to));

/** Returns the text in UTF-8. A lone surrogate, which has no UTF-8, becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  checkText(text, 'encodeUtf8', 'bücher');
  // ASCII, as nearly all of it is, octet by octet into its place: four times as fast as the plain form below.
  const octets = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) return encodeCharacters(text);
    octets[at] = unit;
  }
  return octets;
}

function encodeCharacters(text: string): Uint8Array {
  const octets: number[] = [];
  for (const character of text) {
    let point = character.codePointAt(0) ?? 0;
    if (point >= SURROGATES_FROM && point <= SURROGATES_TO) point = REPLACEMENT;
    if (point < 0x80) octets.push(point);
    else if (point < 0x800) octets.push(0xc0 | (point >> 6), tail(point));
    else if (point < 0x10000) octets.push(0xe0 | (point >> 12), tail(point >> 6), tail(point));
    else octets.push(0xf0 | (point >> 18), tail(point >> 12), tail(point >> 6), tail(point));
  }
  return Uint8Array.from(octets);
}

function tail(bits: number): number {
  return 0x80 | (bits & 0x3f);
}

/** Returns the text of the octets, with the byte order mark if there is one; undefined if they are malformed anywhere. */
export function decodeUtf8(octets: Uint8Array): string | undefined {
  checkOctets(octets);
  let text = '';
  for (let at = 0; at < octets.length; ) {
    const lead = octets[at++] ?? 0;
    if (lead < 0x80) {
      text += String.fromCharCode(lead);
      continue;
    }
    const row = BY_LEAD[lead];
    if (row === undefined) return undefined;
    const [, , secondFrom, secondTo, length, bits] = row;
    let point = lead & bits;
    for (let place = 2; place <= length; place++) {
      const octet = octets[at++]; // undefined behind the last one, and then within no bounds
      const [from, to] = place === 2 ? [secondFrom, secondTo] : [0x80, 0xbf];
      if (octet === undefined || octet < from || octet > to) return undefined;
      point = (point << 6) | (octet & 0x3f);
    }
    text += String.fromCodePoint(point);
  }
  return text;
}
