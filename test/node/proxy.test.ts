import { describe, expect, it } from 'vitest';
import type { SessionFacts } from '../../src/node/hook.ts';
import type { ListenOptions } from '../../src/node/listen.ts';
import { endsOf, type Stream } from '../../src/node/proxy.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { pair } from '../support/duplex-pair.ts';
import { listening } from '../support/listening.ts';
import { latin1, type RawPeer } from '../support/raw-peer.ts';
import { certificate, shakeHands } from '../support/tls-peer.ts';
import { turns, until } from '../support/turn.ts';

const { errors, serve, connect } = listening();

const BEHIND: ListenOptions = { proxyFrom: ['127.0.0.0/8'] };
const V1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\n';
const V2_BEGIN = '\r\n\r\n\0\r\nQUIT\n';
const V2 = `${V2_BEGIN}\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x00\x19`;
const V2_IPV6 = `${V2_BEGIN}\x21\x21\x00\x24\x20\x01\x0d\xb8${'\0'.repeat(11)}\x07\x20\x01\x0d\xb8${'\0'.repeat(11)}\x01\xdc\x04\x00\x19`;
const MAPPED = `${'\0'.repeat(10)}\xff\xff`;
const V2_MAPPED = `${V2_BEGIN}\x21\x21\x00\x24${MAPPED}\xc0\x00\x02\x07${MAPPED}\xc6\x33\x64\x01\xdc\x04\x00\x19`;
const V2_LOCAL = `${V2_BEGIN}\x20\x00\x00\x00`;

/** A server behind a proxy, and what it learns of each client. */
async function behind(options: ListenOptions = BEHIND): Promise<{ readonly open: () => Promise<RawPeer>; readonly clients: SessionFacts['client'][]; readonly servers: SessionFacts['server'][]; readonly server: Awaited<ReturnType<typeof serve>> }> {
  const clients: SessionFacts['client'][] = [];
  const servers: SessionFacts['server'][] = [];
  const server = await serve(options, { client: ({ session }) => (clients.push(session.client), void servers.push(session.server)) });
  return { open: () => connect(server), clients, servers, server };
}

describe('the ends of a connection', () => {
  it.each([['::ffff:192.0.2.1', '192.0.2.1'], ['::ffff:c000:201', '::ffff:c000:201'], ['2001:db8::1', '2001:db8::1'], ['192.0.2.1', '192.0.2.1'], [undefined, '']])('of %s: %j', (address, known) => {
    const socket = { remoteAddress: address, remotePort: 4711, localAddress: address, localPort: 25 } as unknown as Stream; // all that is asked of it
    expect(endsOf(socket)).toEqual({ client: { address: known, port: 4711 }, server: { address: known, port: 25 } });
  });

  it('that has no addresses', () => {
    expect(endsOf(pair()[0])).toEqual({ client: { address: '', port: 0 }, server: { address: '', port: 0 } });
  });
});

describe('a PROXY header', () => {
  it.each([
    ['version 1', V1, '192.0.2.7', '198.51.100.1'],
    ['version 1, IPv6', 'PROXY TCP6 2001:db8::7 2001:db8::1 56324 25\r\n', '2001:db8::7', '2001:db8::1'],
    ['version 1, IPv6 that carries IPv4,', 'PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 56324 25\r\n', '192.0.2.7', '198.51.100.1'],
    ['version 2', V2, '192.0.2.7', '198.51.100.1'],
    ['version 2, IPv6', V2_IPV6, '2001:db8::7', '2001:db8::1'],
    ['version 2, IPv6 that carries IPv4,', V2_MAPPED, '192.0.2.7', '198.51.100.1'],
  ])('of %s says who the client is, and to which address it came', async (_, header, client, server) => {
    const { open, clients, servers } = await behind();
    const peer = await open();
    peer.say(latin1(header));
    expect(await peer.reply()).toMatch(/^220/);
    expect(clients).toEqual([{ address: client, port: 56_324 }]);
    expect(servers).toEqual([{ address: server, port: 25 }]);
  });

  it.each([['UNKNOWN', 'PROXY UNKNOWN\r\n'], ['LOCAL', V2_LOCAL]])('that says %s leaves the addresses of the connection', async (_, header) => {
    const { open, clients } = await behind();
    const peer = await open();
    peer.say(latin1(header));
    await peer.reply();
    expect(clients).toMatchObject([{ address: '127.0.0.1' }]);
  });

  it.each([V1, V2])('%j is read octet by octet', async (header) => {
    const { open, clients } = await behind();
    const peer = await open();
    for (const octet of latin1(header)) {
      peer.say(Uint8Array.of(octet));
      await turns(2);
    }
    expect(await peer.reply()).toMatch(/^220/);
    expect(clients).toMatchObject([{ address: '192.0.2.7' }]);
  });

  it.each([V1, V2])('%j takes nothing of what follows it in the same segment', async (header) => {
    const { open } = await behind();
    const peer = await open();
    peer.say(latin1(`${header}EHLO client.test\r\nMAIL FROM:<alice@a.test>\r\nNOOP\r\nQUIT\r\n`));
    peer.end();
    const heard = await peer.rest();
    expect([...heard.matchAll(/^(\d{3}) /gm)].map(([, code]) => code)).toEqual(['220', '250', '250', '250', '221']);
  });

  // found by trying: a proxy that was set up wrongly was turned away, and nobody told
  it.each([
    ['SMTP without one', 'EHLO client.test\r\n', 'not-a-header'],
    ['a line that is none', 'PROXY TCP4 192.0.2.7\r\nEHLO client.test\r\n', 'bad-line'],
    ['a line without end', `PROXY TCP4 ${'1'.repeat(200)}`, 'too-long'],
    ['a bad version', `${V2_BEGIN}\x31\x11\x00\x00`, 'bad-version'],
    ['half of one, and the end', 'PROXY TCP4 192.0', 'it has no end'],
    ['nothing, and the end', '', undefined], // how a balancer looks whether the port is open
  ])('that is %s closes the connection without a word to it, and the embedder is told', async (_, said, fault) => {
    const { open, clients, server } = await behind();
    const peer = await open();
    peer.say(latin1(said));
    if (!said.includes('EHLO')) peer.end();
    expect(await peer.rest()).toBe('');
    expect(clients).toEqual([]);
    expect(errors.map(({ message }) => message)).toEqual(fault === undefined ? [] : [`a connection from the proxy 127.0.0.1 was closed: no valid PROXY header (${fault})`]);
    expect(server.sessions).toBe(0);
  });

  it('that does not come closes the connection without a word to it, after a while, and none of which it came', async () => {
    const { open, clients } = await behind();
    const other = await open();
    other.say(V1);
    await other.reply();
    expect(await (await open()).rest()).toBe('');
    expect(await other.command('NOOP')).toMatch(/^250 /);
    expect(clients).toHaveLength(1);
    expect(errors.map(({ message }) => message)).toEqual(['a connection from the proxy 127.0.0.1 was closed: no valid PROXY header (none came in 3000 ms)']);
  });

  it('that has not come when the server closes is no fault of the proxy', async () => {
    const { open, server } = await behind();
    const peer = await open();
    peer.say('PROXY TCP4 ');
    await turns(5);
    await server.close();
    expect(await peer.rest()).toBe('');
    expect(errors).toEqual([]);
  });

  it('is an unknown command where its sender is no proxy', async () => {
    const { open, clients } = await behind({ proxyFrom: ['192.0.2.0/24'] });
    const peer = await open();
    expect(await peer.reply()).toMatch(/^220/);
    expect(await peer.command(V1.trimEnd())).toMatch(/^500 /);
    expect(clients).toMatchObject([{ address: '127.0.0.1' }]);
  });

  it('stands in front of the handshake of TLS at once', async () => {
    const { open, clients } = await behind({ ...BEHIND, tls: certificate('mx'), tlsAtOnce: true });
    const peer = await open();
    peer.say(V1);
    expect(await (await shakeHands(peer)).reply()).toMatch(/^220/);
    expect(clients).toMatchObject([{ address: '192.0.2.7' }]);
  });

  it('says whose connections are counted', async () => {
    const { open, server } = await behind({ ...BEHIND, maxConnectionsPerClient: 1 });
    const first = await open();
    first.say(V1);
    expect(await first.reply()).toMatch(/^220/);
    const second = await open();
    second.say(V1);
    expect(await second.rest()).toMatch(/^421 /);
    const another = await open();
    another.say(V1.replace('192.0.2.7', '192.0.2.8'));
    expect(await another.reply()).toMatch(/^220/);
    await first.command('QUIT');
    await until(() => server.sessions === 1);
    first.end();
    for (let heard = ''; !heard.startsWith('220 '); ) { // until that connection is gone
      const third = await open();
      third.say(V1);
      heard = await third.reply();
    }
  });

  it('is read from addresses and ranges alone', async () => {
    await expect(serve({ proxyFrom: ['proxy.test'] })).rejects.toThrow(new UsageError('proxyFrom holds addresses or ranges such as 192.0.2.0/24, not "proxy.test"'));
  });
});
