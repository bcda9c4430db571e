// A ServerSession with an application and a clock that is a number: lines go in, replies come out.

import type { Reply } from '../../src/syntax/reply.ts';
import type { Envelope } from '../../src/protocol/mail.ts';
import type { AbortReason, ServerQuestion } from '../../src/protocol/server/action.ts';
import { ServerSession } from '../../src/protocol/server/session.ts';
import type { ServerOptions } from '../../src/protocol/server/session.ts';
import { octetsOf, textOf } from '../wire/every.ts';

/** What the application says to a question: a reply of 2yz accepts with it, one of 4yz or 5yz refuses; 'later' leaves it open. */
export type Answer = Reply | 'accept' | 'later';
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
  /** What the application was told of mail data: `data`, `content`, `abort`, `ask message`, `close`. */
  readonly told: string[] = [];
  readonly aborts: AbortReason[] = [];
  readonly mails: TakenMail[] = [];
  closes = 0;
  /** The question that the application has left open. */
  open: ServerQuestion | undefined;
  readonly #application: Application;
  #content = '';

  /** The banner is sent, unless the application leaves the question open. */
  constructor(options: Partial<ServerOptions> = {}, application: Application = () => 'accept') {
    this.session = new ServerSession({ hostname: HOST, ...options }, this.now);
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

  /** The client closes its side. */
  end(): string[] {
    return this.#after(() => this.session.receiveEnd(this.now));
  }

  /** The connection breaks. */
  lost(): string[] {
    this.open = undefined;
    return this.#after(() => this.session.lost());
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
          const answer = this.#application(question);
          if (answer === 'later') this.open = question;
          else if (answer === 'accept') this.session.accept();
          else if (answer.code < 400) this.session.accept(answer);
          else this.session.refuse(answer);
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
        default: action satisfies never;
      }
    }
  }

  #after(input: () => void): string[] {
    const from = this.sent.length;
    input();
    this.pump();
    return this.sent.slice(from).split('\r\n').slice(0, -1);
  }
}

/** A session that has come so far: EHLO, and the mail transaction up to the state named. */
export function dialogueIn(state: 'greeted' | 'ready' | 'mail' | 'rcpt' | 'data', options: Partial<ServerOptions> = {}, application?: Application): ServerDialogue {
  const dialogue = new ServerDialogue(options, application);
  const depth = ['greeted', 'ready', 'mail', 'rcpt', 'data'].indexOf(state);
  dialogue.say(...['EHLO client.example.org', 'MAIL FROM:<alice@example.org>', 'RCPT TO:<bob@example.com>', 'DATA'].slice(0, depth));
  return dialogue;
}

/** The codes of the replies that these lines are. */
export function codesOf(lines: readonly string[]): number[] {
  return lines.filter((line) => line[3] !== '-').map((line) => Number(line.slice(0, 3)));
}
