// The character sets of the grammar (RFC 5321 §4.1.2 and §4.1.3, RFC 5322 §3.2.3 for atext) and runs of them.
//
// All scans of this layer go through `run`: one character at a time, forwards, none of them looked at twice. With `utf8` a
// character above U+007F belongs to every set that is asked for with it (RFC 6531 §3.3), but never half a surrogate pair.

export const ALPHA = 1;
export const DIGIT = 2;
export const LDH = 4;
export const HELO_LABEL = 8;
export const ATEXT = 16;
export const QTEXT = 32;
export const DCONTENT = 64;
export const ESMTP_VALUE = 128;
export const GRAPHIC = 256;
export const PRINTABLE = 512;
export const WORD = 1024;

const MEMBERS: readonly (readonly [number, RegExp])[] = [
  [ALPHA,       /[A-Za-z]/],
  [DIGIT,       /[0-9]/],
  [LDH,         /[A-Za-z0-9-]/],
  [HELO_LABEL,  /[A-Za-z0-9_-]/], //                    of the name in EHLO: see `parseHost`
  [ATEXT,       /[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]/], //  RFC 5322 §3.2.3
  [QTEXT,       /[ !#-[\]-~]/], //                      RFC 5321 §4.1.2 qtextSMTP: %d32-33 / %d35-91 / %d93-126
  [DCONTENT,    /[!-Z^-~]/], //                         §4.1.3: %d33-90 / %d94-126
  [ESMTP_VALUE, /[!-<>-~]/], //                         §4.1.2: %d33-60 / %d62-126
  [GRAPHIC,     /[!-~]/], //                            §4.1.1.1 ehlo-param: %d33-126
  [PRINTABLE,   /[ -~]/], //                            §4.1.2 quoted-pairSMTP: %d32-126
  [WORD,        /[!#-'*-:<-Z\]-~]/], //                 of a clause of §4.4 outside of quotes, brackets and comments
];

/** For each ASCII character the sets that it belongs to. */
const SETS = Uint16Array.from({ length: 128 }, (_, code) =>
  MEMBERS.reduce((sets, [set, members]) => (members.test(String.fromCharCode(code)) ? sets | set : sets), 0),
);

/** Tells whether the character at `at` is of one of `sets`; none is at the end. */
export function belongs(text: string, at: number, sets: number): boolean {
  if (at >= text.length) return false;
  const code = text.charCodeAt(at);
  return code < 0x80 && ((SETS[code] ?? 0) & sets) !== 0;
}

/** Returns the index of the first character from `at` on that is of none of `sets`. */
export function run(text: string, at: number, sets: number, utf8 = false): number {
  let end = at;
  while (end < text.length) {
    const code = text.charCodeAt(end);
    if (code < 0x80) {
      if (((SETS[code] ?? 0) & sets) === 0) break;
      end += 1;
    } else {
      const units = utf8 ? unitsOf(text, end, code) : 0;
      if (units === 0) break;
      end += units;
    }
  }
  return end;
}

/** Returns the number of UTF-16 units of the character at `at`, 0 for half a surrogate pair. */
function unitsOf(text: string, at: number, code: number): number {
  if (code < 0xd800 || code > 0xdfff) return 1;
  const next = at + 1 < text.length ? text.charCodeAt(at + 1) : 0;
  return code < 0xdc00 && next >= 0xdc00 && next <= 0xdfff ? 2 : 0;
}

/** Tells whether the characters from `start` to `end` are more than `limit` octets of UTF-8. */
export function exceeds(text: string, start: number, end: number, limit: number): boolean {
  if (end - start > limit) return true;
  if ((end - start) * 3 <= limit) return false;
  let octets = 0;
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at);
    octets += code < 0x80 ? 1 : code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 2 : 3;
  }
  return octets > limit;
}
