import process from 'node:process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Hooks, Mail } from '../../src/node/hook.ts';
import { listen, type ListenOptions } from '../../src/node/listen.ts';
import type { Server } from '../../src/node/server.ts';
import { now } from '../../src/node/pump.ts';
import type { AuthSettings } from '../../src/node/receiver-option.ts';
import { EXTENSIONS } from '../../src/protocol/extension.ts';
import { LENIENCIES } from '../../src/protocol/leniency.ts';
import { MECHANISMS } from '../../src/protocol/sasl/mechanism.ts';
import { accept, committed, refuse, type Verdict } from '../../src/protocol/server/verdict.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { concat } from '../../src/wire/octet.ts';
import type { TlsOptions } from '../../src/node/tls.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { pair } from '../support/duplex-pair.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { certificate } from '../support/tls-peer.ts';
import { deferred, turns, until } from '../support/turn.ts';

const servers: Server[] = [];
const peers: RawPeer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

const START: ListenOptions = { host: '127.0.0.1', port: 0, hostname: 'mx.test' };

async function serve(hooks: Partial<Hooks> = {}, options: ListenOptions = {}): Promise<Server> {
  const server = await listen({ ...START, ...options }, { message: () => accept(), error: (error) => errors.push(error), ...hooks });
  servers.push(server);
  errors = [];
  return server;
}
let errors: Error[] = [];

async function connect({ port }: Server): Promise<RawPeer> {
  const peer = await RawPeer.connect(port);
  peers.push(peer);
  return peer;
}

/** A client that the server has greeted, and whose EHLO it has taken. */
async function greeted(server: Server): Promise<RawPeer> {
  const peer = await connect(server);
  await peer.reply();
  await peer.command('EHLO client.test');
  return peer;
}

/** One that has sent MAIL, RCPT and DATA. */
async function inData(server: Server): Promise<RawPeer> {
  const peer = await greeted(server);
  await peer.command('MAIL FROM:<alice@a.test>');
  await peer.command('RCPT TO:<bob@b.test>');
  expect(await peer.command('DATA')).toMatch(/^354/);
  return peer;
}

/** The whole content as text; the message of the error that ended it. */
async function read(content: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const octets of content) pieces.push(octets);
  } catch (error) {
    return `error: ${error instanceof Error ? error.message : ''}`;
  }
  return decodeLatin1(concat(pieces));
}

const MAIL = 'Subject: hi\r\n\r\n..one dot\r\n.\r\n';
const never = new Promise<never>(() => undefined);

describe('listen', () => {
  it('takes a free port where it is asked for port 0, and says which', async () => {
    const server = await serve();
    expect(server.port).toBeGreaterThan(0);
    expect(server.host).toBe('127.0.0.1');
    expect(await (await connect(server)).reply()).toMatch(/^220 mx\.test /);
  });

  it('is at 127.0.0.1 where nothing else is said, whatever the machine calls localhost', async () => {
    await using server = await listen({ port: 0 }, { message: () => accept() });
    expect(server.host).toBe('127.0.0.1');
  });

  it('says in one line that a port is in use', async () => {
    const { port } = await serve();
    await expect(listen({ ...START, port })).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: the port is in use`);
  });

  it('says in one line that an address is not one of this machine', async () => {
    await expect(listen({ ...START, host: '192.0.2.1' })).rejects.toThrow('cannot listen on 192.0.2.1:0: this machine does not have that address');
  });

  it.each<[string, ListenOptions, Hooks | undefined]>([
    ['hostname must be a domain or an address literal, not "a b"', { hostname: 'a b' }, undefined],
    // shows RFC2033:1-1 RFC2033:5-1
    ['LMTP is not spoken on port 25, where clients expect SMTP (RFC 2033 §5)', { lmtp: true, port: 25 }, undefined],
    ['port must be an integer from 0 to 65535, not 65536', { port: 65_536 }, undefined],
    ['hooks need at least "message", which decides about each mail', {}, {} as Hooks],
    ['maxSize must be a number of at least 0, not NaN', { maxSize: NaN }, undefined],
    ['maxRecipients must be a number of at least 1, not 0', { maxRecipients: 0 }, undefined],
    ['timeout must be a number of at least 0, not "5s"', { timeout: '5s' as unknown as number }, undefined],
    ['hookTimeout must be a number of at least 1, not -1', { hookTimeout: -1 }, undefined],
    ['maxBuffered must be a number of at least 1, not 0', { maxBuffered: 0 }, undefined],
    ['maxConnections must be a number of at least 0, not NaN', { maxConnections: NaN }, undefined],
    [`leniencies are ${Object.keys(LENIENCIES).join(', ')}, not "anything"`, { leniencies: ['anything' as 'longTextLines'] }, undefined],
    [`without names extensions: ${Object.keys(EXTENSIONS).join(', ')}, not "SMTPUTF9"`, { without: ['SMTPUTF9' as 'SMTPUTF8'] }, undefined],
    ['SCRAM-SHA-256-PLUS is not offered: there is no channel binding yet', { auth: { mechanisms: ['SCRAM-SHA-256-PLUS'] } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    [`mechanisms are ${Object.keys(MECHANISMS).filter((name) => name !== 'SCRAM-SHA-256-PLUS').join(', ')}, not "SCRAM"`, { auth: { mechanisms: ['SCRAM' as 'PLAIN'] } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['auth needs mechanisms, such as ["SCRAM-SHA-256", "PLAIN"]', { auth: { mechanisms: [] } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['auth needs mechanisms, such as ["SCRAM-SHA-256", "PLAIN"]', { auth: {} as { mechanisms: [] } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['auth needs mechanisms, such as ["SCRAM-SHA-256", "PLAIN"]', { auth: true as unknown as { mechanisms: [] } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['mechanisms must be a list, not "PLAIN"', { auth: { mechanisms: 'PLAIN' as unknown as [] } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['leniencies must be a list, not "longTextLines"', { leniencies: 'longTextLines' as unknown as [] }, undefined],
    ['without must be a list, not "DSN"', { without: 'DSN' as unknown as [] }, undefined],
    ['proxyFrom must be a list, not "192.0.2.7"', { proxyFrom: '192.0.2.7' as unknown as [] }, undefined],
    ['hostname must be a domain or an address literal, not 5', { hostname: 5 as unknown as string }, undefined],
    ['tls needs cert and key, in PEM', { tls: {} as TlsOptions }, undefined],
    ['tls needs cert and key, in PEM', { tls: null as unknown as TlsOptions }, undefined],
    ['tlsAtOnce must be true or false, not "true"', { tlsAtOnce: 'true' as unknown as true, tls: certificate('mx') }, undefined],
    ['tlsAtOnce must be true or false, not 1', { tlsAtOnce: 1 as unknown as true, tls: certificate('mx') }, undefined],
    ['requireTls must be true or false, not "no"', { requireTls: 'no' as unknown as false, tls: certificate('mx') }, undefined],
    ['lmtp must be true or false, not 1', { lmtp: 1 as unknown as true }, undefined],
    ['required must be true or false, not "yes"', { auth: { mechanisms: ['PLAIN'], required: 'yes' as unknown as true } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['clearText must be true or false, not "no"', { auth: { mechanisms: ['PLAIN'], clearText: 'no' as unknown as false } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['earlyTalk must be "take" or "refuse", not "refused"', { earlyTalk: 'refused' as 'refuse' }, undefined],
    ['maxSize must be a number of at least 0, not 10n', { maxSize: 10n as unknown as number }, undefined],
    ['host must be an address or a name, such as 127.0.0.1, or :: for all addresses, not null', { host: null as unknown as string }, undefined],
    ['host must be an address or a name, such as 127.0.0.1, or :: for all addresses, not ""', { host: '' }, undefined],
    ['fd must be the number of a descriptor, not "3"', { fd: '3' as unknown as number }, undefined],
    ['path must be text of 1 to 107 octets, as long as the address of a Unix socket can be, not 5', { path: 5 as unknown as string }, undefined],
    ['path must be text of 1 to 107 octets, as long as the address of a Unix socket can be, not ""', { path: '' }, undefined],
    [`path must be text of 1 to 107 octets, as long as the address of a Unix socket can be, not "/tmp/${'\u00e9'.repeat(52)}"`, { path: `/tmp/${'\u00e9'.repeat(52)}` }, undefined],
  ])('throws UsageError: %s', async (message, options, hooks) => {
    await expect(listen({ ...START, ...options }, hooks)).rejects.toThrow(new UsageError(message));
  });

  it('gives a server that is disposed of by `await using`', async () => {
    let port = 0;
    {
      await using server = await listen(START, { message: () => accept() });
      ({ port } = server);
      const peer = await connect(server);
      expect(await peer.reply()).toMatch(/^220/);
      peer.reset();
    }
    await expect(RawPeer.connect(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  // found by reading: the connection ended the program, or kept its place and its socket for ever
  it.each<[string, () => AuthSettings]>([
    ['throws', () => { throw new Error('the users cannot be read'); }],
    ['returns no mechanisms', () => ({}) as AuthSettings],
    ['returns a mechanism that is not offered', () => ({ mechanisms: ['SCRAM-SHA-256-PLUS'] })],
  ])('turns a client away where the function "auth" %s, and goes on', async (_, wrong) => {
    let auth = wrong;
    const server = await serve({ auth: () => ({ type: 'unavailable' }) }, { maxConnections: 1, auth: () => auth() });
    for (let times = 1; times <= 2; times++) {
      const peer = await connect(server);
      expect(await peer.rest()).toBe('421 4.3.0 mx.test local error, try again later\r\n');
      expect(errors).toHaveLength(times);
    }
    expect(server.sessions).toBe(0);
    auth = () => ({ mechanisms: ['SCRAM-SHA-256'] });
    expect(await (await connect(server)).reply()).toMatch(/^220/);
  });

  it('counts the sessions under way', async () => {
    const server = await serve();
    const peer = await greeted(server);
    await greeted(server);
    expect(server.sessions).toBe(2);
    expect(await peer.command('QUIT')).toMatch(/^221/);
    await until(() => server.sessions === 1);
  });
});

describe('hooks', () => {
  it('are asked with the facts of each command', async () => {
    const asked: Record<string, unknown>[] = [];
    const note = ({ signal, session, ...facts }: { readonly signal: AbortSignal; readonly session: { readonly helo: unknown } }): undefined => {
      expect(signal.aborted).toBe(false);
      asked.push({ ...facts, saidHello: session.helo !== undefined });
    };
    const server = await serve({
      client: note,
      helo: note,
      mail: note,
      rcpt: note,
      vrfy: note,
      message: (mail) => {
        note(mail);
        return accept();
      },
    });
    const peer = await connect(server);
    await peer.reply();
    for (const line of ['VRFY bob', 'EHLO client.test', 'MAIL FROM:<> SIZE=10 BODY=8BITMIME', 'RCPT TO:<"bob"@b.test>', 'RCPT TO:<Postmaster>', 'DATA', '.']) await peer.command(line);
    expect(asked).toMatchObject([
      { saidHello: false },
      { text: 'bob', saidHello: false },
      { verb: 'EHLO', domain: { text: 'client.test' }, saidHello: false },
      { reversePath: { type: 'null' }, mailbox: undefined, parameters: { size: 10, body: '8BITMIME' }, saidHello: true },
      { forwardPath: { text: '<"bob"@b.test>' }, mailbox: { key: 'bob@b.test' }, reversePath: { type: 'null' } },
      { forwardPath: { type: 'postmaster' }, mailbox: { key: 'postmaster@mx.test' } },
      { reversePath: { type: 'null' }, forwardPaths: [{ key: 'bob@b.test' }, { key: 'postmaster' }], parameters: { size: 10 } },
    ]);
    expect(errors).toEqual([]);
  });

  it('are told of both ends of the connection, of the name that was said, and of the protocol', async () => {
    const seen: unknown[] = [];
    const server = await serve({ mail: ({ session: { client, server, helo, protocol } }) => void seen.push(client, server, helo?.text, protocol) });
    const peer = await connect(server);
    await peer.reply();
    await peer.command('HELO [127.0.0.1]');
    await peer.command('MAIL FROM:<>');
    expect(seen).toEqual([{ address: '127.0.0.1', port: peer.socket.localPort }, { address: '127.0.0.1', port: server.port }, '[127.0.0.1]', 'SMTP']);
  });

  it('answer with verdicts: a text of their own, or a refusal', async () => {
    const server = await serve({
      client: () => accept('mx.test at your service'),
      helo: () => accept('mx.test hello you'),
      mail: () => accept('alice is welcome'),
      rcpt: ({ mailbox }) => (mailbox.localPart === 'bob' ? undefined : refuse(550, '5.1.1', 'no such user')),
      vrfy: async () => accept('Bob <bob@b.test>'),
      message: async () => committed({ id: 'entry1' }),
    });
    const peer = await connect(server);
    expect(await peer.reply()).toBe('220 mx.test at your service\r\n');
    expect(await peer.command('EHLO client.test')).toMatch(/^250-mx\.test hello you\r\n250-/);
    expect(await peer.command('MAIL FROM:<alice@a.test>')).toBe('250 2.1.0 alice is welcome\r\n');
    expect(await peer.command('RCPT TO:<eve@b.test>')).toBe('550 5.1.1 no such user\r\n');
    expect(await peer.command('RCPT TO:<bob@b.test>')).toMatch(/^250 2\.1\.5 /);
    expect(await peer.command('VRFY bob')).toBe('250 2.1.5 Bob <bob@b.test>\r\n');
    await peer.command('DATA');
    expect(await peer.command('.')).toBe('250 2.0.0 queued as entry1\r\n');
  });

  it('that refuse EHLO leave the client with the name it had', async () => {
    const names: (string | undefined)[] = [];
    const server = await serve({
      helo: ({ domain, session }) => {
        names.push(session.helo?.text);
        return domain.text === 'liar.test' ? refuse(550, '5.7.1', 'you are not') : undefined;
      },
      mail: ({ session }) => void names.push(session.helo?.text),
    });
    const peer = await greeted(server);
    expect(await peer.command('EHLO liar.test')).toBe('550 5.7.1 you are not\r\n');
    await peer.command('MAIL FROM:<>');
    expect(names).toEqual([undefined, 'client.test', 'client.test']);
  });

  it('that refuse the client make the banner a 554, after which only QUIT is left', async () => {
    const server = await serve({ client: () => refuse(554, '5.7.1', 'not from there') });
    const peer = await connect(server);
    expect(await peer.reply()).toBe('554 5.7.1 not from there\r\n');
    expect(await peer.command('EHLO client.test')).toMatch(/^503 5\.5\.1 /);
    expect(await peer.command('MAIL FROM:<>')).toMatch(/^503 5\.5\.1 /);
    expect(await peer.command('QUIT')).toMatch(/^221 /);
    expect(await peer.rest()).toBe('');
  });

  it('that answer at once cost no microtask', async () => {
    const order: string[] = [];
    const server = await serve({
      rcpt: ({ mailbox }) => {
        order.push(mailbox.localPart);
        void Promise.resolve().then(() => order.push('a microtask'));
      },
    });
    const peer = await greeted(server);
    await peer.command('MAIL FROM:<>');
    peer.say('RCPT TO:<a@b.test>\r\nRCPT TO:<b@b.test>\r\nRCPT TO:<c@b.test>\r\n');
    for (const _ of 'abc') await peer.reply();
    expect(order.slice(0, 4)).toEqual(['a', 'b', 'c', 'a microtask']);
  });

  it('stop the reading until they answer: commands that were pipelined wait', async () => {
    const answer = deferred<Verdict | undefined>();
    const asked: string[] = [];
    const server = await serve({
      rcpt: ({ mailbox }) => {
        asked.push(mailbox.localPart);
        return answer.promise;
      },
    });
    const peer = await greeted(server);
    await peer.command('MAIL FROM:<>');
    peer.say('RCPT TO:<a@b.test>\r\nRCPT TO:<b@b.test>\r\n');
    await until(() => asked.length > 0);
    await turns(5);
    expect(asked).toEqual(['a']);
    answer.resolve(undefined);
    await peer.reply();
    await peer.reply();
    expect(asked).toEqual(['a', 'b']);
  });
});

describe('a hook that fails', () => {
  const failing: readonly [string, () => Promise<undefined> | undefined, string][] = [
    ['throws', () => { throw new Error('disk on fire'); }, 'disk on fire'],
    ['throws what is no Error', () => { throw 'disk on fire'; }, 'disk on fire'],
    ['throws what has no text', () => { throw Object.create(null); }, 'what was thrown is no Error, and has no text'],
    ['rejects', () => Promise.reject(new Error('disk on fire')), 'disk on fire'],
    ['returns a promise that cannot be waited for', () => ({ get then(): never { throw new Error('disk on fire'); } }) as unknown as undefined, 'disk on fire'],
    ['outlives its deadline', () => never, "the hook 'rcpt' did not answer in 40 ms"],
  ];

  // shows RFC5321:4.2.2-18
  it.each(failing)('and %s is 451 4.3.0, and the embedder hears why', async (_, rcpt, message) => {
    let first = true;
    const server = await serve({ rcpt: () => { if (first) { first = false; return rcpt(); } return undefined; } }, { hookTimeout: 40 });
    const peer = await greeted(server);
    await peer.command('MAIL FROM:<>');
    expect(await peer.command('RCPT TO:<bob@b.test>')).toMatch(/^451 4\.3\.0 /);
    expect(errors.map((error) => error.message)).toEqual([message]);
    expect(await peer.command('RCPT TO:<bob@b.test>')).toMatch(/^250 2\.1\.5 /); // the session goes on
  });

  it('before the banner closes with 421', async () => {
    const server = await serve({ client: () => Promise.reject(new Error('disk on fire')) });
    expect(await (await connect(server)).rest()).toMatch(/^421 4\.3\.0 mx\.test /);
  });

  it('aborts its signal when it is late, and what it answers then is dropped', async () => {
    const late = deferred<Verdict>();
    let signal: AbortSignal | undefined;
    const server = await serve({ mail: (asked) => ((signal = asked.signal), late.promise) }, { hookTimeout: 20 });
    const peer = await greeted(server);
    expect(await peer.command('MAIL FROM:<>')).toMatch(/^451 4\.3\.0 /);
    expect(signal?.aborted).toBe(true);
    late.resolve(accept('too late'));
    expect(await peer.command('RCPT TO:<bob@b.test>')).toMatch(/^503 /);
    expect(await peer.command('NOOP')).toMatch(/^250 2\.0\.0 /);
  });

  it('in message, though it never answers, does not stop the session', async () => {
    const server = await serve({ message: () => never }, { hookTimeout: 20 });
    const peer = await inData(server);
    expect(await peer.command('x\r\n.')).toMatch(/^451 4\.3\.0 /);
    expect(await peer.command('NOOP')).toMatch(/^250 /);
    expect(errors.map((error) => error.message)).toEqual(["the hook 'message' did not answer in 20 ms"]);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['undefined, later', Promise.resolve(undefined)],
    ['true', true],
    ['null', null],
    ['a refusal with a code of 2yz', { type: 'refuse', reply: { code: 250, enhanced: undefined, lines: ['no'] } }],
    ['a refusal with a code of 6yz', { type: 'refuse', reply: { code: 600, enhanced: undefined, lines: ['no'] } }],
    ['a refusal with a code that is text', { type: 'refuse', reply: { code: '550', enhanced: undefined, lines: ['no'] } }],
    ['a refusal whose enhanced code is of another class', { type: 'refuse', reply: { code: 550, enhanced: '4.1.1', lines: ['no'] } }],
    ['a refusal whose enhanced code is none', { type: 'refuse', reply: { code: 550, enhanced: '5.1', lines: ['no'] } }],
    ['a refusal without a reply', { type: 'refuse' }],
    ['a refusal without lines', { type: 'refuse', reply: { code: 550 } }],
    ['a refusal with a line that is none', { type: 'refuse', reply: { code: 550, enhanced: '5.1.1', lines: [undefined] } }],
    ['an acceptance whose text is none', { type: 'accept', text: 5 }],
    ['what only looks like a promise', { then: 5 }],
  ])('to give a verdict about a message, with %s, is 451 and a UsageError', async (_, verdict) => {
    const server = await serve({ message: () => verdict as Verdict });
    const peer = await inData(server);
    expect(await peer.command('.')).toMatch(/^451 4\.3\.0 /);
    expect(errors).toEqual([new UsageError("the hook 'message' must return a verdict: accept(), refuse(…) or committed(…)")]);
    expect(await peer.command('NOOP')).toMatch(/^250 /);
  });

  // found by trying: it ended the process
  it.each<[string, Partial<Hooks>]>([
    ['a verdict', { message: () => ({ get type(): never { throw new Error('lazy'); } }) }],
    ['a reply', { message: async () => ({ type: 'refuse', get reply(): never { throw new Error('lazy'); } }) }],
    ['a text', { mail: () => ({ type: 'accept', get text(): never { throw new Error('lazy'); } }) }],
  ])('%s that cannot be looked into is 451, and the session goes on', async (_, hooks) => {
    const server = await serve(hooks);
    const peer = await greeted(server);
    const replies = [await peer.command('MAIL FROM:<>')];
    if (hooks.message !== undefined) for (const line of ['RCPT TO:<bob@b.test>', 'DATA', '.']) replies.push(await peer.command(line));
    expect(replies.at(-1)).toMatch(/^451 4\.3\.0 /);
    expect(errors).toEqual([new Error('lazy')]);
    expect(await peer.command('NOOP')).toMatch(/^250 /);
  });

  // found by trying: one that rejects ended the process
  it.each<[string, () => void]>([
    ['throws', () => { throw new Error('second'); }],
    ['rejects', () => Promise.reject(new Error('second'))],
  ])('that is told of errors itself and %s does not end the session, but warns', async (_, error) => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const server = await serve({ rcpt: () => { throw new Error('first'); }, error });
    const peer = await greeted(server);
    await peer.command('MAIL FROM:<>');
    expect(await peer.command('RCPT TO:<bob@b.test>')).toMatch(/^451 4\.3\.0 /);
    expect(await peer.command('NOOP')).toMatch(/^250 /);
    await until(() => warned.mock.calls.length > 0);
    expect(warned.mock.calls).toEqual([[new Error('second')]]);
    warned.mockRestore();
  });

  it('a verdict that is any kind of promise is waited for', async () => {
    const stored = deferred();
    const thenable = { then: (resolve: (verdict: Verdict) => void) => void stored.promise.then(() => resolve(accept('stored'))) } as unknown as PromiseLike<Verdict>;
    const server = await serve({ message: () => thenable });
    const peer = await inData(server);
    peer.say('.\r\n');
    await turns(10);
    expect(peer.heard).toBe('');
    stored.resolve();
    expect(await peer.reply()).toBe('250 2.0.0 stored\r\n');
  });
});

describe('content in the hook message', () => {
  it('is what was sent, without the stuffed dots', async () => {
    let text = '';
    const server = await serve({ message: async ({ content }) => ((text = await read(content)), accept()) });
    const peer = await inData(server);
    expect(await peer.command(MAIL.slice(0, -2))).toMatch(/^250 /);
    expect(text).toBe('Subject: hi\r\n\r\n.one dot\r\n');
  });

  it('that is read slowly slows the client down, and is whole', async () => {
    const total = 4 * 1_048_576;
    let octets = 0;
    let sent = 0;
    let most = 0;
    const server = await serve({
      async message({ content }) {
        for await (const piece of content) {
          await turns(2);
          most = Math.max(most, sent - octets);
          octets += piece.length;
        }
        return accept();
      },
    });
    const peer = await inData(server);
    const line = `${'x'.repeat(998)}\r\n`;
    const block = line.repeat(64);
    while (sent < total) {
      const drained = peer.say(block) || new Promise<void>((resolve) => peer.socket.once('drain', resolve));
      sent += block.length;
      await drained;
    }
    peer.say('.\r\n');
    expect(await peer.reply()).toMatch(/^250 /);
    expect(octets).toBe(sent);
    expect(most).toBeLessThan(total); // what is under way lies in the system's buffers, whose size is its own affair
  });

  it('need not be read: a verdict at once drains it', async () => {
    const server = await serve({ message: () => accept('unread') });
    const peer = await inData(server);
    for (let count = 0; count < 20; count++) peer.say(`${'x'.repeat(998)}\r\n`.repeat(100));
    expect(await peer.command('.')).toBe('250 2.0.0 unread\r\n');
  });

  it('need not be read before a verdict that comes later', async () => {
    const verdict = deferred<Verdict>();
    const server = await serve({ message: () => verdict.promise });
    const peer = await inData(server);
    for (let count = 0; count < 20; count++) peer.say(`${'x'.repeat(998)}\r\n`.repeat(100));
    peer.say('.\r\n');
    await turns(10);
    verdict.resolve(refuse(554, '5.6.0', 'no'));
    expect(await peer.reply()).toBe('554 5.6.0 no\r\n');
  });

  it('can be read in part', async () => {
    let first = '';
    const server = await serve({
      async message({ content }) {
        for await (const piece of content) {
          first = decodeLatin1(piece);
          break;
        }
        return accept();
      },
    });
    const peer = await inData(server);
    peer.say('beginning\r\n');
    await until(() => first !== '');
    for (let count = 0; count < 20; count++) peer.say(`${'x'.repeat(998)}\r\n`.repeat(100));
    expect(await peer.command('.')).toMatch(/^250 /);
    expect(first).toBe('beginning\r\n');
  });

  it('may be judged before it is complete; the reply comes after its end', async () => {
    const server = await serve({ message: () => refuse(550, '5.7.1', 'not for you') });
    const peer = await inData(server);
    peer.say('a\r\n');
    await turns(10);
    expect(peer.heard).toBe('');
    expect(await peer.command('b\r\n.')).toBe('550 5.7.1 not for you\r\n');
  });

  it('that nobody reads on for too long is given up, and the mail is 451', async () => {
    let text = '';
    const blocked = deferred();
    const server = await serve({
      async message({ content }) {
        await blocked.promise;
        text = await read(content);
        throw new Error('came too late');
      },
    }, { hookTimeout: 50 });
    const peer = await inData(server);
    for (let count = 0; count < 20; count++) peer.say(`${'x'.repeat(998)}\r\n`.repeat(100));
    expect(await peer.command('.')).toMatch(/^451 4\.3\.0 /);
    blocked.resolve();
    await until(() => text !== '');
    expect(text).toBe('error: the content was not read on for 50 ms');
  });

  it('that is read on after its end leaves the hook its deadline', async () => {
    const hold = deferred();
    const server = await serve({
      async message({ content }) {
        await hold.promise;
        await read(content);
        return never;
      },
    }, { hookTimeout: 100 });
    const peer = await inData(server);
    peer.say(`${`${'x'.repeat(998)}\r\n`.repeat(100)}.\r\n`);
    await turns(10);
    hold.resolve();
    expect(await peer.reply()).toMatch(/^451 4\.3\.0 /);
  });
});

describe('the signal of a mail', () => {
  interface Watch {
    readonly server: Server;
    readonly mails: Mail[];
    readonly texts: Promise<string>[];
  }

  async function watch(options: ListenOptions = {}): Promise<Watch> {
    const mails: Mail[] = [];
    const texts: Promise<string>[] = [];
    const server = await serve({
      async message(mail) {
        mails.push(mail);
        texts.push(read(mail.content));
        await texts.at(-1);
        return accept();
      },
    }, options);
    return { server, mails, texts };
  }

  it('aborts when the client resets the connection', async () => {
    const { server, mails, texts } = await watch();
    const peer = await inData(server);
    peer.say('half of it');
    await until(() => mails.length > 0);
    peer.reset();
    await until(() => mails[0]?.signal.aborted === true);
    expect(await texts[0]).toBe('error: the mail data came to nothing: peer-gone');
    expect(errors).toEqual([]);
  });

  it('aborts when the client ends its side in the middle', async () => {
    const { server, mails, texts } = await watch();
    const peer = await inData(server);
    peer.say('half of it');
    peer.end();
    await peer.gone();
    expect(mails[0]?.signal.aborted).toBe(true);
    expect(await texts[0]).toBe('error: the mail data came to nothing: peer-gone');
  });

  it.each<[string, string, RegExp]>([
    ['a bare LF', 'a\nb\r\n.', /^554 5\.6\.0 /],
    ['a bare CR', 'a\rb\r\n.', /^554 5\.6\.0 /],
    ['too much of it', `${'x'.repeat(50)}\r\n${'x'.repeat(60)}\r\n.`, /^552 5\.3\.4 /],
    ['a line that is too long', `${'x'.repeat(1_000)}\r\n.`, /^55[24] /],
  ])('aborts at %s, and the session goes on', async (_, data, reply) => {
    const { server, mails, texts } = await watch({ maxSize: data.length > 200 ? 5_000 : 100 });
    const peer = await inData(server);
    expect(await peer.command(data)).toMatch(reply);
    expect(mails[0]?.signal.aborted).toBe(true);
    expect(await texts[0]).toMatch(/^error: the mail data came to nothing: /);
    await peer.command('MAIL FROM:<alice@a.test>');
    await peer.command('RCPT TO:<bob@b.test>');
    await peer.command('DATA');
    expect(await peer.command('fine\r\n.')).toMatch(/^250 /);
    expect(await texts[1]).toBe('fine\r\n');
    expect(errors).toEqual([]);
  });

  it('aborts when the client says nothing for too long', async () => {
    const { server, mails, texts } = await watch({ timeout: 50 });
    const peer = await inData(server);
    peer.say('half of it');
    expect(await peer.rest()).toMatch(/^421 4\.4\.2 /);
    expect(mails[0]?.signal.aborted).toBe(true);
    expect(await texts[0]).toBe('error: the mail data came to nothing: timeout');
  });

  it('does not abort when all went well', async () => {
    const { server, mails } = await watch();
    const peer = await inData(server);
    expect(await peer.command('.')).toMatch(/^250 /);
    expect(await peer.command('QUIT')).toMatch(/^221 /);
    await peer.rest();
    expect(mails[0]?.signal.aborted).toBe(false);
  });

  it('a client that goes after its final dot never makes what was read look whole', async () => {
    const go = deferred();
    const texts: string[] = [];
    const server = await serve({
      async message({ content, signal }) {
        await go.promise;
        texts.push(await read(content));
        expect(signal.aborted).toBe(true);
        return accept();
      },
    });
    const peer = await inData(server);
    peer.say('whole\r\n.\r\n');
    await turns(10);
    peer.reset();
    await until(() => server.sessions === 0);
    go.resolve();
    await until(() => texts.length > 0);
    expect(texts).toEqual(['error: the client has gone']);
  });
});

describe('a client that goes while a hook is asked', () => {
  it('aborts the signal, and the answer is dropped', async () => {
    const answer = deferred<Verdict>();
    let signal: AbortSignal | undefined;
    const server = await serve({ rcpt: (asked) => ((signal = asked.signal), answer.promise) });
    const peer = await greeted(server);
    await peer.command('MAIL FROM:<>');
    peer.say('RCPT TO:<bob@b.test>\r\n');
    await until(() => signal !== undefined);
    peer.reset();
    await until(() => signal?.aborted === true);
    expect(server.sessions).toBe(0);
    answer.resolve(refuse(550, '5.1.1', 'no'));
    await turns(5);
    expect(errors).toEqual([]);
  });

  it('and whose hook then rejects is no concern of the embedder', async () => {
    const answer = deferred<Verdict>();
    let asked = false;
    const server = await serve({ rcpt: () => ((asked = true), answer.promise) });
    const peer = await greeted(server);
    await peer.command('MAIL FROM:<>');
    peer.say('RCPT TO:<bob@b.test>\r\n');
    await until(() => asked);
    peer.reset();
    await until(() => server.sessions === 0);
    answer.reject(new Error('aborted'));
    await turns(5);
    expect(errors).toEqual([]);
  });
});

describe('a server that closes', () => {
  it('says 421 to idle sessions, and accepts none', async () => {
    const server = await serve();
    const peer = await greeted(server);
    const closed = server.close();
    expect(await peer.rest()).toMatch(/^421 4\.3\.2 /);
    peer.end();
    await closed;
    await expect(RawPeer.connect(server.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('finishes mail data that are in hand', async () => {
    const server = await serve({ message: async ({ content }) => accept(await read(content)) });
    const peer = await inData(server);
    peer.say('begun');
    const closed = server.close();
    await turns(5);
    expect(peer.heard).toBe('');
    peer.say(' ended\r\n.\r\n');
    expect(await peer.rest()).toMatch(/^250 2\.0\.0 begun ended\?\?\r\n421 4\.3\.2 /);
    peer.end();
    await closed;
  });

  it('waits for ever where it is told to', async () => {
    const server = await serve({ message: async ({ content }) => accept(await read(content)) });
    const peer = await inData(server);
    const [closed, from] = [server.close(Infinity), now()];
    await until(() => now() > from + 3); // a timer of Node's goes off after one millisecond, if it is told Infinity
    peer.say('in time\r\n.\r\n');
    expect(await peer.rest()).toMatch(/^250 2\.0\.0 in time/);
    peer.end();
    await closed;
  });

  // shows RFC5321:3.8-6
  it('says 421 to what is left when the grace is over, and cuts it', async () => {
    let mail: Mail | undefined;
    const server = await serve({ message: (each) => ((mail = each), never) });
    const peer = await inData(server);
    peer.say('begun');
    await until(() => mail !== undefined);
    const from = now();
    await server.close(50);
    expect(now() - from).toBeGreaterThanOrEqual(49);
    expect(await peer.rest()).toMatch(/^421 4\.3\.2 mx\.test /);
    expect(mail?.signal.aborted).toBe(true);
    expect(server.sessions).toBe(0);
  });

  // found by trying: what was asked for later had no effect, and a second Ctrl-C none
  it('waits no longer than whoever is in the greatest hurry', async () => {
    const server = await serve({ message: () => new Promise<never>(() => undefined) });
    const peer = await inData(server);
    peer.say('x\r\n.\r\n');
    await until(() => server.sessions === 1);
    const closed = server.close();
    void server.close(10);
    void server.close(60_000);
    await closed;
    expect(await peer.rest()).toMatch(/^421 /);
  });

  // found by trying: it said that there were too many connections
  it('tells who comes too late that it ends', async () => {
    const server = await serve();
    await server.close();
    const [end, client] = pair(16_384);
    server.accept(end);
    let heard = '';
    client.on('data', (octets) => (heard += decodeLatin1(octets)));
    await until(() => heard !== '');
    expect(heard).toBe('421 4.3.2 mx.test shutting down, closing connection\r\n');
  });

  it('closes once, whoever asks', async () => {
    const server = await serve();
    expect(server.close()).toBe(server.close(0));
    await server.close();
  });
});

it('an accepted socket that is gone before it is looked at harms nobody', async () => {
  const server = await serve();
  for (let count = 0; count < 20; count++) (await RawPeer.connect(server.port)).reset();
  expect(await (await connect(server)).reply()).toMatch(/^220/);
  await until(() => server.sessions === 1);
  expect(errors).toEqual([]);
});

// found by trying: fifty clients that sent commands as fast as they could had all others wait for seconds
it('a client that says much at a time has others served in between', async () => {
  const COMMANDS = 20_000;
  let count = 0;
  const server = await serve({ helo: () => void count++ });
  const talker = await connect(server);
  await talker.reply();
  talker.socket.resume();
  talker.say('EHLO client.test\r\n'.repeat(COMMANDS));
  let most = 0; // in one turn of the event loop
  for (let before = 0; count < COMMANDS; before = count) {
    await turns();
    most = Math.max(most, count - before);
  }
  expect(most).toBeLessThan(COMMANDS / 20);
});

it('nor does one whose mails are answered at once, in promises, hold up others', async () => {
  const MAILS = 2_000;
  let count = 0;
  const server = await serve({ message: async ({ content }) => {
    for await (const _ of content); // all of it
    count++;
    return accept();
  } }, { maxMails: MAILS });
  const talker = await connect(server);
  await talker.reply();
  talker.socket.resume();
  talker.say(`EHLO client.test\r\n${'MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nBDAT 1 LAST\r\nx'.repeat(MAILS)}`);
  let most = 0; // in one turn of the event loop
  for (let before = 0; count < MAILS; before = count) {
    await turns();
    most = Math.max(most, count - before);
  }
  expect(most).toBeLessThan(MAILS / 20);
});
