// All that the journal wants of a file system: nine operations on files below one directory, and an end.
//
// Rule 1: nothing is durable before it is synced: octets by `sync` of the file, names by `syncFolder` of the folder. Without
//         it a crash may keep any part of it, in any order.
// Rule 2: every write is at a given place and complete when it resolves, so a short one is looped without doubt about the rest.
// Rule 3: an operation that fails is never tried again here: after a failed sync the kernel may have forgotten what it had to write.
//
// Paths are relative, `folder/name`; the folders exist.

import { close, constants, fdatasync, fstat, fsync, ftruncate, open as openFile, writev } from 'node:fs';
import { open, readdir, rename, stat, statfs, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { decodeLatin1 } from '../wire/ascii.ts';
import { makeDirectories, OWNER_ONLY, syncDirectory } from './durable.ts';
import { errorCode } from './error-text.ts';
import { makeFolder } from './folder.ts';
import { expectOwn } from './own-folder.ts';
import { parseFormat } from './queue-format.ts';

export interface Disk {
  /** Names in a folder, in no order. */
  list(folder: string): Promise<readonly string[]>;
  /** Octets of a file from `at` (default: its beginning), at most `length` (default: all): fewer where it ends. Rejects where there is no such file. */
  read(path: string, at?: number, length?: number): Promise<Uint8Array>;
  /** Writes the pieces one after the other from `at` on; makes the file when there is none. */
  write(path: string, pieces: readonly Uint8Array[], at: number): Promise<void>;
  /** Makes the octets of a file durable. */
  sync(path: string): Promise<void>;
  /** Cuts a file off; durable after `sync`. */
  truncate(path: string, length: number): Promise<void>;
  /** Gives a file another name, in place of a file that has it. */
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Makes the names in a folder durable, whether made or removed. `''`: the directory itself. */
  syncFolder(folder: string): Promise<void>;
  /** Octets that can still be written, and found again. */
  free(): Promise<number>;
  close(): Promise<void>;
}

export const FOLDERS = ['journal', 'msg', 'tmp', 'dead'] as const;

/** Those that files come from, or go to, by another name alone. */
const RENAMING: readonly (typeof FOLDERS)[number][] = ['msg', 'tmp', 'dead'];

/**
 * A directory of the machine. A file that was written stays open until it is renamed or removed, and the folders are open as
 * long as the disk is: what has to be synced, or cut off, can be where no more files can be opened. Whoever connects to us takes
 * descriptors away.
 *
 * What goes with every mail, writes and syncs, goes by descriptors and callbacks: by FileHandles and their promises it took
 * 8 µs more of the main thread each.
 */
export class FileDisk implements Disk {
  readonly #directory: string;
  readonly #counts: { syncs: number };
  readonly #open = new Map<string, number>(); // descriptors
  readonly #folders = new Map<string, number>(); // likewise

  private constructor(directory: string, counts: { syncs: number }) {
    this.#directory = directory;
    this.#counts = counts;
  }

  /** Makes the directory and its folders where they are missing, durably. Rejects, and changes nothing, where the directory is no queue's, and not empty, or one's of another version. Counts its syncs. */
  static async open(directory: string, counts: { syncs: number } = { syncs: 0 }): Promise<FileDisk> {
    await makeDirectories(directory, []); // the folders above it too: a name that is lost takes with it all that is below
    const disk = new FileDisk(directory, counts);
    if ((await disk.list('')).includes('FORMAT')) parseFormat(decodeLatin1(await disk.read('FORMAT'))); // before anything is made in what may be another's
    else await expectOwn(directory, [...FOLDERS, 'part', 'need', 'control'], ['tmp']);
    for (const folder of FOLDERS) await makeFolder(join(directory, folder), OWNER_ONLY.folder);
    const { dev } = await stat(directory);
    for (const folder of RENAMING) if ((await stat(join(directory, folder))).dev !== dev) throw new Error(`${folder} is on another file system: expected it on that of the queue, within which a file can have another name`);
    await syncDirectory(directory);
    await syncDirectory(dirname(directory)).catch((error: unknown) => {
      if (errorCode(error) !== 'EACCES') throw error; // else it may be entered, and not read: whoever made the queue there for us, long ago, was another
    });
    for (const folder of ['', ...FOLDERS]) disk.#folders.set(folder, await descriptorOf(disk.#path(folder), constants.O_RDONLY));
    return disk;
  }

  /** A name that is no UTF-8 is none of ours, and Node tells it as another, which is not there. */
  async list(folder: string): Promise<readonly string[]> {
    return (await readdir(this.#path(folder))).filter((name) => !name.includes('\ufffd'));
  }

  async read(path: string, at = 0, length = Infinity): Promise<Uint8Array> {
    const file = await open(this.#path(path), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)); // a pipe of that name is never opened otherwise, and here it is empty
    try {
      const octets = new Uint8Array(Math.max(0, Math.min(length, (await file.stat()).size - at))); // not `length`, most of which is seldom there
      let filled = 0;
      while (filled < octets.length) {
        const { bytesRead } = await this.#about(path, file.read(octets, filled, Math.min(octets.length - filled, LONGEST_READ), at + filled));
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return octets.subarray(0, filled);
    } finally {
      await file.close();
    }
  }

  async write(path: string, pieces: readonly Uint8Array[], at: number): Promise<void> {
    let descriptor = this.#open.get(path);
    if (descriptor === undefined) {
      descriptor = await descriptorOf(this.#path(path), constants.O_RDWR | constants.O_CREAT);
      this.#open.set(path, descriptor);
    }
    await this.#about(path, writeAll(writev, descriptor, pieces, at));
  }

  async sync(path: string): Promise<void> {
    this.#counts.syncs++;
    const descriptor = this.#open.get(path);
    if (descriptor === undefined) return this.#with(path, (file) => file.datasync());
    await this.#about(path, result<void>((done) => fdatasync(descriptor, done)));
  }

  /** A sync of data alone may leave the old length. */
  async truncate(path: string, length: number): Promise<void> {
    const descriptor = this.#open.get(path);
    if (descriptor !== undefined) {
      await this.#about(path, result<void>((done) => ftruncate(descriptor, length, done)));
      return this.#about(path, result<void>((done) => fsync(descriptor, done)));
    }
    await this.#with(path, async (file) => {
      await file.truncate(length);
      await file.sync();
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(this.#path(from), this.#path(to));
    await this.#forget(from);
  }

  async unlink(path: string): Promise<void> {
    await this.#forget(path); // first: a name that is wanted no more is not missed by `free`
    await unlink(this.#path(path));
  }

  async syncFolder(folder: string): Promise<void> {
    const descriptor = this.#folders.get(folder);
    if (descriptor === undefined) throw new Error(`the disk has no folder ${folder}, or is closed`);
    await this.#about(folder, result<void>((done) => fsync(descriptor, done)));
  }

  /** Rejects where a file of the journal has lost its name to another hand, or to another file: nothing that is written to it would be found again. */
  async free(): Promise<number> {
    for (const [path, descriptor] of this.#open) if (path.startsWith('journal/')) await this.#expectName(path, descriptor);
    const { blocks, bavail, bsize } = await statfs(this.#directory);
    return blocks === 0 ? Infinity : bavail * bsize; // 0: in memory, for example, where nobody has set a size
  }

  async close(): Promise<void> {
    for (const path of [...this.#open.keys()]) await this.#forget(path);
    for (const [folder, descriptor] of [...this.#folders]) {
      if (!this.#folders.delete(folder)) continue; // another call closes it: by now the number may be another file's
      await result<void>((done) => close(descriptor, done));
    }
  }

  async #expectName(path: string, descriptor: number): Promise<void> {
    let other = false;
    try {
      const [named, own] = [await stat(this.#path(path)), await result<{ readonly dev: number; readonly ino: number }>((done) => fstat(descriptor, done))];
      other = named.ino !== own.ino || named.dev !== own.dev;
    } catch (error) {
      if (errorCode(error) === 'ENOENT' && this.#open.has(path)) throw error; // else it was closed meanwhile, or nobody can tell
    }
    if (other && this.#open.get(path) === descriptor) throw new Error(`another file has taken the place of '${this.#path(path)}'`);
  }

  async #with(path: string, action: (file: FileHandle) => Promise<void>): Promise<void> {
    const file = await open(this.#path(path), 'r+');
    try {
      await this.#about(path, action(file));
    } finally {
      await file.close();
    }
  }

  async #forget(path: string): Promise<void> {
    const descriptor = this.#open.get(path);
    this.#open.delete(path);
    if (descriptor !== undefined) await result<void>((done) => close(descriptor, done));
  }

  /** The error of a descriptor does not say which file it is about. */
  #about<Value>(path: string, operation: Promise<Value>): Promise<Value> {
    return operation.catch((error: unknown) => {
      if (error instanceof Error) error.message += ` '${this.#path(path)}'`;
      throw error;
    });
  }

  #path(path: string): string {
    return join(this.#directory, path);
  }
}

/** What there may be too little of, by the code of the error. It passes, and what is on the disk is as it was. */
const SHORTAGES = { ENOSPC: 'no room', EDQUOT: 'no room', EMFILE: 'too many open files', ENFILE: 'too many open files', EFBIG: 'file too large' } as const;

/** What an error, or what caused it, says there is too little of; undefined: it is about something else. */
export function shortageOf(error: unknown): (typeof SHORTAGES)[keyof typeof SHORTAGES] | undefined {
  if (!(error instanceof Error)) return undefined;
  const found = errorCode(error);
  const code = Object.keys(SHORTAGES).find((each): each is keyof typeof SHORTAGES => each === found);
  return code === undefined ? shortageOf(error.cause) : SHORTAGES[code];
}

/**
 * Tells whether an error says that there is too little of something: what asked for it is refused, and all else goes on. Not that a
 * file would be too large (`ulimit -f`), which does not pass: all that asks for more of this file is refused then.
 */
export function isFull(error: unknown): error is Error {
  const shortage = shortageOf(error);
  return shortage !== undefined && shortage !== 'file too large';
}

const LONGEST_READ = 1 << 30; // what one system call takes is a little less than 2 GiB

/** Writes all pieces, however short the writes of the system are. @internal */
export function writeAll(write: typeof writev, descriptor: number, pieces: readonly Uint8Array[], at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const go = (rest: readonly Uint8Array[], place: number): void =>
      write(descriptor, rest, place, (error, written) => {
        if (error !== null) return reject(error);
        if (written === lengthOf(rest)) return resolve();
        if (written === 0) return reject(new Error('the disk takes no more octets and does not say why'));
        go(behind(rest, written), place + written);
      });
    go(pieces, at);
  });
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}

/** The pieces without their first octets. */
function behind(pieces: readonly Uint8Array[], octets: number): readonly Uint8Array[] {
  let skip = octets;
  return pieces.flatMap((piece) => {
    const rest = piece.subarray(Math.min(skip, piece.length));
    skip -= piece.length - rest.length;
    return rest.length === 0 ? [] : [rest];
  });
}

function descriptorOf(path: string, flags: number): Promise<number> {
  return result<number>((done) => openFile(path, flags, OWNER_ONLY.file, done));
}

/** A promise of what Node calls back with. */
function result<Value>(call: (done: (error: Error | null, value: Value) => void) => void): Promise<Value> {
  return new Promise((resolve, reject) => call((error, value) => (error === null ? resolve(value) : reject(error))));
}
