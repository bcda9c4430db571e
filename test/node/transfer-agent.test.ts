import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Users } from '../../src/node/credential.ts';
import { FileQueue } from '../../src/node/file-queue.ts';
import { listen } from '../../src/node/listen.ts';
import type { Server } from '../../src/node/server.ts';
import type { LogFields } from '../../src/node/log.ts';
import { Maildir } from '../../src/node/maildir.ts';
import { Resolver } from '../../src/node/resolve.ts';
import { TlsServer } from '../../src/node/tls.ts';
import { TransferAgent, type Door, type TransferAgentOptions } from '../../src/node/transfer-agent.ts';
import { sessionCounts } from '../../src/protocol/server/count.ts';
import { accept, type Verdict } from '../../src/protocol/server/verdict.ts';
import { parseCidr } from '../../src/relay/cidr.ts';
import { relayCounts } from '../../src/relay/count.ts';
import type { NextHop } from '../../src/relay/next-hop.ts';
import type { Queue, QueuedMail } from '../../src/relay/queue/port.ts';
import { RETRY_SCHEDULE } from '../../src/relay/schedule.ts';
import { decodeLatin1, encodeAscii } from '../../src/wire/ascii.ts';
import { decodeBase64, encodeBase64 } from '../../src/wire/base64.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { cheapCredential } from '../support/cheap-credential.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { startDnsServer, type DnsServer } from '../support/dns-server.mjs';
import { FAREWELL, GREETING, startScriptedServer, taking, unusedPort, type ScriptedServer } from '../support/scripted-server.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { certificate, startTls } from '../support/tls-peer.ts';
import { deferred, turns, until } from '../support/turn.ts';

let directory: TemporaryDirectory;
let agents: TransferAgent[];
let peers: RawPeer[];
beforeEach(() => {
  directory = temporaryDirectory();
  agents = [];
  peers = [];
});
afterEach(async () => {
  for (const peer of peers) peer.socket.destroy();
  await Promise.all(agents.map((agent) => agent.close(0)));
  directory[Symbol.dispose]();
});

interface Host {
  readonly name: string;
  readonly agent: TransferAgent;
  readonly server: Server;
  readonly queue: FileQueue;
  readonly logged: (readonly [string, LogFields])[];
  /** What was delivered into its Maildir. */
  readonly delivered: () => readonly string[];
}

interface Setting {
  readonly accept?: readonly string[];
  readonly relayFrom?: readonly string[];
  readonly maildir?: boolean;
  readonly routes?: Readonly<Record<string, number>>;
  readonly options?: Partial<TransferAgentOptions>;
}

/** A relay on a free port; its queue and Maildir are named after it. */
async function start(name: string, { accept = [], relayFrom = ['127.0.0.0/8'], maildir = false, routes = {}, options = {} }: Setting = {}): Promise<Host> {
  const queue = await FileQueue.open(join(directory.path, name, 'queue'));
  const box = join(directory.path, name, 'box');
  const logged: (readonly [string, LogFields])[] = [];
  const agent = new TransferAgent({
    hostname: name,
    queue,
    maildir: maildir ? await Maildir.open(box) : undefined,
    admission: { accept: new Set(accept), relayFrom: relayFrom.map(parseCidr).filter((range) => range !== undefined) },
    routing: { routes: new Map<string, NextHop>(Object.entries(routes).map(([domain, port]) => [domain, { host: '127.0.0.1', port }])), mxPort: 25, allowPrivateTargets: false },
    resolver: new Resolver({ servers: ['127.0.0.1:1'], timeout: 50 }),
    schedule: RETRY_SCHEDULE,
    log: (event, fields) => logged.push([event, fields]),
    ...options,
  });
  agents.push(agent);
  const server = await agent.listen({ place: { host: '127.0.0.1', port: 0 } });
  agent.start();
  const read = (file: string): string => decodeLatin1(readFileSync(join(box, 'new', file)));
  return { name, agent, server, queue, logged, delivered: () => readdirSync(join(box, 'new')).map(read).sort() };
}

/** A client that was greeted. */
async function connect({ server }: Host): Promise<RawPeer> {
  const peer = await RawPeer.connect(server.port);
  peers.push(peer);
  await peer.reply();
  await peer.command('EHLO client.test');
  return peer;
}

/** Sends a mail; the replies to RCPT, and to its end. */
async function submit(host: Host, from: string, to: readonly string[], content = CONTENT): Promise<{ readonly rcpt: readonly string[]; readonly end: string }> {
  const peer = await connect(host);
  await peer.command(`MAIL FROM:${from}`);
  const rcpt: string[] = [];
  for (const path of to) rcpt.push(await peer.command(`RCPT TO:${path}`));
  await peer.command('DATA');
  const end = await peer.command(`${content.replace(/^\./gm, '..')}.`);
  peer.reset();
  return { rcpt, end };
}

const CONTENT = 'Subject: hi\r\n\r\n.a dot, and octets above 127: \xfc\x80\r\n';
const events = ({ logged }: Host): readonly string[] => logged.map(([event]) => event);

describe('a transfer agent of which little is said', () => {
  it('sends no mail to where it listens itself', async () => {
    const port = await unusedPort();
    const host = await start('a.test', { options: { routing: { mxPort: port, allowPrivateTargets: true } } });
    await host.agent.listen({ place: { host: '127.0.0.1', port } });
    await submit(host, '<>', ['<bob@[127.0.0.1]>']);
    await until(() => events(host).includes('done'));
    expect(events(host)).toEqual(['accepted', 'failed', 'undeliverable', 'done']);
  });

  it('goes by MX, lets nobody relay, and has TLS by its options', async () => {
    await using agent = new TransferAgent({ hostname: 'mx.test', queue: await FileQueue.open(join(directory.path, 'little')), admission: { accept: new Set(['a.test']) }, tls: certificate('mx') });
    const { port } = await agent.listen({ place: { host: '127.0.0.1', port: 0 } });
    const peer = await RawPeer.connect(port);
    peers.push(peer);
    await peer.reply();
    expect(await peer.command('EHLO client.test')).toContain('250-STARTTLS');
    await peer.command('MAIL FROM:<>');
    expect(await peer.command('RCPT TO:<bob@a.test>')).toMatch(/^250 /);
    expect(await peer.command('RCPT TO:<bob@b.test>')).toMatch(/^550 5\.7\.1 relaying denied/);
  });

  it('warns of what is an error on its own side where nobody has a log', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const queue = Object.assign(await FileQueue.open(join(directory.path, 'broken')), { add: async () => { throw new Error('disk on fire'); } });
    await using agent = new TransferAgent({ hostname: 'mx.test', queue, admission: { accept: new Set(['a.test']) } });
    const { port } = await agent.listen({ place: { host: '127.0.0.1', port: 0 } });
    const peer = await RawPeer.connect(port);
    peers.push(peer);
    await peer.reply();
    for (const line of ['EHLO client.test', 'MAIL FROM:<>', 'RCPT TO:<bob@a.test>', 'DATA']) await peer.command(line);
    expect(await peer.command('.')).toMatch(/^451 4\.3\.0 /);
    expect(warned.mock.calls).toEqual([[new Error('disk on fire')]]);
    warned.mockRestore();
  });
});

describe('a transfer agent that is set up wrongly', () => {
  // found by trying: each mail was refused for it, or the domain was none of ours
  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['hostname must be a domain or an address literal, not undefined', { hostname: undefined }],
    ['queue is needed, with a function "add"', { queue: undefined }],
    ['queue is needed, with a function "settle"', { queue: { add() {}, mails() {}, mail() {}, content() {} } }],
    ['roomFor must be a function, not number', { queue: { add() {}, mails() {}, mail() {}, content() {}, settle() {}, close() {}, roomFor: 5 } }],
    ['resolver must be a Resolver, with a function "route"', { resolver: {} }],
    ['log must be a function, which is told each event with its facts', { log: {} }],
    ['users must be a function that returns Users', { users: {} }],
    ['maildir must be a Maildir, such as await Maildir.open(directory)', { maildir: './Maildir' }],
    ['routing must be an object, not null', { routing: null }],
    ['tls needs cert and key, in PEM', { tls: {} }],
    ['routes must be a Map, not {}', { routing: { routes: {}, mxPort: 25, allowPrivateTargets: false } }],
    ['allowPrivateTargets must be true or false, not "false"', { routing: { routes: new Map(), mxPort: 25, allowPrivateTargets: 'false' } }],
    ['schedule must be an object, not null', { schedule: null }],
    ['intervals must be milliseconds, one of them at least, not 60000', { schedule: { intervals: 60_000 } }],
    ['trace must have functions "serverSession" and "clientSession"', { trace: null }],
    ['counts must be what relayCounts() has returned', { counts: sessionCounts() }],
    ['reuse must be an object, not 5', { reuse: 5 }],
    ['mails must be a number of at least 1, not "many"', { reuse: { mails: 'many' } }],
    ['admission.accept must be a Set of domains', { admission: undefined }],
    ['admission.accept must be a Set of domains', { admission: { accept: ['b.test'], relayFrom: [] } }],
    ['admission.mailboxes must be a Map from domains to Sets of local parts', { admission: { accept: new Set(), mailboxes: { 'b.test': ['bob'] }, relayFrom: [] } }],
    ['admission.mailboxes has a Set of local parts for "b.test", not ["bob"]', { admission: { accept: new Set(), mailboxes: new Map([['b.test', ['bob']]]), relayFrom: [] } }],
    ['admission.mailboxes holds local parts in lower case, such as "alice", not "Bob"', { admission: { accept: new Set(), mailboxes: new Map([['b.test', new Set(['Bob'])]]), relayFrom: [] } }],
    ['admission.mailboxes is by domains in lower case, such as "example.org", not "B.test"', { admission: { accept: new Set(), mailboxes: new Map([['B.test', new Set(['bob'])]]), relayFrom: [] } }],
    ['admission.accept holds domains in lower case, such as "example.org", or "*", not "B.test"', { admission: { accept: new Set(['B.test']), relayFrom: [] } }],
    ['admission.relayFrom must be a list of addresses or ranges such as 192.0.2.0/24', { admission: { accept: new Set(), relayFrom: '::1' } }],
    ['admission.relayFrom holds addresses or ranges such as 192.0.2.0/24, not "10/8"', { admission: { accept: new Set(), relayFrom: ['10/8'] } }],
    ['admission.relayFrom holds addresses or ranges such as 192.0.2.0/24, not null', { admission: { accept: new Set(), relayFrom: [null] } }],
  ])('throws UsageError: %s', async (message, options) => {
    await expect(start('mx.test', { options })).rejects.toThrow(new UsageError(message));
  });

  // found by trying: with `place: null` it listened on port 2525
  it.each<[unknown]>([[{ host: '127.0.0.1', port: 0 }], [{ place: null }], [{ place: {} }], [{ place: 'smtp://127.0.0.1:0' }], [undefined], [null]])('and knows no place to listen at throws UsageError: %j', async (door) => {
    const { agent } = await start('mx.test');
    await expect(agent.listen(door as Door)).rejects.toThrow(new UsageError('a place is needed: { place: { host, port } }, { place: { path } } or { place: { fd } }'));
  });

  // found by embedding: it took mail of anybody, without AUTH
  it('and has no users opens no door for submission (RFC 6409 §4.3)', async () => {
    const { agent } = await start('mx.test');
    await expect(agent.listen({ place: { host: '127.0.0.1', port: 0 }, submission: true })).rejects.toThrow(new UsageError('submission needs users: nobody may submit without AUTH'));
  });

  it('takes ranges as text', async () => {
    const host = await start('mx.test', { options: { admission: { accept: new Set(), relayFrom: ['192.0.2.1', '127.0.0.0/8'] } } });
    expect((await submit(host, '<alice@a.test>', ['<bob@b.test>'])).rcpt).toEqual([expect.stringMatching(/^250 /)]);
  });
});

/** A queue that has another function. */
const otherwise = (queue: FileQueue, functions: Partial<Queue>): Queue => new Proxy<Queue>(queue, {
  get: (_, name) => {
    const own: unknown = Reflect.get(functions, name) ?? Reflect.get(queue, name);
    return typeof own === 'function' ? own.bind(queue) : own;
  },
});

// found by trying: a mail went out after the operator was told that it is held, or returned
describe.each([['held', true], ['returned', false]] as const)('a mail that is %s while an attempt is on its way', (order, waits) => {
  it('is called off: it does not go out by that, and the attempt does not count', async () => {
    await using next = await startScriptedServer(taking());
    const queue = await FileQueue.open(join(directory.path, 'ordered'));
    let ordered = false;
    const host = await start('mx.test', { routes: { 'b.test': next.port, 'a.test': next.port }, options: { queue: otherwise(queue, {
      recent: () => undefined,
      content(id) {
        ordered = true;
        return queue.content(id);
      },
      mail(id) {
        const mail = queue.mail(id);
        return mail === undefined || !ordered || mail.reversePath.type === 'null' ? mail : { ...mail, [order]: true };
      },
    }) } });
    await submit(host, '<alice@a.test>', ['<bob@b.test>']);
    await until(() => events(host).some((event) => event === 'delivered' || event === (waits ? 'deferred' : 'bounced')));
    await turns(20);
    expect(host.logged.filter(([event, { to }]) => event === 'error' || (event === 'delivered' && to === '<bob@b.test>'))).toEqual([]);
    if (waits) expect([...queue.mails()].map(({ recipients }) => recipients)).toEqual([[{ state: 'waiting' }]]);
    else expect(host.logged.filter(([event]) => event === 'failed').map(([, { to, reply }]) => [to, reply])).toEqual([['<bob@b.test>', '554 5.3.0 the operator of this host has given up the mail']]);
  });
});

// found by trying: it was an error in the log; and where the queue knows of no attempts, the mail went out
it.each(['before', 'after'])('a mail that is removed %s an attempt asks for its content does not go out by that, and is no error', async (when) => {
  await using next = await startScriptedServer(taking());
  const queue = await FileQueue.open(join(directory.path, 'ordered'));
  let removed = false;
  const host = await start('mx.test', { routes: { 'b.test': next.port }, options: { queue: otherwise(queue, {
    recent: () => undefined,
    async *content(id) {
      removed = true;
      if (when === 'before') throw new Error(`the queue has no mail ${id}`);
      yield* queue.content(id);
    },
    mail: (id) => (removed || (when === 'before' && next.connections > 0) ? undefined : queue.mail(id)),
  }) } });
  await submit(host, '<>', ['<bob@b.test>']);
  await until(() => events(host).some((event) => event === 'delivered' || event === 'deferred'));
  expect(events(host)).toEqual(['accepted', 'deferred']);
});

describe('a queue that fails', () => {
  // found by trying: what was wrong was told to nobody
  it.each<[string, Partial<Queue>]>([
    ['to read the content of a mail', { content: () => { throw new Error('the disk is on fire'); } }],
    ['to record an attempt', { attempt: () => Promise.reject(new Error('the disk is on fire')) }],
  ])('%s is in the log with the reason, and the mail is deferred', async (_, functions) => {
    await using next = await startScriptedServer(taking());
    const queue = await FileQueue.open(join(directory.path, 'broken'));
    const host = await start('mx.test', { routes: { 'b.test': next.port }, options: { queue: otherwise(queue, functions) } });
    expect((await submit(host, '<alice@a.test>', ['<bob@b.test>'])).end).toMatch(/^250 /);
    await until(() => events(host).includes('deferred'));
    expect(host.logged.find(([event]) => event === 'error')).toMatchObject(['error', { text: 'the disk is on fire', id: expect.stringMatching(/^\w+$/) }]);
    expect(host.logged.find(([event]) => event === 'deferred')?.[1]).toMatchObject({ reply: '451 4.3.0 the content could not be read: failure on our own side' }); // it goes to the sender in the end, whom our paths do not concern
  });

  it.each([['ENOSPC', '452 4.3.1', 'no room'], ['EMFILE', '451 4.3.2', 'too many open files'], ['EFBIG', '452 4.3.1', 'file too large']])('to keep a mail for want of something (%s) is %s, and in the log as the reason', async (code, reply, reason) => {
    const queue = await FileQueue.open(join(directory.path, 'broken'));
    const host = await start('mx.test', { options: { queue: otherwise(queue, { add: () => Promise.reject(Object.assign(new Error(code), { code })) }) } });
    expect((await submit(host, '<alice@a.test>', ['<bob@b.test>'])).end.slice(0, 9)).toBe(reply);
    expect(host.logged).toMatchObject([['refused', { reason }]]);
  });

  // found by trying: 250 was said for what nobody may have kept
  it.each<[unknown]>([[undefined], [null], [{}], [{ id: 'm1' }]])('to say what it keeps is 451: %j', async (kept) => {
    const queue = await FileQueue.open(join(directory.path, 'broken'));
    const host = await start('mx.test', { options: { queue: otherwise(queue, { add: async () => kept as QueuedMail }) } });
    expect((await submit(host, '<alice@a.test>', ['<bob@b.test>'])).end).toMatch(/^451 4\.3\.0 /);
    expect(host.logged).toEqual([['error', { text: 'add of the queue must resolve with the mail, which nobody knows to be kept otherwise' }]]);
  });

  // found by trying: a promise of an async function that rejects ended the process; of others a TypeError of our own was told
  it.each<[string, keyof Queue, () => unknown]>([
    ['content of the queue must answer at once, and not with a promise', 'content', () => Promise.reject(new Error('no disk'))],
    ['content of the queue must return an async iterable of octets, not null', 'content', () => null],
    ['recent of the queue must answer at once, and not with a promise', 'recent', () => Promise.reject(new Error('no disk'))],
    ['recent of the queue must return a list of octets, or undefined, not 5', 'recent', () => 5],
  ])('to give the content keeps the mail, and says: %s', async (text, name, answer) => {
    await using next = await startScriptedServer(taking());
    const queue = await FileQueue.open(join(directory.path, 'broken'));
    const host = await start('mx.test', { routes: { 'b.test': next.port }, options: { queue: otherwise(queue, { [name]: answer }) } });
    expect((await submit(host, '<alice@a.test>', ['<bob@b.test>'])).end).toMatch(/^250 /);
    await until(() => events(host).includes('deferred'));
    expect(host.logged.find(([event]) => event === 'error')?.[1]).toMatchObject({ text });
    expect([...queue.mails()]).toMatchObject([{ recipients: [{ state: 'waiting' }] }]);
  });

  it('to say at once whether it has room is 451', async () => {
    const queue = await FileQueue.open(join(directory.path, 'broken'));
    const host = await start('mx.test', { options: { queue: otherwise(queue, { roomFor: () => Promise.reject(new Error('no disk')) as never }) } });
    expect(await (await connect(host)).command('MAIL FROM:<>')).toMatch(/^451 4\.3\.0 /);
    expect(host.logged).toEqual([['error', { text: 'roomFor of the queue must answer at once, and not with a promise' }]]);
  });
});

// found by trying: what Users.read returns is a promise, and that was said to need mechanisms
it.each<[string, () => unknown]>([
  ['users must answer at once, and not with a promise', () => Promise.reject(new Error('no file'))],
  ['users must return Users, such as those of await Users.read(file), not undefined', () => undefined],
])('users that are none are told, and no client comes in: %s', async (text, users) => {
  const host = await start('mx.test', { options: { users: users as () => Users } });
  expect(await (await RawPeer.connect(host.server.port)).rest()).toMatch(/^421 /);
  expect(host.logged).toEqual([['error', { text }]]);
});

// found by running on a small disk: all mail was refused, and the log said nothing
it('a queue without room for a mail has it refused at MAIL, with its size or without (§4.3.2), and the log says so', async () => {
  const queue = await FileQueue.open(join(directory.path, 'full'));
  const host = await start('mx.test', { options: { queue: otherwise(queue, { roomFor: (octets) => octets > 0 && octets < 100 }) } });
  const peer = await connect(host);
  for (const [size, reply] of [['', 452], [' SIZE=100', 452], [' SIZE=99', 250]] as const) expect(await peer.command(`MAIL FROM:<alice@a.test>${size}`)).toMatch(new RegExp(`^${reply} `));
  expect(host.logged).toEqual(Array.from({ length: 2 }, () => ['refused', { client: '127.0.0.1', from: '<alice@a.test>', to: undefined, reason: 'no room' }]));
  peer.reset();
});

// found by running: whoever tried passwords was in no log, and whoever tried them by SCRAM later on neither
it('who is not authenticated is in the log, with the name, and under which TLS (RFC 8314 §4)', async () => {
  const users = new Users(new Map([['alice', await cheapCredential('scrypt', 'open sesame')], ['carol', await cheapCredential('scram-sha-256', 'open sesame')]]));
  const host = await start('mx.test', { options: { users: () => users, tls: new TlsServer(certificate('mx')) } });
  const peer = await startTls(await connect(host));
  await peer.command('EHLO client.test');
  const base64 = (text: string): string => encodeBase64(encodeAscii(text));
  for (const [name, password] of [['alice', 'wrong'], ['bob', 'open sesame']] as const) expect(await peer.command(`AUTH PLAIN ${base64(`\0${name}\0${password}`)}`)).toMatch(/^535 /);
  const challenge = await peer.command(`AUTH SCRAM-SHA-256 ${base64('n,,n=carol,r=abc')}`);
  const [nonce] = /r=[^,]+/.exec(decodeLatin1(decodeBase64(challenge.slice(4).trim()) ?? new Uint8Array())) ?? [];
  expect(await peer.command(base64(`c=biws,${nonce},p=${encodeBase64(new Uint8Array(32))}`))).toMatch(/^535 /);
  expect(await peer.command(`AUTH PLAIN ${base64('\0alice\0open sesame')}`)).toMatch(/^235 /);
  expect(host.logged).toEqual(['alice', 'bob', 'carol'].map((user) => ['refused', { client: '127.0.0.1', user, tls: 'TLSv1.3', cipher: expect.stringMatching(/^TLS_/) as string, reason: 'not authenticated' }]));
  peer.socket.destroy();
});

// found by trying: the mail was in the queue, and its client told 451, so that it came again; a promise that rejects ended the process
it.each<[string, (error: Error) => void]>([
  ['throws', (error) => { throw error; }],
  ['rejects', (error) => Promise.reject(error)],
])('a log that %s takes nothing from a mail: it is accepted once, and relayed', async (_, fail) => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const events: string[] = [];
  const last = await start('last.test', { accept: ['b.test'], maildir: true });
  const log = (event: string): void => {
    events.push(event);
    return fail(new Error(`no room for ${event}`));
  };
  const host = await start('mx.test', { routes: { 'b.test': last.server.port }, options: { log } });
  expect((await submit(host, '<alice@a.test>', ['<bob@b.test>'])).end).toMatch(/^250 2\.0\.0 queued as /);
  await until(() => events.includes('done'));
  expect(events).toEqual(['accepted', 'delivered', 'done']);
  expect(last.delivered()).toHaveLength(1);
  await until(() => warned.mock.calls.length === 3);
  expect(warned.mock.calls).toEqual(events.map((event) => [new Error(`no room for ${event}`)]));
  warned.mockRestore();
});

describe('a transfer agent', () => {
  // shows RFC5321:4.1.1.4-17 RFC5321:4.1.4-10 RFC5321:4.4-1 RFC5321:4.4-4 RFC5321:4.4-8 RFC5321:3.6.1-6 RFC5321:3.6.2-1 RFC6152:3-6
  // shows RFC4954:7-1 RFC3461:5.2.2-7 RFC3464:2.3.3-7
  it('takes a mail into its queue, and relays it to the next, which has it octet for octet with two Received fields', async () => {
    const last = await start('last.test', { accept: ['b.test'], maildir: true });
    const first = await start('first.test', { routes: { 'b.test': last.server.port } });
    const { end } = await submit(first, '<alice@a.test>', ['<bob@b.test>']);
    const [, id] = /^250 2\.0\.0 queued as (\w+)\r\n$/.exec(end) ?? [];
    await until(() => events(first).includes('done'));
    const [text = ''] = last.delivered();
    expect(text.replace(/\r\n[ \t]/g, ' ')).toMatch(
      new RegExp(`^Return-Path: <alice@a\\.test>\r\nReceived: from first\\.test \\(\\[127\\.0\\.0\\.1\\]\\) by last\\.test .*with ESMTP id \\w+ for <bob@b\\.test>; .*\r\nReceived: from client\\.test .* by first\\.test .*with ESMTP id ${id} for <bob@b\\.test>; .*\r\nSubject: hi\r\n`),
    );
    expect(text.endsWith(CONTENT)).toBe(true);
    expect([...first.queue.mails(), ...last.queue.mails()]).toEqual([]);
    expect(events(first)).toEqual(['accepted', 'delivered', 'done']);
    expect(first.logged[0]?.[1]).toMatchObject({ id, client: '127.0.0.1', helo: 'client.test', from: '<alice@a.test>', to: '<bob@b.test>' });
    expect(events(last)).toEqual(['accepted']);
    expect(last.logged[0]?.[1]).toMatchObject({ maildir: true, size: text.length - 'Return-Path: <alice@a.test>\r\n'.length });
  });

  it('counts what it took, what became of each recipient, and what went out, once for all who have it in one transaction', async () => {
    const last = await start('last.test', { accept: ['b.test'], maildir: true });
    const counts = relayCounts();
    const first = await start('first.test', { accept: ['a.test'], maildir: true, routes: { 'b.test': last.server.port, 'c.test': await unusedPort() }, options: { counts } });
    await submit(first, '<x@a.test>', ['<bob@b.test>', '<alice@a.test>', '<carol@c.test>', '<dave@b.test>']);
    await until(() => events(first).filter((event) => event === 'delivered' || event === 'deferred').length === 3);
    const size = Number(first.logged[0]?.[1]['size']);
    expect(size).toBeGreaterThan(CONTENT.length);
    const none = { delivered: 0, failed: 0, deferred: 0, unknown: 0 };
    expect(counts).toMatchObject({
      mails: { accepted: 1, refused: 0, lost: 0 },
      octets: { received: size, sent: size },
      outcomes: { mx: none, literal: none, smarthost: none, route: { ...none, delivered: 2, deferred: 1 }, maildir: { ...none, delivered: 1 } },
    });
  });

  // RFC 8314 §4
  it('has TLS in the log: under which a mail came, cipher suite included, as in the Received field, and under which it went', async () => {
    const last = await start('last.test', { accept: ['b.test'], maildir: true, options: { tls: new TlsServer(certificate('mx')) } });
    const first = await start('first.test', { routes: { 'b.test': last.server.port } });
    await submit(first, '<alice@a.test>', ['<bob@b.test>']);
    await until(() => events(first).includes('done'));
    const { tls, cipher } = last.logged[0]?.[1] ?? {};
    expect([tls, cipher]).toEqual(['TLSv1.3', expect.stringMatching(/^TLS_\w+_SHA\d+$/)]);
    expect(last.delivered()[0]).toContain(` tls ${String(cipher)}`);
    expect(first.logged.map(([event, fields]) => [event, fields['tls']])).toEqual([['accepted', undefined], ['delivered', 'TLSv1.3'], ['done', undefined]]);
  });

  // A domain is the same in U-labels and in A-labels (RFC 5890 §2.3.2.4).
  it('takes mail for a domain of its own that is written in U-labels, and sends it by the route of that domain', async () => {
    const [domain, local] = ['b\xc3\xbccher.test', 'jos\xc3\xa9']; // octets of UTF-8
    const last = await start('last.test', { accept: ['xn--bcher-kva.test'], relayFrom: [], maildir: true });
    const first = await start('first.test', { routes: { 'xn--bcher-kva.test': last.server.port } });
    const peer = await connect(first);
    await peer.command('MAIL FROM:<alice@a.test> SMTPUTF8');
    for (const to of [`bob@${domain}`, `${local}@${domain}`]) expect(await peer.command(`RCPT TO:<${to}>`)).toMatch(/^250 /);
    await peer.command('DATA');
    expect(await peer.command('Subject: hi\r\n\r\nHello\r\n.')).toMatch(/^250 /);
    await until(() => events(first).includes('done'));
    expect(events(first)).toEqual(['accepted', 'delivered', 'delivered', 'done']);
    expect(last.delivered()).toHaveLength(1);
    peer.reset();
  });

  // shows RFC5321:4.4-6 RFC5321:7.2-1 RFC5321:7.6-1
  it('tells none of several recipients of the others', async () => {
    const last = await start('last.test', { accept: ['b.test'], maildir: true });
    await submit(last, '<>', ['<bob@b.test>', '<carol@b.test>']);
    expect(last.delivered()[0]).not.toMatch(/bob|carol/);
  });

  // shows RFC5321:4.1.1.4-15 RFC5321:2.1-5 RFC5321:3.3-20
  it('has a mail in the queue, durable, before it says 250', async () => {
    const host = await start('first.test', { routes: { 'b.test': await unusedPort() } });
    await submit(host, '<alice@a.test>', ['<bob@b.test>']);
    expect(readdirSync(join(directory.path, 'first.test', 'queue', 'mail'))).toHaveLength(1);
    await until(() => events(host).includes('deferred'));
    expect([...host.queue.mails()]).toMatchObject([{ recipients: [{ state: 'waiting', reply: { code: 451, enhanced: '4.4.1' } }] }]);
  });

  // shows RFC5321:4.2.5-1
  it('delivers what its queue held when it was started again', async () => {
    const nobody = await unusedPort();
    const before = await start('first.test', { routes: { 'b.test': nobody } });
    await submit(before, '<alice@a.test>', ['<bob@b.test>']);
    await before.agent.close(0);
    const last = await start('last.test', { accept: ['b.test'], maildir: true });
    const after = await start('first.test', { routes: { 'b.test': last.server.port } });
    await until(() => events(after).includes('done'));
    expect(last.delivered()[0]?.endsWith(CONTENT)).toBe(true);
  });

  it('tells the queue, where that wants to know, to whom it is about to send, before the final dot', async () => {
    await using server = await startScriptedServer(taking(2));
    const host = await start('first.test', { routes: { 'b.test': server.port, 'c.test': await unusedPort() } });
    const attempts: (readonly [string, readonly number[], string | undefined])[] = [];
    const before: boolean[] = [];
    Object.assign(host.queue, {
      async attempt(id: string, recipients: readonly number[], target?: string): Promise<void> {
        attempts.push([id, recipients, target]);
        await turns(10); // time for a dot that did not wait
        before.push(server.heard[0]?.endsWith('DATA\r\n') === true);
      },
    });
    const { end } = await submit(host, '<alice@a.test>', ['<bob@b.test>', '<carol@c.test>', '<dave@b.test>']);
    await until(() => events(host).filter((event) => event === 'delivered').length === 2);
    expect(attempts).toEqual([[/queued as (\w+)/.exec(end)?.[1], [0, 2], '127.0.0.1']]);
    expect(before).toEqual([true]);
  });

  // shows RFC5321:5.1-21
  it('delivers to recipients here and elsewhere with one id', async () => {
    const last = await start('last.test', { accept: ['b.test'], maildir: true });
    const first = await start('first.test', { accept: ['a.test'], maildir: true, routes: { 'b.test': last.server.port } });
    const { end } = await submit(first, '<x@x.test>', ['<alice@a.test>', '<bob@b.test>']);
    expect(end).toMatch(/^250 /);
    await until(() => events(first).includes('done'));
    const [, id] = /queued as (\w+)/.exec(end) ?? [];
    expect(first.delivered()[0]).toContain(`id ${id}`);
    expect(last.delivered()[0]).toContain(`id ${id}`);
  });

  // shows RFC5321:4.2.5-4
  it('keeps nothing of a mail that the Maildir did not take', async () => {
    const first = await start('first.test', { accept: ['a.test'], routes: { 'b.test': await unusedPort() }, options: { maildir: { deliver: () => Promise.reject(new Error('disk full')) } as unknown as Maildir } });
    expect((await submit(first, '<x@x.test>', ['<alice@a.test>', '<bob@b.test>'])).end).toMatch(/^451 4\.3\.0 /);
    expect([...first.queue.mails()]).toEqual([]);
    expect(events(first)).toEqual(['error']);
  });

  it('keeps nothing of a mail whose client goes in the middle', async () => {
    const first = await start('first.test', { routes: { 'b.test': await unusedPort() } });
    const peer = await connect(first);
    await peer.command('MAIL FROM:<>');
    await peer.command('RCPT TO:<bob@b.test>');
    await peer.command('DATA');
    peer.say('Subject: half');
    peer.reset();
    await until(() => events(first).includes('lost'));
    const files = (name: string): readonly string[] => readdirSync(join(directory.path, 'first.test', 'queue', name));
    expect([...first.queue.mails(), ...files('mail'), ...files('tmp')]).toEqual([]);
  });

  // found by trying: it was lost, as if its client had gone, though that was told why
  it.each([
    ['554 5.6.0 mail data hold a LF without CR', 'bare-lf', 'one\ntwo\r\n', 1_000],
    ['554 5.6.0 mail data hold a CR without LF', 'bare-cr', 'one\rtwo\r\n', 1_000],
    ['554 5.6.0 mail data hold a line of more than 1000 octets', 'text-line-too-long', `${'x'.repeat(1_000)}\r\n`, 2_000],
    ['552 5.3.4 too much mail data', 'too-much-mail-data', 'x\r\n'.repeat(400), 1_000],
  ])('refuses a mail with %s, and says so in its log and its counts', async (said, reason, content, maxSize) => {
    const counts = relayCounts();
    const host = await start('first.test', { options: { counts, maxSize } });
    expect((await submit(host, '<>', ['<bob@b.test>'], content)).end).toBe(`${said}\r\n`);
    await until(() => host.logged.length > 0);
    expect(host.logged).toEqual([['refused', expect.objectContaining({ to: '<bob@b.test>', reason: `the mail data came to nothing: ${reason}` })]]);
    expect(counts.mails).toEqual({ accepted: 0, refused: 1, lost: 0 });
  });
});

// found in review: the queue took it in the end, and it was relayed, though its client had been told that it must send it again
describe('a mail whose verdict comes when nobody waits for it any more', () => {
  /** A host whose queue takes mail when it is told to. */
  async function slow(setting: Setting = {}): Promise<{ readonly host: Host; readonly last: Host; readonly take: () => void; readonly waiting: () => boolean }> {
    const last = await start('last.test', { accept: ['b.test'], maildir: true });
    const queue = await FileQueue.open(join(directory.path, 'slow'));
    const { promise, resolve } = deferred();
    let asked = false;
    const add: Queue['add'] = async (mail, content) => {
      const queued = await queue.add(mail, content);
      asked = true;
      await promise;
      return queued;
    };
    const host = await start('first.test', { routes: { 'b.test': last.server.port }, ...setting, options: { queue: otherwise(queue, { add }), ...setting.options } });
    return { host, last, take: resolve, waiting: () => asked };
  }

  /** Its recipients wait in no queue, and were never tried. */
  async function expectNothingOf({ host, last }: { readonly host: Host; readonly last: Host }): Promise<void> {
    await until(() => events(host).some((event) => ['lost', 'refused', 'accepted'].includes(event)));
    await host.agent.close(0);
    expect([...(await FileQueue.open(join(directory.path, 'slow'))).mails()]).toEqual([]);
    expect(events(host)).toEqual(expect.not.arrayContaining(['accepted', 'delivered']));
    expect(last.delivered()).toEqual([]);
  }

  // shows RFC5321:4.2.5-4
  it('is in no queue where its time was over: 451', async () => {
    const counts = relayCounts();
    const { host, last, take } = await slow({ options: { hookTimeout: 50, counts } });
    expect((await submit(host, '<alice@a.test>', ['<bob@b.test>'])).end).toMatch(/^451 4\.3\.0 /);
    take();
    await expectNothingOf({ host, last });
    expect(events(host)).toEqual(['error', 'refused']);
    expect(counts.mails).toEqual({ accepted: 0, refused: 1, lost: 0 });
  });

  // shows RFC5321:4.1.1.10-6
  it('is in no queue where its client has gone', async () => {
    const { host, last, take, waiting } = await slow();
    const peer = await connect(host);
    for (const line of ['MAIL FROM:<alice@a.test>', 'RCPT TO:<bob@b.test>', 'DATA']) await peer.command(line);
    peer.say(`${CONTENT}.\r\n`);
    await until(waiting);
    peer.reset();
    await until(() => host.agent.sessions === 0);
    take();
    await expectNothingOf({ host, last });
  });

  it('is in no queue where the agent was closed: 421, and that waits until the queue has answered', async () => {
    const { host, last, take, waiting } = await slow();
    const sent = submit(host, '<alice@a.test>', ['<bob@b.test>']);
    await until(waiting);
    let closed = 0;
    const closing = Promise.all([host.agent.close(10).then(() => closed++), host.agent.close(10).then(() => closed++)]); // by a signal, and by the end of a block
    expect((await sent).end).toMatch(/^421 /);
    await turns(10);
    expect(closed).toBe(0);
    take();
    await closing;
    await expectNothingOf({ host, last });
  });

  it('is taken back in the end where the queue fails at that once', async () => {
    const queue = await FileQueue.open(join(directory.path, 'slow'));
    let failures = 0;
    const settle: Queue['settle'] = async (...told) => {
      if (failures++ === 0) throw new Error('the disk is away');
      await queue.settle(...told);
    };
    const maildir = { deliver: () => Promise.reject(new Error('disk full')) } as unknown as Maildir;
    const host = await start('first.test', { accept: ['a.test'], routes: { 'b.test': await unusedPort() }, options: { queue: otherwise(queue, { settle }), maildir } });
    expect((await submit(host, '<x@x.test>', ['<alice@a.test>', '<bob@b.test>'])).end).toMatch(/^451 4\.3\.0 /);
    expect(host.logged).toContainEqual(['error', { id: expect.any(String) as string, text: 'the client sends this mail again, and the queue keeps it: the disk is away' }]);
    await host.agent.close(0);
    expect([...(await FileQueue.open(join(directory.path, 'slow'))).mails()]).toEqual([]);
  });

  // the success that the sender asks to be told of was waited for: 451, with the mail in the Maildir, and relayed
  it('is acknowledged when it is kept, whatever becomes of the report to the sender', async () => {
    const { host, take } = await slow({ accept: ['a.test'], maildir: true, options: { hookTimeout: 300 } });
    const peer = await connect(host);
    for (const line of ['MAIL FROM:<x@b.test>', 'RCPT TO:<alice@a.test> NOTIFY=SUCCESS', 'DATA']) await peer.command(line);
    expect(await peer.command(`${CONTENT}.`)).toMatch(/^250 /);
    expect(host.delivered()).toHaveLength(1);
    take();
    peer.reset();
  });

  // found by reading: it went out, and its client sent it again
  it('is left alone before there is one, whatever the operator orders, and though the relay begins', async () => {
    const [queue, verdict] = [await FileQueue.open(join(directory.path, 'slow')), deferred()];
    const maildir = { deliver: () => verdict.promise } as unknown as Maildir;
    const last = await start('last.test', { accept: ['b.test'], maildir: true });
    const host = await start('first.test', { accept: ['a.test'], routes: { 'b.test': last.server.port, 'x.test': last.server.port }, options: { queue, maildir } });
    const sent = submit(host, '<x@x.test>', ['<alice@a.test>', '<bob@b.test>']);
    await until(() => [...queue.mails()].length === 1);
    const [{ id = '' } = {}] = queue.mails();
    host.agent.start();
    host.agent.relaying.retry(id);
    host.agent.relaying.giveUp(id);
    await turns(20);
    verdict.reject(new Error('disk full'));
    expect((await sent).end).toMatch(/^451 4\.3\.0 /);
    await host.agent.close(0);
    expect(events(host)).toEqual(['retry', 'error']);
    expect([...queue.mails(), ...last.delivered()]).toEqual([]);
  });

  it('is done with where somebody has removed it meanwhile', async () => {
    const [queue, verdict] = [await FileQueue.open(join(directory.path, 'slow')), deferred()];
    const maildir = { deliver: () => verdict.promise } as unknown as Maildir;
    const host = await start('first.test', { accept: ['a.test'], routes: { 'b.test': await unusedPort() }, options: { queue, maildir } });
    const sent = submit(host, '<x@x.test>', ['<alice@a.test>', '<bob@b.test>']);
    await until(() => [...queue.mails()].length === 1);
    for (const { id, recipients } of queue.mails()) await queue.settle(id, recipients.map(() => ({ state: 'failed' })), 0);
    verdict.reject(new Error('disk full'));
    expect((await sent).end).toMatch(/^451 4\.3\.0 /);
    expect(host.logged.filter(([event, { text }]) => event === 'error' && text !== 'disk full')).toEqual([]);
  });

  it('is not in the Maildir either', async () => {
    const { host, last, take } = await slow({ accept: ['a.test'], maildir: true, options: { hookTimeout: 50 } });
    expect((await submit(host, '<x@x.test>', ['<alice@a.test>', '<bob@b.test>'])).end).toMatch(/^451 /);
    take();
    await expectNothingOf({ host, last });
    expect(host.delivered()).toEqual([]);
  });

  it('is relayed to nobody where the Maildir has it, and its client has gone by then', async () => {
    let delivering = false;
    const deliver = (_path: unknown, _content: unknown, { signal }: { readonly signal: { readonly aborted: boolean } }): Promise<void> => {
      delivering = true;
      return until(() => signal.aborted);
    };
    const { host, last, take } = await slow({ accept: ['a.test'], options: { maildir: { deliver } as unknown as Maildir } });
    take();
    const peer = await connect(host);
    for (const line of ['MAIL FROM:<x@x.test>', 'RCPT TO:<alice@a.test>', 'RCPT TO:<bob@b.test>', 'DATA']) await peer.command(line);
    peer.say(`${CONTENT}.\r\n`);
    await until(() => delivering);
    peer.reset();
    await until(() => events(host).includes('accepted'));
    await host.agent.close(0);
    expect([...(await FileQueue.open(join(directory.path, 'slow'))).mails()]).toEqual([]);
    expect(last.delivered()).toEqual([]);
    expect(host.logged.map(([event, { to, reason }]) => [event, to, reason])).toEqual([ // found by reading: both were accepted
      ['lost', '<bob@b.test>', 'the client has gone'],
      ['accepted', '<alice@a.test>', undefined],
    ]);
  });
});

describe('who may send to whom (RFC 5321 §3.6.2, §7.9)', () => {
  // shows RFC5321:4.5.1-3 RFC5321:4.5.1-5 RFC5321:4.5.1-6
  it('anybody may send to domains that are accepted, and to the postmaster', async () => {
    const host = await start('first.test', { accept: ['b.test'], relayFrom: [], maildir: true });
    expect((await submit(host, '<>', ['<bob@B.TEST>', '<Postmaster>'])).rcpt.map((reply) => reply.slice(0, 3))).toEqual(['250', '250']);
  });

  // shows RFC5321:3.3-15 RFC5321:3.6.2-2 RFC5321:7.9-3
  it('nobody else may send elsewhere: 550 5.7.1, and the others get their mail', async () => {
    const host = await start('first.test', { accept: ['b.test'], relayFrom: [], maildir: true });
    const { rcpt, end } = await submit(host, '<>', ['<bob@b.test>', '<eve@elsewhere.test>']);
    expect(rcpt[1]).toBe('550 5.7.1 relaying denied\r\n');
    expect(end).toMatch(/^250 /);
    expect(host.delivered()).toHaveLength(1);
    expect(host.logged[0]).toEqual(['refused', { client: '127.0.0.1', from: '<>', to: '<eve@elsewhere.test>', reason: 'relaying denied' }]);
  });

  // found by trying: mail for users whom the next hop does not know was accepted, and returned to senders who had never sent it
  it('nobody may send to a mailbox that a domain of known mailboxes does not have: 550 5.1.1', async () => {
    const admission = { accept: new Set<string>(), mailboxes: new Map([['b.test', new Set(['bob'])]]), relayFrom: ['127.0.0.1'] };
    const host = await start('first.test', { maildir: true, options: { admission } });
    const { rcpt } = await submit(host, '<alice@a.test>', ['<Bob@B.test>', '<eve@b.test>', '<postmaster@b.test>', '<eve@elsewhere.test>']);
    expect(rcpt.map((reply) => reply.slice(0, 9))).toEqual(['250 2.1.5', '550 5.1.1', '250 2.1.5', '250 2.1.5']);
    expect(host.delivered()).toHaveLength(1);
    expect(host.logged[0]).toEqual(['refused', { client: '127.0.0.1', from: '<alice@a.test>', to: '<eve@b.test>', reason: 'no such user' }]);
  });
});

describe('a mail that cannot be delivered', () => {
  // shows RFC5321:4.1.1.4-16 RFC5321:4.2.5-3 RFC5321:4.4-23 RFC5321:4.4-28 RFC5321:4.4-31 RFC5321:4.4-32 RFC5321:3.3-27 RFC5321:3.6.3-1
  // shows RFC5321:3.6.3-2 RFC5321:3.6.3-3 RFC5321:3.6.3-5 RFC5321:6.1-3 RFC5321:6.2-2
  it('is reported to its sender, by way of his domain', async () => {
    const sender = await start('mx.a.test', { accept: ['a.test'], maildir: true });
    await using refusing = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 550 5.1.1 no such user', ...FAREWELL]);
    const relay = await start('first.test', { routes: { 'b.test': refusing.port, 'a.test': sender.server.port } });
    await submit(relay, '<alice@a.test>', ['<bob@b.test>']);
    await until(() => events(relay).filter((event) => event === 'done').length === 2);
    expect(events(relay)).toEqual(['accepted', 'failed', 'bounced', 'done', 'delivered', 'done']);
    const [report = ''] = sender.delivered();
    expect(report).toMatch(/^Return-Path: <>\r\n/);
    expect(report).toContain('\r\nTo: <alice@a.test>\r\n');
    expect(report).toContain('\r\nFinal-Recipient: rfc822; bob@b.test\r\nAction: failed\r\nStatus: 5.1.1\r\n');
    expect(report).toContain('\r\nSubject: hi\r\n');
  });

  // shows RFC5321:4.4-26 RFC5321:4.4-27
  it('goes to its other recipients all the same', async () => {
    const sender = await start('mx.a.test', { accept: ['a.test', 'c.test'], maildir: true });
    await using refusing = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 550 5.7.1 not from you', ...FAREWELL]);
    const relay = await start('first.test', { routes: { 'b.test': refusing.port, 'a.test': sender.server.port, 'c.test': sender.server.port } });
    await submit(relay, '<alice@a.test>', ['<bob@b.test>', '<carol@c.test>']);
    await until(() => sender.delivered().length === 2);
    expect(sender.delivered().filter((text) => text.endsWith(CONTENT))).toHaveLength(1);
  });

  it('is reported into the Maildir where the sender is local', async () => {
    await using refusing = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 550 5.7.1 not from you', ...FAREWELL]);
    const relay = await start('first.test', { accept: ['a.test'], maildir: true, routes: { 'b.test': refusing.port } });
    await submit(relay, '<alice@a.test>', ['<bob@b.test>']);
    await until(() => events(relay).includes('done'));
    expect(relay.delivered()).toMatchObject([expect.stringMatching(/^Return-Path: <>\r\n.*Content-Type: multipart\/report/s)]);
  });

  // shows RFC5321:4.5.4-2 RFC5321:4.5.5-3 RFC5321:3.6.3-4 RFC5321:6.1-6 RFC3461:5.2-1
  it('with the null reverse-path is reported to nobody (RFC 5321 §4.5.5)', async () => {
    await using refusing = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 550 5.7.1 not from you', ...FAREWELL]);
    const relay = await start('first.test', { routes: { 'b.test': refusing.port } });
    await submit(relay, '<>', ['<bob@b.test>']);
    await until(() => events(relay).includes('done'));
    expect(events(relay)).toEqual(['accepted', 'failed', 'undeliverable', 'done']);
    expect([...relay.queue.mails()]).toEqual([]);
  });
});

describe('a mail in a loop (RFC 5321 §6.3)', () => {
  const received = (count: number): string => 'Received: from x.test by y.test; Mon, 1 Jan 2024 00:00:00 +0000\r\n'.repeat(count);

  // shows RFC5321:4.2.5-7 RFC5321:6.3-1 RFC5321:6.3-2
  it.each([[{ maildir: true }], [{ maildir: false }]])('is refused at a hundred Received fields: %j', async ({ maildir }) => {
    const host = await start('first.test', { accept: ['b.test'], maildir, routes: { 'b.test': await unusedPort() } });
    expect((await submit(host, '<alice@a.test>', ['<bob@b.test>'], `${received(100)}\r\nhi\r\n`)).end).toMatch(/^554 5\.4\.6 /);
    expect([...host.queue.mails()]).toEqual([]);
    expect(events(host)).toEqual(['refused']);
    expect((await submit(host, '<alice@a.test>', ['<bob@b.test>'], `${received(99)}\r\n${received(5)}`)).end).toMatch(/^250 /);
  });
});

describe('a transfer agent that closes', () => {
  it('neither listens nor starts again: nobody would relay what came in', async () => {
    const { agent } = await start('first.test');
    await agent.close();
    const again = agent.listen({ place: { host: '127.0.0.1', port: 0 } });
    void again.then((server) => server.close(), () => undefined);
    await expect(again).rejects.toThrow(new UsageError('the transfer agent is closed'));
    expect(() => agent.start()).toThrow(new UsageError('the transfer agent is closed'));
  });

  it('leaves no listener that was on its way', async () => {
    const { agent } = await start('first.test');
    const late = agent.listen({ place: { host: '127.0.0.1', port: 0 } });
    void late.then((server) => server.close(), () => undefined);
    await agent.close();
    await expect(late).rejects.toThrow(new UsageError('the transfer agent is closed'));
  });

  it('finishes what is in hand, and frees its queue', async () => {
    await using server = await startScriptedServer(taking());
    const host = await start('first.test', { routes: { 'b.test': server.port } });
    const peer = await connect(host);
    await peer.command('MAIL FROM:<>');
    await peer.command('RCPT TO:<bob@b.test>');
    await peer.command('DATA');
    peer.say('begun');
    const closed = host.agent.close();
    peer.say(' and ended\r\n.\r\n');
    expect(await peer.rest()).toMatch(/^250 2\.0\.0 queued as \w+\r\n421 /);
    peer.end();
    await closed;
    await (await FileQueue.open(join(directory.path, 'first.test', 'queue'))).close();
  });

  it('records what became of a mail on its way before its queue is closed', async () => {
    const verdict = deferred<Verdict>();
    let asked = false;
    await using server = await listen({ port: 0, hostname: 'mx.test' }, { message: () => ((asked = true), verdict.promise) });
    const host = await start('first.test', { routes: { 'b.test': server.port } });
    await submit(host, '<>', ['<bob@b.test>']);
    await until(() => asked);
    const closed = host.agent.close();
    await turns(20);
    verdict.resolve(accept());
    await closed;
    expect(events(host)).toEqual(['accepted', 'delivered', 'done']);
    const queue = await FileQueue.open(join(directory.path, 'first.test', 'queue'));
    expect([...queue.mails()]).toEqual([]);
    await queue.close();
  });

  // shows RFC5321:6.1-9
  it('leaves mail whose server does not answer in the queue', async () => {
    await using server = await startScriptedServer(['C: nothing']);
    const host = await start('first.test', { routes: { 'b.test': server.port } });
    const peer = await connect(host);
    for (const line of ['MAIL FROM:<>', 'RCPT TO:<bob@b.test>', 'DATA', 'hi\r\n.', 'QUIT']) await peer.command(line);
    peer.end();
    await until(() => server.connections === 1);
    await host.agent.close(); // which has 25 seconds to give, and does not spend them on one who has not even greeted
    const queue = await FileQueue.open(join(directory.path, 'first.test', 'queue'));
    expect([...queue.mails()]).toMatchObject([{ recipients: [{ state: 'waiting' }] }]);
    await queue.close();
  });
});

describe('a transfer agent that relays by MX', () => {
  const ZONES = { 'b.test': { MX: [[10, 'mx.test']] }, 'c.test': { MX: [[20, 'mx.test']] }, 'd.test': { MX: [[5, 'MX.test']] }, 'mx.test': { A: ['127.0.0.1'] } } as const;

  async function startRelay(script: readonly string[]): Promise<{ readonly server: ScriptedServer; readonly host: Host; readonly dns: DnsServer }> {
    const [server, dns] = [await startScriptedServer(script), await startDnsServer(ZONES)];
    const routing = { routes: new Map(), mxPort: server.port, allowPrivateTargets: true };
    const host = await start('relay.test', { options: { resolver: new Resolver({ servers: [dns.address], timeout: 500 }), routing } });
    return { server, host, dns };
  }

  const oneMail = (recipients: number): readonly string[] => ['C: MAIL', 'S: 250 ok', ...Array.from({ length: recipients }, () => ['C: RCPT', 'S: 250 ok']).flat(), 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 taken'];

  it('sends one mail to three domains with the same exchanger in one transaction (RFC 5321 §4.5.4.1)', async () => {
    const { server, host, dns } = await startRelay([...GREETING, ...oneMail(3), ...FAREWELL]);
    await submit(host, '<alice@a.test>', ['<1@b.test>', '<2@c.test>', '<3@d.test>']);
    await until(() => events(host).includes('done'));
    expect(events(host).filter((event) => event === 'delivered')).toHaveLength(3);
    expect(server.connections).toBe(1);
    expect(server.heard[0]?.match(/^RCPT.*$/gm)).toEqual(['RCPT TO:<1@b.test>', 'RCPT TO:<2@c.test>', 'RCPT TO:<3@d.test>']);
    await Promise.all([server[Symbol.asyncDispose](), dns.close()]);
  });

  it('sends the next mail over the same connection, whose server hears QUIT when the agent closes', async () => {
    const { server, host, dns } = await startRelay([...GREETING, ...oneMail(1), ...oneMail(1), ...FAREWELL]);
    for (const [at, to] of ['<1@b.test>', '<2@b.test>'].entries()) {
      await submit(host, '<alice@a.test>', [to]);
      await until(() => events(host).filter((event) => event === 'done').length === at + 1);
    }
    await host.agent.close(1_000);
    await until(() => server.idle);
    expect(server.connections).toBe(1);
    expect(server.heard[0]?.match(/^(?:MAIL|RSET|QUIT)/gm)).toEqual(['MAIL', 'MAIL', 'QUIT']);
    await Promise.all([server[Symbol.asyncDispose](), dns.close()]);
  });
});
