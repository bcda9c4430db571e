// What an embedder gives as the content of a mail, made into what a sender sends.

import { isAscii } from '../wire/ascii.ts';
import { concat } from '../wire/octet.ts';
import { HeaderScan } from '../relay/header-scan.ts';
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

/** RFC 6531 §3.2: an internationalized header must not go to a server without SMTPUTF8. */
function neededFor({ internationalized }: HeaderScan): Pick<Outgoing, 'parameters'> {
  return internationalized ? { parameters: { smtpUtf8: true } } : {};
}

export function ofOctets(reversePath: ReversePath, octets: Uint8Array): Outgoing {
  const eightBit = !isAscii(octets);
  const header = new HeaderScan();
  if (eightBit) header.read(octets);
  return { reversePath, octets, content: () => once(octets), size: octets.length, eightBit, ...neededFor(header) };
}

async function* once(octets: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield octets;
}

async function collect(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const octets of content) pieces.push(octets);
  return concat(pieces);
}

async function measure(content: AsyncIterable<Uint8Array>): Promise<Pick<Outgoing, 'size' | 'eightBit' | 'parameters'>> {
  const header = new HeaderScan();
  let size = 0;
  let eightBit = false;
  for await (const octets of content) {
    size += octets.length;
    header.read(octets);
    eightBit ||= !isAscii(octets);
  }
  return { size, eightBit, ...neededFor(header) };
}
