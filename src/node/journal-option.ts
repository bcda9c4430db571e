// The options of the queue, checked before it is opened: a program without types may give anything.

import { checkCounts, checkFunctions, checkNames, checkObject } from '../wire/usage.ts';
import type { SharedDisk } from './shared-disk.ts';
import type { Perform } from './step.ts';

/** The options of a `Journal`; the defaults suit a relay that has the disk to itself. */
export interface JournalOptions {
  /** Octets of content up to which a mail travels in the journal; larger content has a file of its own from the start. Default: 256 KiB. */
  readonly inlineLimit?: number;
  /** Octets by which a segment may grow before a checkpoint. Default: 64 MiB. */
  readonly segmentSize?: number;
  /** Octets of a segment above which no mail is taken, so that a start can read it, at once where it has decayed. Default: 1 GiB. */
  readonly segmentMost?: number;
  /** Milliseconds after which a segment that has grown is old. Default: ten minutes. */
  readonly segmentAge?: number;
  /** Octets of content up to which a mail that outlives its segment is carried into the next one; larger content gets a file of its own. Default: 32 KiB. */
  readonly carryLimit?: number;
  /** Octets of the disk that no mail may take, nor what a checkpoint would write, so that there is room for what becomes of those that have been taken. Default: 128 MiB. */
  readonly floor?: number;
  /** Octets of memory, about, that mail may take up; while it does no more is taken. Default: a quarter of what V8 may have, since a relay has its own for them, and for its attempts. */
  readonly memory?: number;
  /** Octets by which a segment is made longer at a time while batches are small; none: 0. Default: 256 KiB. */
  readonly ahead?: number;
  /** Called once, when the disk has failed and the queue has stopped: end the program, and start it anew. Default: nobody is told but who adds mail. */
  readonly failed?: (error: Error) => void;
  /** Counts the syncs of its files. */
  readonly counts?: { syncs: number };
  /** @internal Begins nothing that nobody asks for: no checkpoint, and a segment only for what has to be written. For who only looks. */
  readonly idle?: boolean;
  /** @internal The disk, where other queues have it too. */
  readonly shared?: SharedDisk | undefined;
  /** @internal A test replaces it, and those below. */
  readonly now?: () => number;
  /** @internal */
  readonly random?: () => number;
  /** @internal */
  readonly delay?: (callback: () => void) => () => void;
  /** @internal */
  readonly gather?: (callback: () => void) => void;
  /** @internal */
  readonly perform?: Perform;
}

const JOURNAL_OPTIONS: Readonly<Record<keyof JournalOptions, true>> = {
  inlineLimit: true, segmentSize: true, segmentMost: true, segmentAge: true, carryLimit: true, floor: true, memory: true, ahead: true, failed: true, counts: true,
  idle: true, shared: true, now: true, random: true, delay: true, gather: true, perform: true,
};

const LEAST = { inlineLimit: 0, segmentSize: 1, segmentMost: 1, segmentAge: 0, carryLimit: 0, floor: 0, memory: 0, ahead: 0 } as const;

/** Throws UsageError for options that are of no use. */
export function checkJournal(options: JournalOptions): void {
  checkObject(options);
  checkNames(options, JOURNAL_OPTIONS);
  checkCounts(options, LEAST);
  checkFunctions(options, ['failed']);
  if (options.counts !== undefined) checkObject(options.counts, 'counts must be an object, such as { syncs: 0 }');
}
