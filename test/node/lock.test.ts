import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lockDirectory } from '../../src/node/lock.ts';
import { builtin, replaceIn } from '../support/builtin.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';

let directory: TemporaryDirectory;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => {
  directory[Symbol.dispose]();
  vi.unstubAllGlobals();
  Object.defineProperty(process, 'platform', { value: PLATFORM });
  Object.defineProperty(process, 'versions', { value: versions });
});

const PLATFORM = process.platform;
const { versions } = process;
let full = false;
let handles = 0; // that are open
let unchangeable = false; // the permissions of a socket
const { chmod, open } = builtin('node:fs/promises') as { readonly chmod: (...of: unknown[]) => Promise<void>; readonly open: (...of: unknown[]) => Promise<{ write: unknown; close(): Promise<void> }> };
replaceIn('node:fs/promises', {
  chmod: (...of: unknown[]) => (unchangeable ? Promise.reject(Object.assign(new Error('EINVAL: invalid argument, chmod'), { code: 'EINVAL' })) : chmod(...of)),
  open: async (...of: unknown[]) => {
    const file = await open(...of);
    const close = file.close.bind(file);
    handles++;
    file.close = () => (handles--, close());
    if (full) file.write = () => Promise.reject(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
    return file;
  },
});

const NOBODY = 2 ** 22 + 1; // above the highest number that Linux gives to a process

/** A name for a process that has ended, or whose owner is another. */
function owner(kill: () => true): void {
  vi.spyOn(process, 'kill').mockImplementation(kill);
}

describe.each([PLATFORM, 'elsewhere'])('the lock of a directory on %s', (platform) => {
  beforeEach(() => {
    Object.defineProperty(process, 'platform', { value: platform });
  });

  it('is held by one', async () => {
    const lock = await lockDirectory(directory.path);
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process has this queue open');
    await lock.release();
    await (await lockDirectory(directory.path)).release();
  });

  it('is one lock, however the directory is called', async () => {
    const lock = await lockDirectory(directory.path);
    await expect(lockDirectory(`${directory.path}/.`)).rejects.toThrow('another process');
    await lock.release();
  });

  it('is another for another directory', async () => {
    using other = temporaryDirectory();
    const locks = [await lockDirectory(directory.path), await lockDirectory(other.path)];
    for (const lock of locks) await lock.release();
  });

  it('needs a directory', async () => {
    await expect(lockDirectory(join(directory.path, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('on Linux', () => {
  beforeEach(() => {
    Object.defineProperty(process, 'platform', { value: 'linux' });
  });

  it.each(['20.0.0', '20.3.1', '20.4.0', '20.8.1'])('it is a file under Node %s, to which all abstract sockets have one name, or none', async (node) => {
    Object.defineProperty(process, 'versions', { value: { ...versions, node } });
    using other = temporaryDirectory();
    const locks = [await lockDirectory(directory.path), await lockDirectory(other.path)];
    expect(readdirSync(directory.path)).toEqual(['lock']);
    for (const lock of locks) await lock.release();
  });

  it.each(['20.9.0', '20.20.2', '22.0.0', '24.1.0'])('it leaves nothing behind but its key under Node %s', async (node) => {
    Object.defineProperty(process, 'versions', { value: { ...versions, node } });
    const lock = await lockDirectory(directory.path);
    expect(readdirSync(directory.path)).toEqual(['lock', 'lock.key']);
    await lock.release();
    expect(readdirSync(directory.path)).toEqual(['lock.key']);
  });

  it('cannot be taken by another user who takes its name: he would have to read the key', async () => {
    const { dev, ino } = await stat(directory.path);
    const squatter = await elsewhere(`\0ehlo:${dev}:${ino}`); // what can be known without it
    const lock = await lockDirectory(directory.path);
    expect(statSync(join(directory.path, 'lock.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(directory.path, 'lock.key'), 'utf8')).toMatch(/^[0-9A-Za-z+/]{24}$/);
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process has this queue open');
    await lock.release();
    const key = readFileSync(join(directory.path, 'lock.key'), 'utf8');
    await (await lockDirectory(directory.path)).release();
    expect(readFileSync(join(directory.path, 'lock.key'), 'utf8')).toBe(key);
    await ended(squatter);
  });

  /** The names of the directory that are taken, as anybody on the machine can look them up. */
  const namesTaken = async (): Promise<readonly string[]> => {
    const { dev, ino } = await stat(directory.path);
    const names = readFileSync('/proc/net/unix', 'utf8').matchAll(new RegExp(`@(ehlo:${dev}:${ino}:[^@\\n]+)`, 'g'));
    return [...new Set([...names].map(([, name]) => `\0${name}`))];
  };

  it.each<readonly [string, (socket: Socket) => unknown]>([
    ['closes each connection', (socket) => socket.destroy()],
    ['says nothing', (socket) => socket.resume()],
    ['says what he is asked', (socket) => socket.on('data', (octets) => socket.write(octets))],
    ['says something else', (socket) => socket.on('data', () => socket.write(new Uint8Array(32)))],
  ])('is had though somebody has seen its name, has it after its holder, and %s', async (_, answer) => {
    const lock = await lockDirectory(directory.path);
    const [name = ''] = await namesTaken();
    await lock.release();
    const squatter = await elsewhere(name, answer);
    const next = await lockDirectory(directory.path);
    expect((await namesTaken()).filter((taken) => taken !== name)).toHaveLength(1);
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process has this queue open');
    await next.release();
    await (await lockDirectory(directory.path)).release();
    await ended(squatter);
  });

  it('tells nothing by its name of the secret, with which its holder proves that it is his', async () => {
    const lock = await lockDirectory(directory.path);
    const [name] = await namesTaken();
    expect(name).not.toContain(readFileSync(join(directory.path, 'lock.key'), 'utf8'));
    await lock.release();
  });

  it('is held though somebody has removed the socket in the folder', async () => {
    const lock = await lockDirectory(directory.path);
    unlinkSync(join(directory.path, 'lock'));
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process has this queue open');
    await lock.release();
  });

  it('is held though so many hold their connections to it that no proof is to be had', async () => {
    const lock = await lockDirectory(directory.path);
    const [path = ''] = await namesTaken();
    const sockets = Array.from({ length: 12 }, () => connect({ path }));
    const left = sockets.map((socket) => new Promise<void>((resolve) => socket.on('close', () => resolve())));
    await Promise.race(left); // those that were one too many
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process has this queue open');
    await lock.release(); // and does not wait for them
    await Promise.all(left);
  });

  it('is had without a key where the disk has no room for one, which the next start makes', async () => {
    full = true;
    const lock = await lockDirectory(directory.path);
    full = false;
    expect(handles).toBe(0);
    await lock.release();
    expect(readdirSync(directory.path)).toEqual([]);
    await (await lockDirectory(directory.path)).release();
    expect(readFileSync(join(directory.path, 'lock.key'), 'utf8')).toMatch(/^[0-9A-Za-z+/]{24}$/);
  });

  // found by running: kill -9 between the file's making and its octets, or a loss of power, left an empty one, and no secret in the name
  it.each([['nothing', ''], ['NULs, as a loss of power leaves them', '\0'.repeat(24)]])('has a key where a process that died has left %s in its file', async (_, content) => {
    const path = join(directory.path, 'lock.key');
    writeFileSync(path, content);
    await (await lockDirectory(directory.path)).release();
    const key = readFileSync(path, 'utf8');
    expect(key).toMatch(/^[0-9A-Za-z+/]{24}$/);
    await (await lockDirectory(directory.path)).release();
    expect(readFileSync(path, 'utf8')).toBe(key);
  });

  it('is had without a key too, where none can be made', async () => {
    mkdirSync(join(directory.path, 'lock.key'));
    const lock = await lockDirectory(directory.path);
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process');
    await lock.release();
  });

  // found by trying: the start waited for ever, for somebody to write into it
  it.each(['lock', 'lock.key'])('is had where a pipe is called %s, and waits for nobody', async (name) => {
    execFileSync('mkfifo', [join(directory.path, name)], { encoding: 'utf8' });
    const lock = await lockDirectory(directory.path);
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process');
    await lock.release();
  });

  it('writes no key into a device, which a link may lead to', async () => {
    symlinkSync('/dev/zero', join(directory.path, 'lock.key'));
    await (await lockDirectory(directory.path)).release();
    expect(handles).toBe(0);
  });

  /** What a process of another network namespace has: the socket in the folder, and no abstract one that is seen here. */
  const elsewhere = async (path: string, answer: (socket: Socket) => unknown = (socket) => socket.destroy()): Promise<Server> => {
    const server = createServer({ allowHalfOpen: false, noDelay: false }, (socket) => void answer(socket));
    await new Promise<void>((resolve) => {
      server.on('listening', resolve);
      server.listen({ path });
    });
    return server;
  };
  const ended = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

  it('is not taken from a process whose abstract sockets are others', async () => {
    const server = await elsewhere(join(directory.path, 'lock'));
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process has this queue open');
    await ended(server);
    await (await lockDirectory(directory.path)).release(); // and what was taken of it has been given back
  });

  // found by running: a folder of a Mac, as a container has it by virtiofs, was no place for a queue
  it('is held where the permissions of a socket cannot be changed', async () => {
    unchangeable = true;
    const lock = await lockDirectory(directory.path).finally(() => (unchangeable = false));
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process has this queue open');
    await lock.release();
  });

  it('is not taken by a file under an older Node either, unless such a process has died', async () => {
    Object.defineProperty(process, 'versions', { value: { ...versions, node: '20.0.0' } });
    const path = join(directory.path, 'lock');
    const server = await elsewhere(`${path}-`);
    renameSync(`${path}-`, path);
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process has this queue open');
    await ended(server);
    await (await lockDirectory(directory.path)).release();
  });

  it('is taken where such a process has died', async () => {
    const path = join(directory.path, 'lock');
    const server = await elsewhere(`${path}-`);
    renameSync(`${path}-`, path); // so that its end leaves it
    await ended(server);
    expect(readdirSync(directory.path)).toEqual(['lock']);
    const lock = await lockDirectory(directory.path);
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process');
    await lock.release();
    expect(readdirSync(directory.path)).toEqual(['lock.key']);
  });

  it('is taken over from the file of a process that has ended, and not from that of one that runs', async () => {
    writeFileSync(join(directory.path, 'lock'), '1');
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process has this queue open');
    writeFileSync(join(directory.path, 'lock'), String(NOBODY));
    await (await lockDirectory(directory.path)).release();
  });

  /** Has the file system make no sockets. */
  const refusing = (code: string): { mockRestore(): void } => {
    type Emitting = Server & { emit(event: 'error', error: Error): void };
    const servers = Object.getPrototypeOf(createServer({ allowHalfOpen: false, noDelay: false }, () => undefined)) as Emitting; // what all have in common
    const { listen } = servers;
    return vi.spyOn(servers, 'listen').mockImplementation(function (this: Emitting, place: Parameters<Server['listen']>[0]) {
      if ('path' in place && !place.path.startsWith('\0')) this.emit('error', Object.assign(new Error(`listen ${code}`), { code }));
      else listen.call(this, place);
    });
  };

  it.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS'])('is the abstract one alone where the file system has no sockets, and says %s', async (code) => {
    const listening = refusing(code);
    const lock = await lockDirectory(directory.path);
    const [name = ''] = await namesTaken();
    expect(readdirSync(directory.path)).toEqual(['lock.key']);
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process');
    await lock.release();
    const squatter = await elsewhere(name);
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process'); // he might be one of ours that cannot answer
    await ended(squatter);
    listening.mockRestore();
  });

  it.each([['ENOSPC', 'the disk is full'], ['EDQUOT', 'the disk quota is used up']])('is not had where the disk has no room for a socket (%s), and says so', async (code, text) => {
    const listening = refusing(code);
    await expect(lockDirectory(directory.path)).rejects.toMatchObject({ message: `cannot listen on ${directory.path}/lock: ${text}`, cause: { code } });
    listening.mockRestore();
    await (await lockDirectory(directory.path)).release();
  });

  // found by trying: it was said that another process had the queue
  it('is taken over from a link that leads nowhere', async () => {
    symlinkSync('/nowhere/lock', join(directory.path, 'lock'));
    const lock = await lockDirectory(directory.path);
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process');
    await lock.release();
    expect(readdirSync(directory.path)).toEqual(['lock.key']);
  });

  it('is in a folder whose path is longer than the address of a socket', async () => {
    const path = join(directory.path, 'long'.repeat(40));
    mkdirSync(path);
    const lock = await lockDirectory(path);
    await expect(lockDirectory(path)).rejects.toThrow('another process');
    expect(readdirSync(path)).toEqual(['lock', 'lock.key']);
    await lock.release();
    expect(readdirSync(path)).toEqual(['lock.key']);
  });
});

describe('the lock file of other systems', () => {
  beforeEach(() => {
    Object.defineProperty(process, 'platform', { value: 'elsewhere' });
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('is gone when it is released', async () => {
    const lock = await lockDirectory(directory.path);
    expect(readdirSync(directory.path)).toEqual(['lock']);
    await lock.release();
    expect(readdirSync(directory.path)).toEqual([]);
  });

  it.each([String(NOBODY), String(process.pid), '', 'what'])('is taken over from a process that has ended: %j', async (content) => {
    writeFileSync(join(directory.path, 'lock'), content);
    await (await lockDirectory(directory.path)).release();
  });

  it('is taken over from a link that leads nowhere', async () => {
    symlinkSync('/nowhere/lock', join(directory.path, 'lock'));
    await (await lockDirectory(directory.path)).release();
    expect(readdirSync(directory.path)).toEqual([]);
  });

  it('is not had where none can be made, and says why', async () => {
    await expect(lockDirectory(join(directory.path, 'absent'))).rejects.toThrow(/^ENOENT: no such file or directory, open '.*absent.lock'$/);
  });

  it('is not taken over from a process of another user', async () => {
    writeFileSync(join(directory.path, 'lock'), '1');
    owner(() => {
      throw Object.assign(new Error('EPERM: operation not permitted'), { code: 'EPERM' });
    });
    await expect(lockDirectory(directory.path)).rejects.toThrow('another process has this queue open');
  });
});
