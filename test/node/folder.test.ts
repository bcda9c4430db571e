import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder } from '../../src/node/folder.ts';
import { builtin, replaceIn } from '../support/builtin.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';

let directory: TemporaryDirectory;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory[Symbol.dispose]());

/** Where the system makes none, and says that something is missing, as Linux does in /proc. */
const NOWHERE = 'proc';

const { mkdir } = builtin('node:fs/promises') as { readonly mkdir: (path: string, options?: unknown) => Promise<unknown> };
let meanwhile: ((path: string) => void) | undefined; // another process
let refused = 0;
replaceIn('node:fs/promises', {
  mkdir: async (path: string, options?: unknown) => {
    if (path.includes(`/${NOWHERE}/`)) {
      refused += 1;
      throw Object.assign(new Error(`ENOENT: no such file or directory, mkdir '${path}'`), { code: 'ENOENT' });
    }
    meanwhile?.(path);
    return mkdir(path, options);
  },
});

describe('a folder', () => {
  it('is made with those above it, which are told from the highest down', async () => {
    const path = join(directory.path, 'a', 'b', 'c');
    expect(await makeFolder(path)).toEqual([join(directory.path, 'a'), join(directory.path, 'a', 'b'), path]);
    expect(await makeFolder(path)).toEqual([]);
    expect(await makeFolder(join(path, 'd'))).toEqual([join(path, 'd')]);
  });

  it('is not made where the system makes none: the system is asked once', { timeout: 5_000 }, async () => {
    mkdirSync(join(directory.path, NOWHERE), { recursive: true });
    refused = 0;
    await expect(makeFolder(join(directory.path, NOWHERE, 'a'))).rejects.toThrow(/^ENOENT/);
    expect(refused).toBe(1);
    await expect(makeFolder(join(directory.path, NOWHERE, 'a', 'b'))).rejects.toThrow(/^ENOENT.*\/a'$/);
    expect(refused).toBe(2);
  });

  it.each(['a', 'a/b'])('is not made where a file has its name, or that of one above it: %s', async (name) => {
    writeFileSync(join(directory.path, 'a'), '');
    await expect(makeFolder(join(directory.path, name))).rejects.toThrow(/^EEXIST.*\/a'$/);
  });

  it('may be made by another process meanwhile', async () => {
    meanwhile = (path) => mkdirSync(path, { recursive: true });
    try {
      expect(await makeFolder(join(directory.path, 'a', 'b'))).toEqual([]);
    } finally {
      meanwhile = undefined;
    }
  });
});
