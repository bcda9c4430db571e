// Both ends of a connection, written out: a client that sends any octets, and a server that says what a check wants it to
// and keeps what it was sent. They hold nothing of ehlo's own code, so that no error can stand on both sides.

import { connect, createServer } from 'node:net';
import { Failure, within } from './harness.mjs';

/** A client that sends exactly what it is given. */
export class Client {
  #socket;
  #held = Buffer.alloc(0);
  #wake = () => {};
  closed = false;

  static async connect(stage, port, host = '127.0.0.1') {
    const socket = connect({ port, host });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const client = new Client(socket);
    stage.onEnd(async () => socket.destroy());
    return client;
  }

  /** Connects, reads the banner and says EHLO. */
  static async greet(stage, port) {
    const client = await Client.connect(stage, port);
    await client.reply();
    await client.say('EHLO client.test');
    return client;
  }

  constructor(socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => {}); // 'close' follows
    socket.on('data', (octets) => {
      this.#held = Buffer.concat([this.#held, octets]);
      this.#wake();
    });
    const gone = () => {
      this.closed = true;
      this.#wake();
    };
    socket.on('end', gone);
    socket.on('close', gone);
  }

  /** Resolves when the octets are handed to the system, or the connection is gone. */
  write(octets) {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) return resolve();
      this.#socket.once('close', resolve);
      this.#socket.write(octets, () => {
        this.#socket.off('close', resolve);
        resolve();
      });
    });
  }

  /** Returns the next reply; its code is 0 when the server closed the connection instead. */
  reply(seconds = 15) {
    return within(seconds, 'a reply', this.#nextReply());
  }

  async #nextReply() {
    for (;;) {
      const text = this.#held.toString('latin1');
      const whole = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(text);
      if (whole !== null) {
        this.#held = this.#held.subarray(whole[0].length);
        return { code: Number(whole[0].slice(0, 3)), text: whole[0] };
      }
      if (this.closed) return { code: 0, text };
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  /** Sends a command line, and returns the reply to it. */
  async say(command) {
    await this.write(Buffer.from(`${command}\r\n`, 'latin1'));
    return this.reply();
  }

  /** As `say`, and fails unless the reply has that code. */
  async expect(code, command) {
    const { code: found, text } = command === undefined ? await this.reply() : await this.say(command);
    if (found !== code) throw new Failure(`reply to ${JSON.stringify(command?.slice(0, 60) ?? 'the octets before')}: expected ${code}, found ${JSON.stringify(text)}`);
    return text;
  }

  /** Sends a mail; returns the reply to the end of mail data. Dots are put in as RFC 5321 §4.5.2 says. */
  async mail(from, recipients, content, parameters = '') {
    await this.expect(250, `MAIL FROM:<${from}>${parameters}`);
    for (const to of recipients) await this.expect(250, `RCPT TO:<${to}>`);
    await this.expect(354, 'DATA');
    await this.write(stuffed(content));
    return this.reply(60);
  }

  stopReading() {
    this.#socket.pause();
  }

  /** Closes our side. */
  end() {
    this.#socket.end();
  }

  /** Resolves when the server has closed the connection. */
  async ended(seconds = 15) {
    await within(seconds, 'the end of the connection', (async () => {
      while (!this.closed) await new Promise((resolve) => (this.#wake = resolve));
    })());
  }

  /** Breaks the connection off (RST). */
  reset() {
    this.#socket.resetAndDestroy();
  }
}

/** Returns the content as mail data: dots put in, end of mail data behind. */
export function stuffed(content) {
  const text = content.toString('latin1');
  const ending = text === '' || text.endsWith('\r\n') ? '.\r\n' : '\r\n.\r\n';
  return Buffer.from(text.replace(/(^|\r\n)\./g, '$1..') + ending, 'latin1');
}

/**
 * Starts a server.
 * @param {{ host?: string, port?: number, keywords?: string[], answer?: (command: string, peer: object) => string | undefined }} options
 *   `answer` returns the reply to a command line (or to 'banner', or to '.'), undefined for the usual one, 'silence' for
 *   none ever, 'drop' to close the connection, 'stop reading' to go on with mail data and read none.
 * @returns {Promise<{ host: string, port: number, commands: string[], connections: number, mails: { from: string, recipients: string[], content: Buffer, begun: number, done: number }[] }>}
 */
export async function startPeer(stage, { host = '127.0.0.1', port = 0, keywords = ['PIPELINING', '8BITMIME', 'SIZE'], answer = () => undefined } = {}) {
  const peer = { host, port, commands: [], connections: 0, mails: [] };
  const sockets = new Set();
  const server = createServer((socket) => {
    peer.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    let held = Buffer.alloc(0);
    let looked = 0; // mail data before it hold no end
    let mail; // under way
    let reading = false; // mail data
    const reply = (command, usual) => {
      const text = answer(command, peer) ?? usual;
      if (text === 'silence') return text;
      if (text === 'stop reading') socket.pause().write('354 go on\r\n');
      else if (text === 'drop') socket.destroy();
      else socket.write(`${text}\r\n`);
      return text;
    };
    const command = (line) => {
      peer.commands.push(line);
      const [verb] = line.toUpperCase().split(/[ :]/, 1);
      switch (verb) {
        case 'EHLO': return reply(line, ['peer.test', ...keywords].map((text, at) => `250${at === keywords.length ? ' ' : '-'}${text}`).join('\r\n'));
        case 'MAIL':
          mail = { from: line.slice(10), recipients: [], content: Buffer.alloc(0), begun: Date.now(), done: 0 };
          return reply(line, '250 2.1.0 ok');
        case 'RCPT':
          if (/^2/.test(reply(line, '250 2.1.5 ok'))) mail?.recipients.push(line.replace(/^[^<]*<|>.*$/g, ''));
          return;
        case 'DATA':
          reading = /^3/.test(reply(line, mail?.recipients.length ? '354 go on' : '554 5.5.1 no valid recipients'));
          looked = 0;
          return;
        case 'QUIT':
          reply(line, '221 2.0.0 bye');
          return socket.end();
        default: return reply(line, '250 2.0.0 ok');
      }
    };
    reply('banner', '220 peer.test ESMTP');
    socket.on('data', (octets) => {
      held = Buffer.concat([held, octets]);
      for (;;) {
        const terminator = reading ? (held.subarray(0, 3).toString('latin1') === '.\r\n' ? 0 : held.indexOf('\r\n.\r\n', Math.max(0, looked - 4))) : held.indexOf('\r\n');
        if (terminator < 0) {
          looked = held.length;
          return;
        }
        if (!reading) {
          const line = held.toString('latin1', 0, terminator);
          held = held.subarray(terminator + 2);
          command(line);
          continue;
        }
        const content = held.subarray(0, terminator === 0 ? 0 : terminator + 2).toString('latin1').replace(/(^|\r\n)\./g, '$1');
        held = held.subarray(terminator === 0 ? 3 : terminator + 5);
        reading = false;
        mail.content = Buffer.from(content, 'latin1');
        const from = mail; // a reply of 2yz takes it over
        if (/^2/.test(reply('.', '250 2.0.0 taken'))) peer.mails.push({ ...from, done: Date.now() });
        mail = undefined;
      }
    });
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen({ host, port }, resolve));
  peer.port = server.address().port;
  peer.close = () => new Promise((resolve) => {
    server.close(resolve);
    for (const socket of sockets) socket.destroy();
  });
  stage.onEnd(() => peer.close());
  return peer;
}
