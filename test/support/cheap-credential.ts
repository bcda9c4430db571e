// Credentials that are as good as those that `ehlo passwd` makes, and cost a hundredth: the fewest iterations of RFC 7677 §4,
// and the least of RFC 7914 that may be written down.

import { scrypt } from 'node:crypto';
import { derive, HASH } from '../../src/node/credential.ts';
import type { Credential } from '../../src/protocol/sasl/credential.ts';
import { KEY_OCTETS, scramCredential } from '../../src/protocol/sasl/scram-key.ts';
import { encodeAscii } from '../../src/wire/ascii.ts';

const SALT = encodeAscii('SodiumChloride');
const SCRYPT_COST = { costLog2: 10, blockSize: 1, parallelization: 1 } as const;

export async function cheapCredential(scheme: Credential['type'], password: string): Promise<Credential> {
  const octets = encodeAscii(password);
  if (scheme === 'scram-sha-256') return scramCredential(await derive({ type: 'derive', password: octets, salt: SALT, iterations: 4096 }), SALT, 4096, HASH);
  const { costLog2, blockSize: r, parallelization: p } = SCRYPT_COST;
  const hash = await new Promise<Uint8Array>((resolve, reject) => {
    scrypt(octets, SALT, KEY_OCTETS, { N: 2 ** costLog2, r, p, maxmem: 2 ** 21 }, (error, key) => (error === null ? resolve(Uint8Array.from(key)) : reject(error)));
  });
  return { type: 'scrypt', ...SCRYPT_COST, salt: SALT, hash };
}
