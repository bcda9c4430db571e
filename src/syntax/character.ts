// The character sets of the grammar (RFC 5321 §4.1.2 and §4.1.3, RFC 5322 §3.2.3 for atext) and runs of them.
//
// All scans of this layer go through `run`: one character at a time, forwards, none of them looked at twice. With `utf8` a
// character above U+007F belongs to every set that is asked for with it (RFC 6531 §3.3), but never half a surrogate pair.

export const ALPHA = 1;
export const DIGIT = 2;
export const LDH = 4; // ALPHA / DIGIT / "-"
export const HELO_LABEL = 8; // LDH / "_": see `parseHost`
export const ATEXT = 16;
export const QTEXT = 32; // qtextSMTP
export const DCONTENT = 64;
export const ESMTP_VALUE = 128;
export const GRAPHIC = 256; // %d33-126: ehlo-param
export const PRINTABLE = 512; // %d32-126
export const WORD = 1024; // what a clause of a Received field may hold outside of quotes and brackets

/** For each ASCII character the sets that it belongs to. */
const SETS: Uint16Array = ((): Uint16Array => {
  const sets = new Uint16Array(128);
  for (let code = 0; code < 128; code += 1) {
    const character = String.fromCharCode(code);
    if (/[A-Za-z]/.test(character)) sets[code] = ALPHA | LDH | HELO_LABEL;
    if (/[0-9]/.test(character)) sets[code] = DIGIT | LDH | HELO_LABEL;
    if (character === '-') sets[code] = LDH | HELO_LABEL;
    if (character === '_') sets[code] = HELO_LABEL;
    if (/[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]/.test(character)) sets[code] = (sets[code] ?? 0) | ATEXT;
    if (/[ -~]/.test(character)) sets[code] = (sets[code] ?? 0) | PRINTABLE;
    if (/[!-~]/.test(character)) sets[code] = (sets[code] ?? 0) | GRAPHIC;
    if (/[ -~]/.test(character) && !/["\\]/.test(character)) sets[code] = (sets[code] ?? 0) | QTEXT;
    if (/[!-~]/.test(character) && !/[[\\\]]/.test(character)) sets[code] = (sets[code] ?? 0) | DCONTENT;
    if (/[!-~]/.test(character) && character !== '=') sets[code] = (sets[code] ?? 0) | ESMTP_VALUE;
    if (/[!-~]/.test(character) && !/["();[\\]/.test(character)) sets[code] = (sets[code] ?? 0) | WORD;
  }
  return sets;
})();

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
