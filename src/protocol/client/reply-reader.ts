// Replies out of the server's octets, one after the other, whatever the cuts (RFC 5321 §4.2).
//
// Rule 1: CRLF alone ends a line; a bare CR or LF, NUL, a line or a reply that is too long: none of that is a reply.
// Rule 2: behind something that is no reply nothing is read; the stream is out of step.
// Rule 3: a server says the same few lines over and over: those of the last replies of one line each are remembered, so that
//         they are not read anew (a reply: 1.6 µs, so 0.5 µs; a mail has four). What is remembered is what was read.
// Rule 4: text is what UTF-8 makes of it (RFC 6531 §3.7.4; some say so much in any mail), or else a character for each octet.

import { isAsciiText } from '../../wire/ascii.ts';
import { LineDecoder } from '../../wire/line-decoder.ts';
import { decodeUtf8 } from '../../wire/utf8.ts';
import { isFault } from '../../syntax/fault.ts';
import { ReplyAssembler } from '../../syntax/reply.ts';
import type { Reply } from '../../syntax/reply.ts';
import { LIMITS } from '../limit.ts';

/** Replies that are remembered: those to MAIL, RCPT, DATA and RSET, and some that do not come again. */
const REMEMBERED = 8;
const CRLF = 2; // octets

export class ReplyReader {
  readonly #lines = new LineDecoder({ limit: LIMITS.replyLine });
  readonly #assembler = new ReplyAssembler({ limit: LIMITS.replyLines });
  readonly #known = new Map<string, Reply>(); // by line
  #begun = false; //                             a reply of several lines is under way
  #length = 0; //                                octets of its lines so far
  /** What the last `read` came to; undefined: it has to go on. */
  reply: Reply | 'no reply' | undefined;

  /** Reads from `at`, to the end of one line or of the octets; returns the index of the first octet not consumed. */
  read(octets: Uint8Array, at: number): number {
    const end = this.#lines.read(octets, at);
    this.reply = this.#judge();
    return end;
  }

  #judge(): Reply | 'no reply' | undefined {
    const { ended, fault, length } = this.#lines;
    if (fault !== undefined || length > LIMITS.replyLine) return 'no reply'; // its end, if there is one, changes nothing
    if (!ended) return undefined;
    const { line, text } = this.#lines;
    const known = this.#begun ? undefined : this.#known.get(text);
    if (known !== undefined) return known;
    this.#length = (this.#begun ? this.#length : 0) + text.length + CRLF;
    const reply = this.#assembler.add(line === undefined || isAsciiText(text) ? text : (decodeUtf8(line) ?? text));
    if (isFault(reply) || this.#length > LIMITS.reply) return 'no reply';
    if (reply !== undefined && !this.#begun) this.#remember(text, reply);
    this.#begun = reply === undefined;
    return reply;
  }

  #remember(line: string, reply: Reply): void {
    if (this.#known.size === REMEMBERED) this.#known.clear();
    this.#known.set(line, reply);
  }
}
