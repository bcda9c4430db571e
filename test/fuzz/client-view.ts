// A client that watches a server octet by octet, and holds it to the RFC: which octets are commands it knows from the replies
// alone, as everybody on the wire does (RFC 5321 §4.3.1). Where the server takes others for commands, somebody smuggles.

import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { decodeBase64 } from '../../src/wire/base64.ts';
import { EMPTY } from '../../src/wire/octet.ts';
import { LIMITS } from '../../src/protocol/limit.ts';
import type { ServerOptions } from '../../src/protocol/server/option.ts';
import { COMMAND_ORDER, FRAMING } from '../../src/protocol/server/table.ts';
import { NONCE, STRUCK_OUT } from '../../src/transcript/scram-stand-in.ts';
import { SecretStriker } from '../../src/transcript/secret.ts';
import { HASH } from '../../src/node/credential.ts';
import { claim, claimEqual, feature } from './property.ts';
import type { ServerRun } from './server-run.ts';
import { unstuffed } from './wire-target.ts';

interface SeenReply {
  readonly code: number;
  readonly text: string;
}

/** How the next octet will be read, by what was replied. */
type Mode = 'lines' | 'responses' | 'mail data' | 'chunk' | 'nothing';

const NONE: readonly SeenReply[] = [];
const LONGEST_REPLY_LINE = 512; // §4.5.3.1.5
const LONGEST_CHALLENGE_LINE = 12_294; // RFC 4954 §4: a challenge has up to 12,288 octets

export class ClientView {
  readonly #run: ServerRun;
  readonly #options: ServerOptions;
  readonly #striker = new SecretStriker(HASH);
  #recorded = '';
  #mode: Mode = 'lines';
  #at = 0; //            up to where the replies have been read
  #line = '';
  #data = ''; //         mail data as they came; chunks put together
  #remaining = 0; //     of a chunk, which
  #chunkAt = 0; //       begins there,
  #chunkIn = ''; //      in that state, or in that which its BDAT leads to where it is malformed
  #last = false;
  #recipients = 0; //    of LMTP, when mail data began
  #before = 0; //        of what the application was told, when the octet came,
  #toldAt = 0; //        and when mail data began
  #mechanism = ''; //    of AUTH
  #binary = false; //    the mail was declared BINARYMIME; the run forgets it when the transaction ends
  #stopping = false;
  readonly #secrets: string[] = [];

  constructor(run: ServerRun, options: ServerOptions) {
    this.#run = run;
    this.#options = options;
    run.pump();
    if (run.waiting) this.#answer();
    claim(this.#replies().length === 1, () => 'not one banner');
    this.#settle();
  }

  octet(octet: Uint8Array): void {
    const mode = this.#mode;
    const { session, told } = this.#run;
    const before = (this.#before = told.length);
    const recipients = this.#run.mail?.recipients.length ?? 0;
    const { state } = session;
    this.#recorded += decodeLatin1(this.#striker.client(octet));
    this.#run.receive(octet);
    while (this.#run.waiting) this.#answer();
    const replies = this.#replies();
    const text = decodeLatin1(octet);
    switch (mode) {
      case 'lines': case 'responses': {
        this.#line += text;
        if (!this.#ends(this.#line)) {
          this.#none(replies, before, 'within a line');
          break;
        }
        const line = this.#line.slice(0, this.#line.endsWith('\r\n') ? -2 : -1);
        this.#line = '';
        if (mode === 'lines') this.#command(line, replies, state, recipients);
        else this.#response(line, replies);
        break;
      }
      case 'mail data':
        this.#data += text;
        if (this.#data === '.\r\n' || this.#data.endsWith('\r\n.\r\n')) this.#endOfMailData(unstuffed(this.#data.slice(0, -3)), replies);
        else this.#within(replies, before);
        break;
      case 'chunk':
        this.#data += text;
        this.#remaining -= 1;
        if (this.#remaining > 0) this.#within(replies, before);
        else this.#endOfChunk(replies);
        break;
      case 'nothing': this.#none(replies, before, session.state); break;
      default: mode satisfies never;
    }
    this.#settle();
  }

  cue(letter: string): void {
    const { session } = this.#run;
    const handshake = session.state === 'tls' && (letter === 'h' || letter === 'i');
    if (letter === 's') this.#stopping = true;
    if (handshake) {
      this.#striker.secured();
      this.#line = '';
    }
    this.#run.meet(letter);
    while (this.#run.waiting) this.#answer();
    const replies = this.#replies();
    claim(session.state === 'closed' ? replies.length <= 1 : replies.length === 0, () => `${replies.length} replies to nothing`);
    if (handshake) this.#mode = 'lines';
    this.#settle();
  }

  /** Nothing secret was written down. A word that the client says elsewhere too is none. */
  end(input: string): void {
    this.#recorded += decodeLatin1(this.#striker.end());
    for (const secret of this.#secrets) {
      if (input.split(secret).length > 2) continue;
      claim(!this.#recorded.includes(secret), () => `the secret ${secret} stands in the transcript`);
    }
  }

  #answer(): void {
    this.#run.answer();
    this.#run.pump();
  }

  #ends(line: string): boolean {
    return line.endsWith('\r\n') || (line.endsWith('\n') && this.#options.leniencies?.includes('bareLfInCommand') === true);
  }

  #command(line: string, replies: readonly SeenReply[], state: string, recipients: number): void {
    const { session } = this.#run;
    const verb = /^[!-~]*/.exec(line)?.[0].toUpperCase() ?? '';
    const [, size] = /^BDAT[ \t]+([0-9]+)(?![!-~])/i.exec(line.slice(0, LIMITS.commandLine)) ?? [];
    const last = /^BDAT [0-9]+ LAST[ \t]*$/i.test(line);
    const malformed = !/^BDAT [0-9]+(?: LAST)?[ \t]*$/i.test(line);
    for (const { code } of replies) feature(`${state} ${verb in COMMAND_ORDER ? verb : 'no verb'} ${code} ${session.state}`);
    if (/^AUTH +[!-~]+ /i.test(line)) {
      const [, mechanism = '', initialResponse] = line.split(/ +/);
      this.#mechanism = mechanism.toUpperCase();
      this.#keepSecret(initialResponse, replies);
    }
    if (Number(size ?? 0) > 0 && session.state !== 'closed') {
      claim(replies.length === 0, () => `${replies[0]?.code} before the chunk has come`);
      if (state !== 'bdat') this.#beginMailData();
      this.#mode = 'chunk';
      this.#remaining = Number(size);
      this.#chunkAt = this.#data.length;
      this.#chunkIn = malformed && this.#options.without?.includes('CHUNKING') !== true ? 'ready' : state; // else the mail would have a hole
      this.#last = last;
      this.#recipients = state === 'rcpt' || state === 'bdat' ? recipients : -1;
      return;
    }
    if (size !== undefined && last) {
      if (state === 'rcpt') this.#beginMailData();
      this.#recipients = recipients;
      if ((state === 'rcpt' || state === 'bdat') && !this.#refused(replies, state)) return this.#endOfMailData(this.#data, replies);
      if (this.#run.lmtp && state === 'mail' && replies.length === 0) return; // RFC 2033 §4.3
    }
    if (size !== undefined && state === 'rcpt') this.#beginMailData();
    this.#one(replies, line);
    const [{ code } = { code: 0 }] = replies;
    claim(code !== 354 || verb === 'DATA', () => `354 in reply to ${line}`);
    claim(code !== 334 || verb === 'AUTH', () => `334 in reply to ${line}`);
    if (code === 354) {
      this.#beginMailData();
      this.#mode = 'mail data';
      this.#recipients = recipients;
    }
    if (code === 334) this.#mode = 'responses';
    if (code === 220) {
      claim(verb === 'STARTTLS', () => `220 in reply to ${line}`);
      this.#mode = 'nothing';
    }
  }

  #response(line: string, replies: readonly SeenReply[]): void {
    this.#one(replies, 'a response');
    this.#keepSecret(line, replies);
    this.#mode = replies[0]?.code === 334 ? 'responses' : 'lines';
  }

  #beginMailData(): void {
    this.#data = '';
    this.#toldAt = this.#before;
  }

  #endOfChunk(replies: readonly SeenReply[]): void {
    this.#mode = 'lines';
    if (this.#recipients < 0) {
      if (replies.length > 0 || !(this.#run.lmtp && this.#last)) this.#one(replies, 'a chunk that is refused');
      for (const { code } of replies) claim(code >= 400, () => `${code} to a chunk out of order`);
    } else if (this.#chunkIn !== 'bdat' && this.#refused(replies, this.#chunkIn)) this.#data = this.#data.slice(0, this.#chunkAt);
    else if (this.#last) this.#endOfMailData(this.#data, replies);
    else this.#one(replies, 'a chunk');
  }

  /** The command line was refused, which leads to that state, and what came with it dropped. */
  #refused(replies: readonly SeenReply[], state: string): boolean {
    return this.#run.session.state === state && replies.length === 1 && (replies[0]?.code ?? 0) >= 400;
  }

  /** Content has come whole: the application has it, and says yes or no; or something is wrong with it. */
  #endOfMailData(raw: string, replies: readonly SeenReply[]): void {
    this.#mode = 'lines';
    const { lmtp, told, session } = this.#run;
    const expected = lmtp ? Math.max(this.#recipients, 0) : 1;
    const closing = session.state === 'closed' && this.#stopping ? 1 : 0;
    if (session.state !== 'closed' || closing === 1) claim(replies.length === expected + closing || (closing === 1 && replies.length === expected), () => `${replies.length} replies to the end of mail data for ${this.#recipients} recipients`);
    const since = told.slice(this.#toldAt);
    const asked = since.some(({ about }) => about.startsWith('ask message'));
    const { leniencies = [], maxSize = 0, maxTextLine = 1_000 } = this.#options;
    const binary = this.#binary;
    const repaired = leniencies.includes('repairLineEnds') && !binary ? raw.replace(/(?<!\r)\n/g, '\r\n').replace(/\r(?!\n)/g, '\r\n') : raw;
    const bare = !binary && /(?<!\r)\n|\r(?!\n)/.test(repaired);
    const long = !binary && !leniencies.includes('longTextLines') && repaired.split('\r\n').some((line, at, { length }) => line.length + (at === length - 1 ? 0 : 2) > maxTextLine);
    const big = maxSize > 0 && repaired.length > maxSize;
    const wrong = bare || long || big;
    if (session.state === 'closed' && !asked) return; // lost between two words, or endless
    claim(asked !== wrong, () => (asked ? `taken, though it is wrong: ${JSON.stringify(raw)}` : `not asked about, though nothing is wrong: ${JSON.stringify(raw)}`));
    if (asked) claimEqual(since.flatMap(({ octets }) => (octets === undefined ? [] : [decodeLatin1(octets)])).join(''), repaired, 'content');
    else for (const { code } of replies) claim(code >= 400, () => `${code} to mail data that are wrong`);
  }

  #within(replies: readonly SeenReply[], before: number): void {
    if (this.#run.session.state === 'closed') return; // endless
    claim(replies.length === 0, () => `${replies[0]?.code} within mail data`);
    const more = this.#run.told.slice(before).filter(({ about }) => about !== 'content' && !about.startsWith('abort ') && about !== 'data');
    claim(more.length === 0, () => `${more[0]?.about} within mail data`);
  }

  #none(replies: readonly SeenReply[], before: number, where: string): void {
    if (this.#run.session.state === 'closed') return;
    claim(replies.length === 0 && this.#run.told.length === before, () => `${replies[0]?.code ?? this.#run.told[before]?.about} ${where}`);
  }

  #one(replies: readonly SeenReply[], to: string): void {
    const closing = this.#run.session.state === 'closed' && replies.length === 2 && replies[1]?.code === 421; // §3.8: that the channel closes is said besides
    claim(replies.length === 1 || closing, () => `${replies.length} replies to ${to}`);
  }

  /** What was shown to be let in comes back in no reply, and must not be written down. */
  #keepSecret(word: string | undefined, replies: readonly SeenReply[]): void {
    if (word === undefined || !/^(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9+/]{10,}={0,2}$/.test(word)) return;
    const said = decodeLatin1(decodeBase64(word) ?? EMPTY);
    const words = [word, ...said.split('\0')].filter((each) => /^(?=.*\d)(?=.*[A-Za-z]).{10,}$/.test(each));
    for (const { code, text } of replies) if (code !== 334) claim(!words.some((each) => text.includes(each)), () => `the secret ${word} in the reply ${code} ${text}`);
    const standIn = said.includes(`,r=${NONCE}`); // of a transcript, as it is struck out there
    if (this.#mechanism !== 'LOGIN' && !standIn && !said.includes(STRUCK_OUT)) this.#secrets.push(word); // the first response of LOGIN is a name
  }

  /** Where we stand, against the session's own word. */
  #settle(): void {
    const { session, mail } = this.#run;
    if (mail !== undefined) this.#binary = mail.binary;
    if (session.state === 'closed') this.#mode = 'nothing';
    const framing = FRAMING[session.state];
    const chunk = this.#mode === 'chunk' && (framing === 'lines' || framing === 'chunk'); // one that is refused leaves the state as it was
    claim(chunk || framing === this.#mode, () => `in ${session.state} the server reads ${framing}, where the client sends ${this.#mode}`);
  }

  /** Replies since the last time, whole. */
  #replies(): readonly SeenReply[] {
    if (this.#at === this.#run.sent.length) return NONE;
    const fresh = this.#run.sent.slice(this.#at);
    this.#at = this.#run.sent.length;
    this.#striker.server(Uint8Array.from(fresh, (character) => character.charCodeAt(0)));
    const replies: SeenReply[] = [];
    let first: string | undefined;
    for (const line of fresh.split(/(?<=\r\n)/)) {
      if (line === '') continue;
      const [, code, hyphen, text = ''] = /^([2-5][0-5]\d)([ -])([^\0-\x08\x0a-\x1f\x7f]*)\r\n$/.exec(line) ?? [];
      claim(code !== undefined && line.length <= (code === '334' ? LONGEST_CHALLENGE_LINE : LONGEST_REPLY_LINE), () => `${JSON.stringify(line)} is no line of a reply`);
      claim(first === undefined || first === code, () => `${code} goes on a reply of ${first}`);
      first = hyphen === '-' ? code : undefined;
      if (hyphen === ' ') replies.push({ code: Number(code), text });
    }
    claim(first === undefined, () => 'half a reply');
    claim(replies.at(-1)?.code !== 421 || this.#run.session.state === 'closed', () => 'a 421, and the session goes on'); // §3.8
    return replies;
  }
}
