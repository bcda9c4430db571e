// A connection that feeds mails to a server and looks at nothing but the first digit of each reply: the client that is a floor, and
// of which the load is made. All octets are made beforehand; a mail is a list of buffers, the final dot among them.

import { connect } from 'node:net';

const [LF, SPACE, HYPHEN] = [10, 32, 45];
const HELO = Buffer.from('HELO client.example\r\n');
const EHLO = Buffer.from('EHLO client.example\r\n');
const QUIT = Buffer.from('QUIT\r\n');

// Steps before and after those of a mail, which are the pieces of its envelope, and its content.
const [BANNER, HELLO, RESTING, QUITTING, FAILED] = [-4, -3, -2, -1, 1e9];

/**
 * What a feeder is given: `take` yields the next mail, or undefined when there is none, `done` is told of each, with milliseconds.
 * `pipelined`: the envelope in one piece. `reconnect`: a connection for each mail. `refusable`: the reply to the end of mail data
 * may be any.
 * @typedef {{ take: () => Buffer[] | undefined, done?: (milliseconds: number) => void, fault?: (text: string) => void, recipients?: number, pipelined?: boolean, reconnect?: boolean, refusable?: boolean }} Feed
 */

export class Feeder {
  /** Resolves when the connection can take the first mail. */
  ready;
  #isReady = () => {};
  #port;
  #feed;
  #envelope;
  #socket;
  #mail;
  #begun = 0;
  #step = BANNER;
  #awaited = 0; //            replies that have not come
  #rest = Buffer.alloc(0); // of a line of a reply that is not whole

  /**
   * @param {number} port
   * @param {Feed} feed
   */
  constructor(port, feed) {
    this.#port = port;
    this.#feed = feed;
    const { recipients = 1, pipelined = false } = feed;
    const commands = ['MAIL FROM:<alice@example.org>\r\n', ...Array.from({ length: recipients }, (_, index) => `RCPT TO:<bob${index}@example.com>\r\n`), 'DATA\r\n'].map((text) => Buffer.from(text));
    this.#envelope = pipelined ? [Buffer.concat(commands)] : commands;
    this.ready = new Promise((resolve) => (this.#isReady = resolve));
    this.#open();
  }

  /** Has nothing to send; `wake` looks again. */
  get resting() {
    return this.#step === RESTING;
  }

  wake() {
    if (this.resting) this.#begin();
  }

  /** Resolves when the connection is gone. */
  close() {
    if (this.#socket.destroyed) return Promise.resolve();
    const gone = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#step = QUITTING;
    this.#socket.end(QUIT);
    return gone;
  }

  #open() {
    this.#step = BANNER;
    this.#awaited = 1;
    this.#socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (octets) => this.#read(octets));
    this.#socket.on('error', (error) => this.#fail(error.message));
    this.#socket.on('close', () => {
      if (this.#step !== QUITTING) this.#fail('the connection was closed');
      else if (this.#mail !== undefined) this.#open();
    });
  }

  #fail(text) {
    if (this.#step === FAILED || this.#step === QUITTING) return;
    this.#step = FAILED;
    this.#socket.destroy();
    this.#feed.fault?.(text);
  }

  #begin() {
    this.#mail ??= this.#feed.take();
    this.#step = this.#mail === undefined ? RESTING : 0;
    if (this.#mail === undefined) return;
    this.#begun = performance.now();
    this.#say();
  }

  #say() {
    const command = this.#envelope[this.#step];
    this.#awaited = command !== undefined && this.#feed.pipelined ? (this.#feed.recipients ?? 1) + 2 : 1;
    if (command !== undefined) this.#socket.write(command);
    else {
      this.#socket.cork();
      for (const piece of this.#mail) this.#socket.write(piece);
      this.#socket.uncork();
    }
  }

  /** Counts the replies, by their last lines. */
  #read(read) {
    const octets = this.#rest.length > 0 ? Buffer.concat([this.#rest, read]) : read;
    this.#rest = NOTHING;
    for (let at = 0; at < octets.length; ) {
      const end = octets.indexOf(LF, at);
      if (end < 0) {
        this.#rest = octets.subarray(at);
        return;
      }
      if (octets[at + 3] !== HYPHEN) {
        const positive = (octets[at] === 0x32 || octets[at] === 0x33) && octets[at + 3] === SPACE;
        if (!positive && !(this.#feed.refusable && this.#step === this.#envelope.length)) return this.#fail(octets.latin1Slice(at, end));
        this.#awaited -= 1;
      }
      at = end + 1;
    }
    if (this.#awaited === 0) this.#advance();
  }

  #advance() {
    if (this.#step === BANNER) {
      this.#step = HELLO;
      this.#awaited = 1;
      this.#socket.write(this.#feed.pipelined ? EHLO : HELO);
    } else if (this.#step === HELLO) {
      this.#begin();
      this.#isReady();
    } else if (this.#step < 0) return;
    else if (this.#step < this.#envelope.length) {
      this.#step += 1;
      this.#say();
    } else {
      this.#mail = undefined;
      this.#feed.done?.(performance.now() - this.#begun);
      if (!this.#feed.reconnect) this.#begin();
      else {
        this.#mail = this.#feed.take();
        void this.close();
      }
    }
  }
}

const NOTHING = Buffer.alloc(0);
