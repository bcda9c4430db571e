// What a program without types may give in place of an object: each time UsageError says what was wanted, and no TypeError which property was read.

import { describe, expect, it } from 'vitest';
import { connectTo, MailClient } from '../../src/node/client.ts';
import { Users } from '../../src/node/credential.ts';
import { collect } from '../../src/node/collect.ts';
import { FileQueue } from '../../src/node/file-queue.ts';
import { listen } from '../../src/node/listen.ts';
import { Maildir } from '../../src/node/maildir.ts';
import type { RecipientOutcome } from '../../src/node/deliver.ts';
import { relay } from '../../src/node/relay.ts';
import { Resolver } from '../../src/node/resolve.ts';
import { Server } from '../../src/node/server.ts';
import { TlsClient } from '../../src/node/tls-client.ts';
import { TlsServer } from '../../src/node/tls.ts';
import { TransferAgent } from '../../src/node/transfer-agent.ts';
import { checkQueue } from '../../src/relay/queue/check.ts';
import { ClientSession } from '../../src/protocol/client/session.ts';
import { ServerSession } from '../../src/protocol/server/session.ts';
import { accept } from '../../src/protocol/server/verdict.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { until } from '../support/turn.ts';

const NONE = null as never;
const ABSENT = undefined as never;
const WORD = 'mx.test' as never;

describe('what is no options', () => {
  it.each<[string, string, () => unknown]>([
    ['relay', 'options must be an object, not null', () => relay('<>', ['bob@b.test'], new Uint8Array(), NONE)],
    ['relay', 'options must be an object, not "mx.test"', () => relay('<>', ['bob@b.test'], new Uint8Array(), WORD)],
    ['connectTo', 'options must be an object, not null', () => connectTo('smtp://mx.test', NONE)],
    ['connectTo', 'options must be an object, not "mx.test"', () => connectTo('smtp://mx.test', WORD)],
    ['new MailClient', 'options must be an object, not null', () => new MailClient({ host: 'mx.test', port: 25 }, NONE)],
    ['client.send', 'a mail must be an object, with from, to and content, not undefined', () => connectTo('smtp://mx.test').send(ABSENT)],
    ['client.send', 'a mail must be an object, with from, to and content, not null', () => connectTo('smtp://mx.test').send(NONE)],
    ['client.sendAll', 'mails are given as an iterable, also where it is one', () => connectTo('smtp://mx.test').sendAll(ABSENT).next()],
    ['client.sendAll', 'mails are given as an iterable, also where it is one', () => connectTo('smtp://mx.test').sendAll({} as never).next()],
    ['new TlsClient', 'options must be an object, not null', () => new TlsClient(NONE)],
    ['listen', 'options must be an object, not null', () => listen(NONE)],
    ['listen', 'hooks need at least "message", which decides about each mail', () => listen({ hostname: 'mx.test', port: 0 }, NONE)],
    ['new Resolver', 'options must be an object, not null', () => new Resolver(NONE)],
    ['FileQueue.open', 'the directory must be a path, such as "./queue", not undefined', () => FileQueue.open(ABSENT)],
    ['FileQueue.open', 'the directory must be a path, such as "./queue", not ""', () => FileQueue.open('')],
    ['Maildir.open', 'the directory must be a path, such as "./Maildir", not undefined', () => Maildir.open(ABSENT)],
    ['Maildir.open', 'the directory must be a path, such as "./Maildir", not "a\\u0000b"', () => Maildir.open('a\0b')],
    ['Users.read', 'the file of users must be a path, such as "./users", not undefined', () => Users.read(ABSENT)],
    ['new TransferAgent', 'options must be an object, not undefined', () => new TransferAgent(ABSENT)],
    ['new ServerSession', 'options must be an object, not undefined', () => new ServerSession(ABSENT, 0)],
    ['new ClientSession', 'options must be an object, not undefined', () => new ClientSession(ABSENT, 0)],
  ])('throws UsageError: %s: %s', async (_, message, use) => {
    await expect((async () => use())()).rejects.toThrow(new UsageError(message));
  });
});

/** What a program without types may have made of an option. */
const wrong = (options: object): never => options as never;
const mail = (options: object): Promise<unknown> => relay('<>', ['bob@b.test'], new Uint8Array(), wrong(options));
const hooks = { message: () => accept() };
const authHooks = { ...hooks, auth: () => ({ type: 'no' as const }) };

describe('what is no option of a client', () => {
  // found by trying each: a host inside was connected to, a password shown, or all mail deferred, with a word about our own code for the server's reply
  it.each<[string, () => unknown]>([
    ['allowPrivateTargets must be true or false, not "false"', () => mail({ routing: { allowPrivateTargets: 'false' } })],
    ['routing must be an object, not null', () => mail({ routing: null })],
    ['routes must be a Map, not null', () => mail({ routing: { routes: null } })],
    ['ownAddresses must be a list, not "127.0.0.1"', () => mail({ routing: { ownAddresses: '127.0.0.1' } })],
    ['ownAddresses holds addresses with their ports, such as { address: "192.0.2.1", port: 25 }, not [null]', () => mail({ routing: { ownAddresses: [null] } })],
    ['ownNames must be host names, not [null]', () => mail({ routing: { ownNames: [null] } })],
    ['content must be octets (Uint8Array), an async iterable of them, or a function that returns one, not Promise', () => relay('<>', ['bob@b.test'], wrong(() => Promise.reject(new Error('no file'))))],
    ['clearText must be true or false, not "no"', () => mail({ auth: { secret: { type: 'password', authcid: 'a', password: 'b' }, clearText: 'no' } })],
    ['auth is for the smarthost: relay(from, to, content, { auth, routing: { smarthost } }); hosts that MX names are strangers', () => mail({ auth: { secret: { type: 'password', authcid: 'a', password: 'b' } }, routing: { routes: new Map() } })],
    ['tlsAtOnce must be true or false, not "no"', () => mail({ tlsAtOnce: 'no' })],
    ['lmtp must be true or false, not 1', () => mail({ lmtp: 1 })],
    ['report must be a function, not string', () => mail({ report: 'x' })],
    ['session must be a function, not null', () => mail({ session: null })],
    ['resolver must be a Resolver, such as new Resolver({ servers }), not {}', () => mail({ resolver: {} })],
    ['resolver must be a Resolver, such as new Resolver({ servers }), not {}', () => connectTo('smtp://mx.test', wrong({ resolver: {} }))],
    ['clearText must be true or false, not "no"', () => connectTo('smtp://mx.test', wrong({ auth: { secret: { type: 'token', token: 'x' }, clearText: 'no' } }))],
    ['timeout must be a number of at least 1, not NaN', () => new ClientSession({ hostname: 'a.test', timeout: NaN }, 0)],
    ['a MailClient is of { host, port }, or made by connectTo(url), not of "smtp://mx.test"', () => new MailClient(wrong('smtp://mx.test' as never))],
    ['domain must be text, such as example.org, not undefined', () => new Resolver().route(ABSENT, NONE)],
    ['options of a route are { ownNames, ownAddresses, routes, mxPort, allowPrivateTargets }', () => new Resolver().route('b.test', ABSENT)],
  ])('throws UsageError: %s', async (message, use) => {
    await expect((async () => use())()).rejects.toThrow(new UsageError(message));
  });

  // found by trying: the connection stayed, and what came over it ended the process
  it.each<[string, object]>([
    ['session must return a ClientSession', { session: () => undefined }],
    ['a word of the embedder', { session: () => { throw new Error('a word of the embedder'); } }],
    ['ownNames must be a list, not "a.test"', { mayNotGreetAs: () => 'a.test' }],
  ])('opens no session, and keeps no connection, where a function has given it: %s', async (message, options) => {
    await using server = await listen({ hostname: 'mx.test', port: 0 }, hooks);
    const [result] = await relay('<>', ['bob@b.test'], new Uint8Array(), wrong({ hostname: 'a.test', routing: { smarthost: { host: '127.0.0.1', port: server.port } }, ...options })) as readonly RecipientOutcome[];
    expect(result?.outcome.reply.lines).toEqual([`failure on our own side: ${message}`]);
    await until(() => server.sessions === 0);
  });

  it.each<[string, () => unknown]>([
    ['the TLS certificate and key cannot be used: expected PEM as text or as octets, in one piece', () => new TlsServer(wrong({ cert: null, key: null }))],
    ['the certificates of authorities cannot be used: expected PEM as text or as octets, in one piece', () => new TlsClient(wrong({ ca: ['-----BEGIN CERTIFICATE-----'] }))],
  ])('throws UsageError: %s', (message, use) => expect(use).toThrow(new UsageError(message)));

  it('takes what is undefined for absent', async () => {
    const [result] = await relay('<>', ['bob@[127.0.0.1]'], new Uint8Array(), wrong({ hostname: 'a.test', routing: { routes: undefined, mxPort: undefined, ownAddresses: undefined, allowPrivateTargets: undefined } })) as readonly RecipientOutcome[];
    expect(result?.outcome.reply.lines).toEqual(['mail is not sent to this address: [127.0.0.1]:25 is left out: loopback address']);
  });
});

describe('what is no octets', () => {
  it.each([undefined, null, 'NOOP\r\n', [78]])('is misuse of a session: %j', (octets) => {
    const server = new ServerSession({ hostname: 'mx.test' }, 0);
    const client = new ClientSession({ hostname: 'a.test' }, 0);
    const said = new UsageError(`octets are a Uint8Array, not ${octets === null ? 'null' : typeof octets}`);
    expect(() => server.receive(octets as never, 0)).toThrow(said);
    expect(() => client.receive(octets as never, 0)).toThrow(said);
  });

  it('and no transaction, and no reply, too', () => {
    expect(() => new ClientSession({ hostname: 'a.test' }, 0).send(NONE, 0)).toThrow(new UsageError('a transaction needs a recipient'));
    expect(() => new ServerSession({ hostname: 'mx.test' }, 0).refuse(ABSENT)).toThrow(new UsageError('a refusal needs a reply of 4yz or 5yz, not undefined'));
  });
});

describe('what is no time', () => {
  // found by trying: `setTimeout` takes NaN for now, and mail in hand was cut
  it.each([NaN, -1, '5', null])('is none for a server to close in: %j', async (grace) => {
    await using server = await listen({ hostname: 'mx.test', port: 0 }, hooks);
    await expect(server.close(grace as number)).rejects.toThrow(/^grace must be a number of at least 0, not /);
  });

  it('is none for a mail to be waited for', () => expect(collect().next(NaN)).rejects.toThrow(new UsageError('timeout must be a number of at least 0, not NaN')));
});

describe('what is no option of a server', () => {
  // found by trying each: every client heard 421 or 451, or the first one ended the process
  it.each<[string, () => unknown]>([
    ['hooks are the second argument: listen(options, { message })', () => listen(wrong(hooks))],
    ['rcpt must be a function, not object', () => listen({ hostname: 'mx.test', port: 0 }, wrong({ ...hooks, rcpt: new Set() }))],
    ['sessionState must be a function, not object', () => listen({ hostname: 'mx.test', port: 0 }, wrong({ ...hooks, sessionState: {} }))],
    ['session must be a function, not null', () => listen(wrong({ hostname: 'mx.test', port: 0, session: null }), hooks)],
    ['decoy must be { secret, iterations }, octets and a number, such as the decoy of Users', () => listen(wrong({ hostname: 'mx.test', port: 0, auth: { mechanisms: ['SCRAM-SHA-256'], decoy: null } }), authHooks)],
    ['decoy must be { secret, iterations }, octets and a number, such as the decoy of Users', () => listen(wrong({ hostname: 'mx.test', port: 0, auth: { mechanisms: ['SCRAM-SHA-256'], decoy: { secret: 'x', iterations: 4096 } } }), authHooks)],
    ['decoy must be { secret, iterations }, octets and a number, such as the decoy of Users', () => listen(wrong({ hostname: 'mx.test', port: 0, auth: { mechanisms: ['SCRAM-SHA-256'], decoy: { secret: new Uint8Array(32) } } }), authHooks)],
    ['others must be a list, not {}', () => listen(wrong({ hostname: 'mx.test', port: 0, auth: { mechanisms: ['SCRAM-SHA-256'], decoy: { secret: new Uint8Array(32), iterations: 4096, others: {} } } }), authHooks)],
    ['counts must be what sessionCounts() has returned', () => listen(wrong({ hostname: 'mx.test', port: 0, counts: {} }), hooks)],
    ['accept takes a duplex stream, such as a socket, not {}', async () => {
      await using server = await listen({ hostname: 'mx.test', port: 0 }, hooks);
      server.accept(wrong({}));
    }],
    ['octets are a Uint8Array, not string', () => Users.parse('users', wrong('alice:scram-sha-256:' as never))],
    ['checkQueue needs a function that makes a store', () => checkQueue(ABSENT)],
    ['make must be a function, not object', () => checkQueue(wrong({}))],
    ['port must be an integer from 0 to 65535, not 25n', () => listen(wrong({ hostname: 'mx.test', port: 25n }), hooks)],
    ['proxyFrom holds addresses or ranges such as 192.0.2.0/24, not 5', () => listen(wrong({ hostname: 'mx.test', port: 0, proxyFrom: [5] }), hooks)],
    ['options must be an object, not undefined', () => new Server(ABSENT, undefined)],
    ['hostname must be a domain or an address literal, not undefined', () => new Server(wrong({}), undefined)],
    ['hostname must be a domain or an address literal, not undefined', () => new ServerSession(wrong({}), 0)],
  ])('throws UsageError: %s', async (message, use) => {
    await expect((async () => use())()).rejects.toThrow(new UsageError(message));
  });

  it.each<[string, object]>([
    ['session must return a ServerSession', { session: () => undefined }],
    ['auth needs mechanisms, such as ["SCRAM-SHA-256", "PLAIN"]', { auth: () => 5 }],
  ])('is told where a function has given it: %s', async (message, options) => {
    const errors: Error[] = [];
    await using server = await listen(wrong({ hostname: 'mx.test', port: 0, ...options }), { ...hooks, auth: () => ({ type: 'no' }), error: (error) => void errors.push(error) });
    const [result] = await relay('<>', ['bob@b.test'], new Uint8Array(), { hostname: 'a.test', routing: { smarthost: { host: '127.0.0.1', port: server.port } } });
    expect(result?.outcome.reply.code).toBe(421);
    expect(errors).toEqual([new UsageError(message)]);
  });
});
