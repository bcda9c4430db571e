// One end of a TCP connection on loopback, spoken to in plain text: what a test says, and what it has heard.

import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';

export class RawPeer {
  readonly socket: Socket;
  /** All that was heard and not yet taken, one character an octet. */
  heard = '';
  /** The other side has ended its own; or the connection is gone. */
  ended = false;
  closed = false;
  #wake: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (octets) => this.#note(() => (this.heard += Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1'))));
    socket.on('end', () => this.#note(() => (this.ended = true)));
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => this.#note(() => (this.ended = this.closed = true)));
  }

  /** Connects to a port of 127.0.0.1; half of the connection may end without the other. */
  /** By TCP, or by a Unix socket. */
  static connect(place: number | string): Promise<RawPeer> {
    const socket = connect({ ...(typeof place === 'number' ? { host: '127.0.0.1', port: place } : { path: place }), allowHalfOpen: true, noDelay: true });
    const peer = new RawPeer(socket);
    return new Promise((resolve, reject) => {
      socket.once('connect', () => resolve(peer));
      socket.on('error', reject);
    });
  }

  /** Says text, one octet a character, or octets. False: the socket's buffer is full. */
  say(text: string | Uint8Array): boolean {
    return this.socket.write(typeof text === 'string' ? latin1(text) : text);
  }

  /** Takes what was heard up to the end of the first match, as soon as there is one. */
  async hear(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.heard);
      if (match !== null) return this.#take(match.index + match[0].length);
      if (this.ended) throw new Error(`the peer has ended; expected ${pattern} in ${JSON.stringify(this.heard)}`);
      await this.#change();
    }
  }

  /** Takes one reply, all of its lines. */
  reply(): Promise<string> {
    return this.hear(/^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/);
  }

  /** Says a line, and takes the reply to it. */
  command(line: string): Promise<string> {
    this.say(`${line}\r\n`);
    return this.reply();
  }

  /** Takes all that is heard until the other side has ended. */
  async rest(): Promise<string> {
    while (!this.ended) await this.#change();
    return this.#take(this.heard.length);
  }

  /** Resolves when the connection is gone. */
  async gone(): Promise<void> {
    while (!this.closed) await this.#change();
  }

  /** Ends this side only. */
  end(): void {
    this.socket.end();
  }

  /** Leaves without a word: RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  #take(length: number): string {
    const taken = this.heard.slice(0, length);
    this.heard = this.heard.slice(length);
    return taken;
  }

  #note(change: () => void): void {
    change();
    for (const wake of this.#wake.splice(0)) wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }
}

export function latin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}
