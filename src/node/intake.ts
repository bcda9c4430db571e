// Content on its way in: in memory as long as it is small, so that it can travel in the journal; else in a file of its own,
// which is durable, under its name, before the journal speaks of it.

import { isAscii } from 'node:buffer';
import type { StoredEnvelope } from '../relay/queue/fact.ts';
import { concat } from '../wire/octet.ts';
import { shown, UsageError } from '../wire/usage.ts';
import type { NewMail } from '../relay/queue/port.ts';
import { checkOctets, isIterable } from './content-source.ts';
import { shortageOf } from './disk.ts';
import { ContentFile, type ContentStore } from './stored-content.ts';

export interface TakenIn {
  /** The content, where it is small; the views that were taken in, or copies of many little ones. */
  readonly pieces: readonly Uint8Array[] | undefined;
  readonly size: number;
  readonly eightBit: boolean;
}

/** Views that are kept as they are. More of them, and a stranger can have them made of a few octets each, are less when copied. */
const MOST_PIECES = 64;

/** Octets of content that a mail can have: what it is a record of has its length in 32 bits, and an envelope in front. */
const MOST_CONTENT = 2 ** 32 - 2 ** 28;

/** Throws UsageError for what a queue cannot add, whatever its type promised. */
export function checkNewMail(mail: NewMail, content: unknown): void {
  if (typeof mail?.reversePath?.text !== 'string' || !Array.isArray(mail.forwardPaths)) throw new UsageError(`add takes a mail, with its reversePath and its forwardPaths, not ${shown(mail)}`);
  if (!isIterable(content)) throw new UsageError(`add takes the content behind the mail, an async iterable of octets, not ${shown(content)}`);
  if (mail.forwardPaths.length === 0) throw new UsageError('a mail needs a recipient');
  if (mail.id !== undefined && !/^[A-Za-z0-9-]{1,100}$/.test(mail.id)) throw new UsageError(`the id of a mail is up to 100 letters, digits and hyphens, not ${shown(mail.id)}`);
}

/** Takes content in for a queue. */
export class Intake {
  readonly #store: ContentStore;
  readonly #limit: number;
  readonly #expectOpen: () => void;
  readonly #failed: (error: unknown) => Error;
  readonly #inHand = new Set<Promise<void>>(); // what the disk does

  /** Content of more than `limit` octets gets a file. `expectOpen` throws where the queue takes nothing more; `failed` is called with an error of the disk, unless that says that there is too little of something, and what it returns is thrown. */
  constructor(store: ContentStore, limit: number, expectOpen: () => void, failed: (error: unknown) => Error) {
    this.#store = store;
    this.#limit = limit;
    this.#expectOpen = expectOpen;
    this.#failed = failed;
  }

  /**
   * Reads the content to its end. `claim` is asked for octets before they are written; where it says no, that is as if the disk were full.
   * If the content comes to nothing, or its file does, nothing is left behind.
   */
  async take(head: Omit<StoredEnvelope, 'size' | 'eightBit'>, content: AsyncIterable<Uint8Array>, claim: (octets: number) => boolean): Promise<TakenIn> {
    const { disk, perform } = this.#store;
    let pieces: Uint8Array[] = [];
    let file: ContentFile | undefined;
    let size = 0;
    let claimed = 0;
    const claimAll = (): void => {
      if (!claim(size - claimed)) throw Object.assign(new Error('there is no room for the mail'), { code: 'ENOSPC' });
      claimed = size;
    };
    let loose = 0; // of the pieces: not copied
    let eightBit = false;
    try {
      for await (const octets of content) {
        checkOctets(octets);
        size += octets.length;
        if (size > MOST_CONTENT) throw new UsageError(`a mail of the queue has up to ${MOST_CONTENT} octets of content, not ${size}`);
        eightBit ||= !isAscii(octets);
        pieces.push(octets);
        loose += 1;
        if (loose === MOST_PIECES) {
          pieces.push(concat(pieces.splice(-loose)));
          loose = 0;
        }
        if (size <= this.#limit) continue;
        claimAll();
        const taking = (file ??= new ContentFile(this.#store, head));
        for (const piece of pieces) await this.#onDisk(() => taking.write(piece));
        pieces = [];
        loose = 0;
      }
      if (file === undefined) {
        claimAll();
        return { pieces, size, eightBit };
      }
      const taken = file;
      await this.#onDisk(async () => {
        await taken.finish(eightBit, 'sync content');
        await perform('sync content name', () => disk.syncFolder('msg'));
      });
      return { pieces: undefined, size, eightBit };
    } catch (error) {
      await file?.discard().catch(() => undefined); // a left-over in tmp/ goes at the next start
      throw error;
    }
  }

  /** Resolves when the disk does nothing more for content. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#inHand);
  }

  async #onDisk(work: () => Promise<void>): Promise<void> {
    this.#expectOpen(); // still: content may be long in coming
    const done = work().catch((error: unknown) => {
      throw shortageOf(error) === undefined ? this.#failed(error) : error;
    }).finally(() => this.#inHand.delete(done));
    this.#inHand.add(done);
    return done;
  }
}
