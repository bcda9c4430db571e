// The exchanges of SASL (RFC 4422 §3), as SMTP carries them (RFC 4954 §4): what both sides of one say and are asked.
//
// Octets in, octets out: base 64, "334 ", "*" and "=" are the session's. Nothing here looks anything up, waits, draws a random
// number or computes a hash. Quick hashes, nonces and challenges are arguments; a look-up and a slow hash are questions, to
// which the answer may come whenever it likes.
//
// Rule 1: No octets of the peer throw; an answer that does not fit the question does (UsageError).
// Rule 2: No secret stands in a fault or in a failure.

/** A mechanism of SASL that this program knows. */
export type MechanismName = 'SCRAM-SHA-256-PLUS' | 'SCRAM-SHA-256' | 'OAUTHBEARER' | 'XOAUTH2' | 'CRAM-MD5' | 'PLAIN' | 'LOGIN';

/** The quick hashes that the mechanisms are made of. */
export interface Hash {
  readonly sha256: (octets: Uint8Array) => Uint8Array;
  readonly hmacSha256: (key: Uint8Array, octets: Uint8Array) => Uint8Array;
  readonly hmacMd5: (key: Uint8Array, octets: Uint8Array) => Uint8Array;
}

/** What only one TLS channel has, on both ends of it (RFC 5056; `tls-exporter` of RFC 9266). */
export interface ChannelBinding {
  readonly name: string;
  readonly data: Uint8Array;
}

/** What is stored of a password for SCRAM-SHA-256 (RFC 5802 §2.1, authentication information). */
export interface ScramCredential {
  readonly type: 'scram-sha-256';
  /** `i` of SaltedPassword = Hi(password, salt, i), which is PBKDF2 with HMAC-SHA-256: 4096 at least (RFC 7677 §4). */
  readonly iterations: number;
  readonly salt: Uint8Array;
  /** SHA-256 of HMAC(SaltedPassword, "Client Key"): 32 octets. */
  readonly storedKey: Uint8Array;
  /** HMAC(SaltedPassword, "Server Key"): 32 octets. */
  readonly serverKey: Uint8Array;
}

// ---- the server's side

/**
 * What AUTH asks the application: whether a password or token is right, or what is kept of a user's. Names are prepared (RFC 4013), and so is the password.
 *
 *   password    whether this is the user's                     PLAIN, LOGIN: 'yes' or 'no'
 *   credential  what is stored of the user's password          SCRAM: 'credential' or 'no'
 *   secret      the user's password in the clear, as octets    CRAM-MD5: 'secret' or 'no'
 *   token       whose it is                                    OAUTHBEARER, XOAUTH2: 'identity' or 'no'
 *   authority   whether the one may act as the other           where a client asks for it: 'yes' or 'no'
 */
export type AuthQuestion =
  | { readonly type: 'password'; readonly mechanism: MechanismName; readonly authcid: string; readonly password: string }
  | { readonly type: 'credential'; readonly mechanism: MechanismName; readonly authcid: string }
  | { readonly type: 'secret'; readonly mechanism: MechanismName; readonly authcid: string }
  | {
      readonly type: 'token';
      readonly mechanism: MechanismName;
      readonly token: string;
      /** Whom the client wants to be: `a=` of OAUTHBEARER, `user=` of XOAUTH2. */
      readonly authzid: string | undefined;
      readonly host: string | undefined;
      readonly port: number | undefined;
    }
  | { readonly type: 'authority'; readonly mechanism: MechanismName; readonly authcid: string; readonly authzid: string };

/**
 * What the application answers to a question about AUTH; `AuthQuestion` says which answer fits which.
 *
 *   no    wrong, unknown, or not allowed: 535 5.7.8; `error` goes to a client with a bad token (RFC 7628 §3.2.2)
 *
 * Those of `Refusal` fit every question.
 */
export type AuthAnswer =
  | { readonly type: 'yes' }
  | { readonly type: 'credential'; readonly credential: ScramCredential }
  | { readonly type: 'secret'; readonly secret: Uint8Array }
  | { readonly type: 'identity'; readonly authcid: string }
  | { readonly type: 'no'; readonly error?: Readonly<Record<string, string>>; readonly text?: string }
  | Refusal;

/**
 * Answers that fit every question (RFC 4954 §6). `text` takes the place of the reply's own; it must not tell what the client is not to know.
 *
 *   unavailable  454 4.7.0   cannot be known now
 *   transition   432 4.7.12  this user has to authenticate with PLAIN once, for this mechanism to work
 *   too-weak     534 5.7.9   this user may not use this mechanism
 *   needs-tls    538 5.7.11  this user may use it under TLS only
 */
export type Refusal = {
  readonly type: 'unavailable' | 'transition' | 'too-weak' | 'needs-tls';
  readonly text?: string;
};

const REFUSALS = ['unavailable', 'transition', 'too-weak', 'needs-tls'] as const satisfies readonly Refusal['type'][];

/** Tells whether the answer refuses whatever was asked. */
export function isRefusal(answer: AuthAnswer): answer is Refusal {
  return (REFUSALS as readonly string[]).includes(answer.type);
}

/** The answers that fit a question. */
export const ANSWERS: Readonly<Record<AuthQuestion['type'], readonly AuthAnswer['type'][]>> = {
  password:   ['yes', 'no', ...REFUSALS],
  credential: ['credential', 'no', ...REFUSALS],
  secret:     ['secret', 'no', ...REFUSALS],
  token:      ['identity', 'no', ...REFUSALS],
  authority:  ['yes', 'no', ...REFUSALS],
};

/**
 * Why a client is not authenticated, with the reply that RFC 4954 has for it.
 *
 *   malformed         501 5.5.2  a response that its mechanism does not know
 *   initial-response  501 5.7.0  one where the server begins (§4)
 *   credentials       535 5.7.8  unknown user, wrong password, bad token: not told apart
 *   authority         535 5.7.8  authenticated, but may not act as the authzid
 *   channel-binding   535 5.7.8  someone stands between (RFC 5802 §6)
 *
 * The others are answers that refuse, with the reply that these have.
 */
export type FailureReason = 'malformed' | 'initial-response' | 'credentials' | 'authority' | 'channel-binding' | Refusal['type'];

/** An exchange that came to nothing. */
export type Failure = {
  readonly type: 'failure';
  readonly reason: FailureReason;
  /** For the log: what was expected, by which rule. */
  readonly detail: string;
  /** For the client, in place of the reply's own text. */
  readonly text?: string;
};

/** Who the client is (authcid), and as whom it acts (authzid): the same, unless it named another. */
export interface Identity {
  readonly authcid: string;
  readonly authzid: string;
}

/** What an exchange of the server does next: it sends a challenge, asks the application, or has ended. */
export type ServerStep =
  | { readonly type: 'challenge'; readonly octets: Uint8Array }
  | { readonly type: 'ask'; readonly question: AuthQuestion }
  | { readonly type: 'success'; readonly identity: Identity }
  | Failure;

export function failure(reason: FailureReason, detail: string): Failure {
  return { type: 'failure', reason, detail };
}

// ---- the client's side

export type ClientFaultCode =
  | 'unsuitable' //         the mechanism cannot carry this name, secret or authzid
  | 'malformed' //          a challenge that the mechanism does not know
  | 'unexpected' //         a challenge where none was due
  | 'nonce' //              not the client's own nonce, made longer (RFC 5802 §5.1)
  | 'iterations' //         too few to protect the password, or so many that they are an attack (RFC 5802 §9)
  | 'server-refused' //     e= (RFC 5802 §5.1)
  | 'server-not-proven'; // the server does not know the password (RFC 5802 §3)

/** Why the client ends the exchange, with `*`. */
export interface ClientFault {
  readonly type: 'fault';
  readonly fault: ClientFaultCode;
  readonly detail: string;
}

export type ClientStep =
  | { readonly type: 'response'; readonly octets: Uint8Array }
  | { readonly type: 'ask'; readonly question: DeriveQuestion }
  | ClientFault;

/** Asks for Hi(password, salt, iterations) of RFC 5802 §2.2: PBKDF2 with HMAC-SHA-256, 32 octets. */
export interface DeriveQuestion {
  readonly type: 'derive';
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
  readonly iterations: number;
}

export interface ClientExchange {
  /** Goes with the AUTH command; undefined where the server begins. If it does not fit there, it answers the empty challenge. */
  readonly initial: Uint8Array | undefined;
  /** Answers a challenge. */
  next(challenge: Uint8Array): ClientStep;
  /** Takes what 'derive' asked for. */
  answer(derived: Uint8Array): ClientStep;
  /** Whether the server may say 235 now. One that says so before is not the server that knows the password. */
  readonly complete: boolean;
  /** What the server said of its refusal, as it said it: for the log, to be quoted. */
  readonly explanation: string | undefined;
}

export function clientFault(fault: ClientFaultCode, detail: string): ClientFault {
  return { type: 'fault', fault, detail };
}
