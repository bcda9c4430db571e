// PLAIN (RFC 4616): names and password in one message, parted by NUL.
//
// The secret itself goes over the wire: with TLS only (§5).

import { EMPTY } from '../../wire/octet.ts';
import { UsageError } from '../../wire/usage.ts';
import { decodeUtf8, encodeUtf8 } from '../../wire/utf8.ts';
import { clientFault, failure, type AuthAnswer, type ClientExchange, type ClientFault, type ClientStep } from './exchange.ts';
import { prepare } from './prepare.ts';
import type { MechanismStep, ServerMechanism } from './server-exchange.ts';

export interface PlainMessage {
  readonly authzid: string | undefined;
  readonly authcid: string;
  readonly password: string;
}

/** Returns what the message says, unprepared; undefined unless it is `[authzid] NUL authcid NUL passwd` in UTF-8 (§2). */
export function parsePlain(octets: Uint8Array): PlainMessage | undefined {
  const [authzid = '', authcid = '', password = '', ...more] = decodeUtf8(octets)?.split('\0') ?? [];
  if (authcid === '' || password === '' || more.length > 0) return undefined;
  return { authzid: authzid === '' ? undefined : authzid, authcid, password };
}

/** Returns the message. A field may hold anything but NUL. */
export function formatPlain({ authzid = '', authcid, password }: PlainMessage): Uint8Array {
  return encodeUtf8(`${authzid}\0${authcid}\0${password}`);
}

export class PlainServer implements ServerMechanism {
  readonly mechanism = 'PLAIN';
  #authcid = '';
  #authzid: string | undefined;

  respond(response: Uint8Array | undefined): MechanismStep {
    if (response === undefined) return { type: 'challenge', octets: EMPTY };
    const message = parsePlain(response);
    const authcid = prepare(message?.authcid ?? '', 'query');
    if (message === undefined || authcid === undefined) return failure('malformed', 'expected [authzid] NUL authcid NUL passwd (RFC 4616 §2)');
    const password = prepare(message.password, 'query');
    if (password === undefined) return failure('credentials', 'expected a password that SASLprep permits (RFC 4616 §2)');
    this.#authcid = authcid;
    this.#authzid = message.authzid;
    return { type: 'ask', question: { type: 'password', mechanism: this.mechanism, authcid, password } };
  }

  answer(answer: AuthAnswer): MechanismStep {
    if (answer.type === 'yes') return { type: 'verified', authcid: this.#authcid, authzid: this.#authzid };
    return failure('credentials', 'unknown user or wrong password');
  }
}

/** Begins PLAIN. The names and the password go as they are: it is the server that prepares them (§2). */
export function beginPlain(message: PlainMessage): ClientExchange | ClientFault {
  const initial = formatPlain(message);
  return parsePlain(initial) === undefined ? clientFault('unsuitable', 'expected a name and a password without NUL (RFC 4616 §2)') : new SingleMessage(initial);
}

/** A client that has said everything with its first message. */
class SingleMessage implements ClientExchange {
  readonly initial: Uint8Array;
  readonly complete = true;
  readonly explanation = undefined;

  constructor(initial: Uint8Array) {
    this.initial = initial;
  }

  next(): ClientStep {
    return clientFault('unexpected', 'expected no challenge behind the one message (RFC 4616 §2)');
  }

  answer(): ClientStep {
    throw new UsageError('no question is open');
  }
}
