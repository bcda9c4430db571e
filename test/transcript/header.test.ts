import { describe, expect, it } from 'vitest';
import { parseHeader } from '../../src/transcript/header.ts';
import { isTranscriptFault } from '../../src/transcript/format.ts';

const COMPLETE = ['Title: mail goes through', 'Source: hand-written', 'Subject: server'];

describe('the header', () => {
  it('holds title, source, subject, sections and options', () => {
    const header = parseHeader([...COMPLETE, 'Verifies: RFC 5321 §4.5.2, RFC 5321 §D.1', 'Options: size=0, hostname=foo.com', 'Segments: as written']);
    expect(header).toMatchObject({ title: 'mail goes through', source: 'hand-written', subject: 'server', verifies: ['RFC 5321 §4.5.2', 'RFC 5321 §D.1'], asWritten: true });
    expect('options' in header && [...header.options]).toEqual([['size', '0'], ['hostname', 'foo.com']]);
  });

  it('holds options that are words of a table, and some without a value', () => {
    const header = parseHeader([...COMPLETE, 'Options: lmtp, tls=offered, with=DSN SMTPUTF8, without=CHUNKING, auth=PLAIN SCRAM-SHA-256, auth-required, auth-in-clear, nonce=%hv)$0']);
    expect('options' in header && [...header.options]).toEqual([
      ['lmtp', ''], ['tls', 'offered'], ['with', 'DSN SMTPUTF8'], ['without', 'CHUNKING'], ['auth', 'PLAIN SCRAM-SHA-256'], ['auth-required', ''], ['auth-in-clear', ''], ['nonce', '%hv)$0'],
    ]);
  });

  it('needs no more than title, source and subject, in any order', () => {
    expect(parseHeader([...COMPLETE].reverse())).toMatchObject({ verifies: [], asWritten: false });
  });

  it.each([
    [['Title: x', 'Source: y'], 1, 'Title, Source and Subject'],
    [[], 1, 'Title, Source and Subject'],
    [[...COMPLETE, 'Author: me'], 4, 'a field of the header'],
    [[...COMPLETE, 'Title'], 4, 'a field of the header'],
    [[...COMPLETE, 'Verifies:'], 4, 'a field of the header'],
    [[...COMPLETE, 'Verifies:  RFC 5321 §4'], 4, 'a field of the header'],
    [[...COMPLETE, 'Title: again'], 4, 'one field Title'],
    [['Title: x', 'Source: y', 'Subject: relay'], 3, 'Subject: server or client'],
    [[...COMPLETE, 'Segments: one'], 4, 'Segments: as written'],
    [[...COMPLETE, 'Verifies: §4.5.2'], 4, 'Verifies:'],
    [[...COMPLETE, 'Verifies: RFC 5321 §4.5.2,RFC 5321 §3'], 4, 'Verifies:'],
    [[...COMPLETE, 'Shows: RFC5321:4.5.2, RFC5321:4'], 4, 'Shows:'],
    [[...COMPLETE, 'Options: banner=x'], 4, 'an option of a server'],
    [[...COMPLETE, 'Options: size'], 4, 'size=VALUE'],
    [[...COMPLETE, 'Options: =1'], 4, 'an option of a server'],
    [[...COMPLETE, 'Options: size=many'], 4, 'size=VALUE'],
    [[...COMPLETE, 'Options: size=1, size=2'], 4, 'one option size'],
    [[...COMPLETE, 'Options: lmtp=yes'], 4, 'lmtp without a value'],
    [[...COMPLETE, 'Options: tls'], 4, 'tls=VALUE'],
    [[...COMPLETE, 'Options: tls=on'], 4, 'tls=VALUE'],
    [[...COMPLETE, 'Options: with=XYZZY'], 4, 'with=VALUE'],
    [[...COMPLETE, 'Options: auth=PLAIN  LOGIN'], 4, 'auth=VALUE'],
    [[...COMPLETE, 'Options: auth=plain'], 4, 'auth=VALUE'],
    [[...COMPLETE, 'Options: nonce=a b'], 4, 'nonce=VALUE'],
    [['Title: x', 'Source: y', 'Subject: client', 'Options: size=1'], 4, 'an option of a client'],
  ] as const)('is not %j', (lines, line, expected) => {
    const fault = parseHeader(lines);
    expect(isTranscriptFault(fault)).toBe(true);
    expect(fault).toMatchObject({ line, expected: expect.stringContaining(expected) as string });
  });
});
