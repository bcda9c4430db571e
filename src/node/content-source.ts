// What an embedder gives as the content of a mail, made into what a sender sends.
//
// Choice: nobody looks for UTF-8 in the header (RFC 6531 §3.6 frees a client of that): what holds octets above 127 goes as
//         8BITMIME, as it always went. Whoever knows that a mail needs SMTPUTF8 says so, as its addresses do.
// Rule 1: what is no octets is misuse, also in the middle of a stream: text that passed for octets would arrive as NULs.

import { isAscii } from 'node:buffer';
import { concat, EMPTY, isOctets } from '../wire/octet.ts';
import { UsageError } from '../wire/usage.ts';
import type { ReversePath } from '../syntax/path.ts';
import type { Signal } from './aborter.ts';
import { isPromise } from './hook-call.ts';
import type { Outgoing } from './sender.ts';
import { NotWaited, within } from './within.ts';

/** Content to relay: all of it, a stream that is read into memory, or a function that gives the same stream each time. It is called to measure the mail, and again for each transaction; where it gives more or less then, the mail is deferred. */
export type Content = Uint8Array | AsyncIterable<Uint8Array> | (() => AsyncIterable<Uint8Array>);

/** Returns the mail with the size and kind of its content; a promise of it, where the content is a stream. Rejects where that cannot be read, with UsageError where it is no content. Once `signal` aborts nobody waits for it, and no more of it is read: it is empty then, and not to be sent. */
export function outgoingOf(reversePath: ReversePath, content: Content, signal: Signal | undefined): Outgoing | Promise<Outgoing> {
  if (isOctets(content)) return ofOctets(reversePath, content);
  const read = typeof content === 'function' ? measured(reversePath, content, signal) : collect(content, signal).then((octets) => ofOctets(reversePath, octets));
  return within(read, { signal }).catch((error: unknown) => {
    if (error instanceof NotWaited) return ofOctets(reversePath, EMPTY);
    throw error;
  });
}

export function ofOctets(reversePath: ReversePath, octets: Uint8Array): Outgoing {
  return { reversePath, octets, content: () => once(octets), size: octets.length, eightBit: !isAscii(octets) };
}

async function* once(octets: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield octets;
}

async function collect(content: AsyncIterable<Uint8Array>, signal: Signal | undefined): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const octets of octetsOf(content, signal)) pieces.push(octets);
  return concat(pieces);
}

async function measured(reversePath: ReversePath, content: () => AsyncIterable<Uint8Array>, signal: Signal | undefined): Promise<Outgoing> {
  let size = 0;
  let eightBit = false;
  for await (const octets of octetsOf(content(), signal)) {
    size += octets.length;
    eightBit ||= !isAscii(octets);
  }
  return { reversePath, content: () => same(content(), size, eightBit), size, eightBit };
}

/** What was measured, or an error: the rest of a stream that was read already would pass for the whole mail. */
async function* same(content: AsyncIterable<Uint8Array>, size: number, eightBit: boolean): AsyncGenerator<Uint8Array, void> {
  let left = size;
  for await (const octets of octetsOf(content)) {
    left -= octets.length;
    if (left < 0 || (!eightBit && !isAscii(octets))) throw new Error(CHANGED);
    yield octets;
  }
  if (left > 0) throw new Error(CHANGED);
}

const CHANGED = 'it is not what it was when it was measured';

/** The pieces, each of which has been found to be octets, whatever its type promised; none any more once `signal` has aborted. */
async function* octetsOf(content: unknown, signal?: Signal): AsyncGenerator<Uint8Array, void> {
  if (isPromise(content)) content.then(undefined, () => undefined); // that it rejects need not end the process too
  if (!isIterable(content)) throw new UsageError(`content must be octets (Uint8Array), an async iterable of them, or a function that returns one, not ${nameOf(content)}`);
  for await (const piece of content) {
    if (signal?.aborted === true) return;
    checkOctets(piece);
    yield piece;
  }
}

/** Throws UsageError for a piece of content that is no octets, whatever its type promised. */
export function checkOctets(piece: unknown): asserts piece is Uint8Array {
  if (!isOctets(piece)) throw new UsageError(`content must come as octets (Uint8Array), not as ${nameOf(piece)}`);
}

export function isIterable(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);
}

function nameOf(value: unknown): string {
  return typeof value === 'string' ? 'text, which TextEncoder makes octets of' : Object.prototype.toString.call(value).slice('[object '.length, -1);
}
