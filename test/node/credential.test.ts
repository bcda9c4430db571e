import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Aborter } from '../../src/node/aborter.ts';
import { derive, HASH, makeCredential, SCHEMES, Users, verifyPassword } from '../../src/node/credential.ts';
import { formatCredential, formatUser, parseCredential } from '../../src/protocol/sasl/credential.ts';
import type { Credential } from '../../src/protocol/sasl/credential.ts';
import type { AuthQuestion, MechanismName } from '../../src/protocol/sasl/exchange.ts';
import { beginServerExchange } from '../../src/protocol/sasl/mechanism.ts';
import { decoyCredential } from '../../src/protocol/sasl/scram-key.ts';
import { cheapCredential } from '../support/cheap-credential.ts';
import { octetsOf } from '../wire/every.ts';

const hexadecimal = (octets: Uint8Array): string => Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');

describe('the hashes', () => {
  it('are those of their standards', () => {
    expect(hexadecimal(HASH.sha256(octetsOf('abc')))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'); // FIPS 180-4
    expect(hexadecimal(HASH.hmacSha256(octetsOf('Jefe'), octetsOf('what do ya want for nothing?')))).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'); // RFC 4231 §4.3
    expect(hexadecimal(HASH.hmacMd5(octetsOf('Jefe'), octetsOf('what do ya want for nothing?')))).toBe('750c783e6ab0b503eaa86e310a5db738'); // RFC 2104 appendix
  });

  it('derive as RFC 7914 §11 has it', async () => {
    expect(hexadecimal(await derive({ type: 'derive', password: octetsOf('passwd'), salt: octetsOf('salt'), iterations: 1 }))).toBe('55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc');
  });
});

describe.each(SCHEMES)('a credential of %s', (scheme) => {
  it('verifies its prepared password after it was written down', async () => {
    const credential = await makeCredential(scheme, 'p\u00e4ssword\u2168');
    if (credential === undefined) throw new Error();
    const read = parseCredential(formatCredential(credential));
    if ('fault' in read) throw new Error(read.expected);
    expect(read).toEqual(credential);
    expect(read.type).toBe(scheme);
    expect(await verifyPassword(read, 'p\u00e4sswordIX')).toBe(true);
    expect(read.salt.length).toBe(16);
  });

  it('is verified by no other password: neither by the start of its own, nor by nothing', async () => {
    const credential = await cheapCredential(scheme, 'pleaseletmein');
    expect(await verifyPassword(credential, 'pleaseletmein')).toBe(true);
    for (const password of ['pleaseletmei', 'pleaseletmein ', 'PLEASELETMEIN', '']) expect(await verifyPassword(credential, password)).toBe(false);
  });

  it('is verified by a password as it stands: it is the mechanism that prepares', async () => {
    const credential = await cheapCredential(scheme, 'pIX');
    expect(await verifyPassword(credential, 'pIX')).toBe(true);
    expect(await verifyPassword(credential, 'p\u2168')).toBe(false);
  });

  it.each(['', 'a\x07', '\u0378'])('is not made of %j, which cannot be prepared', async (password) => {
    expect(await makeCredential(scheme, password)).toBeUndefined();
  });
});

it('a credential of scrypt is that of RFC 7914 §12', async () => {
  const hash = Uint8Array.from('7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887'.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  expect(await verifyPassword({ type: 'scrypt', costLog2: 14, blockSize: 8, parallelization: 1, salt: octetsOf('SodiumChloride'), hash }, 'pleaseletmein')).toBe(true);
});

it('a credential as costly as may be written down can be verified', async () => {
  const credential = parseCredential(`$scrypt$ln=13,r=32,p=1$AAAAAAAAAAA$${'A'.repeat(22)}`);
  if ('fault' in credential) throw new Error(credential.expected);
  expect(await verifyPassword(credential, 'x')).toBe(false);
});

let scram: Credential;
let scrypt: Credential;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ehlo-users-'));
  scram = await cheapCredential('scram-sha-256', 'pleaseletmein');
  scrypt = await cheapCredential('scrypt', 'pleaseletmein');
});
afterAll(() => rmSync(directory, { recursive: true }));

async function users(content: string): Promise<Users> {
  const path = join(directory, 'users');
  writeFileSync(path, content);
  return Users.read(path);
}

const both = (): string => `# made by ehlo passwd\n\n${formatUser({ name: 'alice', credential: scram })}\r\n${formatUser({ name: 'bob', credential: scrypt })}\n`;

const password = (authcid: string, text: string): AuthQuestion => ({ type: 'password', mechanism: 'PLAIN', authcid, password: text });

describe('a file of users', () => {
  it('answers for a password with either kind of credential', async () => {
    const known = await users(both());
    for (const name of ['alice', 'bob']) {
      expect(await known.answer(password(name, 'pleaseletmein'))).toEqual({ type: 'yes' });
      expect(await known.answer(password(name, 'pen'))).toEqual({ type: 'no' });
    }
  });

  it('verifies no password for a client that has gone', async () => {
    const known = await users(both());
    const aborter = new Aborter();
    expect(await known.answer(password('alice', 'pleaseletmein'), { signal: aborter.signal })).toEqual({ type: 'yes' });
    aborter.abort();
    expect(await known.answer(password('alice', 'pleaseletmein'), { signal: aborter.signal })).toEqual({ type: 'no' });
  });

  it('knows nobody else, even with the password of the first', async () => {
    expect(await (await users(both())).answer(password('carol', 'pleaseletmein'))).toEqual({ type: 'no' });
    expect(await (await users('')).answer(password('carol', 'pleaseletmein'))).toEqual({ type: 'no' });
  });

  it('gives a credential to SCRAM where there is one', async () => {
    const known = await users(both());
    expect(await known.answer({ type: 'credential', mechanism: 'SCRAM-SHA-256', authcid: 'alice' })).toEqual({ type: 'credential', credential: scram });
    for (const authcid of ['bob', 'carol']) expect(await known.answer({ type: 'credential', mechanism: 'SCRAM-SHA-256', authcid })).toEqual({ type: 'no' });
  });

  it('has no secret, knows no token, and lets nobody act as someone else', async () => {
    const known = await users(both());
    expect(await known.answer({ type: 'secret', mechanism: 'CRAM-MD5', authcid: 'alice' })).toEqual({ type: 'no' });
    expect(await known.answer({ type: 'token', mechanism: 'XOAUTH2', token: 'x', authzid: 'alice', host: undefined, port: undefined })).toEqual({ type: 'no' });
    expect(await known.answer({ type: 'authority', mechanism: 'PLAIN', authcid: 'alice', authzid: 'bob' })).toEqual({ type: 'no' });
  });

  it('offers what its users can use', async () => {
    expect((await users(both())).mechanisms).toEqual<MechanismName[]>(['SCRAM-SHA-256', 'PLAIN', 'LOGIN']);
    expect((await users(formatUser({ name: 'bob', credential: scrypt }))).mechanisms).toEqual<MechanismName[]>(['PLAIN', 'LOGIN']);
  });

  it('tells who cannot use SCRAM, where that is offered', async () => {
    expect((await users(both())).leftOut).toEqual(['bob']);
    expect((await users(formatUser({ name: 'bob', credential: scrypt }))).leftOut).toEqual([]);
    expect((await users(formatUser({ name: 'alice', credential: scram }))).leftOut).toEqual([]);
  });

  it('has a decoy that looks like its users, and is the same each time it is read', async () => {
    const [a, b] = [await users(both()), await users(both())];
    expect(a.decoy).toEqual(b.decoy);
    expect(a.decoy.iterations).toBe(4096);
    expect((await users('')).decoy.iterations).toBe(100_000);
    expect((await users(formatUser({ name: 'bob', credential: scrypt }))).decoy.secret).not.toEqual(a.decoy.secret);
  });

  it('has a decoy that no user can make of his own line, and that stays when others come', async () => {
    const [first, second, third] = ['ann', 'ben', 'cid'].map((name, at) => formatUser({ name, credential: { ...scram, salt: Uint8Array.of(...scram.salt.subarray(1), at) } }));
    const secretOf = async (...lines: readonly (string | undefined)[]): Promise<Uint8Array> => (await users(lines.join('\n'))).decoy.secret;
    const secret = await secretOf(first, second);
    expect(secret).not.toEqual(await secretOf(first));
    expect(secret).not.toEqual(await secretOf(second));
    expect(await secretOf(first, second, third)).toEqual(secret);
  });

  it('does not tell who is in it by what a credential is like, or costs: a name that nobody has is like any of the users', async () => {
    const other = parseCredential(formatCredential(scram).replace('$4096:', '$8192:').replace(/:[^$]+\$/, `:${'A'.repeat(64)}$`));
    if ('fault' in other) throw new Error(other.expected);
    const known = await users(`${both()}${formatUser({ name: 'dave', credential: other })}\n`);
    const names = Array.from({ length: 64 }, (_, at) => `nobody${at}`);
    const kind = (credential: Credential | undefined): string => (credential?.type === 'scram-sha-256' ? `${credential.iterations}, ${credential.salt.length}` : `${credential?.type}`);
    const seen = (all: readonly (Credential | undefined)[]): readonly string[] => [...new Set(all.map(kind))].sort();
    expect(seen(names.map((name) => decoyCredential(name, known.decoy, HASH)))).toEqual(['4096, 14', '8192, 48']);
    expect(seen(names.map((name) => known.credentialFor(name)))).toEqual(['4096, 14', '8192, 48', 'scrypt']);
    expect(names.map((name) => known.credentialFor(name))).toEqual(names.map((name) => known.credentialFor(name)));
    for (const name of names.slice(0, 4)) expect(await known.answer(password(name, 'pleaseletmein'))).toEqual({ type: 'no' });
  });

  it('serves an exchange from the AUTH command to its end', async () => {
    const known = await users(both());
    const exchange = beginServerExchange('PLAIN', { hash: HASH, nonce: 'abc', hostname: 'mx.example', decoy: known.decoy });
    const asked = exchange.next(octetsOf('\0alice\0pleaseletmein'));
    if (asked.type !== 'ask') throw new Error();
    expect(exchange.answer(await known.answer(asked.question))).toEqual({ type: 'success', identity: { authcid: 'alice', authzid: 'alice' } });
  });

  it.each([
    ['alice', ':1: expected NAME:CREDENTIAL, as `ehlo passwd NAME` prints it'],
    ['# remark\n\nalice:secret\n', ':3: expected SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY or $scrypt$ln=N,r=N,p=N$SALT$HASH'],
    ['a\x07:x', ':1: expected a name in front of ":" that SASLprep leaves as it is (RFC 4013)'],
    [' # no remark', ':1: expected NAME:CREDENTIAL, as `ehlo passwd NAME` prints it'],
    ['alice:$scrypt$ln=9,r=8,p=5$W22ZaJ0SNY7soEsUEjb6gQ$AAAAAAAAAAAAAAAAAAAAAA', ':1: expected ln from 10 to 20, found 9'],
  ])('that says %j is refused by its line', async (content, message) => {
    await expect(users(content)).rejects.toThrow(new Error(join(directory, 'users') + message));
  });

  it('that names a user twice is refused', async () => {
    await expect(users(both() + formatUser({ name: 'alice', credential: scrypt }))).rejects.toThrow(`${join(directory, 'users')}:5: expected each user once, found "alice" again`);
  });

  it('that is not UTF-8 or not there is refused', async () => {
    const path = join(directory, 'latin1');
    writeFileSync(path, octetsOf('\xff') as unknown as string); // node:fs takes octets too
    await expect(Users.read(path)).rejects.toThrow(`${path}: expected UTF-8`);
    await expect(Users.read(join(directory, 'none'))).rejects.toThrow(`cannot read the users in ${join(directory, 'none')}: ENOENT`);
  });
});
