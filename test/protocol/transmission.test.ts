import { describe, expect, it } from 'vitest';
import { transmissionType } from '../../src/protocol/transmission.ts';

describe('how a mail came (RFC 3848 §1, RFC 6531 §4.3)', () => {
  it.each([
    // extended  lmtp   secured authenticated utf8
    [false, false, false, false, false, 'SMTP'],
    [false, false, true,  true,  false, 'SMTP'], // HELO under TLS: the letters are of ESMTP and LMTP
    [true,  false, false, false, false, 'ESMTP'],
    [true,  false, true,  false, false, 'ESMTPS'],
    [true,  false, false, true,  false, 'ESMTPA'],
    [true,  false, true,  true,  false, 'ESMTPSA'],
    [true,  true,  false, false, false, 'LMTP'],
    [true,  true,  true,  false, false, 'LMTPS'],
    [true,  true,  false, true,  false, 'LMTPA'],
    [true,  true,  true,  true,  false, 'LMTPSA'],
    [true,  false, false, false, true,  'UTF8SMTP'],
    [true,  false, true,  false, true,  'UTF8SMTPS'],
    [true,  false, false, true,  true,  'UTF8SMTPA'],
    [true,  false, true,  true,  true,  'UTF8SMTPSA'],
    [true,  true,  false, false, true,  'UTF8LMTP'],
    [true,  true,  true,  false, true,  'UTF8LMTPS'],
    [true,  true,  false, true,  true,  'UTF8LMTPA'],
    [true,  true,  true,  true,  true,  'UTF8LMTPSA'],
  // shows RFC4954:7-2 RFC6531:3.1-13 RFC6531:3.7.3-4 RFC6531:4.3-1 RFC6531:4.3-2
  ] as const)('EHLO %s, LMTP %s, TLS %s, AUTH %s, SMTPUTF8 %s: %s', (extended, lmtp, secured, authenticated, utf8, type) => {
    expect(transmissionType({ extended, lmtp, secured, authenticated, utf8 })).toBe(type);
  });
});
