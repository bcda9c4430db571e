// From root to a user without privileges, for good, once the ports are bound that need one.
//
// Rule 1: groups go first, the user last; and it is looked at whether the way back is closed.
// Node cannot look a user up by name; but it tells who the effective user is, so that is what the name is made for a moment.

import { chown, lchown, lstat, readdir, readFile, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { makeDirectory } from './durable.ts';
import { errorCode, errorText } from './error-text.ts';

/** Node's, of which its types do not tell everywhere. */
const { initgroups, setgroups } = process as unknown as { readonly initgroups?: (name: string, gid: number) => void; readonly setgroups?: (groups: readonly number[]) => void };

export interface User {
  /** His number, where he has no name. */
  readonly name: string | number;
  readonly uid: number;
  readonly gid: number;
  /** A group that lets him in, whether or not the system counts him to it. */
  readonly group?: number;
}

/** Returns who has the name. Throws an Error whose message says in one line why he cannot be become. */
export function findUser(name: string): User {
  const { getuid, seteuid, setuid } = process;
  if (getuid === undefined || seteuid === undefined || setuid === undefined || initgroups === undefined) throw new Error('this system has no users that a program could become');
  const self = getuid.call(process);
  if (self !== 0) {
    const own = ownUser();
    if (own?.name === name) return own;
    throw new Error(`only root can become the user ${name}; this is ${own?.name ?? `the number ${self}, which has no name`}`);
  }
  const { uid, gid } = asUser(name, userInfo);
  return { name, uid, gid };
}

/** Returns what is to be known of a user by being him, which Node tells of nobody else. */
function asUser<Known>(user: string | number, look: () => Known): Known {
  try {
    process.seteuid?.(user);
  } catch (error) {
    throw errorCode(error) === 'ERR_UNKNOWN_CREDENTIAL' ? new Error(`there is no user ${JSON.stringify(user)}`) : unable(user, error);
  }
  try {
    return look();
  } finally {
    process.seteuid?.(0);
  }
}

/** Who this is; undefined where the system has a number for him and no name, as in a container. */
function ownUser(): User | undefined {
  try {
    const { username, uid, gid } = userInfo();
    return { name: username, uid, gid };
  } catch {
    return undefined; // there is nothing else that it could say
  }
}

/** Becomes the user, with the groups that he is in, for good. Throws where that cannot be. */
export function become({ name, uid, gid, group = gid }: User): void {
  if (process.getuid?.() === uid) return;
  try {
    if (typeof name === 'number') setgroups?.call(process, [gid, group]);
    else initgroups?.call(process, name, group);
    process.setgid?.(gid);
    process.setuid?.(uid);
  } catch (error) {
    throw unable(name, error);
  }
  let returned = false;
  try {
    process.setuid?.(0);
    returned = true;
  } catch {
    // as it should be
  }
  if (returned || process.getuid?.() !== uid || process.geteuid?.() !== uid) throw new Error(`becoming the user ${name} has not succeeded`);
}

/** A container, or whoever started the program, may have left root without them. */
function unable(name: string | number, cause: unknown): Error {
  return new Error(`root cannot become the user ${name} here, for want of CAP_SETUID, of CAP_SETGID, or of a number for him (${errorText(cause)})`, { cause });
}

/** Rejects with an Error whose message says in one line that the program, which further processes are to run, is not to be read by who this is now. */
export async function expectProgram(program: string, { name }: User): Promise<void> {
  await readFile(program).catch((cause: unknown) => {
    throw new Error(`the user ${name} cannot read ${program}, which each worker runs: ${errorText(cause)}`, { cause });
  });
}

/**
 * Returns whose the directory is, or what is kept in it, where this is root and that is somebody else: what is made there is for him
 * to read. A directory of root's may let him in by its group.
 */
export async function ownerOf(directory: string, kept: string): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const folder = await stat(directory).catch(() => undefined); // absent
  if (folder === undefined) return undefined;
  const { uid, gid } = folder.uid === 0 ? await lstat(join(directory, kept)).catch(() => folder) : folder; // absent: a part that was never opened
  return uid === 0 ? undefined : { name: nameOf(uid), uid, gid, group: folder.gid };
}

function nameOf(uid: number): string | number {
  try {
    return asUser(uid, () => userInfo().username);
  } catch {
    return uid; // he has none; or he cannot be become, as is told when that is tried
  }
}

/**
 * Makes a directory for the user where there is none; one that is root's and empty is made his. What holds something is left as it is,
 * and so is where a link leads that is not root's: he who may write in the folder above, the user perhaps, would be given any directory.
 */
export async function giveDirectory(directory: string, { uid, gid }: User): Promise<void> {
  const made = await makeDirectory(directory);
  const entry = await lstat(directory);
  const { uid: owner } = await stat(directory);
  if (made.length === 0 && (entry.uid !== 0 || owner !== 0 || (await readdir(directory)).length > 0)) return;
  await (entry.isSymbolicLink() ? chown : lchown)(directory, uid, gid);
}
