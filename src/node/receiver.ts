// One accepted connection: a ServerSession, its pump, and the hooks that answer its questions.
//
// Rule 1: every question is answered once. What answers late (the peer has gone, the deadline has passed) is dropped.
// Rule 2: a hook that throws, rejects, outlives its deadline or answers no verdict is 451 4.3.0, to AUTH 454, never half a reply; the
//         session goes on. In place of the banner it is 421, which ends it.

import { clearTimeout, setTimeout } from 'node:timers';
import { UsageError } from '../wire/usage.ts';
import { reply, type Reply } from '../syntax/reply.ts';
import type { Envelope } from '../protocol/mail.ts';
import type { ServerAction, ServerQuestion } from '../protocol/server/action.ts';
import type { ServerSession } from '../protocol/server/session.ts';
import { accept, isList, refuse, type Verdict } from '../protocol/server/verdict.ts';
import { transmissionType } from '../protocol/transmission.ts';
import { Aborter } from './aborter.ts';
import { octetsOfRecipient } from './budget.ts';
import { errorOf, reportError, tell } from './error-report.ts';
import type { AnyHooks, SessionFacts } from './hook.ts';
import { HookCall, isPromise, whenSettled, type HookOutcome } from './hook-call.ts';
import { answerFault, askAuth, askHook, authFault, isHooked, type CommandQuestion, type HookAnswer, type Occasion } from './hook-question.ts';
import { now } from './now.ts';
import { Pump, type PumpOwner } from './pump.ts';
import type { Ends, Stream } from './proxy.ts';
import { abortError, ReceivedMailData, Unfinished } from './receiver-mail.ts';
import type { ReceiverSettings } from './receiver-option.ts';
import { HANDSHAKE, type TlsFacts } from './tls.ts';

const LOCAL_ERROR: Reply = reply(451, '4.3.0', 'local error in processing, try again later'); // RFC 5321 §4.2.2

const NOT_NOW: Reply = reply(421, '4.3.0', 'local error, try again later'); // a banner of 4yz can only be this (RFC 5321 §4.3.2)

const ACCEPTED: Verdict = accept();

const UNHOOKED: AnyHooks = { message: () => refuse(451, '4.3.0', 'nobody takes mail here yet') }; // until start

/** The facts, of which some change as the session goes on. */
type Facts = { -readonly [Name in keyof SessionFacts]: SessionFacts[Name] };

/** Who is told, once each, when the session of a receiver is over, and behind that when its connection is gone. */
export interface ReceiverOwner {
  left(receiver: Receiver): void;
  gone(receiver: Receiver): void;
}

export class Receiver implements PumpOwner<Exclude<ServerAction, { readonly type: 'send' | 'close' }>> {
  #hooks = UNHOOKED;
  readonly #settings: ReceiverSettings;
  readonly #session: ServerSession;
  readonly #pump: Pump<ServerAction>;
  readonly #facts: Facts;
  readonly #owner: ReceiverOwner;
  #socket: Stream;

  #aborter: Aborter | undefined; //                   of the question that a hook has yet to answer
  #waiting: { end(): void } | undefined; //           for the answer
  #mail: ReceivedMailData | undefined; //             its data have begun, and it has not been answered
  #utf8 = false; //                                   the mail whose data have begun asked for SMTPUTF8 (RFC 6531)
  #mailState: unknown;
  #recipients = 0; //                                 octets that those of the mail under way take up
  #drop: (() => void) | undefined; //                 made for the first hook

  /** Answers nothing before `start`. */
  constructor(socket: Stream, settings: ReceiverSettings, owner: ReceiverOwner, { client, server, tls }: Ends & { readonly tls: TlsFacts | undefined }) {
    const session = settings.newSession(tls !== undefined, now());
    this.#socket = socket;
    this.#settings = settings;
    this.#session = session;
    this.#owner = owner;
    this.#facts = { client, server, helo: undefined, protocol: 'SMTP', tls, identity: undefined, state: undefined };
    this.#pump = new Pump<ServerAction>(socket, session, this, settings.budget);
  }

  get session(): SessionFacts {
    return this.#facts;
  }

  /** For the pump. */
  get givesWay(): true {
    return true;
  }

  start(hooks: AnyHooks): void {
    this.#hooks = hooks;
    if (hooks.ended !== undefined) this.#pump.watchWrites();
    this.#pump.turn();
  }

  /** 421 as soon as nothing is in hand (RFC 5321 §3.8). */
  shutdown(): void {
    if (this.#session.state === 'tls') return this.cut(); // a handshake that has not come, or is not done: nothing is in hand
    this.#session.shutdown();
    this.#pump.turn();
  }

  /** Ends it now, whatever is in hand: with a 421 where one can be said. */
  halt(): void {
    this.#session.halt();
    this.#pump.turn();
    if (this.#session.state !== 'closed') this.cut();
  }

  /** Cuts the connection; what is in hand comes to nothing. */
  cut(): void {
    this.#pump.cut();
  }

  /** Cuts the connection, whose session is over, unless something is left to be written; tells whether it did. */
  hurry(): boolean {
    this.#pump.write();
    if (this.#socket.writableLength > 0) return false;
    this.cut();
    return true;
  }

  /** For the pump. */
  gone(): void {
    this.#owner.gone(this);
  }

  /** For the pump: what the session wants done. */
  act(action: Exclude<ServerAction, { readonly type: 'send' | 'close' }>): void {
    switch (action.type) {
      case 'ask': return this.#ask(action.question);
      case 'data': return this.#begin(action.envelope);
      case 'content': return this.#mail?.push(action.octets);
      case 'abort': return this.#giveUp(abortError(action.reason));
      case 'start-tls': return this.#startTls();
      case 'ended': return this.#ended(action);
      case 'leniency': case 'notice':
        this.#learn();
        return this.#hear(() => this.#hooks.notice?.({ session: this.#facts, type: action.type, name: action.name, source: action.source }));
      case 'unauthenticated': {
        this.#learn();
        const { reason, authcid, detail } = action;
        return this.#hear(() => this.#hooks.unauthenticated?.({ session: this.#facts, reason, authcid, detail }));
      }
      default: action satisfies never;
    }
  }

  /** For the pump: the session is over. */
  closed(): void {
    if (this.#mail !== undefined || this.#aborter !== undefined) { // an Error costs more than a session's end (35 µs)
      const error = new Unfinished('the client has gone');
      this.#giveUp(error);
      this.#aborter?.abort(error);
    }
    this.#clear(undefined);
    this.#forgetRecipients();
    this.#owner.left(this);
  }

  /** Shakes hands; a handshake that fails closes the connection, and that tells the session. */
  #startTls(): void {
    const { tls } = this.#settings;
    if (tls === undefined) return void this.#socket.destroy(); // not reached: STARTTLS was not offered
    const { socket, done } = tls.secure(this.#socket);
    this.#socket = socket;
    this.#pump.replace(socket);
    const timer = setTimeout(() => socket.destroy(), HANDSHAKE);
    done.finally(() => clearTimeout(timer)).then(
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
    switch (question.about) {
      case 'auth': {
        const { auth } = question;
        return this.#await(question, (aborter) => askAuth(auth, this.#hooks, this.#occasion(aborter)), (outcome) => {
          const answer = this.#settled(question, outcome, (given) => authFault(auth, given));
          if (answer !== undefined) this.#session.answerAuth(answer.given, now());
        });
      }
      case 'message': {
        const mail = this.#mail;
        mail?.end();
        this.#aborter = mail?.aborter;
        const outcome = mail?.outcome(() => this.#wait<HookAnswer>(question, (later) => this.#answer(question, later)));
        if (outcome !== undefined) this.#answer(question, outcome); // at once, and the pump goes on with it
        return;
      }
      default:
        if (!isHooked(question, this.#hooks)) return this.#tell(question, undefined); // nobody to ask
        return this.#await(question, (aborter) => this.#call(question, aborter), (outcome) => this.#answer(question, outcome));
    }
  }

  #call(question: CommandQuestion, aborter: Aborter): HookAnswer | PromiseLike<HookAnswer> {
    if (question.about === 'client') this.#facts.state = this.#kept(this.#hooks.sessionState?.());
    if (question.about === 'mail') this.#mailState = this.#kept(this.#hooks.mailState?.());
    return askHook(question, this.#hooks, this.#occasion(aborter));
  }

  /** A state may be a promise, for the hooks to wait for. Where it rejects the embedder is told: no hook may have waited. */
  #kept<State>(state: State): State {
    if (isPromise<unknown>(state)) tell(() => state, (thrown) => reportError(this.#hooks, thrown));
    return state;
  }

  /** What a hook is told of. The facts are as they are now; plain fields, since an object with getters costs 1 KiB a connection. */
  #occasion(aborter: Aborter): Occasion {
    this.#learn();
    this.#drop ??= () => this.cut();
    return { session: this.#facts, mailState: this.#mailState, aborter, drop: this.#drop, hostname: this.#settings.hostname };
  }

  /** Brings the facts up to date: a session authenticates the client without a word to us. */
  #learn(): void {
    const { extended, identity } = this.#session;
    const facts = this.#facts;
    facts.identity = identity;
    facts.protocol = transmissionType({ extended, lmtp: this.#settings.lmtp, secured: facts.tls !== undefined, authenticated: identity !== undefined, utf8: this.#utf8 });
  }

  /** Calls a hook for its answer to the question; where it answers later, nothing is read until then. */
  #await<Answer>(question: ServerQuestion, call: (aborter: Aborter) => Answer | PromiseLike<Answer>, settle: (outcome: HookOutcome<Answer>) => void): void {
    const aborter = new Aborter();
    this.#aborter = aborter;
    let waiting: HookCall<Answer> | undefined;
    const later = whenSettled(() => call(aborter), (outcome) => (waiting === undefined ? settle(outcome) : waiting.settle(outcome)));
    if (later) waiting = this.#wait(question, settle);
  }

  /** Nothing is read until the answer to the question is there, or its time is over. */
  #wait<Answer>(question: ServerQuestion, settle: (outcome: HookOutcome<Answer>) => void): HookCall<Answer> {
    this.#pump.hold();
    const call = new HookCall<Answer>(question.about, this.#settings.patience, (outcome) => {
      if (question.about === 'client') this.#pump.show(); // who has talked before the banner
      settle(outcome);
      this.#pump.release();
    });
    this.#waiting = call;
    return call;
  }

  #answer(question: Exclude<ServerQuestion, { readonly about: 'auth' }>, outcome: HookOutcome<HookAnswer>): void {
    const answer = this.#settled(question, outcome, (given) => answerFault(question, given, question.about === 'message' && this.#settings.lmtp));
    if (answer !== undefined) this.#tell(question, answer.given);
  }

  /** The answer that is to be told; undefined where there was none, and that has been told. */
  #settled<Answer>(question: ServerQuestion, outcome: HookOutcome<Answer>, faultOf: (answer: Answer) => string | undefined): { readonly given: Answer } | undefined {
    if ('error' in outcome) return this.#fail(question, outcome.error);
    let fault: string | undefined;
    try {
      fault = faultOf(outcome.answer);
    } catch (error) {
      return this.#fail(question, error); // a getter of the answer's
    }
    if (fault !== undefined) return this.#fail(question, new UsageError(`the hook '${question.about}' ${fault}`));
    this.#clear(question);
    return { given: outcome.answer };
  }

  /** Tells the session the answer of a hook; undefined: to go on as the RFC has it. */
  #tell(question: ServerQuestion, answer: HookAnswer): void {
    if (!isList(answer) && answer?.type !== 'refuse') {
      if (question.about === 'helo') this.#facts.helo = question.domain;
      if (question.about === 'rcpt') this.#keepRecipient(question);
    }
    this.#session.answer(answer ?? ACCEPTED);
  }

  /** The hook gave no answer, which is no verdict on the client: 451, and to AUTH 454 (RFC 4954 §6). */
  #fail(question: ServerQuestion, error: unknown): undefined {
    this.#report(error);
    this.#aborter?.abort(error);
    if (question.about === 'message') this.#mail?.giveUp(errorOf(error));
    this.#clear(question);
    this.#session.refuse(question.about === 'client' ? NOT_NOW : LOCAL_ERROR);
  }

  /** Mail data begin: the hook 'message' is called, and may read them as they come. */
  #begin(envelope: Envelope): void {
    const { budget, patience } = this.#settings;
    this.#utf8 = envelope.parameters.smtpUtf8 === true;
    this.#mail = new ReceivedMailData(envelope, this.#hooks, (aborter) => this.#occasion(aborter), { flow: this.#pump, budget, patience });
  }

  /** The transaction is over; that is told when what was written is out, or can never be. */
  #ended({ how, replied }: ServerAction & { readonly type: 'ended' }): void {
    const hooks = this.#hooks; // asked as a whole: they may be an object of a class
    this.#forgetRecipients();
    if (hooks.ended !== undefined) this.#learn();
    this.#utf8 = false;
    if (hooks.ended === undefined) return;
    const facts = { session: this.#facts, mailState: this.#mailState, how };
    const concluded = how === 'accepted' || how === 'refused'; // so there was a reply, be it that it could not be written any more
    if (!replied) return this.#hear(() => hooks.ended?.({ ...facts, reply: concluded ? 'lost' : 'none' }));
    this.#pump.flushed((taken) => this.#hear(() => hooks.ended?.({ ...facts, reply: taken ? 'flushed' : 'lost' })));
  }

  #keepRecipient(recipient: Extract<ServerQuestion, { readonly about: 'rcpt' }>): void {
    const octets = octetsOfRecipient(recipient);
    this.#settings.recipients.charge(octets);
    this.#recipients += octets;
  }

  #forgetRecipients(): void {
    if (this.#recipients > 0) this.#settings.recipients.charge(-this.#recipients);
    this.#recipients = 0;
  }

  /** Calls a hook that has nothing to answer. */
  #hear(hook: () => unknown): void {
    tell(hook, (thrown) => this.#report(thrown));
  }

  /** The mail in hand comes to nothing. */
  #giveUp(error: Error): void {
    this.#mail?.giveUp(error);
    this.#mail = undefined;
  }

  /** The question is answered, or nobody waits for the answer any more. */
  #clear(question: ServerQuestion | undefined): void {
    if (question?.about === 'message') this.#mail = undefined;
    this.#aborter = undefined;
    this.#waiting?.end();
    this.#waiting = undefined;
  }

  #report(thrown: unknown): void {
    reportError(this.#hooks, thrown);
  }
}
