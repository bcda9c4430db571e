import { describe, expect, it } from 'vitest';
import { formatPlain, parsePlain } from '../../../src/protocol/sasl/plain.ts';
import { encodeUtf8 } from '../../../src/wire/utf8.ts';
import { octetsOf } from '../../wire/every.ts';
import { runPair } from './pair.ts';

describe('the message of PLAIN (RFC 4616 §2)', () => {
  it.each([
    ['\0tim\0tanstaaftanstaaf', { authzid: undefined, authcid: 'tim', password: 'tanstaaftanstaaf' }], // §4, first example
    ['Ursel\0Kurt\0xipj3plmq', { authzid: 'Ursel', authcid: 'Kurt', password: 'xipj3plmq' }], // §4, second example
    ['test\0test\x001234', { authzid: 'test', authcid: 'test', password: '1234' }], // RFC 4954 §4.1
    ['\0jürgen\0p ä\r\n', { authzid: undefined, authcid: 'jürgen', password: 'p ä\r\n' }],
    [`\0${'n'.repeat(255)}\0${'p'.repeat(255)}`, { authzid: undefined, authcid: 'n'.repeat(255), password: 'p'.repeat(255) }],
  ])('%j says who and with which password', (text, message) => {
    expect(parsePlain(encodeUtf8(text))).toEqual(message);
    expect(formatPlain(message)).toEqual(encodeUtf8(text));
  });

  it.each(['', '\0', '\0\0', '\0a', 'a\0b', '\0a\0', '\0\0b', 'a\0\0b', '\0a\0b\0', '\0a\0b\0c', 'z\0a\0b\0', '\0a\0\xff', '\0\xc0\x80\0b', '\0a\0\xed\xa0\x80', 'a', '\0\0\0'])('%j is malformed', (text) => {
    expect(parsePlain(octetsOf(text))).toBeUndefined();
  });
});

describe('PLAIN', () => {
  it.each([true, false])('lets in who knows the password, initial response with AUTH: %j', (initial) => {
    expect(runPair('PLAIN', { type: 'password', authcid: 'tim', password: 'tanstaaftanstaaf' }, { initial }).server).toEqual({ type: 'success', identity: { authcid: 'tim', authzid: 'tim' } });
  });

  it('lets nobody in with another password, or unknown, and does not say which', () => {
    const wrong = runPair('PLAIN', { type: 'password', authcid: 'tim', password: 'x' }).server;
    expect(wrong).toMatchObject({ type: 'failure', reason: 'credentials' });
    expect(runPair('PLAIN', { type: 'password', authcid: 'tom', password: 'x' }).server).toEqual(wrong);
  });

  // shows RFC4954:4-27
  it('prepares names and password before it asks (§2)', () => {
    const asked: unknown[] = [];
    runPair('PLAIN', { type: 'password', authcid: 't\u00adim', password: '\u2168' }, { answer: (question) => (asked.push(question), { type: 'no' }) });
    expect(asked).toEqual([{ type: 'password', mechanism: 'PLAIN', authcid: 'tim', password: 'IX' }]);
  });

  // shows RFC4954:4-27
  it('prepares whom a client wants to act as, for the question and for what it is afterwards', () => {
    const asked: unknown[] = [];
    const { server } = runPair('PLAIN', { type: 'password', authcid: 'tim', password: 'x', authzid: 'to\u00adm\u2168' }, { answer: (question) => (asked.push(question), { type: 'yes' }) });
    expect(asked.at(-1)).toEqual({ type: 'authority', mechanism: 'PLAIN', authcid: 'tim', authzid: 'tomIX' });
    expect(server).toEqual({ type: 'success', identity: { authcid: 'tim', authzid: 'tomIX' } });
  });

  it.each([
    ['a name', { authcid: 'a\x07', password: 'x' }, 'malformed'],
    ['a password', { authcid: 'a', password: 'x\x07' }, 'credentials'],
    ['an authzid', { authcid: 'tim', password: 'tanstaaftanstaaf', authzid: '\x07' }, 'malformed'],
  // shows RFC4954:4-28
  ])('refuses %s that SASLprep prohibits', (_, secret, reason) => {
    expect(runPair('PLAIN', { type: 'password', ...secret }).server).toMatchObject({ type: 'failure', reason });
  });

  it('refuses what is malformed', () => {
    expect(runPair('PLAIN', { type: 'password', authcid: 'tim', password: 'x' }, { tamper: () => octetsOf('\0a') }).server).toMatchObject({ type: 'failure', reason: 'malformed' });
    expect(runPair('PLAIN', { type: 'password', authcid: 'tim', password: 'x' }, { tamper: () => octetsOf('') }).server).toMatchObject({ type: 'failure', reason: 'malformed' });
  });

  it.each([{ authcid: '', password: 'x' }, { authcid: 'a', password: '' }, { authcid: 'a\0b', password: 'x' }, { authcid: 'a', password: 'x\0' }, { authcid: 'a', password: 'x', authzid: '\0' }])('cannot carry %j', (secret) => {
    expect(runPair('PLAIN', { type: 'password', ...secret }).client).toMatchObject({ type: 'fault', fault: 'unsuitable' });
  });

  it('has a client that answers no challenge', () => {
    const { client } = runPair('PLAIN', { type: 'password', authcid: 'tim', password: 'x' });
    expect(client).toMatchObject({ complete: true });
    if (!('type' in client)) expect(client.next(octetsOf(''))).toMatchObject({ type: 'fault', fault: 'unexpected' });
  });
});
