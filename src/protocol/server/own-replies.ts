// Our own replies as the octets that go out: made once for each name that a server has, and not for each of its clients.

import { encodeAscii } from '../../wire/ascii.ts';
import { formatReply, type Reply } from '../../syntax/reply.ts';
import { ownReply, type ReplyName } from './reply.ts';

/** What of a server's settings stands in its replies. */
interface ReplySettings {
  readonly hostname: string;
  readonly maxTextLine: number;
  readonly encode?: (text: string) => Uint8Array;
}

export class OwnReplies {
  readonly #settings: ReplySettings;
  readonly #replies = new Map<ReplyName, Reply>();
  readonly #octets = new Map<string, Uint8Array>();

  constructor(settings: ReplySettings) {
    this.#settings = settings;
  }

  reply(name: ReplyName): Reply {
    const known = this.#replies.get(name);
    if (known !== undefined) return known;
    const made = ownReply(name, this.#settings.hostname, this.#settings.maxTextLine);
    this.#replies.set(name, made);
    return made;
  }

  /** The reply as it is sent; shared, so not to be written into. */
  octets(name: ReplyName): Uint8Array {
    return this.#octets.get(name) ?? this.#keep(name, this.reply(name));
  }

  /** The reply to EHLO or HELO, likewise; `offer` tells offers apart, of which `keywords` are the lines (a fifth of what a session cost). */
  hello(offer: string, keywords: () => readonly string[]): Uint8Array {
    const key = `hello ${offer}`;
    const { code, lines } = this.reply('hello');
    return this.#octets.get(key) ?? this.#keep(key, { code, enhanced: undefined, lines: [...lines, ...keywords()] });
  }

  #keep(key: string, reply: Reply): Uint8Array {
    const { encode = encodeAscii } = this.#settings;
    const octets = encode(formatReply(reply));
    this.#octets.set(key, octets);
    return octets;
  }
}
