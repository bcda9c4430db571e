import { describe, expect, it } from 'vitest';
import { formatTokenMessage, OAuthServer, parseTokenMessage } from '../../../src/protocol/sasl/oauth.ts';
import { ServerExchange } from '../../../src/protocol/sasl/server-exchange.ts';
import { decodeBase64 } from '../../../src/wire/base64.ts';
import { octetsOf, textOf } from '../../wire/every.ts';
import { runPair } from './pair.ts';

// RFC 7628 §4.1.
const EXAMPLE =
  'bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB';
const TOKEN = 'vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==';

const GOOD = { type: 'token', token: 'good' } as const;

describe('the message of OAUTHBEARER (RFC 7628 §3.1)', () => {
  it('is read and written as in the example of §4.1', () => {
    const message = { authzid: 'user@example.com', token: TOKEN, host: 'server.example.com', port: 143 };
    expect(parseTokenMessage('OAUTHBEARER', decodeBase64(EXAMPLE) ?? octetsOf(''))).toEqual(message);
    expect(formatTokenMessage('OAUTHBEARER', message)).toEqual(decodeBase64(EXAMPLE));
  });

  it.each([
    ['n,,\x01auth=Bearer abc\x01\x01', { token: 'abc' }],
    ['y,,\x01auth=bEARER  a-._~+/z==\x01\x01', { token: 'a-._~+/z==' }],
    ['n,a=a=2Cb,\x01extra=\t \r\n\x01auth=Bearer abc\x01\x01', { authzid: 'a,b', token: 'abc' }],
    ['n,,\x01port=0\x01host=\x01auth=Bearer abc\x01\x01', { port: 0, host: '', token: 'abc' }],
  ])('%j is read', (text, message) => {
    expect(parseTokenMessage('OAUTHBEARER', octetsOf(text))).toEqual({ authzid: undefined, host: undefined, port: undefined, ...message });
  });

  it.each([
    '', '\x01', 'n,,', 'n,,\x01', 'n,,\x01\x01', 'n,,\x01auth=Bearer abc', 'n,,\x01auth=Bearer abc\x01', 'n,,auth=Bearer abc\x01\x01', 'auth=Bearer abc\x01\x01', '\x01auth=Bearer abc\x01\x01',
    'p=tls-exporter,,\x01auth=Bearer abc\x01\x01', 'n,,\x01auth=Basic abc\x01\x01', 'n,,\x01auth=Bearer\x01\x01', 'n,,\x01auth=Bearer \x01\x01', 'n,,\x01auth=Bearer a b\x01\x01', 'n,,\x01auth=Bearer a=b\x01\x01',
    'n,,\x01auth=\x01\x01', 'n,,\x01auth=Bearer abc\x01auth=Bearer abd\x01\x01', 'n,,\x01host=a\x01\x01', 'n,,\x01auth=Bearer abc\x01\x01\x01', 'n,,\x01\x01auth=Bearer abc\x01\x01', 'n,,\x01auth=Bearer abc\x01x\x01\x01',
    'n,,\x01auth=Bearer abc\x01x1=y\x01\x01', 'n,,\x01auth=Bearer abc\x011x=y\x01\x01', 'n,,\x01auth=Bearer abc\x01x=\0\x01\x01', 'n,,\x01auth=Bearer abc\x01port=65536\x01\x01', 'n,,\x01auth=Bearer abc\x01port=\x01\x01', 'n,,\x01auth=Bearer abc\x01port=-1\x01\x01', 'n,a=,\x01auth=Bearer abc\x01\x01',
    'n,,\x01auth=Bearer \xff\x01\x01',
  ])('%j is malformed', (text) => {
    expect(parseTokenMessage('OAUTHBEARER', octetsOf(text))).toBeUndefined();
  });
});

describe('the message of XOAUTH2', () => {
  it('is read and written', () => {
    const text = 'user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01';
    const message = { authzid: 'someuser@example.com', token: 'ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg', host: undefined, port: undefined };
    expect(parseTokenMessage('XOAUTH2', octetsOf(text))).toEqual(message);
    expect(textOf(formatTokenMessage('XOAUTH2', message))).toBe(text);
  });

  it.each(['', 'user=a', 'user=\x01auth=Bearer b\x01\x01', 'user=a\x01auth=Bearer b\x01', 'user=a\x01auth=Bearer b', 'user=a\x01auth=b\x01\x01', 'auth=Bearer b\x01user=a\x01\x01', 'user=a\x01auth=Bearer b\x01\x01\x01', 'user=a\x01x=y\x01auth=Bearer b\x01\x01', 'n,,\x01auth=Bearer abc\x01\x01'])(
    '%j is malformed',
    (text) => {
      expect(parseTokenMessage('XOAUTH2', octetsOf(text))).toBeUndefined();
    },
  );
});

describe.each(['OAUTHBEARER', 'XOAUTH2'] as const)('%s', (mechanism) => {
  it.each([true, false])('lets in who has a good token, initial response with AUTH: %j', (initial) => {
    expect(runPair(mechanism, { ...GOOD, authzid: 'tim' }, { initial })).toMatchObject({ server: { type: 'success', identity: { authcid: 'tim', authzid: 'tim' } }, client: { complete: true, explanation: undefined } });
  });

  it('asks whether the owner of the token may be whom the client wants to be', () => {
    expect(runPair(mechanism, { ...GOOD, authzid: 'user' }).server).toEqual({ type: 'success', identity: { authcid: 'tim', authzid: 'user' } });
    expect(runPair(mechanism, { ...GOOD, authzid: 'other' }).server).toMatchObject({ type: 'failure', reason: 'authority' });
  });

  it('explains a refusal first, and refuses then (RFC 7628 §3.2.3)', () => {
    const said: string[] = [];
    const { server, client } = runPair(mechanism, { type: 'token', token: 'bad', authzid: 'tim' }, { tamper: (octets) => (said.push(textOf(octets)), octets) });
    expect(server).toMatchObject({ type: 'failure', reason: 'credentials' });
    expect(said.slice(1)).toEqual(mechanism === 'OAUTHBEARER' ? ['{"status":"invalid_token"}', '\x01'] : ['{"status":"401","schemes":"bearer"}', '']);
    expect(client).toMatchObject({ complete: false, explanation: said[1] });
    if (!('type' in client)) expect(client.next(octetsOf(''))).toMatchObject({ type: 'fault', fault: 'unexpected' });
  });

  it('hands the explanation of the application on', () => {
    const said: string[] = [];
    const error = { status: 'insufficient_scope', scope: 'smtp', 'openid-configuration': 'https://idp.example/' };
    runPair(mechanism, { type: 'token', token: 'bad', authzid: 'tim' }, { tamper: (octets) => (said.push(textOf(octets)), octets), answer: () => ({ type: 'no', error }) });
    expect(said[1]).toBe(JSON.stringify(error));
  });

  it('fails at once where the token cannot be verified now', () => {
    expect(runPair(mechanism, { ...GOOD, authzid: 'tim' }, { answer: () => ({ type: 'unavailable' }) }).server).toMatchObject({ type: 'failure', reason: 'unavailable' });
  });

  it('refuses what is malformed, or a name that SASLprep prohibits', () => {
    expect(new ServerExchange(new OAuthServer(mechanism)).next(octetsOf('\x01'))).toMatchObject({ type: 'failure', reason: 'malformed' });
    expect(runPair(mechanism, { ...GOOD, authzid: 'a\x07' }).server).toMatchObject({ type: 'failure', reason: 'malformed' });
  });

  it('cannot carry what is no token', () => {
    for (const token of ['', 'a b', 'ä', 'a\x01']) expect(runPair(mechanism, { type: 'token', token, authzid: 'tim' }).client).toMatchObject({ type: 'fault', fault: 'unsuitable' });
  });
});

it('XOAUTH2 needs the user, OAUTHBEARER does not', () => {
  expect(runPair('XOAUTH2', GOOD).client).toMatchObject({ type: 'fault', fault: 'unsuitable' });
  expect(runPair('OAUTHBEARER', GOOD).server).toEqual({ type: 'success', identity: { authcid: 'tim', authzid: 'tim' } });
});
