// A folder of transcripts, a file for each session (`--trace`, `ehlo record`).
//
// Rule 1: what is written is handed to the system before the session goes on: the trace of a session that ends the program is
//         there. Costs a system call for each segment: tracing is for looking at things.
// Rule 2: a trace that cannot be written ends by itself; the session knows nothing of it. The first one is told of, and no other
//         until one was written whole: a disk that is full has the same to say of every session.
// Rule 3: files are the owner's alone (0600), and so is the folder where it is made here (0700): they hold mail.

import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeUtf8 } from '../wire/utf8.ts';
import { OWNER_ONLY } from './durable.ts';
import { errorText } from './error-text.ts';
import { makeFolder } from './folder.ts';

/** One transcript under way. */
export interface TraceFile {
  readonly name: string;
  readonly write: (text: string) => void;
  readonly close: () => void;
}

export class TraceFolder {
  readonly #folder: string;
  readonly #failed: (text: string) => void;
  readonly #tag: string;
  #count = 0;
  #ailing = false; // one could not be written, and none has been since

  private constructor(folder: string, failed: (text: string) => void, tag: string) {
    this.#folder = folder;
    this.#failed = failed;
    this.#tag = tag;
  }

  /** Makes the folder where there is none; rejects where that cannot be, or nothing can be written into it. `failed` is told of files that cannot be written. `tag` tells the names from those of another process. */
  static async open(folder: string, failed: (text: string) => void, tag = ''): Promise<TraceFolder> {
    await makeFolder(folder, OWNER_ONLY.folder);
    await access(folder, constants.W_OK | constants.X_OK);
    return new TraceFolder(folder, failed, tag);
  }

  /** Begins the file of one more session: `2026-11-23T18-40-12.123Z-1-server.smtp`. */
  begin(kind: string): TraceFile {
    const name = `${new Date().toISOString().replaceAll(':', '-')}-${this.#tag}${++this.#count}-${kind}.smtp`;
    const path = join(this.#folder, name);
    let descriptor: number | undefined;
    let broken = false;
    const attempt = (action: () => void): void => {
      try {
        action();
      } catch (error) {
        broken = true;
        if (!this.#ailing) this.#failed(`the trace ${path} ends here: ${errorText(error)}; until one is whole again, nothing is said of others`);
        this.#ailing = true;
        close();
      }
    };
    const close = (): void => {
      const closed = descriptor;
      descriptor = undefined;
      if (closed === undefined) return;
      attempt(() => closeSync(closed)); // that fails where what was written is written only then
      if (!broken) this.#ailing = false;
    };
    attempt(() => (descriptor = openSync(path, 'wx', 0o600)));
    const write = (text: string): void => {
      attempt(() => {
        const octets = encodeUtf8(text);
        for (let at = 0; descriptor !== undefined && at < octets.length; ) at += writeSync(descriptor, octets, at);
      });
    };
    return { name, write, close };
  }
}
