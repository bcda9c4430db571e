// What a client has said and what it awaits: actions that wait to be handed out, and the queue of replies to come (RFC 2920 §3.1).
//
// Rule 1: replies answer exchanges strictly in their order.
// Rule 2: one that comes before the command it would answer was handed out is early: nobody has asked for it yet.
// Rule 3: each reply has the time of its own row from when it is the next one to come (RFC 5321 §4.5.3.2).

import { Fifo } from '../../wire/fifo.ts';
import { encodeUtf8 } from '../../wire/utf8.ts';
import { formatCommand } from '../../syntax/command.ts';
import type { Command } from '../../syntax/command.ts';
import type { Milliseconds } from '../limit.ts';
import type { ClientAction, InReplyTo } from './action.ts';
import { AWAITED } from './table.ts';
import type { Awaited } from './table.ts';

/** A command to be sent, and then the reply that is awaited to it; for RCPT, and in LMTP, with the recipient whom it is about. */
export interface Exchange {
  readonly to: Awaited;
  readonly command?: Command;
  readonly recipient?: number;
}

export class Pipeline {
  readonly #longest: Milliseconds;
  readonly #waiting = new Fifo<{ readonly action: ClientAction; readonly replies: number }>(); // to be handed out; with how many replies each is to bring
  #unsent = 0; // of those replies
  #first: Exchange | undefined; // of those whose replies are to come
  readonly #behind = new Fifo<Exchange>(); // the others: in LMTP as many as recipients
  #last: Exchange | undefined; //  that was added
  deadline: Milliseconds = Infinity;

  /** `longest`: most milliseconds for any wait. */
  constructor(longest: Milliseconds) {
    this.#longest = longest;
  }

  /** What the next reply answers. */
  get first(): Exchange | undefined {
    return this.#first;
  }

  /** The same, in words. */
  get phrase(): InReplyTo | undefined {
    return this.#first && AWAITED[this.#first.to].phrase;
  }

  /** Replies to come. */
  get length(): number {
    return this.#first === undefined ? 0 : 1 + this.#behind.size;
  }

  /** A reply that came now would come before its command. */
  get early(): boolean {
    return this.length <= this.#unsent;
  }

  /** Whether this was said last, and the reply to it has not come. */
  endsWith(to: Awaited): boolean {
    return this.#first !== undefined && this.#last?.to === to;
  }

  /** The next action to be handed out. */
  take(): ClientAction | undefined {
    const first = this.#waiting.shift();
    this.#unsent -= first?.replies ?? 0;
    return first?.action;
  }

  /** Takes back the octets that were not handed out, where the next reply is one to them; tells whether. */
  withdraw(): boolean {
    if (this.#first === undefined || !this.early) return false;
    for (const one of this.#waiting.clear()) if (one.action.type !== 'send') this.#waiting.push(one);
    this.#unsent = 0;
    return true;
  }

  /** An action that brings no reply. */
  push(action: ClientAction): void {
    this.#waiting.push({ action, replies: 0 });
  }

  /** Commands, in one piece. */
  put(group: readonly Exchange[], now: Milliseconds): void {
    this.say({ type: 'send', octets: encodeUtf8(group.map(lineOf).join('')) }, group, now);
  }

  /** Octets that bring these replies. */
  say(action: Extract<ClientAction, { readonly type: 'send' }>, replies: readonly Exchange[], now: Milliseconds): void {
    this.#waiting.push({ action, replies: replies.length });
    this.#unsent += replies.length;
    this.expect(replies, now);
  }

  /** Octets in pieces, the last of which brings these replies. */
  pieces(pieces: readonly Uint8Array[], replies: readonly Exchange[], now: Milliseconds): void {
    for (const [index, octets] of pieces.entries()) {
      if (index === pieces.length - 1) this.say({ type: 'send', octets }, replies, now);
      else this.push({ type: 'send', octets });
    }
  }

  /** Replies that nobody has to ask for any more. */
  expect(replies: readonly Exchange[], now: Milliseconds): void {
    for (const reply of replies) {
      if (this.#first === undefined) this.#first = reply;
      else this.#behind.push(reply);
      this.#last = reply;
    }
    this.#rearm(now);
  }

  /** The first reply has come. */
  answered(now: Milliseconds): void {
    this.#first = this.#behind.shift();
    this.#rearm(now);
  }

  /** So long, for something that is no reply. */
  allow(time: Milliseconds, now: Milliseconds): void {
    this.deadline = now + Math.min(time, this.#longest);
  }

  #rearm(now: Milliseconds): void {
    if (this.#first !== undefined) this.allow(AWAITED[this.#first.to].timeout, now);
  }
}

export const RSET: Exchange = { to: 'RSET', command: { verb: 'RSET' } };
export const DATA: Exchange = { to: 'DATA', command: { verb: 'DATA' } };
export const QUIT: Exchange = { to: 'QUIT', command: { verb: 'QUIT' } };

/** The command with its CRLF; nothing for an exchange whose octets go otherwise. */
export function lineOf({ command }: Exchange): string {
  return command === undefined ? '' : `${formatCommand(command)}\r\n`;
}

/** The exchange as it is where the whole mail goes along. */
export function inFlight(exchange: Exchange): Exchange {
  return exchange === RSET ? { ...RSET, to: 'RSET in flight' } : exchange;
}
