// Certificates and keys as PEM (RFC 7468), and what is wrong with them in words.

import { decodeLatin1 } from '../wire/ascii.ts';
import { isOctets } from '../wire/octet.ts';
import { errorText } from './error-text.ts';
import { nodeCrypto } from './on-demand.ts';

/** Octets of a file in PEM: seventy times those of all the authorities that a system trusts. */
export const LARGEST_PEM = 16_777_216;

/** Returns PEM as text; what is no ASCII in it can only be a remark. Never empty, as Node takes that for none given: a file that was just being written would do. */
export function pemText(pem: string | Uint8Array): string {
  if (typeof pem !== 'string' && !isOctets(pem)) throw new Error('expected PEM as text or as octets, in one piece'); // a program without types may have anything
  return (typeof pem === 'string' ? pem : decodeLatin1(pem)) || '\n';
}

/** The same of authorities. Throws where the first is none: Node itself would pass over what it cannot read, and trust nobody. */
export function authoritiesText(pem: string | Uint8Array): string {
  const text = pemText(pem);
  const { X509Certificate } = nodeCrypto();
  new X509Certificate(text);
  return text;
}

/** What OpenSSL calls it, and what would be right. */
const FAULTS: readonly (readonly [RegExp, string])[] = [
  [/key values mismatch|key type mismatch/, 'the key is not that of the certificate'],
  [/DECODER routines::unsupported/, 'the key is none, expected PEM with a line -----BEGIN PRIVATE KEY-----'],
  [/bad end line|bad base64|asn1 encoding routines|wrong tag|header too long/, 'the PEM is damaged, or cut off'],
  [/bad decrypt|bad password read|interrupted or cancelled/, 'the key is encrypted, expected one without a pass phrase'],
  [/ca md too weak|key too small/, 'the certificate is too weak for OpenSSL here: its key is too short, or its signature made with an old hash'],
];

const NO_START = 'expected PEM, text with a line -----BEGIN CERTIFICATE-----';

/** Returns what is wrong with a pair of certificate and key, or with authorities, in one line. */
export function pemFault(thrown: unknown, what: 'pair' | 'authorities' = 'pair'): string {
  const text = errorText(thrown);
  if (/no start line/.test(text)) return what === 'pair' ? `${NO_START} and, for the key, -----BEGIN PRIVATE KEY-----` : NO_START;
  return FAULTS.find(([pattern]) => pattern.test(text))?.[1] ?? text.split('\n', 1)[0] ?? '';
}
