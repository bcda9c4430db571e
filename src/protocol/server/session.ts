// The server's side of an SMTP session (RFC 5321): octets in, actions out, no socket and no clock.
//
// Rule 1: every change of state is an edge of `table.ts`; `#enter` is the only writer of the state.
// Rule 2: no reinterpretation. Octets that came as mail data are handed on or dropped; they never reach the command parser.
// Rule 3: a question stops the reading: no octet is looked at until it is answered.
// Rule 4: the 250 to the end of mail data has one source, the answer to the question 'message'.
// Rule 5: the actions depend on the octets, not on how they were cut into segments. (Replies are joined while input lasts.)
// Rule 6: octets never throw; only the embedder's misuse does (UsageError).
// Rule 7: STARTTLS forgets everything that was said or sent before it (RFC 3207 §4.2); a chunk that is refused is dropped whole.
// What may come when is `table.ts`; why it is refused all the same, `guard.ts`; what is offered, `../extension.ts`.

import { decodeLatin1, isAscii } from '../../wire/ascii.ts';
import { LineDecoder } from '../../wire/line-decoder.ts';
import { UsageError } from '../../wire/usage.ts';
import type { Command } from '../../syntax/command.ts';
import type { FaultCode } from '../../syntax/fault.ts';
import { replyClass, type Reply } from '../../syntax/reply.ts';
import { ehloLines, isOffered, readMailParameters, readRecipientParameters } from '../extension.ts';
import { LIMITS, MOST_ERRORS, type Milliseconds } from '../limit.ts';
import type { AuthAnswer, Identity } from '../sasl/exchange.ts';
import { Authentication, type AuthTurn } from './authentication.ts';
import type { AbortReason, ServerAction, ServerQuestion } from './action.ts';
import { readCommandLine, type CommandLine } from './command-line.ts';
import { factsOf, refusalOf, type GuardFacts } from './guard.ts';
import { Input } from './input.ts';
import { readVerification, sayable } from './internationalized.ts';
import { MailData } from './mail-data.ts';
import { settingsOf, type ServerOptions, type Settings } from './option.ts';
import { outOfOrder } from './order.ts';
import { Output, UNBUFFERED } from './output.ts';
import { OpenQuestion } from './question.ts';
import { ABORT_REPLIES, parameterReply, repliesOf, type ReplyName } from './reply.ts';
import { FRAMING, onCommand, onEvent, type ServerEvent, type State } from './table.ts';
import { Transaction } from './transaction.ts';

/** One session of an SMTP server. Feed it with `receive`, and call `next` until it returns undefined. */
export class ServerSession {
  readonly #options: Settings;
  #facts: GuardFacts; // change only with EHLO, TLS and AUTH
  readonly #replies: Readonly<Record<ReplyName, Reply>>;
  readonly #data: MailData;
  #lines = new LineDecoder({ limit: LIMITS.commandLine });
  #responses: LineDecoder | undefined; //  of an exchange of SASL

  #state: State = 'connected';
  #deadline: Milliseconds;
  readonly #question = new OpenQuestion();
  #extended = false; //              EHLO or LHLO, not HELO, opened the session
  #secured: boolean;
  readonly #authentication: Authentication;
  #transaction: Transaction | undefined;
  #dropping = 0; //                  octets of a refused chunk still to come,
  #refusal: Reply | ReplyName | undefined; // and what is said then
  #errors = 0;
  #stopping = false; //              421 as soon as nothing is in hand

  readonly #output = new Output();
  readonly #input = new Input();
  #ended = false; //                 the peer has closed its side

  constructor(options: ServerOptions, now: Milliseconds) {
    this.#options = settingsOf(options);
    this.#secured = this.#options.secured;
    this.#authentication = new Authentication(this.#options.auth);
    this.#facts = factsOf(this.#options, this.#authentication, this.#secured, this.#extended);
    this.#replies = repliesOf(options.hostname);
    this.#data = new MailData(this.#options);
    this.#deadline = now + this.#options.timeout;
  }

  get state(): State {
    return this.#state;
  }

  /** Whether EHLO opened the session, so that it is ESMTP (RFC 5321 §2.2.1, RFC 3848). */
  get extended(): boolean {
    return this.#extended;
  }

  /** Who the client is, once it has said so (RFC 4954). */
  get identity(): Identity | undefined {
    return this.#authentication.identity;
  }

  /** When to call `expire`, in the milliseconds of `now`. Infinity while the application has the word. */
  get deadline(): Milliseconds {
    return this.#question.about !== undefined || this.#state === 'closed' ? Infinity : this.#deadline;
  }

  /** Takes octets of the peer; the session owns them until they are used up. */
  receive(octets: Uint8Array, now: Milliseconds): void {
    this.#deadline = now + this.#options.timeout;
    if (this.#state !== 'closed' && this.#state !== 'tls') this.#input.push(octets); // RFC 3207 §5: what comes in the clear now is nobody's
  }

  /** The peer has closed its side. What it sent before is still worked through and answered. */
  receiveEnd(now: Milliseconds): void {
    this.#deadline = now + this.#options.timeout;
    this.#ended = true;
  }

  /** The connection broke in both directions: nothing is read or answered any more. */
  lost(): void {
    this.#end('lost', 'peer-gone');
    this.#output.drop();
  }

  /** The deadline has passed. */
  expire(now: Milliseconds): void {
    if (now >= this.deadline) this.#end('timeout', 'timeout', this.#state === 'tls' ? undefined : 'timeout');
  }

  /** Asks for the end: 421 as soon as no mail data and no question is under way, whatever else was pipelined (RFC 5321 §3.8). */
  shutdown(): void {
    this.#stopping = true;
  }

  /** The handshake that `start-tls` asked for is done: everything is forgotten, the client says EHLO again (RFC 3207 §4.2). */
  secured(now: Milliseconds): void {
    if (this.#state === 'closed') return; // its time was over, or the peer has gone
    if (this.#state !== 'tls') throw new UsageError(`no handshake was asked for in state ${this.#state}`);
    this.#deadline = now + this.#options.timeout;
    this.#enter(onEvent(this.#state, 'secured'));
    this.#secured = true;
    this.#extended = false;
    this.#authentication.forget();
    this.#learn();
  }

  /** Answers the open question: go on, with `reply`, a 2yz, in place of the RFC's own. `now` is for an answer that took time: the peer's begins anew. */
  accept(reply?: Reply, now?: Milliseconds): void {
    if (reply !== undefined && replyClass(reply.code) !== 2) throw new UsageError(`an acceptance needs a reply of 2yz, not ${reply.code}`);
    const question = this.#answer(now);
    switch (question.about) {
      case 'client':
        this.#enter(onEvent(this.#state, 'welcomed'));
        return this.#reply({ ...(reply ?? this.#replies[this.#options.lmtp ? 'lmtp banner' : 'banner']), enhanced: undefined }); // RFC 2034 §4
      case 'helo': return this.#hello(question.verb, reply ?? this.#replies['hello']);
      case 'mail':
        this.#transaction = new Transaction(question.reversePath, question.parameters);
        this.#enter(onCommand(this.#state, 'MAIL'));
        return this.#reply(reply ?? 'sender ok');
      case 'rcpt':
        this.#transaction?.add(question.forwardPath, question.parameters);
        this.#enter(onCommand(this.#state, 'RCPT'));
        return this.#reply(sayable(reply, this.#transaction?.utf8 === true) ?? 'recipient ok');
      case 'vrfy': return this.#reply(sayable(reply, question.utf8) ?? 'not verified', question.utf8);
      case 'message': return this.#conclude(reply ?? this.#replies['mail ok']);
      case 'auth': throw new UsageError('a question about AUTH is answered by answerAuth');
      default: question satisfies never;
    }
  }

  /** Answers the open question with a refusal, a reply of 4yz or 5yz. `now` as above. */
  refuse(reply: Reply, now?: Milliseconds): void {
    if (reply.code < 400) throw new UsageError(`a refusal needs a reply of 4yz or 5yz, not ${reply.code}`);
    const question = this.#answer(now);
    switch (question.about) {
      case 'client':
        this.#enter(onEvent(this.#state, 'turned away'));
        this.#reply(reply);
        break;
      case 'rcpt':
        if (this.#transaction !== undefined) this.#transaction.refused++;
        this.#reply(sayable(reply, this.#transaction?.utf8 === true) ?? reply);
        break;
      case 'message': this.#conclude(reply); break;
      case 'auth':
        if (reply.code === 421) this.#reply(reply);
        else this.#authenticate(this.#authentication.answer({ type: 'unavailable' }));
        break;
      case 'vrfy': this.#reply(sayable(reply, question.utf8) ?? reply, question.utf8); break;
      case 'helo': case 'mail': this.#reply(reply); break; // §4.1.4: the state stays
      default: question satisfies never;
    }
    if (reply.code === 421) this.#enter(onEvent(this.#state, 'dropped')); // §3.8: 421 says that the channel closes
  }

  /** Answers the open question 'message' of LMTP with a reply for each recipient that RCPT took, in their order (RFC 2033 §4.2). */
  answerEach(replies: readonly Reply[], now?: Milliseconds): void {
    const { accepted = 0 } = this.#transaction ?? {};
    if (!this.#options.lmtp || this.#question.about !== 'message') throw new UsageError('a reply for each recipient is for the question "message" of LMTP');
    if (replies.length !== accepted) throw new UsageError(`${accepted} recipients need ${accepted} replies, not ${replies.length}`);
    this.#answer(now);
    for (const each of replies) this.#reply(each);
    this.#forget();
  }

  /** Answers the open question about AUTH. */
  answerAuth(answer: AuthAnswer, now?: Milliseconds): void {
    if (this.#question.about !== 'auth') throw new UsageError('no question about AUTH is open');
    this.#answer(now);
    this.#authenticate(this.#authentication.answer(answer));
  }

  /** The next action, or undefined when more octets, an answer or time is needed. Not calling it is back-pressure. */
  next(): ServerAction | undefined {
    for (;;) {
      const action = this.#output.action();
      if (action !== undefined) return action;
      const question = this.#question.ask();
      if (question !== undefined) return { type: 'ask', question };
      const waiting = this.#question.about !== undefined;
      const sent = waiting || this.#output.due ? this.#output.flush(this.#state) : undefined;
      if (sent !== undefined || waiting) return sent;
      if (this.#state === 'tls' && this.#ended) this.#end('lost', 'peer-gone'); // no handshake with half a connection
      if (this.#state === 'closed' || this.#state === 'tls') return this.#output.flush(this.#state);
      if (this.#stopping && onEvent(this.#state, 'shutdown') !== 'no') this.#end('shutdown', 'shutdown', 'shutdown');
      else if (!this.#input.empty) this.#read();
      else if (this.#ended) this.#end('lost', 'peer-gone');
      else return this.#output.flush(this.#state);
    }
  }

  #read(): void {
    const input = this.#input;
    if (this.#dropping > 0) {
      this.#dropping -= input.skip(this.#dropping);
      return this.#dropping > 0 ? undefined : this.#error(this.#refusal);
    }
    const framing = FRAMING[this.#state];
    switch (framing) {
      case 'lines': return this.#readLine(this.#lines);
      case 'responses': return this.#readLine((this.#responses ??= new LineDecoder({ limit: LIMITS.authLine + 2 })));
      case 'mail data': case 'chunk':
        input.advance(this.#data.read(input.octets, input.at));
        return this.#judge();
      case 'nothing': return input.clear();
      default: framing satisfies never;
    }
  }

  #readLine(lines: LineDecoder): void {
    const input = this.#input;
    const begin = input.at - lines.length; // of the line, were all of it here
    const end = lines.read(input.octets, input.at);
    const { line, fault } = lines;
    input.advance(end);
    if (end - begin > LIMITS.commandLineDrain) return this.#end('dropped', 'peer-gone', 'endless line'); // though it end here: rule 5
    if (line === undefined) return;
    if (this.#state === 'auth') return this.#authenticate(this.#authentication.respond(fault === undefined && isAscii(line) ? decodeLatin1(line) : undefined, fault === 'line-too-long'));
    this.#command(readCommandLine(line, fault, isOffered('SMTPUTF8', this.#facts.offer)));
  }

  /** Tells what was read of mail data; at their end, or the chunk's, goes on. */
  #judge(): void {
    const data = this.#data;
    data.tell(this.#output);
    if (data.isEndless(data.size)) this.#end('dropped', 'too-much-mail-data', 'endless mail');
    else if (data.ended) this.#endOfMailData();
    else if (this.#state === 'chunk' && data.chunkEnded) this.#endOfChunk();
  }

  #endOfChunk(): void {
    const { fault } = this.#data;
    this.#enter(onEvent(this.#state, fault === undefined ? 'end of chunk' : 'bad chunk'));
    if (fault !== undefined) this.#forget();
    this.#reply(fault === undefined ? 'chunk ok' : ABORT_REPLIES[fault]);
  }

  #endOfMailData(): void {
    const { fault, size } = this.#data;
    this.#enter(onEvent(this.#state, 'end of mail data'));
    this.#data.underWay = false;
    if (fault !== undefined || this.#transaction === undefined) return this.#conclude(this.#replies[ABORT_REPLIES[fault ?? 'peer-gone']]);
    this.#question.open({ about: 'message', envelope: this.#transaction.envelope, size });
  }

  /** The reply to end of mail data; LMTP has one for each recipient (RFC 2033 §4.2). */
  #conclude(reply: Reply): void {
    const times = this.#options.lmtp ? (this.#transaction?.accepted ?? 1) : 1;
    for (let each = 0; each < times; each++) this.#reply(reply);
    this.#forget();
  }

  #command(line: CommandLine): void {
    if (line.type === 'no verb') return this.#unknown(line.fault, line.reply);
    if (line.type === 'no line') return this.#refuse(line, line.reply);
    this.#output.urgent ||= UNBUFFERED.has(line.verb);
    if (onCommand(this.#state, line.verb) === 'no') return this.#refuse(line, outOfOrder(this.#state, line, this.#transaction, this.#options.lmtp));
    if (line.type === 'bad') return this.#refuse(line, line.reply);
    const refusal = refusalOf(this.#facts, this.#transaction, line.command);
    if (refusal === 'too many recipients') return this.#reply(refusal); // no error: a mailing list runs into it
    if (refusal !== undefined) return this.#refuse(line, refusal);
    this.#take(line.command);
  }

  #take(command: Command): void {
    switch (command.verb) {
      case 'EHLO': case 'HELO': case 'LHLO': return this.#question.open({ about: 'helo', verb: command.verb, domain: command.domain });
      case 'STARTTLS':
        this.#reply('start tls');
        this.#forget();
        this.#input.clear(); // RFC 3207 §5: what was sent behind it in the clear must not be taken for what TLS protects
        this.#lines = new LineDecoder({ limit: LIMITS.commandLine });
        return this.#enter(onCommand(this.#state, 'STARTTLS'));
      case 'AUTH':
        this.#enter(onCommand(this.#state, 'AUTH'));
        return this.#authenticate(this.#authentication.begin(command.mechanism, command.initialResponse));
      case 'MAIL': {
        const parameters = readMailParameters(command.parameters, this.#facts.offer);
        if ('refused' in parameters) return this.#error(parameterReply(parameters));
        if (this.#data.tooBig(parameters.size ?? 0)) return this.#reply('size refused');
        const believed = parameters.auth === undefined || this.identity !== undefined ? parameters : { ...parameters, auth: '<>' }; // RFC 4954 §5
        return this.#question.open({ about: 'mail', reversePath: command.reversePath, parameters: believed });
      }
      case 'RCPT': {
        const parameters = readRecipientParameters(command.parameters, this.#facts.offer);
        if ('refused' in parameters) return this.#error(parameterReply(parameters));
        if (this.#transaction === undefined) return; // not reached: the table has no RCPT without MAIL
        return this.#question.open({ about: 'rcpt', forwardPath: command.forwardPath, parameters, reversePath: this.#transaction.reversePath });
      }
      case 'DATA':
        if (this.#transaction !== undefined) this.#data.begin(this.#transaction.envelope, this.#output);
        this.#enter(onCommand(this.#state, 'DATA'));
        return this.#reply('send data');
      case 'BDAT':
        if (this.#state === 'rcpt' && this.#transaction !== undefined) this.#data.begin(this.#transaction.envelope, this.#output);
        this.#enter(onCommand(this.#state, 'BDAT'));
        this.#data.beginChunk(command.size, command.last);
        return command.size === 0 ? this.#judge() : undefined; // else its octets follow at once
      case 'RSET':
        this.#forget();
        this.#enter(onCommand(this.#state, 'RSET'));
        return this.#reply('reset');
      case 'NOOP': return this.#reply('noop');
      case 'HELP': return this.#reply('help');
      case 'VRFY': return this.#question.open({ about: 'vrfy', ...readVerification(command.text, isOffered('SMTPUTF8', this.#facts.offer)) });
      case 'EXPN': return this.#error('not implemented'); // §3.5.2, §7.3
      case 'QUIT':
        this.#forget();
        this.#enter(onCommand(this.#state, 'QUIT'));
        return this.#reply('goodbye');
      default: command satisfies never;
    }
  }

  /** Refuses a command line; a chunk that came with it is read and dropped before that is said (RFC 3030 §2). */
  #refuse({ chunk }: CommandLine, reply: Reply | ReplyName | undefined): void {
    if (chunk === 0) return this.#error(reply);
    if (this.#data.isEndless(chunk)) return this.#end('dropped', 'too-much-mail-data', 'endless mail');
    this.#dropping = chunk;
    this.#refusal = reply;
  }

  /** §4.1.1.1, §4.1.4: EHLO and HELO clear everything, as RSET does. HELO gets one line (§3.2), and neither an enhanced code (RFC 2034 §4). */
  #hello(verb: 'EHLO' | 'HELO' | 'LHLO', { code, lines: [first = '', ...more] }: Reply): void {
    this.#forget();
    this.#extended = verb !== 'HELO';
    this.#learn();
    this.#enter(onCommand(this.#state, verb));
    this.#reply({ code, enhanced: undefined, lines: this.#extended ? [first, ...more, ...ehloLines(this.#facts.offer)] : [first] });
  }

  #unknown(fault: FaultCode, reply: ReplyName): void {
    // Departs: §3.8 would have the session go on; but a browser made to speak to this port must not reach its second line.
    if (fault === 'http') return this.#end('dropped', 'peer-gone', 'not smtp');
    this.#output.urgent = true; // RFC 2920 §3.2 (6)
    this.#error(this.#state === 'refused' ? 'no service' : reply); // §3.1: to whatever comes before QUIT
  }

  /** Goes on as an exchange of SASL does (RFC 4954 §4). */
  #authenticate(turn: AuthTurn): void {
    switch (turn.type) {
      case 'challenge': return this.#reply({ code: 334, enhanced: undefined, lines: [turn.text] });
      case 'ask': return this.#question.open({ about: 'auth', auth: turn.question });
      case 'success':
        this.#learn();
        this.#enter(onEvent(this.#state, 'authenticated'));
        return this.#reply('authenticated');
      case 'failure':
        this.#enter(onEvent(this.#state, 'not authenticated'));
        return turn.last ? this.#end('dropped', 'peer-gone', 'too many auth errors') : this.#error(turn.reply);
      default: turn satisfies never;
    }
  }

  #learn(): void {
    this.#facts = factsOf(this.#options, this.#authentication, this.#secured, this.#extended);
  }

  #answer(now: Milliseconds | undefined): ServerQuestion {
    const question = this.#question.answer();
    this.#output.urgent ||= question.about === 'helo' || question.about === 'vrfy'; // as UNBUFFERED has it
    if (now !== undefined) this.#deadline = now + this.#options.timeout;
    return question;
  }

  #reply(reply: Reply | ReplyName, utf8 = this.#transaction?.utf8 === true): void {
    this.#output.reply(typeof reply === 'string' ? this.#replies[reply] : reply, utf8);
  }

  #error(reply: Reply | ReplyName | undefined): void {
    if (++this.#errors > MOST_ERRORS) return this.#end('dropped', 'peer-gone', 'too many errors');
    if (reply !== undefined) this.#reply(reply, false); // our own words are ASCII, also with SMTPUTF8 (RFC 6531 §3.7.4)
  }

  /** Ends the session by an event: mail data under way are aborted, the peer is told `reply`. */
  #end(event: ServerEvent, reason: AbortReason, reply?: ReplyName): void {
    const to = onEvent(this.#state, event);
    if (to === 'no') return;
    this.#data.abort(reason, this.#output);
    this.#forget();
    this.#question.drop();
    this.#input.clear();
    if (reply !== undefined) this.#reply(reply, false); // our own words are ASCII, also with SMTPUTF8 (RFC 6531 §3.7.4)
    this.#enter(to);
  }

  /** §4.1.1.5: clears the reverse-path buffer, the forward-path buffer and the mail data buffer. */
  #forget(): void {
    this.#data.abort('reset', this.#output);
    this.#transaction = undefined;
  }

  #enter(state: State | 'no'): void {
    if (state !== 'no') this.#state = state;
  }
}
