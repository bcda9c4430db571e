// Directories, made with those above them.
//
// Rule 1: one at a time, from the lowest one that is there. Node's own way down (`recursive`) never comes to an end where the
//         system says that a directory is missing though the one above it is there, as Linux does in /proc: it spins, and
//         nothing can stop it.

import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes a directory where there is none, and those above it. Returns those that were made, from the highest down. Rejects with the system's error. */
export async function makeFolder(path: string, mode?: number): Promise<readonly string[]> {
  if (await isFolder(path)) return [];
  const above = await makeFolder(dirname(path));
  try {
    await mkdir(path, mode);
  } catch (error) {
    if (await isFolder(path)) return above; // another process was quicker
    throw error;
  }
  return [...above, path];
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isDirectory(), () => path === dirname(path)); // the highest one is there, whatever the system says
}
