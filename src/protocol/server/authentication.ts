// AUTH (RFC 4954) around an exchange of SASL: base 64, `*` and `=`, who the client is, and how often it has failed.

import { decodeBase64, encodeBase64 } from '../../wire/base64.ts';
import { EMPTY } from '../../wire/octet.ts';
import { UsageError } from '../../wire/usage.ts';
import { MOST_AUTH_FAILURES } from '../limit.ts';
import type { AuthAnswer, AuthQuestion, FailureReason, Identity, ServerStep } from '../sasl/exchange.ts';
import { findMechanism, MECHANISMS } from '../sasl/mechanism.ts';
import type { ServerExchange } from '../sasl/server-exchange.ts';
import type { Unauthenticated } from './action.ts';
import type { AuthOptions } from './option.ts';
import { AUTH_FAILURES, type ReplyName } from './reply.ts';

/** What the session does next. */
export type AuthTurn =
  | { readonly type: 'challenge'; readonly text: string }
  | { readonly type: 'ask'; readonly question: AuthQuestion }
  | { readonly type: 'success' }
  /** `last`: it has failed too often. `text`: in place of the reply's own. */
  | { readonly type: 'failure'; readonly why: Unauthenticated; readonly reply: ReplyName; readonly text?: string; readonly last: boolean };

const NO_BASE64 = 'expected base 64 (RFC 4954 §4)';

export class Authentication {
  /** Who the client is, once it has said so. */
  identity: Identity | undefined;
  readonly #options: AuthOptions | undefined;
  #exchange: ServerExchange | undefined;
  #authcid: string | undefined; // that the last exchange has asked about
  readonly #most: number;
  #failures = 0;

  /** `most`: failures that are answered one by one. */
  constructor(options: AuthOptions | undefined, most: number = MOST_AUTH_FAILURES) {
    this.#options = options;
    this.#most = most;
  }

  /** Begins with what AUTH said; a guard has seen to it that the mechanism is one of ours. */
  begin(mechanism: string, initialResponse: string | undefined): AuthTurn {
    this.#authcid = undefined;
    const name = findMechanism(mechanism);
    if (this.#options === undefined || name === undefined) return this.#fail('no such mechanism', 'malformed', 'expected a mechanism that is offered');
    const octets = initialResponse === undefined || initialResponse === '=' ? EMPTY : decodeBase64(initialResponse);
    if (octets === undefined) return this.#fail('not base64', 'malformed', NO_BASE64);
    const exchange = this.#options.begin(name);
    if (typeof exchange?.next !== 'function') throw new UsageError('begin must return what beginServerExchange() has returned, and no promise of it');
    this.#exchange = exchange;
    return this.#turn(exchange.next(initialResponse === undefined ? undefined : octets));
  }

  /** Takes a line of the exchange; undefined: one that is no line of text. */
  respond(line: string | undefined, tooLong: boolean): AuthTurn {
    if (tooLong) return this.#fail('response too long', 'malformed', 'expected a shorter response');
    const octets = line === undefined ? undefined : decodeBase64(line);
    if (line === '*') return this.#fail('auth cancelled', 'cancelled', 'the client has cancelled it');
    if (octets === undefined || this.#exchange === undefined) return this.#fail('not base64', 'malformed', NO_BASE64);
    return this.#turn(this.#exchange.next(octets));
  }

  /** Takes the application's answer to the question that the exchange asked. */
  answer(answer: AuthAnswer): AuthTurn {
    return this.#exchange === undefined ? this.#fail('auth unavailable', 'unavailable', 'no exchange is under way') : this.#turn(this.#exchange.answer(answer));
  }

  /** TLS has begun: what was known without it counts for nothing (RFC 3207 §4.2). */
  forget(): void {
    this.identity = undefined;
    this.#exchange = undefined;
  }

  #turn(step: ServerStep): AuthTurn {
    switch (step.type) {
      case 'challenge': return { type: 'challenge', text: encodeBase64(step.octets) };
      case 'ask':
        if ('authcid' in step.question) this.#authcid = step.question.authcid;
        return step;
      case 'success':
        this.#exchange = undefined;
        this.identity = step.identity;
        return { type: 'success' };
      case 'failure': return this.#fail(AUTH_FAILURES[step.reason], step.reason, step.detail, step.text);
      default: return step satisfies never;
    }
  }

  #fail(reply: ReplyName, reason: FailureReason | 'cancelled', detail: string, text?: string): AuthTurn {
    this.#exchange = undefined;
    return { type: 'failure', why: { reason, authcid: this.#authcid, detail }, reply, ...(text === undefined ? {} : { text }), last: ++this.#failures > this.#most };
  }
}

/** The mechanisms that may be used now; none for a client that is authenticated (RFC 4954 §4: once a session). */
export function mechanismsOffered(options: AuthOptions | undefined, secured: boolean, authenticated: boolean): readonly string[] {
  if (options === undefined || authenticated) return [];
  const { mechanisms, clearText = false } = options;
  return mechanisms.filter((name) => secured || clearText || !MECHANISMS[name].revealsSecret);
}
