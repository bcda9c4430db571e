// Content in blocks, however small the pieces that it comes in: each is a chunk of BDAT, and a server takes only so many commands.
//
// Rule 1: octets that have come wait a moment for more, and no longer: a stream may be slow, and the server's patience runs.
// Rule 2: the stream is closed in the end, also where nobody wants the rest.

import { clearTimeout, setTimeout } from 'node:timers';
import { EMPTY } from '../wire/octet.ts';

/** Octets that the server has the time of RFC 5321 §4.5.3.2.5 to take: a slow line must not be too slow for a large piece. */
export const BLOCK = 65_536;

/** Milliseconds. */
const MOMENT = 100;

/** Yields the content in blocks; views of its pieces, or octets of their own, which stay as they are. Throws what the content throws. */
export async function* inBlocks(content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const pieces = Symbol.asyncIterator in content ? content[Symbol.asyncIterator]() : content[Symbol.iterator]();
  let block = EMPTY;
  let filled = 0;
  let over: Promise<undefined> | undefined; // the moment that octets wait
  let timer: ReturnType<typeof setTimeout> | undefined;
  let open = true;
  try {
    for (let coming: Promise<IteratorResult<Uint8Array>> | undefined; ; ) {
      coming ??= next();
      const come = filled === 0 || over === undefined ? await coming : await Promise.race([coming, over]);
      if (come === undefined) {
        coming.catch(() => undefined); // it is awaited when the block has been taken
        yield block.subarray(0, filled);
        filled = 0;
        continue;
      }
      coming = undefined;
      if (come.done === true) break;
      const octets = come.value;
      for (let at = 0, end; at < octets.length; at = end) {
        end = Math.min(at + BLOCK - filled, octets.length);
        const part = octets.subarray(at, end);
        if (part.length === BLOCK) {
          yield part;
          continue;
        }
        if (filled === 0) {
          block = new Uint8Array(BLOCK); // the one before may not have been sent yet
          over = new Promise((resolve) => (timer = setTimeout(() => resolve(undefined), MOMENT)));
        }
        block.set(part, filled);
        filled += part.length;
        if (filled < BLOCK) continue;
        clearTimeout(timer);
        yield block;
        filled = 0;
      }
    }
    if (filled > 0) yield block.subarray(0, filled);
  } finally {
    clearTimeout(timer);
    if (open) await pieces.return?.();
  }

  async function next(): Promise<IteratorResult<Uint8Array>> {
    try {
      const come = await pieces.next();
      open = come.done !== true;
      return come;
    } catch (error) {
      open = false; // as `for await` has it
      throw error;
    }
  }
}
