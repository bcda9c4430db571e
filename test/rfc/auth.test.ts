// RFC 4954 §4: how long the lines of an exchange may be, and what becomes of names.

import { describe, expect, it } from 'vitest';
import { ANY_AUTH, dialogueIn } from '../support/server-dialogue.ts';
import { encodeBase64 } from '../../src/wire/base64.ts';
import { encodeUtf8 } from '../../src/wire/utf8.ts';

const auth = (...lines: string[]): string[] => dialogueIn('ready', { auth: ANY_AUTH }).say(...lines);

describe('a response of the client', () => {
  // shows RFC4954:4-23 RFC4954:4-24 RFC4954:4-25 RFC4954:4-26 RFC4954:6-11 RFC4954:6-14
  it('may have 12288 octets, and fails with 500 5.5.6 beyond', () => {
    expect(auth('AUTH PLAIN', 'A'.repeat(12_288))).toEqual(['334 ', '501 5.5.2 not a response of this mechanism']);
    expect(auth('AUTH PLAIN', 'A'.repeat(12_292))).toEqual(['334 ', expect.stringMatching(/^500 5\.5\.6 /)]);
  });
});

describe('an authorization identity', () => {
  // shows RFC4954:4-28
  it.each(['\u00ad', '\x07'])('that cannot be prepared, or of which nothing is left (%j), is refused', (authzid) => {
    expect(auth(`AUTH PLAIN ${encodeBase64(encodeUtf8(`${authzid}\0alice\0secret`))}`)[0]).toMatch(/^5\d\d /);
  });
});
