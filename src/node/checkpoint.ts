// How old segments go away. What is still to be done outlives them in the segment that comes next, in a STATE record for each
// mail that waits; the content of a small mail stands behind it, that of a larger one gets a file of its own. Mail is taken and
// relayed all the while.
//
//   1  The segment is synced, and succeeded by a new one (segment-log.ts).
//   2  The content of each larger mail that waits gets a file of its own; then one sync of the names of all of them.
//   3  A STATE record for each mail that waits; one sync.
//   4  The old segments are removed, the oldest first, each gone for good before the next: no fact outlives one it rests on.
//
// Where there is no room it is broken off, and the old segments stay for the next one; where that can be told beforehand it writes
// nothing, and where it turns out to write more than was thought it leaves some: the room is for what becomes of mail.
//
// A mail that has its outcome while this runs has it in a record that 3 makes durable at the latest.
//
// Choice: small content is carried along, each time anew, where a file of its own would take a sync of its own, once (measured
// for 40,000 waiting mails of 1 kB: 0.9 s where files took 45). What is carried has a bound; and a checkpoint waits until it would
// drop as much as it carries, or an eighth of that in ten minutes: where all that came is small, and waits, there is nothing to gain by one.

import { encodeFact } from '../relay/queue/fact.ts';
import { HEADER } from '../relay/queue/record.ts';
import { OWN_FILE, type ContentLocation, type MailState } from '../relay/queue/fold.ts';
import { EMPTY } from '../wire/octet.ts';
import { isFull, type Disk } from './disk.ts';
import { unlessAbsent } from './error-text.ts';
import { segmentPath, type SegmentLog } from './segment-log.ts';
import { ContentFile, readContent, type ContentStore } from './stored-content.ts';

export interface CheckpointContext {
  readonly store: ContentStore;
  readonly log: SegmentLog;
  /** Segments there are, ascending; the checkpoint removes those that have gone. */
  readonly segments: number[];
  readonly mails: ReadonlyMap<string, MailState>;
  /** Tells whether there is room on the disk for what it is to write. */
  readonly hasRoom: () => Promise<boolean>;
  /** Returns the octets that it may still write: others write to the disk too, and what it writes may be more than was thought. */
  readonly left: () => Promise<number>;
  /** Octets of content up to which a mail's is carried along. */
  readonly carryLimit: number;
  /** The content of the mail stands in another place now. */
  readonly moved: (id: string, place: ContentLocation) => void;
  /** The queue is being closed: leave the rest to the next start. */
  readonly closing: () => boolean;
  /** Does the work when no other queue on the disk has a checkpoint. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>;
}

/** Octets of content that are carried along at most. */
export const MOST_CARRIED = 268_435_456;

/** Copies under way: syncs that come together cost little more than one. Of Node's four threads one stays free for mail. */
const SIDE_BY_SIDE = 3;

/** STATE records that are appended before others have their turn; one with content takes as long as four. */
const STATES_AT_A_TIME = 256;
const AS_STATES = 4;

/** Octets that are read at a time of what is carried along. */
const READ_AHEAD = 1_048_576;

/** What a journal holds, in octets. */
export interface Holdings {
  /** Of its segment. */
  readonly size: number;
  /** Of them, what a checkpoint writes again: states, and the content that it carries along. What gets files of its own is no loss of work: it is written once. */
  readonly carried: number;
}

/** In octets: what a checkpoint drops at least, and how large a segment is before that is enough though most of it is carried along. */
export interface Bounds {
  readonly growth: number;
  readonly most: number;
}

/**
 * Tells whether a checkpoint is worth it in a segment that the last one has left with `left` and that has `now`: when what would be
 * dropped is more than what would be carried along, and than `growth`; in a segment that is old, when it is an eighth of the former;
 * in one that has grown to its bound, when it is more than `growth`.
 */
export function isWorthIt(left: Holdings, now: Holdings, { growth, most }: Bounds, old: boolean): boolean {
  const dropped = now.size - left.size + left.carried - now.carried;
  const carried = now.size - dropped;
  return dropped > Math.max(growth, carried) || (old && dropped > carried / 8) || (now.size > most && dropped > growth);
}

export async function checkpoint(context: CheckpointContext): Promise<void> {
  const { log, segments } = context;
  await log.succeed();
  const old = segments.splice(0, segments.length, log.segment);
  try {
    await context.inTurn(() => replace(old, context));
  } finally {
    segments.unshift(...old); // those that have not gone
  }
}

/** `old`: the segments that are to go; those that have gone leave it. */
async function replace(old: number[], context: CheckpointContext): Promise<void> {
  const { store: { disk, perform }, log, closing } = context;
  if (!(await context.hasRoom())) throw noRoom();
  await copyContents(context);
  if (closing()) return;
  await perform('write states', () => writeStates(context));
  await log.flush('sync states');
  while (old[0] !== undefined && !closing()) {
    if (log.failure !== undefined) throw log.failure;
    const segment = old[0];
    await perform('drop segment', () => disk.unlink(segmentPath(segment)).catch(unlessAbsent)); // the last checkpoint came so far
    await perform('sync drop', () => disk.syncFolder('journal'));
    old.shift();
  }
}

function noRoom(): Error {
  return Object.assign(new Error('there is no room for a checkpoint'), { code: 'ENOSPC' });
}

async function copyContents({ store, log, mails, carryLimit, left, moved, closing }: CheckpointContext): Promise<void> {
  const copied: string[] = [];
  const states = mails.values();
  let room = MOST_CARRIED;
  let failure: unknown;
  const copy = async (): Promise<void> => {
    for (const { envelope, content } of states) {
      if (closing() || failure !== undefined) return;
      if (envelope === undefined || content === undefined || content.segment === 0 || content.segment === log.segment) continue;
      if (envelope.size <= carryLimit && envelope.size <= room) {
        room -= envelope.size;
        continue;
      }
      const file = new ContentFile(store, envelope);
      try {
        if (envelope.size > (await left())) throw noRoom();
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
  for (const id of copied) moved(id, OWN_FILE);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

async function writeStates(context: CheckpointContext): Promise<void> {
  const appended: Promise<void>[] = [];
  try {
    await appendStates(context, appended);
  } finally {
    await Promise.allSettled(appended); // one that came late would stand in the next segment, and say there what was true in this one
  }
}

/** `appended`: under way. */
async function appendStates({ store, log, mails, left, moved, closing }: CheckpointContext, appended: Promise<void>[]): Promise<void> {
  const ahead = { ...store, disk: readingAhead(store.disk) };
  let room = await left();
  let weight = 0;
  for (const id of [...mails.keys()]) {
    if (closing()) break;
    const { envelope: known, content: place } = mails.get(id) ?? {};
    if (known === undefined || place === undefined || place.segment === log.segment) continue;
    let pieces: Uint8Array[] | undefined;
    if (place.segment !== 0) {
      pieces = [];
      for await (const octets of readContent(ahead, known, () => place)) pieces.push(octets);
    }
    const { envelope, next, held, recipients } = mails.get(id) ?? {}; // as it is now: gone, or further than when this began
    if (envelope === undefined || next === undefined || held === undefined || recipients === undefined) continue;
    const fact = { type: 'STATE', envelope, external: pieces === undefined, next, held, recipients } as const;
    const draft = encodeFact(fact, store.checksum, pieces);
    room -= HEADER + draft.length;
    if (room < 0) throw noRoom();
    const written = log.append(draft, 'written', (now) => pieces !== undefined && moved(id, now));
    written.catch(() => undefined); // it may come to nothing while the next content is read
    appended.push(written);
    weight += pieces === undefined ? 1 : AS_STATES;
    if (weight < STATES_AT_A_TIME) continue;
    await Promise.all(appended);
    appended.length = weight = 0;
    room = await left();
  }
  await Promise.all(appended);
}

/** Reads, of what comes one behind the other in a file, much at a time. What was read has to stay as it is. */
function readingAhead(disk: Disk): Pick<Disk, 'read'> {
  let block = { path: '', at: 0, octets: EMPTY };
  return {
    async read(path, at = 0, length = Infinity) {
      const from = at - block.at;
      if (path !== block.path || from < 0 || from + length > block.octets.length) block = { path, at, octets: await disk.read(path, at, Math.max(length, READ_AHEAD)) };
      return block.octets.subarray(at - block.at, Math.min(block.octets.length, at - block.at + length));
    },
  };
}
