import { describe, expect, it } from 'vitest';
import { derive, HASH, Users } from '../../src/node/credential.ts';
import type { Hooks, SessionFacts } from '../../src/node/hook.ts';
import type { ListenOptions } from '../../src/node/listen.ts';
import { formatUser } from '../../src/protocol/sasl/credential.ts';
import type { AuthAnswer, AuthQuestion, MechanismName } from '../../src/protocol/sasl/exchange.ts';
import { beginClientExchange } from '../../src/protocol/sasl/mechanism.ts';
import { accept, refuse, type Verdict } from '../../src/protocol/server/verdict.ts';
import { decodeBase64, encodeBase64 } from '../../src/wire/base64.ts';
import { encodeAscii } from '../../src/wire/ascii.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { cheapCredential } from '../support/cheap-credential.ts';
import { textOf } from '../support/content.ts';
import { listening } from '../support/listening.ts';
import type { RawPeer } from '../support/raw-peer.ts';
import { certificate, shakeHands } from '../support/tls-peer.ts';
import { deferred, until } from '../support/turn.ts';

const { errors, serve, connect, greeted } = listening();

const PASSWORD = 'tanstaaftanstaaf';
const USERS = new Users(new Map(await Promise.all((['scram-sha-256', 'scrypt'] as const).map(async (scheme) => [scheme === 'scrypt' ? 'tom' : 'tim', await cheapCredential(scheme, PASSWORD)] as const))));

const ALL: ListenOptions = { tls: certificate('mx'), tlsAtOnce: true, auth: { mechanisms: USERS.mechanisms, decoy: USERS.decoy } };
const answers: Partial<Hooks> = { auth: ({ question }) => USERS.answer(question) };

/** A client under TLS, whose EHLO has been taken. */
async function secured(options: ListenOptions = ALL, hooks: Partial<Hooks> = answers): Promise<RawPeer> {
  const peer = await shakeHands(await connect(await serve(options, hooks)));
  await peer.reply();
  await peer.command('EHLO client.test');
  return peer;
}

const base64 = (text: string): string => encodeBase64(encodeAscii(text));

/** Plays the client's side of an exchange; returns the last reply. */
async function authenticate(peer: RawPeer, name: MechanismName, authcid: string, password: string): Promise<string> {
  const exchange = beginClientExchange(name, { secret: { type: 'password', authcid, password }, hash: HASH, nonce: 'rOprNGfwEbeRWgbNEkqO' });
  if ('fault' in exchange) throw new Error(exchange.detail);
  let reply = await peer.command(`AUTH ${name}${exchange.initial === undefined ? '' : ` ${encodeBase64(exchange.initial) || '='}`}`);
  while (reply.startsWith('334 ')) {
    let step = exchange.next(decodeBase64(reply.slice(4).trim()) ?? encodeAscii('no base 64'));
    while (step.type === 'ask') step = exchange.answer(await derive(step.question));
    reply = await peer.command(step.type === 'response' ? encodeBase64(step.octets) : '*');
  }
  expect(reply.startsWith('235 ')).toBe(reply.startsWith('235 ') && exchange.complete);
  return reply;
}

describe('AUTH (RFC 4954)', () => {
  it.each<[MechanismName, string]>([['PLAIN', 'tim'], ['PLAIN', 'tom'], ['LOGIN', 'tim'], ['LOGIN', 'tom'], ['SCRAM-SHA-256', 'tim']])('by %s of %s tells the hooks who the client is', async (mechanism, name) => {
    const facts: SessionFacts[] = [];
    const peer = await secured(ALL, { ...answers, mail: ({ session }) => void facts.push({ ...session }) });
    expect(await authenticate(peer, mechanism, name, PASSWORD)).toMatch(/^235 2\.7\.0 /);
    expect(await peer.command('AUTH PLAIN =')).toMatch(/^503 /);
    expect(await peer.command('MAIL FROM:<alice@a.test>')).toMatch(/^250/);
    expect(facts).toMatchObject([{ protocol: 'ESMTPSA', identity: { authcid: name, authzid: name } }]);
  });

  it.each<[MechanismName, string, string]>([
    ['PLAIN', 'tim', 'wrong'], ['LOGIN', 'tim', 'wrong'], ['SCRAM-SHA-256', 'tim', 'wrong'],
    ['PLAIN', 'nobody', PASSWORD], ['LOGIN', 'nobody', PASSWORD], ['SCRAM-SHA-256', 'nobody', PASSWORD], ['SCRAM-SHA-256', 'tom', PASSWORD],
  // shows RFC4954:4-30 RFC4954:6-9
  ])('by %s of %s with %j is 535, is told, and leaves nobody authenticated', async (mechanism, name, password) => {
    const identities: unknown[] = [];
    const failed: unknown[] = [];
    const peer = await secured(ALL, { ...answers, mail: ({ session }) => void identities.push(session.identity), unauthenticated: ({ session, reason, authcid }) => void failed.push([session.protocol, reason, authcid]) });
    expect(await authenticate(peer, mechanism, name, password)).toMatch(/^535 5\.7\.8 /);
    expect(failed).toEqual([['ESMTPS', 'credentials', name]]);
    await peer.command('MAIL FROM:<alice@a.test>');
    expect(identities).toEqual([undefined]);
    await peer.command('RSET');
    expect(await authenticate(peer, 'PLAIN', 'tim', PASSWORD)).toMatch(/^235/);
  });

  it('of one who wants to act as another is 535 where the hook says no', async () => {
    const peer = await secured();
    expect(await peer.command(`AUTH PLAIN ${base64(`tom\0tim\0${PASSWORD}`)}`)).toMatch(/^535/);
  });

  it('is needed before MAIL where the server says so: 530', async () => {
    const peer = await secured({ ...ALL, auth: { mechanisms: ['PLAIN'], required: true } });
    expect(await peer.command('MAIL FROM:<alice@a.test>')).toMatch(/^530 5\.7\.0 /);
    expect(await authenticate(peer, 'PLAIN', 'tim', PASSWORD)).toMatch(/^235/);
    expect(await peer.command('MAIL FROM:<alice@a.test>')).toMatch(/^250/);
  });

  it('is not offered by mechanisms that show the secret where TLS is not at work (§4)', async () => {
    const server = await serve({ ...ALL, tlsAtOnce: false }, answers);
    const peer = await connect(server);
    await peer.reply();
    expect(await peer.command('EHLO client.test')).toMatch(/^250.AUTH SCRAM-SHA-256\r$/m);
    expect(await peer.command(`AUTH PLAIN ${base64(`\0tim\0${PASSWORD}`)}`)).toMatch(/^538 /);
    expect(await authenticate(peer, 'SCRAM-SHA-256', 'tim', PASSWORD)).toMatch(/^235/);
  });

  it('is not offered by CRAM-MD5, for which a password would have to be stored', async () => {
    expect(await (await secured()).command('AUTH CRAM-MD5')).toMatch(/^504 /);
  });

  const unanswered = new Error('the directory is down');
  it.each<[string, NonNullable<Hooks['auth']>, string | RegExp]>([
    ['throws', () => { throw unanswered; }, 'the directory is down'],
    ['rejects', () => Promise.reject(unanswered), 'the directory is down'],
    ['is late', () => new Promise<never>(() => undefined), "the hook 'auth' did not answer in 30 ms"],
    ['answers another question', () => ({ type: 'secret', secret: encodeAscii(PASSWORD) }), "the hook 'auth' must answer 'password' with yes, no, unavailable, transition, too-weak, needs-tls"],
    ['answers nothing', () => undefined as unknown as AuthAnswer, "the hook 'auth' must answer 'password' with yes, no, unavailable, transition, too-weak, needs-tls"],
    ['answers with what cannot be looked into', () => ({ get type(): never { throw unanswered; } }), 'the directory is down'],
    ['answers null', () => null as unknown as AuthAnswer, "the hook 'auth' must answer 'password' with yes, no, unavailable, transition, too-weak, needs-tls"],
    ['answers with a text that is none', () => ({ type: 'no', text: 5 as unknown as string }), "the hook 'auth' must answer 'no' with all that belongs to it"],
    ['answers with an error that JSON cannot hold', () => ({ type: 'no', error: { status: 401n as unknown as string } }), "the hook 'auth' must answer 'no' with all that belongs to it"],
    ['answers with an error that is none', () => ({ type: 'no', error: 'invalid_token' as unknown as Record<string, string> }), "the hook 'auth' must answer 'no' with all that belongs to it"],
  ])('is 454 where the hook %s; the session goes on, and the embedder is told', async (_, auth, message) => {
    const peer = await secured({ ...ALL, hookTimeout: 30 }, { auth });
    expect(await peer.command(`AUTH PLAIN ${base64(`\0tim\0${PASSWORD}`)}`)).toMatch(/^454 4\.7\.0 /);
    expect(await peer.command('NOOP')).toMatch(/^250/);
    expect(errors.map((error) => error.message)).toEqual([message]);
    expect(errors.map((error) => `${error.message}${error.stack ?? ''}`).join()).not.toContain(PASSWORD);
  });

  it.each<[string, unknown]>([
    ['no credential', undefined],
    ['a credential of no iterations', { type: 'scram-sha-256', iterations: 0, salt: new Uint8Array(16), storedKey: new Uint8Array(32), serverKey: new Uint8Array(32) }],
    ['a credential without keys', { type: 'scram-sha-256', iterations: 4096, salt: new Uint8Array(16) }],
  ])('by SCRAM is 454 where the hook answers with %s', async (_, credential) => {
    const peer = await secured(ALL, { auth: () => ({ type: 'credential', credential }) as AuthAnswer });
    expect(await peer.command(`AUTH SCRAM-SHA-256 ${base64('n,,n=tim,r=rOprNGfwEbeRWgbNEkqO')}`)).toMatch(/^454 4\.7\.0 /);
    expect(errors.map((error) => error.message)).toEqual(["the hook 'auth' must answer 'credential' with all that belongs to it"]);
    expect(await peer.command('NOOP')).toMatch(/^250/);
  });

  it('may have an answer at once', async () => {
    const peer = await secured(ALL, { auth: () => ({ type: 'yes' }) });
    expect(await peer.command(`AUTH PLAIN ${base64(`\0tim\0${PASSWORD}`)}`)).toMatch(/^235/);
  });

  it('whose hook answers too late changes nothing', async () => {
    const late = deferred<AuthAnswer>();
    let signal: AbortSignal | undefined;
    const peer = await secured({ ...ALL, hookTimeout: 30 }, { auth: (asked) => ((signal = asked.signal), late.promise) });
    expect(await peer.command(`AUTH PLAIN ${base64(`\0tim\0${PASSWORD}`)}`)).toMatch(/^454/);
    expect(signal?.aborted).toBe(true);
    late.resolve({ type: 'yes' });
    expect(await peer.command('NOOP')).toMatch(/^250/);
    expect(await peer.command('AUTH PLAIN')).toMatch(/^334/); // nobody is authenticated
  });

  it('aborts the hook of a client that has gone', async () => {
    const asked = deferred<AbortSignal>();
    const server = await serve({ auth: { mechanisms: ['SCRAM-SHA-256'] } }, { auth: ({ signal }) => (asked.resolve(signal), new Promise<never>(() => undefined)) });
    const peer = await greeted(server);
    peer.say(`AUTH SCRAM-SHA-256 ${base64('n,,n=tim,r=rOprNGfwEbeRWgbNEkqO')}\r\n`);
    const signal = await asked.promise;
    peer.reset();
    await until(() => signal.aborted);
    expect(errors).toEqual([]);
  });

  it('tells the hook the name and the password, prepared, and the session', async () => {
    const questions: AuthQuestion[] = [];
    const peer = await secured(ALL, { auth: ({ question }) => (questions.push(question), { type: 'no' }) });
    await peer.command(`AUTH PLAIN ${base64('\0tim\0secret')}`);
    await authenticate(peer, 'SCRAM-SHA-256', 'tim', 'secret');
    expect(questions).toEqual([
      { type: 'password', mechanism: 'PLAIN', authcid: 'tim', password: 'secret' },
      { type: 'credential', mechanism: 'SCRAM-SHA-256', authcid: 'tim' },
    ]);
  });

  it.each<[string, ListenOptions, Partial<Hooks>]>([
    ['auth needs the hook "auth", which answers for the users', ALL, {}],
    ['SCRAM-SHA-256-PLUS is not offered: there is no channel binding yet', { ...ALL, auth: { mechanisms: ['SCRAM-SHA-256-PLUS'] } }, answers],
  ])('throws UsageError: %s', async (message, options, hooks) => {
    await expect(serve(options, hooks)).rejects.toThrow(new UsageError(message));
  });
});

describe('a file of users', () => {
  it('has lines without the password', async () => {
    for (const scheme of ['scram-sha-256', 'scrypt'] as const) expect(formatUser({ name: 'tim', credential: await cheapCredential(scheme, PASSWORD) })).not.toContain(PASSWORD);
  });
});

/** Says MAIL, RCPT to each name, DATA. */
async function inData(peer: RawPeer, names: readonly string[]): Promise<void> {
  await peer.command('MAIL FROM:<alice@a.test>');
  for (const name of names) await peer.command(`RCPT TO:<${name}@b.test>`);
  expect(await peer.command('DATA')).toMatch(/^354/);
}

describe('LMTP (RFC 2033)', () => {
  const replies = async (peer: RawPeer, count: number): Promise<string[]> => {
    const heard: string[] = [];
    for (let each = 0; each < count; each++) heard.push((await peer.reply()).trimEnd());
    return heard;
  };

  it('wants LHLO, and is called LMTP in the facts', async () => {
    const protocols: string[] = [];
    const server = await serve({ lmtp: true }, { mail: ({ session }) => void protocols.push(session.protocol) });
    const peer = await connect(server);
    expect(await peer.reply()).toMatch(/^220 /);
    expect(await peer.command('EHLO client.test')).toMatch(/^5/);
    expect(await peer.command('LHLO client.test')).toMatch(/^250/);
    await peer.command('MAIL FROM:<alice@a.test>');
    expect(protocols).toEqual(['LMTP']);
  });

  it('has the one verdict of a mail as reply for each recipient', async () => {
    const peer = await greeted(await serve({ lmtp: true }), 'LHLO client.test');
    await inData(peer, ['bob', 'carol', 'dave']);
    peer.say('text\r\n.\r\n');
    expect(await replies(peer, 3)).toEqual(['250 2.0.0 mail accepted', '250 2.0.0 mail accepted', '250 2.0.0 mail accepted']);
    expect(await peer.command('NOOP')).toMatch(/^250/);
  });

  it('has a verdict for each of the recipients that were taken, in their order', async () => {
    const paths: string[] = [];
    const hooks: Partial<Hooks> = {
      rcpt: ({ mailbox }) => (mailbox.localPart === 'nobody' ? refuse(550, '5.1.1', 'no such user') : undefined),
      message: async (mail) => {
        paths.push(...mail.forwardPaths.map(({ text }) => text));
        for await (const _ of mail.content); // all of it
        return [accept(), refuse(452, '4.2.2', 'mailbox full'), accept('delivered')];
      },
    };
    const peer = await greeted(await serve({ lmtp: true }, hooks), 'LHLO client.test');
    await inData(peer, ['bob', 'nobody', 'carol', 'dave']);
    peer.say('text\r\n.\r\n');
    expect(await replies(peer, 3)).toEqual(['250 2.0.0 mail accepted', '452 4.2.2 mailbox full', '250 2.0.0 delivered']);
    expect(paths).toEqual(['<bob@b.test>', '<carol@b.test>', '<dave@b.test>']);
    expect(await peer.command('NOOP')).toMatch(/^250/);
  });

  it.each<[string, boolean, readonly Verdict[]]>([['too few verdicts', true, [accept()]], ['too many', true, [accept(), accept(), accept()]], ['a list in SMTP', false, [accept(), accept()]], ['no verdict', true, [accept(), undefined as unknown as Verdict]]])('has 451 for each where the hook answers %s', async (_, lmtp, verdicts) => {
    const peer = await greeted(await serve({ lmtp }, { message: () => verdicts }), lmtp ? 'LHLO client.test' : 'EHLO client.test');
    await inData(peer, ['bob', 'carol']);
    peer.say('text\r\n.\r\n');
    for (const reply of await replies(peer, lmtp ? 2 : 1)) expect(reply).toMatch(/^451 4\.3\.0 /);
    expect(errors).toMatchObject([{ message: "the hook 'message' must return one verdict; only of LMTP may it be a list, with one for each recipient" }]);
    expect(await peer.command('NOOP')).toMatch(/^250/);
  });
});

describe('chunks (RFC 3030)', () => {
  it('are one content, whatever is asked between them', async () => {
    const contents: string[] = [];
    const message = async (mail: { readonly content: AsyncIterable<Uint8Array> }): Promise<Verdict> => {
      contents.push(await textOf(mail.content));
      return accept();
    };
    const peer = await greeted(await serve({}, { message, vrfy: () => Promise.resolve(undefined) }));
    await peer.command('MAIL FROM:<alice@a.test>');
    await peer.command('RCPT TO:<bob@b.test>');
    peer.say('BDAT 7\r\nfirst\r\n');
    expect(await peer.reply()).toMatch(/^250/);
    expect(await peer.command('VRFY bob')).toMatch(/^252/);
    peer.say('BDAT 8 LAST\r\nsecond\r\n');
    expect(await peer.reply()).toMatch(/^250/);
    expect(contents).toEqual(['first\r\nsecond\r\n']);
  });
});
