// What a session has for its shell: actions in their order, and replies, which are held back while there is input
// (RFC 2920 §3.2: those of a pipelined group go out in one piece).

import { Fifo } from '../../wire/fifo.ts';
import { concat } from '../../wire/octet.ts';
import { encodeUtf8 } from '../../wire/utf8.ts';
import { formatReply, type Reply } from '../../syntax/reply.ts';
import type { ExtensionKeyword } from '../extension.ts';
import { LENIENCIES, type LeniencyName } from '../leniency.ts';
import { LIMITS } from '../limit.ts';
import type { ServerAction } from './action.ts';
import { countReply, type SessionCounts } from './count.ts';
import { NOTICES, type NoticeName } from './notice.ts';
import type { OwnReplies } from './own-replies.ts';
import { withEnhanced, type ReplyName } from './reply.ts';
import type { State } from './table.ts';

/** What of a server's settings decides what its replies are. */
export interface OutputSettings {
  readonly own: OwnReplies;
  /** Extensions that are not offered. */
  readonly lacking: ReadonlySet<ExtensionKeyword>;
  readonly counts: SessionCounts | undefined;
}

export class Output {
  /** The replies must not wait for more input (RFC 2920 §3.2 (5), (6)). */
  urgent = false;
  /** The replies are the last ones, as the client has asked by QUIT. */
  last = false;
  #replies: Fifo<Uint8Array> | undefined; //    while there are some, as are
  #actions: Fifo<ServerAction> | undefined; //  these
  #size = 0; //      of the replies
  #behind: (ServerAction & { readonly type: 'ended' }) | undefined; // to be handed out behind the replies
  #closed = false; // the close was handed out
  #noticed: Set<NoticeName> | undefined; // most sessions have none
  readonly #settings: OutputSettings;

  constructor(settings: OutputSettings) {
    this.#settings = settings;
  }

  /** The replies are to go out before anything further is read. */
  get due(): boolean {
    return (this.urgent && this.#size > 0) || this.#size >= LIMITS.replyGroup;
  }

  /** The replies that are held back. */
  get held(): Uint8Array {
    const replies = this.#replies?.clear() ?? [];
    for (const reply of replies) this.#replies?.push(reply);
    return concat(replies);
  }

  /** A reply of ours by its name; or one of the application's, which gets an enhanced code where it has none (RFC 2034 §4). */
  reply(reply: Reply | ReplyName, utf8: boolean): void {
    const { own, lacking } = this.#settings;
    if (typeof reply === 'string') this.put(own.octets(reply));
    else this.put(encodeUtf8(formatReply(lacking.has('ENHANCEDSTATUSCODES') ? reply : withEnhanced(reply), { utf8 })));
  }

  /** A reply as it is: RFC 2034 §4 excepts the banner, those to EHLO and HELO, and 3yz. */
  say(reply: Reply): void {
    this.put(encodeUtf8(formatReply(reply)));
  }

  /** A reply as octets, which are not written into. */
  put(octets: Uint8Array): void {
    const { counts } = this.#settings;
    if (counts !== undefined) countReply(counts, octets);
    (this.#replies ??= new Fifo()).push(octets);
    this.#size += octets.length;
  }

  /** Something was taken that the RFC forbids. */
  lenient(name: LeniencyName): void {
    this.act({ type: 'leniency', name, source: LENIENCIES[name].source });
  }

  /** The client did what it had no right to; told once. */
  notice(name: NoticeName): void {
    if (this.#noticed?.has(name) === true) return;
    (this.#noticed ??= new Set()).add(name);
    this.act({ type: 'notice', name, source: NOTICES[name].source });
  }

  act(action: ServerAction): void {
    (this.#actions ??= new Fifo()).push(action);
  }

  /** The end of mail data was answered: the transaction is over as soon as the reply is out, and that is not held back for others. */
  actBehindReply(how: 'accepted' | 'refused'): void {
    this.#behind = { type: 'ended', how, replied: true };
    this.urgent = true;
  }

  /** The next action that comes before any further reading. */
  action(): ServerAction | undefined {
    const actions = this.#actions;
    const first = actions?.shift();
    if (actions?.empty === true) this.#actions = undefined;
    return first;
  }

  /** The replies so far; when they are out, what the state asks for: the handshake, the close. */
  flush(state: State): ServerAction | undefined {
    this.urgent = false;
    const replies = this.#replies;
    const first = replies?.shift();
    if (replies !== undefined && first !== undefined) {
      const octets = replies.empty ? first : concat([first, ...replies.clear()]);
      this.#replies = undefined;
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
    this.#replies = undefined;
    this.#size = 0;
    if (this.#behind !== undefined) this.act({ ...this.#behind, replied: false });
    this.#behind = undefined;
  }
}
