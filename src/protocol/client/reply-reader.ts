// Replies out of the server's octets, one after the other, whatever the cuts (RFC 5321 §4.2).
//
// Rule 1: CRLF alone ends a line; a bare CR or LF, NUL, a line or a reply that is too long: none of that is a reply.
// Rule 2: behind something that is no reply nothing is read; the stream is out of step.

import { decodeLatin1 } from '../../wire/ascii.ts';
import { LineDecoder } from '../../wire/line-decoder.ts';
import { isFault } from '../../syntax/fault.ts';
import { ReplyAssembler } from '../../syntax/reply.ts';
import type { Reply } from '../../syntax/reply.ts';
import { LIMITS } from '../limit.ts';

export class ReplyReader {
  readonly #lines = new LineDecoder({ limit: LIMITS.replyLine });
  readonly #assembler = new ReplyAssembler({ limit: LIMITS.replyLines });
  /** What the last `read` came to; undefined: it has to go on. */
  reply: Reply | 'no reply' | undefined;

  /** Reads from `at`, to the end of one line or of the octets; returns the index of the first octet not consumed. */
  read(octets: Uint8Array, at: number): number {
    const end = this.#lines.read(octets, at);
    this.reply = this.#judge();
    return end;
  }

  #judge(): Reply | 'no reply' | undefined {
    const { line, fault, length } = this.#lines;
    if (line === undefined) return length > LIMITS.replyLine ? 'no reply' : undefined;
    const reply = fault === undefined ? this.#assembler.add(decodeLatin1(line)) : undefined;
    return fault !== undefined || isFault(reply) ? 'no reply' : reply;
  }
}
