import { afterEach, expect, it, vi } from 'vitest';
import type { Socket } from 'node:net';
import { ListeningEntrance, type DuplexStream } from '../../src/node/entrance.ts';
import { listen } from '../../src/node/listen.ts';
import type { Server } from '../../src/node/server.ts';
import { accept } from '../../src/protocol/server/verdict.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { builtin, replaceIn } from '../support/builtin.ts';
import { pair } from '../support/duplex-pair.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { turns } from '../support/turn.ts';

const create = builtin('node:net')['createServer'] as (...given: readonly unknown[]) => { emit(event: 'error', error: Error): boolean };
let made: ReturnType<typeof create> | undefined;
replaceIn('node:net', { createServer: (...given: readonly unknown[]) => (made = create(...given)) });

let server: Server | undefined;
const peers: RawPeer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.socket.destroy();
  await server?.close(0);
  server = undefined;
});

async function connect(port: number): Promise<RawPeer> {
  const peer = await RawPeer.connect(port);
  peers.push(peer);
  return peer;
}

const serve = async (entrance: ListeningEntrance): Promise<Server> => (server = await listen({ entrance, hostname: 'mx.test' }, { message: () => accept() }));

it.each([false, true])('who comes before there is anybody to serve is served then, with all that was said (unread: %s)', async (unread) => {
  const entrance = await ListeningEntrance.open({ host: '127.0.0.1', port: 0 }, { unread });
  const early = await connect(entrance.port);
  early.say('EHLO early.test\r\n');
  const { port } = await serve(entrance);
  expect(port).toBe(entrance.port);
  expect(await early.reply()).toBe('220 mx.test ESMTP ehlo\r\n');
  expect(await early.reply()).toMatch(/^250-mx\.test\r\n/);
  const late = await connect(port);
  expect(await late.reply()).toBe('220 mx.test ESMTP ehlo\r\n');
});

it.each([[2525, true], [0, false]])('who has no address is served where there is no port (a Unix socket), and else has gone: port %d', async (port, gone) => {
  const [near, far] = pair();
  let come: (socket: DuplexStream) => void = () => undefined;
  server = await listen({ entrance: { host: port === 0 ? '' : '127.0.0.1', port, begin: (accept) => void (come = accept), close: async () => undefined }, hostname: 'mx.test' }, { message: () => accept() });
  let said = '';
  far.on('data', (octets) => void (said += decodeLatin1(octets)));
  come(near);
  await turns(3);
  expect({ gone: near.destroyed, said }).toEqual({ gone, said: gone ? '' : '220 mx.test ESMTP ehlo\r\n' });
  near.destroy();
});

it('who has gone before is nobody\'s trouble', async () => {
  const entrance = await ListeningEntrance.open({ host: '127.0.0.1', port: 0 });
  const gone = await connect(entrance.port);
  await turns(3);
  gone.reset();
  await gone.gone();
  await turns(20);
  entrance.begin(() => expect.fail('handed on'));
  const { port } = await serve(entrance);
  expect(await (await connect(port)).reply()).toBe('220 mx.test ESMTP ehlo\r\n');
});

it('who has ended his side hears what becomes of his mail all the same, however late that is', async () => {
  const entrance = await ListeningEntrance.open({ host: '127.0.0.1', port: 0 });
  server = await listen({ entrance, hostname: 'mx.test' }, { message: () => turns(20).then(() => accept()) });
  const peer = await connect(entrance.port);
  peer.say('EHLO client.test\r\nMAIL FROM:<>\r\nRCPT TO:<bob@b.test>\r\nBDAT 2 LAST\r\n\r\nQUIT\r\n');
  peer.end();
  expect(await peer.rest()).toMatch(/\r\n250 2\.0\.0 [^\r]*\r\n221 [^\r]*\r\n$/);
});

it('what keeps one connection from being accepted is told, and ends nothing', async () => {
  const failed = vi.fn();
  const entrance = await ListeningEntrance.open({ host: '127.0.0.1', port: 0 }, { failed });
  const error = new Error('EMFILE: too many open files');
  made?.emit('error', error);
  expect(failed).toHaveBeenCalledExactlyOnceWith(error);
  await entrance.close();
});

it('who has gone by the time he is handed on has no session, and takes no place', async () => {
  const [near] = pair();
  near.destroy();
  await turns(3);
  server = await listen({ port: 0, hostname: 'mx.test' }, { message: () => accept() });
  server.accept(near);
  expect(server.sessions).toBe(0);
});

it.each([
  ['rejects', () => Promise.reject(new Error('no way'))],
  ['throws', () => { throw new Error('no way'); }],
])('where it cannot be closed (%s), sessions come to their end all the same, and behind that it is told', async (_, close) => {
  const [near, far] = pair();
  let come: (socket: DuplexStream) => void = () => undefined;
  const answers: (() => void)[] = [];
  const served = await listen({ entrance: { host: '', port: 0, begin: (accept) => void (come = accept), close }, hostname: 'mx.test' }, { client: () => new Promise<undefined>((resolve) => answers.push(() => resolve(undefined))), message: () => accept() });
  let said = '';
  far.on('data', (octets) => void (said += decodeLatin1(octets)));
  come(near);
  const closed = served.close().then(() => 'closed', (error: Error) => `${served.sessions} sessions: ${error.message}`);
  await turns(3);
  for (const answer of answers) answer();
  expect(await closed).toBe('0 sessions: no way');
  await turns(3);
  expect(said).toBe('220 mx.test ESMTP ehlo\r\n421 4.3.2 mx.test shutting down, closing connection\r\n');
  near.destroy();
});

it('closed, it lets nobody in, and those go who waited', async () => {
  const entrance = await ListeningEntrance.open({ host: '127.0.0.1', port: 0 });
  const waiting = await connect(entrance.port);
  await turns(3);
  await entrance.close();
  expect(await waiting.rest()).toBe('');
  await expect(RawPeer.connect(entrance.port)).rejects.toThrow('ECONNREFUSED');
});

it('more than it keeps are closed', async () => {
  const entrance = await ListeningEntrance.open({ host: '127.0.0.1', port: 0 });
  const all = await Promise.all(Array.from({ length: 520 }, () => connect(entrance.port)));
  while (all.filter(({ ended }) => ended).length < 8) await turns(3);
  const served: Socket[] = [];
  entrance.begin((socket) => {
    served.push(socket);
    socket.destroy();
  });
  expect(served).toHaveLength(512);
  await entrance.close();
});
