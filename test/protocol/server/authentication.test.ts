import { describe, expect, it } from 'vitest';
import { MOST_AUTH_FAILURES } from '../../../src/protocol/limit.ts';
import { Authentication, mechanismsOffered } from '../../../src/protocol/server/authentication.ts';
import type { AuthTurn } from '../../../src/protocol/server/authentication.ts';
import { decodeBase64, encodeBase64 } from '../../../src/wire/base64.ts';
import { UsageError } from '../../../src/wire/usage.ts';
import { octetsOf, textOf } from '../../wire/every.ts';
import { ANY_AUTH, plain } from '../../support/server-dialogue.ts';

const base64 = (text: string): string => encodeBase64(octetsOf(text));
const failure = (reply: string, last = false): AuthTurn => ({ type: 'failure', why: expect.anything() as unknown, reply, last }) as AuthTurn; // the name is one of the table's

describe('the mechanisms that may be used (RFC 4954 §4)', () => {
  const { mechanisms, begin } = ANY_AUTH;

  it('are those that do not show the secret, and all under TLS', () => {
    expect(mechanismsOffered({ mechanisms, begin }, false, false)).toEqual(['CRAM-MD5', 'SCRAM-SHA-256']);
    expect(mechanismsOffered({ mechanisms, begin }, true, false)).toEqual(mechanisms);
    expect(mechanismsOffered({ mechanisms, begin, clearText: true }, false, false)).toEqual(mechanisms);
    expect(mechanismsOffered(undefined, true, false)).toEqual([]);
  });

  it('are none for a client that is authenticated, which is so until it is forgotten', () => {
    const authentication = new Authentication(ANY_AUTH);
    authentication.begin('PLAIN', plain('alice', 'secret'));
    expect(authentication.answer({ type: 'yes' })).toEqual({ type: 'success' });
    expect(authentication.identity).toEqual({ authcid: 'alice', authzid: 'alice' });
    authentication.forget();
    expect(authentication.identity).toBeUndefined();
    expect(mechanismsOffered(ANY_AUTH, true, true)).toEqual([]);
  });
});

describe('an exchange (RFC 4954 §4)', () => {
  // found by trying: the session fell over a line of its own, at what the client said
  it.each([undefined, null, {}, Promise.resolve(ANY_AUTH.begin('PLAIN'))])('is none where "begin" returns %j: UsageError', (exchange) => {
    const options = { ...ANY_AUTH, begin: () => exchange as ReturnType<typeof ANY_AUTH.begin> };
    expect(() => new Authentication(options).begin('PLAIN', undefined)).toThrow(new UsageError('begin must return what beginServerExchange() has returned, and no promise of it'));
  });

  it('is an empty challenge where the client begins and has not', () => {
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'OAUTHBEARER', 'XOAUTH2']) expect(new Authentication(ANY_AUTH).begin(mechanism, undefined)).toEqual({ type: 'challenge', text: '' });
  });

  it('is a challenge in base 64 where the server begins', () => {
    const turn = new Authentication(ANY_AUTH).begin('cram-md5', undefined);
    expect(turn.type === 'challenge' && textOf(decodeBase64(turn.text) ?? new Uint8Array())).toBe('<nonce@mx.example.com>');
  });

  it('asks the application, and never tells it what is not asked for', () => {
    const authentication = new Authentication(ANY_AUTH);
    expect(authentication.begin('PLAIN', plain('alice', 'secret', 'bob'))).toEqual({ type: 'ask', question: { type: 'password', mechanism: 'PLAIN', authcid: 'alice', password: 'secret' } });
    expect(authentication.answer({ type: 'yes' })).toEqual({ type: 'ask', question: { type: 'authority', mechanism: 'PLAIN', authcid: 'alice', authzid: 'bob' } });
    expect(authentication.identity).toBeUndefined();
    expect(authentication.answer({ type: 'yes' })).toEqual({ type: 'success' });
    expect(authentication.identity).toEqual({ authcid: 'alice', authzid: 'bob' });
  });

  it.each([
    ['of no mechanism', 'XYZZY', undefined, 'no such mechanism'],
    ['not in base 64', 'PLAIN', 'AAA', 'not base64'],
    ['not in base 64', 'PLAIN', '=', 'response malformed'], // but the empty response
    ['not in base 64', 'PLAIN', '==', 'not base64'],
    ['not in base 64', 'PLAIN', 'AAA=AAAA', 'not base64'],
    ['with something behind the padding', 'PLAIN', 'AAA=A', 'not base64'],
    ['with bits behind the end', 'PLAIN', 'AAB=', 'not base64'],
    ['where the server begins', 'CRAM-MD5', base64('x'), 'initial response'],
    ['of nothing where the server begins', 'CRAM-MD5', '=', 'initial response'],
    ['that PLAIN does not know', 'PLAIN', base64('alice'), 'response malformed'],
    ['that LOGIN does not know', 'LOGIN', '=', 'response malformed'],
    ['that SCRAM does not know', 'SCRAM-SHA-256', base64('alice'), 'response malformed'],
    ['that binds a channel under the plain name', 'SCRAM-SHA-256', base64('p=tls-exporter,,n=a,r=b'), 'bad credentials'],
  ] as const)('fails with an initial response %s: AUTH %s %s', (_, mechanism, response, reply) => {
    expect(new Authentication(ANY_AUTH).begin(mechanism, response)).toEqual(failure(reply));
  });

  it.each([
    ['*', false, 'auth cancelled'],
    ['**', false, 'not base64'],
    ['=', false, 'not base64'],
    ['AAA', false, 'not base64'],
    [' AAAA', false, 'not base64'],
    ['AAAA', true, 'response too long'],
    ['*', true, 'response too long'],
    [undefined, false, 'not base64'],
    ['', false, 'response malformed'],
  ] as const)('fails with the response %j, too long: %j', (line, tooLong, reply) => {
    const authentication = new Authentication(ANY_AUTH);
    authentication.begin('PLAIN', undefined);
    expect(authentication.respond(line, tooLong)).toEqual(failure(reply));
  });

  it('fails as the answer has it', () => {
    const answered = (answer: 'no' | 'unavailable'): AuthTurn => {
      const authentication = new Authentication(ANY_AUTH);
      authentication.begin('PLAIN', plain('alice', 'secret'));
      return authentication.answer({ type: answer });
    };
    expect(answered('no')).toEqual(failure('bad credentials'));
    expect(answered('unavailable')).toEqual(failure('auth unavailable'));
  });

  it('tells why it failed, and who the client says it is, once it has said so', () => {
    const authentication = new Authentication(ANY_AUTH);
    const why = (turn: AuthTurn): unknown => (turn.type === 'failure' ? [turn.why.reason, turn.why.authcid] : turn.type);
    const scram = (proof: string): AuthTurn => {
      authentication.begin('SCRAM-SHA-256', base64('n,,n=alice,r=abc'));
      const challenge = authentication.answer({ type: 'no' }); // a decoy
      const nonce = challenge.type === 'challenge' ? /r=[^,]+/.exec(textOf(decodeBase64(challenge.text) ?? new Uint8Array()))?.[0] : undefined;
      return authentication.respond(base64(`c=biws,${nonce},p=${proof}`), false);
    };
    expect(why(authentication.begin('PLAIN', 'AAA'))).toEqual(['malformed', undefined]);
    authentication.begin('PLAIN', plain('alice', 'secret'));
    expect(why(authentication.answer({ type: 'no' }))).toEqual(['credentials', 'alice']);
    expect(why(authentication.begin('PLAIN', 'AAA'))).toEqual(['malformed', undefined]); // of another exchange
    authentication.begin('PLAIN', plain('alice', 'secret', 'bob'));
    authentication.answer({ type: 'yes' });
    expect(why(authentication.answer({ type: 'no' }))).toEqual(['authority', 'alice']);
    authentication.begin('LOGIN', base64('carol'));
    expect(why(authentication.respond('*', false))).toEqual(['cancelled', undefined]); // nobody has been asked about her
    expect(why(scram(encodeBase64(new Uint8Array(32))))).toEqual(['credentials', 'alice']); // of this the session alone judges
    expect(why(scram('AAA'))).toEqual(['malformed', 'alice']);
  });

  it('leaves nothing behind when it fails', () => {
    const authentication = new Authentication(ANY_AUTH);
    authentication.begin('LOGIN', base64('alice'));
    authentication.respond('*', false);
    authentication.begin('LOGIN', undefined);
    expect(authentication.respond(base64('bob'), false)).toEqual({ type: 'challenge', text: base64('Password:') });
    expect(authentication.respond(base64('secret'), false)).toMatchObject({ type: 'ask', question: { authcid: 'bob' } });
  });
});

describe('failures (RFC 4954 §9)', () => {
  it(`are the last behind ${MOST_AUTH_FAILURES} others, whatever they are, and success does not count`, () => {
    const authentication = new Authentication(ANY_AUTH);
    const fail = (): AuthTurn => authentication.begin('PLAIN', 'AAA');
    for (let count = 0; count < MOST_AUTH_FAILURES; count++) expect(fail()).toEqual(failure('not base64'));
    authentication.begin('PLAIN', plain('alice', 'secret'));
    expect(authentication.answer({ type: 'yes' })).toEqual({ type: 'success' });
    expect(fail()).toEqual(failure('not base64', true));
    expect(MOST_AUTH_FAILURES).toBeGreaterThanOrEqual(3);
  });

  it('are remembered over TLS', () => {
    const authentication = new Authentication(ANY_AUTH);
    for (let count = 0; count < MOST_AUTH_FAILURES; count++) authentication.begin('PLAIN', 'AAA');
    authentication.forget();
    expect(authentication.begin('PLAIN', 'AAA')).toEqual(failure('not base64', true));
  });
});
