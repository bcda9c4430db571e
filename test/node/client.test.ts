import process from 'node:process';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, vi } from 'vitest';
import { connectTo, type MailClientOptions, type MailToSend } from '../../src/node/client.ts';
import type { RecipientOutcome } from '../../src/node/deliver.ts';
import type { Mail } from '../../src/node/hook.ts';
import { relay } from '../../src/node/relay.ts';
import { Resolver } from '../../src/node/resolve.ts';
import { accept, refuse, type Verdict } from '../../src/protocol/server/verdict.ts';
import { parseForwardPath, parseReversePath } from '../../src/syntax/path.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { encodeUtf8 } from '../../src/wire/utf8.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { listening } from '../support/listening.ts';
import { latin1 } from '../support/raw-peer.ts';
import { FAREWELL, GREETING, startScriptedServer, taking, unusedPort } from '../support/scripted-server.ts';
import { deferred, turns, until } from '../support/turn.ts';

const { serve } = listening();

const OPTIONS: MailClientOptions = { hostname: 'client.test', timeout: 5_000 };
const mailTo = (name: string, content: MailToSend['content'] = latin1(`${name}\r\n`)): MailToSend => ({ from: 'alice@a.test', to: `${name}@b.test`, content });
const brief = (outcomes: readonly RecipientOutcome[]): string => outcomes.map(({ outcome }) => [outcome.state, outcome.reply.code, ...('reason' in outcome ? [outcome.reason] : [])].join(' ')).join(', ');

/** A server that keeps what it takes; `message` may decide otherwise. */
async function keeping(message: (mail: Mail) => Verdict | undefined | Promise<undefined> = () => undefined): Promise<{ readonly url: string; readonly taken: string[]; readonly clients: Set<number> }> {
  const taken: string[] = [];
  const clients = new Set<number>();
  const server = await serve({}, {
    async message(mail) {
      clients.add(mail.session.client.port);
      let text = '';
      for await (const octets of mail.content) text += decodeLatin1(octets);
      const answer = await message(mail);
      taken.push(`${mail.forwardPaths.map((path) => path.text).join()} ${text}`);
      return answer ?? accept();
    },
  });
  return { url: `smtp://127.0.0.1:${server.port}`, taken, clients };
}

describe('a client for many mails', () => {
  // found by trying: what was left undefined took TLS away, and mail went to port 465 in the clear
  it.each([undefined, false])('speaks TLS at once to smtps:, whatever an option says of it: %s', async (tlsAtOnce) => {
    const { url, taken } = await keeping();
    await using client = connectTo(url.replace('smtp:', 'smtps:'), { ...OPTIONS, tlsAtOnce } as MailClientOptions);
    expect(brief(await client.send(mailTo('bob')))).toBe('deferred 451 tls-failed');
    expect(taken).toEqual([]);
  });

  it('asks smtps: once, where the handshake fails: there is no going on in the clear', async () => {
    await using server = await startScriptedServer(['S: 220 mx.test', '* end']);
    await using client = connectTo(`smtps://127.0.0.1:${server.port}`, OPTIONS);
    expect(brief(await client.send(mailTo('bob')))).toBe('deferred 451 tls-failed');
    expect(server.connections).toBe(1);
  });

  it('sends them over one connection where it may have only one, in their order', async () => {
    const { url, taken, clients } = await keeping();
    const client = connectTo(url, { ...OPTIONS, connections: 1 });
    const outcomes = await Promise.all(['1', '2', '3', '4'].map((name) => client.send(mailTo(name))));
    expect(outcomes.map(brief)).toEqual(Array.from({ length: 4 }, () => 'delivered 250'));
    expect(taken).toEqual(['1', '2', '3', '4'].map((name) => `<${name}@b.test> ${name}\r\n`));
    expect(clients.size).toBe(1);
    await client.close();
  });

  it('takes paths with brackets or without, one recipient or several, and all kinds of content', async () => {
    const { url, taken } = await keeping();
    const client = connectTo(url, OPTIONS);
    async function* stream(): AsyncGenerator<Uint8Array, void> {
      yield latin1('a');
      yield latin1('b\r\n');
    }
    expect(brief(await client.send({ from: '<>', to: ['<x@b.test>', 'y@b.test'], content: stream() }))).toBe('delivered 250, delivered 250');
    expect(brief(await client.send({ from: '', to: 'z@b.test', content: stream }))).toBe('delivered 250');
    expect(taken).toEqual(['<x@b.test>,<y@b.test> ab\r\n', '<z@b.test> ab\r\n']);
    await client.close();
  });

  it('takes no content that is no octets, and sends nothing of it', async () => {
    const { url, taken } = await keeping();
    const client = connectTo(url, OPTIONS);
    const text = 'text, which TextEncoder makes octets of';
    const contents: readonly (readonly [content: unknown, fault: string])[] = [
      ['Subject: x\r\n', `content must be octets (Uint8Array), an async iterable of them, or a function that returns one, not ${text}`],
      [null, 'content must be octets (Uint8Array), an async iterable of them, or a function that returns one, not Null'],
      [() => 'Subject: x\r\n', `content must be octets (Uint8Array), an async iterable of them, or a function that returns one, not ${text}`],
      [[latin1('a'), 'b\r\n'], `content must come as octets (Uint8Array), not as ${text}`],
      [() => [[97, 13, 10]], 'content must come as octets (Uint8Array), not as Array'],
    ];
    for (const [content, fault] of contents) await expect(client.send(mailTo('1', content as MailToSend['content']))).rejects.toThrow(new UsageError(fault)); // as JavaScript may give it
    await client.close();
    expect(taken).toEqual([]);
  });

  it('takes octets of another realm', async () => {
    const { url, taken } = await keeping();
    const client = connectTo(url, OPTIONS);
    const foreign = runInNewContext('Uint8Array.of(97, 13, 10)') as Uint8Array; // it makes just these
    expect(foreign).not.toBeInstanceOf(Uint8Array);
    await client.send(mailTo('1', foreign));
    await client.send(mailTo('2', (async function* () { yield foreign; })()));
    await client.close();
    expect(taken).toEqual(['<1@b.test> a\r\n', '<2@b.test> a\r\n']);
  });

  it('takes addresses in UTF-8, and sends them where SMTPUTF8 is offered alone (RFC 6531 §3.2)', async () => {
    await using offering = await startScriptedServer(['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 250 SMTPUTF8', 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go on', 'C: …', 'S: 250 taken', ...FAREWELL]);
    const client = connectTo(`smtp://127.0.0.1:${offering.port}`, OPTIONS);
    expect(brief(await client.send({ from: 'jürgen@a.test', to: 'bøb@b.test', content: latin1('x\r\n') }))).toBe('delivered 250');
    expect(offering.heard[0]).toContain(decodeLatin1(encodeUtf8('MAIL FROM:<jürgen@a.test> SMTPUTF8\r\nRCPT TO:<bøb@b.test>\r\n')));
    await client.close();
    await using plain = await startScriptedServer([...GREETING, ...FAREWELL]);
    const other = connectTo(`smtp://127.0.0.1:${plain.port}`, OPTIONS);
    expect(brief(await other.send({ from: 'jürgen@a.test', to: 'bob@b.test', content: latin1('x\r\n') }))).toBe('failed 553 utf8-not-offered');
    await other.close();
  });

  // found by a proxy that could not pass on what its clients asked for
  it('asks for what it is given with MAIL and RCPT, and sends nothing where the server cannot do what the mail needs', async () => {
    const asked: unknown[] = [];
    const server = await serve({ without: [] }, { message: ({ parameters, recipientParameters }) => (asked.push(parameters, recipientParameters), accept()) });
    await using client = connectTo(`smtp://127.0.0.1:${server.port}`, OPTIONS);
    const parameters = { ret: 'HDRS', envelopeId: 'a b+c', smtpUtf8: true, size: 1 } as const;
    const recipientParameters = [{ notify: ['SUCCESS', 'DELAY'] }, { notify: [], originalRecipient: { type: 'rfc822', address: 'old@c.test' } }] as const;
    for (const content of [latin1('x\r\n'), async function* () { yield latin1('x\r\n'); }]) {
      const outcomes = await client.send({ ...mailTo('1', content), to: ['1@b.test', '2@b.test'], parameters, recipientParameters });
      expect(outcomes.map(({ outcome }) => outcome)).toMatchObject([{ state: 'delivered', dsn: true }, { state: 'delivered', dsn: true }]);
    }
    expect(asked).toEqual(Array.from({ length: 2 }, () => [{ ...parameters, size: 3 }, recipientParameters]).flat());
    const binary = { ...mailTo('1', latin1('\n')), parameters: { body: 'BINARYMIME' } } as const;
    expect(brief(await client.send(binary))).toBe('delivered 250');
    const { url } = await keeping();
    await using other = connectTo(url, OPTIONS);
    expect(brief(await other.send(binary))).toBe('failed 554 binary-not-offered');
    expect(brief(await other.send({ ...mailTo('1'), parameters }))).toBe('failed 554 utf8-header-not-offered');
  });

  it.each<[message: string, parameters: object, recipientParameters?: unknown]>([
    ['parameters must be an object, not null', null as never],
    ['there is no option smtpUTF8: did you mean smtpUtf8?', { smtpUTF8: true }],
    ['body must be "7BIT", "8BITMIME" or "BINARYMIME", not "8BIT"', { body: '8BIT' }],
    ['body must be "7BIT", "8BITMIME" or "BINARYMIME", not "7BIT RET=FULL"', { body: '7BIT RET=FULL' }],
    ['smtpUtf8 must be true, not "yes"', { smtpUtf8: 'yes' }],
    ['auth must be text, not 5', { auth: 5 }],
    ['auth must be a mailbox, or "<>", not "bob"', { auth: 'bob' }],
    ['ret must be "FULL" or "HDRS", not "full"', { ret: 'full' }],
    ['ret must be "FULL" or "HDRS", not "FULL\\r\\nRCPT TO:<eve@c.test>"', { ret: 'FULL\r\nRCPT TO:<eve@c.test>' }],
    ['envelopeId must be printable ASCII, of at most 100 characters in xtext, not "a\\r\\n"', { envelopeId: 'a\r\n' }],
    ['recipientParameters must be a list, not {"notify":[]}', {}, { notify: [] }],
    ['recipientParameters must be one for each recipient, 1, not 2', {}, [{}, {}]],
    ['the parameters of a recipient must be an object, not "NEVER"', {}, ['NEVER']],
    ['notify must be a list, not "NEVER"', {}, [{ notify: 'NEVER' }]],
    ['notify must be a list of "SUCCESS", "FAILURE" and "DELAY", each once at most, not ["NEVER","DELAY"]', {}, [{ notify: ['NEVER', 'DELAY'] }]],
    ['originalRecipient must be of a type and an address, such as { type: "rfc822", address: "bob@example.com" }, not "rfc822;a@b.test"', {}, [{ originalRecipient: 'rfc822;a@b.test' }]],
    ['originalRecipient must be of a type and an address, such as { type: "rfc822", address: "bob@example.com" }, not null', {}, [{ originalRecipient: null }]],
    ['originalRecipient must be of a type and an address, such as { type: "rfc822", address: "bob@example.com" }, not {"type":"a b","address":"c"}', {}, [{ originalRecipient: { type: 'a b', address: 'c' } }]],
  ])('asks for nothing that no client could ask for: %s', async (message, parameters, recipientParameters) => {
    const asked = { parameters, ...(recipientParameters === undefined ? {} : { recipientParameters }) } as Pick<MailToSend, 'parameters'>;
    await using client = connectTo('smtp://127.0.0.1:1', OPTIONS);
    await expect(client.send({ ...mailTo('1'), ...asked })).rejects.toThrow(new UsageError(message));
    await expect(relay('alice@a.test', ['bob@b.test'], latin1('x\r\n'), asked)).rejects.toThrow(new UsageError(message));
  });

  it('opens as many connections as there are mails, up to its limit, and keeps them', async () => {
    const gate = deferred();
    const { url, clients } = await keeping(() => gate.promise.then(() => undefined));
    const client = connectTo(url, { ...OPTIONS, connections: 3 });
    const sent = Array.from({ length: 7 }, (_, at) => client.send(mailTo(`${at}`)));
    await until(() => clients.size === 3);
    await turns(20);
    expect([clients.size, client.waiting]).toEqual([3, 4]);
    gate.resolve();
    await Promise.all(sent);
    expect(brief(await client.send(mailTo('late')))).toBe('delivered 250');
    expect(clients.size).toBe(3);
    await client.close();
  });

  it('leaves a mail whose connection is refused to the one that has been going on meanwhile', async () => {
    const [refusal, third] = [deferred(), deferred()];
    const taken: string[] = [];
    let connections = 0;
    const server = await serve({}, {
      client: () => (++connections === 2 ? refusal.promise.then(() => refuse(554, '5.7.1', 'one is enough')) : undefined),
      async message({ forwardPaths }) {
        taken.push(forwardPaths[0]?.text ?? '');
        if (taken.length === 3) await third.promise;
        return accept();
      },
    });
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, { ...OPTIONS, connections: 2 });
    const names = ['1', '2', '3', '4', '5', '6', '7', '8'];
    const sent = names.map((name) => client.send(mailTo(name)));
    await until(() => taken.length === 3);
    const { waiting } = client;
    refusal.resolve();
    await until(() => client.waiting > waiting);
    sent.push(client.send(mailTo('9'))); // for which no further one is tried
    await turns(50);
    third.resolve();
    expect((await Promise.all(sent)).map(brief)).toEqual(sent.map(() => 'delivered 250'));
    expect([taken.toSorted(), connections]).toEqual([[...names, '9'].map((name) => `<${name}@b.test>`), 2]);
    await Promise.all([client.send(mailTo('10')), client.send(mailTo('11'))]); // when nothing is in hand any more
    expect(connections).toBe(3);
    await client.close();
  });

  it('tries for a further connection again where one was to be had, and begins with the mail that was left', async () => {
    const gates = [deferred(), deferred()];
    const begun: string[] = [];
    let connections = 0;
    const server = await serve({}, {
      client: () => (++connections === 2 ? refuse(554, '5.7.1', 'one is enough') : undefined),
      async message({ forwardPaths }) {
        begun.push(forwardPaths[0]?.text ?? '');
        await gates[begun.length - 1]?.promise;
        return accept();
      },
    });
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, { ...OPTIONS, connections: 2, mailsPerConnection: 1 });
    const sent = ['1', '2', '3'].map((name) => client.send(mailTo(name)));
    await until(() => client.waiting === 2);
    gates[0]?.resolve();
    await until(() => begun.length === 2);
    sent.push(client.send(mailTo('4')));
    await sent[2];
    gates[1]?.resolve();
    expect((await Promise.all(sent)).map(brief)).toEqual(sent.map(() => 'delivered 250'));
    expect(begun).toEqual(['1', '2', '3', '4'].map((name) => `<${name}@b.test>`));
    await client.close();
  });

  it('reports refusals as outcomes, and goes on', async () => {
    const { url } = await keeping((mail) => (mail.forwardPaths[0]?.text === '<2@b.test>' ? refuse(554, '5.7.1', 'no') : undefined));
    const client = connectTo(url, { ...OPTIONS, connections: 1 });
    expect((await Promise.all(['1', '2', '3'].map((name) => client.send(mailTo(name))))).map(brief)).toEqual(['delivered 250', 'failed 554', 'delivered 250']);
    await client.close();
  });

  it('is ready as long as few wait, and then again when some have gone', async () => {
    const gates = [deferred(), deferred()];
    let begun = 0;
    const { url } = await keeping(() => gates[begun++]?.promise.then(() => undefined));
    const client = connectTo(url, { ...OPTIONS, connections: 1, waiting: 2 });
    const sent = [client.send(mailTo('1'))];
    await client.ready;
    sent.push(client.send(mailTo('2')));
    await client.ready;
    sent.push(client.send(mailTo('3')), client.send(mailTo('4'))); // one more than it was ready for
    let ready = false;
    const again = Promise.all([client.ready, client.ready]).then(() => (ready = true));
    await turns(20);
    expect([ready, client.waiting]).toEqual([false, 3]);
    gates[0]?.resolve();
    await until(() => begun === 2);
    expect([ready, client.waiting]).toEqual([false, 2]);
    gates[1]?.resolve();
    await again;
    expect((await Promise.all(sent)).map(brief)).toEqual(sent.map(() => 'delivered 250'));
    await client.close();
  });

  it('sends a long row of mails with their outcomes in order, taking no more of them than may wait', async () => {
    const { url, taken } = await keeping((mail) => (mail.forwardPaths[0]?.text.startsWith('<7') === true ? refuse(550, '5.7.1', 'no') : undefined));
    const client = connectTo(url, { ...OPTIONS, connections: 4, waiting: 10 });
    let given = 0;
    let most = 0;
    function* mails(): Generator<MailToSend, void> {
      for (; given < 300; given += 1) yield mailTo(`${given}`);
    }
    const told: string[] = [];
    for await (const outcomes of client.sendAll(mails())) {
      told.push(`${outcomes[0]?.forwardPath.text} ${outcomes[0]?.outcome.state}`);
      most = Math.max(most, given - told.length);
    }
    expect(told).toEqual(Array.from({ length: 300 }, (_, at) => `<${at}@b.test> ${`${at}`.startsWith('7') ? 'failed' : 'delivered'}`));
    expect(taken).toHaveLength(300);
    expect(most).toBeLessThanOrEqual(14);
    await client.close();
  });

  it('tells the outcomes of a mail while the next one is waited for', async () => {
    const { url } = await keeping();
    const client = connectTo(url, OPTIONS);
    let told: () => void = () => undefined;
    async function* mails(): AsyncGenerator<MailToSend, void> {
      for (const to of ['1', '2', '3']) {
        const isTold = new Promise<void>((resolve) => (told = resolve));
        yield mailTo(to);
        await isTold; // each one waits for what became of the one before
      }
    }
    const states: string[] = [];
    for await (const outcomes of client.sendAll(mails())) {
      states.push(brief(outcomes));
      told();
    }
    expect(states).toEqual(['delivered 250', 'delivered 250', 'delivered 250']);
    await client.close();
  });

  it.each<[string, () => Iterable<MailToSend>, number]>([
    ['mails that break off', function* () {
      yield mailTo('1');
      yield mailTo('2');
      throw new UsageError('no more');
    }, 2],
    ['a mail that is none, behind which none is taken', function* () {
      yield mailTo('1');
      yield { ...mailTo('2'), to: [] };
      yield mailTo('3');
    }, 1],
  ])('tells every outcome there is of %s, and throws then', async (_, mails, told) => {
    const { url, taken } = await keeping();
    const client = connectTo(url, OPTIONS);
    const states: string[] = [];
    const sending = async (): Promise<void> => {
      for await (const outcomes of client.sendAll(mails())) states.push(brief(outcomes));
    };
    await expect(sending()).rejects.toThrow(UsageError);
    await client.close();
    expect(states).toEqual(Array.from({ length: told }, () => 'delivered 250'));
    expect(taken).toHaveLength(told);
  });

  it('closes the source of mails that is left', async () => {
    const { url } = await keeping();
    const client = connectTo(url, { ...OPTIONS, connections: 1, waiting: 1 });
    let closed = false;
    function* mails(): Generator<MailToSend, void> {
      try {
        for (let each = 0; ; each++) yield mailTo(`${each}`);
      } finally {
        closed = true;
      }
    }
    for await (const _ of client.sendAll(mails())) break;
    expect(closed).toBe(true);
    async function* stalling(): AsyncGenerator<MailToSend, void> {
      yield mailTo('1');
      await new Promise(() => undefined);
    }
    for await (const _ of client.sendAll(stalling())) break; // and does not wait for what may never come
    const gate = deferred();
    async function* ending(): AsyncGenerator<MailToSend, void> {
      yield mailTo('1');
      await gate.promise;
    }
    for await (const _ of client.sendAll(ending())) { // it has come to its end by itself, and nobody has noticed yet
      gate.resolve();
      await turns();
      break;
    }
    await client.close();
  });

  it('ends when all have their outcomes, and says QUIT', async () => {
    await using server = await startScriptedServer([...GREETING, ...Array.from({ length: 2 }, () => ['C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 taken']).flat(), ...FAREWELL]);
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, { ...OPTIONS, connections: 1 });
    const told: string[] = [];
    for (const name of ['1', '2']) void client.send(mailTo(name)).then((outcomes) => told.push(brief(outcomes)));
    await client.close();
    expect(told).toEqual(['delivered 250', 'delivered 250']);
    await until(() => server.idle);
    expect(server.heard[0]?.endsWith('QUIT\r\n')).toBe(true);
    await expect(client.send(mailTo('3'))).rejects.toThrow(UsageError);
    await client.close();
  });

  it('that has sent nothing ends at once, having opened nothing', async () => {
    await using server = await startScriptedServer(GREETING);
    await using client = connectTo(`smtp://127.0.0.1:${server.port}`, OPTIONS);
    expect(client.waiting).toBe(0);
    expect(server.connections).toBe(0);
  });

  it('uses a fresh connection where one has been closed between two mails', async () => {
    const one = ['C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 taken'];
    await using server = await startScriptedServer([...GREETING, ...one, '* end'], [...GREETING, ...one, 'C: MAIL', '* reset'], [...GREETING, ...one, ...FAREWELL]);
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, { ...OPTIONS, connections: 1 });
    for (const name of ['1', '2', '3']) expect(brief(await client.send(mailTo(name)))).toBe('delivered 250');
    await client.close();
    expect(server.connections).toBe(3);
  });

  const CHUNKING = [...GREETING.slice(0, -1), 'S: 250-PIPELINING', 'S: 250 CHUNKING'];
  const flight = ['C: MAIL', 'C: RCPT', 'C: BDAT 3 LAST', 'C: ', 'S: 250 ok', 'S: 250 ok', 'S: 250 taken'];
  const second = ['C: MAIL', 'C: RCPT', 'S: 250 ok', 'S: 250 ok', 'C: BDAT 3', 'C: ', 'C: BDAT 0 LAST', 'S: 250 ok', 'S: 250 taken'];

  it.each<[string, readonly string[], readonly string[]]>([
    ['closes behind a mail without a word', [...CHUNKING, ...flight], ['* end']],
    ['closes so as the next one comes', [...CHUNKING, ...flight], ['C: MAIL', '* end']],
    ['closes behind several', [...CHUNKING, ...flight, ...second, ...flight], ['* end']],
    ['says 221 behind a mail', [...CHUNKING, ...flight], ['S: 221 bye', '* end']],
    ['says 221 as the next one comes', [...CHUNKING, ...flight], ['C: MAIL', 'S: 221 bye', '* end']],
    ['says 221 behind several', [...CHUNKING, ...flight, ...second, ...flight], ['S: 221 bye', '* end']],
    ['says 221 as a further one comes', [...CHUNKING, ...flight, ...second], ['C: MAIL', 'S: 221 bye', '* end']],
    ['has no chunks, and says 221', [...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 taken'], ['C: MAIL', 'S: 221 bye', '* end']],
    ['has no chunks, and says what answers nothing', [...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 taken'], ['S: 250 noise', 'C: MAIL', '* end']],
  ])('has the next mail go over a fresh connection where the server %s', async (_, taken, ends) => {
    await using server = await startScriptedServer([...taken, ...ends], [...taken, ...ends], [...CHUNKING, ...flight, ...second, ...flight, ...flight, ...flight, ...FAREWELL]);
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, { ...OPTIONS, connections: 1 });
    const mails = taken.filter((line) => line === 'C: MAIL').length * 2 + 1;
    expect((await Promise.all(Array.from({ length: mails }, (_each, name) => client.send(mailTo(String(name)))))).map(brief)).toEqual(Array.from({ length: mails }, () => 'delivered 250'));
    await client.close();
    expect(server.connections).toBe(3);
  });

  it('changes connections after as many mails as one may have', async () => {
    const { url, clients } = await keeping();
    const client = connectTo(url, { ...OPTIONS, connections: 1, mailsPerConnection: 2 });
    for (const name of ['1', '2', '3', '4', '5']) await client.send(mailTo(name));
    expect(clients.size).toBe(3);
    await client.close();
  });

  it('tells all that wait that no connection is to be had', async () => {
    const client = connectTo(`smtp://127.0.0.1:${await unusedPort()}`, { ...OPTIONS, connections: 1, signal: new AbortController().signal });
    const sent = await Promise.all(['1', '2', '3'].map((name) => client.send(mailTo(name))));
    expect(sent.map(brief)).toEqual(Array.from({ length: 3 }, () => 'deferred 451 no-connection'));
    expect(sent[2]?.[0]?.outcome.reply.lines.join()).toMatch(/connection refused/);
    await client.close();
  });

  it.each([1, 5])('tells all that wait why a server takes no mail, and does not try it for each: %d connections', async (connections) => {
    const wrong = ['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 250 AUTH PLAIN', 'C: AUTH', 'S: 535 5.7.8 wrong password', ...FAREWELL];
    await using server = await startScriptedServer(wrong);
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, { ...OPTIONS, connections, auth: { secret: { type: 'password', authcid: 'alice', password: 'wrong' }, clearText: true } });
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, name) => client.send(mailTo(String(name)))));
    expect(new Set(outcomes.map(brief))).toEqual(new Set(['deferred 535']));
    expect(server.connections).toBe(connections);
    expect(brief(await client.send(mailTo('later')))).toBe('deferred 535'); // asked anew
    expect(server.connections).toBe(connections + 1);
    await client.close();
  });

  it('makes do with the connections that a server lets it have', async () => {
    let taken = 0;
    const server = await serve({ maxConnectionsPerClient: 2 }, { message: async ({ content }) => {
      for await (const _ of content) continue;
      taken += 1;
      return accept();
    } });
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, { ...OPTIONS, connections: 5 });
    const outcomes = await Promise.all(Array.from({ length: 40 }, (_, name) => client.send(mailTo(String(name)))));
    expect(new Set(outcomes.map(brief))).toEqual(new Set(['delivered 250']));
    expect(taken).toBe(40);
    await client.close();
  });

  it('says what is wrong where the host is not found', async () => {
    const client = connectTo('smtp://nowhere.invalid', OPTIONS);
    expect(brief(await client.send(mailTo('1')))).toBe('deferred 451 no-connection');
    await client.close();
  });

  it('says that it is our own failure where our own resolver fails', async () => {
    const resolver = Object.assign(new Resolver(), { route: () => Promise.reject(new Error('no way')) });
    await using client = connectTo('smtp://mx.test', { ...OPTIONS, resolver });
    expect((await client.send(mailTo('1')))[0]?.outcome).toMatchObject({ state: 'deferred', reply: { code: 451, enhanced: '4.3.0', lines: ['no way'] } });
  });

  it('is aborted by its signal: who was not sent to is deferred', async () => {
    const aborter = new AbortController();
    await using server = await startScriptedServer(['C: nothing']);
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, { ...OPTIONS, connections: 1, signal: aborter.signal });
    const sent = [client.send(mailTo('1')), client.send(mailTo('2'))];
    await until(() => server.connections === 1);
    aborter.abort();
    expect((await Promise.all(sent)).map(brief)).toEqual(['deferred 451 aborted', 'deferred 451 aborted']);
    await client.close();
  });

  it('has any number of connections on one signal without a warning', async () => {
    const warned = vi.spyOn(process, 'emitWarning');
    const aborter = new AbortController();
    await using server = await startScriptedServer(['C: nothing']);
    await using client = connectTo(`smtp://127.0.0.1:${server.port}`, { ...OPTIONS, connections: 12, signal: aborter.signal });
    const sent = Array.from({ length: 12 }, (_, index) => client.send(mailTo(String(index))));
    await until(() => server.connections === 12);
    aborter.abort();
    await Promise.all(sent);
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
  });

  it('keeps a connection for ever where it is told to', async () => {
    const warned = vi.spyOn(process, 'emitWarning'); // by Node, of a timer of Infinity milliseconds, which goes off at once
    const { url, clients } = await keeping();
    const client = connectTo(url, { ...OPTIONS, idle: Infinity });
    for (const name of ['1', '2']) await client.send(mailTo(name));
    await client.close();
    expect(clients.size).toBe(1);
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
  });

  it.each(['a stream', 'a function'])('counts mails whose content is being measured among those that wait: %s', async (kind) => {
    const { url } = await keeping();
    const gate = deferred();
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      await gate.promise;
      yield latin1('x\r\n');
    };
    const failing = deferred();
    await using client = connectTo(url, { ...OPTIONS, connections: 1, waiting: 2 });
    const sent = client.send(mailTo('1', kind === 'a stream' ? stream() : stream));
    const lost = client.send(mailTo('2', (async function* (): AsyncGenerator<Uint8Array> {
      await failing.promise;
      throw new Error('lost');
    })()));
    let ready = false;
    const again = client.ready.then(() => (ready = true));
    await turns(5);
    expect([ready, client.waiting]).toEqual([false, 2]);
    failing.resolve();
    await expect(lost).rejects.toThrow('lost');
    await again;
    expect(client.waiting).toBe(1);
    gate.resolve();
    expect(brief(await sent)).toBe('delivered 250');
    expect(client.waiting).toBe(0);
  });

  it.each(['a stream', 'a function'])('reads no more of endless content once it is aborted: %s', async (kind) => {
    const { url } = await keeping();
    const aborter = new AbortController();
    let pieces = 0;
    let left = false;
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (; pieces < 1_000; pieces += 1) {
          await turns(1);
          yield latin1('x\r\n');
        }
      } finally {
        left = true;
      }
    };
    await using client = connectTo(url, { ...OPTIONS, signal: aborter.signal });
    const sent = client.send(mailTo('bob', kind === 'a stream' ? endless() : endless));
    await until(() => pieces > 3);
    aborter.abort();
    expect(brief(await sent)).toBe('deferred 451 aborted');
    await until(() => left);
    expect(pieces).toBeLessThan(50);
  });

  // found by trying: the option was looked at only by connections that had not served
  it('begins nothing more once `closing` has aborted, and finishes what was begun', async () => {
    const gate = deferred();
    const { url, taken } = await keeping(() => gate.promise.then(() => undefined));
    const aborter = new AbortController();
    let reading = false;
    await using client = connectTo(url, { ...OPTIONS, connections: 1, closing: aborter.signal });
    const first = client.send(mailTo('1', async function* () {
      yield latin1('1\r\n');
      reading = client.waiting === 0;
    }));
    await until(() => reading);
    const others = [client.send(mailTo('2')), client.send(mailTo('3', (async function* () { yield await new Promise<Uint8Array>(() => undefined); })()))];
    aborter.abort();
    gate.resolve();
    expect(brief(await first)).toBe('delivered 250');
    expect((await Promise.all(others)).map(brief)).toEqual(['deferred 451 aborted', 'deferred 451 aborted']);
    expect(brief(await client.send(mailTo('4')))).toBe('deferred 451 aborted');
    expect(taken).toEqual(['<1@b.test> 1\r\n']);
  });

  // found by trying: it was closed while QUIT was on its way
  it('is closed when a connection is gone that may serve no further mail', async () => {
    await using server = await startScriptedServer(taking());
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, { ...OPTIONS, mailsPerConnection: 1 });
    expect(brief(await client.send(mailTo('1')))).toBe('delivered 250');
    await client.close();
    expect(server.heard[0]).toMatch(/QUIT\r\n$/);
  });

  it('tells what became of a mail whose fresh connection was lost, and does not try it again by itself', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', '* reset']);
    await using client = connectTo(`smtp://127.0.0.1:${server.port}`, OPTIONS);
    expect(brief(await client.send(mailTo('1')))).toBe('deferred 451 connection-lost');
    expect(server.connections).toBe(1);
  });

  it('keeps no connection whose server takes no further mail in a session (RFC 9422 §4.1)', async () => {
    const one = ['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 250 LIMITS MAILMAX=1', ...taking().slice(GREETING.length)];
    await using server = await startScriptedServer(one);
    await using client = connectTo(`smtp://127.0.0.1:${server.port}`, { ...OPTIONS, idle: Infinity });
    expect(brief(await client.send(mailTo('1')))).toBe('delivered 250');
    await until(() => server.idle);
    expect(brief(await client.send(mailTo('2')))).toBe('delivered 250');
    expect(server.connections).toBe(2);
  });

  // found by reading: it was not waited for, though its server had not answered QUIT
  it('is closed when a connection is gone whose server took no further domain', async () => {
    const one = ['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 250 LIMITS RCPTDOMAINMAX=1', ...taking().slice(GREETING.length)];
    await using server = await startScriptedServer(one.slice(0, -1), one);
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, OPTIONS);
    expect(brief(await client.send({ ...mailTo('1'), to: ['1@a.test', '2@b.test'] }))).toBe('delivered 250, delivered 250');
    let closed = false;
    const closing = client.close().then(() => (closed = true));
    await until(() => server.heard[1]?.endsWith('QUIT\r\n') === true);
    await turns(100);
    expect(closed).toBe(false);
    server.reset();
    await closing;
  });

  it('opens no connection once `closing` has aborted', async () => {
    const { url, clients } = await keeping();
    const aborter = new AbortController();
    aborter.abort();
    await using client = connectTo(url, { ...OPTIONS, closing: aborter.signal });
    expect(brief(await client.send(mailTo('1')))).toBe('deferred 451 aborted');
    expect(clients.size).toBe(0);
  });

  it('waits for no content that does not come once it is aborted', async () => {
    const { url } = await keeping();
    const aborter = new AbortController();
    const client = connectTo(url, { ...OPTIONS, signal: aborter.signal });
    const sent = client.send(mailTo('1', (async function* () { yield await new Promise<Uint8Array>(() => undefined); })()));
    aborter.abort();
    expect(brief(await sent)).toBe('deferred 451 aborted');
    await client.close();
  });

  it('rejects what is misuse, and loses nothing else by it', async () => {
    const { url } = await keeping();
    const client = connectTo(url, OPTIONS);
    await expect(client.send({ ...mailTo('1'), to: 'nobody' })).rejects.toThrow(UsageError);
    await expect(client.send({ ...mailTo('1'), from: 'a b@c' })).rejects.toThrow(UsageError);
    await expect(client.send({ ...mailTo('1'), to: [] })).rejects.toThrow(UsageError);
    for (const from of [undefined, null, 5, {}, { type: 'path', text: '<a@b.test>' }, parseForwardPath('<postmaster>')]) await expect(client.send({ ...mailTo('1'), from: from as string })).rejects.toThrow(UsageError); // as JavaScript may give it
    for (const to of [undefined, null, { address: 'b@b.test' }, [undefined], [{ address: 'b@b.test' }], [parseReversePath('<>')]]) await expect(client.send({ ...mailTo('1'), to: to as unknown as string })).rejects.toThrow(UsageError);
    await expect(client.send(mailTo('1', (async function* () { throw new Error('disk on fire'); })()))).rejects.toThrow('disk on fire');
    expect(brief(await client.send(mailTo('1')))).toBe('delivered 250');
    await client.close();
  });

  it('defers a mail whose content can be had once, and throws then', async () => {
    const { url, taken } = await keeping();
    const client = connectTo(url, OPTIONS);
    let asked = 0;
    const content = (): AsyncIterable<Uint8Array> => {
      if (asked++ > 0) throw new Error('disk on fire');
      return (async function* () { yield latin1('a\r\n'); })();
    };
    const [recipient] = await client.send(mailTo('1', content));
    expect(recipient?.outcome).toMatchObject({ state: 'deferred', reason: 'content-lost', reply: { lines: ['the content could not be read: disk on fire'] } });
    expect(brief(await client.send(mailTo('2')))).toBe('delivered 250');
    await client.close();
    expect(taken).toEqual(['<2@b.test> 2\r\n']);
  });

  it.each<[string, readonly string[]]>([
    ['the rest of a stream that was read', []],
    ['less', ['aa\r\n']],
    ['more', ['aa\r\n', 'bb\r\n', 'cc\r\n']],
    ['octets above 127', ['aa\r\n', 'b\xe4\r\n']],
  ])('defers a mail whose content is another one when it is sent: %s', async (_, second) => {
    const { url, taken } = await keeping();
    const client = connectTo(url, OPTIONS);
    let asked = 0;
    const content = async function* (): AsyncGenerator<Uint8Array, void> {
      for (const piece of asked++ === 0 ? ['aa\r\n', 'bb\r\n'] : second) yield latin1(piece);
    };
    const [recipient] = await client.send(mailTo('1', content));
    expect(recipient?.outcome).toMatchObject({ state: 'deferred', reason: 'content-lost', reply: { lines: ['the content could not be read: it is not what it was when it was measured'] } });
    await client.close();
    expect(taken).toEqual([]);
  });

  it.each(['mx.test', 'http://mx.test', 'smtp://', 'smtp://mx.test:0', 'smtp://a b', 'smtp://mx.test/path', 'smtps://mx.test:587', 'lmtp://mx.test:25', undefined as unknown as string])('%j is no server', (url) => {
    expect(() => connectTo(url)).toThrow(/^expected smtp:\/\/HOST:PORT, smtps:\/\/HOST:PORT \(not on port 25 or 587\) or lmtp:\/\/HOST:PORT \(not on port 25\), found /);
  });

  it('does not repeat what may be a password', () => {
    for (const url of ['smtp://alice:secret@mx.test:25', 'alice:secret@mx.test']) expect(() => connectTo(url)).toThrow(/^(?!.*secret).*@mx\.test/);
  });

  it.each<[string, object]>([
    ['hostname must be a domain or an address literal, not "a b"', { hostname: 'a b' }],
    ['tlsPolicy must be one of off, opportunistic, require, verify, not "must"', { tlsPolicy: 'must' }],
    ['auth needs a secret: { type: "password", authcid, password } or { type: "token", token }', { auth: { user: 'alice', pass: 'secret' } }],
    ['auth needs a secret: { type: "password", authcid, password } or { type: "token", token }', { auth: { secret: { type: 'password', authcid: 'alice' } } }],
    ['auth needs a secret: { type: "password", authcid, password } or { type: "token", token }', { auth: { secret: { type: 'token' } } }],
    ['auth needs a secret: { type: "password", authcid, password } or { type: "token", token }', { auth: null }],
    ['the certificates of authorities cannot be used: expected PEM, text with a line -----BEGIN CERTIFICATE-----', { tls: { ca: 'PEM' } }],
    ['tls must be a TlsClient, or its options, such as { ca }, not null', { tls: null }],
    ['hostname must be a domain or an address literal, not 5', { hostname: 5 }],
    ['signal must be an AbortSignal, such as that of new AbortController(), not 5', { signal: 5 }],
    ['there is no option conections: did you mean connections?', { conections: 2 }],
    ['there is no option requireTls where mail is sent: tlsPolicy: "require", or "verify", sends nothing without TLS', { requireTls: true }],
    ['there is no option requireTLS where mail is sent: tlsPolicy: "require", or "verify", sends nothing without TLS', { requireTLS: true }],
    ['signal must be an AbortSignal, such as that of new AbortController(), not {}', { signal: {} }],
    ['closing must be an AbortSignal, such as that of new AbortController(), not null', { closing: null }],
    ['serverName must be a host name, not 5', { serverName: 5 }],
    ['ownNames must be a list, not "mx.test"', { ownNames: 'mx.test' }],
    ['ownNames must be host names, not [5]', { ownNames: [5] }],
    ['timeout must be a number of at least 1, not "5"', { timeout: '5' }],
  ])('throws UsageError at once, and does not defer mail for ever: %s', (message, options) => {
    expect(() => connectTo('smtp://mx.test', options)).toThrow(new UsageError(message));
  });

  it.each([{ connections: 0 }, { waiting: 0 }, { connections: NaN }])('%j is misuse', (options) => {
    expect(() => connectTo('smtp://mx.test', options)).toThrow(UsageError);
  });

  it('speaks LMTP to lmtp://', async () => {
    await using server = await startScriptedServer(['S: 220 mx.test LMTP', 'C: LHLO', 'S: 250-mx.test', 'S: 250 8BITMIME', 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 taken', 'S: 452 4.2.2 full', ...FAREWELL]);
    const client = connectTo(`lmtp://127.0.0.1:${server.port}`, OPTIONS);
    expect(brief(await client.send({ ...mailTo('1'), to: ['1@b.test', '2@b.test'] }))).toBe('delivered 250, deferred 452');
    await client.close();
  });
});
