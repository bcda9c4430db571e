// What a session has for its shell: actions in their order, and replies, which are held back while there is input
// (RFC 2920 §3.2: those of a pipelined group go out in one piece).

import { concat } from '../../wire/octet.ts';
import { encodeUtf8 } from '../../wire/utf8.ts';
import { formatReply, type Reply } from '../../syntax/reply.ts';
import { LIMITS } from '../limit.ts';
import type { ServerAction } from './action.ts';
import type { State } from './table.ts';

export class Output {
  /** The replies must not wait for more input (RFC 2920 §3.2 (5), (6)). */
  urgent = false;
  #replies: Uint8Array[] = [];
  #size = 0; //      of the replies
  #actions: ServerAction[] = [];
  #next = 0; //      of the actions, the first that was not handed out
  #behind: (ServerAction & { readonly type: 'ended' }) | undefined; // to be handed out behind the replies
  #closed = false; // the close was handed out

  /** The replies are to go out before anything further is read. */
  get due(): boolean {
    return (this.urgent && this.#size > 0) || this.#size >= LIMITS.replyGroup;
  }

  /** The replies that are held back. */
  get held(): Uint8Array {
    return concat(this.#replies);
  }

  reply(reply: Reply, utf8: boolean): void {
    this.put(encodeUtf8(formatReply(reply, { utf8 })));
  }

  /** A reply as octets, which are not written into. */
  put(octets: Uint8Array): void {
    this.#replies.push(octets);
    this.#size += octets.length;
  }

  act(action: ServerAction): void {
    this.#actions.push(action);
  }

  /** The end of mail data was answered: the transaction is over as soon as the reply is out, and that is not held back for others. */
  actBehindReply(how: 'accepted' | 'refused'): void {
    this.#behind = { type: 'ended', how, replied: true };
    this.urgent = true;
  }

  /** The next action that comes before any further reading. */
  action(): ServerAction | undefined {
    const action = this.#actions[this.#next];
    if (action === undefined) return undefined;
    if (++this.#next === this.#actions.length) {
      this.#actions = [];
      this.#next = 0;
    }
    return action;
  }

  /** The replies so far; when they are out, what the state asks for: the handshake, the close. */
  flush(state: State): ServerAction | undefined {
    this.urgent = false;
    const [first] = this.#replies;
    if (first !== undefined) {
      const octets = this.#replies.length === 1 ? first : concat(this.#replies);
      this.#replies = [];
      this.#size = 0;
      if (this.#behind !== undefined) this.act(this.#behind);
      this.#behind = undefined;
      if (state === 'tls') this.act({ type: 'start-tls' });
      return { type: 'send', octets };
    }
    if (state !== 'closed' || this.#closed) return undefined;
    this.#closed = true;
    return { type: 'close' };
  }

  /** Nobody hears the replies any more. */
  drop(): void {
    this.#replies = [];
    this.#size = 0;
    if (this.#behind !== undefined) this.act({ ...this.#behind, replied: false });
    this.#behind = undefined;
  }
}
