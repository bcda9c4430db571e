import { pbkdf2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { HASH } from '../../../src/node/credential.ts';
import type { AuthAnswer, ChannelBinding, ClientExchange, Hash, ScramCredential, ServerStep } from '../../../src/protocol/sasl/exchange.ts';
import { beginScram, ITERATIONS } from '../../../src/protocol/sasl/scram-client.ts';
import { decoyCredential, SALT_OCTETS, scramCredential } from '../../../src/protocol/sasl/scram-key.ts';
import { ScramServer } from '../../../src/protocol/sasl/scram-server.ts';
import { ServerExchange } from '../../../src/protocol/sasl/server-exchange.ts';
import { decodeBase64 } from '../../../src/wire/base64.ts';
import { encodeUtf8 } from '../../../src/wire/utf8.ts';
import { octetsOf, textOf } from '../../wire/every.ts';
import { DECOY, runPair, SALT, saltedPassword, SHA_1, shown } from './pair.ts';

const USER = { type: 'password', authcid: 'user', password: 'pencil' } as const;
const BINDING: ChannelBinding = { name: 'tls-exporter', data: encodeUtf8('thirty-two octets of this channel') };

interface Example {
  readonly title: string;
  readonly hash: Hash;
  readonly name: 'sha1' | 'sha256';
  readonly salt: string;
  readonly clientNonce: string;
  readonly serverNonce: string;
  readonly messages: readonly [string, string, string, string];
}

const EXAMPLES: readonly Example[] = [
  {
    title: 'RFC 7677 §3',
    hash: HASH,
    name: 'sha256',
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    clientNonce: 'rOprNGfwEbeRWgbNEkqO',
    serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    messages: [
      'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    ],
  },
  {
    title: 'RFC 5802 §5, with SHA-1 for the hash',
    hash: SHA_1,
    name: 'sha1',
    salt: 'QSXCR+Q6sek8bf92',
    clientNonce: 'fyko+d2lbbFgONRv9qkxdawL',
    serverNonce: '3rfcNHYJY1ZVvWVs7j',
    messages: [
      'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
      'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
      'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
      'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    ],
  },
];

describe.each(EXAMPLES)('the example of $title', ({ hash, name, salt, clientNonce, serverNonce, messages }) => {
  const octets = decodeBase64(salt) ?? octetsOf('');
  const salted = pbkdf2Sync(octetsOf('pencil'), octets, 4096, name === 'sha1' ? 20 : 32, name);

  it('is what the server says', () => {
    const server = new ServerExchange(new ScramServer('SCRAM-SHA-256', { hash, nonce: serverNonce, decoy: DECOY, channelBinding: undefined }));
    expect(server.next(octetsOf(messages[0]))).toMatchObject({ type: 'ask', question: { type: 'credential', authcid: 'user' } });
    expect(shown(server.answer({ type: 'credential', credential: scramCredential(salted, octets, 4096, hash) }))).toEqual({ type: 'challenge', octets: messages[1] });
    expect(shown(server.next(octetsOf(messages[2])))).toEqual({ type: 'challenge', octets: messages[3] });
    expect(server.next(octetsOf(''))).toEqual({ type: 'success', identity: { authcid: 'user', authzid: 'user' } });
  });

  it('is what the client says', () => {
    const client = begun({ hash, nonce: clientNonce });
    expect(textOf(client.initial ?? octetsOf(''))).toBe(messages[0]);
    expect(client.next(octetsOf(messages[1]))).toEqual({ type: 'ask', question: { type: 'derive', password: octetsOf('pencil'), salt: octets, iterations: 4096 } });
    expect(shown(client.answer(salted))).toEqual({ type: 'response', octets: messages[2] });
    expect(client.complete).toBe(false);
    expect(client.next(octetsOf(messages[3]))).toEqual({ type: 'response', octets: octetsOf('') });
    expect(client.complete).toBe(true);
  });
});

function begun(options: { readonly hash?: Hash; readonly nonce?: string; readonly authcid?: string; readonly authzid?: string; readonly channelBinding?: ChannelBinding } = {}): ClientExchange {
  const client = beginScram('SCRAM-SHA-256', { authcid: 'user', password: 'pencil', authzid: undefined, hash: HASH, nonce: 'abc', channelBinding: undefined, ...options });
  if ('type' in client) throw new Error(client.detail);
  return client;
}

function server(channelBinding?: ChannelBinding, mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS' = 'SCRAM-SHA-256'): ServerExchange {
  return new ServerExchange(new ScramServer(mechanism, { hash: HASH, nonce: 'xyz', decoy: DECOY, channelBinding }));
}

const CREDENTIAL: ScramCredential = scramCredential(saltedPassword('pencil'), SALT, 4096, HASH);

describe('SCRAM-SHA-256', () => {
  it.each([true, false])('lets in who knows the password, initial response with AUTH: %j', (initial) => {
    const { server, client } = runPair('SCRAM-SHA-256', USER, { initial });
    expect(server).toEqual({ type: 'success', identity: { authcid: 'user', authzid: 'user' } });
    expect(client).toMatchObject({ complete: true });
  });

  it.each(['a,b=c', 'jürgen'])('takes the name %j', (authcid) => {
    const password = authcid === 'jürgen' ? 'pa\u0308ssword' : '\u2168'; // prepared, they are those of the server
    expect(runPair('SCRAM-SHA-256', { type: 'password', authcid, password }).server).toEqual({ type: 'success', identity: { authcid, authzid: authcid } });
  });

  it('tells a wrong password and an unknown user in the same words, at the same place', () => {
    const wrong = runPair('SCRAM-SHA-256', { ...USER, password: 'pen' });
    expect(wrong.server).toMatchObject({ type: 'failure', reason: 'credentials' });
    expect(wrong.client).toMatchObject({ complete: false });
    expect(runPair('SCRAM-SHA-256', { ...USER, authcid: 'nobody' }).server).toEqual(wrong.server);
  });

  it('asks whether the one may act as the other, after the proof, and says the last message behind that', () => {
    expect(runPair('SCRAM-SHA-256', { type: 'password', authcid: 'tim', password: 'tanstaaftanstaaf', authzid: 'user' })).toMatchObject({
      server: { type: 'success', identity: { authcid: 'tim', authzid: 'user' } },
      client: { complete: true },
    });
    expect(runPair('SCRAM-SHA-256', { ...USER, authzid: 'tim' })).toMatchObject({ server: { type: 'failure', reason: 'authority' }, client: { complete: false } });
  });

  it('gives an unknown user a salt that is always the same, and another than others have', () => {
    const first = (name: string): unknown => {
      const exchange = server();
      exchange.next(octetsOf(`n,,n=${name},r=abc`));
      return shown(exchange.answer({ type: 'no' }));
    };
    expect(first('nobody')).toEqual(first('nobody'));
    expect(first('nobody')).not.toEqual(first('noone'));
    expect(first('nobody')).toMatchObject({ octets: expect.stringMatching(/^r=abcxyz,s=[A-Za-z0-9+/]{22}==,i=4096$/) as string });
    expect(decoyCredential('a', DECOY, HASH).salt.length).toBe(SALT_OCTETS);
    expect(decoyCredential('a', { ...DECOY, secret: octetsOf('other') }, HASH).salt).not.toEqual(decoyCredential('a', DECOY, HASH).salt);
  });

  it('hashes as much for a known user as for an unknown one, at each step: what it takes would tell who exists', () => {
    const work = (name: string, answer: AuthAnswer): readonly string[] => {
      const done: string[] = [];
      const counting: Hash = {
        sha256: (octets) => (done.push(`sha256 ${octets.length}`), HASH.sha256(octets)),
        hmacSha256: (key, octets) => (done.push(`hmac ${octets.length}`), HASH.hmacSha256(key, octets)),
        hmacMd5: HASH.hmacMd5,
      };
      const exchange = new ServerExchange(new ScramServer('SCRAM-SHA-256', { hash: counting, nonce: 'xyz', decoy: DECOY, channelBinding: undefined }));
      exchange.next(octetsOf(`n,,n=${name},r=abc`));
      exchange.answer(answer);
      done.push('the proof');
      exchange.next(octetsOf(`c=biws,r=abcxyz,p=${'A'.repeat(43)}=`));
      return done;
    };
    const credential = scramCredential(octetsOf('the salted password of somebody!'), SALT, 4096, HASH);
    expect(work('user', { type: 'credential', credential })).toEqual(work('none', { type: 'no' }));
  });

  it('fails where the credential cannot be had now', () => {
    const exchange = server();
    exchange.next(octetsOf('n,,n=user,r=abc'));
    expect(exchange.answer({ type: 'unavailable' })).toMatchObject({ type: 'failure', reason: 'unavailable' });
  });

  it('refuses a name that SASLprep prohibits (RFC 5802 §5.1)', () => {
    expect(server().next(octetsOf('n,,n=a\x07,r=abc'))).toMatchObject({ type: 'failure', reason: 'malformed' });
  });

  it('signs the name as it came, and looks up the name as prepared (RFC 5802 §5.1)', () => {
    const exchange = server();
    expect(exchange.next(encodeUtf8('n,,n=us\u00ader,r=abc'))).toMatchObject({ question: { authcid: 'user' } });
  });

  it('needs a nonce that is printable, without a comma', () => {
    for (const nonce of ['', 'a,b', 'a b', 'ä']) {
      expect(() => new ScramServer('SCRAM-SHA-256', { hash: HASH, nonce, decoy: DECOY, channelBinding: undefined })).toThrow('nonce');
      expect(() => begun({ nonce })).toThrow('nonce');
    }
  });

  it.each([{ authcid: '', password: 'x' }, { authcid: 'a\x07', password: 'x' }, { authcid: 'a', password: '' }, { authcid: 'a', password: '\u0378' }, { authcid: 'a', password: 'x', authzid: '\x07' }])('cannot carry %j', (secret) => {
    expect(runPair('SCRAM-SHA-256', { type: 'password', ...secret }).client).toMatchObject({ type: 'fault', fault: 'unsuitable' });
  });
});

describe('channel binding (RFC 5802 §6)', () => {
  it('binds where both sides have the same channel', () => {
    expect(runPair('SCRAM-SHA-256-PLUS', USER, { binding: BINDING })).toMatchObject({ server: { type: 'success' }, client: { complete: true } });
  });

  it('fails where they have not', () => {
    expect(runPair('SCRAM-SHA-256-PLUS', USER, { binding: BINDING, serverBinding: { ...BINDING, data: octetsOf('another channel') } }).server).toMatchObject({ reason: 'channel-binding' });
    expect(runPair('SCRAM-SHA-256-PLUS', USER, { binding: BINDING, serverBinding: { ...BINDING, name: 'tls-unique' } }).server).toMatchObject({ reason: 'channel-binding' });
  });

  it.each([
    ['SCRAM-SHA-256', 'n', false, undefined],
    ['SCRAM-SHA-256', 'n', true, undefined], // the client knows of none
    ['SCRAM-SHA-256', 'y', false, undefined],
    ['SCRAM-SHA-256', 'y', true, 'channel-binding'], // someone took -PLUS from the list
    ['SCRAM-SHA-256', 'p=tls-exporter', false, 'channel-binding'],
    ['SCRAM-SHA-256', 'p=tls-exporter', true, 'channel-binding'],
    ['SCRAM-SHA-256-PLUS', 'p=tls-exporter', true, undefined],
    ['SCRAM-SHA-256-PLUS', 'p=tls-unique', true, 'channel-binding'],
    ['SCRAM-SHA-256-PLUS', 'n', true, 'channel-binding'],
    ['SCRAM-SHA-256-PLUS', 'y', true, 'channel-binding'],
  ] as const)('%s with %s, -PLUS offered %j: %s', (mechanism, flag, offered, reason) => {
    const step = server(offered ? BINDING : undefined, mechanism).next(octetsOf(`${flag},,n=user,r=abc`));
    expect(step).toMatchObject(reason === undefined ? { type: 'ask' } : { type: 'failure', reason });
  });

  it('has a client that says y where it could bind and -PLUS is not offered, and n where it could not', () => {
    expect(textOf(begun({ channelBinding: BINDING }).initial ?? octetsOf(''))).toBe('y,,n=user,r=abc');
    expect(textOf(begun({ authzid: 'a=,b' }).initial ?? octetsOf(''))).toBe('n,a=a=3D=2Cb,n=user,r=abc');
    expect(runPair('SCRAM-SHA-256', USER, { binding: BINDING }).server).toMatchObject({ reason: 'channel-binding' });
  });

  it('is needed for -PLUS', () => {
    expect(() => server(undefined, 'SCRAM-SHA-256-PLUS')).toThrow('needs a channel binding');
    expect(() => beginScram('SCRAM-SHA-256-PLUS', { authcid: 'a', password: 'b', authzid: undefined, hash: HASH, nonce: 'c', channelBinding: undefined })).toThrow('needs a channel binding');
  });
});

describe('a server of SCRAM', () => {
  const final = (message: string): ServerStep => {
    const exchange = server();
    exchange.next(octetsOf('n,,n=user,r=abc'));
    exchange.answer({ type: 'credential', credential: CREDENTIAL });
    return exchange.next(octetsOf(message));
  };
  const PROOF = 'p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=';

  it.each([
    [`c=biws,r=abcxyz,${PROOF}`, 'credentials'],
    ['c=biws,r=abcxyz,p=dHzb', 'credentials'], // too short
    ['c=biws,r=abcxyz,p=', 'malformed'],
    [`c=biws,r=abc,${PROOF}`, 'credentials'], // not the server's nonce
    [`c=biws,r=abcxyzz,${PROOF}`, 'credentials'],
    [`c=eSws,r=abcxyz,${PROOF}`, 'channel-binding'], // y,,
    [`c=biwsYWJj,r=abcxyz,${PROOF}`, 'channel-binding'], // data where none is bound
    ['', 'malformed'],
    [`c=biws,r=abcxyz,m=x,${PROOF}`, 'malformed'],
  ])('answers %j with %s', (message, reason) => {
    expect(final(message)).toMatchObject({ type: 'failure', reason });
  });

  it('wants the last challenge answered with nothing (RFC 4422 §3.6)', () => {
    expect(runPair('SCRAM-SHA-256', USER, { tamper: (octets, turn) => (turn === 4 ? octetsOf('x') : octets) }).server).toMatchObject({ type: 'failure', reason: 'malformed' });
  });
});

describe('a client of SCRAM', () => {
  const first = (message: string): unknown => begun().next(octetsOf(message));

  it.each([
    ['r=abcxyz,s=c2FsdA==,i=4096', { type: 'ask' }],
    ['r=abcxyz,s=c2FsdA==,i=4096,x=unknown', { type: 'ask' }],
    ['r=abc,s=c2FsdA==,i=4096', { fault: 'nonce' }],
    ['r=abdxyz,s=c2FsdA==,i=4096', { fault: 'nonce' }],
    ['r=xyz,s=c2FsdA==,i=4096', { fault: 'nonce' }],
    ['r=abcxyz,s=c2FsdA==,i=4095', { fault: 'iterations' }],
    ['r=abcxyz,s=c2FsdA==,i=1', { fault: 'iterations' }],
    [`r=abcxyz,s=c2FsdA==,i=${ITERATIONS.most}`, { type: 'ask' }],
    [`r=abcxyz,s=c2FsdA==,i=${ITERATIONS.most + 1}`, { fault: 'iterations' }],
    ['r=abcxyz,s=c2FsdA==,i=999999999999999', { fault: 'iterations' }],
    ['r=abcxyz,s=c2FsdA==,i=9999999999999999', { fault: 'malformed' }],
    ['m=x,r=abcxyz,s=c2FsdA==,i=4096', { fault: 'malformed' }],
    ['', { fault: 'malformed' }],
  ])('answers %j with %j', (message, step) => {
    expect(first(message)).toMatchObject(step);
  });

  it.each([
    ['v=AAAA', 'server-not-proven'],
    [`v=${'A'.repeat(43)}=`, 'server-not-proven'],
    ['e=invalid-proof', 'server-refused'],
    ['', 'malformed'],
    ['v=', 'malformed'],
    ['r=abcxyz,s=c2FsdA==,i=4096', 'malformed'],
  ])('does not believe a server that ends with %j', (message, fault) => {
    const { fault: found, client } = runPair('SCRAM-SHA-256', USER, { tamper: (octets, turn) => (turn === 3 ? octetsOf(message) : octets) });
    expect(found).toMatchObject({ type: 'fault', fault });
    expect(client).toMatchObject({ complete: false, explanation: fault === 'server-refused' ? 'invalid-proof' : undefined });
  });

  it('expects nothing behind the last message', () => {
    const { client } = runPair('SCRAM-SHA-256', USER);
    if (!('type' in client)) expect(client.next(octetsOf('v=AAAA'))).toMatchObject({ fault: 'unexpected' });
  });

  it('is misused where a question is open, or none', () => {
    const client = begun();
    expect(() => client.answer(octetsOf(''))).toThrow('no question is open');
    client.next(octetsOf('r=abcxyz,s=c2FsdA==,i=4096'));
    expect(() => client.next(octetsOf(''))).toThrow('a question is open');
  });
});

describe('a man in the middle', () => {
  it('who changes any octet of any message is found out', () => {
    for (let turn = 0; turn < 4; turn++) {
      let length = 1; // of the message of this turn, once it is known
      for (let at = 0; at < length; at++) {
        const tamper = (octets: Uint8Array, now: number): Uint8Array => {
          if (now !== turn) return octets;
          length = octets.length;
          return octets.map((octet, index) => (index === at ? octet ^ 1 : octet));
        };
        const { server, client, fault } = runPair('SCRAM-SHA-256', USER, { tamper });
        const believed = server.type === 'success' && fault === undefined && !('type' in client) && client.complete;
        if (believed) expect({ turn, at }).toBe('found out');
      }
    }
  });
});
