// The server's side of an exchange: the turns that all mechanisms share (RFC 4422 §3), around the one that is at work.
//
// A mechanism finds out who the client is. Whether it may act as someone else, what is said last, and who may be asked what
// when is the same for all, and stands here.
//
// Choice: what a mechanism has to say with its success goes as a last challenge, which the client answers with nothing
// (RFC 4422 §3.6): SMTP has no place for it in the 235 (RFC 4954 §4).

import { UsageError } from '../../wire/usage.ts';
import { ANSWERS, failure, isRefusal, type AuthAnswer, type AuthQuestion, type Failure, type Identity, type MechanismName, type ServerStep } from './exchange.ts';
import { prepare } from './prepare.ts';

/** What a mechanism makes of a response or an answer. */
export type MechanismStep =
  | { readonly type: 'challenge'; readonly octets: Uint8Array }
  | { readonly type: 'ask'; readonly question: AuthQuestion }
  | { readonly type: 'verified'; readonly authcid: string; readonly authzid: string | undefined; readonly last?: Uint8Array }
  | Failure;

export interface ServerMechanism {
  readonly mechanism: MechanismName;
  /** `response` is undefined once at most, and then first: AUTH came without one (RFC 4954 §4). */
  respond(response: Uint8Array | undefined): MechanismStep;
  /** Takes the answer to its question; a refusal is not among them. */
  answer(answer: AuthAnswer): MechanismStep;
}

/**
 * Whose turn it is.
 *
 *   response   the client's
 *   answer     the application's: it was asked by the mechanism
 *   authority  the application's: it was asked whether the client may act as someone else
 *   last       the client's, which has nothing left to say
 *   ended      nobody's
 */
type Turn = 'response' | 'answer' | 'authority' | 'last' | 'ended';

/** Where each turn leads; the compiler lets the exchange take no other way. */
export const EXCHANGE_EDGES = {
  response:  ['response', 'answer', 'authority', 'last', 'ended'],
  answer:    ['response', 'answer', 'authority', 'last', 'ended'],
  authority: ['last', 'ended'],
  last:      ['ended'],
  ended:     [],
} as const satisfies Readonly<Record<Turn, readonly Turn[]>>;

/** An exchange that `beginServerExchange` has begun, and that a session carries on. */
export class ServerExchange {
  readonly #mechanism: ServerMechanism;
  #turn: Turn = 'response';
  #begun = false;
  #question: AuthQuestion | undefined;
  #identity: Identity = { authcid: '', authzid: '' };
  #last: Uint8Array | undefined;
  #text: string | undefined; // what the application says to the client of its refusal

  /** @internal */
  constructor(mechanism: ServerMechanism) {
    this.#mechanism = mechanism;
  }

  /** Takes the client's response; first its initial response, which is undefined where AUTH had none, and empty where it was `=`. */
  next(response: Uint8Array | undefined): ServerStep {
    if (response === undefined && this.#begun) throw new UsageError('only the initial response may be absent');
    this.#begun = true;
    if (this.#turn === 'response') return this.#proceed('response', this.#mechanism.respond(response));
    if (this.#turn !== 'last') throw new UsageError(this.#turn === 'ended' ? 'the exchange has ended' : 'a question is open');
    return response?.length === 0 ? this.#succeed('last') : this.#fail('last', failure('malformed', 'expected an empty response (RFC 4422 §3.6)'));
  }

  /** Takes the answer to the one open question. */
  answer(answer: AuthAnswer): ServerStep {
    const question = this.#question;
    if (question === undefined) throw new UsageError('no question is open');
    if (!ANSWERS[question.type].includes(answer.type)) throw new UsageError(`'${answer.type}' does not answer '${question.type}': expected ${ANSWERS[question.type].join(', ')}`);
    this.#question = undefined;
    const turn = question.type === 'authority' ? 'authority' : 'answer';
    this.#text = answer.type === 'no' || isRefusal(answer) ? answer.text : undefined;
    if (isRefusal(answer)) return this.#fail(turn, failure(answer.type, `the answer to '${question.type}'`));
    if (turn === 'answer') return this.#proceed(turn, this.#mechanism.answer(answer));
    return answer.type === 'yes' ? this.#conclude(turn) : this.#fail(turn, failure('authority', 'the authcid may not act as the authzid (RFC 4422 §3.4.1)'));
  }

  #proceed(turn: 'response' | 'answer', step: MechanismStep): ServerStep {
    switch (step.type) {
      case 'challenge':
        this.#enter(turn, 'response');
        return step;
      case 'ask':
        this.#enter(turn, 'answer');
        return this.#ask(step.question);
      case 'verified':
        return this.#authorize(turn, step);
      case 'failure':
        return this.#fail(turn, step);
      default:
        return step satisfies never;
    }
  }

  /** RFC 4954 §4: an authorization identity is a simple user name, and fails where it cannot be prepared. */
  #authorize(turn: 'response' | 'answer', { authcid, authzid: wanted = authcid, last }: MechanismStep & { readonly type: 'verified' }): ServerStep {
    const authzid = prepare(wanted, 'query');
    if (authzid === undefined) return this.#fail(turn, failure('malformed', 'expected an authzid that SASLprep permits (RFC 4954 §4)'));
    this.#identity = { authcid, authzid };
    this.#last = last;
    if (authzid === authcid) return this.#conclude(turn);
    this.#enter(turn, 'authority');
    return this.#ask({ type: 'authority', mechanism: this.#mechanism.mechanism, authcid, authzid });
  }

  #conclude(turn: 'response' | 'answer' | 'authority'): ServerStep {
    if (this.#last === undefined) return this.#succeed(turn);
    this.#enter(turn, 'last');
    return { type: 'challenge', octets: this.#last };
  }

  #ask(question: AuthQuestion): ServerStep {
    this.#question = question;
    return { type: 'ask', question };
  }

  #succeed(turn: Exclude<Turn, 'ended'>): ServerStep {
    this.#enter(turn, 'ended');
    return { type: 'success', identity: this.#identity };
  }

  #fail(turn: Exclude<Turn, 'ended'>, why: Failure): Failure {
    this.#enter(turn, 'ended');
    return this.#text === undefined || why.reason === 'malformed' ? why : { ...why, text: this.#text };
  }

  #enter<From extends Turn>(_from: From, to: (typeof EXCHANGE_EDGES)[From][number]): void {
    this.#turn = to;
  }
}
