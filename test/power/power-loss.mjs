// The loss of power on real file systems. `ehlo serve` receives, delivers and relays mail on a file system whose disk writes down
// every write and every flush. From that record, images are made as the disk may have been at some moment; each is mounted, the
// queue is recovered, and what was acknowledged before that moment is looked for.
//
//   node test/power/power-loss.mjs [--file-systems ext4,xfs,btrfs] [--seconds 15] [--images 50] [--workers 1] [--seed 1] [--forget-syncs]
//
// It needs root, loop devices, FUSE, and the programs that make the file systems (Debian: e2fsprogs, xfsprogs, btrfs-progs).
// A line for each of them, and status 1 where a mail is missing, damaged or double. `--forget-syncs` has the program under test
// sync nothing: then mail is missing, or this would see nothing.
//
// Rule 1: what was written before a flush that is over is there. Of what was written after it: all that had come by then, half of
//         it by chance, a fifth of that torn at a sector, or nothing. Three images for each moment.
// Rule 2: what was acknowledged before a moment is in the Maildir, or in the queue, or was taken by the next hop before it.
// Rule 3: nothing is in the queue twice, nor in the Maildir, and what is there is whole, octet for octet.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, readdirSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { accept, connectTo, listen, refuse } from '../../dist/index.js';
import { Journal } from '../../dist/node/journal.js';
import { partFolder, partsOf } from '../../dist/node/part.js';
import { randomFrom } from '../../dist/wire/random.js';

const { values } = parseArgs({ options: {
  'file-systems': { type: 'string', default: 'ext4,xfs,btrfs' },
  seconds: { type: 'string', default: '15' },
  images: { type: 'string', default: '50' },
  workers: { type: 'string', default: '1' },
  seed: { type: 'string', default: '1' },
  'forget-syncs': { type: 'boolean', default: false },
} });

const DISK = 320 * 1024 ** 2; // octets: btrfs wants a hundred MiB and more
const SECTOR = 512;
const CLIENTS = 8;
const SIZES = [200, 800, 800, 3_000, 20_000, 90_000, 200_000]; // of mails: the larger ones have files of their own
const HERE = '<carol@here.test>'; // into the Maildir
const ELSEWHERE = '<bob@elsewhere.test>'; // to the next hop, which takes four in ten only when they come again

const EHLO = fileURLToPath(new URL('../../dist/cli/ehlo.js', import.meta.url));
const RECORDING_DISK = fileURLToPath(new URL('recording-disk.mjs', import.meta.url));
const MAKE = { ext4: ['mkfs.ext4', '-q', '-F'], xfs: ['mkfs.xfs', '-q'], btrfs: ['mkfs.btrfs', '-q'] };
const NO_SYNCS = `data:text/javascript,import fs from 'node:fs'; import { syncBuiltinESMExports } from 'node:module'; fs.fdatasync = fs.fsync = (_, done) => done(null); syncBuiltinESMExports();`;

const random = randomFrom(Number(values.seed));
const below = (count) => Math.floor(random() * count);
const pick = (items) => items[below(items.length)];
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const seconds = () => Number(process.hrtime.bigint()) / 1e9; // the clock of the record

function run(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? (stderr || stdout)}`);
}

async function until(what, holds) {
  for (const begin = seconds(); !(await holds()); await sleep(50)) if (seconds() - begin > 30) throw new Error(`${what}: not within 30 s`);
}

function contentOf(number, size) {
  const line = `${String(number).padEnd(76)}\r\n`;
  return Buffer.from(`From: alice@sender.test\r\nSubject: power ${number} ${size}\r\n\r\n${line.repeat(size / line.length + 1)}`);
}

/** The mail that a file is of, which ends as that mail does. */
function numberOf(octets) {
  const [, number, size] = /^Subject: power (\d+) (\d+)\r?$/m.exec(octets.toString('latin1')) ?? [];
  if (number === undefined) return undefined;
  const content = contentOf(number, Number(size));
  const text = octets.toString('latin1');
  const isWhole = text.endsWith(text.includes('\r\n') ? content.toString('latin1') : content.toString('latin1').replaceAll('\r\n', '\n'));
  return isWhole ? Number(number) : undefined;
}

/** Runs the program until it is killed; returns what was acknowledged, what the next hop took, and when; and when it was killed. */
async function load(mount) {
  const acknowledged = []; // { number, to, at }
  const taken = new Map(); // when, by number
  const deferred = new Set();
  const hop = await listen({ port: 0 }, {
    async message({ content }) {
      const pieces = [];
      for await (const octets of content) pieces.push(octets);
      const number = numberOf(Buffer.concat(pieces));
      if (!deferred.has(number) && Math.random() < 0.4) {
        deferred.add(number);
        return refuse(451, '4.3.0', 'not now');
      }
      if (!taken.has(number)) taken.set(number, seconds());
      return accept();
    },
  });
  const faults = values['forget-syncs'] ? ['--import', NO_SYNCS] : [];
  const options = ['--listen', 'smtp://127.0.0.1:0', '--hostname', 'mx.test', '--queue', join(mount, 'queue'), '--maildir', join(mount, 'maildir'), '--accept', 'here.test', '--smarthost', `127.0.0.1:${hop.port}`, '--retry', '1s', '--workers', values.workers];
  const relay = spawn(process.execPath, [...faults, EHLO, 'serve', ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => relay.on('exit', resolve));
  let printed = '';
  relay.stderr.setEncoding('utf8').on('data', (text) => (printed += text));
  const port = () => /listening on smtp:\/\/127\.0\.0\.1:(\d+)/.exec(printed)?.[1];
  let killed;
  try {
    await until('ehlo serve listens', () => port() !== undefined);
    await send(port(), acknowledged);
  } finally { // whatever comes of it: nothing is to hold the file system
    killed = seconds();
    relay.kill('SIGKILL');
    await ended;
    await hop.close(0);
    await sleep(500); // workers see that their primary has gone
  }
  return { acknowledged, taken, killed };
}

/** Sends mail to the port for some seconds; notes what was acknowledged. */
async function send(port, acknowledged) {
  const client = connectTo(`smtp://127.0.0.1:${port}`, { connections: CLIENTS });
  const end = seconds() + Number(values.seconds);
  let mails = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    while (seconds() < end) {
      const number = mails++;
      const to = pick([[HERE], [ELSEWHERE], [HERE, ELSEWHERE]]);
      const outcomes = await client.send({ from: '<alice@sender.test>', to, content: contentOf(number, pick(SIZES)) });
      if (outcomes.every(({ outcome }) => outcome.state === 'delivered')) acknowledged.push({ number, to, at: seconds() });
      if (random() < 0.5) await sleep(below(20));
    }
  }));
  await client.close();
}

/** The entries of a record; the octets stay where they are. */
function entriesOf(record) {
  const entries = [];
  const header = Buffer.alloc(21);
  for (let at = 0; readSync(record, header, 0, 21, at) === 21; ) {
    const length = header.readUInt32LE(17);
    entries.push({ time: header.readDoubleLE(0), isFlush: header[8] === 0x46, offset: Number(header.readBigUInt64LE(9)), length, from: at + 21 });
    at += 21 + length;
  }
  return entries;
}

function write(image, record, { offset, length, from }, most = length) {
  const octets = Buffer.alloc(Math.min(length, most));
  readSync(record, octets, 0, octets.length, from);
  writeSync(image, octets, 0, octets.length, offset);
}

const SHARES = {
  all: () => Infinity,
  some: () => (random() < 0.5 ? 0 : random() < 0.2 ? SECTOR * (1 + below(8)) : Infinity),
  none: () => 0,
};

/** What is in the queue and in the Maildir of a file system, by number, and what is wrong with it. */
async function contentsOf(mount) {
  const faults = [];
  const queued = new Set();
  const delivered = new Set();
  const note = (octets, found, place) => {
    const number = numberOf(octets);
    if (number === undefined) faults.push(`a mail in ${place} is not whole`);
    else if (found.has(number)) faults.push(`mail ${number} is in ${place} twice`);
    else found.add(number);
  };
  const [queue, maildir] = [join(mount, 'queue'), join(mount, 'maildir', 'new')];
  for (const part of existsSync(queue) ? await partsOf(queue) : []) {
    const folder = partFolder(queue, part);
    const journal = await Journal.open(folder).catch(({ message }) => void faults.push(message));
    if (journal === undefined) continue;
    for (const { id, reversePath } of [...journal.mails()]) {
      const pieces = [];
      for await (const octets of journal.content(id)) pieces.push(octets);
      if (reversePath.text !== '<>') note(Buffer.concat(pieces), queued, 'the queue');
    }
    await journal.close();
    faults.push(...readdirSync(join(folder, 'dead')).filter((name) => !name.endsWith('.torn')).map((name) => `the queue has put ${name} aside`));
  }
  for (const name of existsSync(maildir) ? readdirSync(maildir) : []) note(readFileSync(join(maildir, name)), delivered, 'the Maildir');
  return { queued, delivered, faults };
}

async function tryOn(system) {
  if (MAKE[system] === undefined) throw new Error(`it is no file system of these: ${Object.keys(MAKE).join(', ')}`);
  const scratch = mkdtempSync(join(tmpdir(), 'ehlo-power-'));
  try {
    return await tryIn(scratch, system);
  } finally {
    for (const name of ['mount', 'fuse']) spawnSync('umount', [join(scratch, name)]); // where it has failed
    rmSync(scratch, { recursive: true });
  }
}

async function tryIn(scratch, system) {
  const [blank, disk, folder, mount, recordFile, before, image] = ['blank.img', 'disk.img', 'fuse', 'mount', 'record', 'before.img', 'image.img'].map((name) => join(scratch, name));
  mkdirSync(folder);
  mkdirSync(mount);
  writeFileSync(blank, '');
  truncateSync(blank, DISK);
  run(...MAKE[system], blank);
  run('cp', '--sparse=always', blank, disk);
  const recorder = spawn(process.execPath, [RECORDING_DISK, disk, folder, recordFile], { stdio: ['ignore', 'ignore', 'inherit'] });
  let isGone = false;
  const over = new Promise((resolve) => recorder.on('exit', resolve).on('error', resolve)).then(() => (isGone = true));
  await until('the disk is there', () => isGone || existsSync(join(folder, 'disk.img')));
  if (isGone) throw new Error('the disk that records does not come up: it takes root and FUSE');
  run('mount', '-o', 'loop', join(folder, 'disk.img'), mount);
  const begin = seconds();
  const { acknowledged, taken, killed } = await load(mount);
  run('umount', mount);
  run('umount', folder);
  await over;

  const record = openSync(recordFile, 'r');
  const entries = entriesOf(record);
  const within = [...entries.keys()].filter((at) => entries[at].time > begin && entries[at].time < killed);
  const moments = Array.from({ length: Number(values.images) }, () => pick(within)).sort((a, b) => a - b);
  const found = { images: 0, looked: 0, missing: 0, faults: 0 };
  const complain = (kind, text) => {
    if (found[kind]++ < 5) console.log(`${system}: ${text}`);
  };
  run('cp', '--sparse=always', blank, before);
  const base = openSync(before, 'r+'); // what was written before the last flush
  let written = 0;
  for (const moment of moments) {
    const flush = entries.slice(0, moment).findLastIndex(({ isFlush }) => isFlush);
    for (; written < flush; written++) if (!entries[written].isFlush) write(base, record, entries[written]);
    const { time } = entries[moment];
    for (const [name, share] of Object.entries(SHARES)) {
      run('cp', '--sparse=always', before, image);
      const copy = openSync(image, 'r+');
      for (const entry of entries.slice(Math.max(flush, 0), moment)) if (!entry.isFlush) write(copy, record, entry, share());
      closeSync(copy);
      run('mount', '-o', 'loop', image, mount);
      const { queued, delivered, faults } = await contentsOf(mount);
      run('umount', mount);
      found.images += 1;
      for (const fault of faults) complain('faults', `at entry ${moment}, with ${name} of what was not flushed: ${fault}`);
      for (const { number, to, at } of acknowledged) {
        if (at >= time) continue;
        found.looked += to.length;
        const isThere = { [HERE]: delivered.has(number), [ELSEWHERE]: queued.has(number) || taken.get(number) <= time };
        for (const path of to) if (!isThere[path]) complain('missing', `at entry ${moment}, with ${name} of what was not flushed: mail ${number} to ${path} is missing, acknowledged ${((time - at) * 1000).toFixed(1)} ms before`);
      }
    }
  }
  closeSync(base);
  closeSync(record);
  const flushes = entries.filter(({ isFlush }) => isFlush).length;
  console.log(`${system}: ${acknowledged.length} mails acknowledged, ${entries.length - flushes} writes and ${flushes} flushes recorded; ${found.images} images mounted, ${found.looked} times looked for what was acknowledged: ${found.missing} missing; ${found.faults} double, damaged or put aside`);
  return found.missing + found.faults === 0 && found.looked > 0;
}

process.exitCode = 0;
for (const system of values['file-systems'].split(',')) {
  const good = await tryOn(system).catch(({ message }) => console.error(`${system}: ${message}`));
  if (good !== true) process.exitCode = 1;
}
