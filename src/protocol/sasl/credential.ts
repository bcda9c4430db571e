// Credentials at rest: what a file of users holds of each password. Never the password, and nothing from which it follows.
//
//   alice:SCRAM-SHA-256$100000:<salt>$<stored key>:<server key>       RFC 5803 §2, in base 64
//   bob:$scrypt$ln=14,r=8,p=5$<salt>$<hash>                           PHC string format, in base 64 without padding
//
// SCRAM's verifies a password too, so that PLAIN and LOGIN work with either; scrypt is slower to attack when the file is
// stolen, and cannot serve SCRAM.

import { decodeBase64, encodeBase64 } from '../../wire/base64.ts';
import type { ScramCredential } from './exchange.ts';
import { prepare } from './prepare.ts';
import { KEY_OCTETS } from './scram-key.ts';

/** What is stored of a password for scrypt (RFC 7914). */
export interface ScryptCredential {
  readonly type: 'scrypt';
  /** Logarithm to base 2 of N, the cost in processor and memory. */
  readonly costLog2: number;
  /** `r` of RFC 7914 §2. */
  readonly blockSize: number;
  /** `p`, likewise. */
  readonly parallelization: number;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** What is stored of a password. */
export type Credential = ScramCredential | ScryptCredential;

export interface User {
  readonly name: string;
  readonly credential: Credential;
}

/** What is wrong with a line, without quoting it. */
export interface CredentialFault {
  readonly fault: 'bad-user' | 'bad-credential' | 'unsafe-credential';
  readonly expected: string;
}

/** What a credential may cost to verify: too little protects no password, too much stops the server. By the names that stand in it. */
const BOUNDS = {
  iterations:       { least: 4_096, most: 10_000_000 }, // RFC 7677 §4
  ln:               { least: 10,    most: 20 },
  r:                { least: 1,     most: 32 },
  p:                { least: 1,     most: 64 },
  'octets of salt': { least: 8,     most: 64 },
  'octets of hash': { least: 16,    most: 64 },
  /** 128 × N × r */
  memory:           { least: 0,     most: 256 * 1024 * 1024 },
} as const;

/** Returns the user of a line `name:credential`. */
export function parseUser(line: string): User | CredentialFault {
  const colon = line.indexOf(':');
  if (colon < 0) return { fault: 'bad-user', expected: 'NAME:CREDENTIAL, as `ehlo passwd NAME` prints it' };
  const name = line.slice(0, colon);
  if (!isUserName(name)) return { fault: 'bad-user', expected: 'a name in front of ":" that SASLprep leaves as it is (RFC 4013)' };
  const credential = parseCredential(line.slice(colon + 1));
  return 'fault' in credential ? credential : { name, credential };
}

export function formatUser({ name, credential }: User): string {
  return `${name}:${formatCredential(credential)}`;
}

/** Returns whether a user can have that name: prepared, so that a client's name can be found; without `:`, which ends it, or `#` in front. */
export function isUserName(name: string): boolean {
  return prepare(name, 'stored') === name && !name.includes(':') && !name.startsWith('#') && name.trim() === name;
}

const MALFORMED: CredentialFault = { fault: 'bad-credential', expected: 'SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY or $scrypt$ln=N,r=N,p=N$SALT$HASH' };

/** Returns the credential; a fault where it is malformed, or costs too little or too much. */
export function parseCredential(text: string): Credential | CredentialFault {
  if (text.startsWith('SCRAM-SHA-256$')) return parseScram(text);
  if (text.startsWith('$scrypt$')) return parseScrypt(text);
  return MALFORMED;
}

export function formatCredential(credential: Credential): string {
  switch (credential.type) {
    case 'scram-sha-256': {
      const { iterations, salt, storedKey, serverKey } = credential;
      return `SCRAM-SHA-256$${iterations}:${encodeBase64(salt)}$${encodeBase64(storedKey)}:${encodeBase64(serverKey)}`;
    }
    case 'scrypt': {
      const { costLog2, blockSize, parallelization, salt, hash } = credential;
      return `$scrypt$ln=${costLog2},r=${blockSize},p=${parallelization}$${withoutPadding(salt)}$${withoutPadding(hash)}`;
    }
    default:
      return credential satisfies never;
  }
}

function parseScram(text: string): ScramCredential | CredentialFault {
  const [, count = '', ...base64] = /^SCRAM-SHA-256\$([1-9][0-9]{0,14}):([^:$]+)\$([^:$]+):([^:$]+)$/.exec(text) ?? [];
  const [salt, storedKey, serverKey] = base64.map(decodeBase64);
  if (salt === undefined || storedKey?.length !== KEY_OCTETS || serverKey?.length !== KEY_OCTETS) return MALFORMED;
  const iterations = Number(count);
  return unsafe([['iterations', iterations], ['octets of salt', salt.length]]) ?? { type: 'scram-sha-256', iterations, salt, storedKey, serverKey };
}

function parseScrypt(text: string): ScryptCredential | CredentialFault {
  const [, ln, r, p, ...base64] = /^\$scrypt\$ln=([1-9][0-9]?),r=([1-9][0-9]{0,3}),p=([1-9][0-9]{0,3})\$([^$=]+)\$([^$=]+)$/.exec(text) ?? [];
  const [salt, hash] = base64.map((unpadded) => decodeBase64(unpadded + '='.repeat((4 - (unpadded.length % 4)) % 4)));
  if (salt === undefined || hash === undefined) return MALFORMED;
  const [costLog2, blockSize, parallelization] = [Number(ln), Number(r), Number(p)];
  const fault = unsafe([
    ['ln', costLog2],
    ['r', blockSize],
    ['p', parallelization],
    ['memory', 128 * 2 ** costLog2 * blockSize],
    ['octets of salt', salt.length],
    ['octets of hash', hash.length],
  ]);
  return fault ?? { type: 'scrypt', costLog2, blockSize, parallelization, salt, hash };
}

/** Returns the fault of the first of the values that is out of its bounds. */
function unsafe(values: readonly (readonly [keyof typeof BOUNDS, number])[]): CredentialFault | undefined {
  for (const [name, value] of values) {
    const { least, most } = BOUNDS[name];
    if (value < least || value > most) return { fault: 'unsafe-credential', expected: `${name} from ${least} to ${most}, found ${value}` };
  }
  return undefined;
}

function withoutPadding(octets: Uint8Array): string {
  return encodeBase64(octets).replace(/=+$/, '');
}
