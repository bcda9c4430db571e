// One conversation with a server, octet for octet: what a case says and hears. It holds nothing of ehlo's own code.
//
// Rule 1: each reply has to be one of RFC 5321 §4.2, and to carry an enhanced code that agrees with its class (RFC 2034 §4),
//         whatever else the case wants of it; the banner, 3yz and replies to EHLO, HELO and LHLO carry none.
// Rule 2: replies are wanted one by one. One too few is a timeout, one too many stands before the next one wanted, or
//         before the end.

import { createConnection } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Failure, sleep, within } from '../harness.mjs';

const REPLY = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/;
const GREETS = /^[EHL]?[EH]LO\b/im;

export class Conversation {
  #socket;
  #held = '';
  #closed = false;
  #wake = () => {};
  #said = '';
  #heard = 0;

  static async open(where) {
    const socket = createConnection(where);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new Conversation(socket);
  }

  constructor(socket) {
    this.#take(socket);
    socket.setNoDelay(true);
  }

  #take(socket) {
    this.#socket = socket;
    socket.on('error', () => {}); // 'close' follows
    socket.on('data', (octets) => {
      this.#held += octets.toString('latin1');
      this.#wake();
    });
    const gone = () => {
      if (this.#socket !== socket) return;
      this.#closed = true;
      this.#wake();
    };
    socket.on('end', gone).on('close', gone);
  }

  /** Sends octets, written as latin1 text, in one segment. */
  say(octets) {
    this.#said = octets;
    return new Promise((resolve) => {
      if (this.#socket.destroyed) return resolve();
      this.#socket.once('close', resolve);
      this.#socket.write(Buffer.from(octets, 'latin1'), () => {
        this.#socket.off('close', resolve);
        resolve();
      });
    });
  }

  /** Sends each piece in a segment of its own. */
  async saySegments(pieces) {
    for (const piece of pieces) {
      await this.say(piece);
      await sleep(1);
    }
    this.#said = pieces.join('');
  }

  /** Wants that reply next: its code, or what its text matches. Returns its text. */
  async hear(wanted, seconds = 10) {
    const text = await within(seconds, `${wanted} in reply to ${brief(this.#said)}`, this.#next());
    const fits = typeof wanted === 'number' ? text.startsWith(String(wanted)) : wanted.test(text);
    if (!fits) throw new Failure(`in reply to ${brief(this.#said)}: expected ${wanted}, found ${text === '' ? 'the end' : brief(text)}`);
    const fault = this.#fault(text);
    if (fault !== '') throw new Failure(`${fault}: ${brief(text)}`);
    this.#heard += 1;
    return text;
  }

  async #next() {
    for (;;) {
      const [reply] = REPLY.exec(this.#held) ?? [];
      if (reply !== undefined) {
        this.#held = this.#held.slice(reply.length);
        return reply;
      }
      if (this.#closed) return this.#held;
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  #fault(reply) {
    const lines = reply.split('\r\n').slice(0, -1);
    const exempt = this.#heard === 0 || reply[0] === '3' || GREETS.test(this.#said);
    for (const line of lines) {
      if (line.length > 510) return `a reply line of ${line.length} octets`;
      if (!/^[2-5][0-5]\d[ -][\t -~]*$/.test(line)) return 'not a reply of RFC 5321 §4.2';
      if (line.slice(0, 3) !== reply.slice(0, 3)) return 'the codes of a reply differ';
      if (!exempt && !new RegExp(`^...[ -]${line[0]}\\.\\d{1,3}\\.\\d{1,3} `).test(line)) return 'no enhanced code that agrees with the reply';
    }
    return '';
  }

  #end(seconds) {
    return within(seconds, `the end of the connection after ${brief(this.#said)}`, (async () => {
      while (!this.#closed) await new Promise((resolve) => (this.#wake = resolve));
    })());
  }

  /** Wants the server to close the connection, and no word before. */
  async ended(seconds = 10) {
    await this.#end(seconds);
    if (this.#held !== '') throw new Failure(`after ${brief(this.#said)}: expected the end, found ${brief(this.#held)}`);
  }

  /** Shakes hands; whatever is said from now on is enciphered. */
  async secure(options = {}) {
    if (this.#held !== '') throw new Failure(`before the handshake: expected nothing, found ${brief(this.#held)}`);
    const plain = this.#socket;
    plain.removeAllListeners('data');
    const secured = connectTls({ socket: plain, servername: 'mx.test', ...options });
    await within(10, 'the handshake', new Promise((resolve, reject) => {
      secured.once('secureConnect', resolve);
      for (const event of ['error', 'close']) secured.once(event, (error) => reject(new Failure(`handshake: ${error?.message ?? 'closed'}`)));
    }));
    this.#take(secured);
  }

  /** Sends octets; returns all that the server sends until it closes the connection. */
  async rest(octets) {
    await this.say(octets);
    await this.#end(10);
    return this.#held;
  }

  /** Sends octets, and wants the server to close the connection and no reply in the clear. */
  async expectNoReply(octets) {
    const text = await this.rest(octets);
    if (/^\d{3}[ -]/m.test(text)) throw new Failure(`in reply to ${brief(octets)}: expected no reply, found ${brief(text)}`);
  }

  /** Wants the server to close the connection; of replies nothing but a banner and refusals come before. */
  async expectTurnedAway() {
    const text = await this.rest('');
    if (!/^(?:220 [^\n]*\n)?(?:(?:421|5\d\d) [^\n]*\n)*$/.test(text)) throw new Failure(`expected refusals and the end, found ${brief(text)}`);
  }

  /** Begins a handshake that has to fail. */
  async failHandshake(options = {}) {
    const made = await this.secure(options).then(() => true, () => false);
    if (made) throw new Failure('expected the handshake to fail');
  }

  /** Closes our side; theirs stays open. */
  end() {
    this.#socket.end();
  }

  /** Breaks the connection off (RST). */
  reset() {
    this.#socket.resetAndDestroy();
  }

  destroy() {
    this.#socket.destroy();
  }
}

const brief = (text) => JSON.stringify(text.length > 160 ? `${text.slice(0, 100)}…${text.slice(-60)}` : text);
