// Misuse of a command, as a value: one line that says what was wrong and what would be right.

import { nearWord } from '../wire/near-word.ts';

export interface Misuse {
  readonly type: 'misuse';
  readonly text: string;
}

export function misuse(text: string): Misuse {
  return { type: 'misuse', text };
}

/** Characters that are shown of what was written: it may be a file by mistake. */
const MOST_SHOWN = 80;

/** Returns what was written for a line that is about it: in double quotes, cut where it is long, and without the user of a URL, or of what should have been one, who may have a password. */
export function quoted(written: string): string {
  return JSON.stringify(cut(written.replace(/:\/\/.*@/, '://…@').replace(/(^|=)[^/=:@]*:(?!\/\/).*@/, '$1…@')));
}

/** The same without the quotes. */
export function bare(written: string): string {
  return quoted(written).slice(1, -1);
}

function cut(written: string): string {
  return written.length > MOST_SHOWN ? `${written.slice(0, MOST_SHOWN)}…` : written;
}

/** Returns which of the words may have been meant by one that is none of them, or all of them: what would be right. */
export function suggest(written: string, words: readonly string[]): string {
  const short = /^-[a-z]$/i.test(written) ? words.filter((word) => word.startsWith(`-${written}`)) : []; // `-h` is no slip of `--to`
  const meant = nearWord(written, words);
  const near = short.length > 0 || meant === undefined ? short : [meant];
  return near.length === 1 ? `did you mean ${near[0]}?` : `expected one of ${(near.length > 0 ? near : words).join(', ')}`;
}
