// The keys and signatures of SCRAM-SHA-256 (RFC 5802 §3, RFC 7677 §3): arithmetic on hashes that are arguments.

import { encodeAscii } from '../../wire/ascii.ts';
import { concat, isOctets } from '../../wire/octet.ts';
import { checkLists, UsageError } from '../../wire/usage.ts';
import { encodeUtf8 } from '../../wire/utf8.ts';
import type { Hash, ScramCredential } from './exchange.ts';
import { equalSecrets, xor } from './secret.ts';

/** Octets of a salt that is made here. All alike, so that a salt made up for an unknown user is like the others. */
export const SALT_OCTETS = 16;

/** Octets of SHA-256, and of all that is made of it. */
export const KEY_OCTETS = 32;

export interface ClientKeys {
  readonly clientKey: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** Returns the keys of SaltedPassword, which is Hi(Normalize(password), salt, i). */
export function clientKeys(saltedPassword: Uint8Array, hash: Hash): ClientKeys {
  const clientKey = hash.hmacSha256(saltedPassword, encodeAscii('Client Key'));
  return { clientKey, storedKey: hash.sha256(clientKey), serverKey: hash.hmacSha256(saltedPassword, encodeAscii('Server Key')) };
}

/** Returns what a server stores of a password. */
export function scramCredential(saltedPassword: Uint8Array, salt: Uint8Array, iterations: number, hash: Hash): ScramCredential {
  const { storedKey, serverKey } = clientKeys(saltedPassword, hash);
  return { type: 'scram-sha-256', iterations, salt, storedKey, serverKey };
}

export function authMessage(clientFirstBare: string, serverFirst: string, clientFinalWithoutProof: string): Uint8Array {
  return encodeUtf8(`${clientFirstBare},${serverFirst},${clientFinalWithoutProof}`);
}

export function clientProof({ clientKey, storedKey }: ClientKeys, message: Uint8Array, hash: Hash): Uint8Array {
  return xor(clientKey, hash.hmacSha256(storedKey, message));
}

/** Returns whether who made the proof knows the client key (RFC 5802 §3: "the server authenticates the client by"). */
export function isProof(proof: Uint8Array, { storedKey }: ScramCredential, message: Uint8Array, hash: Hash): boolean {
  if (proof.length !== storedKey.length) return false;
  const clientKey = xor(proof, hash.hmacSha256(storedKey, message));
  return equalSecrets(hash.sha256(clientKey), storedKey);
}

/** What a client sees of a credential before it has proven anything. */
export interface DecoyKind {
  readonly iterations: number;
  /** Default: as many as salts have that are made here. */
  readonly saltOctets?: number;
}

/** Where the credentials of users that do not exist come from: a kind that real users have, and a secret. */
export interface Decoy extends DecoyKind {
  /** Known to no client, and the same wherever and whenever the same users are served. */
  readonly secret: Uint8Array;
  /** Further kinds that real users have: a name that nobody has is of any of them. Default: none. */
  readonly others?: readonly DecoyKind[];
}

/** Throws UsageError for what is no decoy: it would be found out when a client names nobody. */
export function checkDecoy(decoy: Decoy): void {
  if (!(isOctets(decoy?.secret) && decoy.iterations >= 1)) throw new UsageError('decoy must be { secret, iterations }, octets and a number, such as the decoy of Users');
  checkLists(decoy, ['others']);
}

/**
 * Returns a credential that no password fits, always the same for a name, so that asking twice does not tell who exists
 * (RFC 5802 §5.1: "unknown-user" need not be said).
 */
export function decoyCredential(name: string, decoy: Decoy, hash: Hash): ScramCredential {
  const derive = (purpose: string): Uint8Array => hash.hmacSha256(decoy.secret, encodeUtf8(`${purpose}\0${name}`));
  const kinds: readonly DecoyKind[] = [decoy, ...(decoy.others ?? [])];
  const { iterations, saltOctets = SALT_OCTETS } = kinds[(derive('kind')[0] ?? 0) % kinds.length] ?? decoy;
  const salt = concat([derive('salt'), derive('more salt')]).subarray(0, saltOctets);
  return { type: 'scram-sha-256', iterations, salt, storedKey: derive('stored key'), serverKey: derive('server key') };
}
