// From what a crash has left to a queue that is known and durable. Re-entrant at every step: a crash in the middle leaves
// nothing that the next recovery reads differently.
//
//   1  tmp/ is emptied.
//   2  Segments are read, the oldest first; each fact counts that can be read (relay/queue/segment.ts).
//   3  A torn end of the last segment is cut off: nobody was told of what stood there. A segment that has decayed may miss
//      something that somebody was told of. Either is copied to dead/ before, for a person: whoever put another FORMAT in
//      place, say, has nothing but torn segments.
//   4  The last segment is synced before anything follows from it: what was read may have been in memory only. The last one
//      is that which was written to last: one that was begun where there was no room has a name at most, and the one before
//      it went on.
//   5  Files in msg/ of which the journal knows nothing, or nothing that is still to be done, are removed; so is the copy that a
//      checkpoint made which was broken off before it could say so. But what no crash explains is kept in dead/: content of which
//      a journal that has decayed, or gone, knows nothing, and what is no mail of this queue.
//
// The checkpoint that follows (checkpoint.ts) leaves one segment; mail is taken and relayed while it runs.

import type { Checksum } from '../relay/queue/checksum.ts';
import { decodeFact, FORMAT_VERSION, type Fact } from '../relay/queue/fact.ts';
import { Fold, isDone, type MailState } from '../relay/queue/fold.ts';
import { HEADER, readHeader, readRecord, secretOf, type StoredRecord } from '../relay/queue/record.ts';
import { decodeLatin1, encodeAscii } from '../wire/ascii.ts';
import { EMPTY, equal } from '../wire/octet.ts';
import { encodeUtf8 } from '../wire/utf8.ts';
import type { Disk } from './disk.ts';
import { formatFormat, otherFormat, parseFormat } from './queue-format.ts';
import { contentPath } from './stored-content.ts';
import { readSegmentFile } from './segment-file.ts';
import { parseSegmentName, segmentPath } from './segment-log.ts';
import type { Perform } from './step.ts';

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly perform: Perform;
  /** An integer from 0 to 2 ** 32 - 1 that nobody can guess: the secret of a new queue. */
  readonly random: () => number;
}

/** What a person should know of a recovery. */
export interface RecoveryReport {
  /** What a crash had left half written at the end of the journal, by its name in `dead/`. */
  readonly torn: { readonly name: string; readonly octets: number } | undefined;
  /** What could not be read, by its name in `dead/`, and why. */
  readonly dead: readonly { readonly name: string; readonly reason: string }[];
  /** Recipients who were being attempted when the relay died: they may have the mail already, and get it again (RFC 1047). */
  readonly unsettled: readonly { readonly id: string; readonly recipient: number; readonly host: string }[];
}

export interface Recovered {
  readonly secret: number;
  readonly mails: Map<string, MailState>;
  readonly turn: number;
  readonly segments: readonly number[]; // ascending
  readonly report: RecoveryReport;
}

/** Reads the queue on the disk, makes a new one where there is none. Rejects, and changes nothing, where it is of another version. */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { disk, perform } = options;
  const segments = (await disk.list('journal')).map(parseSegmentName).filter((segment) => segment !== undefined).sort((a, b) => a - b);
  const newest = segments.at(-1) ?? 0;
  if (newest > MOST_SEGMENTS) throw new Error(`${segmentPath(newest)} is no segment of this queue: expected a number up to ${MOST_SEGMENTS}`);
  const secret = await readFormat(options, segments.length > 0);
  const begun = await lastBegun(options, segments, secret);
  await perform('empty tmp', async () => {
    for (const name of await disk.list('tmp')) await disk.unlink(`tmp/${name}`);
  });
  const dead: { readonly name: string; readonly reason: string }[] = [];
  const names = new Set(await disk.list('dead')); // asked for once: they may be as many as there were mails
  const fold = new Fold();
  let torn: RecoveryReport['torn'];
  for (const segment of segments) {
    const path = segmentPath(segment);
    const last = begun !== undefined && segment >= begun;
    const file = { disk, path, secret: secretOf(secret, segment), last, checksum: options.checksum };
    const { state, end, used, octets } = await readSegmentFile(file, (record, at) => {
      fold.add(factOf(record, path, at), { segment, at });
    });
    if (state === 'corrupt') dead.push({ name: await keepDead(options, names, `${segment}.log`, octets), reason: `decayed at octet ${end}` });
    if (state === 'torn') {
      const tail = { name: await keepDead(options, names, `${segment}.torn`, octets.subarray(end, used)), octets: used - end };
      torn ??= tail;
      await perform('cut tail', () => disk.truncate(path, end));
    }
    if (last) await perform('sync tail', () => disk.sync(path));
  }
  const { mails } = fold;
  dead.push(...(await match(options, names, secret, mails, dead.length === 0 && segments.length > 0)));
  return { secret, mails, turn: fold.turn, segments, report: { torn, dead, unsettled: unsettledOf(mails) } };
}

/** So many a queue never has, with one a second for a hundred years. Behind the largest number that is one there is no other. */
const MOST_SEGMENTS = 4_000_000_000;

/** Returns what a record says. Throws where this version cannot read it. */
function factOf(record: StoredRecord, path: string, at: number): Fact {
  const fact = decodeFact(record);
  if (fact === undefined) throw new Error(`${path} holds a record that this version cannot read, at octet ${at}`);
  if (fact.type === 'SEG' && fact.version > FORMAT_VERSION) throw otherFormat(`ehlo-queue ${fact.version}`);
  return fact;
}

/** Returns the number of the last segment that holds the record it begins with; of the last one, where none does. Rejects where another version has begun it. */
async function lastBegun({ disk, checksum }: RecoveryOptions, segments: readonly number[], secret: number): Promise<number | undefined> {
  for (const segment of segments.toReversed()) {
    const path = segmentPath(segment);
    const record = readRecord(await disk.read(path, 0, MOST_OF_SEG), 0, secretOf(secret, segment), checksum);
    if (record === undefined) continue;
    factOf(record, path, 0);
    return segment;
  }
  return segments.at(-1);
}

/** Octets that hold a SEG record, whatever its numbers are. */
const MOST_OF_SEG = HEADER + 16;

/**
 * Removes the mails that are done with, and the files of those. The other way round, too: mail whose content has gone is done with, and
 * its envelope kept for a person. `whole`: the journal is. Returns what has been kept.
 */
async function match(options: RecoveryOptions, names: Set<string>, secret: number, mails: Map<string, MailState>, whole: boolean): Promise<readonly { readonly name: string; readonly reason: string }[]> {
  const { disk, perform } = options;
  const files = new Set(await disk.list('msg'));
  const strays: string[] = [];
  const unknown: string[] = [];
  for (const name of files) {
    const state = mails.get(name);
    if (state?.content?.segment === 0 && !isDone(state)) continue;
    const known = state?.envelope !== undefined || (whole && (await isOwn(disk, name, secret)));
    (known ? strays : unknown).push(name);
  }
  const dead: { readonly name: string; readonly reason: string }[] = [];
  if (unknown.length > 0) {
    await perform('keep dead', async () => {
      for (const name of unknown) {
        const kept = await nameInDead(disk, names, `${name}.msg`);
        await disk.rename(contentPath(name), `dead/${kept}`);
        dead.push({ name: kept, reason: whole ? 'it is no mail of this queue' : 'the journal, which has decayed or gone, knows nothing of it' });
      }
      await disk.syncFolder('dead');
    });
  }
  await perform('remove strays', async () => {
    for (const name of strays) await disk.unlink(contentPath(name));
  });
  for (const [id, state] of mails) {
    if (isDone(state)) mails.delete(id);
    else if (state.content?.segment === 0 && !files.has(id)) {
      dead.push({ name: await keepDead(options, names, `${id}.json`, encodeUtf8(`${JSON.stringify(state.envelope)}\n`)), reason: `the content of mail ${id} has gone` });
      mails.delete(id);
    }
  }
  return dead;
}

/** Tells whether a file in msg/ begins as those of this queue do. */
async function isOwn(disk: Disk, name: string, secret: number): Promise<boolean> {
  return readHeader(await disk.read(contentPath(name), 0, HEADER).catch(() => EMPTY), 0, secretOf(secret, 0)) !== undefined; // it may be a folder
}

/** Keeps octets for a person; returns by which name, which is one of `names` then. */
async function keepDead({ disk, perform }: RecoveryOptions, names: Set<string>, wanted: string, octets: Uint8Array): Promise<string> {
  const name = await nameInDead(disk, names, wanted, octets);
  await perform('keep dead', async () => {
    await disk.write(`dead/${name}`, [octets], 0);
    await disk.sync(`dead/${name}`);
    await disk.syncFolder('dead');
  });
  return name;
}

/** Returns a name that nothing has in dead/, but perhaps a copy of the octets, whole or as far as a recovery came that died. */
async function nameInDead(disk: Disk, names: Set<string>, wanted: string, octets?: Uint8Array): Promise<string> {
  for (let [name, copy] = [wanted, 2]; ; name = `${wanted}.${copy++}`) {
    if (!names.has(name)) {
      names.add(name);
      return name;
    }
    const there = await disk.read(`dead/${name}`).catch(() => undefined); // a folder, for example
    if (octets !== undefined && there !== undefined && equal(there, octets.subarray(0, there.length))) return name;
  }
}

/** Returns the secret of the queue, from its FORMAT; makes that where there is none. */
async function readFormat({ disk, perform, random }: RecoveryOptions, used: boolean): Promise<number> {
  if ((await disk.list('')).includes('FORMAT')) {
    const secret = parseFormat(decodeLatin1(await disk.read('FORMAT')));
    await perform('sync format name', () => disk.syncFolder('')); // the process that made it may have died before that
    return secret;
  }
  if (used) throw new Error('the queue has a journal, but no FORMAT');
  const secret = random();
  await disk.write('tmp/FORMAT', [encodeAscii(formatFormat(secret))], 0);
  await perform('sync format', () => disk.sync('tmp/FORMAT'));
  await disk.rename('tmp/FORMAT', 'FORMAT');
  await perform('sync format name', () => disk.syncFolder(''));
  return secret;
}

function unsettledOf(mails: ReadonlyMap<string, MailState>): RecoveryReport['unsettled'] {
  const found: { readonly id: string; readonly recipient: number; readonly host: string }[] = [];
  for (const [id, { recipients }] of mails) {
    for (const [recipient, { unsettled }] of recipients.entries()) if (unsettled !== undefined) found.push({ id, recipient, host: unsettled.host });
  }
  return found;
}
