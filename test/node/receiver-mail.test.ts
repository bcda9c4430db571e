import { describe, expect, it } from 'vitest';
import type { Hooks, Mail } from '../../src/node/hook.ts';
import type { ListenOptions } from '../../src/node/listen.ts';
import type { Server } from '../../src/node/server.ts';
import { accept, refuse, type Verdict } from '../../src/protocol/server/verdict.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { textOf } from '../support/content.ts';
import { listening } from '../support/listening.ts';
import { deferred, turns, until } from '../support/turn.ts';

const host = listening();
const { errors, inData } = host;
const serve = (hooks: Partial<Hooks> = {}, options: ListenOptions = {}): Promise<Server> => host.serve(options, hooks);
const MAIL = 'Subject: hi\r\n\r\n..one dot\r\n.\r\n';
const never = new Promise<never>(() => undefined);

/** The whole content as text, or the message of the error that ended it. */
function read(content: AsyncIterable<Uint8Array>): Promise<string> {
  return textOf(content).catch((error: unknown) => `error: ${error instanceof Error ? error.message : ''}`);
}

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
    let kept = 0;
    const server: Server = await serve({
      async message({ content }) {
        for await (const piece of content) {
          await turns(2);
          most = Math.max(most, sent - octets);
          kept = Math.max(kept, server.buffered);
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
    expect(kept).toBeLessThan(300_000);
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
    const { server, mails, texts } = await watch({ timeout: 500 }); // of each command too: on a busy machine one may take a tenth of a second
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
