// Misuse of a command, as a value: one line that says what was wrong and what would be right.

export interface Misuse {
  readonly type: 'misuse';
  readonly text: string;
}

export function misuse(text: string): Misuse {
  return { type: 'misuse', text };
}

/** Characters that are shown of what was written: it may be a file by mistake. */
const MOST_SHOWN = 80;

/** Returns what was written for a line that is about it: in double quotes, cut where it is long. */
export function quoted(written: string): string {
  return JSON.stringify(cut(written));
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
  const near = short.length > 0 ? short : wordsNear(written, words);
  return near.length === 1 ? `did you mean ${near[0]}?` : `expected one of ${(near.length > 0 ? near : words).join(', ')}`;
}

/** The word that is as it was written but for three letters at most, and half of them; or none. */
function wordsNear(written: string, words: readonly string[]): readonly string[] {
  const [nearest] = words.map((word) => ({ word, distance: editDistance(cut(written), word) })).sort((a, b) => a.distance - b.distance);
  return nearest !== undefined && nearest.distance <= Math.min(3, written.replace(/^-+/, '').length / 2) ? [nearest.word] : [];
}

/** Levenshtein's distance, one row of his table at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const substitution = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(substitution, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
