// Files and streams that are read whole, up to so many octets: what has no end (/dev/zero, a pipe that goes on) would take all memory.

import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { TextDecoder } from 'node:util';
import { concat } from '../wire/octet.ts';

/** Octets that are read at a time. */
const PIECE = 1_048_576;

/** Reads the file. Rejects with the system's error, and with one that says so where it has more than `most` octets. */
export function readWhole(path: string, most: number): Promise<Uint8Array> {
  return collectWhole(piecesOf(path), most);
}

/** The same, at once. */
export function readWholeAtOnce(path: string, most: number): Uint8Array {
  const whole = new Whole(most);
  const descriptor = openSync(path, 'r');
  try {
    for (;;) {
      const piece = new Uint8Array(PIECE);
      const length = readSync(descriptor, piece, 0, PIECE, null);
      if (length === 0) return whole.octets;
      whole.add(partOf(piece, length));
    }
  } finally {
    closeSync(descriptor);
  }
}

/** The same as text. What is no UTF-8 becomes U+FFFD. */
export async function readWholeText(path: string, most: number): Promise<string> {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await readWhole(path, most));
}

/** The same of a stream, which is left where it has more. */
export async function collectWhole(stream: AsyncIterable<Uint8Array>, most: number): Promise<Uint8Array> {
  const whole = new Whole(most);
  for await (const piece of stream) whole.add(piece);
  return whole.octets;
}

class Whole {
  readonly #most: number;
  readonly #pieces: Uint8Array[] = [];
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#size += piece.length;
    if (this.#size > this.#most) throw new Error(`it has more than ${this.#most} octets`);
  }

  get octets(): Uint8Array {
    return concat(this.#pieces);
  }
}

async function* piecesOf(path: string): AsyncGenerator<Uint8Array, void> {
  const handle = await open(path, 'r');
  try {
    for (;;) {
      const piece = new Uint8Array(PIECE);
      const { bytesRead } = await handle.read(piece, 0, PIECE, null);
      if (bytesRead === 0) return;
      yield partOf(piece, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** A pipe gives little at a time, and is not to keep as much each time. */
function partOf(piece: Uint8Array, length: number): Uint8Array {
  return length === PIECE ? piece : piece.slice(0, length);
}
