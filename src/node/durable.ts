// Files that survive the loss of power: written under a temporary name, synced, renamed, and the directory synced, in this order.
// They hold mail, so they are their owner's alone, whatever the umask.

import { open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Pieces } from '../wire/pieces.ts';
import type { Signal } from './aborter.ts';
import { errorCode } from './error-text.ts';
import { makeFolder } from './folder.ts';

/** Permissions of what holds mail. */
export const OWNER_ONLY = { file: 0o600, folder: 0o700 } as const;

/** Makes a directory's entries durable: a rename is on the disk only after this. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } catch (error) {
    if (error instanceof Error) error.message += ` '${path}'`; // which it does not say
    throw error;
  } finally {
    await directory.close();
  }
}

/** Makes a directory that is its owner's alone where there is none, and those above it, which are as the umask has it; their entries are durable. Returns those that were made. */
export async function makeDirectory(directory: string): Promise<readonly string[]> {
  const made = await makeFolder(directory, OWNER_ONLY.folder);
  for (const each of made) await syncDirectory(dirname(each));
  return made;
}

/** Makes directories likewise, and others of these names in the first. */
export async function makeDirectories(directory: string, names: readonly string[]): Promise<void> {
  await makeDirectory(directory);
  for (const name of names) await makeFolder(join(directory, name), OWNER_ONLY.folder);
  await syncDirectory(directory);
}

/** Octets that are collected before they are written. */
const BLOCK = 65_536;

/** A file under way. It exists under its name only after `commit`. */
export class DurableFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #pieces = new Pieces(); // each is a call of the system, and a stranger can have them come as single octets
  #collected = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  static async create(directory: string, name: string): Promise<DurableFile> {
    const path = join(directory, name);
    return new DurableFile(path, await open(path, 'wx', OWNER_ONLY.file));
  }

  /** Appends octets; they must stay as they are until `commit`. */
  async write(octets: Uint8Array): Promise<void> {
    this.#pieces.add(octets, 0, octets.length, Math.max(0, BLOCK - this.#collected - octets.length));
    this.#collected += octets.length;
    if (this.#collected >= BLOCK) await this.#flush();
  }

  /** Makes the file durable as `name` in `directory`, in place of one that may have that name. If this rejects, as it does once the signal has aborted, there is no such file. */
  async commit(directory: string, name: string, signal?: Signal): Promise<void> {
    const path = join(directory, name);
    await this.#flush();
    await this.#file.sync();
    await this.#file.close();
    signal?.throwIfAborted();
    await rename(this.#path, path);
    try {
      await syncDirectory(directory);
      signal?.throwIfAborted();
    } catch (error) {
      const gone = await unlink(path).then(() => false, (reason: unknown) => errorCode(reason) === 'ENOENT');
      if (gone && signal?.aborted === true) return; // somebody has it already: it is there
      throw error;
    }
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    await this.#file.close().catch(() => undefined); // it may be closed already: what failed is reported by whoever failed
    await unlink(this.#path).catch(() => undefined); // a left-over under a temporary name is emptied at the next start
  }

  async #flush(): Promise<void> {
    this.#collected = 0;
    for (let octets of this.#pieces.take()) {
      while (octets.length > 0) octets = octets.subarray((await this.#file.write(octets)).bytesWritten);
    }
  }
}
