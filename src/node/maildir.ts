// Final delivery into a Maildir: written under tmp/, synced, renamed into new/, and new/ synced before the mail is acknowledged.
//
// The octets are those of the mail data, CRLF included. A Return-Path goes in front (RFC 5321 §4.4).
// What a process of ours that died has left under tmp/ is removed when a Maildir is opened, once it is 36 hours old: others may write
// there at this moment, and that is the time that the convention gives them.

import { constants } from 'node:fs';
import { access, readdir, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { checkObject, checkPath, UsageError } from '../wire/usage.ts';
import { encodeUtf8 } from '../wire/utf8.ts';
import { formatReturnPath } from '../syntax/trace.ts';
import { parseReversePath, type ReversePath } from '../syntax/path.ts';
import type { Signal } from './aborter.ts';
import { checkOctets } from './content-source.ts';
import { DurableFile, makeDirectories } from './durable.ts';
import { parsed } from './given-path.ts';
import { newId } from './id.ts';
import { nodeProcess } from './on-demand.ts';

const process = nodeProcess();

/** Milliseconds after which nobody can still be writing a file under tmp/. */
const LEFT_BEHIND = 36 * 3_600_000;

/** The name that a mail has here. What bears another is left alone: the folder, named by mistake, may be somebody's home, and the one below it his. */
const OWN_NAME = /^[0-9a-z]+\.\d+_\d+\./;

/** A Maildir that mails are delivered into: each is durable before it counts as delivered. */
export class Maildir {
  readonly #directory: string;
  #count = 0;

  private constructor(directory: string) {
    if (typeof directory !== 'string') throw new UsageError('a Maildir is opened: await Maildir.open(directory)'); // `private` is a word of types
    this.#directory = directory;
  }

  /** Opens the Maildir, and makes it on first use. Rejects where nothing can be delivered into it. It stays where it is when the program goes to another directory. */
  static async open(directory: string): Promise<Maildir> {
    checkPath(directory, ['directory', './Maildir']);
    const path = resolve(directory);
    await makeDirectories(path, ['tmp', 'new', 'cur']);
    for (const name of ['tmp', 'new']) await access(join(path, name), constants.W_OK | constants.X_OK); // else each mail would be refused
    for (const name of await readdir(join(path, 'tmp'))) {
      if (!OWN_NAME.test(name)) continue;
      const file = join(path, 'tmp', name);
      const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Infinity })); // it was delivered just now
      if (Date.now() - mtimeMs > LEFT_BEHIND) await unlink(file).catch(() => undefined); // nor is it in the way
    }
    return new Maildir(path);
  }

  /**
   * Delivers a mail; when this resolves it survives the loss of power. If `content` throws, or comes as anything but octets, nothing is
   * delivered, nor once the signal has aborted.
   */
  async deliver(reversePath: ReversePath | string, content: AsyncIterable<Uint8Array>, options: { readonly signal?: Signal | undefined } = {}): Promise<void> {
    checkObject(options, 'the signal must be in an object');
    const from = parsed(reversePath, parseReversePath);
    const name = `${newId()}.${process.pid}_${++this.#count}.${hostname().replace(/[/:]/g, '_')}`;
    const file = await DurableFile.create(join(this.#directory, 'tmp'), name);
    try {
      await file.write(encodeUtf8(formatReturnPath(from)));
      for await (const octets of content) {
        checkOctets(octets);
        await file.write(octets);
      }
      await file.commit(join(this.#directory, 'new'), name, options.signal);
    } catch (error) {
      await file.discard();
      throw error;
    }
  }
}
