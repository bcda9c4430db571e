// A server and a client of one mechanism, run against each other, with real hashes and an application that knows some users.

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { expect } from 'vitest';
import { HASH } from '../../../src/node/credential.ts';
import type { AuthAnswer, AuthQuestion, ChannelBinding, ClientExchange, ClientFault, Hash, MechanismName, ServerStep } from '../../../src/protocol/sasl/exchange.ts';
import { beginClientExchange, beginServerExchange, type ClientSecret } from '../../../src/protocol/sasl/mechanism.ts';
import { scramCredential } from '../../../src/protocol/sasl/scram-key.ts';
import type { ServerExchange } from '../../../src/protocol/sasl/server-exchange.ts';
import { decodeUtf8, encodeUtf8 } from '../../../src/wire/utf8.ts';

/** The hashes of SCRAM-SHA-1, under the names of those that it differs in. */
export const SHA_1: Hash = {
  sha256: (octets) => createHash('sha1').update(octets).digest(),
  hmacSha256: (key, octets) => createHmac('sha1', key).update(octets).digest(),
  hmacMd5: HASH.hmacMd5,
};

export const DECOY = { secret: encodeUtf8('only the server knows'), iterations: 4096 };

export const SALT = encodeUtf8('sixteen octets..');

export const PASSWORDS: Readonly<Record<string, string>> = { user: 'pencil', tim: 'tanstaaftanstaaf', 'a,b=c': 'IX', 'jürgen': 'pässword', x: 'y' };

/** Answers as an application would that knows PASSWORDS, a token, and that `tim` may act as `user`. */
export function answerTo(question: AuthQuestion): AuthAnswer {
  const password = 'authcid' in question ? PASSWORDS[question.authcid] : undefined;
  switch (question.type) {
    case 'password': return password === question.password ? { type: 'yes' } : { type: 'no' };
    case 'secret': return password === undefined ? { type: 'no' } : { type: 'secret', secret: encodeUtf8(password) };
    case 'credential': return password === undefined ? { type: 'no' } : { type: 'credential', credential: scramCredential(saltedPassword(password), SALT, 4096, HASH) };
    case 'token': return question.token === 'good' ? { type: 'identity', authcid: 'tim' } : { type: 'no' };
    case 'authority': return question.authcid === 'tim' && question.authzid === 'user' ? { type: 'yes' } : { type: 'no' };
  }
}

export function saltedPassword(password: string, salt = SALT, iterations = 4096): Uint8Array {
  return derived(encodeUtf8(password), salt, iterations);
}

/** The answers that were given: they take long by intent, and the same questions come again and again. */
const known = new Map<string, Uint8Array>();

function derived(password: Uint8Array, salt: Uint8Array, iterations: number): Uint8Array {
  const question = [password.join(), salt.join(), iterations].join(' ');
  const answer = known.get(question) ?? pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  known.set(question, answer);
  return answer.slice();
}

export interface PairOptions {
  readonly binding?: ChannelBinding; // of the client
  readonly serverBinding?: ChannelBinding;
  /** Changes what goes from one side to the other. */
  readonly tamper?: (octets: Uint8Array, turn: number) => Uint8Array;
  /** The initial response goes with AUTH. */
  readonly initial?: boolean;
  readonly answer?: (question: AuthQuestion) => AuthAnswer;
}

/** Returns how the exchange ended, for the server and for the client. */
export function runPair(name: MechanismName, secret: ClientSecret, options: PairOptions = {}): { readonly server: ServerStep; readonly client: ClientExchange | ClientFault; readonly fault?: ClientFault } {
  const { binding, serverBinding = binding, tamper = (octets) => octets, initial = true, answer = answerTo } = options;
  const nonce = 'c'.repeat(24);
  const client = beginClientExchange(name, { secret, hash: HASH, nonce, ...(binding === undefined ? {} : { channelBinding: binding }) });
  const server = beginServerExchange(name, {
    hash: HASH,
    nonce: 's'.repeat(24),
    hostname: 'mx.example',
    decoy: DECOY,
    ...(serverBinding === undefined ? {} : { channelBinding: serverBinding }),
  });
  if ('type' in client) return { server: { type: 'failure', reason: 'unavailable', detail: 'never begun' }, client, fault: client };

  let turn = 0;
  let step = settle(server, server.next(initial && client.initial !== undefined ? tamper(client.initial, turn++) : undefined), answer);
  if (!initial && client.initial !== undefined) {
    expect(step).toEqual({ type: 'challenge', octets: new Uint8Array(0) });
    step = settle(server, server.next(tamper(client.initial, turn++)), answer);
  }
  while (step.type === 'challenge') {
    const asked = client.next(tamper(step.octets, turn++));
    const response = asked.type === 'ask' ? client.answer(derived(asked.question.password, asked.question.salt, asked.question.iterations)) : asked;
    if (response.type === 'fault') return { server: step, client, fault: response };
    if (response.type === 'ask') throw new Error('asked twice');
    step = settle(server, server.next(tamper(response.octets, turn++)), answer);
  }
  return { server: step, client };
}

function settle(server: ServerExchange, step: ServerStep, answer: (question: AuthQuestion) => AuthAnswer): ServerStep {
  let settled = step;
  while (settled.type === 'ask') settled = server.answer(answer(settled.question));
  return settled;
}

/** The step with its octets as text. */
export function shown(step: ServerStep | { readonly type: string }): unknown {
  return 'octets' in step ? { ...step, octets: decodeUtf8(step.octets as Uint8Array) } : step;
}
