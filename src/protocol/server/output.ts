// What a session has for its shell: actions in their order, and replies, which are held back while there is input
// (RFC 2920 §3.2: those of a pipelined group go out in one piece).

import { encodeUtf8 } from '../../wire/utf8.ts';
import type { Verb } from '../../syntax/command.ts';
import { formatReply, type Reply } from '../../syntax/reply.ts';
import { LIMITS } from '../limit.ts';
import type { ServerAction } from './action.ts';
import type { State } from './table.ts';

/** Replies to these are not held back for others to come (RFC 2920 §3.2 (5)); nor to HELP, which a person types. */
export const UNBUFFERED: ReadonlySet<Verb> = new Set(['EHLO', 'HELO', 'LHLO', 'DATA', 'VRFY', 'EXPN', 'QUIT', 'NOOP', 'HELP']);

export class Output {
  /** The replies must not wait for more input (RFC 2920 §3.2 (5), (6)). */
  urgent = false;
  #replies = '';
  readonly #actions: ServerAction[] = [];
  #closed = false; // the close was handed out

  /** The replies are to go out before anything further is read. */
  get due(): boolean {
    return (this.urgent && this.#replies !== '') || this.#replies.length >= LIMITS.replyGroup;
  }

  reply(reply: Reply, utf8: boolean): void {
    this.#replies += formatReply(reply, { utf8 });
  }

  act(action: ServerAction): void {
    this.#actions.push(action);
  }

  /** The next action that comes before any further reading. */
  action(): ServerAction | undefined {
    return this.#actions.shift();
  }

  /** The replies so far; when they are out, what the state asks for: the handshake, the close. */
  flush(state: State): ServerAction | undefined {
    this.urgent = false;
    if (this.#replies !== '') {
      const octets = encodeUtf8(this.#replies);
      this.#replies = '';
      if (state === 'tls') this.act({ type: 'start-tls' });
      return { type: 'send', octets };
    }
    if (state !== 'closed' || this.#closed) return undefined;
    this.#closed = true;
    return { type: 'close' };
  }

  /** Nobody hears the replies any more. */
  drop(): void {
    this.#replies = '';
  }
}
