// Our own replies as the octets that go out: made once for each name that a server has, and not for each of its clients.

import { encodeAscii } from '../../wire/ascii.ts';
import { formatReply, type Reply } from '../../syntax/reply.ts';
import { repliesOf, type ReplyName } from './reply.ts';

export class OwnReplies {
  readonly #replies: Readonly<Record<ReplyName, Reply>>;
  readonly #octets = new Map<ReplyName, Uint8Array>();

  constructor(hostname: string, maxTextLine: number) {
    this.#replies = repliesOf(hostname, maxTextLine);
  }

  reply(name: ReplyName): Reply {
    return this.#replies[name];
  }

  /** The reply as it is sent; shared, so not to be written into. */
  octets(name: ReplyName): Uint8Array {
    let octets = this.#octets.get(name);
    if (octets === undefined) {
      octets = encodeAscii(formatReply(this.#replies[name]));
      this.#octets.set(name, octets);
    }
    return octets;
  }
}

const MOST_REMEMBERED = 16;
const remembered = new Map<string, OwnReplies>();

/** The replies of a server: the same object for the same words, as long as there are few servers. */
export function ownReplies(hostname: string, maxTextLine: number): OwnReplies {
  const key = `${hostname} ${maxTextLine}`;
  let replies = remembered.get(key);
  if (replies === undefined) {
    if (remembered.size >= MOST_REMEMBERED) remembered.clear();
    replies = new OwnReplies(hostname, maxTextLine);
    remembered.set(key, replies);
  }
  return replies;
}
