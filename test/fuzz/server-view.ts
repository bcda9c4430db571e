// A server that watches a client octet by octet, and holds it to the RFC: what it sends are commands, responses or content by what
// was replied, and what it tells of its recipients is what it was told.

import { decodeUtf8 } from '../../src/wire/utf8.ts';
import { parseCommand } from '../../src/syntax/command.ts';
import { isFault } from '../../src/syntax/fault.ts';
import { endsGroup } from '../../src/protocol/extension.ts';
import type { ClientTls, Outcome } from '../../src/protocol/client/action.ts';
import type { ClientOptions } from '../../src/protocol/client/option.ts';
import { claim } from './property.ts';
import { MARKER, octetsOf } from './mail-plan.ts';
import { splitMailData, unstuffed } from './wire-target.ts';

interface Sent {
  readonly verb: string;
  /** Of RCPT. */
  readonly path?: string;
}

export class ServerView {
  readonly #options: ClientOptions;
  #tls: ClientTls | undefined;
  #shaking: boolean;
  #mode: 'commands' | 'content' | 'responses' = 'commands';
  #awaiting: Sent[] = [{ verb: 'greeting' }];
  #replyLine = '';
  #reply: string[] = []; //      lines of the reply under way
  #line = ''; //                 of the client
  #chunk = 0; //                 octets of it to come
  #broken = false; //            the server has said what no server may
  #closing = false; //           or that it closes, whatever else was sent (§3.8)
  #extensions: readonly string[] = [];

  // Of the transaction
  #content = '';
  #data = ''; //                 as it was sent
  #ended = false; //             end of mail data was sent
  #mail: number | undefined; //  reply to MAIL
  #recipients = new Map<string, number>(); // replies to RCPT
  #verdicts: number[] = []; //   replies to end of mail data

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#shaking = options.tlsAtOnce === true;
    if (this.#shaking) this.#awaiting = [];
  }

  /** An octet of ours. */
  reply(octet: number): void {
    if (this.#shaking) this.#broken = true;
    this.#replyLine += String.fromCharCode(octet);
    if (!this.#replyLine.endsWith('\r\n')) return;
    const line = this.#replyLine.slice(0, -2);
    this.#replyLine = '';
    const [, code, hyphen] = /^([2-5]\d\d)(?:( |-).*)?$/s.exec(line) ?? [];
    if (code === undefined || /[\r\n\0]/.test(line) || (this.#reply.length > 0 && !this.#reply[0]?.startsWith(code))) {
      this.#broken = true;
      return;
    }
    this.#reply.push(line);
    if (hyphen === '-') return;
    const lines = this.#reply;
    this.#reply = [];
    if (this.#broken) return;
    this.#answer(Number(code), lines);
  }

  #answer(code: number, lines: readonly string[]): void {
    const answered = this.#awaiting.shift();
    const one = (answered?.verb === 'end' && this.#awaiting[0]?.verb === 'end') // of one recipient: LMTP (RFC 2033 §4.2),
      || (answered?.verb === 'RCPT' && this.#awaiting.at(-1)?.verb === 'end'); // or the whole mail is in flight
    this.#closing ||= code === 421;
    if (answered === undefined || (code === 421 && !one)) {
      if (answered !== undefined) this.#judge(answered, code);
      this.#broken = true;
      return;
    }
    if (OWN[code]?.includes(answered.verb) === false && answered.verb !== 'QUIT') {
      this.#broken = true;
      return;
    }
    const kind = Math.floor(code / 100);
    if (answered.verb === 'EHLO' || answered.verb === 'LHLO') this.#extensions = kind === 2 ? lines.slice(1).map((line) => line.slice(4).trimEnd().split(' ')[0]?.toUpperCase() ?? '') : [];
    if (answered.verb === 'HELO') this.#extensions = [];
    if (answered.verb === 'STARTTLS' && kind === 2) this.#shaking = true;
    if (answered.verb === 'DATA' && kind === 3) this.#mode = 'content';
    if (answered.verb === 'AUTH') this.#mode = kind === 3 ? 'responses' : 'commands';
    this.#judge(answered, code);
  }

  #judge({ verb, path = '' }: Sent, code: number): void {
    if (verb === 'MAIL') this.#mail = code;
    if (verb === 'RCPT') this.#recipients.set(path, code);
    if (verb === 'end' || (verb === 'BDAT' && code >= 400)) this.#verdicts.push(code); // RFC 3030 §2: a chunk that is refused is the end of it
  }

  secured(tls: ClientTls): void {
    if (this.#options.tlsAtOnce === true && this.#tls === undefined) this.#awaiting = [{ verb: 'greeting' }];
    [this.#shaking, this.#tls, this.#extensions, this.#replyLine, this.#reply] = [false, tls, [], '', []];
  }

  begin(content: string): void {
    [this.#content, this.#data, this.#ended, this.#mail, this.#recipients, this.#verdicts] = [content, '', false, undefined, new Map(), []];
  }

  /** Octets of the client. `revealed`: there is a secret in them. */
  sent(text: string, revealed: boolean): void {
    claim(!this.#shaking, () => 'something is sent in the clear between STARTTLS and the handshake');
    if (revealed) claim(this.#tls?.verified === true || (this.#tls !== undefined && this.#options.tlsPolicy === 'require') || this.#options.auth?.clearText === true, () => 'a secret is shown to who has not shown who it is');
    for (let rest = text; rest !== ''; ) rest = this.#read(rest);
  }

  close(): void {
    claim(this.#line === '' || this.#line === 'QUIT\r\n', () => `half a line at the end: ${this.#line}`);
  }

  /** Reads some of it; returns the rest. */
  #read(text: string): string {
    if (this.#chunk > 0) {
      const taken = text.slice(0, this.#chunk);
      this.#data += taken;
      this.#chunk -= taken.length;
      return text.slice(taken.length);
    }
    if (this.#mode === 'content') return this.#readContent(text);
    const end = text.indexOf('\n') + 1;
    claim(end > 0 && this.#line === '', () => `half a line is sent: ${text}`);
    const line = text.slice(0, end - 2);
    claim(text.slice(end - 2, end) === '\r\n' && !/[\r\n\0]/.test(line), () => `${JSON.stringify(line)} is no line`);
    if (this.#mode === 'responses') {
      claim(/^(?:[A-Za-z0-9+/]*={0,2}|\*)$/.test(line), () => `${line} is no response`);
      claim(text.length === end, () => 'something follows a response');
      this.#awaiting.push({ verb: 'AUTH' });
    } else this.#command(line);
    return text.slice(end);
  }

  #command(line: string): void {
    const utf8 = decodeUtf8(octetsOf(line)) ?? line;
    const command = parseCommand(utf8, { utf8: true });
    claim(!isFault(command), () => `${line} is no command`);
    if (isFault(command)) return;
    const { verb } = command;
    claim(!line.includes(MARKER), () => `content is sent as a command: ${line}`);
    claim(line.length + 2 <= 512 || verb === 'MAIL' || verb === 'RCPT' || verb === 'AUTH', () => `a line of ${line.length} octets`);
    const last = this.#awaiting.at(-1);
    if (verb === 'QUIT' && this.#broken) return;
    claim(!this.#awaiting.some(({ verb: sent }) => sent === 'greeting'), () => `${verb} before the greeting`);
    claim(verb === 'QUIT' || last === undefined || this.#extensions.includes('PIPELINING'), () => `${verb} before the reply to ${last?.verb}, and PIPELINING is not offered`);
    const chunks = verb === 'BDAT' && last?.verb === 'BDAT';
    const behind = verb === 'MAIL' && last?.verb === 'end' && this.#options.lmtp !== true; // RFC 2920 §3.1: content may begin a group
    if (verb !== 'QUIT') claim(last === undefined || chunks || behind || last.verb === 'BDAT' || !isStop(last.verb), () => `${verb} before the reply to ${last?.verb}, which ends a group`);
    if (/[^\0-\x7f]/.test(utf8)) claim(this.#extensions.includes('SMTPUTF8'), () => `UTF-8 to a server that does not offer it: ${utf8}`);
    this.#claimSecure(verb);
    if (verb === 'BDAT') {
      claim(this.#extensions.includes('CHUNKING'), () => 'a chunk to a server that does not offer them');
      this.#chunk = command.size;
      if (command.last) this.#end(this.#recipientsAccepted());
      else this.#awaiting.push({ verb });
      return;
    }
    if (verb === 'MAIL' && !behind) [this.#data, this.#ended] = ['', false];
    this.#awaiting.push(verb === 'RCPT' ? { verb, path: command.forwardPath.text } : { verb });
  }

  /** RFC 3207 §6: what the policy wants is had before anything is said that matters. */
  #claimSecure(verb: string): void {
    if (!['MAIL', 'RCPT', 'DATA', 'BDAT', 'AUTH'].includes(verb)) return;
    const { tlsPolicy = 'off' } = this.#options;
    if (tlsPolicy === 'require' || tlsPolicy === 'verify') claim(this.#tls !== undefined, () => `${verb} in the clear, though TLS is required`);
    if (tlsPolicy === 'verify') claim(this.#tls?.verified === true, () => `${verb} to a server that has not shown who it is`);
  }

  #readContent(text: string): string {
    this.#data += text;
    const [data, rest] = splitMailData(this.#data);
    if (rest === undefined) return '';
    claim(rest === '', () => `mail data end within the content, and ${JSON.stringify(rest)} follows`);
    const recipients = this.#recipientsAccepted();
    claim(recipients === 0 ? data === '' : unstuffed(data) === finished(this.#content), () => `${JSON.stringify(unstuffed(data))} is sent for ${JSON.stringify(this.#content)}`);
    this.#mode = 'commands';
    this.#end(recipients);
    return '';
  }

  #end(recipients: number): void {
    this.#ended = true;
    const replies = this.#options.lmtp === true ? recipients : 1;
    for (let each = 0; each < replies; each++) this.#awaiting.push({ verb: 'end' });
  }

  #recipientsAccepted(): number {
    return (this.#mail ?? 0) < 300 ? [...this.#recipients.values()].filter((code) => code < 300).length : 0;
  }

  /** What is told of a recipient is what was replied (RFC 5321 §6.1, RFC 1047). */
  outcome(path: string, { state, reply }: Outcome): void {
    const recipient = this.#recipients.get(path);
    const verdict = this.#verdicts.at(-1);
    const kind = Math.floor(reply.code / 100);
    claim({ delivered: kind === 2, failed: kind === 5, deferred: kind === 4 || kind === 5, unknown: true }[state], () => `${state} with ${reply.code}`);
    if (state === 'delivered') {
      claim(this.#ended && verdict !== undefined && verdict < 300 && recipient !== undefined && recipient < 300, () => `delivered, where ${recipient} was said to RCPT and ${verdict} in the end`);
      claim(this.#chunk === 0, () => 'delivered before all of it was sent');
      if (this.#options.lmtp !== true) claim(unsent(this.#data, this.#content), () => `delivered, but ${JSON.stringify(this.#data)} was sent for ${JSON.stringify(this.#content)}`);
    }
    if (state === 'unknown') claim(this.#ended, () => 'unknown, where the end of mail data was never sent');
    const unanswered = this.#mail === undefined && !this.#broken;
    const taken = this.#mail !== undefined && this.#mail < 300 && recipient !== undefined && recipient < 300;
    const silent = !this.#closing && this.#ended && this.#verdicts.length === 0 && (unanswered || taken);
    if (state === 'failed' || state === 'deferred') claim(!silent, () => `${state} (${reply.code}), where nothing was said to the end of mail data`);
    if (state !== 'delivered' && this.#options.lmtp !== true) claim(verdict === undefined || verdict >= 300 || (recipient ?? 0) >= 300, () => `${state}, where the server took the mail`);
  }
}

/** Codes that say something about these alone (RFC 5321 §4.2.2, RFC 4954 §4). */
const OWN: Readonly<Record<number, readonly string[]>> = { 220: ['greeting', 'STARTTLS'], 221: ['QUIT'], 235: ['AUTH'], 334: ['AUTH'], 354: ['DATA'] };

/** Commands behind which a client has to wait (RFC 2920 §3.1). */
function isStop(verb: string): boolean {
  switch (verb) {
    case 'greeting': case 'end': return true;
    case 'EHLO': case 'HELO': case 'LHLO': case 'STARTTLS': case 'AUTH': case 'MAIL': case 'RCPT': case 'DATA': case 'BDAT': case 'RSET': case 'QUIT': return endsGroup(verb);
    default: return false;
  }
}

/** Mail data end in CRLF (§4.1.1.4). */
function finished(content: string): string {
  return content === '' || content.endsWith('\r\n') ? content : `${content}\r\n`;
}

/** Whether what was sent is the content, as chunks or as mail data. */
function unsent(data: string, content: string): boolean {
  return [content, finished(content)].some((wanted) => data === wanted || unstuffed(splitMailData(data)[0]) === wanted);
}
