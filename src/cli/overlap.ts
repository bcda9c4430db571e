// Whether mail that is delivered would lie among the files of the queue, or the queue among the mail. Each has a `tmp`, which the
// queue empties when it is opened; and who reads a Maildir moves and removes what stands in it.
//
// Rule 1: a folder is where it really is, symbolic links followed. Neither of them has to be there yet.
//
// A queue beside `new`, `cur` and `tmp`, in the folder of the Maildir, is nobody's harm.

import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { quoted } from './misuse.ts';

/** Returns what is wrong with the two folders, and what would be right. */
export async function overlapOf(maildir: string, queue: string): Promise<string | undefined> {
  const files = await realPathOf(queue);
  for (const name of ['new', 'cur', 'tmp']) {
    const folder = join(maildir, name);
    const mail = await realPathOf(folder);
    if (isWithin(files, mail)) return `--queue ${quoted(queue)}: expected a folder outside of ${quoted(folder)}, which is for the mail of --maildir`;
    if (isWithin(mail, files)) return `--maildir ${quoted(maildir)}: expected a folder outside of --queue ${quoted(queue)}`;
  }
  return undefined;
}

/** Where the lowest folder on the way that is there really is, and the rest of the way. */
async function realPathOf(path: string): Promise<string> {
  const whole = resolve(path);
  const above = dirname(whole);
  return realpath(whole).catch(async () => (above === whole ? whole : join(await realPathOf(above), basename(whole)))); // whoever opens it says what is wrong
}

function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(join(outer, '/'));
}
