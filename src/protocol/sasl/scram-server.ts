// The server of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677; tls-exporter: RFC 9266).
//
// Choice: failures are not told with `e=`, which RFC 5802 §5.1 leaves open: 535 says as much, and a round earlier.
// Choice: a client that binds the channel says so in the mechanism's name too; `p=` under the plain name is refused.

import { encodeAscii } from '../../wire/ascii.ts';
import { concat, EMPTY, equal } from '../../wire/octet.ts';
import { UsageError } from '../../wire/usage.ts';
import { encodeUtf8 } from '../../wire/utf8.ts';
import { failure, type AuthAnswer, type ChannelBinding, type Failure, type Hash, type ScramCredential } from './exchange.ts';
import type { Gs2Flag } from './gs2.ts';
import { prepare } from './prepare.ts';
import { authMessage, decoyCredential, type Decoy, isProof } from './scram-key.ts';
import { type ClientFirst, formatServerFinal, formatServerFirst, isNonce, parseClientFinal, parseClientFirst } from './scram-message.ts';
import type { MechanismStep, ServerMechanism } from './server-exchange.ts';

export interface ScramServerOptions {
  readonly hash: Hash;
  /** Printable, without commas, new and unpredictable each time: at least 18 random octets in base 64. */
  readonly nonce: string;
  readonly decoy: Decoy;
  /** That of this connection, where -PLUS is offered on it. */
  readonly channelBinding: ChannelBinding | undefined;
}

/** What is awaited, with what is known by then. */
type Awaited =
  | { readonly type: 'client-first' }
  | { readonly type: 'credential'; readonly first: ClientFirst; readonly authcid: string }
  | ClientFinalAwaited;

interface ClientFinalAwaited {
  readonly type: 'client-final';
  readonly first: ClientFirst;
  readonly authcid: string;
  readonly nonce: string; // of both sides
  readonly serverFirst: string;
  readonly credential: ScramCredential;
  readonly known: boolean; // false: the credential is a decoy
}

export class ScramServer implements ServerMechanism {
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS';
  readonly #options: ScramServerOptions;
  #awaited: Awaited = { type: 'client-first' };

  constructor(mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS', options: ScramServerOptions) {
    if (!isNonce(options.nonce)) throw new UsageError('a nonce of SCRAM is printable ASCII without a comma');
    if (mechanism === 'SCRAM-SHA-256-PLUS' && options.channelBinding === undefined) throw new UsageError('SCRAM-SHA-256-PLUS needs a channel binding');
    this.mechanism = mechanism;
    this.#options = options;
  }

  respond(response: Uint8Array | undefined): MechanismStep {
    if (response === undefined) return { type: 'challenge', octets: EMPTY };
    return this.#awaited.type === 'client-final' ? this.#final(response, this.#awaited) : this.#first(response);
  }

  answer(answer: AuthAnswer): MechanismStep {
    if (this.#awaited.type !== 'credential') throw new UsageError('no credential was asked for');
    const { hash, nonce: own, decoy } = this.#options;
    const { first, authcid } = this.#awaited;
    const known = answer.type === 'credential';
    const unknown = decoyCredential(authcid, decoy, hash); // made for everybody: its five hashes would tell who exists
    const credential = known ? answer.credential : unknown;
    const nonce = first.nonce + own;
    const serverFirst = formatServerFirst({ nonce, salt: credential.salt, iterations: credential.iterations });
    this.#awaited = { type: 'client-final', first, authcid, nonce, serverFirst, credential, known };
    return { type: 'challenge', octets: encodeAscii(serverFirst) };
  }

  #first(response: Uint8Array): MechanismStep {
    const first = parseClientFirst(response);
    if (first.type === 'malformed') return failure('malformed', `expected ${first.expected}`);
    const refusal = this.#refuseBinding(first.gs2.flag);
    if (refusal !== undefined) return refusal;
    const authcid = prepare(first.name, 'query'); // for the look-up; what is signed is the name as it came (§5.1)
    if (authcid === undefined) return failure('malformed', 'expected a name that SASLprep permits (RFC 5802 §5.1)');
    this.#awaited = { type: 'credential', first, authcid };
    return { type: 'ask', question: { type: 'credential', mechanism: this.mechanism, authcid } };
  }

  /** §6: what the client believes of channel binding must be what is so, or someone has changed it on the way. */
  #refuseBinding(flag: Gs2Flag): Failure | undefined {
    const { channelBinding } = this.#options;
    const plus = this.mechanism === 'SCRAM-SHA-256-PLUS';
    switch (flag.type) {
      case 'n':
        return plus ? failure('channel-binding', 'expected "p=" with -PLUS (RFC 5802 §6)') : undefined;
      case 'y':
        if (!plus && channelBinding === undefined) return undefined;
        return failure('channel-binding', 'the client saw no -PLUS, which is offered: a downgrade (RFC 5802 §6)');
      case 'p':
        if (!plus) return failure('channel-binding', 'expected no "p=" without -PLUS (RFC 5802 §6)');
        if (flag.name === channelBinding?.name) return undefined;
        return failure('channel-binding', 'expected a type of channel binding that is supported (RFC 5802 §6)');
      default:
        return flag satisfies never;
    }
  }

  #final(response: Uint8Array, { first, authcid, nonce, serverFirst, credential, known }: ClientFinalAwaited): MechanismStep {
    const final = parseClientFinal(response);
    if (final.type === 'malformed') return failure('malformed', `expected ${final.expected}`);
    if (final.nonce !== nonce) return failure('credentials', 'expected the nonce of the server (RFC 5802 §5.1)');
    const data = first.gs2.flag.type === 'p' ? (this.#options.channelBinding?.data ?? EMPTY) : EMPTY;
    if (!equal(final.channelBinding, concat([encodeUtf8(first.gs2.text), data]))) {
      return failure('channel-binding', 'expected the GS2 header again, and the binding of this channel (RFC 5802 §6)');
    }
    const { hash } = this.#options;
    const message = authMessage(first.bare, serverFirst, final.withoutProof);
    // Both are looked at, so that an unknown user takes as long as a known one.
    const proven = isProof(final.proof, credential, message, hash);
    if (!proven || !known) return failure('credentials', 'unknown user or wrong password');
    const last = encodeAscii(formatServerFinal(hash.hmacSha256(credential.serverKey, message)));
    return { type: 'verified', authcid, authzid: first.gs2.authzid, last };
  }
}
