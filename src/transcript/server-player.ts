// Plays a ServerSession and its application. What the transcript does not speak of is accepted in silence, AUTH excepted.

import { isFault } from '../syntax/fault.ts';
import { formatParameters } from '../syntax/parameter.ts';
import { ReplyAssembler } from '../syntax/reply.ts';
import type { Reply } from '../syntax/reply.ts';
import { writeMailParameters, type ExtensionKeyword } from '../protocol/extension.ts';
import type { LeniencyName } from '../protocol/leniency.ts';
import { seconds, type Milliseconds } from '../protocol/limit.ts';
import { formatRecipientParameters } from '../protocol/parameter-text.ts';
import { ANSWERS } from '../protocol/sasl/exchange.ts';
import type { AuthAnswer, AuthQuestion, Hash, MechanismName } from '../protocol/sasl/exchange.ts';
import { beginServerExchange } from '../protocol/sasl/mechanism.ts';
import { ServerSession } from '../protocol/server/session.ts';
import type { ServerAction, ServerQuestion } from '../protocol/server/action.ts';
import { NOT_BY_DEFAULT } from '../protocol/server/option.ts';
import type { ServerOptions } from '../protocol/server/option.ts';
import { withWords, type ApplicationLine } from './application.ts';
import { formatExact } from './exact.ts';
import type { Header, OptionName } from './header.ts';
import type { Happening, Met, Player, Said } from './player.ts';
import { DECOY, NONCE } from './scram-stand-in.ts';
import { kindOf } from './script.ts';
import type { Script } from './script.ts';

export class ServerPlayer implements Player {
  readonly wanting = false;
  readonly #session: ServerSession;
  readonly #spoken: ReadonlySet<string>;
  readonly #lmtp: boolean;
  #open: ServerQuestion | undefined; // a question that the transcript speaks of
  #answered = 0; //                     of its recipients, one at a time

  constructor({ header, spoken }: Script, options: ServerOptions) {
    this.#spoken = spoken;
    this.#lmtp = header.options.has('lmtp');
    this.#session = new ServerSession(options, 0);
  }

  get state(): string {
    return this.#session.state;
  }

  get deadline(): Milliseconds {
    return this.#session.deadline;
  }

  get readsLines(): boolean {
    return this.#session.state !== 'chunk';
  }

  receive(octets: Uint8Array, now: Milliseconds): void {
    this.#session.receive(octets, now);
  }

  expire(now: Milliseconds): void {
    this.#session.expire(now);
  }

  meet(event: Met, now: Milliseconds): string | undefined {
    if (event.startsWith('tls') && this.#session.state !== 'tls') return 'no handshake is asked for';
    switch (event) {
      case 'eof': this.#session.receiveEnd(now); break;
      case 'lost': this.#session.lost(); break;
      case 'shutdown': this.#session.shutdown(); break;
      case 'halt': this.#session.halt(); break;
      case 'tls': this.#session.secured(now); break;
      case 'tls insufficient': this.#session.insecure(now); break;
      default: event satisfies never;
    }
    return undefined;
  }

  supply(): void {} // never wanted

  say({ said, replyLines }: Said, now: Milliseconds): string | undefined {
    const question = this.#open;
    if (question === undefined) return 'no question is open';
    const replies = assemble(replyLines);
    const trouble = misfit(said, question, replies.length) ?? (this.#lmtp || (said.say !== 'each' && said.say !== 'next') ? undefined : 'a server that does not speak LMTP');
    if (trouble !== undefined) return trouble;
    if (said.say === 'next' && replies[0] !== undefined) {
      this.#session.answerNext(replies[0], now);
      if (++this.#answered === recipientsOf(question)) this.#open = undefined;
      return undefined;
    }
    this.#open = undefined;
    if (said.say === 'auth') this.#session.answerAuth(said.answer, now);
    else if (said.say === 'each') this.#session.answerEach(replies, now);
    else if (said.say === 'refuse' && replies[0] !== undefined) this.#session.refuse(replies[0], now);
    else this.#session.accept(replies[0], now);
    return undefined;
  }

  next(): readonly Happening[] | undefined {
    const action = this.#session.next();
    if (action === undefined) return undefined;
    if (action.type === 'send') return [{ type: 'sent', octets: action.octets }];
    if (action.type === 'close') {
      this.#open = undefined;
      return [{ type: 'closed' }];
    }
    const said = lineOf(action);
    const spoken = this.#spoken.has(kindOf(said));
    if (action.type === 'ask') {
      this.#answered = 0;
      if (spoken) this.#open = action.question;
      else if (action.question.about === 'auth') this.#session.answerAuth({ type: 'unavailable' }); // nobody is let in unseen
      else this.#session.accept();
    }
    return spoken ? [{ type: 'told', said }] : [];
  }
}

/** The options that the header of a transcript sets. */
export function serverOptionsOf({ options }: Header, hash: Hash): ServerOptions {
  const hostname = options.get('hostname') ?? 'mx.example.com';
  const tls = options.get('tls');
  const [added, removed] = [wordsOf<ExtensionKeyword>('with', options), wordsOf<ExtensionKeyword>('without', options)];
  const mechanisms = wordsOf<MechanismName>('auth', options);
  const exchange = { hash, hostname, nonce: options.get('nonce') ?? NONCE, decoy: DECOY };
  return {
    hostname,
    ...numbersOf(options),
    lmtp: options.has('lmtp'),
    leniencies: wordsOf<LeniencyName>('lenient', options),
    earlyTalk: options.has('early-talk-refused') ? 'refuse' : 'take',
    without: [...NOT_BY_DEFAULT.filter((keyword) => !added.includes(keyword)), ...removed],
    startTls: tls === 'unavailable' ? tls : tls === 'offered' || tls === 'required',
    requireTls: tls === 'required',
    secured: tls === 'implicit',
    ...(mechanisms.length === 0 ? {} : {
      auth: {
        mechanisms,
        begin: (mechanism: MechanismName) => beginServerExchange(mechanism, exchange),
        required: options.has('auth-required'),
        clearText: options.has('auth-in-clear'),
      },
    }),
  };
}

/** The options that are numbers, by their names in a header, as a session has them. */
const NUMBERS = {
  size: 'maxSize', drain: 'maxDrain', recipients: 'maxRecipients', mails: 'maxMails', domains: 'maxRecipientDomains',
  commands: 'maxCommands', errors: 'maxErrors', refusals: 'maxRefusedRecipients', failures: 'maxAuthFailures', line: 'maxTextLine', rate: 'minDataRate',
  window: 'dataRateWindow', time: 'sessionTimeout', timeout: 'timeout',
} as const satisfies Readonly<Partial<Record<OptionName, keyof ServerOptions>>>;

/** Those of them that a header has in seconds. */
const TIMES: ReadonlySet<keyof ServerOptions> = new Set(['dataRateWindow', 'sessionTimeout', 'timeout']);

function numbersOf(options: ReadonlyMap<OptionName, string>): Partial<ServerOptions> {
  return Object.fromEntries(Object.entries(NUMBERS).flatMap(([name, option]) => {
    const value = options.get(name as keyof typeof NUMBERS); // the table's own keys
    return value === undefined ? [] : [[option, TIMES.has(option) ? seconds(Number(value)) : Number(value)]];
  }));
}

/** The words of an option's value; the header has seen to it that they are of the table that they are taken from. */
function wordsOf<Word extends string>(name: OptionName, options: ReadonlyMap<OptionName, string>): readonly Word[] {
  return (options.get(name)?.split(' ') ?? []) as Word[];
}

function recipientsOf(question: ServerQuestion): number {
  return question.about === 'message' ? question.envelope.forwardPaths.length : 0;
}

/** Why the line does not answer the question, if it does not. */
function misfit(said: ApplicationLine, question: ServerQuestion, replies: number): string | undefined {
  if (question.about === 'auth') {
    const fitting: readonly AuthAnswer['type'][] = ANSWERS[question.auth.type];
    const fits = said.say === 'auth' ? fitting.includes(said.answer.type) : said.say === 'refuse';
    return fits ? undefined : `the question about a ${question.auth.type}`;
  }
  if (said.say === 'auth') return 'no question about AUTH';
  if (said.say !== 'each' && said.say !== 'next') return undefined;
  if (question.about !== 'message') return `the question about ${question.about}`;
  if (said.say === 'next') return undefined;
  const { length } = question.envelope.forwardPaths;
  return length === replies ? undefined : `a mail for ${length}`;
}

export function lineOf(action: Exclude<ServerAction, { readonly type: 'send' | 'close' }>): ApplicationLine {
  switch (action.type) {
    case 'ask': return { say: 'ask', about: action.question.about, detail: detailOf(action.question) };
    case 'content': return { say: 'content', octets: action.octets.slice(), text: formatExact(action.octets) };
    case 'abort': return { say: 'abort', reason: action.reason };
    case 'data': return { say: 'data' };
    case 'start-tls': return { say: 'start-tls' };
    case 'ended': return { say: 'ended', how: action.how, replied: action.replied };
    case 'unauthenticated': return { say: 'unauthenticated', reason: action.reason, authcid: action.authcid };
    case 'leniency': case 'notice': return lineOfReport(action);
    default: return action satisfies never;
  }
}

function lineOfReport(action: ServerAction & { readonly type: 'leniency' | 'notice' }): ApplicationLine {
  return action.type === 'leniency' ? { say: 'leniency', name: action.name } : { say: 'notice', name: action.name };
}

/** What a question is about, on one line, the paths as they were written. Passwords and tokens are not told. */
function detailOf(question: ServerQuestion): string | undefined {
  switch (question.about) {
    case 'client': return undefined;
    case 'helo': return `${question.verb} ${question.domain.text}`;
    case 'auth': return authDetailOf(question.auth);
    case 'mail': return withWords(question.reversePath.text, formatParameters(writeMailParameters(question.parameters, () => true)));
    case 'rcpt': return withWords(question.forwardPath.text, formatRecipientParameters(question.parameters));
    case 'vrfy': return question.text;
    case 'message': {
      const { reversePath, forwardPaths } = question.envelope;
      return `${reversePath.text} to ${forwardPaths.map(({ text }) => text).join(' ')} size=${question.size}`;
    }
    default: return question satisfies never;
  }
}

function authDetailOf(question: AuthQuestion): string {
  switch (question.type) {
    case 'password': case 'credential': case 'secret': return `${question.type} ${question.authcid}`;
    case 'authority': return `authority ${question.authcid} as ${question.authzid}`;
    case 'token': return question.authzid === undefined ? 'token' : `token of ${question.authzid}`;
    default: return question satisfies never;
  }
}

/** The replies that the lines are; the script has seen to it that each is whole. */
function assemble(lines: readonly string[]): Reply[] {
  const replies: Reply[] = [];
  const assembler = new ReplyAssembler({ limit: lines.length });
  for (const line of lines) {
    const read = assembler.add(line);
    if (read !== undefined && !isFault(read)) replies.push(read);
  }
  return replies;
}
