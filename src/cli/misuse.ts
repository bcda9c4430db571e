// Misuse of a command, as a value: one line that says what was wrong and what would be right.

export interface Misuse {
  readonly type: 'misuse';
  readonly text: string;
}

export function misuse(text: string): Misuse {
  return { type: 'misuse', text };
}

/** Returns which of the words may have been meant by one that is none of them, or all of them: what would be right. */
export function suggest(written: string, words: readonly string[]): string {
  const nearest = words.map((word) => ({ word, distance: editDistance(written, word) })).sort((a, b) => a.distance - b.distance)[0];
  return nearest !== undefined && nearest.distance <= 3 ? `did you mean ${nearest.word}?` : `expected one of ${words.join(', ')}`;
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
