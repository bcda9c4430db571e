import { afterEach, describe, expect, it } from 'vitest';
import type { Connection, ReceivedMail } from '../../src/node/connection.ts';
import { listen, type ListenOptions } from '../../src/node/listen.ts';
import type { Server } from '../../src/node/server.ts';
import { accept, refuse, type Verdict } from '../../src/protocol/server/verdict.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { deferred, turns, until } from '../support/turn.ts';

const servers: Server[] = [];
const peers: RawPeer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

async function serve(options: ListenOptions = {}): Promise<Server> {
  const server = await listen({ host: '127.0.0.1', port: 0, hostname: 'mx.test', ...options });
  servers.push(server);
  return server;
}

async function connect({ port }: Server): Promise<RawPeer> {
  const peer = await RawPeer.connect(port);
  peers.push(peer);
  return peer;
}

/** Serves every connection by `handle`; what that throws is kept. */
function serveBy(server: Server, handle: (connection: Connection) => Promise<void>): { readonly errors: unknown[]; readonly loop: Promise<void> } {
  const errors: unknown[] = [];
  const loop = (async () => {
    for await (const connection of server) void handle(connection).catch((error: unknown) => errors.push(error));
  })();
  return { errors, loop };
}

/** Greets, and sends a mail up to its DATA. */
async function begin(peer: RawPeer): Promise<void> {
  if (peer.heard === '') await peer.reply();
  await peer.command('EHLO client.test');
  await beginMail(peer);
}

async function beginMail(peer: RawPeer, from = 'alice'): Promise<void> {
  await peer.command(`MAIL FROM:<${from}@a.test>`);
  await peer.command('RCPT TO:<bob@b.test>');
  expect(await peer.command('DATA')).toMatch(/^354/);
}

describe('the accept loop', () => {
  it('yields each connection, and a connection each of its mails', async () => {
    const server = await serve();
    const seen: string[] = [];
    serveBy(server, async (connection) => {
      expect(connection.client.address).toBe('127.0.0.1');
      for await (const mail of connection) {
        let text = '';
        for await (const octets of mail.content) text += decodeLatin1(octets);
        seen.push(`${connection.helo?.text} ${mail.reversePath.text} ${mail.forwardPaths.map((path) => path.text).join()} ${text}`);
        mail.accept(`mail ${seen.length}`);
      }
      seen.push('over');
    });
    const peer = await connect(server);
    await begin(peer);
    expect(await peer.command('one\r\n.')).toBe('250 2.0.0 mail 1\r\n');
    await beginMail(peer, 'anna');
    expect(await peer.command('two\r\n.')).toBe('250 2.0.0 mail 2\r\n');
    expect(await peer.command('QUIT')).toMatch(/^221/);
    await until(() => seen.length === 3);
    expect(seen).toEqual(['client.test <alice@a.test> <bob@b.test> one\r\n', 'client.test <anna@a.test> <bob@b.test> two\r\n', 'over']);
  });

  // shows RFC5321:4.5.4.2-2 RFC5321:4.5.4.2-4
  it('serves connections side by side', async () => {
    const server = await serve();
    const mails: ReceivedMail[] = [];
    serveBy(server, async (connection) => {
      for await (const mail of connection) {
        mails.push(mail);
        if (mails.length < 3) await until(() => mails.length === 3);
        mail.accept();
      }
    });
    const clients = await Promise.all([connect(server), connect(server), connect(server)]);
    await Promise.all(clients.map(begin));
    for (const client of clients) client.say('.\r\n');
    for (const client of clients) expect(await client.reply()).toMatch(/^250 /);
  });

  it('says nothing to a client before the loop has come to it', async () => {
    const server = await serve();
    const peer = await connect(server);
    await until(() => server.sessions === 1);
    await turns(5);
    expect(peer.heard).toBe('');
    serveBy(server, async (connection) => {
      for await (const mail of connection) mail.accept();
    });
    expect(await peer.reply()).toMatch(/^220 mx\.test /);
  });

  it.each<[string, string | Verdict, string]>([
    ['text', '554 5.7.1 not from there', '554 5.7.1 not from there\r\n'],
    ['text without an enhanced code', '554 not from there', '554 not from there\r\n'],
    ['a verdict', refuse(554, '5.7.1', 'not from there'), '554 5.7.1 not from there\r\n'],
  ])('refuses a connection with %s, and only QUIT is left', async (_, refusal, banner) => {
    const server = await serve();
    serveBy(server, async (connection) => connection.refuse(refusal));
    const peer = await connect(server);
    expect(await peer.reply()).toBe(banner);
    expect(await peer.command('EHLO client.test')).toMatch(/^503 /);
    expect(await peer.command('QUIT')).toMatch(/^221 /);
  });

  it.each<[string, string | Verdict, string]>([
    ['text', '451 4.4.0 try later', '451 4.4.0 try later\r\n'],
    ['a verdict', refuse(550, '5.7.1', 'spam'), '550 5.7.1 spam\r\n'],
  ])('refuses a mail with %s', async (_, refusal, reply) => {
    const server = await serve();
    serveBy(server, async (connection) => {
      for await (const mail of connection) mail.refuse(refusal);
    });
    const peer = await connect(server);
    await begin(peer);
    expect(await peer.command('.')).toBe(reply);
  });

  it.each(['250 2.0.0 fine', '354 go on', '550-5.7.1 and', 'no', '55', ''])('takes no %j for a refusal: UsageError, and the mail is 451', async (refusal) => {
    const server = await serve();
    const { errors } = serveBy(server, async (connection) => {
      for await (const mail of connection) mail.refuse(refusal);
    });
    const peer = await connect(server);
    await begin(peer);
    expect(await peer.command('.')).toMatch(/^451 4\.3\.0 /);
    expect(errors).toEqual([new UsageError(`a refusal is written as "550 5.7.1 text", with a code of 4yz or 5yz, not ${JSON.stringify(refusal)}`)]);
  });

  // found by trying: an acceptance took the mail, and none at all was said to the process alone
  it.each<[string, unknown]>([
    ['an acceptance', accept()],
    ['nothing', undefined],
    ['a code', 550],
    ['a refusal with a code of 2yz', { type: 'refuse', reply: { code: 250, enhanced: undefined, lines: ['no'] } }],
  ])('takes no refusal that is %s: UsageError, and neither mail nor connection is taken', async (_, refusal) => {
    const server = await serve();
    const { errors } = serveBy(server, async (connection) => {
      expect(() => connection.refuse(refusal as Verdict)).toThrow(UsageError);
      for await (const mail of connection) mail.refuse(refusal as Verdict);
    });
    const peer = await connect(server);
    await begin(peer);
    expect(await peer.command('.')).toMatch(/^451 4\.3\.0 /);
    expect(errors).toEqual([new UsageError('a refusal is a text such as "550 5.7.1 text", or refuse(…), whose code is 4yz or 5yz')]);
  });

  it('answers with verdicts, of LMTP with one for each recipient (RFC 2033 §4.2)', async () => {
    const server = await serve({ lmtp: true });
    const { errors } = serveBy(server, async (connection) => {
      for await (const mail of connection) mail.answer(mail.forwardPaths.map(({ text }) => (text === '<bob@b.test>' ? accept('kept') : refuse(452, '4.2.2', 'full'))));
    });
    const peer = await connect(server);
    await peer.reply();
    for (const line of ['LHLO client.test', 'MAIL FROM:<>', 'RCPT TO:<bob@b.test>', 'RCPT TO:<carol@b.test>', 'DATA']) await peer.command(line);
    expect(await peer.command('.')).toBe('250 2.0.0 kept\r\n');
    expect(await peer.reply()).toBe('452 4.2.2 full\r\n');
    expect(errors).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['a verdict: accept(), refuse(…) or committed(…)', '550 5.7.1 no'],
    ['one verdict; only of LMTP may it be a list, with one for each recipient', [accept()]],
  ])('answers with nothing but %s: UsageError', async (wanted, answer) => {
    const server = await serve();
    const { errors } = serveBy(server, async (connection) => {
      for await (const mail of connection) mail.answer(answer as Verdict);
    });
    const peer = await connect(server);
    await begin(peer);
    expect(await peer.command('.')).toMatch(/^451 4\.3\.0 /);
    expect(errors).toEqual([new UsageError(`a mail is answered with ${wanted}`)]);
  });

  it('counts the first verdict on a mail only', async () => {
    const server = await serve();
    serveBy(server, async (connection) => {
      for await (const mail of connection) {
        mail.refuse('550 5.7.1 no');
        mail.accept('yes');
      }
    });
    const peer = await connect(server);
    await begin(peer);
    expect(await peer.command('.')).toBe('550 5.7.1 no\r\n');
  });

  it('throws UsageError into a loop that asks for the next mail without a verdict; the client hears 451', async () => {
    const server = await serve();
    const { errors } = serveBy(server, async (connection) => {
      for await (const mail of connection) void mail;
    });
    const peer = await connect(server);
    await begin(peer);
    expect(await peer.command('.')).toMatch(/^451 4\.3\.0 /);
    expect(errors).toEqual([new UsageError('a mail must be accepted or refused before the next one is asked for')]);
  });

  it.each<[string, () => void]>([
    ['is left', () => undefined],
    ['throws', () => { throw new Error('disk on fire'); }],
  ])('that %s with a mail in hand refuses it, and ends the connection at the next', async (_, leave) => {
    const server = await serve();
    serveBy(server, async (connection) => {
      for await (const _mail of connection) {
        leave();
        break;
      }
    });
    const peer = await connect(server);
    await begin(peer);
    expect(await peer.command('.')).toMatch(/^451 4\.3\.0 /);
    await beginMail(peer);
    expect(await peer.command('.')).toMatch(/^421 4\.3\.2 /);
    expect(await peer.rest()).toBe('');
  });

  it('that is left has the mail answered too that has come meanwhile', async () => {
    const server = await serve();
    const left = deferred();
    serveBy(server, async (connection) => {
      for await (const mail of connection) {
        mail.accept();
        await left.promise;
        break;
      }
    });
    const peer = await connect(server);
    await begin(peer);
    expect(await peer.command('.')).toMatch(/^250 /);
    await beginMail(peer);
    peer.say('.\r\n');
    left.resolve();
    expect(await peer.reply()).toMatch(/^451 4\.3\.0 /);
  });

  it('is told by error and signal of a client that goes in the middle of a mail, and goes on to the end', async () => {
    const server = await serve();
    const seen: string[] = [];
    const { errors } = serveBy(server, async (connection) => {
      for await (const mail of connection) {
        try {
          for await (const octets of mail.content) seen.push(decodeLatin1(octets));
        } catch (error) {
          seen.push(error instanceof Error ? error.message : '', String(mail.signal.aborted));
        }
      }
      seen.push('over');
    });
    const peer = await connect(server);
    await begin(peer);
    peer.say('half of it');
    await until(() => seen.length > 0);
    peer.reset();
    await until(() => seen.length === 4);
    expect(seen).toEqual(['half of it', 'the mail data came to nothing: peer-gone', 'true', 'over']);
    expect(errors).toEqual([]);
  });

  it('gives the verdict on a mail that came to nothing to no other mail', async () => {
    const server = await serve();
    const mails: ReceivedMail[] = [];
    serveBy(server, async (connection) => {
      for await (const mail of connection) {
        mails.push(mail);
        if (mails.length === 2) await new Promise(() => undefined); // a verdict is yet to come
        else await new Promise<void>((resolve) => mail.signal.addEventListener('abort', resolve, { once: true }));
      }
    });
    const peer = await connect(server);
    await begin(peer);
    expect(await peer.command('bare\nline feed\r\n.')).toMatch(/^554 5\.6\.0 /);
    await beginMail(peer);
    peer.say('.\r\n');
    await until(() => mails.length === 2);
    mails[0]?.accept('the first');
    await turns(5);
    expect(peer.heard).toBe('');
    mails[1]?.refuse('550 5.7.1 the second');
    expect(await peer.reply()).toBe('550 5.7.1 the second\r\n');
  });

  // found by trying: the second loop took the mails, and the first waited for ever
  it('gives the mails to one loop', async () => {
    const server = await serve();
    const { errors } = serveBy(server, async (connection) => {
      const loop = async (): Promise<void> => {
        for await (const mail of connection) mail.accept();
      };
      await Promise.allSettled([loop(), loop().catch((error: unknown) => errors.push(error))]);
    });
    const peer = await connect(server);
    await begin(peer);
    expect(await peer.command('.')).toMatch(/^250 /);
    expect(errors).toEqual([new UsageError('the mails of a connection are iterated once, by one loop')]);
  });

  it('forgets connections that end before it comes to them', async () => {
    const server = await serve();
    (await connect(server)).reset();
    const peer = await connect(server);
    await until(() => server.sessions === 1);
    let connections = 0;
    serveBy(server, async (connection) => {
      connections++;
      connection.refuse('554 5.7.1 no');
    });
    expect(await peer.reply()).toMatch(/^554 /);
    expect(connections).toBe(1);
  });

  it('ends when the server closes, and a loop over an idle connection too', async () => {
    const server = await serve();
    let over = 0;
    const { loop } = serveBy(server, async (connection) => {
      for await (const mail of connection) mail.accept();
      over++;
    });
    const peer = await connect(server);
    await begin(peer);
    await peer.command('.');
    const closed = server.close();
    expect(await peer.rest()).toMatch(/^421 4\.3\.2 /);
    peer.end();
    await Promise.all([closed, loop]);
    await until(() => over === 1);
  });

  // found by trying: it kept the server for the thirty seconds of its grace, and was then cut without a word
  it('leaves a connection that it has not come to with 421 where the server closes', async () => {
    const server = await serve();
    const peer = await connect(server);
    await until(() => server.sessions === 1);
    await server.close();
    expect(await peer.rest()).toBe('421 4.3.2 mx.test shutting down, closing connection\r\n');
    for await (const _ of server) throw new Error('it is gone');
  });

  it('may be run by several at a time: each connection is for one of them, and all of them end', async () => {
    const server = await serve();
    const served: string[] = [];
    const loops = ['first', 'second'].map(async (name) => {
      for await (const connection of server) {
        served.push(name);
        for await (const mail of connection) mail.accept();
      }
    });
    const first = await connect(server);
    const second = await connect(server); // while the first is served
    expect([await first.reply(), await second.reply()]).toEqual([expect.stringMatching(/^220 /), expect.stringMatching(/^220 /)]);
    await Promise.all([server.close(), ...loops]);
    expect(served.sort()).toEqual(['first', 'second']);
  });

  it('is not for a server that answers by hooks', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0 }, { message: () => refuse(554, '5.3.2', 'no') });
    servers.push(server);
    await expect(server[Symbol.asyncIterator]().next()).rejects.toThrow(new UsageError('this server answers by hooks; to iterate it, listen without hooks'));
  });

  it('that does not answer in time costs the client a 451, and is told by the signal', async () => {
    const server = await serve({ hookTimeout: 30 });
    let mail: ReceivedMail | undefined;
    serveBy(server, async (connection) => {
      for await (mail of connection) await new Promise<void>((resolve) => mail?.signal.addEventListener('abort', resolve, { once: true }));
    });
    const peer = await connect(server);
    await begin(peer);
    expect(await peer.command('.')).toMatch(/^451 4\.3\.0 /);
    expect(mail?.signal.aborted).toBe(true);
    expect(await peer.command('NOOP')).toMatch(/^250 /);
  });
});
