// Every moment of a day of the queue × every way to die in it × every moment of the recovery from that × some ways to die in
// that. What is found after the last recovery is held against what the world outside knew at the moment of the first death.
//
// The invariants, by the names that violations have:
//   I0  content that was taken is what is stored, and so is what MAIL and RCPT asked for
//   I1  a recipient who was taken waits, has been delivered, or is named in a notification (nobody is lost)
//   I2  nothing is attempted before it is durable (what whoever relays can see counts as taken)
//   I3  nobody who was delivered is named in a notification
//   I4  nobody is named in two notifications, now or by an attempt that is yet to come
//   I5  nobody waits again whose final outcome was made durable (or, when only the process died, was written)
//   I6  who was delivered and still waits is unsettled: an attempt began of which nothing is known
//   I7  recovering once more finds the same
//   I8  after recovery there is one segment, tmp/ is empty, and msg/ has what is wanted and nothing else
//   I10 the sender has been told of a delay if and only if the queue knows that, and so is not told again
//   I11 an order of the operator that was done holds
//   I9  (in crash.test.ts) after an error of the disk nothing is acknowledged
// and: nothing is in the queue that was never offered, and no crash alone ever looks like decay.

import type { Disk } from '../../src/node/disk.ts';
import { Journal } from '../../src/node/journal.ts';
import type { JournalOptions } from '../../src/node/journal-option.ts';
import type { Perform } from '../../src/node/step.ts';
import { formatMailParameters, parseMailParameters } from '../../src/protocol/parameter-text.ts';
import { equal } from '../../src/wire/octet.ts';
import { setImmediate } from 'node:timers';
import { bitOf, bitsOf, CARRY_LIMIT, contentOf, INLINE_LIMIT, newMail, NOTHING_YET, pieces, play, PLOT, World, type Bits, type Bouncing, type Ledger, type Orders } from './crash-scenario.ts';
import { randomOf, type Random } from './random.ts';
import { forgetImages, SimDisk, type Operation } from './sim-disk.ts';

/** How the queue differs from itself, where it is to be shown that it must not. */
export interface Variant {
  /** A fresh one for each process. */
  readonly perform?: () => Perform;
  readonly disk?: (disk: SimDisk) => Disk;
  readonly bouncing?: Bouncing;
}

/** How many ways of losing power are looked at. */
export interface Effort {
  readonly seed: number;
  /** Random ones at each moment of the day. */
  readonly losses: number;
  /** Random ones at each moment of a recovery; left out where recoveries come to their end. */
  readonly deepLosses?: number;
  /** The moments of the day come in a random order, so that a fault that only the evening shows is not found last. */
  readonly shuffled?: boolean;
}

export interface Findings {
  states: number; //     moments × wrecks that were held against the ledger
  recoveries: number; // that had to be run for it: equal disks are recovered once
  operations: number; // of the day
  violation: string | undefined; // the first one
}

/** What a recovery has found. */
interface Summary {
  readonly fault: string | undefined; // what is wrong whatever the ledger says
  readonly waiting: Bits;
  readonly unsettled: Bits;
  readonly warned: Bits; // of those who wait
  readonly present: readonly string[]; // mails
  readonly orders: Readonly<Record<string, 'hold' | 'release' | 'return'>>; // by mail
}

interface Wreck {
  readonly disk: SimDisk;
  readonly killed: boolean; // the process died; the power stayed
  readonly story: string;
}

/** Room for some of the batches of the day, which leaves others that need more and others that are too large for it. */
const AHEAD = 1024;

export function optionsOf(variant: Variant): JournalOptions {
  return { inlineLimit: INLINE_LIMIT, carryLimit: CARRY_LIMIT, ahead: AHEAD, gather: (commit) => commit(), segmentAge: Infinity, now: () => 1000, random: () => 0x5ec2e75e, delay: () => () => undefined, ...(variant.perform === undefined ? {} : { perform: variant.perform() }) };
}

/** Plays the day once; returns its moments: what the world knew, and what the disk was. */
export async function record(variant: Variant): Promise<{ readonly moments: readonly { readonly ledger: Ledger; readonly orders: Orders; readonly disk: SimDisk; readonly next: Operation | undefined }[]; readonly fault: string | undefined }> {
  const disk = new SimDisk();
  const moments: { readonly ledger: Ledger; readonly orders: Orders; readonly disk: SimDisk; readonly next: Operation | undefined }[] = [];
  let world: World | undefined;
  disk.before = (next) => {
    world?.look();
    moments.push({ ledger: world?.ledger ?? NOTHING_YET, orders: world?.orders ?? {}, disk: disk.killed(), next });
  };
  let failure: string | undefined;
  const open = (): Promise<Journal> => Journal.on(variant.disk?.(disk) ?? disk, { ...optionsOf(variant), failed: (error) => (failure ??= error.message) });
  try {
    world = new World(await open(), variant.bouncing ?? 'together');
    await play(world, open);
    moments.push({ ledger: world.ledger, orders: world.orders, disk: disk.killed(), next: undefined });
    const left = [...world.journal.mails()].map(({ id }) => id).concat(await disk.list('msg'), (await disk.list('journal')).slice(1));
    if (left.length > 0) failure ??= `I8: at the end of the day there is still ${left.join(', ')}`;
  } catch (error) {
    failure ??= `the day does not come to its end: ${error instanceof Error ? error.message : String(error)}`;
  }
  return { moments, fault: failure };
}

/**
 * Plays the day on a disk that fails at one operation; returns what is wrong then (I9), or after the recovery that follows;
 * 'never' where the day is over before. That there is no room to write stops a queue that runs no more than it must.
 */
export async function fail(operation: number, code: 'EIO' | 'ENOSPC'): Promise<string | undefined> {
  const disk = new SimDisk();
  let count = 0;
  let failed = false;
  let told = 0;
  let late = '';
  let goesOn = false; // so it must
  const options: JournalOptions = { ...optionsOf({}), failed: () => (told += 1) };
  let world: World | undefined;
  let running = false;
  const start = async (): Promise<Journal> => {
    running = false;
    const journal = await Journal.on(disk, options);
    running = true;
    return journal;
  };
  disk.before = (next) => {
    if (told > 0 && next.path.startsWith('journal/')) late = `I9: ${next.type} ${next.path} after the failure`;
    if (count++ !== operation) return;
    failed = true;
    goesOn = code === 'ENOSPC' && next.type === 'write' && running;
    throw Object.assign(new Error(`${code}: ${next.type}`), { code });
  };
  try {
    world = new World(await start(), 'together');
    await play(world, start);
    if (!failed) return 'never';
  } catch {
    // as it should be
  }
  await new Promise((resolve) => void setImmediate(resolve)); // whatever can still happen has happened
  if (!failed) return 'the day does not come to its end, though nothing failed';
  if (world === undefined) return undefined; // nothing could be acknowledged
  if (goesOn && told > 0) return 'a full disk stops the queue';
  if (goesOn) await world.journal.flush();
  if (told > 1) return `I9: the failure is told ${told} times`;
  const refused = (code === 'ENOSPC' && told === 0) || !running || (await world.journal.add({ ...newMail('m1'), id: 'late' }, pieces(contentOf('m1'))).then(() => false, () => true));
  if (!refused) return 'I9: a mail is taken after the failure';
  if (late !== '') return late;
  // What was acknowledged is durable now: what was under way when the error came may have been completed since, and acknowledged.
  const findings: Findings = { states: 0, recoveries: 0, operations: 0, violation: undefined };
  for (const each of [disk.powerless(randomOf(0), 0), disk.powerless(randomOf(0), 1)]) {
    const violation = judge(world.ledger, world.orders, await recovered(each, {}, findings), false);
    if (violation !== undefined) return `I9: ${violation}`;
  }
  return undefined;
}

/** Looks at every moment of the day; stops at the first violation. */
export async function explore(variant: Variant, effort: Effort): Promise<Findings> {
  forgetImages();
  const random = randomOf(effort.seed);
  const findings: Findings = { states: 0, recoveries: 0, operations: 0, violation: undefined };
  const { moments, fault } = await record(variant);
  findings.operations = moments.length - 1;
  findings.violation = fault;
  if (fault !== undefined) return findings;
  const looked = new Map<string, readonly Finding[]>();
  const again = new Map<string, Summary>();
  for (const [index, { ledger, orders, disk, next }] of effort.shuffled === true ? shuffled([...moments.entries()], random) : moments.entries()) {
    for (const wreck of wrecksOf(disk, next, random, effort.losses)) {
      const found = await look(wreck);
      for (const { summary, killed, story } of found) {
        findings.states += 1;
        const violation = judge(ledger, orders, summary, wreck.killed && killed);
        if (violation !== undefined) {
          findings.violation = `${violation}\n  at operation ${index} of the day (next: ${next?.type} ${next?.path}), ${wreck.story}${story}`;
          return findings;
        }
      }
    }
  }
  return findings;

  /** What a recovery of the wreck finds, and one after each way to die in that recovery. Equal disks are looked into once. */
  async function look({ disk }: Wreck): Promise<readonly Finding[]> {
    const key = disk.durable ? disk.view : undefined;
    const known = key === undefined ? undefined : looked.get(key);
    if (known !== undefined) return known;
    const inside: Wreck[] = [];
    const { deepLosses } = effort;
    if (deepLosses !== undefined) disk.before = (next) => inside.push(...wrecksOf(disk, next, random, deepLosses));
    const first = await recovered(disk, variant, findings);
    const found: Finding[] = [{ summary: first, killed: true, story: '' }];
    if (deepLosses !== undefined) inside.push({ disk: disk.killed(), killed: true, story: 'killed at its end' });
    for (const each of inside) {
      const { view } = each.disk;
      let summary = again.get(view) ?? (await recovered(each.disk, variant, findings));
      again.set(view, summary);
      const same = summary.waiting === first.waiting && summary.unsettled === first.unsettled && summary.warned === first.warned;
      if (key !== undefined && !same) summary = { ...summary, fault: summary.fault ?? `I7: recovered once there wait ${first.waiting.toString(2)}, once more ${summary.waiting.toString(2)}` };
      found.push({ summary, killed: each.killed, story: `; in the recovery ${each.story}` });
    }
    if (key !== undefined) looked.set(key, found);
    return found;
  }
}

/** What was found after a death, or after another one in the recovery from it. */
interface Finding {
  readonly summary: Summary;
  readonly killed: boolean; // in the recovery, nothing worse
  readonly story: string;
}

/** Names not durable up to which every subset of them is tried. */
const FEW_CHANGES = 3;

const ALL_CHANGES = -1; // every bit

function shuffled<Item>(items: Item[], random: Random): readonly Item[] {
  for (let left = items.length; left > 1; left--) items.push(...items.splice(random.below(left), 1));
  return items;
}

/** Ways to die before `next` or in the middle of it. */
function wrecksOf(disk: SimDisk, next: Operation | undefined, random: Random, losses: number): Wreck[] {
  const wrecks: Wreck[] = [{ disk: disk.killed(), killed: true, story: 'killed' }];
  const length = next?.type === 'write' ? (next.octets?.length ?? 0) : 0;
  for (const octets of length > 1 ? new Set([1, 1 + random.below(length - 1), length - 1]) : []) {
    wrecks.push({ disk: disk.killed(next, octets), killed: true, story: `killed within a write, after ${octets} octets` });
  }
  // In the middle of a write it is one of those that are not durable.
  const busy = length > 0 ? disk.killed(next, length) : disk;
  const seen = new Set<string>();
  const lose = (wreck: SimDisk, story: string): void => {
    if (seen.has(wreck.view)) return;
    seen.add(wreck.view);
    wrecks.push({ disk: wreck, killed: false, story: `without power, ${story} kept` });
  };
  lose(disk.powerless(random, 0), 'nothing');
  lose(busy.powerless(random, 1), 'everything');
  lose(busy.powerless(random, 0, ALL_CHANGES), 'every name, and no octet,');
  lose(busy.powerless(random, 1, 0), 'every octet, and no name,');
  for (let count = 0; count < losses; count++) lose(busy.powerless(random, 0.5), 'some');
  const subsets = disk.changes <= FEW_CHANGES ? 2 ** disk.changes : 0;
  for (let changes = 1; changes < subsets - 1; changes++) lose(disk.powerless(random, 1, changes), `of the names ${changes.toString(2)}`);
  return wrecks;
}

async function recovered(disk: SimDisk, variant: Variant, findings: Findings): Promise<Summary> {
  findings.recoveries += 1;
  try {
    let failure: string | undefined;
    const journal = await Journal.on(variant.disk?.(disk) ?? disk, { ...optionsOf(variant), failed: (error) => (failure ??= error.message) });
    await journal.checkpoint();
    disk.before = () => undefined;
    return await summarize(journal, disk, failure);
  } catch (error) {
    return { fault: `recovery fails: ${error instanceof Error ? error.message : String(error)}`, waiting: 0, unsettled: 0, warned: 0, present: [], orders: {} };
  }
}

/** By mail, what it asks for, as text. */
const ASKED: Readonly<Record<string, string>> = Object.fromEntries(Object.entries(PLOT).map(([id, { recipients, parameters = {}, recipientParameters = [] }]) => {
  const asked = [parseMailParameters(formatMailParameters(parameters)), Array.from({ length: recipients }, (_, recipient) => recipientParameters[recipient] ?? {})];
  return [id, JSON.stringify(asked)];
}));

/** By mail, whom of another mail it tells of, and what. */
const TELLING = Object.entries(PLOT).flatMap(([id, { about, delay }]) => (about === undefined && delay === undefined ? [] : [{ id, all: bitsOf(id), about: about === undefined ? 0 : bitsOf(about.id, ...about.recipients), delay: delay === undefined ? 0 : bitsOf(delay.id, ...delay.recipients) }]));

async function summarize(journal: Journal, disk: SimDisk, failure: string | undefined): Promise<Summary> {
  let [waiting, unsettled, warned, fault] = [0, 0, 0, failure];
  const present: string[] = [];
  const orders: Record<string, 'hold' | 'release' | 'return'> = {};
  for (const { id, recipients, parameters = {}, recipientParameters = [], held, returned } of journal.mails()) {
    if (JSON.stringify([parameters, recipientParameters]) !== ASKED[id]) fault = `I0: ${id} asks for something else`;
    orders[id] = held === true ? 'hold' : returned === true ? 'return' : 'release';
    if (PLOT[id] === undefined) fault = `a mail that never was: ${id}`;
    present.push(id);
    for (const [recipient, state] of recipients.entries()) {
      const bit = bitOf(id, recipient);
      if (state.state === 'waiting') waiting |= bit;
      if (state.state === 'waiting' && state.warned === true) warned |= bit;
      if (state.unsettled !== undefined) unsettled |= bit;
    }
    let at = 0;
    for await (const octets of journal.content(id)) {
      if (!equal(octets, contentOf(id).subarray(at, at + octets.length))) fault = `I0: ${id} has other content`;
      at += octets.length;
    }
    if (at !== contentOf(id).length) fault = `I0: ${id} has ${at} octets of content`;
  }
  for (const { name, reason } of journal.report.dead) fault = `a false alarm: ${name} ${reason}`;
  const [segments, temporary, files] = [await disk.list('journal'), await disk.list('tmp'), await disk.list('msg')];
  if (segments.length !== 1) fault = `I8: ${segments.length} segments`;
  if (temporary.length > 0) fault = `I8: tmp/ holds ${temporary.join()}`;
  if (files.some((name) => !present.includes(name))) fault = `I8: msg/ holds ${files.join()}, the queue ${present.join()}`;
  return { fault, waiting, unsettled, warned, present, orders };
}

/** What is wrong with what was found, given what the world knew. */
function judge(ledger: Ledger, orders: Orders, { fault, waiting, unsettled, warned, present, orders: found }: Summary, killed: boolean): string | undefined {
  if (fault !== undefined) return fault;
  let [named, told]: [Bits, Bits] = [0, 0];
  for (const { id, all, about, delay } of TELLING) {
    if (!present.includes(id) && (ledger.delivered & all) === 0) continue;
    named |= about;
    told |= delay;
  }
  for (const [id, order] of Object.entries(orders)) {
    const now = found[id];
    if (now !== undefined && !order.includes(now)) return `I11: ${id} has the order ${now}, not ${order.join(' or ')}`;
  }
  const wrong = (rule: string, bits: Bits): string | undefined => (bits === 0 ? undefined : `${rule}: ${Object.keys(PLOT).filter((id) => (bits & bitsOf(id)) !== 0).join(', ')}`);
  return (
    wrong('never offered', waiting & ~ledger.offered) ??
    wrong('I1: lost', ledger.taken & ~(waiting | ledger.delivered | named | ledger.dropped)) ??
    wrong('I3: delivered and named in a notification', ledger.delivered & named) ??
    wrong('I4: two notifications', waiting & named) ??
    wrong('I10: told of a delay, and would be again', waiting & told & ~warned) ??
    wrong('I10: told of no delay, and would not be', warned & ~told) ??
    wrong('I5: resurrected', waiting & (killed ? ledger.settled : ledger.durable)) ??
    wrong('I6: tried again as if never tried', killed ? waiting & ledger.delivered & ~unsettled : 0)
  );
}
