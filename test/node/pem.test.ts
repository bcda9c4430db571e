import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TlsServer } from '../../src/node/tls.ts';
import { encodeAscii } from '../../src/wire/ascii.ts';

const read = (name: string): string => readFileSync(join(import.meta.dirname, '../../fixtures/tls', `${name}.pem`), 'utf8');
const MX = { cert: read('mx'), key: read('mx-key') };

/** A key of nobody's, made for this test and encrypted with the pass phrase "secret". */
const ENCRYPTED = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi6b8PcQXYTugICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEI5qanAz6g2864ljw/ZupVgEQIIM
BN6hjSJkOemNOKj2+0j3YE2UO7lNSXhLM0aFspQGgSQBhM8S/05Sh66VYa/BOm4m
cnZ8tiGirfKFiXOsJRg=
-----END ENCRYPTED PRIVATE KEY-----
`;

describe('a certificate and its key', () => {
  it('are taken as text and as octets', () => {
    expect(() => new TlsServer(MX)).not.toThrow();
    expect(() => new TlsServer({ cert: encodeAscii(MX.cert), key: encodeAscii(MX.key) })).not.toThrow();
  });

  it.each([
    ['a key of another certificate', { ...MX, key: read('other-key') }, 'the key is not that of the certificate'],
    ['a certificate that is no PEM', { ...MX, cert: 'no certificate' }, 'expected PEM, text with a line -----BEGIN CERTIFICATE----- and, for the key, -----BEGIN PRIVATE KEY-----'],
    ['a key that is no PEM', { ...MX, key: 'no key' }, 'the key is none, expected PEM with a line -----BEGIN PRIVATE KEY-----'],
    ['a certificate that is cut off', { ...MX, cert: MX.cert.slice(0, MX.cert.length / 2) }, 'the PEM is damaged, or cut off'],
    ['a certificate with a hole', { ...MX, cert: MX.cert.replace(/(BEGIN CERTIFICATE-----\n).*\n/, '$1') }, 'the PEM is damaged, or cut off'],
    ['a certificate that is empty', { ...MX, cert: '' }, 'expected PEM, text with a line -----BEGIN CERTIFICATE-----'],
    ['a key that is empty', { ...MX, key: new Uint8Array(0) }, 'the key is none, expected PEM with a line -----BEGIN PRIVATE KEY-----'],
    ['an authority that is empty', { ...MX, ca: '' }, 'expected PEM, text with a line -----BEGIN CERTIFICATE-----'],
    ['a key that is encrypted', { ...MX, key: ENCRYPTED }, 'the key is encrypted, expected one without a pass phrase'],
  ])('%s: one line says so', (_, pair, fault) => {
    let said = '';
    try {
      new TlsServer(pair);
    } catch (error) {
      said = error instanceof Error ? error.message : '';
    }
    expect(said).toContain(`the TLS certificate and key cannot be used: ${fault}`);
    expect(said).not.toContain('\n');
  });
});
