// The queue alone: the rate at which mails are taken, beside a floor; and a queue of 100,000 mails (20,000 where there is little time): what each costs as it fills,
// how long a start takes, how much memory a mail, how many octets are written for one, how long `ehlo queue list` takes; and what it
// costs to find who is next, however many wait.
//
// The floor is a loop of one writev and one fdatasync for all that wait, with nothing around it: what the disk can do. Fails if a
// start takes more than three seconds of CPU, a waiting mail more than a KiB, or finding the next of 100,000 units four times what
// it takes of 10,000.

import { execFileSync } from 'node:child_process';
import { closeSync, fdatasync, openSync, rmSync, writev } from 'node:fs';
import { join } from 'node:path';
import { cpuUsage, execPath, memoryUsage } from 'node:process';
import { FileDisk } from '../../dist/node/disk.js';
import { Journal } from '../../dist/node/journal.js';
import { RETRY_SCHEDULE } from '../../dist/relay/schedule.js';
import { Scheduler } from '../../dist/relay/scheduler.js';
import { parseForwardPath, parseReversePath } from '../../dist/syntax/path.js';
import { fastest, inTurns, median } from './measure.mjs';
import { temporaryFolder } from './peer.mjs';
import { EHLO } from './relay.mjs';
import { figure, ratio } from './table.mjs';

const MAILS = { short: 20_000, long: 100_000 };
const SLICES = 10;
const LONGEST_START = 3; // seconds
const MOST_MEMORY = 1024; // octets a mail
const STEEPEST = 4; // ten times as many units may make each cost so many times as much: memory further away, and its collector
const COMMAND = 'npm run bench -- --only queue --long';

const content = (size) => Buffer.alloc(size, 'a line of a mail, as long as they are on the average of all\r\n');
const once = async function* (octets) {
  yield octets;
};

/** Seconds of CPU that this process has taken since `begin`. */
function spent(begin) {
  const { user, system } = cpuUsage(begin);
  return (user + system) / 1e6;
}

/** A disk that counts. */
function counting(disk) {
  const count = { octets: 0, writes: 0, syncs: 0 };
  const counted = Object.create(disk);
  for (const name of ['list', 'read', 'truncate', 'rename', 'unlink', 'free', 'close']) counted[name] = (...args) => disk[name](...args);
  counted.write = (path, pieces, at) => {
    count.writes += 1;
    for (const piece of pieces) count.octets += piece.length;
    return disk.write(path, pieces, at);
  };
  for (const name of ['sync', 'syncFolder']) {
    counted[name] = (path) => {
      count.syncs += 1;
      return disk[name](path);
    };
  }
  return { disk: counted, count };
}

/** Runs `senders` loops that share `total` rounds; returns rounds a second. */
async function race(senders, total, round) {
  let left = total;
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: senders }, async () => {
      while (left-- > 0) await round();
    }),
  );
  return total / ((performance.now() - begin) / 1000);
}

async function floor(folder, senders, total, octets) {
  const file = openSync(join(folder, 'floor'), 'w');
  let waiting = [];
  let busy = false;
  let syncs = 0;
  const commit = () => {
    if (busy || waiting.length === 0) return;
    busy = true;
    const batch = waiting;
    waiting = [];
    writev(file, batch.map(() => octets), null, () =>
      fdatasync(file, () => {
        syncs += 1;
        busy = false;
        for (const done of batch) done();
        commit();
      }),
    );
  };
  const rate = await race(senders, total, () => new Promise((resolve) => {
    waiting.push(resolve);
    commit();
  }));
  closeSync(file);
  return { rate, syncs: syncs / total };
}

const envelope = () => ({ reversePath: parseReversePath('<alice.sender@example.org>'), forwardPaths: [parseForwardPath('<bob.recipient@example.net>')] });

async function taking(folder, senders, total, octets) {
  const directory = join(folder, `taking-${senders}`);
  const { disk, count } = counting(await FileDisk.open(directory));
  const journal = await Journal.on(disk, { segmentSize: Infinity });
  await journal.checkpoint();
  const before = count.syncs;
  const rate = await race(senders, total, () => journal.add(envelope(), once(octets)));
  const syncs = (count.syncs - before) / total;
  await journal.close();
  rmSync(directory, { recursive: true });
  return { rate, syncs };
}

/** Mails of 8 KiB taken by the journal, beside the floor. */
async function taken(folder, rounds) {
  const octets = content(8192);
  const rows = [];
  for (const senders of [1, 4, 32, 128]) {
    const total = 200 * Math.ceil(Math.sqrt(senders) * 2);
    const found = await inTurns(rounds, [floor, taking], (take) => take(folder, senders, total, octets));
    const [under, over] = [found.get(floor), found.get(taking)];
    rows.push([String(senders), figure(under.rate), figure(over.rate), ratio(over.rate / under.rate), ratio(under.syncs), ratio(over.syncs)]);
  }
  return { title: 'The journal alone: mails of 8 KiB taken, a second', command: COMMAND, columns: ['senders at a time', 'floor', 'journal', 'to the floor', 'syncs a mail, floor', 'journal'], rows };
}

/** A queue of mails none of which can be delivered. */
async function filled(folder, mails, faults) {
  const slice = mails / SLICES;
  const directory = join(folder, 'queue');
  const rows = [];
  {
    const { disk, count } = counting(await FileDisk.open(directory));
    const journal = await Journal.on(disk, { segmentSize: Infinity }); // the start has to read all of it
    const octets = content(2048);
    const slices = [];
    while (slices.length < SLICES) {
      const begin = cpuUsage();
      await race(100, slice, async () => {
        const { id } = await journal.add(envelope(), once(octets));
        await journal.attempt(id, [0], 'mx.example.net');
        await journal.settle(id, [{ state: 'waiting', reply: { code: 451, enhanced: '4.7.1', lines: ['greylisted, try again later'] }, host: 'mx.example.net' }], Date.now() + 450_000);
      });
      slices.push((spent(begin) / slice) * 1e6);
    }
    const [early, late] = [median(slices.slice(1, 4)), median(slices.slice(-3))]; // the first ones are slow: nothing is compiled yet; and each third or so has a collection of all the heap
    rows.push([`CPU to take and defer a mail, of the second to fourth ${slice.toLocaleString('en')}, median`, `${figure(early)} µs`, '']);
    rows.push([`CPU to take and defer a mail, of the last three ${slice.toLocaleString('en')}, median`, `${figure(late)} µs`, `${ratio(late / early)} of that; 0.80 to 1.20`]);
    await journal.flush();
    rows.push(['octets written for each of a mail', ratio(count.octets / mails / octets.length), '']);
    rows.push(['syncs for a mail', ratio(count.syncs / mails), '']);
    await journal.close();
  }
  let empty; // octets of memory without a queue
  for (const story of ['after a crash', 'after a checkpoint']) {
    globalThis.gc?.();
    empty ??= memoryUsage().heapUsed;
    const [begin, start] = [performance.now(), cpuUsage()];
    const { disk, count } = counting(await FileDisk.open(directory));
    const journal = await Journal.on(disk);
    const [started, cpu] = [(performance.now() - begin) / 1000, spent(start)];
    rows.push([`start ${story}`, `${figure(started)} s, ${figure(cpu)} s of CPU`, `≤ ${LONGEST_START} s`]);
    let waiting = 0;
    for (const mail of journal.mails()) if (mail.forwardPaths[0]?.type === 'path') waiting += 1;
    await journal.checkpoint();
    rows.push([`checkpoint behind it`, `${figure((performance.now() - begin) / 1000 - started)} s, ${(count.octets / mails).toFixed(0)} octets and ${ratio(count.syncs / mails)} syncs a mail`, '']);
    globalThis.gc?.();
    const memory = (memoryUsage().heapUsed - empty) / mails;
    rows.push(['memory of a waiting mail', globalThis.gc === undefined ? 'run with --expose-gc' : `${memory.toFixed(0)} octets`, `≤ ${MOST_MEMORY}`]);
    if (waiting !== mails) faults.push(`${waiting} of ${mails} mails are there`);
    if (cpu > LONGEST_START) faults.push(`a start takes more than ${LONGEST_START} s of CPU`);
    if (globalThis.gc !== undefined && memory > MOST_MEMORY) faults.push(`a mail takes more than ${MOST_MEMORY} octets`);
    await journal.close();
  }
  const begin = performance.now();
  const list = execFileSync(execPath, [EHLO, 'queue', 'list', '--queue', directory], { maxBuffer: 2 ** 30 }).toString();
  rows.push(['ehlo queue list', `${figure((performance.now() - begin) / 1000)} s`, '']);
  if (!list.includes(`${mails} mails for ${mails} recipients, `)) faults.push(`ehlo queue list ends with ${list.slice(-100)}`);
  rmSync(directory, { recursive: true });
  return { title: `A queue of ${mails.toLocaleString('en')} mails of 2 KiB`, command: COMMAND, columns: ['', '', 'aim'], rows };
}

/** Has the scheduler begin and end so many units that are due at once. */
function schedule(units, senders, destinations) {
  const scheduler = new Scheduler({ schedule: RETRY_SCHEDULE });
  for (let unit = 0; unit < units; unit++) scheduler.add({ destination: `${unit % destinations}.example`, sender: `${unit % senders}@example.org`, expires: Infinity }, 0, true);
  let ended = 0;
  for (let unit; (unit = scheduler.next(1)) !== undefined; ended++) scheduler.end(unit, 'answered', 1);
  if (ended !== units) throw new Error(`the scheduler has begun ${ended} of ${units} units`);
}

function next(faults) {
  for (let turn = 0; turn < 10; turn++) schedule(10_000, 100, 100); // compiled by then
  const rows = [['one sender', 1, 1], ['a sender each', Infinity, 1], ['10,000 destinations', 1, 10_000]].map(([name, senders, destinations]) => {
    const cost = (units) => (fastest(() => schedule(units, senders, destinations), 5) / units) * 1e6;
    const [few, many] = [cost(10_000), cost(100_000)];
    if (many > STEEPEST * few) faults.push(`${name}: the next of 100,000 units takes more than ${STEEPEST} times what it takes of 10,000`);
    return [name, `${figure(few)} µs`, `${figure(many)} µs`, ratio(many / few)];
  });
  return { title: 'Who is next: CPU for each unit, from its coming to its end', command: COMMAND, detail: true, columns: ['', 'of 10,000', 'of 100,000', 'ratio'], rows };
}

export async function run({ rounds, long }) {
  const folder = temporaryFolder();
  const faults = [];
  return { tables: [await taken(folder, rounds), await filled(folder, long ? MAILS.long : MAILS.short, faults), next(faults)], faults };
}
