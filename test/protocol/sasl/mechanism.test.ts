import { describe, expect, it } from 'vitest';
import { HASH } from '../../../src/node/credential.ts';
import type { ClientExchange, MechanismName } from '../../../src/protocol/sasl/exchange.ts';
import { beginClientExchange, type ClientSecret, findMechanism, MECHANISMS, usableMechanisms } from '../../../src/protocol/sasl/mechanism.ts';
import { UsageError } from '../../../src/wire/usage.ts';

const NAMES = Object.keys(MECHANISMS) as MechanismName[];
const PASSWORD: ClientSecret = { type: 'password', authcid: 'user', password: 'pencil' };
const TOKEN: ClientSecret = { type: 'token', token: 'good', authzid: 'user' };

describe('the table of mechanisms', () => {
  it('has names that RFC 4422 §3.1 permits', () => {
    for (const name of NAMES) expect(name).toMatch(/^[A-Z0-9_-]{1,20}$/);
  });

  it('is searched in any case (RFC 4954 §8)', () => {
    expect(findMechanism('plain')).toBe('PLAIN');
    expect(findMechanism('Scram-Sha-256')).toBe('SCRAM-SHA-256');
    for (const name of ['', 'SCRAM-SHA-1', 'PLAI', 'PLAIN ', 'toString', '__proto__']) expect(findMechanism(name)).toBeUndefined();
  });

  const begun = (name: MechanismName): ClientExchange => {
    const client = beginClientExchange(name, { secret: MECHANISMS[name].needs === 'token' ? TOKEN : PASSWORD, hash: HASH, nonce: 'abc', channelBinding: { name: 'tls-exporter', data: HASH.sha256(new Uint8Array(0)) } });
    if ('type' in client) throw new Error(client.detail);
    return client;
  };

  it('knows who speaks first', () => {
    for (const name of NAMES) expect(begun(name).initial !== undefined).toBe(MECHANISMS[name].begins === 'client');
  });

  it.each(NAMES)('begins a client of %s that is misused by an answer to no question', (name) => {
    expect(() => begun(name).answer(new Uint8Array(32))).toThrow(new UsageError('no question is open'));
  });

  it.each(NAMES)('does not begin %s with a secret of the other kind', (name) => {
    expect(beginClientExchange(name, { secret: MECHANISMS[name].needs === 'token' ? PASSWORD : TOKEN, hash: HASH, nonce: 'abc' })).toMatchObject({ type: 'fault', fault: 'unsuitable' });
  });
});

describe('a client chooses', () => {
  const all = ['LOGIN', 'PLAIN', 'CRAM-MD5', 'XOAUTH2', 'GSSAPI', 'oauthbearer', 'scram-sha-256', 'SCRAM-SHA-256-PLUS'];

  it.each([
    ['a password under TLS', PASSWORD, { secured: true, bindable: false }, ['SCRAM-SHA-256', 'CRAM-MD5', 'PLAIN', 'LOGIN']],
    ['a password under TLS that can be bound to', PASSWORD, { secured: true, bindable: true }, ['SCRAM-SHA-256-PLUS', 'CRAM-MD5', 'PLAIN', 'LOGIN']],
    ['a password in the clear', PASSWORD, { secured: false, bindable: false }, ['SCRAM-SHA-256', 'CRAM-MD5']],
    ['a token under TLS', TOKEN, { secured: true, bindable: false }, ['OAUTHBEARER', 'XOAUTH2']],
    ['a token in the clear', TOKEN, { secured: false, bindable: false }, []],
  ])('for %s, the best first, and none that would show it to others', (_, secret, connection, names) => {
    expect(usableMechanisms(all, secret, connection)).toEqual(names);
  });

  it('among what is offered, and the plain name where -PLUS is not', () => {
    expect(usableMechanisms(['PLAIN', 'LOGIN'], PASSWORD, { secured: true, bindable: true })).toEqual(['PLAIN', 'LOGIN']);
    expect(usableMechanisms(['SCRAM-SHA-256'], PASSWORD, { secured: true, bindable: true })).toEqual(['SCRAM-SHA-256']);
    expect(usableMechanisms([], PASSWORD, { secured: true, bindable: false })).toEqual([]);
  });
});
