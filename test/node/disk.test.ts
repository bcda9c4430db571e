import { mkdirSync, readdirSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers';
import { describe, expect, it } from 'vitest';
import { FileDisk, writeAll } from '../../src/node/disk.ts';
import { decodeLatin1, encodeAscii } from '../../src/wire/ascii.ts';
import { concat } from '../../src/wire/octet.ts';
import { builtin, replaceIn } from '../support/builtin.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

let unreadable: string | undefined; // a folder that whoever runs the test may enter, and not read
let elsewhere: string | undefined; // a folder of another file system
let decayed = false; // what is opened cannot be synced
let sizeless = false; // a file system that has no size
const { open, stat, statfs } = builtin('node:fs/promises') as { readonly open: (path: string, ...of: unknown[]) => Promise<object>; readonly stat: (path: string) => Promise<{ readonly dev: number }>; readonly statfs: (path: string) => Promise<object> };
replaceIn('node:fs/promises', {
  statfs: async (path: string) => (sizeless ? { blocks: 0, bavail: 0, bsize: 4096 } : statfs(path)),
  stat: async (path: string) => {
    const found = await stat(path);
    return path === elsewhere ? Object.assign(found, { dev: found.dev + 1 }) : found;
  },
  open: async (path: string, ...of: unknown[]) => {
    if (path === unreadable) throw Object.assign(new Error(`EACCES: permission denied, open '${path}'`), { code: 'EACCES' });
    const file = await open(path, ...of);
    return decayed ? Object.assign(file, { datasync: () => Promise.reject(new Error('EIO: i/o error, fdatasync')) }) : file;
  },
});

describe('a directory as a disk, when no file can be opened any more', () => {
  it('closes each descriptor once, also where two ask for it', async () => {
    using directory = temporaryDirectory();
    const disk = await FileDisk.open(directory.path);
    await disk.write('journal/a', [encodeAscii('x')], 0);
    await Promise.all([disk.close(), disk.close()]);
    await disk.close();
  });

  it('syncs a folder by the descriptor that it has', async () => {
    using directory = temporaryDirectory();
    const disk = await FileDisk.open(directory.path);
    rmSync(join(directory.path, 'msg'), { recursive: true }); // what is gone cannot be opened
    await disk.syncFolder('msg');
    await disk.close();
    await expect(disk.syncFolder('msg')).rejects.toThrow();
  });

  it('cuts a file off by the descriptor that it was written by', async () => {
    using directory = temporaryDirectory();
    const disk = await FileDisk.open(directory.path);
    await disk.write('tmp/a', [Uint8Array.of(1, 2, 3)], 0);
    unlinkSync(join(directory.path, 'tmp/a'));
    await disk.truncate('tmp/a', 1);
    await disk.close();
  });

  it('cuts off a file that it has not written', async () => {
    using directory = temporaryDirectory();
    let disk = await FileDisk.open(directory.path);
    await disk.write('msg/a', [Uint8Array.of(1, 2, 3)], 0);
    await disk.close();
    disk = await FileDisk.open(directory.path);
    await disk.truncate('msg/a', 1);
    expect([...(await disk.read('msg/a'))]).toEqual([1]);
    await disk.close();
  });
});

describe('a directory as a disk', () => {
  it('has folders and files that are their owner\'s alone', async () => {
    using directory = temporaryDirectory();
    const disk = await FileDisk.open(directory.path);
    await disk.write('tmp/a', [Uint8Array.of(1)], 0);
    await disk.close();
    const permissions = [...readdirSync(directory.path), 'tmp/a'].map((name) => `${name} ${(statSync(join(directory.path, name)).mode & 0o777).toString(8)}`);
    expect(permissions).toEqual(['dead 700', 'journal 700', 'msg 700', 'tmp 700', 'tmp/a 600']);
  });

  // found by running: with msg on a volume of its own each large mail ended the relay
  it.each(['msg', 'tmp', 'dead'])('has its folders on one file system: not %s on another', async (folder) => {
    using directory = temporaryDirectory();
    elsewhere = join(directory.path, folder);
    await expect(FileDisk.open(directory.path)).rejects.toThrow(`${folder} is on another file system: expected it on that of the queue, within which a file can have another name`);
    elsewhere = undefined;
    await (await FileDisk.open(directory.path)).close();
  });

  // found by trying: of a file that could not be read it was said why, and not which
  it('says which file an error is about', async () => {
    using directory = temporaryDirectory();
    const disk = await FileDisk.open(directory.path);
    mkdirSync(join(directory.path, 'msg', 'a'));
    await expect(disk.read('msg/a')).rejects.toThrow(`EISDIR: illegal operation on a directory, read '${join(directory.path, 'msg/a')}'`);
    decayed = true;
    await expect(disk.sync('FORMAT')).rejects.toThrow(/^ENOENT: [^']+'[^']+\/FORMAT'$/); // which opening it says
    writeFileSync(join(directory.path, 'FORMAT'), '');
    await expect(disk.sync('FORMAT')).rejects.toThrow(`EIO: i/o error, fdatasync '${join(directory.path, 'FORMAT')}'`);
    decayed = false;
    await disk.close();
  });

  // found by running: a queue in memory (ramfs, tmpfs with size=0) refused all mail for want of room
  it('has room without end on a file system that has no size', async () => {
    using directory = temporaryDirectory();
    const disk = await FileDisk.open(directory.path);
    sizeless = true;
    expect(await disk.free().finally(() => (sizeless = false))).toBe(Infinity);
    await disk.close();
  });

  // found by running: the folder of the journal was removed, and mail acknowledged that no start would find
  it('has no room where a file of the journal has lost its name to another hand, and has where to its own', async () => {
    using directory = temporaryDirectory();
    const disk = await FileDisk.open(directory.path);
    for (const path of ['journal/1', 'journal/2', 'tmp/a']) await disk.write(path, [Uint8Array.of(1)], 0);
    unlinkSync(join(directory.path, 'tmp/a')); // which is never found again anyway
    const [free] = await Promise.all([disk.free(), disk.unlink('journal/1')]);
    expect(free).toBeGreaterThan(0);
    rmSync(join(directory.path, 'journal'), { recursive: true });
    await expect(disk.free()).rejects.toThrow(`ENOENT: no such file or directory, stat '${join(directory.path, 'journal/2')}'`);
    await disk.close();
  });

  // found by running: the folder of a queue was moved while a relay ran, and a copy put in its place: mail went on into what was moved
  it('has no room where another file has the name of one of the journal', async () => {
    using directory = temporaryDirectory();
    const disk = await FileDisk.open(directory.path);
    const path = join(directory.path, 'journal', '1');
    await disk.write('journal/1', [Uint8Array.of(1)], 0);
    expect(await disk.free()).toBeGreaterThan(0);
    renameSync(path, `${path}-`);
    writeFileSync(path, Uint8Array.of(1));
    await expect(disk.free()).rejects.toThrow(`another file has taken the place of '${path}'`);
    await disk.close();
  });

  // found by running: a queue that root had made for the relay's user, below a folder of mode 0711, could not be opened
  it('may stand in a folder that its owner cannot read, unless it is to be made there', async () => {
    using directory = temporaryDirectory();
    const [made, missing] = [join(directory.path, 'made'), join(directory.path, 'missing')];
    mkdirSync(made);
    unreadable = directory.path;
    await (await FileDisk.open(made)).close();
    await expect(FileDisk.open(missing)).rejects.toThrow('EACCES');
    unreadable = undefined;
  });
});

type Writev = Parameters<typeof writeAll>[0];

describe('writing', () => {
  it.each([1, 2, 3, 7, 100])('goes on behind writes that are short: %i octets at a time', async (most) => {
    const file = new Uint8Array(20);
    const pieces = ['abc', '', 'defgh', 'i', 'jklmnopqrs'].map(encodeAscii);
    const writev: Writev = (descriptor, some, at, done) => {
      const octets = concat(some).subarray(0, most);
      file.set(octets, at);
      setImmediate(() => done(descriptor === 7 ? null : new Error('another file'), octets.length));
    };
    await writeAll(writev, 7, pieces, 1);
    expect(decodeLatin1(file)).toBe('\0abcdefghijklmnopqrs');
  });

  it('does not go on for ever', async () => {
    await expect(writeAll((_descriptor, _pieces, _at, done) => done(null, 0), 7, [encodeAscii('a')], 0)).rejects.toThrow('takes no more octets');
  });
});
