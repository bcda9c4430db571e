// A queue in parts, each of which one process has at a time: so that several processes can relay, each with a journal of its own.
//
//   queue/            the first part: a queue as it is without workers
//   queue/part/2/     the second, a queue by itself; and so on
//
// Rule 1: new mail goes into the one part that a process has for its own. The parts that are nobody's own, since there were more
//         workers once, are shared out: their mail is relayed, and none comes in.
// Rule 2: what is recorded of a mail goes into the part that has it, the notification about it too: that is one record.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { NewMail, Queue, QueuedMail, RecipientState } from '../relay/queue/port.ts';
import { Aborter } from './aborter.ts';
import { makeDirectories, makeDirectory } from './durable.ts';
import { Journal } from './journal.ts';
import type { JournalOptions } from './journal-option.ts';
import { InUse } from './lock.ts';
import { pause } from './pause.ts';
import { SharedDisk } from './shared-disk.ts';

/** The folder of a part, which is numbered from 1. */
export function partFolder(queue: string, part: number): string {
  return part === 1 ? queue : join(queue, 'part', String(part));
}

/** The numbers of the parts that there are, in ascending order; always the first. */
export async function partsOf(queue: string): Promise<readonly number[]> {
  const names = await readdir(join(queue, 'part')).catch((error: Error & { readonly code?: string }) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  const others = names.filter((name) => /^[1-9]\d{0,3}$/.test(name)).map(Number).filter((part) => part > 1);
  return [1, ...others.sort((a, b) => a - b)];
}

/** Opens a part; one that another process has for a moment more is tried so many times, a tenth of a second apart. */
export async function openPart(folder: string, options: JournalOptions, attempts: number): Promise<Journal> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await Journal.open(folder, options);
    } catch (error) {
      if (!(error instanceof InUse) || attempt >= attempts) throw error;
      await pause(100, new Aborter().signal);
    }
  }
}

/** The disk that a part shares with the others there are; undefined: there are none. */
export async function diskOfPart(queue: string, part: number): Promise<SharedDisk | undefined> {
  const others = (await partsOf(queue)).filter((other) => other !== part);
  return others.length === 0 ? undefined : new SharedDisk(partFolder(queue, part), others.map((other) => partFolder(queue, other)), join(queue, 'part'));
}

/** Makes room for so many parts, durably. */
export async function makeParts(queue: string, workers: number): Promise<void> {
  const names = Array.from({ length: workers - 1 }, (_, index) => String(index + 2));
  if (names.length === 0) return;
  await makeDirectory(queue);
  await makeDirectories(join(queue, 'part'), names);
}

/** The parts that the worker of this number has, its own first, where there are so many workers. */
export function partsOfWorker(parts: readonly number[], worker: number, workers: number): readonly [number, ...number[]] {
  return [worker, ...parts.filter((part) => part > workers && (part - 1) % workers === worker - 1)];
}

/** Parts as one queue for the relay. */
export class PartedQueue implements Queue {
  readonly #own: Journal;
  readonly #parts: readonly Journal[];

  /** New mail goes into `own`; the others are emptied. */
  constructor(own: Journal, others: readonly Journal[]) {
    this.#own = own;
    this.#parts = [own, ...others];
  }

  *mails(): Generator<QueuedMail, void> {
    for (const part of this.#parts) yield* part.mails();
  }

  mail(id: string): QueuedMail | undefined {
    return this.#partOf(id).mail(id);
  }

  add(mail: NewMail, content: AsyncIterable<Uint8Array>): Promise<QueuedMail> {
    return this.#own.add(mail, content);
  }

  content(id: string): AsyncIterable<Uint8Array> {
    return this.#partOf(id).content(id);
  }

  recent(id: string): readonly Uint8Array[] | undefined {
    return this.#partOf(id).recent(id);
  }

  settle(id: string, recipients: readonly RecipientState[], nextAttempt: number): Promise<void> {
    return this.#partOf(id).settle(id, recipients, nextAttempt);
  }

  attempt(id: string, recipients: readonly number[], host?: string): Promise<void> {
    return this.#partOf(id).attempt(id, recipients, host);
  }

  bounce(id: string, recipients: readonly RecipientState[], nextAttempt: number, notification: NewMail, content: AsyncIterable<Uint8Array>): Promise<QueuedMail> {
    return this.#partOf(id).bounce(id, recipients, nextAttempt, notification, content);
  }

  hold(id: string, held: boolean): Promise<void> {
    return this.#partOf(id).hold(id, held);
  }

  giveUp(id: string): Promise<void> {
    return this.#partOf(id).giveUp(id);
  }

  remove(id: string): Promise<void> {
    return this.#partOf(id).remove(id);
  }

  roomFor(octets: number): boolean {
    return this.#own.roomFor(octets);
  }

  async close(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.close()));
  }

  #partOf(id: string): Journal {
    return this.#parts.find((part) => part.mail(id) !== undefined) ?? this.#own;
  }
}
