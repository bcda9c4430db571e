// Content on the disk: how it gets a file of its own (large mail, and larger mail that has outlived a segment), and how it is read
// back from there or from the journal. A file of its own is one ENQ record (relay/queue/record.ts), envelope and content, so
// that it can be looked at, and tells whose it is, without the journal.
//
// Rule 1: whoever reads content to its end has had its checksum compared; content that does not agree ends in an error, and so
//         never reaches the dot that would end it on the wire.

import type { Checksum } from '../relay/queue/checksum.ts';
import { encodeFact, type StoredEnvelope } from '../relay/queue/fact.ts';
import type { ContentLocation } from '../relay/queue/fold.ts';
import { FLAGS, HEADER, isSound, readHeader, seal, secretOf } from '../relay/queue/record.ts';
import { Pieces } from '../wire/pieces.ts';
import type { Disk } from './disk.ts';
import { segmentPath } from './segment-log.ts';
import type { Perform, Step } from './step.ts';

export interface ContentStore {
  readonly disk: Disk;
  readonly secret: number; // the queue's
  readonly checksum: Checksum;
  readonly perform: Perform;
}

/** What of it reading takes. */
type ContentReader = Pick<ContentStore, 'secret' | 'checksum'> & { readonly disk: Pick<Disk, 'read'> };

/** Octets that are read or written at a time. */
const BLOCK = 262_144;

export function contentPath(id: string): string {
  return `msg/${id}`;
}

/** A file of content under way. It exists under its name only after `finish`. */
export class ContentFile {
  readonly #store: ContentStore;
  readonly #id: string;
  #path: string; //              where it is now
  readonly #pieces = new Pieces(); // to be written at #at; a stranger can have them come as single octets
  #collected = 0; //             octets in #pieces
  #at = HEADER;
  #sum: number;
  readonly #flags: number; //    but for 8-bit, which is known in the end

  /** `head`: what stands in front of the content. */
  constructor(store: ContentStore, envelope: Omit<StoredEnvelope, 'size' | 'eightBit'>) {
    const head = encodeFact({ type: 'ENQ', envelope: { ...envelope, size: 0, eightBit: false }, external: false, cause: undefined }, store.checksum);
    this.#store = store;
    this.#id = envelope.id;
    this.#path = `tmp/${envelope.id}`;
    this.#sum = head.checksum;
    this.#flags = head.flags;
    this.#collect(head.octets.subarray(HEADER));
  }

  async write(octets: Uint8Array): Promise<void> {
    this.#sum = this.#store.checksum(octets, this.#sum);
    this.#collect(octets);
    if (this.#collected >= BLOCK) await this.#flush();
  }

  /** Makes the file durable, and gives it its name, which is durable after `syncFolder`. */
  async finish(eightBit: boolean, sync: Step): Promise<void> {
    const { disk, checksum, perform } = this.#store;
    await this.#flush();
    const octets = new Uint8Array(HEADER);
    const flags = (eightBit ? FLAGS.eightBit : 0) | this.#flags;
    seal({ type: 'ENQ', flags, octets, behind: [], length: this.#at - HEADER, checksum: this.#sum }, { secret: secretOf(this.#store.secret, 0), sequence: 0, watermark: 0 }, checksum);
    await disk.write(this.#path, [octets], 0);
    await perform(sync, () => disk.sync(this.#path));
    await disk.rename(this.#path, contentPath(this.#id));
    this.#path = contentPath(this.#id);
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    if (this.#at > HEADER) await this.#store.disk.unlink(this.#path);
  }

  #collect(octets: Uint8Array): void {
    this.#pieces.add(octets, 0, octets.length, Math.max(0, BLOCK - this.#collected - octets.length));
    this.#collected += octets.length;
  }

  async #flush(): Promise<void> {
    const [pieces, at] = [this.#pieces.take(), this.#at];
    this.#at += this.#collected;
    this.#collected = 0;
    if (pieces.length > 0) await this.#store.disk.write(this.#path, pieces, at);
  }
}

/** Yields the content of a mail. `locate` is asked again when it is not there any more: a checkpoint may have moved it. */
export async function* readContent(store: ContentReader, { id, size }: StoredEnvelope, locate: () => ContentLocation | undefined): AsyncGenerator<Uint8Array, void> {
  let sent = 0;
  for (;;) {
    const place = locate();
    if (place === undefined) throw new Error(`the queue has no mail ${id}`);
    let skip = sent;
    try {
      for await (const octets of readPlace(store, id, size, place)) {
        const rest = octets.subarray(Math.min(skip, octets.length));
        skip -= octets.length - rest.length;
        sent += rest.length;
        if (rest.length > 0) yield rest;
      }
      return;
    } catch (error) {
      const now = locate();
      if (now === undefined || (now.segment === place.segment && now.at === place.at)) throw error;
    }
  }
}

async function* readPlace({ disk, secret, checksum }: ContentReader, id: string, size: number, { segment, at }: ContentLocation): AsyncGenerator<Uint8Array, void> {
  const path = segment === 0 ? contentPath(id) : segmentPath(segment);
  const broken = (): Error => new Error(`the content of ${id} in ${path} is not what was stored there`);
  const segmentSecret = secretOf(secret, segment);
  let octets = await disk.read(path, at, Math.min(BLOCK, size + MOST_ENVELOPE));
  const header = readHeader(octets, 0, segmentSecret);
  if (header === undefined || header.length < size) throw broken();
  const headerOctets = octets.slice(0, HEADER);
  const end = HEADER + header.length;
  let [sum, done] = [0, 0]; // `done`: octets of the record before `octets`
  for (;;) {
    const rest = octets.subarray(done === 0 ? HEADER : 0, end - done);
    sum = checksum(rest, sum);
    const last = done + octets.length >= end;
    if (last && !isSound(headerOctets, sum, segmentSecret, checksum)) throw broken();
    const content = rest.subarray(Math.max(0, end - size - Math.max(done, HEADER)));
    if (content.length > 0) yield content;
    if (last) return;
    done += octets.length;
    octets = await disk.read(path, at + done, Math.min(BLOCK, end - done));
    if (octets.length === 0) throw broken();
  }
}

/** Octets that the first read asks for beyond the content: so most mail is read at once. */
const MOST_ENVELOPE = 1024;
