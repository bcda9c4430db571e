// Whose a directory is. Before there is a FORMAT, what stands in it may be somebody else's: a queue makes room for its folders, and
// empties some of them when it is opened.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What may stand there besides folders: of the lock, and at the root of a file system. */
const OTHERS = ['lock', 'lock.key', 'lost+found'] as const;

/**
 * Rejects where the directory, which has no FORMAT, holds what no queue holds that has yet to be made whole: a name that is not among
 * `own`, or anything in a folder of `emptied` but what is to be the FORMAT.
 */
export async function expectOwn(directory: string, own: readonly string[], emptied: readonly string[]): Promise<void> {
  const known = new Set([...own, ...OTHERS]);
  const foreign = (await readdir(directory)).filter((name) => !known.has(name));
  for (const folder of emptied) {
    const within = await readdir(join(directory, folder)).catch(() => []); // it is yet to be made, or no folder, and told so where it is made
    foreign.push(...within.filter((name) => !name.startsWith('FORMAT')).map((name) => join(folder, name)));
  }
  if (foreign.length > 0) throw new Error(`it holds ${foreign.length > 2 ? `${foreign.slice(0, 2).join(', ')} and ${foreign.length - 2} more` : foreign.join(' and ')}, and no FORMAT, as a queue has: a queue wants a folder of its own`);
}
