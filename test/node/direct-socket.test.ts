// Reads without a stream, into a buffer that all share: what comes is what was sent, and stays.

import { Buffer } from 'node:buffer';
import { connect, createServer, Socket, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { concat, EMPTY, equal } from '../../src/wire/octet.ts';
import { DirectSocket } from '../../src/node/direct-socket.ts';
import { pair as streams } from '../support/duplex-pair.ts';
import { randomOf } from '../support/random.ts';
import { turns, until } from '../support/turn.ts';

let listener: Server;
let accepted: Socket[];
let peers: Socket[];
beforeEach(async () => {
  accepted = [];
  peers = [];
  listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => accepted.push(socket));
  await new Promise<void>((resolve) => {
    listener.on('listening', resolve);
    listener.listen({ host: '127.0.0.1', port: 0 });
  });
});
afterEach(() => {
  for (const socket of [...accepted, ...peers]) socket.destroy();
  listener.close(() => undefined);
});

function port(): number {
  const address = listener.address();
  return address !== null && typeof address !== 'string' ? address.port : 0;
}

/** Returns both ends of a connection: that of the peer, and ours, accepted. */
async function pair(): Promise<readonly [peer: Socket, ours: Socket]> {
  const peer = connect({ host: '127.0.0.1', port: port(), noDelay: true });
  peers.push(peer);
  const before = accepted.length;
  await until(() => accepted.length > before);
  const ours = accepted[before];
  if (ours === undefined) throw new Error('not accepted');
  return [peer, ours];
}

function direct(socket: Socket): DirectSocket {
  const made = DirectSocket.of(socket);
  if (!(made instanceof DirectSocket)) throw new Error('read as before');
  accepted.push(made);
  return made;
}

/** Pseudo-random octets, others for each seed. */
function octets(seed: number, length: number): Uint8Array {
  const random = randomOf(seed);
  return Uint8Array.from({ length }, () => random.below(256));
}

describe('a socket that is read directly', () => {
  it('has what was sent, whatever comes on others meanwhile, and keeps it', async () => {
    const sent = Array.from({ length: 4 }, (_, seed) => octets(seed, 300_000));
    const came: Uint8Array[][] = sent.map(() => []);
    const ends: (readonly [Socket, Socket])[] = [];
    for (const _ of sent) ends.push(await pair());
    for (const [index, [, ours]] of ends.entries()) {
      const socket = direct(ours);
      socket.attend((piece) => void came[index]?.push(piece));
      socket.resume();
    }
    for (let at = 0, step = 1; at < 300_000; at += step, step = Math.min(step * 2, 70_000)) {
      for (const [index, [peer]] of ends.entries()) peer.write(sent[index]?.subarray(at, at + step) ?? EMPTY);
      await until(() => came.every((pieces) => pieces.reduce((sum, { length }) => sum + length, 0) >= Math.min(at + step, 300_000)));
    }
    for (const [index, pieces] of came.entries()) expect(equal(concat(pieces), sent[index] ?? EMPTY)).toBe(true);
  });

  it('is the same connection, and the socket that it is made of none', async () => {
    const [peer, ours] = await pair();
    const { remotePort, localPort } = ours;
    const socket = direct(ours);
    expect([socket.remotePort, socket.localPort]).toEqual([remotePort, localPort]);
    expect(ours.destroyed).toBe(true);
    const heard: string[] = [];
    peer.on('data', (piece) => void heard.push(String(Buffer.from(piece))));
    socket.write(Buffer.from('220 mx.test\r\n', 'latin1'));
    await until(() => heard.join('') === '220 mx.test\r\n');
  });

  it('is left alone by a server that is closed, which does not wait for it', async () => {
    const [peer, ours] = await pair();
    const socket = direct(ours);
    await new Promise<void>((resolve) => listener.close(resolve));
    let came = 0;
    socket.attend(({ length }) => (came += length));
    socket.resume();
    peer.write(octets(1, 10));
    await until(() => came === 10);
  });

  it('hands nothing on while it is paused, and all when it is resumed', async () => {
    const [peer, ours] = await pair();
    const socket = direct(ours);
    let came = 0;
    socket.attend(({ length }) => {
      came += length;
      socket.pause();
    });
    socket.resume();
    const all = 5_000_000;
    peer.write(new Uint8Array(all));
    await until(() => came > 0);
    const first = came;
    expect(first).toBeLessThanOrEqual(65_536);
    await turns(20);
    expect(came).toBe(first);
    while (came < all) {
      const before = came;
      socket.resume();
      await until(() => came > before);
    }
  });

  it('tells the end of the peer, keeps its own side open, and is closed when that has ended', async () => {
    const [peer, ours] = await pair();
    const socket = direct(ours);
    const told: string[] = [];
    socket.attend(({ length }) => void told.push(`${length} octets`));
    for (const event of ['end', 'close'] as const) socket.on(event, () => void told.push(event));
    socket.resume();
    let farewell = '';
    peer.on('data', (piece) => (farewell += String(Buffer.from(piece))));
    peer.allowHalfOpen = true;
    peer.write(octets(1, 7));
    peer.end();
    await until(() => told.includes('end'));
    socket.write(Buffer.from('221 bye\r\n', 'latin1'));
    socket.end();
    await until(() => told.includes('close'));
    expect(told).toEqual(['7 octets', 'end', 'close']);
    await until(() => farewell === '221 bye\r\n');
  });

  it('tells that the connection was reset', async () => {
    const [peer, ours] = await pair();
    const socket = direct(ours);
    const told: string[] = [];
    socket.attend(() => undefined);
    socket.on('error', ({ code }) => void told.push(code ?? ''));
    socket.on('close', () => void told.push('close'));
    socket.resume();
    (peer as Socket & { resetAndDestroy(): void }).resetAndDestroy();
    await until(() => told.includes('close'));
    expect(told).toEqual(['ECONNRESET', 'close']);
  });

  it('is a stream until somebody attends to it', async () => {
    const [peer, ours] = await pair();
    const socket = direct(ours);
    peer.write(Buffer.from('early, ', 'latin1'));
    await until(() => socket.readableLength === 7);
    let came = '';
    socket.attend((piece) => (came += String(Buffer.from(piece))));
    socket.resume();
    await until(() => came === 'early, ');
    peer.write(Buffer.from('late', 'latin1'));
    await until(() => came === 'early, late');
  });

  it('can be one that connects', async () => {
    const socket = DirectSocket.connecting();
    peers.push(socket);
    expect(socket).toBeInstanceOf(DirectSocket);
    socket.connect({ host: '127.0.0.1', port: port() });
    let came = '';
    (socket as DirectSocket).attend((piece) => (came += String(Buffer.from(piece))));
    socket.resume();
    await until(() => accepted.length === 1);
    accepted[0]?.write(Buffer.from('220 mx.test\r\n', 'latin1'));
    await until(() => came === '220 mx.test\r\n');
  });
});

describe('what is read as before', () => {
  it('is a stream of another kind, a socket that is gone, and one of which something has been read', async () => {
    const [stream] = streams();
    expect(DirectSocket.of(stream)).toBe(stream);
    const unconnected = new Socket({});
    expect(DirectSocket.of(unconnected)).toBe(unconnected);
    const [peer, read] = await pair();
    peer.write(octets(1, 5));
    await until(() => read.readableLength === 5);
    expect(DirectSocket.of(read)).toBe(read);
    const [, gone] = await pair();
    gone.destroy();
    expect(DirectSocket.of(gone)).toBe(gone);
    const [, ours] = await pair();
    const made = direct(ours);
    expect(DirectSocket.of(made)).toBe(made);
  });
});
