// As much of a peer's reply as is kept and told.
//
// Choice: the first ten lines, and of each 480 characters: nobody reads more, and each of a thousand recipients may have one.

import type { Reply } from './reply.ts';

/** Returns as much of a reply as is kept and told: the very same one, where that is all of it. */
export function abridged(given: Reply): Reply {
  return cut(given, 10, 480);
}

/** Returns as much as is kept and told where there is hardly room for what has been said: 100 characters. */
export function brief(given: Reply): Reply {
  return cut(given, 1, 100);
}

/** Returns the characters that the reply has. */
export function lengthOf({ lines }: Reply): number {
  return lines.reduce((sum, { length }) => sum + length, 0);
}

function cut(given: Reply, most: number, longest: number): Reply {
  if (given.lines.length <= most && given.lines.every(({ length }) => length <= longest)) return given;
  return { ...given, lines: given.lines.slice(0, most).map((line) => (line.length > longest ? own(`${line.slice(0, longest - 3)}...`) : line)) };
}

/** The same text in memory of its own: one that was made of a piece of another keeps all of that. */
function own(text: string): string {
  return String.fromCharCode(...Array.from({ length: text.length }, (_, at) => text.charCodeAt(at)));
}
