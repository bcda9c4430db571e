// The server's side of an SMTP session (RFC 5321): octets in, actions out, no socket and no clock.
//
// Rule 1: every change of state is an edge of `table.ts`; `Conversation.#enter` is the only writer of the state.
// Rule 2: no reinterpretation. Octets that came as mail data are handed on or dropped; they never reach the command parser.
// Rule 3: a question stops the reading: no octet is looked at until it is answered.
// Rule 4: the 250 to the end of mail data has one source, the answer to the question 'message'.
// Rule 5: the actions depend on the octets, not on how they were cut into segments. (Replies are joined while input lasts, and a
//         notice is about time.)
// Rule 6: octets never throw; only the embedder's misuse does (UsageError).
// Rule 7: STARTTLS forgets everything that was said or sent before it (RFC 3207 §4.2); a chunk that is refused is dropped whole.
//
// Here is what comes when: input, answers, time. What it means is `conversation.ts`; what may come when, `table.ts`; what is said
// where it may not, `order.ts`; why it is refused all the same, `guard.ts`; what is offered, `../extension.ts`; how long it may take,
// `pace.ts`; how often, `tally.ts`.

import type { LineDecoder } from '../../wire/line-decoder.ts';
import { checkOctets, shown, UsageError } from '../../wire/usage.ts';
import { isConsistent, isReply, type Reply } from '../../syntax/reply.ts';
import type { Milliseconds } from '../limit.ts';
import type { AuthAnswer, Identity } from '../sasl/exchange.ts';
import type { ServerAction } from './action.ts';
import { Conversation } from './conversation.ts';
import { settingsOf, type ServerOptions } from './option.ts';
import { Pace } from './pace.ts';
import { Reader } from './reader.ts';
import { withName } from './reply.ts';
import type { State } from './table.ts';
import { acceptance, isList, isVerdict, replyOf, type Verdict } from './verdict.ts';

/**
 * One session of an SMTP server. Feed it with `receive`, and call `next` until it returns undefined.
 *
 * `now` is milliseconds of a clock that never goes back. What the peer sends throws nothing; an answer to no question, or one that
 * cannot be said, throws UsageError.
 */
export class ServerSession {
  readonly #reader: Reader;
  readonly #conversation: Conversation;
  readonly #pace: Pace;
  readonly #hostname: string;
  #stopping = false; // 421 as soon as nothing is in hand
  #ended = false; //    the peer has closed its side

  /** Throws UsageError for options that are of no use. They must not change afterwards; one object may serve any number of sessions. */
  constructor(options: ServerOptions, now: Milliseconds) {
    const settings = settingsOf(options);
    this.#reader = new Reader(settings.lenient.has('bareLfInCommand'));
    this.#conversation = new Conversation(settings, this.#reader);
    this.#pace = new Pace(settings, now);
    this.#hostname = settings.hostname;
  }

  get state(): State {
    return this.#conversation.state;
  }

  /** Whether EHLO opened the session, so that it is ESMTP (RFC 5321 §2.2.1, RFC 3848). */
  get extended(): boolean {
    return this.#conversation.extended;
  }

  /** Who the client is, once it has said so (RFC 4954). */
  get identity(): Identity | undefined {
    return this.#conversation.identity;
  }

  /** Whether the client has said QUIT and nothing behind it: it waits for no more than our end of the connection. */
  get dismissed(): boolean {
    return this.#conversation.output.last && this.#reader.empty;
  }

  /** The replies so far that are held back for others of their group. */
  get held(): Uint8Array {
    return this.#conversation.output.held;
  }

  /** When to call `expire`, in the milliseconds of `now`. Infinity while the application has the word. */
  get deadline(): Milliseconds {
    return this.#conversation.question.about !== undefined || this.state === 'closed' ? Infinity : this.#pace.deadline;
  }

  /** Takes octets of the peer; the session owns them until they are used up. An empty array: we kept the peer waiting, so its time begins anew. */
  receive(octets: Uint8Array, now: Milliseconds): void {
    checkOctets(octets);
    if (octets.length === 0) this.#pace.renew(now);
    else this.#pace.tick(now);
    if (this.state !== 'closed' && this.state !== 'tls') this.#reader.push(octets); // RFC 3207 §6: what comes in the clear now is nobody's
  }

  /** The peer has closed its side. What it sent before is still worked through and answered. */
  receiveEnd(now: Milliseconds): void {
    this.#pace.tick(now);
    this.#ended = true;
  }

  /** The connection broke in both directions: nothing is read or answered any more. */
  lost(): void {
    this.#conversation.end('lost', 'peer-gone');
    this.#conversation.output.drop();
  }

  /** The deadline has passed. */
  expire(now: Milliseconds): void {
    const overrun = this.deadline === Infinity ? undefined : this.#pace.overrun(now);
    if (overrun !== undefined) this.#conversation.end('timeout', 'timeout', this.state === 'tls' ? undefined : overrun);
  }

  /** Asks for the end: 421 as soon as no mail data and no question is under way, whatever else was pipelined (RFC 5321 §3.8). */
  shutdown(): void {
    this.#stopping = true;
  }

  /** Ends it now, whatever is in hand: 421 (RFC 5321 §3.8). Before the banner, and in a handshake, nothing can be said: the session stays as it is, and whoever holds the socket cuts it. */
  halt(): void {
    this.#conversation.end('dropped', 'shutdown', 'shutdown', 'shutdown');
  }

  /** The handshake that `start-tls` asked for is done: everything is forgotten, the client says EHLO again (RFC 3207 §4.2). */
  secured(now: Milliseconds): void {
    this.#handshakeDone('secured', now);
  }

  /** The handshake is done, and what it achieved does not suffice: everything but QUIT gets 554 (RFC 3207 §4.1). */
  insecure(now: Milliseconds): void {
    this.#handshakeDone('insecure', now);
  }

  #handshakeDone(event: 'secured' | 'insecure', now: Milliseconds): void {
    if (this.state === 'closed') return; // its time was over, or the peer has gone
    if (this.state !== 'tls') throw new UsageError(`no handshake was asked for in state ${this.state}`);
    this.#pace.renew(now);
    this.#conversation.handshakeDone(event);
  }

  /** Answers the open question with what `accept()`, `refuse(…)` or `committed(…)` has made; 'message' of LMTP also with a list, as `answerEach` does. `now` is for an answer that took time: the peer's begins anew. */
  answer(verdict: Verdict | readonly Verdict[], now?: Milliseconds): void {
    if (!(isList(verdict) ? verdict.every(isVerdict) : isVerdict(verdict))) throw new UsageError(`answer takes a verdict: accept(), refuse(…) or committed(…), not ${shown(verdict)}`);
    const { about } = this.#conversation.question;
    if (isList(verdict)) this.answerEach(verdict.map(replyOf), now);
    else if (verdict.type === 'refuse') this.refuse(verdict.reply, now);
    else this.accept(about && acceptance(about, verdict.text), now);
  }

  /** Answers the open question: go on, with `reply`, a 2yz, in place of the RFC's own. `now` as above. */
  accept(reply?: Reply, now?: Milliseconds): void {
    if (reply !== undefined) check(reply, 'an acceptance needs a reply of 2yz', 200, 299);
    if (this.#conversation.question.about === 'auth') throw new UsageError('a question about AUTH is answered by answerAuth');
    this.#conversation.accept(reply);
    this.#renew(now);
  }

  /** Answers the open question with a refusal, a reply of 4yz or 5yz. `now` as above. */
  refuse(reply: Reply, now?: Milliseconds): void {
    check(reply, 'a refusal needs a reply of 4yz or 5yz', 400, 599);
    this.#conversation.refuse(this.#withName(reply));
    this.#renew(now);
  }

  /** Answers the open question 'message' of LMTP with a reply for each recipient that RCPT took, in their order (RFC 2033 §4.2). */
  answerEach(replies: readonly Reply[], now?: Milliseconds): void {
    const { unanswered } = this.#conversation;
    if (unanswered === undefined) throw new UsageError(NOT_EACH);
    if (replies.length !== unanswered) throw new UsageError(`${unanswered} recipients need ${unanswered} replies, not ${replies.length}`);
    for (const each of replies) check(each, ANSWER);
    for (const each of replies) this.#conversation.answerNext(this.#withName(each));
    this.#renew(now);
  }

  /** The same for the next recipient alone, as soon as its reply is known: it goes out at once (RFC 2033 §5). The last one answers the question. */
  answerNext(reply: Reply, now?: Milliseconds): void {
    if (this.#conversation.unanswered === undefined) throw new UsageError(NOT_EACH);
    check(reply, ANSWER);
    this.#conversation.answerNext(this.#withName(reply));
    this.#renew(now);
  }

  /** Answers the open question about AUTH. */
  answerAuth(answer: AuthAnswer, now?: Milliseconds): void {
    if (this.#conversation.question.about !== 'auth') throw new UsageError('no question about AUTH is open');
    this.#conversation.answerAuth(answer);
    this.#renew(now);
  }

  /** The application's reply as it is said: 421 begins with our name (RFC 5321 §4.2.2). */
  #withName(reply: Reply): Reply {
    return reply.code === 421 ? withName(reply, this.#hostname) : reply;
  }

  #renew(now: Milliseconds | undefined): void {
    if (now !== undefined) this.#pace.renew(now);
  }

  /** The next action, or undefined when more octets, an answer or time is needed. Not calling it is back-pressure. */
  next(): ServerAction | undefined {
    const conversation = this.#conversation;
    const { output, question } = conversation;
    for (;;) {
      const action = output.action();
      if (action !== undefined) return action;
      const asked = question.ask();
      if (asked !== undefined) return { type: 'ask', question: asked };
      const waiting = question.about !== undefined;
      const { state } = conversation;
      const sent = waiting || output.due ? output.flush(state) : undefined;
      if (sent !== undefined || waiting) return sent;
      if (state === 'tls' && this.#ended) conversation.end('lost', 'peer-gone'); // no handshake with half a connection
      else if (state === 'closed' || state === 'tls') return output.flush(state);
      else if (this.#stopping && conversation.place.on.shutdown !== undefined) conversation.end('shutdown', 'shutdown', 'shutdown');
      else if (!this.#reader.empty) this.#read();
      else if (this.#ended) conversation.end('lost', 'peer-gone');
      else return output.flush(state);
    }
  }

  #read(): void {
    const reader = this.#reader;
    const conversation = this.#conversation;
    if (conversation.dropping > 0) {
      const dropped = reader.drop(conversation.dropping);
      const slow = this.#pace.flow(dropped);
      if (conversation.noteDropped(dropped)) this.#pace.renew();
      else if (slow) conversation.end('timeout', 'timeout', 'too slow');
      return;
    }
    const { state, framing } = conversation.place;
    switch (framing) {
      case 'lines': return this.#readLine(reader.readCommand());
      case 'responses': return this.#readLine(reader.readResponse());
      case 'mail data': case 'chunk': {
        const slow = this.#pace.flow(reader.readMailData(conversation.data));
        conversation.takeMailData();
        if (conversation.state !== state) this.#pace.renew(); // they have ended
        else if (slow) conversation.end('timeout', 'timeout', 'too slow');
        return;
      }
      case 'nothing': return reader.clear();
      default: framing satisfies never;
    }
  }

  #readLine(read: LineDecoder | 'endless' | 'tls' | undefined): void {
    if (read === undefined) return;
    if (read === 'tls') return this.#conversation.end('dropped', 'peer-gone', 'not smtp'); // as to HTTP: what is behind it is not for us
    if (read === 'endless') return this.#conversation.end('dropped', 'peer-gone', 'endless line');
    this.#pace.renew();
    this.#conversation.takeLine(read);
  }
}

const NOT_EACH = 'a reply for each recipient is for the question "message" of LMTP';
const ANSWER = 'the end of mail data is answered with a reply of 2yz, 4yz or 5yz';

/** Throws UsageError for a reply of the application's that cannot be said. */
function check(reply: Reply, wanted: string, least = 200, most = 599): void {
  const { code, enhanced } = reply ?? {}; // a program without types may have none
  if (!Number.isInteger(code) || code < least || code > most || (code >= 300 && code < 400)) throw new UsageError(`${wanted}, not ${shown(code ?? reply)}`); // a verdict, say
  if (!isReply(reply)) throw new UsageError(`a reply has a code, an enhanced code or undefined, and lines of text, such as reply(550, "5.1.1", "no such user"), not ${shown(reply)}`);
  if (!isConsistent({ code, enhanced })) throw new UsageError(`the enhanced code of a ${code} is a status code of its class (RFC 2034 §4), not ${shown(enhanced)}`);
}
