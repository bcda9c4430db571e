import { performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { accept, refuse, type Verdict } from '../../src/protocol/server/verdict.ts';
import { collect, type ScriptedFault } from '../../src/node/collect.ts';
import { listen } from '../../src/node/listen.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { RawPeer } from '../support/raw-peer.ts';

const ENVELOPE = ['EHLO client.test', 'MAIL FROM:<alice@example.org>', 'RCPT TO:<bob@example.com>', 'DATA'];

/** The replies to a whole session against a collector with these faults; `gone` where the connection broke. */
async function replies(client: RawPeer, lines: readonly string[]): Promise<readonly string[]> {
  const heard: string[] = [];
  try {
    heard.push(await client.reply());
    for (const line of lines) heard.push(await client.command(line));
  } catch {
    heard.push('gone');
  }
  return heard.map((reply) => reply.slice(0, 9).trimEnd());
}

async function session(faults: readonly ScriptedFault[], ...lines: readonly string[]): Promise<{ readonly heard: readonly string[]; readonly mails: number }> {
  const collector = collect(...faults);
  const server = await listen({ port: 0, hostname: 'mx.test' }, collector);
  const client = await RawPeer.connect(server.port);
  const heard = await replies(client, lines);
  client.reset();
  await server.close(0);
  return { heard, mails: collector.mails.length };
}

describe('a collector', () => {
  it('keeps what a mail asks for, where the server offers it (RFC 3461)', async () => {
    const collector = collect();
    await using server = await listen({ port: 0, hostname: 'mx.test', without: [] }, collector);
    const client = await RawPeer.connect(server.port);
    await replies(client, ['EHLO client.test', 'MAIL FROM:<alice@example.org> RET=HDRS', 'RCPT TO:<bob@example.com> NOTIFY=NEVER', 'RCPT TO:<carol@example.com>', 'DATA', 'x\r\n.']);
    expect(await collector.next()).toMatchObject({ parameters: { ret: 'HDRS' }, recipientParameters: [{ notify: [] }, {}] });
    client.reset();
  });

  it('keeps no mail whose client was told to send it again', async () => {
    const collector = collect({ at: 'message', delay: 100_000, times: 1 });
    await using server = await listen({ port: 0, hostname: 'mx.test', hookTimeout: 50 }, collector);
    const client = await RawPeer.connect(server.port);
    const mail = [...ENVELOPE.slice(1), 'x\r\n.'];
    expect(await replies(client, ['EHLO client.test', ...mail, ...mail])).toEqual(['220 mx.te', '250-mx.te', '250 2.1.0', '250 2.1.5', '354 end d', '451 4.3.0', '250 2.1.0', '250 2.1.5', '354 end d', '250 2.0.0']);
    expect(collector.mails).toHaveLength(1);
    client.reset();
  });

  it('keeps each mail as it came, and gives them one after the other', async () => {
    const collector = collect();
    const server = await listen({ port: 0, hostname: 'mx.test' }, collector);
    const first = collector.next();
    const second = collector.next();
    const client = await RawPeer.connect(server.port);
    await replies(client, [...ENVELOPE, 'Subject: käse\r\n\r\n..\r\n.', 'MAIL FROM:<>', 'RCPT TO:<"a b"@[192.0.2.1]>', 'RCPT TO:<postmaster>', 'DATA', '\xff\r\n.', 'QUIT']);
    expect(await first).toMatchObject({ reversePath: 'alice@example.org', forwardPaths: ['bob@example.com'], text: 'Subject: k\xe4se\r\n\r\n.\r\n', session: { protocol: 'ESMTP' } });
    expect(await second).toMatchObject({ reversePath: '', forwardPaths: ['"a b"@[192.0.2.1]', 'postmaster'], content: new Uint8Array([0xff, 13, 10]) });
    expect(collector.mails.length).toBe(2);
    await expect(collector.next(10)).rejects.toThrow('no mail came in 10 ms; 2 came before');
    client.reset();
    await server.close(0);
  });

  // found by trying: it waited for the mail behind the one that came
  it('gives a mail to who waits longest, and not to who has given up', async () => {
    const collector = collect();
    await using server = await listen({ port: 0, hostname: 'mx.test' }, collector);
    const send = async (): Promise<void> => {
      const client = await RawPeer.connect(server.port);
      await replies(client, [...ENVELOPE, 'x\r\n.', 'QUIT']);
    };
    const [given, waiting] = [collector.next(10), collector.next()];
    await expect(given).rejects.toThrow('no mail came in 10 ms; 0 came before');
    await send();
    expect(await waiting).toBe(collector.mails[0]);
    await send();
    expect(await collector.next()).toBe(collector.mails[1]);
  });

  it('keeps what a session was when its mail came', async () => {
    const collector = collect();
    await using server = await listen({ port: 0, hostname: 'mx.test' }, collector);
    const client = await RawPeer.connect(server.port);
    await replies(client, [...ENVELOPE, 'x\r\n.', 'HELO other.test']);
    expect(await collector.next()).toMatchObject({ session: { helo: { text: 'client.test' }, protocol: 'ESMTP' } });
    client.reset();
  });

  it('keeps no mail at whose data the connection breaks, also where they are empty', async () => {
    expect(await session([{ at: 'message', drop: true }], ...ENVELOPE, '.')).toMatchObject({ heard: { 4: '354 end d', 5: 'gone' }, mails: 0 });
  });

  it('has no fault that strikes nowhere', () => {
    expect(() => collect({ at: 'data' as 'message', drop: true })).toThrow(new UsageError('a fault strikes at client, helo, mail, rcpt, message, not at "data"'));
  });

  // found by trying: an acceptance took mails that nobody was told of, and text was the hook's failure
  it.each([accept(), '450 4.2.1 try later', null])('has no refusal that is %j', (verdict) => {
    expect(() => collect({ at: 'message', refuse: verdict as Verdict })).toThrow(new UsageError('the refusal of a fault is refuse(code, enhanced, text)'));
  });

  it.each<[string, ScriptedFault, readonly string[], number]>([
    ['at the banner', { at: 'client', refuse: refuse(554, '5.3.2', 'not now') }, ['554 not n', '503 5.5.1', '503 5.5.1', '503 5.5.1', '503 5.5.1', '503 5.5.1'], 0],
    ['at EHLO', { at: 'helo', refuse: refuse(550, '5.7.1', 'no') }, ['220 mx.te', '550 5.7.1', '503 5.5.1', '503 5.5.1', '503 5.5.1', '500 5.5.1'], 0],
    ['at MAIL, of one sender', { at: 'mail', path: 'alice@example.org', refuse: refuse(451, '4.7.1', 'later') }, ['220 mx.te', '250-mx.te', '451 4.7.1', '503 5.5.1', '503 5.5.1', '500 5.5.1'], 0],
    ['at MAIL, of another sender', { at: 'mail', path: 'carol@example.org', refuse: refuse(451, '4.7.1', 'later') }, ['220 mx.te', '250-mx.te', '250 2.1.0', '250 2.1.5', '354 end d', '250 2.0.0'], 1],
    ['at RCPT', { at: 'rcpt', refuse: refuse(450, '4.2.1', 'later') }, ['220 mx.te', '250-mx.te', '250 2.1.0', '450 4.2.1', '554 5.5.1', '500 5.5.1'], 0],
    ['at the end of mail data', { at: 'message', path: 'bob@example.com', refuse: refuse(552, '5.2.2', 'full') }, ['220 mx.te', '250-mx.te', '250 2.1.0', '250 2.1.5', '354 end d', '552 5.2.2'], 0],
    ['by breaking the connection at RCPT', { at: 'rcpt', drop: true }, ['220 mx.te', '250-mx.te', '250 2.1.0', 'gone'], 0],
    ['by breaking it in mail data', { at: 'message', drop: true }, ['220 mx.te', '250-mx.te', '250 2.1.0', '250 2.1.5', '354 end d', 'gone'], 0],
  ])('is at fault %s', async (_, fault, expected, mails) => {
    const result = await session([fault], ...ENVELOPE, 'x\r\n.');
    expect(result.heard.map((reply) => reply.slice(0, 4))).toEqual(expected.map((reply) => reply.slice(0, 4)));
    expect(result.mails).toBe(mails);
  });

  it('is at fault for the postmaster, who has no domain', async () => {
    const faults: readonly ScriptedFault[] = [{ at: 'rcpt', path: 'postmaster', refuse: refuse(450, '4.2.1', 'later') }];
    expect((await session(faults, ...ENVELOPE.slice(0, 2), 'RCPT TO:<Postmaster>', 'RCPT TO:<postmaster>')).heard.slice(-2).map((reply) => reply.slice(0, 3))).toEqual(['250', '450']);
  });

  // found by trying: the test went on as if the program under test had met the fault
  it.each<[string, unknown]>([
    ['times must be a number of at least 1, not 0', { at: 'rcpt', times: 0 }],
    ['times must be a number of at least 1, not "once"', { at: 'rcpt', times: 'once' }],
    ['delay must be a number of at least 0, not NaN', { at: 'rcpt', delay: NaN }],
    ['drop must be true or false, not "no"', { at: 'rcpt', drop: 'no' }],
    ['the path of a fault is text without brackets, such as alice@example.org, not "<bob@example.com>"', { at: 'rcpt', path: '<bob@example.com>' }],
    ['the path of a fault is text without brackets, such as alice@example.org, not 5', { at: 'rcpt', path: 5 }],
    ['the path of a fault is text without brackets, such as alice@example.org, not "bob"', { at: 'rcpt', path: 'bob', drop: true }],
    ['a fault refuses, drops or delays', { at: 'rcpt', path: 'bob@example.com' }],
    ['a fault refuses, drops or delays', { at: 'rcpt', drop: false }],
    ['a fault at helo has no path: there is none yet', { at: 'helo', path: 'bob@example.com' }],
    ['there is no option tims: did you mean times?', { at: 'rcpt', drop: true, tims: 1 }],
    ['a fault must be an object, not null', null],
  ])('throws UsageError: %s', (message, fault) => {
    expect(() => collect(fault as ScriptedFault)).toThrow(new UsageError(message));
  });

  it('is at fault as often as it is told to be', async () => {
    const rcpt = 'RCPT TO:<bob@example.com>';
    const { heard } = await session([{ at: 'rcpt', times: 2, refuse: refuse(450, '4.2.1', 'later') }], ...ENVELOPE.slice(0, 2), rcpt, rcpt, rcpt);
    expect(heard.slice(-3).map((reply) => reply.slice(0, 3))).toEqual(['450', '450', '250']);
  });

  it('is slow where it is told to be', async () => {
    const start = performance.now();
    await session([{ at: 'mail', delay: 120 }, { at: 'message', delay: 120 }], ...ENVELOPE, 'x\r\n.');
    expect(performance.now() - start).toBeGreaterThan(230);
  });
});
