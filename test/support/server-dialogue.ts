// A ServerSession with an application and a clock that is a number: lines go in, replies come out.

import type { Reply } from '../../src/syntax/reply.ts';
import type { Envelope } from '../../src/protocol/mail.ts';
import type { LeniencyName } from '../../src/protocol/leniency.ts';
import type { AbortReason, ServerQuestion } from '../../src/protocol/server/action.ts';
import type { NoticeName } from '../../src/protocol/server/notice.ts';
import { ServerSession } from '../../src/protocol/server/session.ts';
import type { Verdict } from '../../src/protocol/server/verdict.ts';
import type { AuthOptions, ServerOptions } from '../../src/protocol/server/option.ts';
import type { AuthAnswer } from '../../src/protocol/sasl/exchange.ts';
import { beginServerExchange } from '../../src/protocol/sasl/mechanism.ts';
import { encodeBase64 } from '../../src/wire/base64.ts';
import { HASH } from '../../src/node/credential.ts';
import { octetsOf, textOf } from '../wire/every.ts';

/** What the application says to a question: a reply of 2yz accepts with it, one of 4yz or 5yz refuses; replies are one for each recipient; 'later' leaves it open. A question about AUTH is accepted with 'yes'. */
export type Answer = Reply | readonly Reply[] | AuthAnswer | 'accept' | 'later';
export type Application = (question: ServerQuestion) => Answer;

/** A mail that the application was asked to take. */
export interface TakenMail {
  readonly envelope: Envelope;
  readonly content: string;
  readonly size: number;
}

export const HOST = 'mx.example.com';

export class ServerDialogue {
  readonly session: ServerSession;
  now = 0;
  /** All that was sent, a character for each octet. */
  sent = '';
  /** The questions asked, in order. */
  readonly questions: ServerQuestion[] = [];
  /** What the application was told of mail data: `data`, `content`, `abort`, `ask message`; and `start-tls`, `close`. */
  readonly told: string[] = [];
  readonly aborts: AbortReason[] = [];
  readonly mails: TakenMail[] = [];
  /** How transactions ended; `unheard`: no reply to the end of mail data was handed out. */
  readonly ends: string[] = [];
  readonly leniencies: LeniencyName[] = [];
  readonly notices: NoticeName[] = [];
  closes = 0;
  /** The question that the application has left open. */
  open: ServerQuestion | undefined;
  readonly #application: Application;
  #content = '';

  /** The banner is sent, unless the application leaves the question open. */
  constructor(options: Partial<ServerOptions> = NO_OPTIONS, application: Application = () => 'accept') {
    this.session = new ServerSession(hosted(options), this.now);
    this.#application = application;
    this.pump();
  }

  /** Sends lines, each with its CRLF; returns the reply lines that come back, without theirs. */
  say(...lines: string[]): string[] {
    return this.receive(lines.map((line) => `${line}\r\n`).join(''));
  }

  /** Sends octets as they stand, in one segment; returns the reply lines that come back. */
  receive(text: string): string[] {
    return this.#after(() => this.session.receive(octetsOf(text), this.now));
  }

  /** Sends segments, for the sake of what comes of them in the end. */
  feed(segments: readonly string[]): void {
    for (const segment of segments) {
      this.session.receive(octetsOf(segment), this.now);
      this.pump();
    }
  }

  /** TLS is at work, as `start-tls` asked. */
  secured(): string[] {
    return this.#after(() => this.session.secured(this.now));
  }

  /** TLS is at work, and does not suffice. */
  insecure(): string[] {
    return this.#after(() => this.session.insecure(this.now));
  }

  /** The client closes its side. */
  end(): string[] {
    return this.#after(() => this.session.receiveEnd(this.now));
  }

  /** The connection breaks. */
  lost(): string[] {
    this.open = undefined;
    return this.#after(() => this.session.lost());
  }

  halt(): string[] {
    return this.#after(() => this.session.halt());
  }

  shutdown(): string[] {
    return this.#after(() => this.session.shutdown());
  }

  /** Answers the question that was left open. */
  accept(reply?: Reply): string[] {
    this.open = undefined;
    return this.#after(() => this.session.accept(reply, this.now));
  }

  refuse(reply: Reply): string[] {
    this.open = undefined;
    return this.#after(() => this.session.refuse(reply, this.now));
  }

  answer(verdict: Verdict | readonly Verdict[]): string[] {
    this.open = undefined;
    return this.#after(() => this.session.answer(verdict, this.now));
  }

  answerAuth(answer: AuthAnswer): string[] {
    this.open = undefined;
    return this.#after(() => this.session.answerAuth(answer, this.now));
  }

  /** Lets time pass; a deadline that passes is told to the session. */
  wait(milliseconds: number): string[] {
    this.now += milliseconds;
    return this.#after(() => {
      if (this.session.deadline <= this.now) this.session.expire(this.now);
    });
  }

  /** Takes all actions that there are. */
  pump(): void {
    for (let action; (action = this.session.next()) !== undefined; ) {
      switch (action.type) {
        case 'send': this.sent += textOf(action.octets); break;
        case 'ask': {
          const { question } = action;
          this.questions.push(question);
          if (question.about === 'message') {
            this.told.push('ask message');
            this.mails.push({ envelope: question.envelope, content: this.#content, size: question.size });
          }
          this.#answer(question, this.#application(question));
          break;
        }
        case 'data':
          this.#content = '';
          this.told.push('data');
          break;
        case 'content':
          if (action.octets.length === 0) throw new Error('a piece of content that holds nothing');
          this.#content += textOf(action.octets);
          if (this.told.at(-1) !== 'content') this.told.push('content');
          break;
        case 'abort':
          this.aborts.push(action.reason);
          this.told.push(`abort ${action.reason}`);
          break;
        case 'close':
          this.closes += 1;
          this.told.push('close');
          break;
        case 'start-tls': this.told.push('start-tls'); break;
        case 'ended': this.ends.push(action.replied ? action.how : `${action.how} unheard`); break;
        case 'leniency': this.leniencies.push(action.name); break;
        case 'notice': this.notices.push(action.name); break;
        case 'unauthenticated': break; // the transcripts have it
        default: action satisfies never;
      }
    }
  }

  #answer(question: ServerQuestion, answer: Answer): void {
    if (answer === 'later') this.open = question;
    else if (answer === 'accept' && question.about === 'auth') this.session.answerAuth({ type: 'yes' });
    else if (answer === 'accept') this.session.accept();
    else if ('type' in answer) this.session.answerAuth(answer);
    else if (!('code' in answer)) this.session.answerEach(answer);
    else if (answer.code < 400) this.session.accept(answer);
    else this.session.refuse(answer);
  }

  #after(input: () => void): string[] {
    const from = this.sent.length;
    input();
    this.pump();
    return this.sent.length === from ? [] : this.sent.slice(from).split('\r\n').slice(0, -1);
  }
}

const NO_OPTIONS: Partial<ServerOptions> = {};
const known = new WeakMap<Partial<ServerOptions>, ServerOptions>();

/** The options with the host's name: the same object for the same options, as one server has for all its sessions, which are then ten times as quick to make. */
function hosted(options: Partial<ServerOptions>): ServerOptions {
  const all = known.get(options) ?? { hostname: HOST, ...options };
  known.set(options, all);
  return all;
}

/** A session that has come so far: EHLO, and the mail transaction up to the state named; `bdat` is behind a first chunk. */
export function dialogueIn(state: Start | 'data', options: Partial<ServerOptions> = NO_OPTIONS, application?: Application): ServerDialogue {
  const dialogue = new ServerDialogue(options, application);
  const hello = options.lmtp === true ? 'LHLO' : 'EHLO';
  const said = [`${hello} client.example.org`, 'MAIL FROM:<alice@example.org>', 'RCPT TO:<bob@example.com>'].slice(0, DEPTHS[state]);
  dialogue.say(...said);
  if (state === 'data') dialogue.say('DATA');
  if (state === 'bdat') dialogue.receive('BDAT 7\r\nfirst\r\n');
  return dialogue;
}

/** States in which commands can come. */
export type Start = 'greeted' | 'ready' | 'mail' | 'rcpt' | 'bdat';
export const STARTS = ['greeted', 'ready', 'mail', 'rcpt', 'bdat'] as const satisfies readonly Start[];
const DEPTHS: Readonly<Record<Start | 'data', number>> = { greeted: 0, ready: 1, mail: 2, rcpt: 3, bdat: 3, data: 3 };

/** A nonce and a decoy that are always the same, for exchanges of SASL. */
export const beginAuth: AuthOptions['begin'] = (mechanism) => beginServerExchange(mechanism, { hash: HASH, nonce: 'nonce', hostname: HOST, decoy: { secret: octetsOf('decoy'), iterations: 4_096 } });

/** Every mechanism that needs no channel binding, in the clear too. */
export const ANY_AUTH: AuthOptions = { mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256', 'OAUTHBEARER', 'XOAUTH2'], begin: beginAuth, clearText: true };

/** What AUTH PLAIN says, in base 64. */
export const plain = (authcid: string, password: string, authzid = ''): string => encodeBase64(octetsOf(`${authzid}\0${authcid}\0${password}`));

/** The codes of the replies that these lines are. */
export function codesOf(lines: readonly string[]): number[] {
  return lines.filter((line) => line[3] !== '-').map((line) => Number(line.slice(0, 3)));
}
