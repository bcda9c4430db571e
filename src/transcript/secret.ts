// What must not stand in a transcript: the passwords, tokens and proofs that a client shows (RFC 4954 §4). They are struck out
// of its octets as they pass, before anybody writes them down.
//
// Rule 1: an initial response, and each line that answers a 334, is a secret, whatever the mechanism; what may be part of one
//         is held back until its line is whole. So no cut can let half a password through. A command is none, which is read as a
//         response where AUTH goes on, and run where it has been refused. Behind an AUTH that is refused everything is a
//         secret up to the next command: some clients read no replies, and show their password all the same.
// Rule 2: an exchange is over when AUTH itself has been answered, by anything but 334; replies to what was pipelined before it
//         are counted off first.
// Rule 3: names stay. PLAIN, LOGIN and SCRAM-SHA-256 are struck out so that they can be replayed: their password becomes
//         `STRUCK_OUT`, and what SCRAM makes of it on both sides is made anew (scram-stand-in.ts).
// Rule 4: some servers quote in their replies what they do not understand. What has been struck out is struck out there too.
// Rule 5: mail data and chunks are no commands (RFC 5321 §4.5.2, RFC 3030 §2), and pass as they are. Where only some servers see
//         a line of its own, behind a bare LF, AUTH is looked for, and a chunk is not believed in.

import { decodeLatin1, encodeAscii } from '../wire/ascii.ts';
import { decodeBase64, encodeBase64 } from '../wire/base64.ts';
import { ChunkDecoder } from '../wire/chunk-decoder.ts';
import { DataDecoder } from '../wire/data-decoder.ts';
import { concat, LF } from '../wire/octet.ts';
import type { AuthAnswer, Hash } from '../protocol/sasl/exchange.ts';
import { chunkSize } from '../protocol/server/command-line.ts';
import { ScramStandIn, STRUCK_OUT } from './scram-stand-in.ts';

/** Octets of a line that are looked at; whatever is longer is no command of any server's. */
const LONGEST_LINE = 65_536;

/** Secrets that are looked for in replies: the last ones. */
const MOST_STRUCK = 64;

/** Characters of a reply in front of its text. */
const CODE = 4;

interface Exchange {
  readonly mechanism: string;
  turns: number; //       responses so far
  unanswered: number; //  replies up to the one that ends it
  behind: number; //      lines that did not wait for the first of them,
  dataBehind: boolean; // and DATA among them: commands, if that refuses AUTH
  readonly standIn: ScramStandIn | undefined;
}

/** Both directions of one session, in the order in which they passed. */
export class SecretStriker {
  #line = ''; //                     of the client, as far as it has come
  #held: Uint8Array[] = []; //       the octets of it that may be secret
  #certain = true; //                it is one to every server: what is in front of it ended in CRLF
  #replies = ''; //                  of the server, an incomplete line
  #heldReplies: Uint8Array[] = []; // the octets of it that may quote a secret, or that SCRAM may have another word for
  readonly #struck = new Map<string, string>(); // what stands for what has been struck out
  #unanswered = 1; //                the greeting, then commands
  #dataAsked = false;
  #data: DataDecoder | undefined;
  #chunk: ChunkDecoder | undefined;
  #exchange: Exchange | undefined;
  #refused = false; //               AUTH was, and no command has come since
  readonly #hash: Hash;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /** Returns the client's octets as they may be written down, and those held back before; empty: all are held back. */
  client(octets: Uint8Array): Uint8Array {
    const passed: Uint8Array[] = [];
    for (let at = 0; at < octets.length; ) {
      const from = at;
      if (this.#data !== undefined) {
        while (at < octets.length && !this.#data.ended) at = this.#data.read(octets, at);
        if (this.#data.ended) {
          this.#data = undefined;
          this.#unanswered += 1;
        }
        passed.push(octets.subarray(from, at));
      } else if (this.#chunk !== undefined) {
        at = this.#chunk.read(octets, at);
        if (this.#chunk.ended) this.#chunk = undefined;
        passed.push(octets.subarray(from, at));
      } else {
        at = octets.indexOf(LF, at) + 1 || octets.length;
        passed.push(...this.#readLine(octets.subarray(from, at)));
      }
    }
    return concat(passed);
  }

  /** Returns the server's octets as they may be written down: as they are, but for secrets that they quote, and for what SCRAM says, which fits the client's stand-in. */
  server(octets: Uint8Array): Uint8Array {
    const passed: Uint8Array[] = [];
    for (let at = 0; at < octets.length; ) {
      const from = at;
      at = octets.indexOf(LF, at) + 1 || octets.length;
      const piece = octets.subarray(from, at);
      this.#replies = (this.#replies + decodeLatin1(piece)).slice(0, LONGEST_LINE);
      if (this.#exchange?.standIn === undefined && this.#struck.size === 0 && this.#heldReplies.length === 0) passed.push(piece);
      else this.#heldReplies.push(piece);
      if (piece.at(-1) !== LF) {
        if (this.#replies.length === LONGEST_LINE) passed.push(...this.#unquoted());
        continue;
      }
      const line = this.#replies.trimEnd();
      if (this.#heldReplies.length > 0) passed.push(...this.#standInFor(line));
      this.#replies = '';
      const [, code] = /^(\d{3})(?: .*|\r?)$/.exec(line) ?? [];
      if (code !== undefined) this.#readReply(code);
    }
    return concat(passed);
  }

  /** What may be written down of the octets that are held back of the server's, up to the end of a line. */
  #standInFor(line: string): readonly Uint8Array[] {
    const [, base64] = /^334 (\S+)$/.exec(line) ?? [];
    const message = base64 === undefined ? undefined : decodeBase64(base64);
    const { standIn } = this.#exchange ?? {};
    if (message === undefined || standIn === undefined) return this.#unquoted();
    this.#heldReplies = [];
    return [encodeAscii(`334 ${encodeBase64(standIn.server(message))}\r\n`)];
  }

  /** The octets that are held back of the server's, without the secrets that they quote. */
  #unquoted(): readonly Uint8Array[] {
    const held = this.#heldReplies;
    this.#heldReplies = [];
    const text = decodeLatin1(concat(held));
    let unquoted = text.slice(CODE);
    for (const [secret, standIn] of this.#struck) unquoted = unquoted.replaceAll(secret, standIn);
    return unquoted === text.slice(CODE) ? held : [encodeAscii(text.slice(0, CODE) + unquoted)];
  }

  /** Returns what stands for a secret. */
  #strikeOut(secret: string, standIn: string): string {
    const word = secret.trim();
    if (word === '' || standIn === secret) return standIn;
    this.#struck.set(word, standIn);
    const [oldest = ''] = this.#struck.keys();
    if (this.#struck.size > MOST_STRUCK) this.#struck.delete(oldest);
    return standIn;
  }

  /** What the application of a server answers, as it may be written down; undefined where nothing can stand for it. */
  answer(answer: AuthAnswer): AuthAnswer | undefined {
    const { standIn } = this.#exchange ?? {};
    if (answer.type === 'no') standIn?.unknown();
    if (answer.type === 'credential') return standIn && { type: 'credential', credential: standIn.known(answer.credential) };
    return answer.type === 'secret' ? undefined : answer;
  }

  /** What a client has derived from its password. */
  derived(saltedPassword: Uint8Array): void {
    this.#exchange?.standIn?.derived(saltedPassword);
  }

  /** TLS begins: whatever was under way in the clear is over (RFC 3207 §4.2). */
  secured(): void {
    [this.#line, this.#held, this.#certain, this.#replies, this.#heldReplies, this.#unanswered, this.#exchange, this.#refused] = ['', [], true, '', [], 0, undefined, false];
  }

  /** What is still held back of the server's octets when the session ends. */
  serverEnd(): Uint8Array {
    return concat(this.#unquoted());
  }

  /** What is still held back when the session ends. */
  end(): Uint8Array {
    const rest = this.#held.length === 0 ? '' : this.#exchange === undefined && maybeAuth(this.#line) ? this.#line.replace(/^([ \t]*AUTH[ \t]+\S+[ \t]+)\S.*$/is, `$1${STRUCK_OUT}`) : STRUCK_OUT;
    this.#held = [];
    return encodeAscii(rest);
  }

  /** A line, or a piece of one that is not at its end. */
  #readLine(piece: Uint8Array): readonly Uint8Array[] {
    this.#line = (this.#line + decodeLatin1(piece)).slice(0, LONGEST_LINE);
    const whole = piece.at(-1) === LF;
    const certain = this.#certain;
    if (whole) this.#certain = this.#line.endsWith('\r\n');
    if (this.#exchange === undefined && !this.#refused && !maybeAuth(this.#line)) {
      const passed = [...this.#held, piece];
      this.#held = [];
      if (whole) this.#readCommand(this.#line.trimEnd(), certain);
      return passed;
    }
    this.#held.push(piece);
    if (!whole) return [];
    const [line, held] = [this.#line, this.#held];
    [this.#line, this.#held] = ['', []];
    const [, end = ''] = /(\r?\n)$/.exec(line) ?? [];
    const text = line.slice(0, line.length - end.length);
    if (this.#exchange !== undefined) {
      this.#exchange.behind += 1;
      if (isData(text)) this.#exchange.dataBehind = true;
      return isCommand(text) ? held : [encodeAscii(`${this.#strikeOut(text, strike(text, this.#exchange))}${end}`)];
    }
    if (this.#refused && !maybeAuth(text)) {
      this.#readCommand(text, certain);
      this.#refused = !isCommand(text);
      return this.#refused ? [encodeAscii(`${this.#strikeOut(text, struckOut(text))}${end}`)] : held;
    }
    const [, command = '', mechanism = '', space = '', response = ''] = /^([ \t]*AUTH[ \t]+)([^ \t]*)([ \t]*)(.*)$/is.exec(text) ?? [];
    this.#unanswered += 1;
    if (command === '') return held; // the word alone
    this.#refused = false;
    const name = mechanism.toUpperCase();
    this.#exchange = { mechanism: name, turns: 0, unanswered: this.#unanswered, behind: 0, dataBehind: false, standIn: name === 'SCRAM-SHA-256' ? new ScramStandIn(this.#hash) : undefined };
    return response === '' ? held : [encodeAscii(`${command}${mechanism}${space}${this.#strikeOut(response, strike(response, this.#exchange))}${end}`)];
  }

  #readCommand(line: string, certain: boolean): void {
    this.#line = '';
    this.#unanswered += 1;
    if (isData(line)) this.#dataAsked = true;
    const size = chunkSize(line);
    if (size > 0 && certain) this.#chunk = new ChunkDecoder(size);
  }

  #readReply(code: string): void {
    const exchange = this.#exchange;
    if (code === '334' && exchange !== undefined) return void ([exchange.behind, exchange.dataBehind] = [-Infinity, false]); // what comes is a response
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    if (exchange !== undefined && --exchange.unanswered <= 0) {
      this.#exchange = undefined;
      this.#refused = !code.startsWith('2');
      this.#unanswered += Math.max(0, exchange.behind);
      if (exchange.dataBehind) this.#dataAsked = true;
    }
    if (this.#dataAsked && code === '354') {
      this.#data = new DataDecoder({ lineLimit: Infinity });
      this.#dataAsked = false;
    }
    if (this.#unanswered === 0) this.#dataAsked = false;
  }
}

/** Tells whether a line that begins like this is AUTH, or may become it. White space is taken as the laxest of servers takes it. */
function maybeAuth(line: string): boolean {
  const begin = (/^[ \t]{0,32}([^]{0,5})/.exec(line)?.[1] ?? '').toUpperCase().replace('\t', ' ');
  return 'AUTH '.startsWith(begin);
}

function isData(line: string): boolean {
  return /^DATA(?!\w)/i.test(line);
}

/** Tells whether a line has the form of a command, AUTH aside, which no response of SASL has, or none that shows anything. */
function isCommand(line: string): boolean {
  return /^(?:(?:MAIL FROM|RCPT TO):|(?:EHLO|HELO|LHLO|VRFY|EXPN|HELP|NOOP|BDAT) |(?:DATA|RSET|QUIT|NOOP|HELP|STARTTLS)$)/i.test(line);
}

/** For what is no base 64, which is answered as such: no base 64, and one word. */
const NO_BASE_64 = 'struck-out';

/** Stands for what is no response to anything. */
function struckOut(text: string): string {
  return decodeBase64(text) === undefined ? NO_BASE_64 : encodeBase64(encodeAscii(STRUCK_OUT));
}

/** The response without its secret. `*` and `=` are none (RFC 4954 §4). */
function strike(response: string, exchange: Exchange): string {
  exchange.turns += 1;
  if (response === '' || response === '*' || response === '=') return response;
  const message = decodeBase64(response);
  if (message === undefined) return NO_BASE_64;
  switch (exchange.mechanism) {
    case 'LOGIN': return exchange.turns === 1 ? response : encodeBase64(encodeAscii(STRUCK_OUT));
    case 'PLAIN': {
      const parts = decodeLatin1(message).split('\0');
      return encodeBase64(encodeAscii(parts.length === 3 ? `${parts[0]}\0${parts[1]}\0${STRUCK_OUT}` : STRUCK_OUT));
    }
    default: return encodeBase64(exchange.standIn?.client(message) ?? encodeAscii(STRUCK_OUT));
  }
}
