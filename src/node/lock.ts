// One process a queue. On Linux the lock is an abstract Unix socket named after the directory's inode, which the kernel
// frees when the process dies, however it dies (lock-name.ts); elsewhere, and under Node before 20.9, a file with the process's number.
//
// Anybody on the machine may take the name of an abstract socket. So it is made of a secret, from a file that only the owner of the
// queue can read; and where somebody has it who does not know the secret, that is replaced, and with it the name.
//
// Abstract sockets are those of a network namespace: two containers that share the folder do not see each other's. So there is
// one in the folder too, which both see. A dead process leaves it behind; whoever has the abstract one removes it then. (Two
// namespaces, or two secrets, that find a dead one in the same moment could both remove it, and one of them the other's. Nothing that
// Node offers closes that.)

import { createServer, type Server } from 'node:net';
import { chmod, lstat, open, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeAscii } from '../wire/ascii.ts';
import { encodeBase64 } from '../wire/base64.ts';
import { OWNER_ONLY } from './durable.ts';
import { errorCode } from './error-text.ts';
import { takeName } from './lock-name.ts';
import { nodeCrypto, nodeProcess } from './on-demand.ts';
import { isDead, openPlace } from './place.ts';
import { socketPath } from './socket-path.ts';

const process = nodeProcess();

const NAME = 'lock';
const KEY = 'lock.key';

export interface Lock {
  release(): Promise<void>;
}

/** Takes the directory for this process; rejects when another one has it. */
export async function lockDirectory(directory: string): Promise<Lock> {
  if (process.platform !== 'linux' || !hasAbstractSockets(process.versions.node)) return lockByFile(join(directory, NAME));
  const { dev, ino } = await stat(directory);
  const place = `${dev}:${ino}`;
  let name = await takeName(place, await keyOf(directory));
  const strange = name === 'a stranger';
  if (strange) {
    await unlink(join(directory, KEY)).catch(() => undefined); // then it is the same name, and taken
    name = await takeName(place, await keyOf(directory));
  }
  if (typeof name === 'string') throw new InUse();
  const { release } = name;
  try {
    const inFolder = await lockBySocket(directory);
    if (inFolder === undefined && strange) throw new InUse(); // one of ours may have had the name, and been too busy to prove it
    return {
      release: async () => {
        await inFolder?.release();
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * Returns the secret of the directory; '' where there is none, and none can be made. Where a process that died has left a file without
 * one, it is written there.
 *
 * Of two processes that make it in the same moment one may read it before it is written. They have two names then, as in two network
 * namespaces, and the socket in the folder decides.
 */
async function keyOf(directory: string): Promise<string> {
  const path = join(directory, KEY);
  let file = await open(path, 'wx', OWNER_ONLY.file).catch(() => undefined); // there is one, or none can be made
  if (file === undefined && UNWRITTEN.test((await textOf(path)) ?? 'nothing to write over')) file = await open(path, 'r+').catch(() => undefined); // somebody else's
  try {
    await file?.write(encodeAscii(encodeBase64(nodeCrypto().randomBytes(18))));
  } catch {
    await unlink(path).catch(() => undefined); // no room: one without a secret would stay for good
  } finally {
    await file?.close();
  }
  return (await textOf(path)) ?? '';
}

/** What a process has made and not written to, as it stands there, or after a loss of power. Nothing else is written over: it may be a link. */
const UNWRITTEN = /^\0{0,24}$/;

/** Returns what stands in a file; undefined where it is none, as a pipe, which is never read to its end, or cannot be read. */
async function textOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined); // absent, or a link that leads nowhere
  return found?.isFile() === true ? readFile(path, 'utf8').catch(() => undefined) : undefined;
}

const end = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

/** What a file system says that has no sockets. */
const NO_SOCKETS: readonly (string | undefined)[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS'];

/** Undefined: the file system has no sockets. */
async function lockBySocket(directory: string): Promise<Lock | undefined> {
  const path = join(directory, NAME);
  const found = await entryOf(path).catch(() => undefined); // absent
  if (found?.isSocket() === false) await (await lockByFile(path)).release(); // of another Node, perhaps of one that has died
  const { short, release } = await socketPath(directory, NAME);
  const server = createServer({ allowHalfOpen: false, noDelay: false }, (socket) => socket.destroy());
  const place = { path: short, exclusive: true };
  try {
    await openPlace(server, place);
  } catch (error) {
    await release();
    const code = error instanceof Error ? errorCode(error.cause) : undefined;
    if (NO_SOCKETS.includes(code)) return undefined;
    throw code === 'EADDRINUSE' ? new InUse() : error;
  }
  server.on('error', () => undefined); // somebody looked, and was not accepted
  server.unref();
  await chmod(path, 0o666).catch(() => undefined); // whoever has the folder next, another user perhaps, can tell whether this is dead; not all file systems can do that
  return {
    release: async () => {
      await end(server);
      await release();
    },
  };
}

/** Before 20.4 Node cuts a name at its first NUL, so that all abstract sockets have the same; before 20.9 it takes none that has one. */
function hasAbstractSockets(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 20 || (major === 20 && minor >= 9);
}

/** Files by which this process holds a lock. One with its number, and not among them, is of another that had the number: in a container each has the same. */
const HELD = new Set<string>();

async function lockByFile(path: string): Promise<Lock> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = await open(path, 'wx');
      await file.write(encodeAscii(String(process.pid))).finally(() => file.close());
      HELD.add(path);
      return {
        release: async () => {
          HELD.delete(path);
          await unlink(path);
        },
      };
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
      const owner = Number(await textOf(path));
      if ((await entryOf(path)).isSocket() && !(await isDead(path))) throw new InUse(); // a newer Node's
      if (owner === process.pid ? HELD.has(path) : owner > 0 && isAlive(owner)) throw new InUse();
      await unlink(path);
    }
  }
  throw new InUse();
}

/** What has the name, at the end of links; a link that leads nowhere has it too. */
function entryOf(path: string): Promise<{ isSocket(): boolean }> {
  return stat(path).catch(() => lstat(path));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM'; // somebody else's; else there is none, and its lock is stale
  }
}

/** What whoever gave its lock back says to who gives it something. */
export const CLOSED = 'the queue is closed, and takes nothing more: open it anew';

/** Another process has the directory. */
export class InUse extends Error {
  constructor() {
    super('another process has this queue open: it has to end first, or this one have a queue of its own');
  }
}
