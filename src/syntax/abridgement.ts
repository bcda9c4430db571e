// As much of a peer's reply as is kept and told.
//
// Choice: the first ten lines, and of each 480 characters: nobody reads more, and each of a thousand recipients may have one.

import type { Reply } from './reply.ts';

const MOST_LINES = 10;
const LONGEST_LINE = 480;

/** Returns as much of a reply as is kept and told: the very same one, where that is all of it. */
export function abridged(given: Reply): Reply {
  if (given.lines.length <= MOST_LINES && given.lines.every(({ length }) => length <= LONGEST_LINE)) return given;
  return { ...given, lines: given.lines.slice(0, MOST_LINES).map((line) => (line.length > LONGEST_LINE ? own(`${line.slice(0, LONGEST_LINE - 3)}...`) : line)) };
}

/** The same text in memory of its own: one that was made of a piece of another keeps all of that. */
function own(text: string): string {
  return String.fromCharCode(...Array.from({ length: text.length }, (_, at) => text.charCodeAt(at)));
}
