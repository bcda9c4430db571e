// CRAM-MD5 (RFC 2195): the client proves that it knows the password by a keyed hash over the server's challenge.
//
// The password is not sent, but the server must have it in the clear, and who sees one exchange can try passwords at leisure,
// with a fast hash. For those who insist. There is no authzid.

import { encodeAscii } from '../../wire/ascii.ts';
import { concat, EMPTY } from '../../wire/octet.ts';
import { UsageError } from '../../wire/usage.ts';
import { decodeUtf8, encodeUtf8 } from '../../wire/utf8.ts';
import { clientFault, failure, type AuthAnswer, type ClientExchange, type ClientFault, type ClientStep, type Hash } from './exchange.ts';
import { prepare } from './prepare.ts';
import { equalSecrets } from './secret.ts';
import type { MechanismStep, ServerMechanism } from './server-exchange.ts';

const MESSAGE_ID = /^<[\x21-\x3b\x3d\x3f-\x7e]+@[\x21-\x3b\x3d\x3f-\x7e]+>$/;

export class CramMd5Server implements ServerMechanism {
  readonly mechanism = 'CRAM-MD5';
  readonly #challenge: Uint8Array;
  readonly #hash: Hash;
  #challenged = false;
  #response = { authcid: '', digest: '' };

  /** `challenge` is new each time, and written as a msg-id: `<1896.697170952@postoffice.example>` (§2). */
  constructor(challenge: string, hash: Hash) {
    if (!MESSAGE_ID.test(challenge)) throw new UsageError('a challenge of CRAM-MD5 is a msg-id, such as <random.time@host.example>');
    this.#challenge = encodeAscii(challenge);
    this.#hash = hash;
  }

  respond(response: Uint8Array | undefined): MechanismStep {
    if (!this.#challenged) {
      this.#challenged = true;
      return response === undefined ? { type: 'challenge', octets: this.#challenge } : failure('initial-response', 'expected none: the server begins (RFC 4954 §4)');
    }
    // The name may hold spaces, the digest not.
    const [, name = '', digest = ''] = /^(.+) ([0-9a-f]{32})$/s.exec(decodeUtf8(response ?? EMPTY) ?? '') ?? [];
    const authcid = prepare(name, 'query');
    if (authcid === undefined) return failure('malformed', 'expected a name, a space and 32 hexadecimal digits in lower case (RFC 2195 §2)');
    this.#response = { authcid, digest };
    return { type: 'ask', question: { type: 'secret', mechanism: this.mechanism, authcid } };
  }

  answer(answer: AuthAnswer): MechanismStep {
    const { authcid, digest } = this.#response;
    const known = answer.type === 'secret';
    const expected = this.#hash.hmacMd5(known ? answer.secret : this.#challenge, this.#challenge);
    const right = equalSecrets(encodeAscii(hexadecimal(expected)), encodeAscii(digest));
    return known && right ? { type: 'verified', authcid, authzid: undefined } : failure('credentials', 'unknown user or wrong password');
  }
}

/** Begins CRAM-MD5; the server speaks first. */
export function beginCramMd5(authcid: string, password: string, hash: Hash): ClientExchange | ClientFault {
  const prepared = prepare(authcid, 'query');
  if (prepared === undefined || password === '') return clientFault('unsuitable', 'expected a name that SASLprep permits, and a password');
  return new CramMd5Client(prepared, encodeUtf8(password), hash);
}

class CramMd5Client implements ClientExchange {
  readonly initial = undefined;
  readonly explanation = undefined;
  readonly #authcid: string;
  readonly #secret: Uint8Array;
  readonly #hash: Hash;
  complete = false;

  constructor(authcid: string, secret: Uint8Array, hash: Hash) {
    this.#authcid = authcid;
    this.#secret = secret;
    this.#hash = hash;
  }

  next(challenge: Uint8Array): ClientStep {
    if (this.complete) return clientFault('unexpected', 'expected no second challenge (RFC 2195 §2)');
    // Not checked further than that it is there: real challenges are msg-ids only more or less.
    if (challenge.length === 0) return clientFault('malformed', 'expected a challenge to be hashed (RFC 2195 §2)');
    this.complete = true;
    const digest = hexadecimal(this.#hash.hmacMd5(this.#secret, challenge));
    return { type: 'response', octets: concat([encodeUtf8(this.#authcid), encodeAscii(` ${digest}`)]) };
  }

  answer(): ClientStep {
    throw new UsageError('no question is open');
  }
}

function hexadecimal(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
}
