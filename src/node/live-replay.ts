// Plays the turns of a transcript against a server out there, and stops at the first reply that has another code. What a server says
// is shown as a transcript has it, with escapes for what a terminal would act upon.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { clearTimeout, setTimeout } from 'node:timers';
import { connect as secure, createSecureContext, type TLSSocket } from 'node:tls';
import { LineDecoder } from '../wire/line-decoder.ts';
import { concat, CR, EMPTY, LF } from '../wire/octet.ts';
import { isFault } from '../syntax/fault.ts';
import { LIMITS, type Milliseconds } from '../protocol/limit.ts';
import { parseReplyLine } from '../syntax/reply.ts';
import type { Turn } from '../transcript/live.ts';
import { formatEntry, spellOctets } from '../transcript/format.ts';
import type { Difference } from '../transcript/stream.ts';
import { tlsErrorText } from './tls-client.ts';

/** A reply, or what came in its place. */
type Heard = { readonly code: number; readonly shown: string } | { readonly instead: string };

/**
 * Returns the first difference, or undefined; the socket is destroyed in the end. `timeout`: milliseconds for each wait.
 *
 * The server's certificate is not looked at: a transcript says nothing of it.
 */
export async function playLive(socket: Socket, turns: readonly Turn[], timeout: Milliseconds): Promise<Difference | undefined> {
  let ear = new Ear(socket);
  let speaker: Duplex = socket;
  try {
    for (const turn of turns) {
      const { line } = turn;
      switch (turn.type) {
        case 'say': speaker.write(turn.octets); break;
        case 'eof': speaker.end(); break;
        case 'tls': {
          ear.leave();
          const shaken = await shakeHands(socket, timeout);
          if (typeof shaken === 'string') return { line, expected: '* tls', got: shaken };
          speaker = shaken;
          ear = new Ear(shaken);
          break;
        }
        case 'hear': {
          const heard = await ear.reply(timeout);
          const got = 'instead' in heard ? heard.instead : heard.code === turn.code ? undefined : heard.shown;
          if (got !== undefined) return { line, expected: turn.text, got };
          break;
        }
        case 'close': {
          const heard = await ear.reply(timeout);
          if (!('instead' in heard && heard.instead === CLOSED)) return { line, expected: '* close', got: 'instead' in heard ? heard.instead : heard.shown };
          break;
        }
        default: turn satisfies never;
      }
    }
    return undefined;
  } finally {
    speaker.destroy();
    socket.destroy();
  }
}

const CLOSED = '* close';
const CRLF = Uint8Array.of(CR, LF);

/** What the server says, reply by reply. */
class Ear {
  readonly #socket: Duplex;
  readonly #heard: Heard[] = [];
  readonly #lines = new LineDecoder({ limit: LIMITS.replyLine });
  #first = ''; // line of a reply that has more, as it is shown
  #wake: (() => void) | undefined;
  #left = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on('data', (octets: Uint8Array) => {
      if (!this.#left) this.#read(octets);
    });
    for (const event of ['end', 'close'] as const) socket.on(event, () => this.#put({ instead: CLOSED }));
    socket.on('error', () => this.#put({ instead: CLOSED }));
    socket.resume();
  }

  /** Hears nothing more: the socket is somebody else's. */
  leave(): void {
    this.#left = true;
    this.#socket.pause();
  }

  async reply(timeout: Milliseconds): Promise<Heard> {
    if (this.#heard.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => this.#put({ instead: `nothing in ${timeout / 1_000} s` }), timeout);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const [heard = { instead: CLOSED }] = this.#heard;
    if (!('instead' in heard && heard.instead === CLOSED)) this.#heard.shift(); // closed it stays
    return heard;
  }

  #read(octets: Uint8Array): void {
    for (let at = 0; at < octets.length; ) {
      at = this.#lines.read(octets, at);
      if (!this.#lines.ended) return;
      const { text } = this.#lines;
      const line = parseReplyLine(text);
      const shown = spellOctets('S', concat([this.#lines.line ?? EMPTY, CRLF])).map(formatEntry).join(' ');
      this.#first ||= shown;
      if (isFault(line)) this.#put({ instead: shown });
      else if (line.last) this.#put({ code: line.code, shown: this.#first });
      if (isFault(line) || line.last) this.#first = '';
    }
  }

  #put(heard: Heard): void {
    this.#heard.push(heard);
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** TLS over the socket; or why not, in words. */
function shakeHands(socket: Socket, timeout: Milliseconds): Promise<TLSSocket | string> {
  return new Promise((resolve) => {
    const tls = secure({ socket, secureContext: createSecureContext({ minVersion: 'TLSv1.2' }), rejectUnauthorized: false, checkServerIdentity: () => undefined });
    const timer = setTimeout(() => resolve(`no handshake in ${timeout / 1_000} s`), timeout);
    tls.on('error', (error) => {
      clearTimeout(timer);
      resolve(`a handshake that failed: ${tlsErrorText(error)}`);
    });
    tls.on('secureConnect', () => {
      clearTimeout(timer);
      resolve(tls);
    });
  });
}
