// A journal on a disk in memory, where each operation can be seen, and what the tests of one ask of it.

import { Journal } from '../../src/node/journal.ts';
import type { JournalOptions } from '../../src/node/journal-option.ts';
import { recover, type Recovered } from '../../src/node/recovery.ts';
import { crc32 } from '../../src/relay/queue/checksum.ts';
import type { NewMail, RecipientState } from '../../src/relay/queue/port.ts';
import { textOf } from './content.ts';
import { mailOf } from './memory-queue.ts';
import { SimDisk, type Operation } from './sim-disk.ts';

export function mailTo(...recipients: readonly string[]): NewMail {
  return mailOf(undefined, '<alice@sender.test>', ...recipients.map((each) => `<${each}@peer.test>`));
}

export const recovered = (disk: SimDisk): Promise<Recovered> => recover({ disk, checksum: crc32, perform: (_, action) => action(), random: () => 0 });
export const contentOf = (journal: Journal, id: string): Promise<string> => textOf(journal.content(id));
export const states = (journal: Journal, id: string): readonly string[] => journal.mail(id)?.recipients.map(({ state }) => state) ?? [];
export const DELIVERED: RecipientState = { state: 'delivered' };
export const DEFERRED: RecipientState = { state: 'waiting', reply: { code: 450, enhanced: '4.2.0', lines: ['later'] }, host: 'mx.peer.test' };
export const FAILED: RecipientState = { state: 'failed', reply: { code: 550, enhanced: undefined, lines: ['no'] } };

export async function watched(options: JournalOptions = {}): Promise<{ readonly journal: Journal; readonly disk: SimDisk; readonly operations: string[]; moment: () => void }> {
  const disk = new SimDisk();
  const operations: string[] = [];
  let callback: (() => void) | undefined;
  const journal = await Journal.on(disk, { delay: (later) => ((callback = later), () => (callback = undefined)), now: () => 1000, ...options });
  await journal.checkpoint();
  disk.before = ({ type, path }) => void operations.push(`${type} ${path}`);
  return { journal, disk, operations, moment: () => callback?.() };
}

/** The first segment. */
export const LOG = 'journal/000001.log';

/** Has the operations of a disk fail. */
export function failing(disk: SimDisk, code: string, when: (operation: Operation) => boolean): void {
  disk.before = (operation) => {
    if (when(operation)) throw Object.assign(new Error(`${code}: no luck`), { code });
  };
}
