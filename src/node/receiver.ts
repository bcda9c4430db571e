// One accepted connection: a ServerSession, its pump, and the hooks that answer its questions.
//
// Rule 1: every question is answered once. What answers late (the peer has gone, the deadline has passed) is dropped.
// Rule 2: a hook that throws, rejects, outlives its deadline or answers no verdict is 451 4.3.0, never half a reply; the
//         session goes on.

import process from 'node:process';
import { clearTimeout, setTimeout, type Timeout } from 'node:timers';
import { UsageError } from '../wire/usage.ts';
import { isFault } from '../syntax/fault.ts';
import { parseMailbox, type Mailbox } from '../syntax/mailbox.ts';
import type { ForwardPath } from '../syntax/path.ts';
import { reply, type Reply } from '../syntax/reply.ts';
import { minutes, type Milliseconds } from '../protocol/limit.ts';
import type { Envelope } from '../protocol/mail.ts';
import type { ServerAction, ServerQuestion } from '../protocol/server/action.ts';
import { REPLIES } from '../protocol/server/reply.ts';
import { ServerSession } from '../protocol/server/session.ts';
import { acceptance, type Verdict } from '../protocol/server/verdict.ts';
import { ANSWERS, type AuthAnswer, type AuthQuestion } from '../protocol/sasl/exchange.ts';
import { transmissionType } from '../protocol/transmission.ts';
import { ContentStream } from './content.ts';
import type { Hooks, MessageAnswer, SessionFacts } from './hook.ts';
import { callHook, isPromise } from './hook-call.ts';
import { now, Pump } from './pump.ts';
import type { Ends, Stream } from './proxy.ts';
import { sessionOptions, type ReceiverOptions } from './receiver-option.ts';
import type { TlsFacts, TlsServer } from './tls.ts';

const LOCAL_ERROR: Reply = reply(451, '4.3.0', 'local error in processing, try again later'); // RFC 5321 §4.2.2

const NOT_NOW: Reply = reply(421, '4.3.0', 'local error, try again later'); // a banner of 4yz can only be this (RFC 5321 §4.3.2)

type Result = MessageAnswer | undefined | void;
type HookQuestion = Exclude<ServerQuestion, { readonly about: 'message' | 'auth' }>;

/** A mail whose data have begun: where they go, and what its hook answers, or will. */
interface MailInHand {
  readonly content: ContentStream;
  readonly aborter: AbortController;
  verdict: Result | PromiseLike<Result>;
  readonly utf8: boolean;
}

const NO_MAIL: Partial<MailInHand> = {}; // not reached: the question about a mail comes after its data

/** The facts, of which some change as the session goes on. */
type Facts = { -readonly [Name in keyof SessionFacts]: SessionFacts[Name] };

export class Receiver {
  #hooks: Hooks = { message: () => ({ type: 'refuse', reply: LOCAL_ERROR }) }; // until start
  readonly #hookTimeout: Milliseconds;
  readonly #session: ServerSession;
  readonly #pump: Pump<ServerAction>;
  readonly #facts: Facts;
  readonly #tls: TlsServer | undefined;
  readonly #lmtp: boolean;
  readonly #postmaster: Mailbox | undefined;
  #socket: Stream;

  #question: ServerQuestion | undefined; //     asked, not answered
  #aborter: AbortController | undefined; //     of the question
  #mail: MailInHand | undefined; //             its data have begun, and it has not been answered
  #waiting = false; //                          a hook has yet to answer the question: nothing is read
  #contentTimer: Timeout | undefined;

  /** `closed` is called once, when the session is over. Answers nothing before `start`. */
  constructor(socket: Stream, options: ReceiverOptions, closed: () => void, { client, server, tls }: Ends & { readonly tls: TlsFacts | undefined }) {
    const session = new ServerSession(sessionOptions(options, tls !== undefined), now());
    const { lmtp = false } = options;
    const needsUtf8 = (): boolean => this.#mail?.utf8 === true;
    this.#socket = socket;
    this.#tls = options.tls;
    this.#lmtp = lmtp;
    this.#hookTimeout = options.hookTimeout ?? minutes(4);
    this.#session = session;
    this.#facts = {
      client,
      server,
      helo: undefined,
      tls,
      get protocol() {
        return transmissionType({ extended: session.extended, lmtp, secured: this.tls !== undefined, authenticated: session.identity !== undefined, utf8: needsUtf8() });
      },
      get identity() {
        return session.identity;
      },
    };
    const postmaster = parseMailbox(`postmaster@${options.hostname}`);
    this.#postmaster = isFault(postmaster) ? undefined : postmaster;
    this.#pump = new Pump<ServerAction>(socket, session, (action) => this.#act(action), () => {
      const error = new Error('the client has gone');
      this.#giveUp(error);
      this.#aborter?.abort(error);
      this.#clear();
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

  /** Cuts the connection; what is in hand comes to nothing. */
  cut(): void {
    this.#socket.destroy();
  }

  #act(action: Exclude<ServerAction, { readonly type: 'send' | 'close' }>): void {
    switch (action.type) {
      case 'ask': return this.#ask(action.question);
      case 'data': return this.#begin(action.envelope);
      case 'content': return this.#mail?.content.push(action.octets);
      case 'abort': return this.#giveUp(new Error(`the mail data came to nothing: ${action.reason}`));
      case 'start-tls': return this.#startTls();
      default: action satisfies never;
    }
  }

  /** Shakes hands; a handshake that fails closes the connection, and that tells the session. */
  #startTls(): void {
    if (this.#tls === undefined) return this.#socket.destroy(); // not reached: STARTTLS was not offered
    const { socket, done } = this.#tls.secure(this.#socket);
    this.#socket = socket;
    this.#pump.replace(socket);
    done.then(
      (facts) => {
        if (this.#session.state !== 'tls') return; // it has broken off since
        this.#facts.tls = facts;
        this.#facts.helo = undefined;
        this.#session.secured(now());
        this.#pump.turn();
      },
      () => socket.destroy(), // the peer's fault, and nobody is left to tell
    );
  }

  #ask(question: ServerQuestion): void {
    this.#question = question;
    switch (question.about) {
      case 'auth': return this.#askAuth(question, question.auth);
      case 'message': {
        const { content, verdict, aborter } = this.#mail ?? NO_MAIL;
        content?.end();
        this.#aborter = aborter;
        return this.#await(question, () => verdict, (answer) => this.#faultOf(question, answer), (answer) => this.#tell(question, answer));
      }
      default:
        return this.#await(question, (signal) => this.#call(question, signal), (answer) => this.#faultOf(question, answer), (answer) => this.#tell(question, answer));
    }
  }

  #askAuth(question: ServerQuestion, auth: AuthQuestion): void {
    const { auth: hook } = this.#hooks;
    const call = (signal: AbortSignal): AuthAnswer | Promise<AuthAnswer> => (hook === undefined ? { type: 'unavailable' } : hook({ session: this.#facts, signal, question: auth }));
    const faultOf = (answer: AuthAnswer | undefined): string | undefined => (answer !== undefined && ANSWERS[auth.type].includes(answer.type) ? undefined : `must answer '${auth.type}' with ${ANSWERS[auth.type].join(', ')}`);
    this.#await(question, call, faultOf, (answer) => this.#session.answerAuth(answer, now()));
  }

  #call(question: HookQuestion, signal: AbortSignal): Result | PromiseLike<Result> {
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
        const { forwardPath, parameters, reversePath } = question;
        return hooks.rcpt?.({ ...asked, forwardPath, parameters, reversePath, mailbox: this.#mailboxOf(forwardPath) });
      }
      case 'vrfy': return hooks.vrfy?.({ ...asked, text: question.text });
      default: return question satisfies never;
    }
  }

  /** Answers the question with what the hook answers: at once, or while nothing is read until then. */
  #await<Answer>(question: ServerQuestion, call: (signal: AbortSignal) => Answer | PromiseLike<Answer>, faultOf: (answer: Answer) => string | undefined, tell: (answer: Answer) => void): void {
    const { signal } = (this.#aborter ??= new AbortController());
    const waits = callHook(question.about, this.#hookTimeout, signal, () => call(signal), (outcome) => {
      if (this.#question !== question) return;
      const fault = 'error' in outcome ? undefined : faultOf(outcome.answer);
      if ('error' in outcome) this.#fail(question, outcome.error);
      else if (fault !== undefined) this.#fail(question, new UsageError(`the hook '${question.about}' ${fault}`));
      else {
        this.#clear();
        tell(outcome.answer);
      }
      this.#goOn();
    });
    if (!waits) return;
    this.#waiting = true;
    this.#pump.hold();
  }

  /** Tells the session a verdict. */
  #tell(question: ServerQuestion, verdict: Result): void {
    if (isList(verdict)) return this.#session.answerEach(verdict.map(replyOf));
    if (verdict?.type === 'refuse') return this.#session.refuse(verdict.reply);
    if (question.about === 'helo') this.#facts.helo = question.domain;
    this.#session.accept(acceptance(question.about, verdict?.text));
  }

  /** The hook gave no answer, which is no verdict on the client: 451, and to AUTH 454 (RFC 4954 §6). */
  #fail(question: ServerQuestion, error: unknown): void {
    this.#report(error);
    this.#aborter?.abort(error);
    if (question.about === 'message') this.#mail?.content.fail(errorOf(error));
    this.#clear();
    this.#session.refuse(question.about === 'client' ? NOT_NOW : LOCAL_ERROR);
  }

  /** The question is answered: reads on. Not when its hook settles, which may be never. */
  #goOn(): void {
    if (!this.#waiting) return this.#pump.turn();
    this.#waiting = false;
    this.#pump.release();
  }

  /** Mail data begin: the hook 'message' is called, and may read them as they come. */
  #begin(envelope: Envelope): void {
    const aborter = new AbortController();
    const content: ContentStream = new ContentStream({
      hold: () => {
        this.#pump.hold();
        this.#contentTimer = setTimeout(() => content.fail(new Error(`the content was not read on for ${this.#hookTimeout} ms`)), this.#hookTimeout);
      },
      release: () => {
        clearTimeout(this.#contentTimer);
        this.#pump.release();
      },
    });
    const mail: MailInHand = (this.#mail = { content, aborter, verdict: undefined, utf8: envelope.parameters.smtpUtf8 === true });
    let verdict: Result | PromiseLike<Result>;
    try {
      verdict = this.#hooks.message({ ...envelope, content, session: this.#facts, signal: aborter.signal });
    } catch (error) {
      verdict = Promise.reject(errorOf(error));
    }
    mail.verdict = verdict;
    if (!isPromise(verdict)) return content.discard();
    // A rejection is reported when the question is asked; if it never is, because the data came to nothing, so did the hook.
    verdict.then(() => content.discard(), () => content.discard());
  }

  /** The mail in hand comes to nothing. */
  #giveUp(error: Error): void {
    this.#mail?.content.fail(error);
    this.#mail?.aborter.abort(error);
    this.#mail = undefined;
  }

  /** The question is answered, or nobody waits for the answer any more. */
  #clear(): void {
    if (this.#question?.about === 'message') this.#mail = undefined;
    this.#question = undefined;
    this.#aborter = undefined;
  }

  /** What is wrong with an answer, whatever its type promised; undefined: nothing. */
  #faultOf(question: ServerQuestion, answer: Result): string | undefined {
    if (question.about !== 'message') return answer === undefined || (!isList(answer) && isVerdict(answer)) ? undefined : 'must return a verdict, or undefined';
    if (!isList(answer)) return isVerdict(answer) ? undefined : 'must return a verdict: accept(), refuse(…) or committed(…)';
    const { length } = question.envelope.forwardPaths;
    return this.#lmtp && answer.length === length && answer.every(isVerdict) ? undefined : 'must return one verdict; only of LMTP may it be a list, with one for each recipient';
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

function isList(verdict: Result): verdict is readonly Verdict[] {
  return Array.isArray(verdict);
}

/** The reply that a verdict on one recipient of LMTP is. */
function replyOf(verdict: Verdict): Reply {
  return verdict.type === 'refuse' ? verdict.reply : (acceptance('message', verdict.text) ?? REPLIES['mail ok']);
}

function isVerdict(verdict: Verdict | undefined | void): boolean {
  return verdict?.type === 'accept' || (verdict?.type === 'refuse' && verdict.reply?.code >= 400);
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
