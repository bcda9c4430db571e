// One accepted connection: a ServerSession, its pump, and the hooks that answer its questions.
//
// Rule 1: every question is answered once. What answers late (the peer has gone, the deadline has passed) is dropped.
// Rule 2: a hook that throws, rejects, outlives its deadline or answers no verdict is 451 4.3.0, never half a reply; the
//         session goes on.

import type { Socket } from 'node:net';
import process from 'node:process';
import { clearTimeout, setTimeout, type Timeout } from 'node:timers';
import { UsageError } from '../wire/usage.ts';
import type { AddressLiteral, Domain } from '../syntax/domain.ts';
import { isFault } from '../syntax/fault.ts';
import { parseMailbox, type Mailbox } from '../syntax/mailbox.ts';
import type { ForwardPath } from '../syntax/path.ts';
import { reply, type Reply } from '../syntax/reply.ts';
import { minutes, type Milliseconds } from '../protocol/limit.ts';
import type { Envelope } from '../protocol/mail.ts';
import type { ServerAction, ServerQuestion } from '../protocol/server/action.ts';
import { ServerSession, type ServerOptions } from '../protocol/server/session.ts';
import { acceptance, type Verdict } from '../protocol/server/verdict.ts';
import { ContentStream } from './content.ts';
import type { Hooks, SessionFacts } from './hook.ts';
import { now, Pump } from './pump.ts';

export interface ReceiverOptions extends ServerOptions {
  /** Milliseconds for a hook to answer, and for content to be read on. Default: four minutes, one less than a client waits. */
  readonly hookTimeout?: Milliseconds;
}

const LOCAL_ERROR: Reply = reply(451, '4.3.0', 'local error in processing, try again later'); // RFC 5321 §4.2.2

const NOT_NOW: Reply = reply(421, '4.3.0', 'local error, try again later'); // a banner of 4yz can only be this (RFC 5321 §4.3.2)

type Result = Verdict | undefined | void;

export class Receiver {
  #hooks: Hooks = { message: () => ({ type: 'refuse', reply: LOCAL_ERROR }) }; // until start
  readonly #hookTimeout: Milliseconds;
  readonly #session: ServerSession;
  readonly #pump: Pump<ServerAction>;
  readonly #facts: { readonly client: SessionFacts['client']; readonly server: SessionFacts['server']; helo: Domain | AddressLiteral | undefined; readonly protocol: SessionFacts['protocol'] };
  readonly #postmaster: Mailbox | undefined;

  #question: ServerQuestion | undefined; //     asked, not answered
  #aborter: AbortController | undefined; //     of the question, or of the mail under way
  #content: ContentStream | undefined; //       of the mail under way
  #verdict: Result | PromiseLike<Result>; //    of the mail under way
  #waiting = false; //                          a hook has yet to answer the question: nothing is read
  #answerTimer: Timeout | undefined;
  #contentTimer: Timeout | undefined;

  /** `closed` is called once, when the session is over. Answers nothing before `start`. */
  constructor(socket: Socket, options: ReceiverOptions, closed: () => void) {
    const session = new ServerSession(options, now());
    this.#hookTimeout = options.hookTimeout ?? minutes(4);
    this.#session = session;
    this.#facts = {
      client: { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 },
      server: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
      helo: undefined,
      get protocol() {
        return session.extended ? 'ESMTP' : 'SMTP';
      },
    };
    const postmaster = parseMailbox(`postmaster@${options.hostname}`);
    this.#postmaster = isFault(postmaster) ? undefined : postmaster;
    this.#pump = new Pump<ServerAction>(socket, session, (action) => this.#act(action), () => {
      this.#giveUp(new Error('the client has gone'));
      closed();
    });
  }

  get session(): SessionFacts {
    return this.#facts;
  }

  start(hooks: Hooks): void {
    this.#hooks = hooks;
    this.#pump.turn();
  }

  /** 421 as soon as nothing is in hand (RFC 5321 §3.8). */
  shutdown(): void {
    this.#session.shutdown();
    this.#pump.turn();
  }

  #act(action: Exclude<ServerAction, { readonly type: 'send' | 'close' }>): void {
    switch (action.type) {
      case 'ask': return this.#ask(action.question);
      case 'data': return this.#begin(action.envelope);
      case 'content': return this.#content?.push(action.octets);
      case 'abort': return this.#giveUp(new Error(`the mail data came to nothing: ${action.reason}`));
      default: action satisfies never;
    }
  }

  #ask(question: ServerQuestion): void {
    this.#question = question;
    if (question.about === 'message') {
      this.#content?.end();
      const verdict = this.#verdict;
      this.#verdict = undefined;
      return this.#await(question, () => verdict);
    }
    const aborter = (this.#aborter = new AbortController());
    this.#await(question, () => this.#call(question, aborter.signal));
  }

  #call(question: Exclude<ServerQuestion, { readonly about: 'message' }>, signal: AbortSignal): Result | PromiseLike<Result> {
    const hooks = this.#hooks;
    const asked = { session: this.#facts, signal };
    switch (question.about) {
      case 'client': return hooks.client?.(asked);
      case 'helo': {
        const { verb, domain } = question;
        return hooks.helo?.({ ...asked, verb, domain });
      }
      case 'mail': {
        const { reversePath, parameters } = question;
        return hooks.mail?.({ ...asked, reversePath, parameters, mailbox: reversePath.type === 'path' ? reversePath.mailbox : undefined });
      }
      case 'rcpt': {
        const { forwardPath, reversePath } = question;
        return hooks.rcpt?.({ ...asked, forwardPath, reversePath, mailbox: this.#mailboxOf(forwardPath) });
      }
      case 'vrfy': return hooks.vrfy?.({ ...asked, text: question.text });
      default: return question satisfies never;
    }
  }

  /** Answers the question with what `call` yields: at once, or while nothing is read until then. */
  #await(question: ServerQuestion, call: () => Result | PromiseLike<Result>): void {
    let result: Result | PromiseLike<Result>;
    try {
      result = call();
    } catch (error) {
      return this.#fail(question, error);
    }
    if (!isPromise(result)) return this.#answer(question, result);
    this.#waiting = true;
    this.#pump.hold();
    this.#answerTimer = setTimeout(() => this.#fail(question, new Error(`the hook '${question.about}' did not answer in ${this.#hookTimeout} ms`)), this.#hookTimeout);
    result.then((verdict) => this.#answer(question, verdict), (error: unknown) => this.#fail(question, error));
  }

  #answer(question: ServerQuestion, verdict: Result): void {
    if (this.#question !== question) return;
    const fault = faultOf(verdict, question.about);
    if (fault !== undefined) return this.#fail(question, new UsageError(`the hook '${question.about}' ${fault}`));
    this.#clear();
    if (verdict?.type === 'refuse') this.#session.refuse(verdict.reply);
    else {
      if (question.about === 'helo') this.#facts.helo = question.domain;
      this.#session.accept(acceptance(question.about, verdict?.text));
    }
    this.#goOn();
  }

  #fail(question: ServerQuestion, error: unknown): void {
    if (this.#question !== question) return;
    this.#report(error);
    this.#aborter?.abort(error);
    this.#content?.fail(errorOf(error));
    this.#clear();
    this.#session.refuse(question.about === 'client' ? NOT_NOW : LOCAL_ERROR);
    this.#goOn();
  }

  /** The question is answered: reads on. Not when its hook settles, which may be never. */
  #goOn(): void {
    if (!this.#waiting) return this.#pump.turn();
    this.#waiting = false;
    this.#pump.release();
  }

  /** Mail data begin: the hook 'message' is called, and may read them as they come. */
  #begin({ reversePath, forwardPaths, parameters }: Envelope): void {
    const aborter = (this.#aborter = new AbortController());
    const content: ContentStream = (this.#content = new ContentStream({
      hold: () => {
        this.#pump.hold();
        this.#contentTimer = setTimeout(() => content.fail(new Error(`the content was not read on for ${this.#hookTimeout} ms`)), this.#hookTimeout);
      },
      release: () => {
        clearTimeout(this.#contentTimer);
        this.#pump.release();
      },
    }));
    const mail = { reversePath, forwardPaths, parameters, content, session: this.#facts, signal: aborter.signal };
    let verdict: Result | PromiseLike<Result>;
    try {
      verdict = this.#hooks.message(mail);
    } catch (error) {
      verdict = Promise.reject(errorOf(error));
    }
    this.#verdict = verdict;
    if (!isPromise(verdict)) return content.discard();
    // A rejection is reported when the question is asked; if it never is, because the data came to nothing, so did the hook.
    verdict.then(() => content.discard(), () => content.discard());
  }

  /** What is under way comes to nothing. */
  #giveUp(error: Error): void {
    this.#content?.fail(error);
    this.#aborter?.abort(error);
    this.#clear();
  }

  #clear(): void {
    clearTimeout(this.#answerTimer);
    this.#question = undefined;
    this.#content = undefined;
    this.#aborter = undefined;
  }

  #mailboxOf(path: ForwardPath): Mailbox {
    if (path.type === 'path') return path.mailbox;
    if (this.#postmaster === undefined) throw new UsageError('<postmaster> has no mailbox here: the hostname is no domain');
    return this.#postmaster;
  }

  #report(thrown: unknown): void {
    const error = errorOf(thrown);
    try {
      if (this.#hooks.error !== undefined) this.#hooks.error(error);
      else process.emitWarning(error);
    } catch (another) {
      process.emitWarning(errorOf(another)); // the hook 'error' itself: a session must not end by it
    }
  }
}

/** What is wrong with an answer, whatever its type promised; undefined: nothing. */
function faultOf(verdict: Result, about: ServerQuestion['about']): string | undefined {
  if (verdict === undefined && about !== 'message') return undefined;
  if (verdict?.type === 'accept' || (verdict?.type === 'refuse' && verdict.reply?.code >= 400)) return undefined;
  return `must return a verdict${about === 'message' ? ': accept(), refuse(…) or committed(…)' : ', or undefined'}`;
}

/** Any thenable counts: a verdict that is still to come must not pass for one. */
function isPromise(result: Result | PromiseLike<Result>): result is PromiseLike<Result> {
  return typeof result === 'object' && result !== null && 'then' in result;
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
