import { describe, expect, it } from 'vitest';
import type { EndedTransaction, Hooks, Noticed, SessionFacts } from '../../src/node/hook.ts';
import { listen, type ListenOptions } from '../../src/node/listen.ts';
import { ServerSession } from '../../src/protocol/server/session.ts';
import { accept, refuse, type Verdict } from '../../src/protocol/server/verdict.ts';
import { pair } from '../support/duplex-pair.ts';
import { listening } from '../support/listening.ts';
import { latin1, RawPeer } from '../support/raw-peer.ts';
import { deferred, turns, until } from '../support/turn.ts';

/** Says the lines to a server with these hooks, one after the other; returns the replies. */
async function replies<State, MailState>(hooks: Hooks<State, MailState>, lines: readonly string[]): Promise<string[]> {
  await using server = await listen({ host: '127.0.0.1', port: 0, hostname: 'mx.test' }, hooks);
  const peer = await RawPeer.connect(server.port);
  const heard = [await peer.reply()];
  for (const line of lines) heard.push(await peer.command(line));
  peer.socket.destroy();
  return heard.map((reply) => reply.split('\r\n').at(-2) ?? '');
}

const ENVELOPE = ['MAIL FROM:<a@a.test>', 'RCPT TO:<b@b.test>', 'RCPT TO:<c@b.test>'];

// found by trying: `ended` was called without its object
it('hooks may be an object of a class', async () => {
  class Log implements Hooks<number, string> {
    readonly #said: string[] = [];
    get said(): string { return this.#said.join(' '); }
    sessionState(): number { return this.#said.push('sessionState'); }
    mailState(): string { return String(this.#said.push('mailState')); }
    client(): void { this.#said.push('client'); }
    helo(): void { this.#said.push('helo'); }
    mail(): void { this.#said.push('mail'); }
    rcpt(): void { this.#said.push('rcpt'); }
    vrfy(): void { this.#said.push('vrfy'); }
    notice(): void { this.#said.push('notice'); }
    unauthenticated(): void { this.#said.push('unauthenticated'); }
    ended(): void { this.#said.push('ended'); }
    error({ message }: Error): void { this.#said.push(message); }
    message(): Verdict { return accept(this.said); }
  }
  const log = new Log();
  await replies(log, ['EHLO client.test', 'VRFY bob', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@b.test>', 'DATA', '.']);
  expect(log.said).toBe('sessionState client helo vrfy mailState mail rcpt ended');
});

describe('the states that hooks make', () => {
  it('are one for each connection, and one for each transaction of it', async () => {
    const seen: string[] = [];
    let connections = 0;
    const lines = ['EHLO client.test', ...ENVELOPE, 'RSET', ...ENVELOPE, 'DATA', '.'];
    const heard = await replies({
      sessionState: () => ({ number: ++connections, transactions: 0 }),
      mailState: () => ({ recipients: 0 }),
      client: ({ session }) => void seen.push(`connection ${session.state.number}`),
      mail: ({ session }) => void session.state.transactions++,
      rcpt: ({ mailState }) => (++mailState.recipients > 1 ? refuse(452, '4.5.3', 'one is enough') : undefined),
      message: ({ session, mailState }) => accept(`mail ${session.state.transactions} of connection ${session.state.number} to ${mailState.recipients}`),
    }, lines);
    expect(heard.at(-1)).toBe('250 2.0.0 mail 2 of connection 1 to 2');
    expect(seen).toEqual(['connection 1']);
  });

  it('exist where no hook of their command does', async () => {
    const heard = await replies({ sessionState: () => 'one', mailState: () => 'two', message: ({ session, mailState }) => accept(session.state + mailState) }, ['EHLO client.test', ...ENVELOPE, 'DATA', '.']);
    expect(heard.at(-1)).toBe('250 2.0.0 onetwo');
  });

  it('that cannot be made are 421 and 451, as every hook that throws', async () => {
    const fail = (): never => { throw new Error('no state'); };
    const error = (): void => undefined;
    expect(await replies({ sessionState: fail, message: () => accept(), error }, [])).toEqual(['421 4.3.0 mx.test local error, try again later']);
    expect((await replies({ mailState: fail, message: () => accept(), error }, ['EHLO client.test', 'MAIL FROM:<>'])).at(-1)).toMatch(/^451 4\.3\.0 /);
  });

  // found by trying: it ended the process
  it('may be promises; of one that rejects the embedder is told', async () => {
    const errors: Error[] = [];
    const fail = (): Promise<never> => Promise.reject(new Error('no state'));
    const heard = await replies({ sessionState: fail, mailState: fail, message: () => accept(), error: (error) => void errors.push(error) }, ['EHLO client.test', ...ENVELOPE, 'DATA', '.']);
    expect(heard.at(-1)).toMatch(/^250 /);
    expect(errors).toEqual([new Error('no state'), new Error('no state')]);
  });

  it('have their types in every hook, found from what makes them', () => {
    const typed = [
      () => listen({}, { sessionState: () => ({ score: 0 }), message: ({ session }) => accept(session.state.score.toFixed()) }),
      // @ts-expect-error there is no such member
      () => listen({}, { sessionState: () => ({ score: 0 }), message: ({ session }) => accept(session.state.points) }),
      // @ts-expect-error nothing makes a state, so there is none
      () => listen({}, { message: ({ session }) => accept(session.state.score) }),
      // @ts-expect-error a state of the transaction is none of the session
      () => listen({}, { mailState: () => ({ score: 0 }), message: ({ session }) => accept(session.state.score) }),
      // @ts-expect-error before MAIL there is no transaction
      () => listen({}, { mailState: () => ({ score: 0 }), message: () => accept(), helo: ({ mailState }) => accept(mailState) }),
    ];
    expect(typed).toHaveLength(5); // that it compiles is the test
  });
});

describe('the hook ended', () => {
  const { serve, greeted } = listening();

  /** The ends that are told when a client says the lines; `after` is done behind them. */
  async function ends(lines: readonly string[], after: (peer: RawPeer) => void, options: ListenOptions = {}, hooks: Partial<Hooks> = {}): Promise<readonly Pick<EndedTransaction, 'how' | 'reply'>[]> {
    const told: Pick<EndedTransaction, 'how' | 'reply'>[] = [];
    const server = await serve(options, { ended: ({ how, reply }) => void told.push({ how, reply }), ...hooks });
    const peer = await greeted(server);
    for (const line of lines) await peer.command(line);
    after(peer);
    await until(() => told.length > 0);
    await turns(5);
    return told;
  }

  const none = (): void => undefined;

  it.each<[string, readonly string[], (peer: RawPeer) => void, Partial<Hooks>, Pick<EndedTransaction, 'how' | 'reply'>]>([
    ['accepted, its reply taken by the system', [...ENVELOPE, 'DATA', '.'], none, {}, { how: 'accepted', reply: 'flushed' }],
    ['refused, likewise', [...ENVELOPE, 'DATA', '.'], none, { message: () => refuse(550, '5.7.1', 'no') }, { how: 'refused', reply: 'flushed' }],
    ['reset by RSET', [...ENVELOPE, 'RSET'], none, {}, { how: 'reset', reply: 'none' }],
    ['reset by QUIT', [...ENVELOPE, 'QUIT'], none, {}, { how: 'reset', reply: 'none' }],
    ['peer-gone where the client breaks off', ENVELOPE, (peer) => peer.reset(), {}, { how: 'peer-gone', reply: 'none' }],
    ['peer-gone where it ends its side in the mail data', [...ENVELOPE, 'DATA'], (peer) => peer.socket.end(), {}, { how: 'peer-gone', reply: 'none' }],
  ])('tells once of a transaction that is %s', async (_, lines, after, hooks, end) => {
    expect(await ends(lines, after, {}, hooks)).toEqual([end]);
  });

  it('tells of a reply that nobody takes any more as lost', async () => {
    const answer = deferred<Verdict>();
    const told: Pick<EndedTransaction, 'how' | 'reply'>[] = [];
    const server = await serve({}, { message: () => answer.promise, ended: ({ how, reply }) => void told.push({ how, reply }) });
    const peer = await greeted(server);
    for (const line of [...ENVELOPE, 'DATA']) await peer.command(line);
    peer.socket.pause();
    peer.say('x\r\n.\r\n');
    await turns(5);
    answer.resolve(accept('x'.repeat(10_000_000))); // more than the system takes from one that does not read
    await turns(20);
    expect(told).toEqual([]);
    peer.reset();
    await until(() => told.length > 0);
    expect(told).toEqual([{ how: 'accepted', reply: 'lost' }]);
  });

  // found by trying: it was told of as none at all
  it('tells of a reply as lost that was never written, since the client took none of those before it', async () => {
    const answer = deferred<Verdict>();
    const told: Pick<EndedTransaction, 'how' | 'reply'>[] = [];
    const server = await serve({}, { helo: () => accept('x'.repeat(15_000)), message: () => answer.promise, ended: ({ how, reply }) => void told.push({ how, reply }) });
    const [end, client] = pair(16_384); // a client that reads nothing: as much waits at its end, and at ours
    server.accept(end);
    const recipients = 'RCPT TO:<b@b.test>\r\n'.repeat(450);
    for (const group of ['EHLO client.test\r\n', `MAIL FROM:<>\r\n${recipients}`, `${recipients}BDAT 3 LAST\r\nx\r\n`]) {
      client.write(latin1(group));
      await turns(5);
    }
    answer.resolve(accept());
    await turns(5);
    expect(told).toEqual([]);
    client.destroy();
    await until(() => told.length > 0);
    expect(told).toEqual([{ how: 'accepted', reply: 'lost' }]);
  });

  it('knows the states, and one that throws or rejects ends no session', async () => {
    const seen: unknown[] = [];
    const errors: Error[] = [];
    let count = 0;
    const heard = await replies({
      sessionState: () => 'session',
      mailState: () => ++count,
      message: () => accept(),
      ended: async ({ session, mailState }) => {
        seen.push([session.state, mailState]);
        throw new Error('the log is full');
      },
      error: (error) => errors.push(error),
    }, ['EHLO client.test', ...ENVELOPE, 'DATA', '.', ...ENVELOPE, 'RSET', 'NOOP']);
    expect(heard.at(-1)).toMatch(/^250 /);
    expect(seen).toEqual([['session', 1], ['session', 2]]);
    expect(errors.map(({ message }) => message)).toEqual(['the log is full', 'the log is full']);
  });
});

describe('the facts of a session', () => {
  // found by reading: only the hooks that are asked something had them as they are
  it('are up to date for the hooks that are told something, too', async () => {
    const { serve, greeted } = listening();
    const told: [string, string, string | undefined][] = [];
    const note = (name: string, { protocol, identity }: SessionFacts): void => void told.push([name, protocol, identity?.authcid]);
    const server = await serve({ leniencies: ['spaceAroundColon'], auth: { mechanisms: ['PLAIN'], clearText: true }, without: [] }, {
      auth: () => ({ type: 'yes' }), notice: ({ name, session }) => note(name, session), ended: ({ how, session }) => note(how, session),
    });
    const peer = await greeted(server);
    for (const line of ['AUTH PLAIN AGFsaWNlAHNlY3JldA==', 'MAIL FROM: <a@a.test>', 'RSET', 'MAIL FROM:<a@a.test> SMTPUTF8', 'RCPT TO:<b@b.test>', 'DATA', '.', 'MAIL FROM:<>', 'RSET']) await peer.command(line);
    expect(told).toEqual([['spaceAroundColon', 'ESMTPA', 'alice'], ['reset', 'ESMTPA', 'alice'], ['accepted', 'UTF8SMTPA', 'alice'], ['reset', 'ESMTPA', 'alice']]);
    peer.socket.destroy();
  });
});

describe('the hook notice', () => {
  // found by reading: what came before the banner was kept where no session knew of it
  it.each([
    ['taken', 'take', /^220 /, /^250-mx\.test/],
    ['refused', 'refuse', /^554 5\.5\.0 /, /^503 5\.5\.1 /],
  ] as const)('is told of a client that talks before the banner, where that is %s', async (_, earlyTalk, banner, next) => {
    const { serve, connect } = listening();
    const told: string[] = [];
    const decided = deferred();
    const server = await serve({ earlyTalk }, { client: () => decided.promise, notice: ({ name }) => void told.push(name) });
    const peer = await connect(server);
    peer.say('EHLO client.test\r\n');
    await until(() => server.buffered > 0);
    decided.resolve();
    expect(await peer.reply()).toMatch(banner);
    expect(await peer.reply()).toMatch(next);
    expect(await peer.command('QUIT')).toMatch(/^221 /);
    expect(told).toEqual(['early talk']);
    peer.socket.destroy();
  });

  it('tells of each leniency that is used, with the rule that it breaks', async () => {
    const { serve, greeted } = listening();
    const told: Pick<Noticed, 'type' | 'name' | 'source'>[] = [];
    const peer = await greeted(await serve({ leniencies: ['spaceAroundColon'] }, { notice: ({ type, name, source }) => void told.push({ type, name, source }) }));
    expect(await peer.command('MAIL FROM: <a@a.test>')).toMatch(/^250 /);
    expect(told).toEqual([{ type: 'leniency', name: 'spaceAroundColon', source: 'RFC 5321 §3.3' }]);
    peer.socket.destroy();
  });
});

describe('a hook', () => {
  const { serve, greeted } = listening();

  it('may cut the connection: the client hears nothing more', async () => {
    const server = await serve({}, { rcpt: ({ drop }) => drop() });
    const peer = await greeted(server);
    await peer.command('MAIL FROM:<>');
    peer.say('RCPT TO:<b@b.test>\r\n');
    expect(await peer.rest()).toBe('');
    await until(() => server.sessions === 0);
  });

  // found by trying: a mail that stood behind it in the same segment was taken, and sent again by a client that had not heard so
  it.each<[string, Partial<Hooks>, readonly string[]]>([
    ['at once', { rcpt: ({ drop }) => drop() }, ['peer-gone none']],
    ['having thought', { rcpt: async ({ drop }) => (await turns(), drop()) }, ['peer-gone none']],
    ['with the content read', { message: async ({ content, drop }) => { for await (const _ of content) drop(); return accept(); } }, ['message', 'peer-gone none']],
    ['before the content is read', { message: ({ drop }) => (drop(), accept()) }, ['message', 'peer-gone none']],
  ])('that cuts it %s has nothing done that was pipelined', async (_, hooks, expected) => {
    const told: string[] = [];
    const { message = () => accept() } = hooks;
    const server = await serve({}, { ...hooks, message: (mail) => (told.push('message'), message(mail)), ended: ({ how, reply }) => void told.push(`${how} ${reply}`) });
    const peer = await greeted(server);
    const mail = 'MAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\nBDAT 3 LAST\r\nx\r\n';
    peer.say(`${mail}${mail}`);
    expect(await peer.rest()).not.toContain('mail accepted');
    await until(() => server.sessions === 0);
    await turns(5);
    expect(told).toEqual(expected);
  });
});

describe('the session of a receiver', () => {
  const { serve, greeted } = listening();

  it('may be one of the embedder\'s own making, with the options of the server', async () => {
    const made: string[] = [];
    const server = await serve({ maxSize: 1_000_000, session: (options, now) => (made.push(`${options.hostname} ${options.maxSize}`), new ServerSession(options, now)) });
    await greeted(server);
    expect(made).toEqual(['mx.test 1000000']);
  });
});
