// What an embedder gives as the content of a mail, made into what a sender sends.
//
// Choice: nobody looks for UTF-8 in the header (RFC 6531 §3.6 frees a client of that): what holds octets above 127 goes as
//         8BITMIME, as it always went. Whoever knows that a mail needs SMTPUTF8 says so, as its addresses do.

import { isAscii } from '../wire/ascii.ts';
import { concat } from '../wire/octet.ts';
import type { ReversePath } from '../syntax/path.ts';
import type { Outgoing } from './sender.ts';

/** Content to relay: all of it, a stream that is read into memory, or a function that gives the same stream each time. */
export type Content = Uint8Array | AsyncIterable<Uint8Array> | (() => AsyncIterable<Uint8Array>);

/** Returns the mail with the size and kind of its content; a promise of it, where the content is a stream. Rejects where that cannot be read. */
export function outgoingOf(reversePath: ReversePath, content: Content): Outgoing | Promise<Outgoing> {
  if (content instanceof Uint8Array) return ofOctets(reversePath, content);
  if (typeof content === 'function') return measure(content()).then((measured) => ({ reversePath, content, ...measured }));
  return collect(content).then((octets) => ofOctets(reversePath, octets));
}

export function ofOctets(reversePath: ReversePath, octets: Uint8Array): Outgoing {
  return { reversePath, octets, content: () => once(octets), size: octets.length, eightBit: !isAscii(octets) };
}

async function* once(octets: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield octets;
}

async function collect(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const octets of content) pieces.push(octets);
  return concat(pieces);
}

async function measure(content: AsyncIterable<Uint8Array>): Promise<Pick<Outgoing, 'size' | 'eightBit'>> {
  let size = 0;
  let eightBit = false;
  for await (const octets of content) {
    size += octets.length;
    eightBit ||= !isAscii(octets);
  }
  return { size, eightBit };
}
