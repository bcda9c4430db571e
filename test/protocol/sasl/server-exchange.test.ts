import { describe, expect, it } from 'vitest';
import { HASH } from '../../../src/node/credential.ts';
import { ANSWERS, type AuthAnswer, type MechanismName } from '../../../src/protocol/sasl/exchange.ts';
import { beginClientExchange, beginServerExchange, MECHANISMS } from '../../../src/protocol/sasl/mechanism.ts';
import { EXCHANGE_EDGES, type ServerExchange } from '../../../src/protocol/sasl/server-exchange.ts';
import { UsageError } from '../../../src/wire/usage.ts';
import { randomOf, seeds } from '../../support/random.ts';
import { octetsOf } from '../../wire/every.ts';
import { answerTo, DECOY, saltedPassword } from './pair.ts';

const NAMES = Object.keys(MECHANISMS) as MechanismName[];
const BINDING = { name: 'tls-exporter', data: octetsOf('channel') };
const begin = (name: MechanismName): ServerExchange => beginServerExchange(name, { hash: HASH, nonce: 'nonce', hostname: 'mx.example', decoy: DECOY, ...(name.endsWith('-PLUS') ? { channelBinding: BINDING } : {}) });

describe('the beginning of an exchange', () => {
  const options = { hash: HASH, nonce: 'nonce', hostname: 'mx.example', decoy: DECOY };
  it.each<[string, MechanismName, object | undefined]>([
    ['a mechanism is one of SCRAM-SHA-256-PLUS, SCRAM-SHA-256, CRAM-MD5, PLAIN, LOGIN, OAUTHBEARER, XOAUTH2, not "plain"', 'plain' as MechanismName, options],
    ['options must be an object, not undefined', 'PLAIN', undefined],
    ['hash must have sha256, hmacSha256, hmacMd5, functions of octets that return octets', 'PLAIN', { ...options, hash: { ...HASH, hmacMd5: undefined } }],
    ['nonce must be text that is new each time, not ""', 'PLAIN', { ...options, nonce: '' }],
    ['hostname must be text, not undefined', 'PLAIN', { ...options, hostname: undefined }],
    ['decoy must be { secret, iterations }, octets and a number, such as the decoy of Users', 'PLAIN', { ...options, decoy: { iterations: 4096 } }],
  ])('says: %s', (message, name, given) => {
    expect(() => beginServerExchange(name, given as typeof options)).toThrow(new UsageError(message));
  });
});

describe('an exchange', () => {
  it.each(NAMES)('of %s begins with a challenge where AUTH had no initial response', (name) => {
    expect(begin(name).next(undefined).type).toBe('challenge');
    expect(begin(name).next(undefined)).toMatchObject(MECHANISMS[name].begins === 'client' ? { octets: octetsOf('') } : { octets: expect.anything() as Uint8Array });
  });

  it.each(NAMES)('of %s tells an absent initial response from an empty one', (name) => {
    expect(begin(name).next(octetsOf('')).type).toBe('failure'); // none of these mechanisms has an empty first message
  });

  it.each(NAMES)('of %s is misused by an absent response later', (name) => {
    const exchange = begin(name);
    exchange.next(undefined);
    expect(() => exchange.next(undefined)).toThrow('only the initial response may be absent');
  });

  it('is misused by a response while a question is open', () => {
    const exchange = begin('PLAIN');
    exchange.next(octetsOf('\0tim\0x'));
    expect(() => exchange.next(octetsOf(''))).toThrow('a question is open');
  });

  it('is misused by an answer without a question', () => {
    const exchange = begin('PLAIN');
    expect(() => exchange.answer({ type: 'yes' })).toThrow('no question is open');
    exchange.next(octetsOf('\0tim\0x'));
    exchange.answer({ type: 'yes' });
    expect(() => exchange.answer({ type: 'yes' })).toThrow('no question is open');
  });

  it('is misused by anything behind its end', () => {
    const exchange = begin('PLAIN');
    exchange.next(octetsOf('\0'));
    expect(() => exchange.next(octetsOf(''))).toThrow('the exchange has ended');
  });

  it('takes the answers that fit the question, and no others', () => {
    const answers: readonly AuthAnswer[] = [
      { type: 'yes' },
      { type: 'no' },
      { type: 'unavailable' },
      { type: 'secret', secret: octetsOf('x') },
      { type: 'identity', authcid: 'tim' },
      { type: 'credential', credential: { type: 'scram-sha-256', iterations: 4096, salt: octetsOf('x'), storedKey: octetsOf('x'), serverKey: octetsOf('x') } },
    ];
    for (const [name, response] of [['PLAIN', '\0tim\0x'], ['SCRAM-SHA-256', 'n,,n=tim,r=x'], ['OAUTHBEARER', 'n,,\x01auth=Bearer x\x01\x01'], ['CRAM-MD5', `tim ${'0'.repeat(32)}`]] as const) {
      for (const answer of answers) {
        const exchange = begin(name);
        exchange.next(undefined);
        const asked = exchange.next(octetsOf(response));
        if (asked.type !== 'ask') throw new Error(name);
        if (ANSWERS[asked.question.type].includes(answer.type)) expect(exchange.answer(answer).type).toMatch(/challenge|success|failure/);
        else expect(() => exchange.answer(answer)).toThrow(`does not answer '${asked.question.type}'`);
      }
    }
  });

  it('does not ask whether someone may act as himself', () => {
    const exchange = begin('PLAIN');
    exchange.next(octetsOf('tim\0tim\0x'));
    expect(exchange.answer({ type: 'yes' })).toEqual({ type: 'success', identity: { authcid: 'tim', authzid: 'tim' } });
  });

  it('fails where it cannot be known whether someone may act as someone else', () => {
    const exchange = begin('PLAIN');
    exchange.next(octetsOf('user\0tim\0x'));
    expect(exchange.answer({ type: 'yes' })).toEqual({ type: 'ask', question: { type: 'authority', mechanism: 'PLAIN', authcid: 'tim', authzid: 'user' } });
    expect(exchange.answer({ type: 'unavailable' })).toMatchObject({ type: 'failure', reason: 'unavailable' });
  });

  it('can end from each of its turns, and from the end leads nowhere', () => {
    for (const [turn, to] of Object.entries(EXCHANGE_EDGES)) expect(to.includes('ended' as never)).toBe(turn !== 'ended');
  });
});

/** Messages of each kind, from which hostile ones are made. */
const SEEDS = [
  '', '\0tim\0tanstaaftanstaaf', 'user\0tim\0x', 'tim', 'n,,n=user,r=abc', 'y,,n=user,r=abc', 'p=tls-exporter,,n=user,r=abc', 'c=biws,r=abcnonce,p=AAAA', 'r=abcnonce,s=AAAA,i=4096', 'v=AAAA', 'e=other-error',
  'tim b913a602c7eda7a495b4e6e7334d3890', 'n,a=user,\x01auth=Bearer good\x01\x01', 'user=tim\x01auth=Bearer good\x01\x01', '\x01', '{"status":"401"}', '\xff\xfe', 'a'.repeat(9000), ','.repeat(9000), '\0'.repeat(9000), '='.repeat(9000), `n,,${'n=,'.repeat(3000)}`,
];

function mutate(seed: string, random: ReturnType<typeof randomOf>): Uint8Array {
  let text = seed;
  for (let count = random.below(4); count > 0; count--) {
    const at = random.below(text.length + 1);
    const put = random.chance(0.5) ? String.fromCharCode(random.below(256)) : random.pick([',', '=', '\0', '\x01', 'm=x,', 'r=', '\xc3\xbc']);
    text = text.slice(0, at) + put + text.slice(at + random.below(3));
  }
  return octetsOf(text);
}

describe('hostile octets', () => {
  it.each(NAMES)('never throw in a server of %s, and never let anyone in who knows no password', (name) => {
    for (const round of seeds(250)) {
      const random = randomOf(round);
      const exchange = begin(name);
      let step = exchange.next(random.chance(0.3) ? undefined : mutate(random.pick(SEEDS), random));
      for (let turns = 0; turns < 8 && step.type !== 'failure' && step.type !== 'success'; turns++) {
        step = step.type === 'ask' ? exchange.answer(step.question.type === 'password' || step.question.type === 'token' ? { type: 'no' } : answerTo(step.question)) : exchange.next(mutate(random.pick(SEEDS), random));
      }
      if (step.type === 'success' || step.type === 'challenge') expect({ round, step }).toBe('a failure');
    }
  });

  it.each(NAMES)('never throw in a client of %s, and never make it trust a server that knows no password', (name) => {
    const token = MECHANISMS[name].needs === 'token';
    for (const round of seeds(250)) {
      const random = randomOf(round);
      const client = beginClientExchange(name, {
        secret: token ? { type: 'token', token: 'good', authzid: 'tim' } : { type: 'password', authcid: 'user', password: 'pencil' },
        hash: HASH,
        nonce: 'abc',
        ...(name.endsWith('-PLUS') ? { channelBinding: BINDING } : {}),
      });
      if ('type' in client) throw new Error(client.detail);
      for (let turns = 0; turns < 4; turns++) {
        const step = client.next(mutate(random.pick(SEEDS), random));
        if (step.type === 'fault') break;
        if (step.type === 'ask') client.answer(SALTED);
      }
      if (name.startsWith('SCRAM') && client.complete) expect({ round }).toBe('not complete');
    }
  });
});

const SALTED = saltedPassword('pencil');
