// Every public name as a program without types may use it: whatever is given, there is a value or an error that says what would be
// right. Never what a line of our own has stumbled over.

import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as ehlo from '../src/index.ts';
import { Server } from '../src/node/server.ts';
import { encodeUtf8 } from '../src/wire/utf8.ts';
import { UsageError } from '../src/wire/usage.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { turns } from './support/turn.ts';

type Anything = (...given: readonly unknown[]) => unknown;

const OBJECT = 'options must be an object, not undefined';
const parser = (name: string, example: string): string => `${name} takes text such as "${example}", not undefined`;
const formatter = (name: string, of: string): string => `${name} takes what ${of} has returned, where that is no fault, not undefined`;

/** What each says where it is given nothing; undefined: that is all right. */
const OF_NOTHING: Readonly<Record<keyof typeof ehlo, string | undefined>> = {
  accept: undefined,
  beginServerExchange: 'a mechanism is one of SCRAM-SHA-256-PLUS, SCRAM-SHA-256, CRAM-MD5, PLAIN, LOGIN, OAUTHBEARER, XOAUTH2, not undefined',
  checkQueue: 'checkQueue needs a function that makes a store',
  ChunkDecoder: 'a chunk has a whole number of octets, not undefined',
  clientEdges: undefined,
  ClientSession: OBJECT,
  collect: undefined,
  committed: 'committed takes the entry of a queue, which has an id',
  connectTo: 'expected smtp://HOST:PORT, smtps://HOST:PORT (not on port 25 or 587) or lmtp://HOST:PORT (not on port 25), found undefined',
  DataDecoder: OBJECT,
  DataEncoder: undefined,
  decodeBase64: parser('decodeBase64', 'aGVsbG8='),
  decodeUtf8: 'octets are a Uint8Array, not undefined',
  decodeXtext: parser('decodeXtext', 'a+3Db'),
  delivered: 'delivered takes what became of one recipient, as in outcomes.every(delivered), not undefined',
  encodeBase64: 'octets are a Uint8Array, not undefined',
  encodeUtf8: parser('encodeUtf8', 'bücher'),
  encodeXtext: parser('encodeXtext', 'a=b'),
  FileQueue: 'a FileQueue is opened: await FileQueue.open(directory)',
  formatCommand: formatter('formatCommand', 'parseCommand'),
  formatDomain: formatter('formatDomain', 'parseDomain'),
  formatEhloLine: 'formatEhloLine takes { keyword, parameters }, a text and a list of them, not undefined',
  formatEnhancedStatus: 'formatEnhancedStatus takes a status code such as { class: 5, subject: 1, detail: 1 }, not undefined',
  formatFault: 'formatFault takes a fault, which isFault tells from what was parsed, not undefined',
  formatMailbox: formatter('formatMailbox', 'parseMailbox'),
  formatParameters: 'formatParameters takes a list of { keyword, value }, not undefined',
  formatPath: formatter('formatPath', 'parseReversePath or parseForwardPath'),
  formatReceived: 'formatReceived takes { helo, by, date } and what else is known, not undefined',
  formatReply: 'formatReply takes a reply, such as reply(550, "5.1.1", "no such user"), not undefined',
  isFault: undefined,
  Journal: 'a Journal is opened: await Journal.open(directory)',
  LineDecoder: OBJECT,
  listen: undefined,
  MailClient: 'a MailClient is of { host, port }, or made by connectTo(url), not of undefined',
  Maildir: 'a Maildir is opened: await Maildir.open(directory)',
  openTrace: 'the directory must be a path, such as "./trace", not undefined',
  parseAddressLiteral: parser('parseAddressLiteral', '[192.0.2.1]'),
  parseCommand: parser('parseCommand', 'MAIL FROM:<alice@example.org>'),
  parseDomain: parser('parseDomain', 'example.org'),
  parseEhloLine: parser('parseEhloLine', 'SIZE 1000'),
  parseEhloReply: 'parseEhloReply takes a reply, as a ReplyAssembler makes of its lines, not undefined',
  parseEnhancedStatus: parser('parseEnhancedStatus', '5.1.1'),
  parseForwardPath: parser('parseForwardPath', '<alice@example.org>'),
  parseMailbox: parser('parseMailbox', 'alice@example.org'),
  parseParameters: parser('parseParameters', 'SIZE=1000 BODY=8BITMIME'),
  parseReceived: parser('parseReceived', 'Received: from a.example by b.example; Mon, 30 Nov 2026 00:24:11 +0000'),
  parseReversePath: parser('parseReversePath', '<alice@example.org>'),
  refuse: 'refuse takes a text behind the codes, such as "no such user", not undefined',
  relay: 'a path must be text such as alice@example.org, or what was parsed of it, not undefined',
  relayCounts: undefined,
  reply: 'reply takes a code, an enhanced code of the same class or undefined, and texts, such as 550, "5.1.1", "no such user", not [null,null]',
  ReplyAssembler: OBJECT,
  Resolver: undefined,
  serverEdges: undefined,
  ServerSession: OBJECT,
  sessionCounts: undefined,
  TlsClient: undefined,
  TlsServer: 'tls needs cert and key, in PEM',
  toMermaid: 'toMermaid takes a list of edges, such as [...serverEdges()], not undefined',
  TransferAgent: OBJECT,
  UsageError: undefined,
  Users: 'Users are made by await Users.read(file), or Users.parse(name, octets), not of undefined',
};

const NAMES = Object.keys(OF_NOTHING) as (keyof typeof ehlo)[];

/** Calls it, or makes one of it where it is a class. */
const use = (name: keyof typeof ehlo): Anything => {
  const value: unknown = ehlo[name];
  return /^class\b/.test(Function.prototype.toString.call(value)) ? (...given) => new (value as new (...given: readonly unknown[]) => unknown)(...given) : (value as Anything);
};

const VALUES: readonly unknown[] = [undefined, null, 5, NaN, -1, 5n, true, 'x', {}, [], [null], () => undefined, new Map(), encodeUtf8('x'), ehlo.parseDomain('-')];
const SECOND: readonly unknown[] = [undefined, null, 5, 'x', {}];
const GIVEN: readonly (readonly unknown[])[] = [[], ...VALUES.flatMap((first) => SECOND.map((second) => [first, second]))];

/** What went wrong where it was not for the embedder to read; a promise has the time in which a mistake of use is found. */
async function stumbles(call: () => unknown): Promise<string | undefined> {
  try {
    const made = call();
    const next = typeof made === 'object' && made !== null && 'next' in made && Symbol.asyncIterator in made ? (made as AsyncIterator<unknown>).next() : made;
    await Promise.race([next, turns(3)]);
    return undefined;
  } catch (error) {
    const plain = error instanceof UsageError || Object.getPrototypeOf(error) === Error.prototype;
    return plain ? undefined : String(error);
  }
}

describe('a public name', () => {
  it('is in the table above', () => expect([...NAMES].sort()).toEqual(Object.keys(ehlo).sort()));

  it.each(NAMES.filter((name) => OF_NOTHING[name] !== undefined))('says what it wants where it is given nothing: %s', async (name) => {
    await expect((async () => use(name)())()).rejects.toThrow(new UsageError(OF_NOTHING[name] ?? ''));
  });

  it.each(NAMES.filter((name) => name !== 'UsageError' && name !== 'openTrace'))('stumbles over nothing that it is given: %s', async (name) => { // that one would make a folder here
    const listens = (given: readonly unknown[]): boolean => name === 'listen' && given[1] === undefined;
    const found: string[] = [];
    for (const given of GIVEN) {
      const stumbled = listens(given) ? undefined : await stumbles(() => use(name)(...given));
      if (stumbled !== undefined) found.push(stumbled);
    }
    expect(found).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    ['a line has at least the 2 octets of its CRLF, not "512"', () => new ehlo.LineDecoder({ limit: '512' as never })],
    ['bareLf must be true or false, not "no"', () => new ehlo.LineDecoder({ limit: 512, bareLf: 'no' as never })],
    ['a text line has at least the 2 octets of its CRLF, not "1000"', () => new ehlo.DataDecoder({ lineLimit: '1000' as never })], // it was put behind the octets' count
    ['limit must be a number of lines, not "5"', () => new ehlo.ReplyAssembler({ limit: '5' as never })],
    ['utf8 must be true or false, not "yes"', () => ehlo.parseMailbox('a@b.test', { utf8: 'yes' as never })],
    ['formatPath takes what parseReversePath or parseForwardPath has returned, where that is no fault, not {"fault":"bad-path","at":0,"expected":"\\"<\\"","found":"x","source":"RFC 5321 §4.1.2 Path"}', () => ehlo.formatPath(ehlo.parseForwardPath('x') as never)],
    ['a command takes what parseDomain or parseAddressLiteral has returned, where that is no fault, not "a.test"', () => ehlo.formatCommand({ verb: 'EHLO', domain: 'a.test' as never })],
    ['reply takes a code, an enhanced code of the same class or undefined, and texts, such as 550, "5.1.1", "no such user", not [550,"4.1.1","x"]', () => ehlo.reply(550, '4.1.1' as never, 'x')],
    ['a reply has a code, an enhanced code or undefined, and lines of text, such as reply(550, "5.1.1", "no such user"), not {"code":550}', () => asked().refuse({ code: 550 } as never)],
    ['via must be text, not 5', () => ehlo.formatReceived({ helo: 'a.test', by: 'b.test', date: 0, via: 5 as never })],
    ['startTls must be true, false or "unavailable", not "no"', () => new ehlo.ServerSession({ hostname: 'mx.test', startTls: 'no' as never }, 0)], // it was offered
    ['auth must be an object, not null', () => new ehlo.ServerSession({ hostname: 'mx.test', auth: null as never }, 0)],
    ['auth needs { mechanisms, begin }, a list and a function, not {}', () => new ehlo.ServerSession({ hostname: 'mx.test', auth: {} as never }, 0)],
    ['auth needs { mechanisms, begin }, a list and a function, not {"mechanisms":["PLAIN"]}', () => new ehlo.ServerSession({ hostname: 'mx.test', auth: { mechanisms: ['PLAIN'] } as never }, 0)], // a client's AUTH threw
    ['hash must have sha256, hmacSha256, hmacMd5, functions of octets that return octets', () => new ehlo.ClientSession({ hostname: 'client.test', auth: { secret: { type: 'token', token: 'x' } } as never }, 0)], // the server's 334 threw
    ['toMermaid takes a list of edges, such as [...serverEdges()], not {}', () => ehlo.toMermaid(ehlo.serverEdges() as never)],
    ['add takes the content behind the mail, an async iterable of octets, not undefined', async () => (await queue).add({ reversePath: ehlo.parseReversePath('<>') as ehlo.ReversePath, forwardPaths: [] }, undefined as never)],
  ])('says: %s', async (message, call) => {
    await expect((async () => call())()).rejects.toThrow(new UsageError(message));
  });

  it('that parses may be given to map', () => expect(['a.test', 'b.test'].map(ehlo.parseDomain as Anything)).toMatchObject([{ key: 'a.test' }, { key: 'b.test' }]));
});

// found by trying: each was ignored, and what it was to forbid was done
describe('an option that is misspelt', () => {
  const mail = (options: object): unknown => ehlo.relay('<>', ['bob@b.test'], new Uint8Array(), options as ehlo.RelayOptions);
  const secret = { type: 'password', authcid: 'a', password: 'b' };
  it.each<[string, () => unknown]>([
    ['there is no option requireTLS: did you mean requireTls?', () => ehlo.listen({ hostname: 'mx.test', port: 0, requireTLS: true } as ehlo.ListenOptions)],
    ['there is no option maxsize: did you mean maxSize?', () => new ehlo.ServerSession({ hostname: 'mx.test', maxsize: 5 } as ehlo.ServerOptions, 0)],
    ['there is no option mechanism: did you mean mechanisms?', () => new ehlo.ServerSession({ hostname: 'mx.test', auth: { mechanism: [] } as never }, 0)],
    ['there is no option tlspolicy: did you mean tlsPolicy?', () => new ehlo.ClientSession({ hostname: 'client.test', tlspolicy: 'verify' } as ehlo.ClientOptions, 0)],
    ['there is no option rctp: did you mean rcpt?', () => ehlo.listen({ hostname: 'mx.test', port: 0 }, { message: () => ehlo.accept(), rctp: () => ehlo.refuse(550, '5.7.1', 'no') } as ehlo.Hooks)],
    ['there is no option tlspolicy: did you mean tlsPolicy?', () => mail({ tlspolicy: 'verify' })],
    ['there is no option smartHost: did you mean smarthost?', () => mail({ routing: { smartHost: { host: 'mx.test', port: 25 } } })],
    ['there is no option cleartext: did you mean clearText?', () => mail({ auth: { secret, cleartext: false } })],
    ['smarthost is among the options of routing: relay(from, to, content, { routing: { smarthost } })', () => mail({ smarthost: { host: 'mx.test', port: 25 } })],
    ['there is no option server: did you mean servers?', () => new ehlo.Resolver({ server: ['192.0.2.1'] } as ehlo.ResolverOptions)],
    ['there is no option time: did you mean times?', () => ehlo.collect({ at: 'mail', time: 1 } as ehlo.ScriptedFault)],
    ['there is no option submision: did you mean submission?', async () => (await agent()).listen({ place: { host: '127.0.0.1', port: 0 }, submision: true } as never)],
    ['there is no option flor: did you mean floor?', () => ehlo.Journal.open(join(directory.path, 'other'), { flor: 0 } as ehlo.JournalOptions)],
    ['there is no option connection: did you mean connections?', () => ehlo.connectTo('smtp://mx.test', { connection: 5 } as ehlo.MailClientOptions)],
  ])('is told: %s', async (message, call) => {
    await expect((async () => call())()).rejects.toThrow(new UsageError(message));
  });

  it('is not what is like none: it may be somebody else\'s', () => {
    expect(new ehlo.ServerSession({ hostname: 'mx.test', ...{ colour: 'blue' } }, 0).state).toBe('connected');
  });
});

/** A session whose banner is in question. */
function asked(): ehlo.ServerSession {
  const session = new ehlo.ServerSession({ hostname: 'mx.test' }, 0);
  session.next();
  return session;
}

const directory = temporaryDirectory();
const queue = ehlo.FileQueue.open(join(directory.path, 'queue'));
const journal = ehlo.Journal.open(join(directory.path, 'journal'));
const server = ehlo.listen({ hostname: 'mx.test', port: 0 }, { message: () => ehlo.accept() });
const resolver = new ehlo.Resolver({ servers: ['127.0.0.1:1'], timeout: 10 });

afterAll(async () => {
  await (await server).close(0);
  await (await queue).close();
  await (await journal).close();
  directory[Symbol.dispose]();
});

async function agent(): Promise<ehlo.TransferAgent> {
  return new ehlo.TransferAgent({ hostname: 'mx.test', queue: await queue, admission: { accept: new Set(), relayFrom: [] }, routing: { routes: new Map(), mxPort: 25, allowPrivateTargets: false }, resolver, log: () => undefined });
}

/** The public classes; one is made by `listen` alone. */
const CLASSES = { ...ehlo, Server };

/** One to be called, by what makes it: anew for each call where the call ends it. */
const MADE: Readonly<Partial<Record<keyof typeof CLASSES, () => unknown>>> = {
  LineDecoder: () => new ehlo.LineDecoder({ limit: 512 }),
  DataDecoder: () => new ehlo.DataDecoder({ lineLimit: 1000 }),
  DataEncoder: () => new ehlo.DataEncoder(),
  ChunkDecoder: () => new ehlo.ChunkDecoder(5),
  ReplyAssembler: () => new ehlo.ReplyAssembler({ limit: 5 }),
  ServerSession: asked,
  ClientSession: () => new ehlo.ClientSession({ hostname: 'a.test' }, 0),
  Server: () => server,
  MailClient: () => ehlo.connectTo('smtp://127.0.0.1:1', { hostname: 'a.test' }),
  Resolver: () => resolver,
  Users: () => ehlo.Users.parse('users', new Uint8Array()),
  FileQueue: () => queue,
  Journal: () => journal,
  Maildir: () => ehlo.Maildir.open(join(directory.path, 'box')),
  TransferAgent: agent,
};

/** What is called by the shells alone, ends what the others need, or is called for each line: to look at its octets took a quarter as long as to read them. */
const LEFT_OUT: ReadonlySet<string> = new Set(['constructor', 'read', 'write', 'Server.enter', 'Server.close', 'FileQueue.close', 'Journal.close', 'Journal.roomFor', 'TransferAgent.close']);

const METHODS = Object.entries(MADE).flatMap(([name, make]) =>
  Object.entries(Object.getOwnPropertyDescriptors((CLASSES[name as keyof typeof CLASSES] as { readonly prototype: object }).prototype))
    .filter(([method, { value }]) => typeof value === 'function' && !LEFT_OUT.has(method) && !LEFT_OUT.has(`${name}.${method}`))
    .map(([method]) => [name, method, make] as const));

describe('a method of a public class', () => {
  it.each(METHODS)('stumbles over nothing that it is given: %s.%s', async (_, method, make) => {
    const found: string[] = [];
    for (const given of GIVEN) {
      const made = (await make()) as Readonly<Record<string, Anything>>;
      const stumbled = await stumbles(() => made[method]?.(...given));
      if (stumbled !== undefined) found.push(stumbled);
    }
    expect(found).toEqual([]);
  });
});
