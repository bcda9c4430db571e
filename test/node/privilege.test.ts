import { mkdirSync, statSync, symlinkSync } from 'node:fs';
import { lchown, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { become, expectProgram, findUser, giveDirectory } from '../../src/node/privilege.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

// What a change of user does to a program is looked at from outside, as root: test/interop/operate.mjs.

it('a user who is not there is not become', () => {
  expect(() => findUser('nobody-of-this-name')).toThrow(userInfo().uid === 0 ? 'there is no user "nobody-of-this-name"' : /^only root can become the user nobody-of-this-name; this is \w+$/);
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

it.skipIf(userInfo().uid !== 0)("an empty directory of root's is given to the user, by a link too if that is root's, and by no link of the user's own", async () => {
  using folder = temporaryDirectory();
  const user = { name: 'bob', uid: 12_345, gid: 12_345 };
  for (const [name, link, owner] of [['plain', undefined, 12_345], ['linked', 0, 12_345], ['lured', 12_345, 0]] as const) {
    const directory = join(folder.path, name);
    mkdirSync(directory);
    const path = link === undefined ? directory : join(folder.path, `${name}-link`);
    if (link !== undefined) {
      symlinkSync(directory, path);
      await lchown(path, link, link);
    }
    await giveDirectory(path, user);
    expect([name, (await stat(directory)).uid]).toEqual([name, owner]);
  }
});

it('a program that the user cannot read is told of, by its name', async () => {
  await expect(expectProgram(join(import.meta.dirname, 'privilege.test.ts'), { name: 'bob', uid: 1, gid: 1 })).resolves.toBeUndefined();
  await expect(expectProgram('/nowhere/ehlo.js', { name: 'bob', uid: 1, gid: 1 })).rejects.toThrow("the user bob cannot read /nowhere/ehlo.js, which each worker runs: ENOENT: no such file or directory, open '/nowhere/ehlo.js'");
});
