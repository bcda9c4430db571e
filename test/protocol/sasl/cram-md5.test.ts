import { describe, expect, it } from 'vitest';
import { HASH } from '../../../src/node/credential.ts';
import { beginCramMd5, CramMd5Server } from '../../../src/protocol/sasl/cram-md5.ts';
import { ServerExchange } from '../../../src/protocol/sasl/server-exchange.ts';
import { decodeBase64 } from '../../../src/wire/base64.ts';
import { encodeUtf8 } from '../../../src/wire/utf8.ts';
import { octetsOf } from '../../wire/every.ts';
import { runPair } from './pair.ts';

const CHALLENGE = '<1896.697170952@postoffice.reston.mci.net>';
const TIM = { type: 'password', authcid: 'tim', password: 'tanstaaftanstaaf' } as const;

describe('CRAM-MD5, the example of RFC 2195 §2', () => {
  it('is what the client answers', () => {
    const client = beginCramMd5('tim', 'tanstaaftanstaaf', HASH);
    if ('type' in client) throw new Error(client.detail);
    expect(client.complete).toBe(false);
    expect(client.next(decodeBase64('PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+') ?? octetsOf(''))).toEqual({
      type: 'response',
      octets: decodeBase64('dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw'),
    });
    expect(client.complete).toBe(true);
    expect(client.next(octetsOf(CHALLENGE))).toMatchObject({ type: 'fault', fault: 'unexpected' });
  });

  it('is what the server takes', () => {
    const exchange = new ServerExchange(new CramMd5Server(CHALLENGE, HASH));
    expect(exchange.next(undefined)).toEqual({ type: 'challenge', octets: octetsOf(CHALLENGE) });
    expect(exchange.next(octetsOf('tim b913a602c7eda7a495b4e6e7334d3890'))).toEqual({ type: 'ask', question: { type: 'secret', mechanism: 'CRAM-MD5', authcid: 'tim' } });
    expect(exchange.answer({ type: 'secret', secret: octetsOf('tanstaaftanstaaf') })).toEqual({ type: 'success', identity: { authcid: 'tim', authzid: 'tim' } });
  });

  it('is also that of RFC 4954 §4.1, in its form', () => {
    const exchange = new ServerExchange(new CramMd5Server('<41929423341.12828472@sourcefour.andrew.cmu.edu>', HASH));
    exchange.next(undefined);
    expect(exchange.next(decodeBase64('cmpzMyBlYzNhNTlmZWQzOTVhYmExZWM2MzY3YzRmNGI0MWFjMA==') ?? octetsOf(''))).toMatchObject({ type: 'ask', question: { authcid: 'rjs3' } });
  });
});

describe('CRAM-MD5', () => {
  it('lets in who knows the password, and nobody else', () => {
    expect(runPair('CRAM-MD5', TIM).server).toEqual({ type: 'success', identity: { authcid: 'tim', authzid: 'tim' } });
    expect(runPair('CRAM-MD5', { ...TIM, authcid: 'jürgen', password: 'pässword' }).server).toMatchObject({ type: 'success' });
    const wrong = runPair('CRAM-MD5', { ...TIM, password: 'x' }).server;
    expect(wrong).toMatchObject({ type: 'failure', reason: 'credentials' });
    expect(runPair('CRAM-MD5', { ...TIM, authcid: 'tom' }).server).toEqual(wrong);
  });

  it('lets nobody in who knows only the challenge', () => {
    const exchange = new ServerExchange(new CramMd5Server(CHALLENGE, HASH));
    exchange.next(undefined);
    const digest = Array.from(HASH.hmacMd5(octetsOf(CHALLENGE), octetsOf(CHALLENGE)), (octet) => octet.toString(16).padStart(2, '0')).join('');
    exchange.next(octetsOf(`nobody ${digest}`));
    expect(exchange.answer({ type: 'no' })).toMatchObject({ type: 'failure', reason: 'credentials' });
  });

  it('refuses an initial response, even an empty one (RFC 4954 §4)', () => {
    for (const initial of ['', 'tim b913a602c7eda7a495b4e6e7334d3890']) {
      expect(new ServerExchange(new CramMd5Server(CHALLENGE, HASH)).next(octetsOf(initial))).toMatchObject({ type: 'failure', reason: 'initial-response' });
    }
  });

  it.each(['', 'tim', 'tim ', ' b913a602c7eda7a495b4e6e7334d3890', 'b913a602c7eda7a495b4e6e7334d3890', 'tim B913A602C7EDA7A495B4E6E7334D3890', 'tim b913a602c7eda7a495b4e6e7334d389', 'tim b913a602c7eda7a495b4e6e7334d38900', 'tim b913a602c7eda7a495b4e6e7334d389g', 'tim b913a602c7eda7a495b4e6e7334d3890\n', 't\x07m b913a602c7eda7a495b4e6e7334d3890', '\xff b913a602c7eda7a495b4e6e7334d3890'])(
    'refuses %j',
    (text) => {
      const exchange = new ServerExchange(new CramMd5Server(CHALLENGE, HASH));
      exchange.next(undefined);
      expect(exchange.next(octetsOf(text))).toMatchObject({ type: 'failure', reason: 'malformed' });
    },
  );

  it('takes a name with spaces, up to the last one', () => {
    const exchange = new ServerExchange(new CramMd5Server(CHALLENGE, HASH));
    exchange.next(undefined);
    expect(exchange.next(octetsOf('a b  b913a602c7eda7a495b4e6e7334d3890'))).toMatchObject({ question: { authcid: 'a b ' } });
  });

  it('hashes passwords that are longer than a block (RFC 2104 §2)', () => {
    const client = beginCramMd5('a', 'x'.repeat(100), HASH);
    if ('type' in client) throw new Error(client.detail);
    const response = client.next(octetsOf(CHALLENGE));
    const exchange = new ServerExchange(new CramMd5Server(CHALLENGE, HASH));
    exchange.next(undefined);
    exchange.next(response.type === 'response' ? response.octets : octetsOf(''));
    expect(exchange.answer({ type: 'secret', secret: encodeUtf8('x'.repeat(100)) })).toMatchObject({ type: 'success' });
  });

  it('has a client that hashes any challenge but an empty one', () => {
    for (const [challenge, type] of [['', 'fault'], ['\xff', 'response'], ['not a msg-id', 'response']] as const) {
      const client = beginCramMd5('tim', 'x', HASH);
      if ('type' in client) throw new Error(client.detail);
      expect(client.next(octetsOf(challenge)).type).toBe(type);
    }
  });

  it('cannot carry an authzid, an empty password, or a name that SASLprep prohibits', () => {
    expect(runPair('CRAM-MD5', { ...TIM, authzid: 'user' }).client).toMatchObject({ fault: 'unsuitable' });
    expect(runPair('CRAM-MD5', { ...TIM, password: '' }).client).toMatchObject({ fault: 'unsuitable' });
    expect(runPair('CRAM-MD5', { ...TIM, authcid: 'a\x07' }).client).toMatchObject({ fault: 'unsuitable' });
  });

  it('has a challenge that is a msg-id', () => {
    for (const challenge of ['', 'a@b', '<a>', '<@b>', '<a@b', '<a b@c>', '<a@b>\n', '<a@bü>']) expect(() => new CramMd5Server(challenge, HASH)).toThrow('msg-id');
  });
});
