// How old segments go away. What is still to be done outlives them in two places: content in a file of its own, and what is
// known of the mail in a STATE record of the segment that comes next. Mail is taken and relayed all the while.
//
//   1  The segment is synced, and succeeded by a new one (segment-log.ts).
//   2  The content of each mail that waits gets a file of its own; then one sync of the names of all of them.
//   3  A STATE record for each mail that waits; one sync.
//   4  The old segments are removed, the oldest first, each gone for good before the next: no fact outlives one it rests on.
//
// Where there is no room it is broken off, and the old segments stay for the next one.
// A mail that has its outcome while this runs has it in a record that 3 makes durable at the latest.

import { encodeFact } from '../relay/queue/fact.ts';
import type { MailState } from '../relay/queue/fold.ts';
import { isFull } from './disk.ts';
import { segmentPath, type SegmentLog } from './segment-log.ts';
import { ContentFile, readContent, type ContentStore } from './stored-content.ts';

export interface CheckpointContext {
  readonly store: ContentStore;
  readonly log: SegmentLog;
  /** Segments there are, ascending; the checkpoint removes those that have gone. */
  readonly segments: number[];
  readonly mails: ReadonlyMap<string, MailState>;
  /** The content of the mail has a file of its own now. */
  readonly moved: (id: string) => void;
  /** The queue is being closed: leave the rest to the next start. */
  readonly closing: () => boolean;
}

/** Copies under way: syncs that come together cost little more than one. Of Node's four threads one stays free for mail. */
const SIDE_BY_SIDE = 3;

/** STATE records that are appended before others have their turn. */
const STATES_AT_A_TIME = 256;

export async function checkpoint(context: CheckpointContext): Promise<void> {
  const { store: { disk, perform }, log, segments, closing } = context;
  await log.succeed();
  const old = segments.splice(0, segments.length, log.segment);
  try {
    await copyContents(context);
    if (closing()) return;
    await perform('write states', () => writeStates(context));
    await log.flush('sync states');
    while (old[0] !== undefined && !closing()) {
      const segment = old[0];
      await perform('drop segment', () => disk.unlink(segmentPath(segment)));
      await perform('sync drop', () => disk.syncFolder('journal'));
      old.shift();
    }
  } finally {
    segments.unshift(...old); // those that have not gone
  }
}

async function copyContents({ store, log, mails, moved, closing }: CheckpointContext): Promise<void> {
  const copied: string[] = [];
  const left = mails.values();
  let failure: unknown;
  const copy = async (): Promise<void> => {
    for (const { envelope, content } of left) {
      if (closing() || failure !== undefined) return;
      if (envelope === undefined || content === undefined || content.segment === 0 || content.segment === log.segment) continue;
      const file = new ContentFile(store, envelope);
      try {
        for await (const octets of readContent(store, envelope, () => content)) await file.write(octets);
        await file.finish(envelope.eightBit, 'sync copy');
      } catch (error) {
        if (isFull(error)) await file.discard().catch(() => undefined); // a left-over in tmp/ goes at the next start
        throw (failure = error);
      }
      copied.push(envelope.id);
    }
  };
  const results = await Promise.allSettled(Array.from({ length: SIDE_BY_SIDE }, copy));
  if (failure !== undefined && !isFull(failure)) throw failure;
  if (copied.length > 0) await store.perform('sync copy names', () => store.disk.syncFolder('msg'));
  for (const id of copied) moved(id);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

async function writeStates({ store: { checksum }, log, mails }: CheckpointContext): Promise<void> {
  let appended: Promise<void>[] = [];
  for (const id of [...mails.keys()]) {
    const { envelope, content, next, held, recipients } = mails.get(id) ?? {}; // as it is now: gone, or further than when this began
    if (envelope === undefined || content?.segment !== 0 || next === undefined || held === undefined || recipients === undefined) continue;
    appended.push(log.append(encodeFact({ type: 'STATE', envelope, next, held, recipients }, checksum), 'written'));
    if (appended.length < STATES_AT_A_TIME) continue;
    await Promise.all(appended);
    appended = [];
  }
  await Promise.all(appended);
}
