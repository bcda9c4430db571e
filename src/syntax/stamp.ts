// The inside of a Received field (RFC 5321 §4.4 Stamp) as clauses: a name, a value, and the comments behind them.
//
// Comments are taken in every place where CFWS or the parentheses of TCP-info may stand. Left out: which clauses there are.

import { DCONTENT, run, WORD } from './character.ts';
import { unexpected } from './fault.ts';
import type { Fault } from './fault.ts';
import { quotedStringEnd } from './mailbox.ts';
import { commentEnd, foldingSpaceEnd } from './white-space.ts';

export interface Clause {
  /** In lower case: ABNF's strings have no case. */
  readonly name: string;
  readonly value: string;
  readonly at: number;
  /** Without the outer parentheses; quoted pairs are as written. */
  readonly comments: readonly string[];
}

/** Returns the clauses from `at` to the semicolon, and where that stands. */
export function readStamp(text: string, at: number): { readonly clauses: readonly Clause[]; readonly end: number } | Fault {
  const clauses: Clause[] = [];
  let comments: string[] = [];
  for (let next = at; ; ) {
    next = foldingSpaceEnd(text, next);
    if (text.startsWith('(', next) && clauses.length > 0) {
      const end = commentEnd(text, next);
      if (typeof end !== 'number') return end;
      comments.push(text.slice(next + 1, end - 1));
      next = end;
    } else if (text.startsWith(';', next)) {
      return { clauses, end: next };
    } else {
      const nameEnd = wordEnd(text, next, 'a clause or ";"');
      if (typeof nameEnd !== 'number') return nameEnd;
      const start = foldingSpaceEnd(text, nameEnd);
      const end = wordEnd(text, start, 'the value of the clause');
      if (typeof end !== 'number') return end;
      comments = [];
      clauses.push({ name: text.slice(next, nameEnd).toLowerCase(), value: text.slice(start, end), at: next, comments });
      next = end;
    }
  }
}

/** Returns the index behind the word at `at`: an Atom, String, Path, Mailbox, Domain or address literal. */
function wordEnd(text: string, at: number, expected: string): number | Fault {
  for (let next = at; ; ) {
    if (text.startsWith('"', next)) {
      const end = quotedStringEnd(text, next, true);
      if (typeof end !== 'number') return end;
      next = end;
    } else if (text.startsWith('[', next)) {
      next = run(text, next + 1, DCONTENT);
      if (!text.startsWith(']', next)) return unexpected('bad-trace', text, next, '"]"', 'RFC 5321 §4.1.3');
    } else {
      const end = run(text, next, WORD, true);
      if (end === next) return end > at ? end : unexpected('bad-trace', text, at, expected, 'RFC 5321 §4.4 Stamp');
      next = end;
    }
  }
}
