// Folding white space and comments of header fields (RFC 5322 §3.2.2), without the obsolete forms.

import { belongs, PRINTABLE } from './character.ts';
import { fault } from './fault.ts';
import type { Fault } from './fault.ts';

/** Returns the index behind the white space, folds and comments, any number of them, at `at`. */
export function spaceEnd(text: string, at: number): number | Fault {
  for (let next = at; ; ) {
    next = foldingSpaceEnd(text, next);
    if (!text.startsWith('(', next)) return next;
    const end = commentEnd(text, next);
    if (typeof end !== 'number') return end;
    next = end;
  }
}

/** Returns the index behind the white space and folds at `at`: a CRLF is one only where a space or tab follows it. */
export function foldingSpaceEnd(text: string, at: number): number {
  for (let next = at; ; ) {
    if (isSpace(text, next)) next += 1;
    else if (text.startsWith('\r\n', next) && isSpace(text, next + 2)) next += 3;
    else return next;
  }
}

function isSpace(text: string, at: number): boolean {
  return text.startsWith(' ', at) || text.startsWith('\t', at);
}

/** Returns the index behind the comment that begins at `at`. Comments nest; a depth is counted, so that nesting costs no stack. */
export function commentEnd(text: string, at: number): number | Fault {
  for (let next = at, depth = 0; ; ) {
    next = foldingSpaceEnd(text, next);
    if (text.startsWith('\\', next) && belongs(text, next + 1, PRINTABLE)) next += 1;
    else if (text.startsWith('(', next)) depth += 1;
    else if (text.startsWith(')', next)) depth -= 1;
    // Above U+007F: RFC 6532 §3.2.
    else if (text.startsWith('\\', next) || !(belongs(text, next, PRINTABLE) || text.charCodeAt(next) > 0x7f)) {
      return fault('bad-trace', text, next, 'ccontent or ")"', 'RFC 5322 §3.2.2 comment');
    }
    next += 1;
    if (depth === 0) return next;
  }
}
