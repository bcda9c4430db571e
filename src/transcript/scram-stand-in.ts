// An exchange of SCRAM-SHA-256 (RFC 5802) as it would have been with the password `STRUCK_OUT`, and with nonces, a salt and an
// iteration count that everybody knows: what a transcript has in the place of the one that passed, so that it can be replayed.
//
// Rule 1: nothing of the password, of what is kept of it, or of what was made of it stands in what comes out; the name does.
// Rule 2: whoever was right is right, and whoever was wrong is wrong, where the password or what is kept of it is known here.
// Left out: SCRAM-SHA-256-PLUS, which is bound to a channel that is gone.

import { encodeAscii } from '../wire/ascii.ts';
import { concat, EMPTY } from '../wire/octet.ts';
import { encodeUtf8 } from '../wire/utf8.ts';
import type { DeriveQuestion, Hash, ScramCredential } from '../protocol/sasl/exchange.ts';
import { prepare } from '../protocol/sasl/prepare.ts';
import { ITERATIONS as BOUNDS } from '../protocol/sasl/scram-client.ts';
import { authMessage, clientKeys, clientProof, decoyCredential, isProof, KEY_OCTETS, type ClientKeys } from '../protocol/sasl/scram-key.ts';
import { formatClientFinal, formatClientFirstBare, formatServerFinal, formatServerFirst, formatWithoutProof, parseClientFinal, parseClientFirst, parseServerFinal, parseServerFirst, type ClientFirst, type ServerFirst } from '../protocol/sasl/scram-message.ts';
import { equalSecrets } from '../protocol/sasl/secret.ts';

/** Stands for every password, token and proof. */
export const STRUCK_OUT = 'struck out';

/** What a replay takes for chance, and for what is kept of users that are unknown. */
export const NONCE = 'nonce';
export const DECOY = { secret: encodeAscii('of a transcript'), iterations: 4_096 };

const NONCES = NONCE + NONCE; // the client's, made longer by the server
const SALT = encodeAscii(STRUCK_OUT);
const { iterations: ITERATIONS } = DECOY;
const WRONG = new Uint8Array(KEY_OCTETS);

/** Hi of RFC 5802 §2.2, which a shell computes on a thread of its own. */
function derive({ password, salt, iterations }: Pick<DeriveQuestion, 'password' | 'salt' | 'iterations'>, { hmacSha256 }: Hash): Uint8Array {
  let block = hmacSha256(password, concat([salt, Uint8Array.of(0, 0, 0, 1)]));
  const sum = concat([block, EMPTY]);
  for (let round = 1; round < iterations; round++) {
    block = hmacSha256(password, block);
    for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] ?? 0) ^ (block[at] ?? 0);
  }
  return sum;
}

/** What was derived last. Sessions and transcripts ask the same, since their passwords are struck out: it is computed once. */
const LAST = new WeakMap<Hash, { readonly question: string; readonly answer: Uint8Array }>();

/** As `derive`, at once where the question is the last one's. */
export function deriveAgain(question: Pick<DeriveQuestion, 'password' | 'salt' | 'iterations'>, hash: Hash): Uint8Array {
  const { password, salt, iterations } = question;
  const text = `${password.join()} ${salt.join()} ${iterations}`;
  const last = LAST.get(hash);
  if (last?.question === text) return last.answer;
  const answer = derive(question, hash);
  LAST.set(hash, { question: text, answer });
  return answer;
}

export class ScramStandIn {
  readonly #hash: Hash;
  #keys: ClientKeys | undefined;
  #clientFirst: ClientFirst | undefined;
  #serverFirst: ServerFirst | undefined;
  #text = ''; //           of the server-first-message that stands for it
  #unknown = false; //     the user is
  #signed: { readonly real: Uint8Array; readonly standIn: Uint8Array } | undefined; // what both sides sign
  #credential: ScramCredential | undefined; // the user's own, on the server's side
  #serverKey: Uint8Array | undefined; //       the same of it on either side

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /** The application of a server has it: returns what stands for it. */
  known(credential: ScramCredential): ScramCredential {
    this.#credential = credential;
    this.#serverKey = credential.serverKey;
    const { storedKey, serverKey } = this.#ownKeys();
    return { type: 'scram-sha-256', iterations: ITERATIONS, salt: SALT, storedKey, serverKey };
  }

  /** The application of a server knows nobody of that name. */
  unknown(): void {
    this.#unknown = true;
  }

  /** A client has derived this from its password. */
  derived(saltedPassword: Uint8Array): void {
    this.#serverKey = clientKeys(saltedPassword, this.#hash).serverKey;
  }

  /** Returns what stands for the client's message; undefined where it is none that SCRAM has here. */
  client(message: Uint8Array): Uint8Array | undefined {
    if (this.#clientFirst !== undefined) return this.#clientFinal(message, this.#clientFirst);
    const first = parseClientFirst(message);
    if (first.type === 'malformed' || first.gs2.flag.type === 'p') return undefined;
    this.#clientFirst = first;
    return encodeUtf8(first.gs2.text + formatClientFirstBare(first.name, NONCE));
  }

  /** Returns what stands for the server's message, which may be the message itself: none of them is a secret. */
  server(message: Uint8Array): Uint8Array {
    if (this.#clientFirst === undefined) return message;
    if (this.#signed !== undefined) return this.#serverFinal(message, this.#signed);
    const first = parseServerFirst(message);
    if (first.type === 'malformed' || !first.nonce.startsWith(this.#clientFirst.nonce) || first.nonce === this.#clientFirst.nonce || first.iterations < BOUNDS.least || first.iterations > BOUNDS.most) return message; // which no client takes
    const { name } = this.#clientFirst;
    const { salt } = this.#unknown ? decoyCredential(prepare(name, 'query') ?? name, DECOY, this.#hash) : { salt: SALT };
    this.#serverFirst = first;
    this.#text = formatServerFirst({ nonce: NONCES, salt, iterations: ITERATIONS });
    return encodeAscii(this.#text);
  }

  #clientFinal(message: Uint8Array, { bare, name }: ClientFirst): Uint8Array | undefined {
    const [first, final] = [this.#serverFirst, parseClientFinal(message)];
    if (first === undefined || final.type === 'malformed') return undefined;
    const withoutProof = formatWithoutProof(final.channelBinding, final.nonce === first.nonce ? NONCES : NONCE);
    const real = authMessage(bare, first.text, final.withoutProof);
    const standIn = authMessage(formatClientFirstBare(name, NONCE), this.#text, withoutProof);
    this.#signed = { real, standIn };
    const proven = this.#credential === undefined || isProof(final.proof, this.#credential, real, this.#hash);
    return encodeAscii(formatClientFinal(withoutProof, proven ? clientProof(this.#ownKeys(), standIn, this.#hash) : WRONG));
  }

  #serverFinal(message: Uint8Array, { real, standIn }: { readonly real: Uint8Array; readonly standIn: Uint8Array }): Uint8Array {
    const final = parseServerFinal(message);
    if (final.type === 'malformed' || final.signature === undefined) return message;
    const proven = this.#serverKey === undefined || equalSecrets(final.signature, this.#hash.hmacSha256(this.#serverKey, real));
    return encodeAscii(formatServerFinal(proven ? this.#hash.hmacSha256(this.#ownKeys().serverKey, standIn) : WRONG));
  }

  #ownKeys(): ClientKeys {
    return (this.#keys ??= clientKeys(deriveAgain({ password: encodeUtf8(STRUCK_OUT), salt: SALT, iterations: ITERATIONS }, this.#hash), this.#hash));
  }
}
