// Connections that are turned away: they hear 421 in place of the banner (RFC 5321 §3.8, §7.8), where they can.
//
// Rule 1: who waits for TLS hears nothing. Choice: a handshake for a client that is turned away would cost more than the flood that
//         it is part of.
// Rule 2: each takes a socket until its client has read why; beyond so many at a time they are closed.

import { setTimeout } from 'node:timers';
import { encodeAscii } from '../wire/ascii.ts';
import { seconds, type Milliseconds } from '../protocol/limit.ts';
import { destroy } from './destroy.ts';
import type { Stream } from './proxy.ts';

const MOST = 100;

const LINGER: Milliseconds = seconds(2);

const WORDS = {
  'no room': '421 4.7.0 {host} too many connections, try again later\r\n',
  'closed': '421 4.3.2 {host} shutting down, closing connection\r\n',
  'no memory': '421 4.3.2 {host} too much mail at a time, try again later\r\n',
  'no session': '421 4.3.0 {host} local error, try again later\r\n',
} as const;

export class TurnedAway {
  readonly #hostname: string;
  readonly #tlsAtOnce: boolean;
  #count = 0;

  constructor({ hostname, tlsAtOnce = false }: { readonly hostname: string; readonly tlsAtOnce?: boolean }) {
    this.#hostname = hostname;
    this.#tlsAtOnce = tlsAtOnce;
  }

  add(socket: Stream, reason: keyof typeof WORDS): void {
    if (this.#tlsAtOnce || this.#count >= MOST) return void socket.destroy();
    this.#count++;
    socket.on('error', destroy);
    socket.on('close', () => this.#count--);
    socket.write(encodeAscii(WORDS[reason].replace('{host}', () => this.#hostname)));
    socket.end();
    socket.resume();
    setTimeout(() => socket.destroy(), LINGER).unref();
  }
}
