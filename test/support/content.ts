// Content in tests: text that comes in pieces, and all of what came.

import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { concat } from '../../src/wire/octet.ts';
import { latin1 } from './raw-peer.ts';

/** Text as octets, one a character. */
export async function* inPieces(...texts: readonly string[]): AsyncGenerator<Uint8Array, void> {
  for (const text of texts) yield latin1(text);
}

export async function allOf(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const octets of content) pieces.push(octets.slice());
  return concat(pieces);
}

/** The same as text, a character for each octet. */
export async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  return decodeLatin1(await allOf(content));
}
