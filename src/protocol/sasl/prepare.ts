// SASLprep (RFC 4013), the preparation of user names and passwords, without which one name has many spellings.
//
// Departs: RFC 4013 is written on Unicode 3.2 and its tables; here the engine's Unicode is used, as RFC 8265, which replaces it,
// has it. They differ for characters assigned since then: 3.2 would take them as they are in queries, and refuse them in what is
// stored. Departs: LCat of RFC 3454 table D.2 is taken as all letters, letter numbers and spacing marks that are not in D.1.

// RFC 4013 §2.1, by the tables of RFC 3454. U+200B is in both; a space is what implementations make of it.
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu; // C.1.2
const NOTHING = /[\u00ad\u034f\u1806\u180b-\u180d\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]/gu; // B.1

// RFC 4013 §2.3: controls, private use, surrogates and non-characters, and the tables that have no property for them.
const PROHIBITED = new RegExp(
  '[\\p{Cc}\\p{Co}\\p{Cs}\\p{Noncharacter_Code_Point}' + // C.2.1, most of C.2.2, C.3, C.4, C.5
    '\\u06dd\\u070f\\u180e\\u2028\\u2029\\u2061-\\u2063\\u206a-\\u206f\\ufff9-\\ufffc\\u{1d173}-\\u{1d17a}' + // the rest of C.2.2
    '\\ufffd\\u2ff0-\\u2ffb\\u0340\\u0341\\u200e\\u200f\\u202a-\\u202e\\u{e0001}\\u{e0020}-\\u{e007f}]', // C.6, C.7, C.8, C.9
  'u',
);

const UNASSIGNED = /\p{Cn}/u; // A.1

// RFC 3454 table D.1, characters written from right to left.
const RIGHT_TO_LEFT =
  '\\u05be\\u05c0\\u05c3\\u05d0-\\u05ea\\u05f0-\\u05f4\\u061b\\u061f\\u0621-\\u063a\\u0640-\\u064a\\u066d-\\u066f\\u0671-\\u06d5\\u06dd' +
  '\\u06e5\\u06e6\\u06fa-\\u06fe\\u0700-\\u070d\\u0710\\u0712-\\u072c\\u0780-\\u07a5\\u07b1\\u200f\\ufb1d\\ufb1f-\\ufb28\\ufb2a-\\ufb36' +
  '\\ufb38-\\ufb3c\\ufb3e\\ufb40\\ufb41\\ufb43\\ufb44\\ufb46-\\ufbb1\\ufbd3-\\ufd3d\\ufd50-\\ufd8f\\ufd92-\\ufdc7\\ufdf0-\\ufdfc' +
  '\\ufe70-\\ufe74\\ufe76-\\ufefc';
const ANY_RIGHT_TO_LEFT = new RegExp(`[${RIGHT_TO_LEFT}]`, 'u');
const ENDS_RIGHT_TO_LEFT = new RegExp(`^[${RIGHT_TO_LEFT}](?:.*[${RIGHT_TO_LEFT}])?$`, 'su');
const ANY_LEFT_TO_RIGHT = new RegExp(`(?![${RIGHT_TO_LEFT}])[\\p{L}\\p{Nl}\\p{Mc}]`, 'u');

/**
 * UTF-16 units of a text that is not ASCII. RFC 4616 §2 wants 255 octets to be taken, and who tries passwords can send 9,000: marks
 * in the wrong order take NFKC the square of their number (measured: 10 ms for those, five times a connection; 0.1 ms for so many).
 */
const LONGEST = 512;

/**
 * Returns the prepared text; undefined where it holds what is prohibited, where it is too long, or where nothing is left of it.
 *
 * A 'query' is what a peer presents, and may hold unassigned characters; what is 'stored', or is to match it, may not
 * (RFC 3454 §7).
 */
export function prepare(text: string, use: 'query' | 'stored'): string | undefined {
  if (/^[\x20-\x7e]+$/.test(text)) return text;
  if (text.length > LONGEST) return undefined;
  const prepared = text.replace(SPACES, ' ').replace(NOTHING, '').normalize('NFKC');
  if (prepared === '' || PROHIBITED.test(prepared)) return undefined;
  if (use === 'stored' && UNASSIGNED.test(prepared)) return undefined;
  // RFC 3454 §6: what is written in both directions could be shown as something else.
  if (ANY_RIGHT_TO_LEFT.test(prepared) && (ANY_LEFT_TO_RIGHT.test(prepared) || !ENDS_RIGHT_TO_LEFT.test(prepared))) return undefined;
  return prepared;
}
