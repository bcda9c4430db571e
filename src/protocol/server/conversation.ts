// What a client says and what it is told: commands, mail data and answers in, replies, questions and changes of state out.
//
// It is the inside of `ServerSession`, which has the rules; nothing here knows of time.

import { encodeAscii, isAsciiText } from '../../wire/ascii.ts';
import type { LineDecoder } from '../../wire/line-decoder.ts';
import type { Command, Verb } from '../../syntax/command.ts';
import type { FaultCode } from '../../syntax/fault.ts';
import type { Parameter } from '../../syntax/parameter.ts';
import { replyClass, type Reply } from '../../syntax/reply.ts';
import { ehloLines, endsGroup, isKnownParameter, isOffered, readMailParameters, readRecipientParameters, verbsOffered } from '../extension.ts';
import type { AuthAnswer, Identity } from '../sasl/exchange.ts';
import type { AbortReason, ServerQuestion, TransactionEnd } from './action.ts';
import { Authentication, type AuthTurn } from './authentication.ts';
import { readCommandLine, type CommandLine } from './command-line.ts';
import { factsOf, refusalOf, requirementOf, type GuardFacts } from './guard.ts';
import { holdsAddress, readVerification, sayable } from './internationalized.ts';
import { MailData } from './mail-data.ts';
import type { Settings } from './option.ts';
import { endsMail, NO_ERROR, outOfOrder } from './order.ts';
import { Output } from './output.ts';
import { OpenQuestion } from './question.ts';
import type { Reader } from './reader.ts';
import { ABORT_REPLIES, helpReply, parameterReply, withName, type ReplyName } from './reply.ts';
import { PLACES, type Place, type State } from './table.ts';
import { CAP_REPLIES, Tally, type Counted } from './tally.ts';
import { ENDS, Transaction, type EndEvent } from './transaction.ts';

export class Conversation {
  readonly output: Output;
  readonly question = new OpenQuestion();
  /** EHLO or LHLO, not HELO, opened the session. */
  extended = false;
  /** Octets of a refused chunk that are still to come. */
  dropping = 0;

  readonly #settings: Settings;
  readonly #reader: Reader;
  #facts: GuardFacts; //              change only with EHLO, TLS and AUTH,
  #utf8 = false; //                   and so does whether SMTPUTF8 is offered
  #place: Place = PLACES.connected;
  #secured: boolean;
  #authentication: Authentication | undefined; // from the first AUTH on
  readonly #tally: Tally;
  #data: MailData | undefined; //     from MAIL on
  #transaction: Transaction | undefined;
  #chunkRefusal: Reply | ReplyName | undefined; // said when the refused chunk has been dropped
  #refusedReply: ReplyName = 'no service'; // said in the state 'refused', to all but QUIT

  constructor(settings: Settings, reader: Reader) {
    this.#settings = settings;
    this.#reader = reader;
    this.output = new Output(settings);
    if (settings.counts !== undefined) settings.counts.sessions++;
    this.#secured = settings.secured;
    this.#tally = new Tally(settings.caps, settings.maxRecipientDomains < Infinity);
    this.#facts = factsOf(settings, this.#secured, false, this.extended, this.#tally.domains);
  }

  get state(): State {
    return this.#place.state;
  }

  /** The state, as the tables have it. */
  get place(): Place {
    return this.#place;
  }

  get identity(): Identity | undefined {
    return this.#authentication?.identity;
  }

  /** The mail data of the mail under way, or of the one to come. */
  get data(): MailData {
    return (this.#data ??= new MailData(this.#settings));
  }

  get #auth(): Authentication {
    return (this.#authentication ??= new Authentication(this.#settings.auth, this.#settings.maxAuthFailures));
  }

  /** Recipients of LMTP whose reply to the end of mail data is asked for; undefined: none is. */
  get unanswered(): number | undefined {
    return this.#settings.lmtp && this.question.about === 'message' ? this.#transaction?.unanswered : undefined;
  }

  /** The handshake is done; did it achieve enough? */
  handshakeDone(event: 'secured' | 'insecure'): void {
    if (event === 'insecure') this.#refusedReply = 'lack of security';
    this.#enter(this.#place.on[event]);
    this.#secured = true;
    this.extended = false;
    this.#authentication?.forget();
    this.#learn();
  }

  /** The open question is answered with yes. */
  accept(reply: Reply | undefined): void {
    const question = this.#answered();
    switch (question.about) {
      case 'client': return this.#welcome(reply);
      case 'helo': return this.#hello(question.verb, reply);
      case 'mail':
        this.#transaction = new Transaction(question.reversePath, question.parameters);
        this.#enter(this.#place.on.MAIL);
        return this.#reply(reply ?? 'sender ok');
      case 'rcpt': {
        const { forwardPath, parameters } = question;
        this.#transaction?.add(forwardPath, parameters);
        if (forwardPath.type === 'path') this.#tally.domains?.add(forwardPath.mailbox.domain.key);
        this.#enter(this.#place.on.RCPT);
        return this.#reply(sayable(reply, this.#transaction?.utf8 === true) ?? 'recipient ok');
      }
      case 'vrfy': return this.#reply(sayable(reply, question.utf8) ?? (reply === undefined ? 'not verified' : 'not sayable'), question.utf8);
      case 'message': return this.#conclude(reply ?? 'mail ok');
      case 'auth': return; // not reached: it has answers of its own
      default: question satisfies never;
    }
  }

  /** The open question is answered with no. */
  refuse(reply: Reply): void {
    const question = this.#answered();
    switch (question.about) {
      case 'client':
        this.#enter(this.#place.on['turned away']);
        this.output.say(reply);
        break;
      case 'rcpt':
        if (this.#transaction !== undefined) this.#transaction.refused++;
        if (this.#tally.exceeds('refusedRecipients')) return this.#capped('refusedRecipients');
        this.#reply(sayable(reply, this.#transaction?.utf8 === true) ?? reply);
        break;
      case 'message': this.#conclude(reply); break;
      case 'auth':
        if (reply.code === 421) this.#reply(reply);
        else this.#authenticate(this.#auth.answer({ type: 'unavailable' }));
        break;
      case 'vrfy': this.#reply(sayable(reply, question.utf8) ?? reply, question.utf8); break;
      case 'helo': this.output.say(reply); break; // §4.1.4: the state stays
      case 'mail': this.#reply(reply); break; // likewise
      default: question satisfies never;
    }
    if (reply.code === 421) this.end('dropped', 'peer-gone'); // §3.8: 421 says that the channel closes
  }

  /** The open question is answered for the next recipient of LMTP. */
  answerNext(reply: Reply): void {
    if (this.unanswered === 1) {
      this.#answered();
      return this.#conclude(reply);
    }
    this.question.mustBeAsked();
    this.#transaction?.answer(reply);
    this.output.reply(reply, false);
  }

  answerAuth(answer: AuthAnswer): void {
    this.#answered();
    this.#authenticate(this.#auth.answer(answer));
  }

  #answered(): ServerQuestion {
    const question = this.question.answer();
    if (question.about === 'helo' || question.about === 'vrfy') this.output.urgent = true; // RFC 2920 §3.2 (5): not held back
    return question;
  }

  /** A line has been read. */
  takeLine(line: LineDecoder): void {
    if (line.lenient) this.output.lenient('bareLfInCommand');
    if (this.state !== 'auth') return this.#command(readCommandLine(line, this.#utf8, this.#settings.lenient));
    const { text, fault } = line;
    this.#authenticate(this.#auth.respond(fault === undefined && isAsciiText(text) ? text : undefined, fault === 'line-too-long'));
  }

  /** So many octets of a refused chunk were dropped; tells whether that was the rest. */
  noteDropped(octets: number): boolean {
    this.dropping -= octets;
    if (this.dropping === 0) this.#error(this.#chunkRefusal);
    return this.dropping === 0;
  }

  /** Tells what was read of mail data; at their end, or the chunk's, goes on. */
  takeMailData(): void {
    const data = this.data;
    data.tell(this.output);
    if (data.isEndless(data.size)) this.#endless();
    else if (data.ended) this.#endOfMailData();
    else if (this.state === 'chunk' && data.chunkEnded) this.#endOfChunk();
  }

  /** 552 for the mail, which is as large tomorrow, and 421 for the session. */
  #endless(): void {
    this.data.abort('too-much-mail-data', this.output);
    this.#conclude('size exceeded');
    this.end('dropped', 'too-much-mail-data', 'endless mail');
  }

  /** The chunk was not the last. In LMTP one at fault does not end the mail: the last has as many replies as there are recipients (RFC 2033 §4.3). */
  #endOfChunk(): void {
    const { fault } = this.data;
    const ends = fault !== undefined && !this.#settings.lmtp;
    this.#enter(this.#place.on[ends ? 'bad chunk' : 'end of chunk']);
    this.#reply(fault === undefined ? 'chunk ok' : ABORT_REPLIES[fault]);
    if (ends) this.#forget('refused');
  }

  #endOfMailData(): void {
    const { fault, size } = this.data;
    this.#enter(this.#place.on['end of mail data']);
    this.data.underWay = false;
    if (fault !== undefined || this.#transaction === undefined) return this.#conclude(ABORT_REPLIES[fault ?? 'peer-gone']);
    for (const name of this.data.used) this.output.lenient(name);
    this.question.open({ about: 'message', envelope: this.#transaction.envelope, size });
  }

  /** The reply to end of mail data; LMTP has one for each recipient (RFC 2033 §4.2), but not to a chunk in front of the last (§4.3). */
  #conclude(reply: Reply | ReplyName): void {
    const { unanswered = 1, taken = false, closes = false } = this.#transaction ?? {};
    for (let each = this.#settings.lmtp && this.data.concluding ? unanswered : 1; each > 0; each--) this.#reply(reply);
    const { code } = typeof reply === 'string' ? this.#settings.own.reply(reply) : reply;
    this.#forget(taken || replyClass(code) === 2 ? 'accepted' : 'refused');
    if (closes || code === 421) this.end('dropped', 'peer-gone'); // §3.8; recipients behind a 421 have had their replies
  }

  #command(line: CommandLine): void {
    const { counts } = this.#settings;
    if (counts !== undefined) counts.commands['verb' in line ? line.verb : 'unknown']++;
    if (this.#tally.exceeds('commands')) return this.#capped('commands');
    if (line.type === 'no verb') return this.#unknown(line.fault, line.reply);
    if (line.type === 'no line') return this.#refuseLine(line, line.reply);
    const { verb } = line;
    if (endsGroup(verb)) this.output.urgent = true; // RFC 2920 §3.2 (5): not held back
    if (!this.#reader.empty) this.#noticePipelining(verb);
    if (verb === 'MAIL' && this.#tally.exceeds('mails')) return this.#capped('mails');
    if (this.state === 'refused' && verb !== 'QUIT') return this.#refuseLine(line, this.#refusedReply);
    const missing = requirementOf(this.#facts, verb);
    if (missing !== undefined) return this.#refuseLine(line, missing);
    if (this.#place.on[verb] === undefined) return this.#refuseLine(line, outOfOrder(this.state, line, this.#transaction, this.#settings.lmtp));
    if (line.type === 'bad') return this.#refuseLine(line, line.reply);
    const refusal = refusalOf(this.#facts, this.#transaction, line.command);
    if (refusal !== undefined) return NO_ERROR.has(refusal) ? this.#reply(refusal) : this.#refuseLine(line, refusal);
    if (line.leniencies !== undefined) for (const name of line.leniencies) this.output.lenient(name);
    this.#take(line.command);
  }

  /** A command came before the reply to the one before it; was that allowed (RFC 2920 §3.1)? */
  #noticePipelining(verb: Verb): void {
    if (!this.extended || this.#settings.lacking.has('PIPELINING')) this.output.notice('pipelining unoffered');
    else if (endsGroup(verb)) this.output.notice('pipelining past a stop');
  }

  #take(command: Command): void {
    switch (command.verb) {
      case 'EHLO': case 'HELO': case 'LHLO': return this.question.open({ about: 'helo', verb: command.verb, domain: command.domain });
      case 'STARTTLS':
        this.#reply('start tls');
        this.#forget('reset');
        if (!this.#reader.empty) this.output.notice('clear text behind STARTTLS');
        this.#reader.forget(); // RFC 3207 §6
        return this.#enter(this.#place.on.STARTTLS);
      case 'AUTH':
        this.#enter(this.#place.on.AUTH);
        return this.#authenticate(this.#auth.begin(command.mechanism, command.initialResponse));
      case 'MAIL': {
        const parameters = readMailParameters(this.#known(command.parameters), this.#facts.offer);
        if ('refused' in parameters) return this.#error(parameterReply(parameters));
        if (this.data.tooBig(parameters.size ?? 0)) return this.#reply('size refused');
        const believed = parameters.auth === undefined || this.identity !== undefined ? parameters : { ...parameters, auth: '<>' }; // RFC 4954 §5
        return this.question.open({ about: 'mail', reversePath: command.reversePath, parameters: believed });
      }
      case 'RCPT': {
        const parameters = readRecipientParameters(this.#known(command.parameters), this.#facts.offer);
        if ('refused' in parameters) return this.#error(parameterReply(parameters));
        if (this.#transaction === undefined) return; // not reached: the table has no RCPT without MAIL
        return this.question.open({ about: 'rcpt', forwardPath: command.forwardPath, parameters, reversePath: this.#transaction.reversePath });
      }
      case 'DATA':
        if (this.#transaction !== undefined) this.data.begin(this.#transaction.envelope, this.output);
        this.#enter(this.#place.on.DATA);
        return this.#reply('send data');
      case 'BDAT':
        if (this.state === 'rcpt' && this.#transaction !== undefined) this.data.begin(this.#transaction.envelope, this.output);
        this.#enter(this.#place.on.BDAT);
        this.data.beginChunk(command.size, command.last);
        return command.size === 0 ? this.takeMailData() : undefined; // else its octets follow at once
      case 'RSET':
        this.#forget('reset');
        this.#enter(this.#place.on.RSET);
        return this.#reply('reset');
      case 'NOOP': return this.#reply('noop');
      case 'HELP': return this.#reply(helpReply(verbsOffered(this.#facts.offer, this.#settings.lmtp)));
      case 'VRFY': return this.question.open({ about: 'vrfy', ...readVerification(command.text, this.#utf8) });
      case 'EXPN': return this.#error('not implemented'); // Departs: §3.5.2 SHOULD: what it tells is for spammers alone (§7.3)
      case 'QUIT':
        this.output.last = true;
        this.#forget('reset');
        this.#enter(this.#place.on.QUIT);
        return this.#reply('goodbye');
      default: command satisfies never;
    }
  }

  /** Refuses a command line. A chunk that came with it is read and dropped before that is said (RFC 3030 §2), and without it there is no mail. */
  #refuseLine(line: CommandLine, reply: Reply | ReplyName | undefined): void {
    const { chunk } = line;
    if (endsMail(this.state, line, this.#settings.lmtp) && isOffered('CHUNKING', this.#facts.offer)) this.#enter(this.#place.on['bad chunk'] ?? this.#place); // where there is no mail, none ends
    if (chunk === 0) return this.#error(reply);
    if (this.data.isEndless(chunk)) {
      this.#error(reply);
      return this.end('dropped', 'too-much-mail-data', 'endless mail');
    }
    this.dropping = chunk;
    this.#chunkRefusal = reply;
  }

  /** The parameters without those that are ignored. */
  #known(parameters: readonly Parameter[]): readonly Parameter[] {
    if (parameters.length === 0 || !this.#settings.lenient.has('unknownParameters')) return parameters;
    const known = parameters.filter(({ keyword }) => isKnownParameter(keyword));
    if (known.length < parameters.length) this.output.lenient('unknownParameters');
    return known;
  }

  /** The banner (§3.1); §4.3.1: a client waits for it. RFC 2034 §4 gives it no enhanced code. */
  #welcome(reply: Reply | undefined): void {
    if (!this.#reader.empty) this.output.notice('early talk');
    const refused = this.#settings.earlyTalk === 'refuse' && !this.#reader.empty;
    this.#enter(this.#place.on[refused ? 'turned away' : 'welcomed']);
    if (refused) this.#reply('early talk');
    else if (reply === undefined) this.#reply(this.#settings.lmtp ? 'lmtp banner' : 'banner');
    else this.output.say({ ...withName(reply, this.#settings.hostname), enhanced: undefined });
  }

  /** §4.1.1.1, §4.1.4: EHLO and HELO clear everything, as RSET does. HELO gets one line (§3.2); neither has an enhanced code (RFC 2034 §4). */
  #hello(verb: 'EHLO' | 'HELO' | 'LHLO', reply: Reply | undefined): void {
    this.#forget('reset');
    this.extended = verb !== 'HELO';
    this.#learn();
    this.#enter(this.#place.on[verb]);
    if (reply === undefined) return this.output.put(this.#settings.own.hello(this.extended ? `${this.#secured} ${this.identity !== undefined}` : 'HELO', () => (this.extended ? ehloLines(this.#facts.offer) : [])));
    const { code, lines: [first = '', ...more] } = withName(reply, this.#settings.hostname);
    this.output.say({ code, enhanced: undefined, lines: this.extended ? [first, ...more, ...ehloLines(this.#facts.offer)] : [first] });
  }

  #unknown(fault: FaultCode, reply: ReplyName): void {
    // Departs: §3.8 would have the session go on; but a browser made to speak to this port must not reach its second line.
    if (fault === 'http') return this.end('dropped', 'peer-gone', 'not smtp');
    this.output.urgent = true; // RFC 2920 §3.2 (6)
    this.#error(this.state === 'refused' ? this.#refusedReply : reply); // §3.1: to whatever comes before QUIT
  }

  /** Goes on as an exchange of SASL does (RFC 4954 §4). */
  #authenticate(turn: AuthTurn): void {
    switch (turn.type) {
      case 'challenge': return this.output.put(encodeAscii(`334 ${turn.text}\r\n`)); // on one line, however long: its length is the mechanism's
      case 'ask': return this.question.open({ about: 'auth', auth: turn.question });
      case 'success':
        this.#learn();
        this.#enter(this.#place.on.authenticated);
        return this.#reply('authenticated');
      case 'failure':
        this.output.act({ type: 'unauthenticated', ...turn.why });
        this.#enter(this.#place.on['not authenticated']);
        if (turn.last) return this.end('dropped', 'peer-gone', 'too many auth errors');
        return this.#error(turn.text === undefined ? turn.reply : { ...this.#settings.own.reply(turn.reply), lines: [turn.text] });
      default: turn satisfies never;
    }
  }

  #learn(): void {
    this.#facts = factsOf(this.#settings, this.#secured, this.identity !== undefined, this.extended, this.#tally.domains);
    this.#utf8 = isOffered('SMTPUTF8', this.#facts.offer);
  }

  /** A reply of ours by its name, or one of the application's. In a transaction with SMTPUTF8 an address may be in UTF-8, and nothing else. */
  #reply(reply: Reply | ReplyName, utf8 = this.#transaction?.utf8 === true && holdsAddress(reply)): void {
    this.output.reply(reply, utf8);
  }

  #error(reply: Reply | ReplyName | undefined): void {
    if (this.#tally.exceeds('errors')) return this.#capped('errors');
    if (reply !== undefined) this.#reply(reply, false); // our own words are ASCII, also with SMTPUTF8 (RFC 6531 §3.7.4)
    if (this.state === 'ready') this.#forget(reply === undefined ? 'reset' : 'refused'); // where there is a mail still, a refused chunk has ended it
  }

  #capped(counted: Counted): void {
    this.end('dropped', 'peer-gone', CAP_REPLIES[counted]);
  }

  /** Ends the session by an event: mail data under way are aborted, the peer is told `reply`. */
  end(event: EndEvent, reason: AbortReason, reply?: ReplyName, how: TransactionEnd = ENDS[event]): void {
    const to = this.#place.on[event];
    if (to === undefined) return;
    this.#data?.abort(reason, this.output);
    this.#forget(how);
    this.question.drop();
    this.#reader.clear();
    if (reply !== undefined) this.#reply(reply);
    this.#enter(to);
  }

  /** §4.1.1.5: clears the reverse-path buffer, the forward-path buffer and the mail data buffer. */
  #forget(how: TransactionEnd): void {
    this.#data?.abort('reset', this.output);
    this.#data = undefined; // each mail has its own: nothing of one gets into the next, and a session that waits keeps none
    if (this.#transaction === undefined) return;
    this.#transaction = undefined;
    if (how === 'accepted' || how === 'refused') this.output.actBehindReply(how);
    else this.output.act({ type: 'ended', how, replied: false });
  }

  #enter(place: Place | undefined): void {
    if (place === undefined) throw new Error(`no such edge from the state ${this.state}`); // not reached, whatever a peer sends: a bug here
    this.#place = place;
  }
}
