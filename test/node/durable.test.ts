// Which folders are synced where a queue is made, by whoever makes it.

import { readdirSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { umask } from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileDisk } from '../../src/node/disk.ts';
import { FileQueue } from '../../src/node/file-queue.ts';
import { Journal } from '../../src/node/journal.ts';
import { Maildir } from '../../src/node/maildir.ts';
import { makeParts } from '../../src/node/part.ts';
import { giveDirectory } from '../../src/node/privilege.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { operations, watchDisk } from '../support/watched-disk.ts';

let directory: TemporaryDirectory;
watchDisk(() => (directory as TemporaryDirectory | undefined)?.path); // none before the first test
beforeEach(() => {
  directory = temporaryDirectory();
  operations.length = 0;
});
afterEach(() => directory[Symbol.dispose]());

const synced = (): readonly string[] => operations.flatMap((operation) => /^sync (?:.*\/)?([^/]+)$/.exec(operation)?.[1] ?? []);

describe('a queue that is made below folders that are not there', () => {
  it('has a name in each of them that is durable', async () => {
    const disk = await FileDisk.open(join(directory.path, 'a', 'b', 'queue'));
    await disk.close();
    expect(synced()).toEqual(expect.arrayContaining([directory.path.split('/').at(-1), 'a', 'b', 'queue']));
  });

  it('has one too where it is made for another user', async () => {
    const { username: name, uid, gid } = userInfo();
    await giveDirectory(join(directory.path, 'a', 'b', 'queue'), { name, uid, gid });
    expect(synced()).toEqual(expect.arrayContaining([directory.path.split('/').at(-1), 'a', 'b'])); // he may not be able to
    const disk = await FileDisk.open(join(directory.path, 'a', 'b', 'queue'));
    await disk.close();
    expect(synced()).toEqual(expect.arrayContaining(['b', 'queue']));
  });

  // found by running: with umask 0 the folder itself was everybody's, who could put another in the place of each that is in it
  it.each<[string, (path: string) => Promise<{ close(): Promise<void> } | void>]>([
    ['a queue', (path) => Journal.open(path)],
    ['a queue of several workers', (path) => makeParts(path, 2)],
    ['a simple queue', (path) => FileQueue.open(path)],
    ['a Maildir', async (path) => void (await Maildir.open(path))],
  ])('is its owner\'s alone where it is %s, whatever the umask', async (_, open) => {
    const before = umask(0);
    try {
      const opened = await open(join(directory.path, 'a', 'b'));
      await opened?.close();
    } finally {
      umask(before);
    }
    const modes = ['a', 'a/b', ...readdirSync(join(directory.path, 'a', 'b')).map((name) => `a/b/${name}`)].map((name) => statSync(join(directory.path, name)).mode & 0o077);
    expect(modes).toEqual([0o077, ...modes.slice(1).map(() => 0)]); // those above are as the umask has it
  });
});
