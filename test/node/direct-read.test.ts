// Reads without a stream, into a buffer that all share: what comes is what was sent, and stays.

import { Buffer } from 'node:buffer';
import { connect, createServer, Socket, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { concat, EMPTY, equal } from '../../src/wire/octet.ts';
import { attend, readDirectly } from '../../src/node/direct-read.ts';
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

/** A socket that gives its reads away one by one has no use for a stream's buffer: where that is not called, it is read directly. */
function isDirect(socket: Socket): boolean {
  return Object.getOwnPropertySymbols(socket).some((symbol) => (socket as Socket & { readonly [slot: symbol]: unknown })[symbol] instanceof Uint8Array);
}

function direct(socket: Socket): Socket {
  readDirectly(socket);
  if (!isDirect(socket)) throw new Error('read as before');
  return socket;
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
      attend(socket, (piece) => void came[index]?.push(piece));
      socket.resume();
    }
    for (let at = 0, step = 1; at < 300_000; at += step, step = Math.min(step * 2, 70_000)) {
      for (const [index, [peer]] of ends.entries()) peer.write(sent[index]?.subarray(at, at + step) ?? EMPTY);
      await until(() => came.every((pieces) => pieces.reduce((sum, { length }) => sum + length, 0) >= Math.min(at + step, 300_000)));
    }
    for (const [index, pieces] of came.entries()) expect(equal(concat(pieces), sent[index] ?? EMPTY)).toBe(true);
  });

  it('is written to as before', async () => {
    const [peer, ours] = await pair();
    const socket = direct(ours);
    const heard: string[] = [];
    peer.on('data', (piece) => void heard.push(String(Buffer.from(piece))));
    socket.write(Buffer.from('220 mx.test\r\n', 'latin1'));
    await until(() => heard.join('') === '220 mx.test\r\n');
  });

  it('hands nothing on while it is paused, and all when it is resumed', async () => {
    const [peer, ours] = await pair();
    const socket = direct(ours);
    let came = 0;
    attend(socket, ({ length }) => {
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
    attend(socket, ({ length }) => void told.push(`${length} octets`));
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
    attend(socket, () => undefined);
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
    attend(socket, (piece) => (came += String(Buffer.from(piece))));
    socket.resume();
    await until(() => came === 'early, ');
    peer.write(Buffer.from('late', 'latin1'));
    await until(() => came === 'early, late');
  });

  it('can be one that has connected', async () => {
    const socket = new Socket({});
    peers.push(socket);
    let came = '';
    socket.on('connect', () => {
      direct(socket);
      socket.pause();
      attend(socket, (piece) => (came += String(Buffer.from(piece))));
      socket.resume();
    });
    socket.connect({ host: '127.0.0.1', port: port() });
    await until(() => accepted.length === 1);
    accepted[0]?.write(Buffer.from('220 mx.test\r\n', 'latin1'));
    await until(() => came === '220 mx.test\r\n');
  });
});

describe('what is read as before', () => {
  it('is a stream of another kind, a socket that is gone, and one of which something has been read', async () => {
    const [stream] = streams();
    readDirectly(stream); // and nothing comes of it
    const unconnected = new Socket({});
    const [peer, read] = await pair();
    peer.write(octets(1, 5));
    await until(() => read.readableLength === 5);
    const [, gone] = await pair();
    gone.destroy();
    for (const socket of [unconnected, read, gone]) {
      readDirectly(socket);
      expect(isDirect(socket)).toBe(false);
    }
    let came = 0;
    attend(read, ({ length }) => (came += length));
    peer.write(octets(1, 8));
    await until(() => came === 13);
  });
});
