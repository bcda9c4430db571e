// OAUTHBEARER (RFC 7628) and XOAUTH2 (its forerunner, as Google and Microsoft document it): a bearer token instead of a password.
//
// The token itself goes over the wire: with TLS only. What it is worth, and whose it is, the application has to know.
// A refusal is explained first, by a challenge with JSON, to which the client has to respond before it is told 535 (§3.2.2, §3.2.3).
// Left out: the discovery of an authorization server by an empty token (§4.3); such a message is malformed here.

import { EMPTY } from '../../wire/octet.ts';
import { UsageError } from '../../wire/usage.ts';
import { decodeUtf8, encodeUtf8 } from '../../wire/utf8.ts';
import { clientFault, failure, type AuthAnswer, type ClientExchange, type ClientFault, type ClientStep } from './exchange.ts';
import { formatGs2Header, readGs2Header } from './gs2.ts';
import { prepare } from './prepare.ts';
import type { MechanismStep, ServerMechanism } from './server-exchange.ts';

export type OAuthMechanism = 'OAUTHBEARER' | 'XOAUTH2';

export interface TokenMessage {
  readonly authzid: string | undefined;
  readonly token: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
}

const SEPARATOR = '\x01'; // §3.1 kvsep

interface Form {
  readonly expected: string;
  readonly format: (message: TokenMessage) => string;
  readonly parse: (text: string) => TokenMessage | undefined;
  /** What a client has to say to an error. */
  readonly acknowledgement: Uint8Array;
  /** What a refused client is told, if the application has nothing else to say. */
  readonly error: Readonly<Record<string, string>>;
}

const FORMS: Readonly<Record<OAuthMechanism, Form>> = {
  OAUTHBEARER: {
    expected: 'gs2-header, kvsep, "auth=Bearer" token and other pairs, kvsep (RFC 7628 §3.1)',
    format: formatBearer,
    parse: parseBearer,
    acknowledgement: Uint8Array.of(0x01),
    error: { status: 'invalid_token' },
  },
  XOAUTH2: {
    expected: '"user=" user ^A "auth=Bearer" token ^A ^A',
    format: ({ authzid = '', token }) => `user=${authzid}\x01auth=Bearer ${token}\x01\x01`,
    parse: parseXoauth2,
    acknowledgement: EMPTY,
    error: { status: '401', schemes: 'bearer' },
  },
};

/** Returns what the message says; undefined where it does not follow its mechanism. */
export function parseTokenMessage(mechanism: OAuthMechanism, octets: Uint8Array): TokenMessage | undefined {
  return FORMS[mechanism].parse(decodeUtf8(octets) ?? '');
}

/** Returns the message. XOAUTH2 has no place for host and port. */
export function formatTokenMessage(mechanism: OAuthMechanism, message: TokenMessage): Uint8Array {
  return encodeUtf8(FORMS[mechanism].format(message));
}

function formatBearer({ authzid, token, host, port }: TokenMessage): string {
  const pairs = [
    ...(host === undefined ? [] : [`host=${host}`]),
    ...(port === undefined ? [] : [`port=${port}`]),
    `auth=Bearer ${token}`,
  ];
  return [formatGs2Header({ type: 'n' }, authzid), ...pairs, '', ''].join(SEPARATOR);
}

function parseBearer(text: string): TokenMessage | undefined {
  const gs2 = readGs2Header(text);
  // §3.1: there is no -PLUS, so no channel is bound.
  if (gs2 === undefined || gs2.flag.type === 'p' || !text.startsWith(SEPARATOR, gs2.text.length) || !text.endsWith(SEPARATOR + SEPARATOR)) return undefined;
  const pairs = new Map<string, string>();
  for (const pair of text.slice(gs2.text.length + 1, -2).split(SEPARATOR)) {
    const [, key, value] = /^([A-Za-z]+)=([\t\n\r\x20-\x7e]*)$/.exec(pair) ?? [];
    if (key === undefined || value === undefined || pairs.has(key)) return undefined;
    pairs.set(key, value);
  }
  const token = parseAuth(pairs.get('auth'));
  const port = pairs.get('port');
  if (token === undefined || (port !== undefined && (!/^[0-9]{1,5}$/.test(port) || Number(port) > 0xffff))) return undefined;
  return { authzid: gs2.authzid, token, host: pairs.get('host'), port: port === undefined ? undefined : Number(port) };
}

function parseXoauth2(text: string): TokenMessage | undefined {
  const [, authzid, auth] = /^user=([^\x01]+)\x01auth=([^\x01]*)\x01\x01$/.exec(text) ?? [];
  const token = parseAuth(auth);
  return authzid === undefined || token === undefined ? undefined : { authzid, token, host: undefined, port: undefined };
}

/** RFC 6750 §2.1: the scheme, whose case does not matter, and a b64token. */
function parseAuth(value: string | undefined): string | undefined {
  return /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(value ?? '')?.[1];
}

export class OAuthServer implements ServerMechanism {
  readonly mechanism: OAuthMechanism;
  #authzid: string | undefined;
  #refused = false;

  constructor(mechanism: OAuthMechanism) {
    this.mechanism = mechanism;
  }

  respond(response: Uint8Array | undefined): MechanismStep {
    if (this.#refused) return failure('credentials', 'the token was refused'); // whatever the client says to the error
    if (response === undefined) return { type: 'challenge', octets: EMPTY };
    const message = parseTokenMessage(this.mechanism, response);
    const authzid = message?.authzid === undefined ? undefined : prepare(message.authzid, 'query');
    if (message === undefined || (message.authzid !== undefined && authzid === undefined)) return failure('malformed', `expected ${FORMS[this.mechanism].expected}`);
    this.#authzid = authzid;
    const { token, host, port } = message;
    return { type: 'ask', question: { type: 'token', mechanism: this.mechanism, token, authzid, host, port } };
  }

  answer(answer: AuthAnswer): MechanismStep {
    if (answer.type === 'identity') return { type: 'verified', authcid: answer.authcid, authzid: this.#authzid };
    const { error } = FORMS[this.mechanism];
    this.#refused = true;
    return { type: 'challenge', octets: encodeUtf8(JSON.stringify(answer.type === 'no' ? (answer.error ?? error) : error)) };
  }
}

/** Begins OAUTHBEARER or XOAUTH2. The latter needs an authzid: whose mailbox it is. */
export function beginOAuth(mechanism: OAuthMechanism, message: TokenMessage): ClientExchange | ClientFault {
  const initial = formatTokenMessage(mechanism, message);
  if (parseTokenMessage(mechanism, initial) === undefined) return clientFault('unsuitable', `expected what makes ${FORMS[mechanism].expected}`);
  return new OAuthClient(initial, FORMS[mechanism].acknowledgement);
}

class OAuthClient implements ClientExchange {
  readonly initial: Uint8Array;
  complete = true;
  explanation: string | undefined;
  readonly #acknowledgement: Uint8Array;

  constructor(initial: Uint8Array, acknowledgement: Uint8Array) {
    this.initial = initial;
    this.#acknowledgement = acknowledgement;
  }

  next(challenge: Uint8Array): ClientStep {
    if (this.explanation !== undefined) return clientFault('unexpected', 'expected no challenge behind an error (RFC 7628 §3.2.3)');
    this.explanation = decodeUtf8(challenge) ?? '';
    this.complete = false;
    return { type: 'response', octets: this.#acknowledgement };
  }

  answer(): ClientStep {
    throw new UsageError('no question is open');
  }
}
