// What durability costs: the rate at which mails are taken, beside a floor; and a queue of 100,000 mails: how long a start takes,
// how much memory a mail, how many octets are written for one, how long `ehlo queue list` takes; and what it costs to find who
// is next, however many wait. After `npm run build`:
//
//   node --expose-gc test/bench/queue.mjs [mails]
//
// The floor is a loop of one writev and one fdatasync for all that wait, with nothing around it: what the disk can do. Its file
// grows as the journal does. Fails if a start takes more than three seconds, a waiting mail more than a KiB, or finding the next
// of 100,000 units four times what it takes of 10,000.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, openSync, closeSync, writev, fdatasync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exit, argv, cpuUsage, execPath, memoryUsage } from 'node:process';
import { performance } from 'node:perf_hooks';
import { FileDisk } from '../../dist/node/disk.js';
import { Journal } from '../../dist/node/journal.js';
import { RETRY_SCHEDULE } from '../../dist/relay/schedule.js';
import { Scheduler } from '../../dist/relay/scheduler.js';
import { parseForwardPath, parseReversePath } from '../../dist/syntax/path.js';

const MAILS = Number(argv[2] ?? 100_000);
const LONGEST_START = 3; // seconds
const MOST_MEMORY = 1024; // octets a mail
const STEEPEST = 4; // ten times as many units may make each cost so many times as much: memory further away, and its collector

const folder = mkdtempSync(join(tmpdir(), 'ehlo-bench-'));
const content = (size) => Buffer.alloc(size, 'a line of a mail, as long as they are on the average of all\r\n');

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

async function floor(senders, total, octets) {
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

async function taking(senders, total, octets) {
  const directory = join(folder, `taking-${senders}`);
  const { disk, count } = counting(await FileDisk.open(directory));
  const journal = await Journal.on(disk, { segmentSize: Infinity });
  await journal.checkpoint();
  const before = count.syncs;
  const rate = await race(senders, total, () => journal.add(envelope(), (async function* () {
    yield octets;
  })()));
  const syncs = (count.syncs - before) / total;
  await journal.close();
  rmSync(directory, { recursive: true });
  return { rate, syncs };
}

const row = (...cells) => console.log(cells.map((cell, index) => (index === 0 ? String(cell).padEnd(24) : String(cell).padStart(12))).join(''));
const faults = [];

console.log('mails of 8 KiB taken, a second, and fdatasyncs for each');
row('senders', 'floor', 'journal', 'ratio', 'syncs/mail', 'floor\'s');
for (const senders of [1, 4, 32, 128]) {
  const total = 500 * Math.ceil(Math.sqrt(senders) * 2);
  const octets = content(8192);
  const best = { floor: { rate: 0 }, journal: { rate: 0 } };
  for (let turn = 0; turn < 3; turn++) {
    const [under, over] = [await floor(senders, total, octets), await taking(senders, total, octets)];
    if (under.rate > best.floor.rate) best.floor = under;
    if (over.rate > best.journal.rate) best.journal = over;
  }
  row(senders, best.floor.rate.toFixed(0), best.journal.rate.toFixed(0), (best.journal.rate / best.floor.rate).toFixed(2), best.journal.syncs.toFixed(3), best.floor.syncs.toFixed(3));
}

console.log(`\na queue of ${MAILS} mails of 2 KiB, none of which can be delivered`);
const directory = join(folder, 'queue');
{
  const { disk, count } = counting(await FileDisk.open(directory));
  const journal = await Journal.on(disk, { segmentSize: Infinity }); // the start has to read all of it
  const octets = content(2048);
  const begin = performance.now();
  await race(100, MAILS, async () => {
    const { id } = await journal.add(envelope(), (async function* () {
      yield octets;
    })());
    await journal.attempt(id, [0], 'mx.example.net');
    await journal.settle(id, [{ state: 'waiting', reply: { code: 451, enhanced: '4.7.1', lines: ['greylisted, try again later'] }, host: 'mx.example.net' }], Date.now() + 450_000);
  });
  row('taken and deferred', `${((performance.now() - begin) / 1000).toFixed(1)} s`);
  await journal.flush();
  row('octets written', `${(count.octets / MAILS / 2048).toFixed(2)} times those of the mails`);
  row('syncs', `${(count.syncs / MAILS).toFixed(2)} for each mail`);
  await journal.close();
}
let empty; // octets of memory without a queue
for (const story of ['after a crash', 'after a checkpoint']) {
  globalThis.gc?.();
  empty ??= memoryUsage().heapUsed;
  const begin = performance.now();
  const { disk, count } = counting(await FileDisk.open(directory));
  const journal = await Journal.on(disk);
  const started = (performance.now() - begin) / 1000;
  row(`start ${story}:`, `${started.toFixed(2)} s until it takes mail`);
  const listing = performance.now();
  let waiting = 0;
  for (const mail of journal.mails()) if (mail.forwardPaths[0]?.type === 'path') waiting += 1;
  row('  every mail looked at', `${((performance.now() - listing) / 1000).toFixed(2)} s`);
  await journal.checkpoint();
  row('  checkpoint behind it', `${((performance.now() - begin) / 1000 - started).toFixed(2)} s, ${(count.octets / MAILS).toFixed(0)} octets and ${(count.syncs / MAILS).toFixed(2)} syncs a mail`);
  globalThis.gc?.();
  const memory = (memoryUsage().heapUsed - empty) / MAILS;
  row('  memory', globalThis.gc === undefined ? 'run with --expose-gc' : `${memory.toFixed(0)} octets for each mail`);
  if (waiting !== MAILS) faults.push(`${waiting} of ${MAILS} mails are there`);
  if (started > LONGEST_START) faults.push(`a start takes more than ${LONGEST_START} s`);
  if (globalThis.gc !== undefined && memory > MOST_MEMORY) faults.push(`a mail takes more than ${MOST_MEMORY} octets`);
  await journal.close();
}
{
  const begin = performance.now();
  const list = execFileSync(execPath, [fileURLToPath(new URL('../../dist/cli/ehlo.js', import.meta.url)), 'queue', 'list', '--queue', directory], { maxBuffer: 2 ** 30 }).toString();
  row('ehlo queue list', `${((performance.now() - begin) / 1000).toFixed(2)} s, its start included`);
  if (!list.endsWith(`${MAILS} mails for ${MAILS} recipients, ${list.split(' ').slice(-2).join(' ')}`)) faults.push(`ehlo queue list ends with ${list.slice(-100)}`);
}
rmSync(folder, { recursive: true });

/** CPU time, in microseconds, that the scheduler takes for each of so many units that are due at once. */
function scheduling(units, senders, destinations) {
  const scheduler = new Scheduler({ schedule: RETRY_SCHEDULE });
  const waiting = Array.from({ length: units }, (_, unit) => ({ destination: `${unit % destinations}.example`, sender: `${unit % senders}@example.org`, expires: Infinity }));
  globalThis.gc?.();
  const begin = cpuUsage().user;
  for (const unit of waiting) scheduler.add(unit, 0, true);
  let ended = 0;
  for (let unit; (unit = scheduler.next(1)) !== undefined; ended++) scheduler.end(unit, 'answered', 1);
  if (ended !== units) faults.push(`the scheduler has begun ${ended} of ${units} units`);
  return (cpuUsage().user - begin) / units;
}

console.log('\nwho is next: microseconds of CPU for each unit');
for (let turn = 0; turn < 10; turn++) scheduling(10_000, 100, 100); // compiled by then
row('units', '10,000', '100,000', 'ratio');
for (const [name, senders, destinations] of [['one sender', 1, 1], ['a sender each', Infinity, 1], ['10,000 destinations', 1, 10_000]]) {
  const best = (units) => Math.min(...[1, 2, 3, 4, 5].map(() => scheduling(units, senders, destinations)));
  const [few, many] = [best(10_000), best(100_000)];
  row(name, few.toFixed(2), many.toFixed(2), (many / few).toFixed(2));
  if (many > STEEPEST * few) faults.push(`${name}: the next of 100,000 units takes more than ${STEEPEST} times what it takes of 10,000`);
}
for (const fault of faults) console.log(fault);
exit(faults.length > 0 ? 1 : 0);
