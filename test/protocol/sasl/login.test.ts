import { describe, expect, it } from 'vitest';
import { LoginServer } from '../../../src/protocol/sasl/login.ts';
import { ServerExchange } from '../../../src/protocol/sasl/server-exchange.ts';
import { encodeBase64 } from '../../../src/wire/base64.ts';
import { octetsOf } from '../../wire/every.ts';
import { runPair } from './pair.ts';

const TIM = { type: 'password', authcid: 'tim', password: 'tanstaaftanstaaf' } as const;

describe('LOGIN', () => {
  it('asks for the name and the password, in the words that all clients know', () => {
    const exchange = new ServerExchange(new LoginServer());
    const name = exchange.next(undefined);
    expect(name.type === 'challenge' && encodeBase64(name.octets)).toBe('VXNlcm5hbWU6');
    const password = exchange.next(octetsOf('tim'));
    expect(password.type === 'challenge' && encodeBase64(password.octets)).toBe('UGFzc3dvcmQ6');
    expect(exchange.next(octetsOf('secret'))).toEqual({ type: 'ask', question: { type: 'password', mechanism: 'LOGIN', authcid: 'tim', password: 'secret' } });
  });

  it('takes a name that came with AUTH', () => {
    const exchange = new ServerExchange(new LoginServer());
    const password = exchange.next(octetsOf('tim'));
    expect(password.type === 'challenge' && encodeBase64(password.octets)).toBe('UGFzc3dvcmQ6');
  });

  it('lets in who knows the password, and nobody else', () => {
    expect(runPair('LOGIN', TIM).server).toEqual({ type: 'success', identity: { authcid: 'tim', authzid: 'tim' } });
    expect(runPair('LOGIN', TIM).client).toMatchObject({ complete: true, initial: undefined });
    const wrong = runPair('LOGIN', { ...TIM, password: 'x' }).server;
    expect(wrong).toMatchObject({ type: 'failure', reason: 'credentials' });
    expect(runPair('LOGIN', { ...TIM, authcid: 'tom' }).server).toEqual(wrong);
  });

  it.each([
    [1, '', 'malformed'],
    [1, '\xff', 'malformed'],
    [1, 'a\0b', 'malformed'],
    [3, '', 'malformed'],
    [3, '\xc0\x80', 'malformed'],
    [3, 'a\x07', 'credentials'],
  ])('refuses as response %i %j: %s', (at, text, reason) => {
    expect(runPair('LOGIN', TIM, { tamper: (octets, turn) => (turn === at ? octetsOf(text) : octets) }).server).toMatchObject({ type: 'failure', reason });
  });

  it('has a client that answers two prompts, whatever they say, and no third', () => {
    const { client } = runPair('LOGIN', TIM, { tamper: (octets, turn) => (turn % 2 === 0 ? octetsOf('\xff?') : octets) });
    expect(client).toMatchObject({ complete: true });
    if (!('type' in client)) expect(client.next(octetsOf('Username:'))).toMatchObject({ type: 'fault', fault: 'unexpected' });
  });

  it('cannot carry an authzid, or nothing', () => {
    expect(runPair('LOGIN', { ...TIM, authzid: 'user' }).client).toMatchObject({ fault: 'unsuitable' });
    expect(runPair('LOGIN', { ...TIM, authcid: '' }).client).toMatchObject({ fault: 'unsuitable' });
    expect(runPair('LOGIN', { ...TIM, password: '' }).client).toMatchObject({ fault: 'unsuitable' });
  });
});
