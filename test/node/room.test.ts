import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Room } from '../../src/node/room.ts';
import { pair } from '../support/duplex-pair.ts';
import { listening } from '../support/listening.ts';
import { latin1 } from '../support/raw-peer.ts';
import { certificate, shakeHands, startTls } from '../support/tls-peer.ts';
import { turns, until } from '../support/turn.ts';

const { serve, connect, greeted, inData } = listening();

describe('room for connections', () => {
  it('is a thousand in all and fifty for each address, where nothing is said', () => {
    const room = new Room({});
    expect(Array.from({ length: 1_001 }, () => room.enter()).filter((entered) => entered)).toHaveLength(1_000);
    expect(Array.from({ length: 1_000 }, () => room.claim('192.0.2.1')).filter((client) => client !== undefined)).toHaveLength(50);
  });

  it('is had again from those that leave, and from those that were too many for their client', () => {
    const room = new Room({ maxConnections: 2, maxConnectionsPerClient: 1 });
    expect([room.enter(), room.enter(), room.enter()]).toEqual([true, true, false]);
    expect([room.claim('a'), room.claim('a')]).toEqual(['a', undefined]);
    room.leave('');
    expect([room.enter(), room.claim('a'), room.enter()]).toEqual([true, undefined, false]);
    room.leave('');
    room.leave('a');
    expect([room.enter(), room.claim('a'), room.enter(), room.enter()]).toEqual([true, 'a', true, false]);
  });

  it('is had again by a client for each of its own that leaves', () => {
    const room = new Room({ maxConnectionsPerClient: 2 });
    expect([room.claim('a'), room.claim('a'), room.claim('a')]).toEqual(['a', 'a', undefined]);
    room.leave('a');
    expect([room.claim('a'), room.claim('a')]).toEqual(['a', undefined]);
  });

  it('of one that has heard goodbye is given away once, and where a client has too many to that alone', () => {
    const room = new Room({ maxConnections: 3, maxConnectionsPerClient: 1 });
    let cut = 0;
    for (const client of ['a', 'b']) expect([room.enter(), room.claim(client)]).toEqual([true, client]);
    room.leaving({ hurry: () => (cut += 1) > 0 }, 'a');
    expect([room.enter(), room.claim('b'), cut]).toEqual([true, undefined, 0]);
    expect([room.enter(), room.enter(), cut]).toEqual([true, false, 1]);
  });

  it('is that of one client for a whole /64 of IPv6, which one host has, and for an IPv4 address however it is written', () => {
    for (const [one, same, other] of [['2001:db8:1:2::1', '2001:0db8:1:2:ffff::9', '2001:db8:1:3::1'], ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.2'], ['fe80::1%eth0', 'fe80::2%eth0', 'fe80::1%eth1']] as const) {
      const room = new Room({ maxConnectionsPerClient: 1 });
      expect([one, same, other].map((address) => room.claim(address) !== undefined), one).toEqual([true, false, true]);
    }
  });

  it('is not parted among those that have no address', () => {
    const room = new Room({ maxConnectionsPerClient: 1 });
    expect([room.claim(''), room.claim('')]).toEqual(['', '']);
  });
});

describe('a full server', () => {
  // shows RFC5321:4.5.4.2-3
  it.each([['in all', { maxConnections: 1 }], ['for the client', { maxConnectionsPerClient: 1 }]])('(%s) says 421 and closes, until one has gone', async (_, options) => {
    const server = await serve(options);
    const first = await connect(server);
    await first.reply();
    expect(await (await connect(server)).rest()).toBe('421 4.7.0 mx.test too many connections, try again later\r\n');
    expect(server.sessions).toBe(1);
    first.reset();
    await until(() => server.sessions === 0);
    expect(await (await connect(server)).reply()).toMatch(/^220/);
  });

  it('of TLS at once closes without a word, and counts those in the handshake', async () => {
    const server = await serve({ tls: certificate('mx'), tlsAtOnce: true, maxConnectionsPerClient: 1 });
    const first = await connect(server); // never shakes hands
    expect(await (await connect(server)).rest()).toBe('');
    const peer = await shakeHands(first);
    expect(await peer.reply()).toMatch(/^220/);
    expect(await (await connect(server)).rest()).toBe('');
  });

  it('has room again for a client whose handshake came to nothing', async () => {
    const server = await serve({ tls: certificate('mx'), tlsAtOnce: true, maxConnectionsPerClient: 1 });
    (await connect(server)).reset();
    let heard = '';
    while (!heard.startsWith('220')) heard = await shakeHands(await connect(server)).then((peer) => peer.reply(), () => '');
  });

  it('has room for others after one that came too often was turned away', async () => {
    const server = await serve({ maxConnections: 2, maxConnectionsPerClient: 1 });
    await (await connect(server)).reply();
    for (let turned = 0; turned < 3; turned += 1) expect(await (await connect(server)).rest()).toMatch(/^421 /);
    const [near] = pair(); // has no address
    server.accept(near);
    expect(server.sessions).toBe(2);
    near.destroy();
  });

  it('of memory says so, beyond what holding back can do about it', async () => {
    const server = await serve({ maxBuffered: 40_000 }, { message: () => new Promise(() => undefined) });
    const peer = await inData(server);
    peer.say('x'.repeat(70).concat('\r\n').repeat(700));
    await until(() => server.buffered > 45_000);
    expect(await (await connect(server)).reply()).toMatch(/^220/);
    peer.say('x'.repeat(70).concat('\r\n').repeat(700));
    await until(() => server.buffered > 60_000);
    expect(await (await connect(server)).rest()).toBe('421 4.3.2 mx.test too much mail at a time, try again later\r\n');
  });

  it('that closes cuts those in the handshake', async () => {
    const server = await serve({ tls: certificate('mx'), tlsAtOnce: true });
    const [near] = pair();
    server.accept(near);
    await server.close();
    await turns(3);
    expect(near.destroyed).toBe(true);
  });

  it('has the memory again of a mail that its hook neither reads nor answers in time', async () => {
    const server = await serve({ hookTimeout: 50 }, { message: () => new Promise(() => undefined) });
    const peer = await inData(server);
    expect(await peer.command('Subject: x\r\n\r\ntext\r\n.')).toMatch(/^451 4\.3\.0 /);
    expect(server.buffered).toBe(0);
  });

  // found by running: a client that had as many connections as it may, and came anew when it had heard goodbye, was read before its end was
  it.each([
    ['in clear, in all', false, { maxConnections: 1 }], ['in clear, for the client', false, { maxConnectionsPerClient: 1 }],
    ['under TLS, in all', true, { maxConnections: 1 }], ['under TLS, for the client', true, { maxConnectionsPerClient: 1 }],
  ])('(%s) gives the place of one that has heard goodbye and keeps the line to the next, and cuts it', async (_, secured, options) => {
    const server = await serve({ tls: certificate('mx'), ...options });
    const clear = await greeted(server);
    const first = secured ? await startTls(clear) : clear;
    expect(await first.command('QUIT')).toMatch(/^221/);
    await until(() => server.sessions === 0);
    const next = await connect(server);
    expect(await next.reply()).toMatch(/^220/);
    expect(await (await connect(server)).reply()).toMatch(/^421 4\.7\.0/); // one place, and it is taken
    expect(await next.command('QUIT')).toMatch(/^221/);
    expect(await (await connect(server)).reply()).toMatch(/^220/);
  });

  it('keeps the place of one that has not been told all that was said to it', async () => {
    const server = await serve({ maxConnections: 1 });
    const written: unknown[] = [];
    const stuck = new Duplex({ // takes a piece, and never says so
      allowHalfOpen: true,
      read: () => undefined,
      write: (octets) => void written.push(octets),
      final: (done) => done(),
      destroy: (_, done) => done(),
    });
    server.accept(stuck);
    await until(() => written.length === 1);
    stuck.push(null);
    await until(() => server.sessions === 0);
    expect(await (await connect(server)).reply()).toMatch(/^421 4\.7\.0/);
    stuck.destroy();
    await until(() => stuck.destroyed);
    let heard = '';
    while (!heard.startsWith('220')) heard = await (await connect(server)).reply();
  });

  it('hears out one that it turns away, and ends; one that breaks ends nothing but itself', async () => {
    const server = await serve({ maxConnections: 1 });
    const [[first], [near, far], [broken]] = [pair(), pair(), pair()];
    for (const socket of [first, near, broken]) server.accept(socket);
    broken.emit('error', new Error('reset'));
    expect(broken.destroyed).toBe(true);
    const ends = new Set<unknown>();
    for (const socket of [near, far]) socket.on('end', () => ends.add(socket));
    far.resume();
    far.write(latin1('EHLO client.test\r\n'));
    far.end();
    await until(() => ends.size === 2);
    first.destroy();
  });

  it('takes no more than a hundred that it turns away at a time', async () => {
    const server = await serve({ maxConnections: 1 });
    await (await connect(server)).reply();
    const peers = await Promise.all(Array.from({ length: 130 }, () => connect(server)));
    const turned = await Promise.all(peers.map((peer) => peer.rest()));
    expect(turned.filter((heard) => heard.startsWith('421 ')).length).toBe(100);
    for (const peer of peers) peer.end();
    let heard = '';
    while (!heard.startsWith('421 ')) heard = await (await connect(server)).rest();
  });
});
