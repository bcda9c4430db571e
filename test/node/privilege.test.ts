import { mkdirSync, statSync, symlinkSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, it, vi } from 'vitest';
import { become, expectProgram, findUser, giveDirectory } from '../../src/node/privilege.ts';
import { builtin, replaceIn } from '../support/builtin.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

let unnamed = false;
const real = builtin('node:os') as unknown as { readonly userInfo: typeof userInfo };
replaceIn('node:os', {
  userInfo: () => {
    if (unnamed) throw Object.assign(new Error('A system error occurred: uv_os_get_passwd returned ENOENT (no such file or directory)'), { code: 'ERR_SYSTEM_ERROR' });
    return real.userInfo();
  },
});

// What a change of user does to a program is looked at from outside, as root: test/interop/operate.mjs.

it('a user who is not there is not become', () => {
  expect(() => findUser('nobody-of-this-name')).toThrow(userInfo().uid === 0 ? 'there is no user "nobody-of-this-name"' : /^only root can become the user nobody-of-this-name; this is \w+$/);
});

// found by running: in a container, under a number that /etc/passwd does not know, it was "uv_os_get_passwd returned ENOENT"
it('a user without a name is told so', () => {
  unnamed = true;
  const getuid = vi.spyOn(process as unknown as { getuid(): number }, 'getuid').mockReturnValue(12_345);
  try {
    expect(() => findUser('nobody')).toThrow('only root can become the user nobody; this is the number 12345, which has no name');
  } finally {
    unnamed = false;
    getuid.mockRestore();
  }
});

// found by running: without CAP_SETUID, as in a container, it was "there is no user"
it('root that may not become anybody is told so', () => {
  const calls = process as unknown as Record<'getuid' | 'seteuid', () => unknown>;
  const spies = [vi.spyOn(calls, 'getuid').mockReturnValue(0), vi.spyOn(calls, 'seteuid').mockImplementation(() => {
    throw Object.assign(new Error('EPERM, Operation not permitted'), { code: 'EPERM' });
  })];
  try {
    expect(() => findUser('nobody')).toThrow('root cannot become the user nobody here, for want of CAP_SETUID, of CAP_SETGID, or of a number for him (EPERM, Operation not permitted)');
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
});

it('who one is already can be become by anyone', () => {
  const { username, uid, gid } = userInfo();
  expect(findUser(username)).toEqual({ name: username, uid, gid });
  become(findUser(username));
  expect(userInfo().uid).toBe(uid);
});

it('a directory is made for the user, and for nobody else', async () => {
  using folder = temporaryDirectory();
  const directory = join(folder.path, 'above', 'queue');
  await giveDirectory(directory, findUser(userInfo().username));
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

describe('a directory that is there and empty', () => {
  // Only root can give a file away: so who owns which is told here, as is what would be changed.
  const owners = new Map<string | undefined, number>(); // root, where nothing is said
  const given: string[] = [];
  const nameOf = (path: string): string | undefined => path.split('/').at(-1);
  const real = builtin('node:fs/promises') as unknown as Readonly<Record<'stat' | 'lstat', (path: string) => Promise<object>>>;
  const noted = (what: string) => async (path: string, uid: number): Promise<void> => void given.push(`${what} ${nameOf(path)} ${uid}`);
  const owned = async (found: Promise<object>, uid: number): Promise<object> => Object.assign(await found, { uid });
  replaceIn('node:fs/promises', { lstat: (path: string) => owned(real.lstat(path), owners.get(nameOf(path)) ?? 0), stat: (path: string) => owned(real.stat(path), 0), chown: noted('chown'), lchown: noted('lchown') });

  it.each([
    ['of root\'s is given to the user', 'plain', 0, ['lchown plain 12345']],
    ['of somebody else\'s is left as it is', 'plain', 777, []],
    ['where a link of root\'s leads is given to the user', 'link', 0, ['chown link 12345']],
    ['where a link of the user\'s own leads is left as it is', 'link', 12_345, []],
  ])('%s', async (_, name, owner, expected) => {
    using folder = temporaryDirectory();
    mkdirSync(join(folder.path, 'plain'));
    symlinkSync(join(folder.path, 'plain'), join(folder.path, 'link'));
    owners.set(name, owner);
    given.length = 0;
    await giveDirectory(join(folder.path, name), { name: 'bob', uid: 12_345, gid: 12_345 });
    expect(given).toEqual(expected);
    owners.clear();
  });
});

it('a program that the user cannot read is told of, by its name', async () => {
  await expect(expectProgram(join(import.meta.dirname, 'privilege.test.ts'), { name: 'bob', uid: 1, gid: 1 })).resolves.toBeUndefined();
  await expect(expectProgram('/nowhere/ehlo.js', { name: 'bob', uid: 1, gid: 1 })).rejects.toThrow("the user bob cannot read /nowhere/ehlo.js, which each worker runs: ENOENT: no such file or directory, open '/nowhere/ehlo.js'");
});
