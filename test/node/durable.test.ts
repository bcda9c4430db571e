// Which folders are synced where a queue is made, by whoever makes it.

import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileDisk } from '../../src/node/disk.ts';
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
    expect(synced()).toEqual(expect.arrayContaining([directory.path.split('/').at(-1), 'a']));
    const disk = await FileDisk.open(join(directory.path, 'a', 'b', 'queue'));
    await disk.close();
    expect(synced()).toEqual(expect.arrayContaining(['b', 'queue']));
  });
});
