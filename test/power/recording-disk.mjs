// A disk that writes down what a file system does to it: a folder with one file, disk.img, over which a loop device goes.
//
//   recording-disk.mjs IMAGE FOLDER RECORD      (started by power-loss.mjs; needs root)
//
// Each entry of RECORD: when it came (seconds of the monotonic clock, 64-bit float), `W` or `F`, the offset (64 bits) and the
// length (32 bits), little-endian, and the octets. `F` is a flush: what was written before it has outlived the loss of power when
// it is answered. One thread does all of it, so that an entry begins when the one before it is over.
//
// It speaks FUSE to the kernel itself (include/uapi/linux/fuse.h, version 7.31), as much of it as one file needs. It ends when
// its folder is unmounted.

import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { argv, exit, hrtime, stderr } from 'node:process';

const [, , IMAGE, FOLDER, RECORD] = argv;

const FILE = 2n; // its node; 1 is that of the folder
const NAME = 'disk.img';
const [ENOENT, ENOSYS] = [2, 38];
const MOST = 131_072; // octets of one write: what the kernel sends without being asked for more
const HEADER = { in: 40, out: 16 };
const BIG_WRITES = 1 << 5;
const PATIENCE = 10_000; // milliseconds until the folder is mounted

const image = openSync(IMAGE, 'r+');
const record = openSync(RECORD, 'w');
const kernel = openSync('/dev/fuse', 'r+');
const size = BigInt(fstatSync(image).size);

function note(kind, offset = 0n, octets = Buffer.alloc(0)) {
  const head = Buffer.alloc(21);
  head.writeDoubleLE(Number(hrtime.bigint()) / 1e9, 0);
  head.write(kind, 8, 'latin1');
  head.writeBigUInt64LE(offset, 9);
  head.writeUInt32LE(octets.length, 17);
  writeSync(record, Buffer.concat([head, octets]));
}

/** struct fuse_attr, behind so many octets of another struct. */
function attributes(node, before) {
  const octets = Buffer.alloc(before + 88);
  octets.writeBigUInt64LE(node, before);
  octets.writeBigUInt64LE(node === FILE ? size : 0n, before + 8);
  octets.writeUInt32LE(node === FILE ? 0o100600 : 0o40700, before + 60); // mode
  octets.writeUInt32LE(1, before + 64); //                                  links
  return octets;
}

/** By opcode: the answer, the number of an error, or nothing where none is wanted. */
const ANSWERS = {
  1: (node, body) => { // LOOKUP
    if (body.toString('latin1') !== `${NAME}\0`) return ENOENT;
    const entry = attributes(FILE, 40);
    entry.writeBigUInt64LE(FILE, 0);
    return entry;
  },
  2: () => undefined, // FORGET
  3: (node) => attributes(node, 16), // GETATTR
  4: (node) => attributes(node, 16), // SETATTR: of times alone
  14: () => Buffer.alloc(16), // OPEN
  15: (node, body) => { // READ
    const octets = Buffer.alloc(body.readUInt32LE(16));
    return octets.subarray(0, readSync(image, octets, 0, octets.length, Number(body.readBigUInt64LE(8))));
  },
  16: (node, body) => { // WRITE
    const offset = body.readBigUInt64LE(8);
    const octets = body.subarray(40, 40 + body.readUInt32LE(16));
    note('W', offset, octets);
    writeSync(image, octets, 0, octets.length, Number(offset));
    const answer = Buffer.alloc(8);
    answer.writeUInt32LE(octets.length, 0);
    return answer;
  },
  18: () => Buffer.alloc(0), // RELEASE
  20: () => { // FSYNC
    note('F');
    return Buffer.alloc(0);
  },
  25: () => Buffer.alloc(0), // FLUSH: a descriptor was closed
  26: () => { // INIT
    const answer = Buffer.alloc(64);
    answer.writeUInt32LE(7, 0);
    answer.writeUInt32LE(31, 4);
    answer.writeUInt32LE(MOST, 8); // read ahead
    answer.writeUInt32LE(BIG_WRITES, 12);
    answer.writeUInt32LE(MOST, 20);
    return answer;
  },
  36: () => undefined, // INTERRUPT
  42: () => undefined, // FORGET, of many
};

spawn('mount', ['-i', '-t', 'fuse', '-o', 'fd=3,rootmode=40000,user_id=0,group_id=0', 'recording-disk', FOLDER], { stdio: ['ignore', 'inherit', 'inherit', kernel] });

const request = Buffer.alloc(MOST + 4096);
const begin = Date.now();
for (let mounted = false; ; ) {
  let length;
  try {
    length = readSync(kernel, request, 0, request.length, null);
    mounted = true;
  } catch ({ code, message }) {
    if (code === 'EPERM' && !mounted && Date.now() - begin < PATIENCE) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10); // it is not mounted yet
      continue;
    }
    if (code === 'ENODEV') break; // any more
    if (code === 'EINTR' || code === 'ENOENT') continue; // whoever asked has gone
    stderr.write(`recording-disk: ${message}\n`);
    exit(1);
  }
  const [opcode, unique, node] = [request.readUInt32LE(4), request.readBigUInt64LE(8), request.readBigUInt64LE(16)];
  const answer = (ANSWERS[opcode] ?? (() => ENOSYS))(node, request.subarray(HEADER.in, length));
  if (answer === undefined) continue;
  const body = typeof answer === 'number' ? Buffer.alloc(0) : answer;
  const head = Buffer.alloc(HEADER.out);
  head.writeUInt32LE(HEADER.out + body.length, 0);
  head.writeInt32LE(typeof answer === 'number' ? -answer : 0, 4);
  head.writeBigUInt64LE(unique, 8);
  writeSync(kernel, Buffer.concat([head, body]));
}
closeSync(record);
exit(0);
