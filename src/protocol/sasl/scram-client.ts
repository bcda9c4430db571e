// The client of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677).
//
// The one mechanism here in which the server proves itself too: until `complete`, its success is not to be believed.

import { encodeAscii } from '../../wire/ascii.ts';
import { concat, EMPTY } from '../../wire/octet.ts';
import { UsageError } from '../../wire/usage.ts';
import { encodeUtf8 } from '../../wire/utf8.ts';
import { clientFault, type ChannelBinding, type ClientExchange, type ClientFault, type ClientStep, type Hash } from './exchange.ts';
import { formatGs2Header, type Gs2Flag } from './gs2.ts';
import { prepare } from './prepare.ts';
import { authMessage, clientKeys, clientProof } from './scram-key.ts';
import { formatClientFinal, formatClientFirstBare, formatWithoutProof, isNonce, parseServerFinal, parseServerFirst } from './scram-message.ts';
import type { ServerFirst } from './scram-message.ts';
import { equalSecrets } from './secret.ts';

/**
 * Iterations that a client goes along with.
 *
 * Fewer than RFC 7677 §4 asks for would let a false server try passwords cheaply on the proof; what is more than this, half a
 * minute of work for a small machine, is an attack on the client (RFC 5802 §9).
 */
export const ITERATIONS = { least: 4_096, most: 2_000_000 } as const;

export interface ScramClientOptions {
  readonly authcid: string;
  readonly password: string;
  readonly authzid: string | undefined;
  readonly hash: Hash;
  /** Printable, without commas, new and unpredictable each time. */
  readonly nonce: string;
  /** That of this connection, where the client could bind to it, whether or not the server offers to. */
  readonly channelBinding: ChannelBinding | undefined;
}

/** What is awaited, with what is known by then. */
type Awaited =
  | { readonly type: 'server-first' }
  | { readonly type: 'derived'; readonly first: ServerFirst }
  | { readonly type: 'server-final'; readonly signature: Uint8Array }
  | { readonly type: 'nothing' };

/** Begins SCRAM, with channel binding if the name ends in -PLUS. */
export function beginScram(mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS', options: ScramClientOptions): ClientExchange | ClientFault {
  if (!isNonce(options.nonce)) throw new UsageError('a nonce of SCRAM is printable ASCII without a comma');
  const { channelBinding } = options;
  if (mechanism === 'SCRAM-SHA-256-PLUS' && channelBinding === undefined) throw new UsageError('SCRAM-SHA-256-PLUS needs a channel binding');
  const authcid = prepare(options.authcid, 'query');
  const password = prepare(options.password, 'stored'); // §2.2 Normalize: stored strings, in both roles
  const authzid = options.authzid === undefined ? undefined : prepare(options.authzid, 'query');
  if (authcid === undefined || password === undefined || (options.authzid !== undefined && authzid === undefined)) {
    return clientFault('unsuitable', 'expected a name and a password that SASLprep permits (RFC 5802 §5.1)');
  }
  const bound = mechanism === 'SCRAM-SHA-256-PLUS' && channelBinding !== undefined;
  const flag: Gs2Flag = bound ? { type: 'p', name: channelBinding.name } : { type: channelBinding === undefined ? 'n' : 'y' };
  return new ScramClient({ ...options, authcid, password, authzid }, flag, bound ? channelBinding.data : EMPTY);
}

class ScramClient implements ClientExchange {
  readonly initial: Uint8Array;
  explanation: string | undefined;
  readonly #options: ScramClientOptions;
  readonly #bare: string;
  readonly #binding: Uint8Array;
  #awaited: Awaited = { type: 'server-first' };

  constructor(options: ScramClientOptions, flag: Gs2Flag, data: Uint8Array) {
    const { authcid: name, authzid, nonce } = options;
    const header = formatGs2Header(flag, authzid);
    this.#options = options;
    this.#bare = formatClientFirstBare(name, nonce);
    this.#binding = concat([encodeUtf8(header), data]);
    this.initial = encodeUtf8(header + this.#bare);
  }

  get complete(): boolean {
    return this.#awaited.type === 'nothing';
  }

  next(challenge: Uint8Array): ClientStep {
    switch (this.#awaited.type) {
      case 'server-first': return this.#first(challenge);
      case 'derived': throw new UsageError('a question is open');
      case 'server-final': return this.#final(challenge, this.#awaited.signature);
      case 'nothing': return clientFault('unexpected', 'expected no challenge behind the server-final-message (RFC 5802 §5)');
      default: return this.#awaited satisfies never;
    }
  }

  answer(saltedPassword: Uint8Array): ClientStep {
    if (this.#awaited.type !== 'derived') throw new UsageError('no question is open');
    const { first } = this.#awaited;
    const { hash } = this.#options;
    const keys = clientKeys(saltedPassword, hash);
    const withoutProof = formatWithoutProof(this.#binding, first.nonce);
    const message = authMessage(this.#bare, first.text, withoutProof);
    this.#awaited = { type: 'server-final', signature: hash.hmacSha256(keys.serverKey, message) };
    return { type: 'response', octets: encodeAscii(formatClientFinal(withoutProof, clientProof(keys, message, hash))) };
  }

  #first(challenge: Uint8Array): ClientStep {
    const first = parseServerFirst(challenge);
    if (first.type === 'malformed') return clientFault('malformed', `expected ${first.expected}`);
    const { nonce, password } = this.#options;
    if (!first.nonce.startsWith(nonce) || first.nonce === nonce) {
      return clientFault('nonce', 'expected a nonce that begins with the one sent, and goes on (RFC 5802 §5.1)');
    }
    const { iterations, salt } = first;
    if (iterations < ITERATIONS.least || iterations > ITERATIONS.most) {
      return clientFault('iterations', `expected ${ITERATIONS.least} to ${ITERATIONS.most} iterations, found ${iterations} (RFC 7677 §4, RFC 5802 §9)`);
    }
    this.#awaited = { type: 'derived', first };
    return { type: 'ask', question: { type: 'derive', password: encodeUtf8(password), salt, iterations } };
  }

  #final(challenge: Uint8Array, signature: Uint8Array): ClientStep {
    const final = parseServerFinal(challenge);
    if (final.type === 'malformed') return clientFault('malformed', `expected ${final.expected}`);
    if (final.error !== undefined) {
      this.explanation = final.error;
      return clientFault('server-refused', 'expected "v=", found "e=" (RFC 5802 §5.1)');
    }
    if (!equalSecrets(final.signature, signature)) {
      return clientFault('server-not-proven', 'expected the signature of a server that knows the password (RFC 5802 §3)');
    }
    this.#awaited = { type: 'nothing' };
    return { type: 'response', octets: EMPTY };
  }
}
