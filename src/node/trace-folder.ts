// A folder of transcripts, a file for each session (`--trace`, `ehlo record`).
//
// Rule 1: what is written is handed to the system before the session goes on: the trace of a session that ends the program is
//         there. Costs a system call for each segment: tracing is for looking at things.
// Rule 2: a trace that cannot be written ends by itself, and is told of once; the session knows nothing of it.
// Rule 3: files are the owner's alone (0600), and so is the folder where it is made here (0700): they hold mail.

import { closeSync, openSync, writeSync } from 'node:fs';
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

  private constructor(folder: string, failed: (text: string) => void, tag: string) {
    this.#folder = folder;
    this.#failed = failed;
    this.#tag = tag;
  }

  /** Makes the folder where there is none; rejects where that cannot be. `failed` is told of files that cannot be written. `tag` tells the names from those of another process. */
  static async open(folder: string, failed: (text: string) => void, tag = ''): Promise<TraceFolder> {
    await makeFolder(folder, OWNER_ONLY.folder);
    return new TraceFolder(folder, failed, tag);
  }

  /** Begins the file of one more session: `2026-11-23T18-40-12.123Z-1-server.smtp`. */
  begin(kind: string): TraceFile {
    const name = `${new Date().toISOString().replaceAll(':', '-')}-${this.#tag}${++this.#count}-${kind}.smtp`;
    const path = join(this.#folder, name);
    let descriptor: number | undefined;
    let told = false;
    const close = (): void => {
      const closed = descriptor;
      descriptor = undefined;
      if (closed !== undefined) attempt(() => closeSync(closed)); // that fails where what was written is written only then
    };
    const attempt = (action: () => void): void => {
      try {
        action();
      } catch (error) {
        if (!told) this.#failed(`the trace ${path} ends here: ${errorText(error)}`);
        told = true;
        close();
      }
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
