// LOGIN (draft-murchison-sasl-login, expired): the name, then the password, each after its prompt. Obsolete, and still what
// many clients speak first.
//
// The secret itself goes over the wire: with TLS only. There is no authzid.
// Choice: a name that comes with the AUTH command is taken, as Postfix and Exim do; Python's smtplib sends it there.

import { encodeAscii } from '../../wire/ascii.ts';
import { decodeUtf8, encodeUtf8 } from '../../wire/utf8.ts';
import { UsageError } from '../../wire/usage.ts';
import { clientFault, failure, type AuthAnswer, type ClientExchange, type ClientFault, type ClientStep } from './exchange.ts';
import { prepare } from './prepare.ts';
import type { MechanismStep, ServerMechanism } from './server-exchange.ts';

const PROMPTS = { name: encodeAscii('Username:'), password: encodeAscii('Password:') } as const;

export class LoginServer implements ServerMechanism {
  readonly mechanism = 'LOGIN';
  #authcid: string | undefined;

  respond(response: Uint8Array | undefined): MechanismStep {
    if (response === undefined) return { type: 'challenge', octets: PROMPTS.name };
    const text = decodeUtf8(response);
    if (text === undefined || text === '') return failure('malformed', 'expected a name or a password in UTF-8');
    const prepared = prepare(text, 'query');
    const authcid = this.#authcid;
    if (prepared === undefined) return failure(authcid === undefined ? 'malformed' : 'credentials', 'expected what SASLprep permits (RFC 4013 §2.3)');
    if (authcid !== undefined) return { type: 'ask', question: { type: 'password', mechanism: this.mechanism, authcid, password: prepared } };
    this.#authcid = prepared;
    return { type: 'challenge', octets: PROMPTS.password };
  }

  answer(answer: AuthAnswer): MechanismStep {
    if (answer.type === 'yes' && this.#authcid !== undefined) return { type: 'verified', authcid: this.#authcid, authzid: undefined };
    return failure('credentials', 'unknown user or wrong password');
  }
}

/** Begins LOGIN. What the prompts say is not looked at: it differs from server to server. */
export function beginLogin(authcid: string, password: string): ClientExchange | ClientFault {
  if (authcid === '' || password === '') return clientFault('unsuitable', 'expected a name and a password');
  return new LoginClient([encodeUtf8(authcid), encodeUtf8(password)]);
}

class LoginClient implements ClientExchange {
  readonly initial = undefined;
  readonly explanation = undefined;
  readonly #responses: readonly [Uint8Array, Uint8Array];
  #sent = 0;

  constructor(responses: readonly [Uint8Array, Uint8Array]) {
    this.#responses = responses;
  }

  get complete(): boolean {
    return this.#sent === this.#responses.length;
  }

  next(): ClientStep {
    const octets = this.#responses[this.#sent];
    if (octets === undefined) return clientFault('unexpected', 'expected no third challenge');
    this.#sent += 1;
    return { type: 'response', octets };
  }

  answer(): ClientStep {
    throw new UsageError('no question is open');
  }
}
