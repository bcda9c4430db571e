import { describe, expect, it } from 'vitest';
import { formatCredential, formatUser, isUserName, parseCredential, parseUser } from '../../../src/protocol/sasl/credential.ts';

const SALT = 'W22ZaJ0SNY7soEsUEjb6gQ==';
const KEY = `${'A'.repeat(43)}=`;
const SCRAM = `SCRAM-SHA-256$4096:${SALT}$${KEY}:${KEY}`;
const SCRYPT = `$scrypt$ln=14,r=8,p=5$W22ZaJ0SNY7soEsUEjb6gQ$${'A'.repeat(43)}`;

describe('a credential', () => {
  it.each([
    SCRAM,
    `SCRAM-SHA-256$10000000:AAAAAAAAAAA=$${KEY}:${KEY}`,
    SCRYPT,
    `$scrypt$ln=10,r=1,p=1$AAAAAAAAAAA$${'A'.repeat(22)}`,
    `$scrypt$ln=18,r=8,p=64$${'A'.repeat(86)}$${'A'.repeat(86)}`,
  ])('%j comes back as it was written', (text) => {
    const credential = parseCredential(text);
    if ('fault' in credential) throw new Error(credential.expected);
    expect(formatCredential(credential)).toBe(text);
  });

  it.each([
    '', 'secret', '{PLAIN}secret', '$1$abc$def', SCRAM.toLowerCase(), ` ${SCRAM}`, `${SCRAM} `, SCRAM.replace('4096', ''), SCRAM.replace('4096', '04096'), SCRAM.replace('4096', '4e3'), SCRAM.replace('SHA-256', 'SHA-1'),
    SCRAM.replace(SALT, 'W22ZaJ0SNY7soEsUEjb6gQ'), SCRAM.replace(SALT, ''), SCRAM.replace(KEY, 'AAAA'), SCRAM.slice(0, -1), `${SCRAM}:${KEY}`, `SCRAM-SHA-256$4096:${SALT}$${KEY}`,
    `${SCRYPT}=`, SCRYPT.replace('ln=14', 'ln=014'), SCRYPT.replace('ln=14,', ''), SCRYPT.replace('r=8,p=5', 'p=5,r=8'), SCRYPT.replace('r=8', 'r=0'), SCRYPT.replace('$scrypt', '$argon2id'), SCRYPT.replace('W22', 'W2 2'), `${SCRYPT}$`, SCRYPT.replace('gQ$', 'gR$'),
  ])('%j is none', (text) => {
    expect(parseCredential(text)).toMatchObject({ fault: 'bad-credential' });
  });

  it.each([
    [SCRAM.replace('4096', '4095'), 'iterations from 4096'],
    [SCRAM.replace('4096', '10000001'), 'iterations from 4096 to 10000000, found 10000001'],
    [SCRAM.replace(SALT, 'AAAA'), 'octets of salt from 8'],
    [SCRYPT.replace('ln=14', 'ln=9'), 'ln from 10'],
    [SCRYPT.replace('ln=14', 'ln=21'), 'ln from 10 to 20, found 21'],
    [SCRYPT.replace('ln=14', 'ln=19'), 'memory from 0 to 268435456, found 536870912'],
    [SCRYPT.replace('r=8', 'r=33'), 'r from 1 to 32'],
    [SCRYPT.replace('p=5', 'p=65'), 'p from 1 to 64'],
    [SCRYPT.replace(/\$A+$/, '$AAAA'), 'octets of hash from 16'],
  ])('%j would be unsafe', (text, expected) => {
    const fault = parseCredential(text);
    expect(fault).toMatchObject({ fault: 'unsafe-credential' });
    expect('expected' in fault && fault.expected).toContain(expected);
  });
});

describe('a line of the users', () => {
  it.each([`alice:${SCRAM}`, `jürgen@example.org:${SCRYPT}`, `a b:${SCRAM}`])('%j comes back as it was written', (line) => {
    const user = parseUser(line);
    if ('fault' in user) throw new Error(user.expected);
    expect(formatUser(user)).toBe(line);
  });

  it.each([
    ['', 'bad-user'],
    ['alice', 'bad-user'],
    [`:${SCRAM}`, 'bad-user'],
    [` alice:${SCRAM}`, 'bad-user'],
    [`alice :${SCRAM}`, 'bad-user'],
    [`#alice:${SCRAM}`, 'bad-user'],
    [`al\u00adice:${SCRAM}`, 'bad-user'], // no client's name, prepared, would find it
    [`a\x07:${SCRAM}`, 'bad-user'],
    ['alice:secret', 'bad-credential'],
    ['alice:', 'bad-credential'],
    [`alice: ${SCRAM}`, 'bad-credential'],
    [`alice:${SCRAM}:x`, 'bad-credential'],
    [`alice:${SCRAM.replace('4096', '1')}`, 'unsafe-credential'],
  ])('%j is %s, and is not quoted', (line, fault) => {
    const found = parseUser(line);
    expect(found).toMatchObject({ fault });
    expect(JSON.stringify(found)).not.toMatch(/secret|W22/);
  });

  it('names a user whose name is prepared, and has no colon', () => {
    expect(['alice', 'a b', 'bücher', 'a@b'].every(isUserName)).toBe(true);
    expect(['', 'a:b', ' a', 'a ', '#a', '\u2168', 'a\x07', '\u0378'].some(isUserName)).toBe(false);
  });
});
