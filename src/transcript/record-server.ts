// A ServerSession that writes itself down: a session like any other, and a transcript of all that is done with it.
//
// Rule 1: replies stand below their cause and above the next one, also where the session holds them back, because its
//         application answers at once and there is more to come.

import { formatReply, type Reply } from '../syntax/reply.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import type { AuthAnswer } from '../protocol/sasl/exchange.ts';
import type { ServerAction } from '../protocol/server/action.ts';
import { NOT_BY_DEFAULT, type ServerOptions } from '../protocol/server/option.ts';
import { ServerSession } from '../protocol/server/session.ts';
import type { ApplicationLine } from './application.ts';
import { replyLines, secondsOf, TranscriptRecorder, type RecordHeader } from './record.ts';
import { lineOf } from './server-player.ts';

export class RecordedServerSession extends ServerSession {
  readonly #recorder: TranscriptRecorder;
  #written = 0; // octets written down of the replies that are held back

  constructor(options: ServerOptions, now: Milliseconds, header: Omit<RecordHeader, 'subject' | 'options'>, write: (text: string) => void) {
    super(options, now);
    this.#recorder = new TranscriptRecorder(write, { ...header, subject: 'server', options: optionWords(options) }, now);
  }

  override receive(octets: Uint8Array, now: Milliseconds): void {
    if (octets.length > 0) this.#recorder.heard(octets, now);
    super.receive(octets, now);
  }

  override receiveEnd(now: Milliseconds): void {
    this.#recorder.world('eof');
    super.receiveEnd(now);
  }

  override lost(): void {
    if (this.state !== 'closed') this.#recorder.world('lost');
    super.lost();
  }

  override expire(now: Milliseconds): void {
    if (now >= this.deadline) this.#recorder.due(now);
    super.expire(now);
  }

  override shutdown(): void {
    this.#recorder.world('shutdown');
    super.shutdown();
  }

  override halt(): void {
    this.#recorder.world('halt');
    super.halt();
  }

  override secured(now: Milliseconds): void {
    this.#recorder.world('tls');
    super.secured(now);
  }

  override insecure(now: Milliseconds): void {
    this.#recorder.world('tls insufficient');
    super.insecure(now);
  }

  override accept(reply?: Reply, now?: Milliseconds): void {
    this.#say(replyLines(reply && formatReply(reply)).map((text) => ({ say: 'accept', reply: text })), now);
    super.accept(reply, now);
  }

  override refuse(reply: Reply, now?: Milliseconds): void {
    this.#say(replyLines(formatReply(reply)).map((text) => ({ say: 'refuse', reply: text ?? '' })), now);
    super.refuse(reply, now);
  }

  override answerEach(replies: readonly Reply[], now?: Milliseconds): void {
    this.#say(replies.flatMap((reply) => replyLines(formatReply(reply))).map((text) => ({ say: 'each', reply: text ?? '' })), now);
    super.answerEach(replies, now);
  }

  override answerNext(reply: Reply, now?: Milliseconds): void {
    this.#say(replyLines(formatReply(reply)).map((text) => ({ say: 'next', reply: text ?? '' })), now);
    super.answerNext(reply, now);
  }

  override answerAuth(answer: AuthAnswer, now?: Milliseconds): void {
    this.#say([{ say: 'auth', answer }], now);
    super.answerAuth(answer, now);
  }

  override next(): ServerAction | undefined {
    const action = super.next();
    if (action === undefined) return undefined;
    switch (action.type) {
      case 'data': case 'content': case 'notice': case 'unauthenticated': break; // what the client sent says it already, and when
      case 'send':
        this.#recorder.sent(action.octets.subarray(this.#written));
        this.#written = 0;
        break;
      case 'close': this.#recorder.world('close'); break;
      default: this.#recorder.said(lineOf(action));
    }
    return action;
  }

  #say(lines: readonly ApplicationLine[], now: Milliseconds | undefined): void {
    const { held } = this;
    this.#recorder.sent(held.subarray(this.#written));
    this.#written = held.length;
    for (const line of lines) this.#recorder.said(line, now);
  }
}

/** The options as the header of a transcript has them. */
function optionWords(options: ServerOptions): string[] {
  const { hostname, maxSize, maxDrain, maxRecipients, maxMails, maxRecipientDomains, maxCommands, maxErrors, maxRefusedRecipients, maxAuthFailures } = options;
  const { maxTextLine, minDataRate, dataRateWindow, sessionTimeout, timeout } = options;
  const { leniencies, earlyTalk, lmtp, without = NOT_BY_DEFAULT, startTls, secured, requireTls, auth } = options;
  const by: readonly string[] = NOT_BY_DEFAULT;
  const added = NOT_BY_DEFAULT.filter((keyword) => !without.includes(keyword));
  const removed = without.filter((keyword) => !by.includes(keyword));
  const tls = secured === true ? 'implicit' : requireTls === true ? 'required' : startTls === true ? 'offered' : startTls === 'unavailable' ? startTls : undefined;
  const words: readonly (readonly [string, string | number | undefined])[] = [
    ['hostname', hostname], ['size', maxSize === Infinity ? 0 : maxSize], ['drain', finite(maxDrain)], ['recipients', maxRecipients], ['mails', finite(maxMails)], ['domains', finite(maxRecipientDomains)], ['commands', finite(maxCommands)],
    ['errors', finite(maxErrors)], ['refusals', finite(maxRefusedRecipients)], ['failures', finite(maxAuthFailures)], ['line', finite(maxTextLine)], ['rate', minDataRate],
    ['window', secondsOf(dataRateWindow)], ['time', secondsOf(sessionTimeout)], ['timeout', secondsOf(timeout)], ['lenient', leniencies?.join(' ') || undefined],
    ['early-talk-refused', earlyTalk === 'refuse' ? '' : undefined], ['lmtp', lmtp === true ? '' : undefined], ['with', added.join(' ') || undefined],
    ['without', removed.join(' ') || undefined], ['tls', tls], ['auth', auth?.mechanisms.join(' ')], ['auth-required', auth?.required === true ? '' : undefined],
    ['auth-in-clear', auth?.clearText === true ? '' : undefined],
  ];
  return words.flatMap(([name, value]) => (value === undefined ? [] : [value === '' ? name : `${name}=${value}`]));
}

/** A limit; undefined where there is none, which is what a replay has where nothing is said. */
function finite(limit: number | undefined): number | undefined {
  return limit === Infinity ? undefined : limit;
}
