// The client's connections against our own server, and against scripts where a server of ours would not do so.

import { createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { describe, expect, it, vi } from 'vitest';
import { connect } from '../../src/node/connect.ts';
import { makeCredential, Users } from '../../src/node/credential.ts';
import type { Mail } from '../../src/node/hook.ts';
import type { Server } from '../../src/node/server.ts';
import { openConnection, type Outgoing, type SenderConnection, type SenderOptions } from '../../src/node/sender.ts';
import { TlsClient, tlsClientOf } from '../../src/node/tls-client.ts';
import { TlsServer } from '../../src/node/tls.ts';
import type { Outcome } from '../../src/protocol/client/action.ts';
import { accept, refuse } from '../../src/protocol/server/verdict.ts';
import { reply } from '../../src/syntax/reply.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { equal } from '../../src/wire/octet.ts';
import { allOf } from '../support/content.ts';
import { forwardPath, reversePath } from '../support/path.ts';
import { listening } from '../support/listening.ts';
import { latin1 } from '../support/raw-peer.ts';
import { FAREWELL, startScriptedServer, taking, targetOf } from '../support/scripted-server.ts';
import { certificate } from '../support/tls-peer.ts';

const { serve } = listening();
const MX = certificate('mx');

/** A server that keeps what it takes. */
async function serveKeeping(options: Parameters<typeof serve>[0] = {}): Promise<{ readonly server: Server; readonly mails: Mail[]; readonly contents: Uint8Array[] }> {
  const mails: Mail[] = [];
  const contents: Uint8Array[] = [];
  const server = await serve(options, {
    message: async (mail) => {
      const content = await allOf(mail.content);
      mails.push(mail);
      contents.push(content);
      return accept();
    },
  });
  return { server, mails, contents };
}

function open({ port }: { readonly port: number }, options: Partial<SenderOptions> = {}): Promise<SenderConnection> {
  return openConnection(() => connect(targetOf(port)), { hostname: 'client.test', timeout: 5_000, serverName: 'mx.test', ...options });
}

function mailOf(text: string, more: Partial<Outgoing> = {}): Outgoing {
  const octets = latin1(text);
  return { reversePath: reversePath('<alice@a.test>'), size: octets.length, ...more, content: async function* () {
    yield octets;
  } };
}

const TO = (...names: readonly string[]): ReturnType<typeof forwardPath>[] => names.map((name) => forwardPath(`<${name}>`));

function brief(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map(({ state, reply: { code, enhanced }, ...rest }) => [state, code, enhanced, ...('reason' in rest ? [rest.reason] : [])].join(' '));
}

async function sendOne(server: { readonly port: number }, options: Partial<SenderOptions>): Promise<Outcome | undefined> {
  const connection = await open(server, options);
  const [outcome] = await connection.send(mailOf('Subject: hi\r\n\r\nhi\r\n'), TO('bob@b.test'));
  await connection.quit();
  return outcome;
}

describe('content', () => {
  it('that comes line by line goes in blocks, and not as a command a line', async () => {
    const { server, contents } = await serveKeeping({ maxCommands: 10, without: [] });
    const line = latin1('a line of content, of which there are many\r\n');
    const lines = 1_500;
    const connection = await open(server);
    const mail = { ...mailOf('', { size: lines * line.length }), content: async function* () {
      for (let each = 0; each < lines; each++) yield line;
    } };
    expect(brief(await connection.send(mail, TO('bob@b.test')))).toEqual(['delivered 250 2.0.0']);
    expect(contents.map(({ length }) => length)).toEqual([lines * line.length]);
    await connection.quit();
  });
});

describe('TLS (RFC 3207)', () => {
  it('is begun where it is offered, and is a fact of the outcome', async () => {
    const { server, mails } = await serveKeeping({ tls: new TlsServer(MX) });
    expect(await sendOne(server, {})).toMatchObject({ state: 'delivered', tls: { version: 'TLSv1.3', verified: false, fault: 'the certificate is self-signed', fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) }, time: expect.any(Number) });
    expect(mails[0]?.session).toMatchObject({ protocol: 'ESMTPS', tls: { serverName: 'mx.test' } });
  });

  // shows RFC4954:14-3 RFC4954:14-5 RFC8689:4.2.1-5
  it('is verified for the name that was meant', async () => {
    const { server, mails } = await serveKeeping({ tls: new TlsServer(MX) });
    const tls = new TlsClient({ ca: MX.cert });
    const verified = await sendOne(server, { tls, tlsPolicy: 'verify' });
    expect(verified).toMatchObject({ state: 'delivered', tls: { verified: true } });
    expect(verified?.tls).not.toHaveProperty('fault');
    expect(await sendOne(server, { tls, tlsPolicy: 'verify', serverName: '127.0.0.1' })).toMatchObject({ state: 'delivered', tls: { verified: true } }); // an address may stand in a certificate too,
    for (const serverName of ['192.0.2.1', '::1']) {
      expect(await sendOne(server, { tls, tlsPolicy: 'verify', serverName })).toMatchObject({ state: 'deferred', reason: 'tls-not-verified' });
      await sendOne(server, { tls, serverName });
    }
    expect(mails.map(({ session }) => session.tls?.serverName)).toEqual(['mx.test', undefined, undefined, undefined]); // but is not asked for (RFC 6066 §3)
    expect(await sendOne(server, { tls, tlsPolicy: 'verify', serverName: 'other.test' })).toMatchObject({ state: 'deferred', reason: 'tls-not-verified', reply: { lines: [expect.stringContaining('the certificate is not for this host')] } });
    expect(await sendOne(server, { tls: new TlsClient({ ca: certificate('other').cert }), tlsPolicy: 'verify' })).toMatchObject({ state: 'deferred', reason: 'tls-not-verified' });
  });

  it('may come before the greeting (RFC 8314 §3)', async () => {
    const { server, mails } = await serveKeeping({ tls: new TlsServer(MX), tlsAtOnce: true });
    expect(await sendOne(server, { tlsAtOnce: true, tlsPolicy: 'verify', tls: new TlsClient({ ca: MX.cert }) })).toMatchObject({ state: 'delivered', tls: { verified: true } });
    expect(await sendOne(server, { tlsAtOnce: true, tlsPolicy: 'verify' })).toMatchObject({ state: 'deferred', reason: 'tls-not-verified' });
    expect(mails).toHaveLength(1);
  });

  it('that cannot be had is done without, or not, as the policy says', async () => {
    const { server } = await serveKeeping();
    for (const tlsPolicy of ['off', 'opportunistic'] as const) expect(await sendOne(server, { tlsPolicy })).toMatchObject({ state: 'delivered' });
    for (const tlsPolicy of ['require', 'verify'] as const) expect(await sendOne(server, { tlsPolicy })).toMatchObject({ state: 'deferred', reason: 'tls-not-offered' });
  });

  it('that fails is done without on a second connection, where the policy is opportunistic', async () => {
    const broken = ['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 250 STARTTLS', 'C: STARTTLS', 'S: 220 go', '* end'];
    for (const [tlsPolicy, states, connections] of [['opportunistic', 'delivered', 2], ['require', 'deferred', 1], ['verify', 'deferred', 1]] as const) {
      await using server = await startScriptedServer(broken, taking());
      expect((await sendOne(server, { tlsPolicy }))?.state).toBe(states);
      expect(server.connections).toBe(connections);
    }
  });

  // found with a server that wants a certificate of the client's: in TLS 1.3 its refusal comes when the client's handshake is done
  it('that ends before anything was heard under it has failed too', async () => {
    for (const [tlsPolicy, states] of [['opportunistic', 'delivered'], ['require', 'deferred'], ['verify', 'deferred']] as const) {
      const heard: (string | undefined)[] = [];
      const server = await serve({ tls: new TlsServer(MX) }, { helo: ({ session: { tls }, drop }) => {
        heard.push(tls?.version);
        if (tls !== undefined) drop();
        return undefined;
      } });
      expect(await sendOne(server, { tlsPolicy, tls: new TlsClient({ ca: MX.cert }) })).toMatchObject({ state: states });
      expect(heard).toEqual([undefined, 'TLSv1.3', ...(states === 'delivered' ? [undefined] : [])]);
    }
  });

  it('that ends so has not protected the mail that needs it (RFC 8689 §4.2.1)', async () => {
    const { server, mails } = await serveKeeping();
    const refusing = await serve({ tls: new TlsServer(MX) }, { helo: ({ session: { tls }, drop }) => {
      if (tls !== undefined) drop();
      return undefined;
    } });
    for (const { port } of [refusing, server]) {
      const connection = await open({ port }, { tls: new TlsClient({ ca: MX.cert }) });
      expect(brief(await connection.send(mailOf('hi\r\n', { parameters: { requireTls: true } }), TO('bob@b.test')))).toEqual(['failed 550 5.7.10 require-tls-not-secured']);
      await connection.quit();
    }
    expect(mails).toEqual([]);
  });

  it.each<[string, RegExp, (socket: Socket) => void]>([
    ['what is no TLS', /^the TLS handshake failed: what came is no TLS$/, (socket) => void socket.write(latin1('220 mx.test\r\n'))],
    ['an alert', /^the TLS handshake failed: (?:sslv3|ssl\/tls) alert handshake failure$/, (socket) => socket.on('data', () => void socket.write(latin1('\x15\x03\x01\x00\x02\x02\x28')))],
    ['half a record, and the end', /^the TLS handshake failed: the connection was closed$/, (socket) => socket.on('data', () => {
      socket.write(latin1('\x16\x03\x03\x02\x00\x01'));
      socket.end();
    })],
    ['a reset', /^the TLS handshake failed: read ECONNRESET$/, (socket) => socket.on('data', () => socket.resetAndDestroy())],
    // found with a server that wants a certificate of the client's: "connection lost", and no word of why
    ['a handshake, and no record of TLS', /^connection lost: (?:what came is no TLS|bad record type)$/, (socket) => void new TlsServer(MX).secure(socket).done.then(() => socket.write(latin1('no record of TLS\r\n')))], // the latter is OpenSSL's
    ['a handshake, and the end', /^connection lost$/, (socket) => void new TlsServer(MX).secure(socket).done.then(() => socket.end())],
  ])('that is answered with %s breaks, and says so: %s', async (_, text, answer) => {
    const sockets: Socket[] = [];
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      sockets.push(socket);
      answer(socket);
    });
    await new Promise<void>((resolve) => {
      listener.on('listening', resolve);
      listener.listen({ host: '127.0.0.1', port: 0 });
    });
    const address = listener.address();
    const port = address !== null && typeof address !== 'string' ? address.port : 0;
    expect(await sendOne({ port }, { tlsAtOnce: true })).toMatchObject({ state: 'deferred', reply: { lines: [expect.stringMatching(text)] } });
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => listener.close(resolve));
  });

  it('wants authorities that are some', () => {
    for (const ca of ['', 'rubbish', '-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n']) expect(() => new TlsClient({ ca })).toThrow(UsageError);
    expect(() => new TlsClient({ cas: MX.cert } as object)).toThrow(new UsageError('there is no option cas: did you mean ca?'));
    const tls = new TlsClient({ ca: MX.cert });
    expect(tlsClientOf(tls)).toBe(tls); // and not one with Node's own
  });
});

describe('AUTH (RFC 4954)', () => {
  it('proves the password, by SCRAM where that can be', async () => {
    const credential = await makeCredential('scram-sha-256', 'open sesame');
    if (credential === undefined) throw new Error('no credential');
    const users = new Users(new Map([['alice', credential]]));
    const mechanisms: string[] = [];
    const server = await serve({ auth: { mechanisms: users.mechanisms, decoy: users.decoy, required: true } }, {
      auth: ({ question }) => {
        mechanisms.push(question.mechanism);
        return users.answer(question);
      },
    });
    const auth = (password: string): Partial<SenderOptions> => ({ auth: { secret: { type: 'password', authcid: 'alice', password } } });
    expect(await sendOne(server, auth('open sesame'))).toMatchObject({ state: 'delivered' });
    expect(await sendOne(server, auth('wrong'))).toMatchObject({ state: 'deferred', reply: { code: 535 } });
    expect(mechanisms).toEqual(['SCRAM-SHA-256', 'SCRAM-SHA-256']);
    expect(await sendOne(server, {})).toMatchObject({ state: 'failed', reply: { code: 530 } });
  });
});

describe('a connection', () => {
  it('serves one mail after the other, and says when it takes another', async () => {
    const { server, contents } = await serveKeeping();
    const connection = await open(server);
    expect(connection.usable).toBe(true);
    for (const text of ['one\r\n', '.two', '']) {
      const sending = connection.send(mailOf(text), TO('bob@b.test'));
      expect(connection.usable).toBe(false);
      expect(brief(await sending)).toEqual(['delivered 250 2.0.0']);
      expect(connection.usable).toBe(true);
    }
    expect(contents.map((octets) => String.fromCharCode(...octets))).toEqual(['one\r\n', '.two\r\n', '']);
    const gone = connection.quit();
    expect(connection.usable).toBe(false);
    await gone;
    expect(brief(await connection.send(mailOf('late\r\n'), TO('bob@b.test')))).toEqual(['deferred 451 4.4.2 connection-lost']);
  });

  it('carries a large mail in chunks, octet for octet', async () => {
    const { server, contents } = await serveKeeping();
    const octets = new Uint8Array(1_500_000).map((_, at) => (at % 78 === 76 ? 0x0d : at % 78 === 77 ? 0x0a : 0x21 + ((at * 31) % 90)));
    const connection = await open(server);
    const outcomes = await connection.send({ reversePath: reversePath('<>'), octets, size: octets.length, content: () => { throw new Error('the octets are at hand'); } }, TO('bob@b.test'));
    expect(brief(outcomes)).toEqual(['delivered 250 2.0.0']);
    const received = contents[0] ?? new Uint8Array();
    expect(received.length).toBe(octets.length + (octets.at(-1) === 0x0a ? 0 : 2));
    expect(equal(received.subarray(0, octets.length), octets)).toBe(true);
    await connection.quit();
  });

  it('keeps to LIMITS: further transactions, and further sessions (RFC 9422)', async () => {
    const { server, mails } = await serveKeeping({ maxRecipients: 2, maxMails: 2 });
    const connection = await open(server);
    const names = Array.from({ length: 7 }, (_, at) => `user${at}@b.test`);
    expect(brief(await connection.send(mailOf('hi\r\n'), TO(...names)))).toEqual(names.map(() => 'delivered 250 2.0.0'));
    expect(mails.map(({ forwardPaths }) => forwardPaths.map(({ text }) => text)).flat().sort()).toEqual(names.map((name) => `<${name}>`).sort());
    expect(mails.map(({ forwardPaths }) => forwardPaths.length)).toEqual([2, 2, 2, 1]);
    await connection.quit();
  });

  it('passes on what MAIL and RCPT asked for, to the recipient whom it is about', async () => {
    const { server, mails } = await serveKeeping({ without: [], maxRecipients: 1 });
    const connection = await open(server);
    const mail = mailOf('hi\r\n', { parameters: { ret: 'HDRS', envelopeId: 'QQ 1' }, recipientParameters: [{ notify: [] }, { originalRecipient: { type: 'rfc822', address: 'Bob+x@B.test' } }] });
    expect(brief(await connection.send(mail, TO('carol@b.test', 'bob@b.test')))).toEqual(['delivered 250 2.0.0', 'delivered 250 2.0.0']);
    expect(mails.map(({ parameters: { ret, envelopeId }, recipientParameters }) => ({ ret, envelopeId, recipientParameters }))).toEqual([
      { ret: 'HDRS', envelopeId: 'QQ 1', recipientParameters: [{ notify: [] }] },
      { ret: 'HDRS', envelopeId: 'QQ 1', recipientParameters: [{ originalRecipient: { type: 'rfc822', address: 'Bob+x@B.test' } }] },
    ]);
    await connection.quit();
  });

  it('tells of each recipient as soon as there is an outcome, in LMTP of each by itself (RFC 2033 §4.2)', async () => {
    const server = await serve({ lmtp: true }, { rcpt: ({ mailbox }) => (mailbox?.localPart === 'nobody' ? refuse(550, '5.1.1', 'no such user') : undefined), message: () => [accept(), { type: 'refuse', reply: reply(452, '4.2.2', 'full') }] });
    const connection = await open(server, { lmtp: true });
    const told: string[] = [];
    const outcomes = await connection.send(mailOf('hi\r\n'), TO('bob@b.test', 'nobody@b.test', 'carol@b.test'), (recipient, { state }) => told.push(`${recipient} ${state}`));
    expect(brief(outcomes)).toEqual(['delivered 250 2.0.0', 'failed 550 5.1.1', 'deferred 452 4.2.2']);
    expect(told).toEqual(['1 failed', '0 delivered', '2 deferred']);
    await connection.quit();
  });

  it('sends no mail in one flight whose content was so long in being read that the connection may have been closed', async () => {
    await using server = await startScriptedServer(['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 250-PIPELINING', 'S: 250 CHUNKING', 'C: MAIL', 'C: RCPT', 'S: 250 ok', 'S: 250 ok', 'C: BDAT 4\r\n', 'C: hi', 'C: BDAT 0 LAST', 'S: 250 ok', 'S: 250 2.0.0 taken', ...FAREWELL]);
    const connection = await open(server);
    const later = performance.now() + 2_000;
    const clock = vi.spyOn(performance, 'now');
    let read = 0;
    const slow: Outgoing = {
      reversePath: mailOf('').reversePath,
      size: 4,
      async *content() {
        read += 1;
        clock.mockReturnValue(later);
        yield latin1('hi\r\n');
      },
    };
    try {
      expect(brief(await connection.send(slow, TO('bob@b.test')))).toEqual(['delivered 250 2.0.0']);
    } finally {
      clock.mockRestore();
    }
    expect(read).toBe(1);
    await connection.quit();
  });

  it('sends a small mail in one flight while it is fresh, and not into a connection that may have been closed', async () => {
    const hello = ['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 250-PIPELINING', 'S: 250 CHUNKING', 'C: MAIL', 'C: RCPT'];
    await using server = await startScriptedServer(
      [...hello, 'C: BDAT 4 LAST', 'C: hi', 'S: 250 ok', 'S: 250 ok', 'S: 250 2.0.0 taken', ...FAREWELL],
      [...hello, 'S: 250 ok', 'S: 250 ok', 'C: BDAT 4', 'C: hi', 'C: BDAT 0 LAST', 'S: 250 ok', 'S: 250 2.0.0 taken', ...FAREWELL],
    );
    for (const idle of [0, 2_000]) {
      const connection = await open(server);
      const later = performance.now() + idle;
      const clock = vi.spyOn(performance, 'now').mockReturnValue(later);
      try {
        expect(brief(await connection.send(mailOf('hi\r\n'), TO('bob@b.test')))).toEqual(['delivered 250 2.0.0']);
      } finally {
        clock.mockRestore();
      }
      await connection.quit();
    }
  });
});
