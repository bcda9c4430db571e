import process from 'node:process';
import { describe, expect, it, vi } from 'vitest';
import type { Hooks } from '../../src/node/hook.ts';
import { HookCall } from '../../src/node/hook-call.ts';
import type { ListenOptions } from '../../src/node/listen.ts';
import { Patience } from '../../src/node/patience.ts';
import type { Server } from '../../src/node/server.ts';
import { accept, committed, refuse, type Verdict } from '../../src/protocol/server/verdict.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { listening } from '../support/listening.ts';
import { deferred, turns, until } from '../support/turn.ts';

const host = listening();
const { errors, connect, greeted, inData } = host;
const serve = (hooks: Partial<Hooks> = {}, options: ListenOptions = {}): Promise<Server> => host.serve(options, hooks);
const never = new Promise<never>(() => undefined);

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

describe('a call of a hook', () => {
  it('comes to one outcome', async () => {
    const told: unknown[] = [];
    const patience = new Patience(10);
    const call = new HookCall('rcpt', patience, (outcome) => told.push(outcome));
    call.settle({ answer: 'first' });
    call.settle({ answer: 'second' });
    await new Promise<void>((resolve) => void patience.begin(resolve)); // its time would be over before that
    expect(told).toEqual([{ answer: 'first' }]);
  });
});
