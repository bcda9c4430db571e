// The places where a server listens, besides a port: a Unix socket, any stream. (A descriptor that is inherited: test/interop.)

import { connect as connectTo, createServer } from 'node:net';
import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SessionFacts } from '../../src/node/hook.ts';
import { openPlace } from '../../src/node/place.ts';
import { listening } from '../support/listening.ts';
import { pair } from '../support/duplex-pair.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/turn.ts';

const { serve } = listening();

async function connectPath(path: string): Promise<RawPeer> {
  const socket = connectTo({ path });
  const peer = new RawPeer(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.on('error', reject);
  });
  return peer;
}

describe('a Unix socket', () => {
  it('is listened on, and its clients have no address', async () => {
    using folder = temporaryDirectory();
    const path = join(folder.path, 'ehlo.sock');
    const clients: SessionFacts['client'][] = [];
    const server = await serve({ path, lmtp: true, maxConnectionsPerClient: 1 }, { client: ({ session }) => void clients.push(session.client) });
    const peers = [await connectPath(path), await connectPath(path)];
    for (const peer of peers) {
      expect(await peer.reply()).toMatch(/^220/);
      expect(await peer.command('LHLO client.test')).toMatch(/^250/);
      await peer.command('QUIT');
      await peer.rest();
      peer.socket.destroy();
    }
    expect(clients).toEqual([{ address: '', port: 0 }, { address: '', port: 0 }]);
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  it('that another server listens on is refused in one line', async () => {
    using folder = temporaryDirectory();
    const path = join(folder.path, 'ehlo.sock');
    const first = await serve({ path });
    await expect(serve({ path })).rejects.toThrow(`cannot listen on ${path}: another program listens there`);
    const peer = await connectPath(path);
    expect(await peer.reply()).toMatch(/^220/);
    peer.socket.destroy();
    await first.close();
  });

  it('that a server left behind when it died is taken over', async () => {
    using folder = temporaryDirectory();
    const path = join(folder.path, 'ehlo.sock');
    await leaveBehind(path);
    expect(existsSync(path)).toBe(true);
    const server = await serve({ path });
    const peer = await connectPath(path);
    expect(await peer.reply()).toMatch(/^220/);
    peer.socket.destroy();
    await server.close();
  });

  it('does not take the place of what is none, and says so', async () => {
    using folder = temporaryDirectory();
    const file = join(folder.path, 'precious');
    writeFileSync(file, 'a file');
    const link = join(folder.path, 'nowhere');
    symlinkSync(join(folder.path, 'absent'), link);
    for (const path of [file, folder.path, link]) await expect(serve({ path })).rejects.toThrow(`cannot listen on ${path}: there is something else of that name, which is no socket`);
    expect(existsSync(file)).toBe(true);
  });
});

describe('a path', () => {
  it('in a folder that is not there is refused for that, and not for want of permission', async () => {
    using folder = temporaryDirectory();
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    for (const path of [join(folder.path, 'absent/socket'), join(file, 'socket')]) await expect(serve({ path })).rejects.toThrow(`cannot listen on ${path}: there is no such directory`);
  });
});

describe('a descriptor', () => {
  it('that is none is refused in one line', async () => {
    await expect(serve({ fd: 1_000 })).rejects.toThrow(/^cannot listen on descriptor 1000: it is no socket that listens$/);
  });
});

describe('a pair of streams', () => {
  it('is served as a connection is, without a port', async () => {
    const mails: string[] = [];
    const server = await serve({}, { rcpt: ({ mailbox }) => void mails.push(mailbox.text) });
    const [near, far] = pair();
    server.accept(far);
    const peer = new RawPeer(near as never); // the one cast: a stream that has all that a peer needs
    expect(await peer.reply()).toMatch(/^220/);
    expect(server.sessions).toBe(1);
    for (const line of ['EHLO client.test', 'MAIL FROM:<alice@a.test>', 'RCPT TO:<bob@b.test>', 'DATA']) await peer.command(line);
    expect(await peer.command('Subject: hi\r\n\r\ntext\r\n.')).toMatch(/^250/);
    expect(mails).toEqual(['bob@b.test']);
    expect(await peer.command('QUIT')).toMatch(/^221/);
    expect(await peer.rest()).toBe('');
    await until(() => server.sessions === 0);
  });

  it('is closed by a server that is closed', async () => {
    const server = await serve();
    await server.close();
    const [near, far] = pair();
    server.accept(far);
    expect(await new RawPeer(near as never).rest()).toMatch(/^(?:421 .*\r\n)?$/); // the one cast: as above
  });
});

describe('a socket of the embedder', () => {
  it('stays the embedder\'s, who sees what comes as Node has it, and sees it end when the session does', async () => {
    const server = await serve();
    const told: string[] = [];
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      socket.on('data', ({ length, constructor }) => void told.push(`${length} octets, a ${constructor.name}`));
      socket.on('close', () => void told.push('close'));
      server.accept(socket);
    });
    await openPlace(listener, { host: '127.0.0.1', port: 0 });
    const address = listener.address();
    const peer = await RawPeer.connect(address !== null && typeof address !== 'string' ? address.port : 0);
    await peer.reply();
    await peer.command('EHLO client.test');
    expect(await peer.command('QUIT')).toMatch(/^221/);
    await until(() => told.at(-1) === 'close');
    expect(told).toEqual(['18 octets, a Buffer', '6 octets, a Buffer', 'close']);
    await new Promise<void>((resolve) => listener.close(resolve));
  });
});

/** A socket that nobody listens on any more: its server was killed. */
async function leaveBehind(path: string): Promise<void> {
  const { spawn } = await import('node:child_process');
  const child = spawn('node', ['-e', `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`], { stdio: ['ignore', 'pipe', 'pipe'] });
  await new Promise<void>((resolve) => child.on('exit', () => resolve()));
}
