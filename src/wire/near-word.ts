// Which word was meant by one that is none of them: for the slips of people who write options.

/** Characters of what was written that are compared: it may be a file by mistake. */
const MOST_COMPARED = 80;

/** Returns the word that is as it was written but for three letters at most, and half of them; undefined: none is. */
export function nearWord(written: string, words: readonly string[]): string | undefined {
  const [nearest] = words.map((word) => ({ word, distance: editDistance(written.slice(0, MOST_COMPARED), word) })).sort((a, b) => a.distance - b.distance);
  return nearest !== undefined && nearest.distance <= Math.min(3, written.replace(/^-+/, '').length / 2) ? nearest.word : undefined;
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
