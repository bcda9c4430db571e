// Replies (RFC 5321 §4.2): lines ↔ a code, an enhanced status code (RFC 2034) and lines of text.
//
// `reply` makes ours, and the compiler checks that the two codes agree. A peer's may have any code that §4.2 can write, and any
// text. Left out: the greeting's and EHLO's text (keyword.ts), and which reply follows which command.

import { checkObject, checkText, shown, UsageError } from '../wire/usage.ts';
import { exceeds, PRINTABLE, run } from './character.ts';
import { takesUtf8, type SyntaxOptions } from './domain.ts';
import { fault, isFault } from './fault.ts';
import type { Fault } from './fault.ts';
import { agrees, formatEnhancedStatus, parseEnhancedStatus, type EnhancedStatus } from './status.ts';

/** The first digit of a reply code (§4.2.1): done, go on, not now, not so. */
export type ReplyClass = 2 | 3 | 4 | 5;

/** A reply: its code, its enhanced code, its lines of text (RFC 5321 §4.2, RFC 2034). */
export interface Reply {
  readonly code: number;
  /** For example `5.1.1`; absent where the reply has none (RFC 2034 §4: the greeting, the reply to EHLO and 3yz never have). */
  readonly enhanced: string | undefined;
  /** The lines of text without the codes, at least one. */
  readonly lines: readonly string[];
}

/** The codes that a reply made here can have (§4.2.2; 235, 334, 432, 454, 530, 534, 535, 538: RFC 4954 §4, §6; 521, 556: RFC 7504; 523: RFC 5248). */
export type ReplyCode = Completion | Intermediate | Transient | Permanent;
type Completion = 211 | 214 | 220 | 221 | 235 | 250 | 251 | 252;
type Intermediate = 334 | 354;
type Transient = 421 | 432 | 450 | 451 | 452 | 454 | 455;
type Permanent = 500 | 501 | 502 | 503 | 504 | 521 | 523 | 530 | 534 | 535 | 538 | 550 | 551 | 552 | 553 | 554 | 555 | 556;

/** The enhanced status codes that may stand beside `Code`: those of its class (RFC 2034 §4). */
export type EnhancedFor<Code extends ReplyCode> = Code extends Completion
  ? `2.${number}.${number}`
  : Code extends Transient
    ? `4.${number}.${number}`
    : Code extends Permanent
      ? `5.${number}.${number}`
      : never;

/** Returns the reply; its types see to it that `code` and `enhanced` have the same class: `552 4.3.1` does not compile. Throws UsageError where a program without types has it so. */
export function reply<Code extends ReplyCode>(
  code: Code,
  enhanced: EnhancedFor<Code> | undefined,
  ...lines: readonly string[]
): Reply {
  const made: Reply = { code, enhanced, lines: lines.length === 0 ? [''] : lines };
  if (!isReply(made) || !isConsistent(made)) throw new UsageError(`reply takes a code, an enhanced code of the same class or undefined, and texts, such as 550, "5.1.1", "no such user", not ${shown([code, enhanced, ...lines])}`);
  return made;
}

/** Tells whether it is a reply, whatever its type promised: a code of 2yz to 5yz, and texts. */
export function isReply(value: unknown): value is Reply {
  const { code, enhanced, lines } = (value ?? {}) as Readonly<Partial<Record<keyof Reply, unknown>>>; // what they are is found out here
  return typeof code === 'number' && Number.isInteger(code) && code >= 200 && code <= 599 && (enhanced === undefined || typeof enhanced === 'string') && Array.isArray(lines) && lines.every((line) => typeof line === 'string');
}

/** Returns the class of a reply code; 5 for what no class has, since a client is to give up then (§4.2). */
export function replyClass(code: number): ReplyClass {
  const first = Math.floor(code / 100);
  return first === 2 || first === 3 || first === 4 ? first : 5;
}

/** Tells whether the enhanced code of the reply, where it has one, may stand beside its code: a status code of the same class (RFC 2034 §4). */
export function isConsistent({ code, enhanced }: Pick<Reply, 'code' | 'enhanced'>): boolean {
  const status = enhanced === undefined ? undefined : parseEnhancedStatus(enhanced);
  return status === undefined || (!isFault(status) && agrees(status, code));
}

/**
 * Returns all lines of the reply, each with the codes (RFC 2034 §4) and CRLF; a space follows the code even if no text
 * does (RFC 5321 §4.2.1).
 *
 * A line holds HT and printable ASCII only (§4.2 textstring), with `utf8` also characters above U+009F (RFC 6531 §3.7.4). Of the
 * others `§` and `…`, which our own texts have, are written out, and each further one, CR and LF above all, becomes `?`: no text
 * can begin a line of its own. A line of more than 512 octets (§4.5.3.1.5) is broken in two, at a space where there is one.
 */
export function formatReply(reply: Reply, options?: SyntaxOptions): string {
  if (!isReply(reply)) throw new UsageError(`formatReply takes a reply, such as reply(550, "5.1.1", "no such user"), not ${shown(reply)}`);
  const { code, enhanced, lines } = reply;
  const utf8 = takesUtf8(options);
  const status = enhanced === undefined ? '' : `${harmless(enhanced, utf8)} `;
  const room = Math.max(80, LONGEST_LINE - '250 '.length - status.length - '\r\n'.length);
  const texts: string[] = [];
  for (const line of lines.length === 0 ? [''] : lines) put(texts, harmless(line, utf8), room);
  let output = '';
  for (const [index, text] of texts.entries()) {
    output += `${code}${index === texts.length - 1 ? ' ' : '-'}${status}${text}\r\n`;
  }
  return output;
}

const LONGEST_LINE = 512;

function harmless(text: string, utf8: boolean): string {
  if (run(text, 0, PRINTABLE) === text.length) return text; // nearly always, and three times as fast as finding nothing to replace
  return utf8
    ? text.replace(/[^\t -~\u{a0}-\u{d7ff}\u{e000}-\u{10ffff}]/gu, '?')
    : text.replace(/[^\t -~]/gu, (character) => (character === '§' ? 'section ' : character === '…' ? '...' : '?'));
}

/** Adds `line` to `texts`, in pieces of at most `room` octets. */
function put(texts: string[], line: string, room: number): void {
  let rest = line;
  while (exceeds(rest, 0, rest.length, room)) {
    const end = fitting(rest, room);
    const space = rest.lastIndexOf(' ', end);
    texts.push(rest.slice(0, space > 0 ? space : end));
    rest = rest.slice(space > 0 ? space + 1 : end);
  }
  texts.push(rest);
}

/** Returns the number of UTF-16 units, at least one character, from the start of `text` that are at most `room` octets of UTF-8. */
function fitting(text: string, room: number): number {
  let octets = 0;
  let units = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    octets += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (octets > room && units > 0) break;
    units += character.length;
  }
  return units;
}

export interface ReplyLine {
  readonly code: number;
  /** A space or nothing follows the code, not a hyphen. */
  readonly last: boolean;
  /** May hold anything: it is the peer's. */
  readonly text: string;
}

/** Returns the parts of one line of a reply, without its CRLF, or why it is none. A bare code is taken (§4.2). */
export function parseReplyLine(line: string): ReplyLine | Fault {
  // Choice: the ABNF ends the second digit at 5, but §4.3.2 has a client go by the first; servers do answer 571.
  if (!/^[2-5][0-9][0-9]/.test(line)) return fault('bad-reply', line, 0, 'Reply-code', REPLY_LINE);
  const code = Number(line.slice(0, 3));
  if (line.length > 3 && line[3] !== ' ' && line[3] !== '-') return fault('bad-reply', line, 3, 'SP or "-"', REPLY_LINE);
  return { code, last: line[3] !== '-', text: line.slice(4) };
}

const REPLY_LINE = 'RFC 5321 §4.2 Reply-line';

/**
 * Puts the lines of replies together, one reply after the other.
 *
 * Rule 1: all lines of a reply have the same code (§4.2.1).
 * Rule 2: a reply has at most `limit` lines, so that a peer cannot fill the memory.
 * Rule 3: after a fault nothing is kept; the stream is out of step, and the caller should close.
 */
export class ReplyAssembler {
  readonly #limit: number;
  #code = 0;
  #texts: string[] = [];

  /** `limit`: lines of one reply. */
  constructor(options: { readonly limit: number }) {
    checkObject(options);
    if (!(typeof options.limit === 'number' && options.limit >= 0)) throw new UsageError(`limit must be a number of lines, not ${shown(options.limit)}`);
    this.#limit = options.limit;
  }

  /** Takes a line without CRLF. Returns the reply that it ends, or what is wrong, or undefined: more lines follow. */
  add(line: string): Reply | Fault | undefined {
    checkText(line, 'a ReplyAssembler', '250 2.0.0 ok');
    const parsed = this.#check(line, parseReplyLine(line));
    if (isFault(parsed)) {
      this.#texts = [];
      return parsed;
    }
    this.#code = parsed.code;
    this.#texts.push(parsed.text);
    if (!parsed.last) return undefined;
    const texts = this.#texts;
    this.#texts = [];
    return splitEnhanced(parsed.code, texts);
  }

  #check(line: string, parsed: ReplyLine | Fault): ReplyLine | Fault {
    if (isFault(parsed) || this.#texts.length === 0) return parsed;
    if (parsed.code !== this.#code) return fault('reply-codes-differ', line, 0, `"${this.#code}"`, 'RFC 5321 §4.2.1');
    if (this.#texts.length < this.#limit) return parsed;
    return fault('reply-too-long', line, 0, `at most ${this.#limit} lines`, REPLY_LINE);
  }
}

/** The enhanced code is one only where its class agrees and it stands on every line (RFC 2034 §4); otherwise it is text. */
function splitEnhanced(code: number, texts: readonly string[]): Reply {
  const apart = withStatusApart(code, texts);
  return apart !== undefined && agrees(apart.status, code) ? apart.reply : { code, enhanced: undefined, lines: texts };
}

/** The reply, with the status code, of whatever class, that stands in front of each of its lines; undefined: none does. */
function withStatusApart(code: number, texts: readonly string[]): { readonly reply: Reply; readonly status: EnhancedStatus } | undefined {
  const [enhanced = ''] = (texts[0] ?? '').split(' ', 1);
  const status = parseEnhancedStatus(enhanced);
  if (isFault(status) || !texts.every((text) => text === enhanced || text.startsWith(`${enhanced} `))) return undefined;
  return { reply: { code, enhanced, lines: texts.map((text) => text.slice(enhanced.length + 1)) }, status };
}

/**
 * Returns the reply, its enhanced code in the class of the reply code, which is the one to be relied on (RFC 5321 §4.3.2, RFC 2034 §4):
 * `550 4.1.1 gone` says 5.1.1. Subject and detail are the same in every class (RFC 3463 §2). The very same reply where nothing is to
 * be corrected; and where no code was given, none is.
 */
export function classCorrected(given: Reply): Reply {
  const { code, enhanced, lines } = given.enhanced === undefined ? (withStatusApart(given.code, given.lines)?.reply ?? given) : given;
  const status = parseEnhancedStatus(enhanced ?? '');
  const first = replyClass(code);
  if (isFault(status) || agrees(status, code) || first === 3) return given;
  return { code, enhanced: formatEnhancedStatus({ ...status, class: first }), lines };
}

/** Returns the enhanced code of the reply, its class corrected; where it has none, that which says no more than the class (RFC 3463 §2). */
export function statusOf(given: Reply): string {
  const { code, enhanced = '' } = classCorrected(given);
  return isFault(parseEnhancedStatus(enhanced)) ? `${replyClass(code)}.0.0` : enhanced;
}
