// The server's side of an SMTP session (RFC 5321): octets in, actions out, no socket and no clock.
//
// Rule 1: every change of state is an edge of `table.ts`; `#enter` is the only writer of the state.
// Rule 2: no reinterpretation. Octets that came as mail data are handed on or dropped; they never reach the command parser.
// Rule 3: a question stops the reading: no octet is looked at until it is answered.
// Rule 4: the 250 to the end of mail data has one source, the answer to the question 'message'.
// Rule 5: the actions depend on the octets, not on how they were cut into segments. (Replies are joined while input lasts.)
// Rule 6: octets never throw; only the embedder's misuse does (UsageError).
//
// Left out on purpose: TLS, AUTH and chunking, which are not offered, so that their verbs are unknown here.

import { LineDecoder } from '../../wire/line-decoder.ts';
import { DataDecoder } from '../../wire/data-decoder.ts';
import { EMPTY } from '../../wire/octet.ts';
import { decodeLatin1, encodeAscii, isAscii } from '../../wire/ascii.ts';
import { UsageError } from '../../wire/usage.ts';
import { parseCommand, parseVerb } from '../../syntax/command.ts';
import type { Command, Verb } from '../../syntax/command.ts';
import { parseHost } from '../../syntax/domain.ts';
import { isFault } from '../../syntax/fault.ts';
import type { Fault } from '../../syntax/fault.ts';
import { formatReply, replyClass } from '../../syntax/reply.ts';
import type { Reply } from '../../syntax/reply.ts';
import type { ForwardPath, ReversePath } from '../../syntax/path.ts';
import { ehloLines, readMailParameters } from '../extension.ts';
import { LIMITS, MOST_ERRORS, SERVER_TIMEOUT } from '../limit.ts';
import type { Milliseconds } from '../limit.ts';
import type { Envelope, MailParameters } from '../mail.ts';
import type { AbortReason, ServerAction, ServerQuestion } from './action.ts';
import { ABORT_REPLIES, OUT_OF_ORDER, faultReply, parameterReply, repliesOf } from './reply.ts';
import type { ReplyName } from './reply.ts';
import { FRAMING, onCommand, onEvent } from './table.ts';
import type { ServerEvent, State } from './table.ts';

export interface ServerOptions {
  /** The server's name, a domain or an address literal: first word of banner and EHLO reply (RFC 5321 §4.3.1). */
  readonly hostname: string;
  /** Most octets of mail data, announced with SIZE (RFC 1870). Default: 35882577. */
  readonly maxSize?: number;
  /** Most recipients of one mail; more get 452 (RFC 5321 §4.5.3.1.10). Default: 1000; fewer than 100 violate §4.5.3.1.8. */
  readonly maxRecipients?: number;
  /** Most octets of a line of mail data with its CRLF (RFC 5321 §4.5.3.1.6). Default: 1000. */
  readonly maxTextLine?: number;
  /** Milliseconds without an octet after which the session ends (RFC 5321 §4.5.3.2.7). Default: five minutes. */
  readonly timeout?: Milliseconds;
}

/** What the commands of the transaction under way have said so far. */
interface Transaction {
  readonly reversePath: ReversePath;
  readonly parameters: MailParameters;
  readonly forwardPaths: ForwardPath[];
}

/** One session of an SMTP server. Feed it with `receive`, and call `next` until it returns undefined. */
export class ServerSession {
  readonly #options: Required<ServerOptions>;
  readonly #replies: Readonly<Record<ReplyName, Reply>>;
  readonly #lines: LineDecoder;
  readonly #data: DataDecoder;

  #state: State = 'connected';
  #deadline: Milliseconds;
  #question: ServerQuestion | undefined = { about: 'client' };
  #asked = false; //                 the open question was handed out
  #transaction: Transaction | undefined;
  #extended = false; //              EHLO, not HELO, opened the session
  #refusedRecipients = 0; //         of the transaction under way
  #aborted: AbortReason | undefined; // mail data under way are dropped, for this
  #errors = 0;
  #stopping = false; //              421 as soon as nothing is in hand

  #output = ''; //                   replies not handed on yet
  #actions: ServerAction[] = []; //  what comes before any further reading
  #input: Uint8Array = EMPTY; //     octets not looked at yet begin at #at
  #at = 0;
  #waiting: Uint8Array[] = []; //    segments behind #input
  #ended = false; //                 the peer has closed its side
  #closed = false; //                the close was handed out

  constructor(options: ServerOptions, now: Milliseconds) {
    this.#options = {
      hostname: options.hostname,
      maxSize: options.maxSize ?? LIMITS.mailData,
      maxRecipients: options.maxRecipients ?? LIMITS.recipients,
      maxTextLine: options.maxTextLine ?? LIMITS.textLine,
      timeout: options.timeout ?? SERVER_TIMEOUT,
    };
    if (isFault(parseHost(options.hostname))) throw new UsageError(`hostname must be a domain or an address literal, not ${JSON.stringify(options.hostname)}`);
    this.#replies = repliesOf(options.hostname);
    this.#lines = new LineDecoder({ limit: LIMITS.commandLine });
    this.#data = new DataDecoder({ lineLimit: this.#options.maxTextLine });
    this.#deadline = now + this.#options.timeout;
  }

  get state(): State {
    return this.#state;
  }

  /** Whether EHLO opened the session, so that it is ESMTP (RFC 5321 §2.2.1, RFC 3848). */
  get extended(): boolean {
    return this.#extended;
  }

  /** When to call `expire`, in the milliseconds of `now`. Infinity while the application has the word. */
  get deadline(): Milliseconds {
    return this.#question !== undefined || this.#state === 'closed' ? Infinity : this.#deadline;
  }

  /** Takes octets of the peer; the session owns them until they are used up. */
  receive(octets: Uint8Array, now: Milliseconds): void {
    this.#deadline = now + this.#options.timeout;
    if (octets.length === 0 || this.#state === 'closed') return;
    if (this.#at < this.#input.length) this.#waiting.push(octets);
    else {
      this.#input = octets;
      this.#at = 0;
    }
  }

  /** The peer has closed its side. What it sent before is still worked through and answered. */
  receiveEnd(now: Milliseconds): void {
    this.#deadline = now + this.#options.timeout;
    this.#ended = true;
  }

  /** The connection broke in both directions: nothing is read or answered any more. */
  lost(): void {
    this.#end('lost', 'peer-gone');
    this.#output = '';
  }

  /** The deadline has passed. */
  expire(now: Milliseconds): void {
    if (now >= this.deadline) this.#end('timeout', 'timeout', 'timeout');
  }

  /** Asks for the end: 421 as soon as no mail data and no question is under way, whatever else was pipelined (RFC 5321 §3.8). */
  shutdown(): void {
    this.#stopping = true;
  }

  /** Answers the open question: go on, with `reply`, a 2yz, in place of the RFC's own. `now` is for an answer that took time: the peer's begins anew. */
  accept(reply?: Reply, now?: Milliseconds): void {
    if (reply !== undefined && replyClass(reply.code) !== 2) throw new UsageError(`an acceptance needs a reply of 2yz, not ${reply.code}`);
    const question = this.#answer(now);
    switch (question.about) {
      case 'client':
        this.#enter(onEvent(this.#state, 'welcomed'));
        return this.#reply({ ...(reply ?? this.#replies['banner']), enhanced: undefined }); // RFC 2034 §4
      case 'helo': return this.#hello(question.verb, reply ?? this.#replies['hello']);
      case 'mail': {
        const { reversePath, parameters } = question;
        this.#forget();
        this.#transaction = { reversePath, parameters, forwardPaths: [] };
        this.#enter(onCommand(this.#state, 'MAIL'));
        return this.#reply(reply ?? 'sender ok');
      }
      case 'rcpt':
        this.#transaction?.forwardPaths.push(question.forwardPath);
        this.#enter(onCommand(this.#state, 'RCPT'));
        return this.#reply(reply ?? 'recipient ok');
      case 'vrfy': return this.#reply(reply ?? 'not verified');
      case 'message':
        this.#forget();
        return this.#reply(reply ?? 'mail ok');
      default: question satisfies never;
    }
  }

  /** Answers the open question with a refusal, a reply of 4yz or 5yz. `now` as above. */
  refuse(reply: Reply, now?: Milliseconds): void {
    if (reply.code < 400) throw new UsageError(`a refusal needs a reply of 4yz or 5yz, not ${reply.code}`);
    const question = this.#answer(now);
    switch (question.about) {
      case 'client': this.#enter(onEvent(this.#state, 'turned away')); break;
      case 'rcpt': this.#refusedRecipients++; break;
      case 'message': this.#forget(); break;
      case 'helo': case 'mail': case 'vrfy': break; // §4.1.4: the state stays
      default: question satisfies never;
    }
    this.#reply(reply);
    if (reply.code === 421) this.#enter(onEvent(this.#state, 'dropped')); // §3.8: 421 says that the channel closes
  }

  /** The next action, or undefined when more octets, an answer or time is needed. Not calling it is back-pressure. */
  next(): ServerAction | undefined {
    for (;;) {
      const action = this.#actions.shift();
      if (action !== undefined) return action;
      if (this.#question !== undefined && !this.#asked) {
        this.#asked = true;
        return { type: 'ask', question: this.#question };
      }
      if (this.#question !== undefined || this.#output.length >= LIMITS.replyGroup) return this.#flush();
      if (this.#stopping && FRAMING[this.#state] === 'lines') this.#end('shutdown', 'shutdown', 'shutdown');
      else if (this.#state !== 'closed' && this.#at < this.#input.length) this.#read();
      else if (this.#state !== 'closed' && this.#ended) this.#end('lost', 'peer-gone');
      else return this.#flush();
    }
  }

  #flush(): ServerAction | undefined {
    if (this.#output !== '') {
      const octets = encodeAscii(this.#output);
      this.#output = '';
      return { type: 'send', octets };
    }
    if (this.#state !== 'closed' || this.#closed) return undefined;
    this.#closed = true;
    return { type: 'close' };
  }

  // Reading

  #read(): void {
    const framing = FRAMING[this.#state];
    switch (framing) {
      case 'lines': this.#readLine(); break;
      case 'mail data': this.#readData(); break;
      case 'nothing': this.#at = this.#input.length; break;
      default: framing satisfies never;
    }
    if (this.#at >= this.#input.length) {
      this.#input = this.#waiting.shift() ?? EMPTY;
      this.#at = 0;
    }
  }

  #readLine(): void {
    const lines = this.#lines;
    const begin = this.#at - lines.length; // of the line, were all of it here
    this.#at = lines.read(this.#input, this.#at);
    if (this.#at - begin > LIMITS.commandLineDrain) this.#end('dropped', 'peer-gone', 'endless line'); // though it end here: rule 5
    else if (lines.line === undefined) return;
    else if (lines.fault === 'line-too-long') this.#error('line too long');
    else if (lines.fault !== undefined) this.#error('bare octet');
    else this.#command(decodeLatin1(lines.line), isAscii(lines.line));
  }

  #readData(): void {
    const data = this.#data;
    this.#at = data.read(this.#input, this.#at);
    if (this.#aborted === undefined) {
      const reason = this.#dataFault();
      if (reason !== undefined) {
        this.#aborted = reason;
        this.#actions.push({ type: 'abort', reason });
      } else if (data.content.length > 0) this.#actions.push({ type: 'content', octets: data.content });
    }
    if (data.size > LIMITS.mailDataDrain * (this.#options.maxSize || Infinity)) this.#end('dropped', 'too-much-mail-data', 'endless mail');
    else if (data.ended) this.#endOfMailData();
  }

  /** What is wrong with the mail data so far; of two things the one that came first, though one read may have met both. */
  #dataFault(): AbortReason | undefined {
    const { fault, faultAt, size } = this.#data;
    if (fault !== undefined && !this.#tooBig(faultAt + 1)) return fault;
    return this.#tooBig(size) ? 'too-much-mail-data' : undefined;
  }

  #endOfMailData(): void {
    const aborted = this.#aborted;
    const transaction = this.#transaction;
    this.#enter(onEvent(this.#state, 'end of mail data'));
    if (aborted === undefined && transaction !== undefined) this.#ask({ about: 'message', envelope: envelopeOf(transaction), size: this.#data.size });
    else {
      this.#forget();
      this.#reply(ABORT_REPLIES[aborted ?? 'peer-gone'] ?? 'no service');
    }
  }

  // Commands

  #command(line: string, ascii: boolean): void {
    const verb = parseVerb(line);
    if (isFault(verb)) return this.#unknown(verb, ascii);
    if (onCommand(this.#state, verb) === 'no') return this.#outOfOrder(verb);
    if (!ascii) return this.#error('not ascii');
    const command = parseCommand(line);
    if (isFault(command)) return this.#error(faultReply(command, verb === 'MAIL' || verb === 'RCPT' ? verb : undefined));
    this.#take(command);
  }

  #take(command: Command): void {
    switch (command.verb) {
      case 'EHLO': case 'HELO': return this.#ask({ about: 'helo', verb: command.verb, domain: command.domain });
      case 'MAIL': {
        if (command.parameters.length > 0 && !this.#extended) return this.#error('parameters need ehlo');
        const parameters = readMailParameters(command.parameters);
        if ('refused' in parameters) return this.#error(parameterReply(parameters));
        if (this.#tooBig(parameters.size ?? 0)) return this.#reply('size refused');
        return this.#ask({ about: 'mail', reversePath: command.reversePath, parameters });
      }
      case 'RCPT': {
        const transaction = this.#transaction;
        if (transaction === undefined) return this.#error('mail first'); // not reached: the table has no RCPT without MAIL
        const [parameter] = command.parameters;
        if (parameter !== undefined) return this.#error(parameterReply({ refused: 'unknown', keyword: parameter.keyword, grammar: '' }));
        if (transaction.forwardPaths.length >= this.#options.maxRecipients) return this.#reply('too many recipients');
        return this.#ask({ about: 'rcpt', forwardPath: command.forwardPath, reversePath: transaction.reversePath });
      }
      case 'DATA': {
        if (this.#transaction === undefined) return this.#error('mail first'); // not reached: the table has no DATA without RCPT
        this.#enter(onCommand(this.#state, 'DATA'));
        this.#data.reset();
        this.#actions.push({ type: 'data', envelope: envelopeOf(this.#transaction) });
        return this.#reply('send data');
      }
      case 'RSET':
        this.#forget();
        this.#enter(onCommand(this.#state, 'RSET'));
        return this.#reply('reset');
      case 'NOOP': return this.#reply('noop');
      case 'HELP': return this.#reply('help');
      case 'VRFY': return this.#ask({ about: 'vrfy', text: command.text });
      case 'EXPN': return this.#error('not implemented'); // §3.5.2, §7.3
      case 'QUIT':
        this.#forget();
        this.#enter(onCommand(this.#state, 'QUIT'));
        return this.#reply('goodbye');
      default: command satisfies never;
    }
  }

  /** §4.1.1.1, §4.1.4: EHLO and HELO clear everything, as RSET does. HELO gets one line (§3.2), and neither an enhanced code (RFC 2034 §4). */
  #hello(verb: 'EHLO' | 'HELO', { code, lines: [first = '', ...more] }: Reply): void {
    this.#forget();
    this.#extended = verb === 'EHLO';
    this.#enter(onCommand(this.#state, verb));
    this.#reply({ code, enhanced: undefined, lines: this.#extended ? [first, ...more, ...ehloLines(this.#options)] : [first] });
  }

  #unknown({ fault }: Fault, ascii: boolean): void {
    // Departs: §3.8 would have the session go on; but a browser made to speak to this port must not reach its second line.
    if (fault === 'http') return this.#end('dropped', 'peer-gone', 'not smtp');
    if (this.#state === 'refused') return this.#error('no service'); // §3.1: to whatever comes before QUIT
    if (fault === 'unimplemented-verb') return this.#error('not implemented');
    this.#error(ascii ? 'unknown command' : 'not ascii verb');
  }

  #outOfOrder(verb: Verb): void {
    if (verb === 'MAIL' && this.#state === 'mail') return this.#error('nested mail');
    if (verb === 'DATA' && this.#state === 'mail' && this.#refusedRecipients > 0) return this.#error('no valid recipients');
    this.#error(OUT_OF_ORDER[this.#state]);
  }

  // What the rest is made of

  #ask(question: ServerQuestion): void {
    this.#question = question;
    this.#asked = false;
  }

  #answer(now: Milliseconds | undefined): ServerQuestion {
    const question = this.#question;
    if (question === undefined || !this.#asked) throw new UsageError('no question is open');
    if (now !== undefined) this.#deadline = now + this.#options.timeout;
    this.#question = undefined;
    return question;
  }

  #reply(reply: Reply | ReplyName): void {
    this.#output += formatReply(typeof reply === 'string' ? this.#replies[reply] : reply);
  }

  #error(reply: Reply | ReplyName): void {
    if (++this.#errors > MOST_ERRORS) return this.#end('dropped', 'peer-gone', 'too many errors');
    this.#reply(reply);
  }

  /** Ends the session by an event: mail data under way are aborted, the peer is told `reply`. */
  #end(event: ServerEvent, reason: AbortReason, reply?: ReplyName): void {
    const to = onEvent(this.#state, event);
    if (to === 'no') return;
    if (this.#state === 'data' && this.#aborted === undefined) this.#actions.push({ type: 'abort', reason });
    this.#forget();
    this.#question = undefined;
    this.#input = EMPTY;
    this.#at = 0;
    this.#waiting = [];
    if (reply !== undefined) this.#reply(reply);
    this.#enter(to);
  }

  /** §4.1.1.5: clears the reverse-path buffer, the forward-path buffer and the mail data buffer. */
  #forget(): void {
    this.#transaction = undefined;
    this.#refusedRecipients = 0;
    this.#aborted = undefined;
  }

  #tooBig(octets: number): boolean {
    return this.#options.maxSize > 0 && octets > this.#options.maxSize;
  }

  #enter(state: State | 'no'): void {
    if (state !== 'no') this.#state = state;
  }
}

function envelopeOf({ reversePath, forwardPaths, parameters }: Transaction): Envelope {
  return { reversePath, forwardPaths: [...forwardPaths], parameters };
}

