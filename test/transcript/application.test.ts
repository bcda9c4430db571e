import { describe, expect, it } from 'vitest';
import { formatApplicationLine, parseApplicationLine } from '../../src/transcript/application.ts';
import type { ApplicationLine, Subject } from '../../src/transcript/application.ts';

const LINES: Readonly<Record<Subject, readonly string[]>> = {
  server: [
    'ask client', 'ask helo EHLO bar.com', 'ask mail', 'ask mail <> SIZE=10 BODY=8BITMIME',
    'ask rcpt <"a> b"@example.com>', 'ask vrfy Smith and Jones',
    'ask rcpt <\\u{202e}\\u{9b}31m@example.com>', 'ask rcpt <"\\\\u{202e}\\u{41}\\u{2028}"@example.com>', 'ask vrfy a\\u{20}',
    'ask message <a@example.org> to <b@example.com> size=0',
    'accept', 'accept 250 2.1.5 ok', 'accept 220-two', 'accept 250', 'refuse 550 5.1.1 no such user', 'refuse 450-', 'refuse 421',
    'each 250 2.0.0 ok', 'each 450 4.2.1 busy', 'each 550-no', 'next 250 2.0.0 ok', 'start-tls', 'ask auth', 'ask auth password alice', 'ask auth authority alice as bob',
    'auth yes', 'auth no', 'auth unavailable', 'auth identity bob the builder', 'auth secret tanstaaftanstaaf',
    'auth credential SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    'data', 'content ""', 'content "a\\r\\n\\x00\\u00e9"', 'abort bare-lf', 'abort peer-gone',
    'ended accepted', 'ended refused unheard', 'ended peer-gone', 'leniency bareLfInCommand', 'notice early talk', 'unauthenticated credentials', 'unauthenticated cancelled \\u{202e}bob the builder', 'auth no the password has expired', 'auth transition', 'auth needs-tls say STARTTLS',
  ],
  client: [
    'mail <> to <b@example.com>',
    'mail <a@example.org> to <b@example.com> <"c d>"@example.com> <Postmaster>',
    'mail <a@example.org> to <b@example.com> size=0',
    'mail <a@example.org> to <b@example.com> 8bit',
    'mail <a@example.org> to <b@example.com> size=3 8bit content "a\\r\\n"',
    'mail <a@example.org> BODY=BINARYMIME AUTH=<> SMTPUTF8 RET=HDRS ENVID=x REQUIRETLS to <jürgen@example.com>',
    'mail <a@example.org> to <b@example.com> NOTIFY=NEVER <c@example.com> <d@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;D+2B@Example.com',
    'mail <\\u{2028}@example.org> to <"\\u{9b} \\u{feff}"@example.com> NOTIFY=NEVER',
    'start-tls',
    'mail <@x.example,@y.example:a@example.org> to <b@example.com> size=12345 8bit',
    'content "x"', 'content ends', 'content lost', 'done', 'quit', 'abort',
    'outcome <b@example.com> delivered 250 2.0.0 ok',
    'outcome <\\u{202e}\\u{2029}@example.com> delivered 250 2.0.0 ok',
    'outcome <b@example.com> failed in reply to RCPT: 550-no',
    'outcome <b@example.com> unknown (timeout) 451 4.4.2 timed out',
    'outcome <"b> failed 550"@example.com> deferred (connection-lost) in reply to end of mail data: 451 4.4.2 lost: gone',
  ],
};

const REJECTED: Readonly<Record<Subject, readonly string[]>> = {
  server: [
    '', 'Ask client', 'asks client', 'ask', 'ask sender', 'ask rcpt ', 'constructor',
    'accept  250 ok', 'accept ok', 'accept 550 no', 'accept 2500',
    'refuse', 'refuse 250 ok', 'refuse 354 ok', 'refuse 650 x', 'refuse no',
    'each', 'each 354 ok', 'next', 'next 354 ok', 'auth', 'auth maybe', 'auth yes please', 'auth identity', 'auth secret ', 'auth secret é', 'auth credential', 'auth credential x', 'start', 'start-tls now',
    'auth credential $scrypt$ln=14,r=8,p=5$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 'tls',
    'data 354', 'content', 'content x', 'content "x', 'content "\\q"', 'content "x" ', 'content ends', 'abort', 'abort bare', 'ended', 'ended well', 'ended reset unheard', 'leniency', 'leniency all', 'leniency toString', 'notice', 'notice early', 'unauthenticated', 'unauthenticated bob', 'unauthenticated no bob',
    'mail <> to <b@example.com>', 'quit', 'outcome <b@example.com> delivered 250 ok',
  ],
  client: [
    'ask client', 'accept', 'mail', 'mail <>', 'mail <> to', 'mail <a> to <b@example.com>', 'mail <> to <>', 'mail <> to b@example.com',
    'mail <>  to <b@example.com>', 'mail <> to <b@example.com> size=', 'mail <> to <b@example.com> size=01', 'mail <> FROB=1 to <b@example.com>', 'mail <> to <b@example.com> NOTIFY=', 'mail <> RET=NEVER to <b@example.com>', 'mail <> to <b@example.com> content "\\q"',
    'mail <> to <b@example.com> 8bit size=1', 'mail <> to <b@example.com> SIZE=1',
    'content end', 'done.', 'quit now', 'abort timeout',
    'outcome b@example.com delivered 250 ok', 'outcome <b@example.com> sent 250 ok', 'outcome <b@example.com> failed',
    'outcome <b@example.com> failed (bored) 550 no', 'outcome <b@example.com> failed 350 no',
    'outcome <b@example.com> failed in reply to: 550 no',
  ],
};

describe.each(['server', 'client'] as const)('a line of the application of a %s', (subject) => {
  it.each(LINES[subject])('is %j, there and back', (text) => {
    const line = parseApplicationLine(text, subject);
    expect(typeof line).toBe('object');
    expect(formatApplicationLine(line as ApplicationLine)).toBe(text); // the line above has made sure of it
  });

  it.each(REJECTED[subject])('is not %j', (text) => {
    expect(parseApplicationLine(text, subject)).toBeTypeOf('string');
  });
});

describe('the fault of a line of the application', () => {
  it('is the grammar of its first word, or the words that there are', () => {
    expect(parseApplicationLine('ask sender', 'server')).toBe('ask client|helo|auth|mail|rcpt|vrfy|message [DETAIL]');
    expect(parseApplicationLine('mail', 'server')).toBe('one of ask, accept, refuse, each, next, auth, data, start-tls, ended, leniency, notice, unauthenticated, content, abort');
  });
});
