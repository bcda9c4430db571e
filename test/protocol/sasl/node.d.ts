// What of node:crypto only these tests use: the hash of RFC 5802's example.

declare module 'node:crypto' {
  export function createHash(name: 'sha1'): { update(octets: Uint8Array): { digest(): Uint8Array } };
  export function createHmac(name: 'sha1', key: Uint8Array): { update(octets: Uint8Array): { digest(): Uint8Array } };
  export function pbkdf2Sync(password: Uint8Array, salt: Uint8Array, iterations: number, octets: number, hash: 'sha1' | 'sha256'): Uint8Array;
}
