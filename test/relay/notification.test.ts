import { describe, expect, it } from 'vitest';
import { formatNotification, isAskedFor, LARGEST_RETURNED, LONGEST_HEADER, mayNotify, mostReturned, notificationEnvelope, returnsContent } from '../../src/relay/notification.ts';
import type { Notification } from '../../src/relay/notification.ts';
import { encodeQuotedPrintable } from '../../src/relay/quoted-printable.ts';
import { formatExplanation, type ReportedRecipient } from '../../src/relay/report.ts';
import { ownVerdict } from '../../src/relay/own-verdict.ts';
import type { MailboxPath } from '../../src/syntax/path.ts';
import { reply, type Reply } from '../../src/syntax/reply.ts';
import { decodeLatin1, encodeAscii, isAscii } from '../../src/wire/ascii.ts';
import { DataEncoder } from '../../src/wire/data-encoder.ts';
import { concat, equal } from '../../src/wire/octet.ts';
import { decodeUtf8, encodeUtf8 } from '../../src/wire/utf8.ts';
import { cpuTime } from '../support/cpu-time.ts';
import { forwardPath, reversePath } from '../support/path.ts';

const ARRIVAL = Date.UTC(2026, 0, 1, 10, 0, 0);
const HOUR = 3_600_000;
const HEADER = 'Received: from a by relay.example.org; Thu, 1 Jan 2026 10:00:00 +0000\r\nSubject: lunch\r\nFrom: <alice@example.com>\r\n';

describe('whom a notification is sent to (RFC 5321 §6.1)', () => {
  it('is nobody where the reverse-path is null', () => {
    expect(mayNotify(reversePath('<>'))).toBe(false);
    expect(mayNotify(reversePath('<alice@example.com>'))).toBe(true);
  });

  // shows RFC5321:4.4-32 RFC5321:4.5.5-1 RFC5321:6.1-4 RFC5321:6.1-5 RFC5321:6.1-7 RFC5321:6.1-8 RFC5321:C-11 RFC3461:6.1-1 RFC3461:6.1-2
  // shows RFC3461:6.1-3 RFC3464:2-6 RFC3464:2-8 RFC3464:2-9 RFC3464:2-10
  it('is the final hop of a source route, with the null reverse-path', () => {
    const envelope = notificationEnvelope(sender('<@a.example,@b.example:user@d.example>'));
    expect(envelope).toEqual({ reversePath: reversePath('<>'), forwardPaths: [forwardPath('<user@d.example>')], parameters: {} });
  });

  // shows RFC8689:5-1 RFC8689:5-3
  it('needs SMTPUTF8 on its way where his address is not ASCII, and TLS where the mail did (RFC 8689 §5), and asks for nothing else', () => {
    const asked = { ret: 'FULL', envelopeId: 'x', body: '8BITMIME', smtpUtf8: true, auth: '<>' } as const;
    expect(notificationEnvelope(sender('<jörg@example.com>'), asked).parameters).toEqual({ smtpUtf8: true });
    expect(notificationEnvelope(sender('<alice@example.com>'), { ...asked, requireTls: true })).toMatchObject({ reversePath: { type: 'null' }, parameters: { requireTls: true } });
    expect(Object.keys(notificationEnvelope(sender('<alice@example.com>'), { ...asked, requireTls: true }).parameters)).toEqual(['requireTls']);
  });

  it('is named in the To field without the source route', () => {
    expect(parts({ sender: sender('<@a.example:user@d.example>') }).header.get('to')).toBe('<user@d.example>');
  });
});

describe('what the sender wants to be told (RFC 3461 §4.1, §5.2)', () => {
  const told = (notify: readonly ('SUCCESS' | 'FAILURE' | 'DELAY')[] | undefined): string =>
    (['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const).filter((action) => isAskedFor(action, notify === undefined ? {} : { notify })).join();
  it.each([
    [undefined, 'failed,delayed'],
    [[], ''],
    [['FAILURE'], 'failed'],
    [['DELAY'], 'delayed'],
    [['SUCCESS'], 'delivered,relayed,expanded'],
    [['SUCCESS', 'FAILURE', 'DELAY'], 'failed,delayed,delivered,relayed,expanded'],
  // shows RFC3461:4.1-9 RFC3461:5.2.5-3
  ] as const)('NOTIFY %j: %s', (notify, actions) => {
    expect(told(notify)).toBe(actions);
  });

  // shows RFC3461:6.2-4 RFC8689:5-2
  it('is asked for the whole content by RET=FULL, unless that is large, or was to travel under TLS only', () => {
    expect(returnsContent({ ret: 'FULL' }, LARGEST_RETURNED, 10)).toBe(true);
    for (const [parameters, size] of [[{}, 1], [{ ret: 'HDRS' }, 1], [{ ret: 'FULL' }, LARGEST_RETURNED + 1], [{ ret: 'FULL', requireTls: true }, 1]] as const) expect(returnsContent(parameters, size, 1)).toBe(false);
  });

  // found by a thousand recipients in as many domains that are none: their reports were a thousand times the mail
  it('all reports of a mail return ten times the largest content, however many recipients have one of their own', () => {
    for (const recipients of [1, 10, 11, 100, 1000]) {
      expect(recipients * mostReturned(recipients)).toBeLessThanOrEqual(10 * LARGEST_RETURNED);
      for (const more of [0, 1]) expect(returnsContent({ ret: 'FULL' }, mostReturned(recipients) + more, recipients)).toBe(more === 0);
    }
    expect(mostReturned(160)).toBe(LONGEST_HEADER);
    expect(mostReturned(100_000)).toBe(2048);
  });

  // found by next hops at random: a smarthost that refused the mail refused the report for the same reason, and nobody was told
  it.each<[string, Reply, boolean]>([
    ['the content needs what the host does not offer', reply(554, '5.6.3', 'no 8BITMIME'), false],
    ['the mail is larger than the host takes', reply(552, '5.3.4', 'too large'), false],
    ['the mail is larger than the mailbox takes', reply(552, '5.2.3', 'too large'), false],
    ['so says a host whose codes contradict each other', { code: 554, enhanced: undefined, lines: ['4.6.3 no 8BITMIME'] }, false],
    ['there is no such user', reply(550, '5.1.1', 'no such user'), true],
  ])('it is not where it would be refused like the mail: %s', (_, said, expected) => {
    expect(returnsContent({ ret: 'FULL' }, 1, 1, [reply(550, '5.1.1', 'no such user'), said])).toBe(expected);
  });
});

describe('a delivery status notification (RFC 3464)', () => {
  // shows RFC5321:4.4-18 RFC3461:6.3-2 RFC3461:6.3-4 RFC3461:6.3-5 RFC3461:6.3-6 RFC3461:6.3-8 RFC3461:6.3-10 RFC3461:6.3-11 RFC3461:6.3-12
  // shows RFC3461:6.3-13 RFC3461:6.3-14 RFC3461:6.3-17 RFC3461:6.3-18 RFC3461:6.3-20 RFC3461:9.2-2 RFC3461:9.3-2 RFC3464:2-6 RFC3464:2-7
  // shows RFC3464:2-11 RFC3464:2.1-1 RFC3464:2.1-2 RFC3464:2.2-1 RFC3464:2.2.1-2 RFC3464:2.2.2-1 RFC3464:2.2.2-2 RFC3464:2.2.3-1
  // shows RFC3464:2.2.5-1 RFC3464:2.3.1-2 RFC3464:2.3.2-1 RFC3464:2.3.6-1 RFC3464:2.3.6-3 RFC3464:2.3.7-2 RFC3464:3-1 RFC3464:3-2
  it('tells of a failure', () => {
    expect(written({ recipients: [failed()] })).toBe(
      crlf(`From: Mail Delivery System <postmaster@relay.example.org>
To: <alice@example.com>
Subject: Your mail was not delivered
Date: Thu, 1 Jan 2026 10:00:02 +0000
Message-ID: <m1-0@relay.example.org>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary="=_1_m1-0"

--=_1_m1-0
Content-Type: text/plain; charset=us-ascii
Content-Transfer-Encoding: 7bit

This is the mail system of relay.example.org, about the mail that it took
from you on Thu, 1 Jan 2026 10:00:00 +0000.

It could not be delivered to:

<bob@example.net>
    mx.example.net said: 550 5.1.1 no such user

It will not be tried again. Please check the address, and send the mail
again if it was wrong. If it was right, the people who run the mail system
of the recipient can tell more, best with this report before them.

--=_1_m1-0
Content-Type: message/delivery-status
Content-Transfer-Encoding: 7bit

Reporting-MTA: dns; relay.example.org
Arrival-Date: Thu, 1 Jan 2026 10:00:00 +0000

Final-Recipient: rfc822; bob@example.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.net
Diagnostic-Code: smtp; 550 5.1.1 no such user
Last-Attempt-Date: Thu, 1 Jan 2026 10:00:01 +0000

--=_1_m1-0
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 7bit

Received: from a by relay.example.org; Thu, 1 Jan 2026 10:00:00 +0000
Subject: lunch
From: <alice@example.com>

--=_1_m1-0--
`),
    );
  });

  // shows RFC3461:6.3-1 RFC3461:6.3-3 RFC3461:6.3-9 RFC3464:2.1-3 RFC3464:2.2-2 RFC3464:2.2.1-3 RFC3464:2.2.1-4 RFC3464:2.3-2
  // shows RFC3464:2.3.1-2 RFC3464:2.3.9-2
  it('tells of a delay', () => {
    const date = ARRIVAL + 4 * HOUR;
    const carol = { ...failed(), ...delayed, originalRecipient: 'rfc822;Carol+2Bx@Example.Net' };
    expect(written({ id: 'm2-1', date, envelopeId: 'QQ+2B314159', recipients: [carol] })).toBe(
      crlf(`From: Mail Delivery System <postmaster@relay.example.org>
To: <alice@example.com>
Subject: Your mail is delayed
Date: Thu, 1 Jan 2026 14:00:00 +0000
Message-ID: <m2-1@relay.example.org>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary="=_1_m2-1"

--=_1_m2-1
Content-Type: text/plain; charset=us-ascii
Content-Transfer-Encoding: 7bit

This is the mail system of relay.example.org, about the mail that it took
from you on Thu, 1 Jan 2026 10:00:00 +0000.

It has not been delivered yet to:

<carol@example.net>
    The reason: 451 4.4.3 the DNS did not answer
    It is tried until Tue, 6 Jan 2026 10:00:00 +0000.

This is only a warning. There is no need to send the mail again: it is
tried further, and you will be told if that is in vain.

--=_1_m2-1
Content-Type: message/delivery-status
Content-Transfer-Encoding: 7bit

Original-Envelope-Id: QQ+314159
Reporting-MTA: dns; relay.example.org
Arrival-Date: Thu, 1 Jan 2026 10:00:00 +0000

Original-Recipient: rfc822; Carol+x@Example.Net
Final-Recipient: rfc822; carol@example.net
Action: delayed
Status: 4.4.3
Diagnostic-Code: X-ehlo; 451 4.4.3 the DNS did not answer
Last-Attempt-Date: Thu, 1 Jan 2026 10:00:01 +0000
Will-Retry-Until: Tue, 6 Jan 2026 10:00:00 +0000

--=_1_m2-1
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 7bit

Received: from a by relay.example.org; Thu, 1 Jan 2026 10:00:00 +0000
Subject: lunch
From: <alice@example.com>

--=_1_m2-1--
`),
    );
  });

  // shows RFC3461:6.2-1 RFC3461:6.2-2 RFC3461:6.2-6 RFC3464:2-1 RFC3464:2-2 RFC3464:2-3 RFC3464:2-4 RFC3464:2-5
  it('has three parts, the second of the type that its report-type names (RFC 6522 §3)', () => {
    const { header, bodies } = parts({});
    expect(header.get('content-type')).toMatch(/^multipart\/report; report-type=delivery-status; boundary=/);
    expect(bodies.map(({ type }) => type)).toEqual(['text/plain; charset=us-ascii', 'message/delivery-status', 'text/rfc822-headers']);
  });

  // shows RFC5321:4.4-29 RFC5321:4.4-30 RFC3464:2-12 RFC3464:2.3-1 RFC3464:2.3.3-1 RFC3464:2.3.3-2 RFC3464:2.3.3-3 RFC3464:2.3.3-4
  it('tells of recipients with different fates in one report, each in a group of its own', () => {
    const fates = ['delivered', 'delayed', 'expanded', 'failed', 'relayed'] as const;
    const recipients = fates.map((action) => ({ ...failed(`<${action}@example.net>`), action, reply: reply(action === 'delayed' ? 450 : action === 'failed' ? 550 : 250, undefined, action) }));
    const { header, groups, words } = parts({ recipients });
    expect(header.get('subject')).toBe('Your mail was not delivered');
    expect(groups.slice(1).map((group) => [group.get('final-recipient'), group.get('action'), group.get('status')])).toEqual([
      ['rfc822; delivered@example.net', 'delivered', '2.0.0'],
      ['rfc822; delayed@example.net', 'delayed', '4.0.0'],
      ['rfc822; expanded@example.net', 'expanded', '2.0.0'],
      ['rfc822; failed@example.net', 'failed', '5.0.0'],
      ['rfc822; relayed@example.net', 'relayed', '2.0.0'],
    ]);
    // What the sender has to act on comes first.
    expect([...words.matchAll(/^<(\w+)@/gm)].map(([, name]) => name)).toEqual(['failed', 'delayed', 'delivered', 'relayed', 'expanded']);
    expect(parts({ recipients: recipients.slice(0, 3) }).header.get('subject')).toBe('Your mail is delayed');
  });

  it('tells of more recipients than a call has arguments', () => {
    expect(formatExplanation({ reportingMta: 'relay.example.org', arrival: ARRIVAL, recipients: Array.from({ length: 45_000 }, () => failed()) }).match(/\n<bob@example\.net>/g)).toHaveLength(45_000);
  });

  // shows RFC3464:2.3.9-1
  it('says Will-Retry-Until of what is delayed only (§2.3.9)', () => {
    const { groups, words } = parts({ recipients: [{ ...failed(), willRetryUntil: ARRIVAL }] });
    expect(groups[1]?.has('will-retry-until')).toBe(false);
    expect(words).not.toContain('It is tried until');
  });

  // shows RFC3464:2.3.3-3
  it('fails expired mail with what was said last, in class 4 (RFC 3464 §2.3.3)', () => {
    const { groups, words } = parts({ recipients: [{ ...failed(), reply: reply(450, '4.2.0', 'try later') }] });
    expect([groups[1]?.get('action'), groups[1]?.get('status')]).toEqual(['failed', '4.2.0']);
    expect(words).toContain('It was tried until Thu, 1 Jan 2026 10:00:01 +0000, and then given up.');
  });

  // shows RFC3464:2.3.5-1
  it('names no remote host, and no smtp, for a verdict of its own (§2.3.5)', () => {
    const { groups, words } = parts({ recipients: [{ forwardPath: forwardPath('<bob@nowhere.example>'), action: 'failed', reply: ownVerdict('nxdomain').reply }] });
    expect(groups[1]?.has('remote-mta')).toBe(false);
    expect(groups[1]?.get('diagnostic-code')).toBe('X-ehlo; 550 5.1.2 the domain does not exist');
    expect(words).toContain('    The reason: 550 5.1.2 the domain does not exist');
  });

  it.each([
    ['the enhanced code of the reply', 'failed', { code: 550, enhanced: '5.1.1' }, '5.1.1'],
    ['the class of the reply', 'failed', { code: 550, enhanced: undefined }, '5.0.0'],
    ['the class of a temporary reply', 'failed', { code: 450, enhanced: undefined }, '4.0.0'],
    ['the class of the reply where the codes contradict each other', 'failed', { code: 550, enhanced: '4.2.0' }, '5.2.0'],
    ['the class of the reply where the enhanced code is none', 'failed', { code: 450, enhanced: '4.02.0\r\nX: y' }, '4.0.0'],
    ['class 4 for a delay, whatever the reply', 'delayed', { code: 552, enhanced: '5.5.3' }, '4.5.3'],
    ['class 5 for a failure that no class says', 'failed', { code: 354, enhanced: undefined }, '5.0.0'],
    ['class 2 for success, whatever the reply', 'delivered', { code: 550, enhanced: '5.1.1' }, '2.1.1'],
  // shows RFC3461:6.3-15 RFC3461:6.3-16 RFC3464:2.3.4-1 RFC3464:2.3.4-6
  ] as const)('has as its status %s', (_, action, codes, status) => {
    expect(parts({ recipients: [{ ...failed(), action, reply: { ...codes, lines: ['x'] } }] }).groups[1]?.get('status')).toBe(status);
  });

  // shows RFC3461:6.3-7
  it('does not call a name that is not fully qualified one of the DNS (RFC 3461 §6.3 (b))', () => {
    expect(parts({ reportingMta: 'localhost' }).groups[0]?.get('reporting-mta')).toBe('x-local-hostname; localhost');
    expect(parts({ reportingMta: '[192.0.2.1]' }).groups[0]?.get('reporting-mta')).toBe('dns; [192.0.2.1]');
  });

  it.each([
    ['192.0.2.25', '[192.0.2.25]'],
    ['2001:DB8::25', '[IPv6:2001:db8::25]'],
    ['mx_1.example.net', 'mx_1.example.net'],
    ['mx\r\nBcc: (x);y', 'mx??Bcc:??x??y'],
  ])('names the host %j %s', (host, name) => {
    expect(parts({ recipients: [{ ...failed(), host }] }).groups[1]?.get('remote-mta')).toBe(`dns; ${name}`);
  });

  it('names the postmaster of this host as RCPT did', () => {
    expect(parts({ recipients: [failed('<Postmaster>')] }).groups[1]?.get('final-recipient')).toBe('rfc822; Postmaster');
  });

  // shows RFC3461:9.1-1 RFC3464:2.3.2-3
  it('keeps the spelling of a quoted local part', () => {
    expect(parts({ recipients: [failed('<"a  (b"@example.net>')] }).groups[1]?.get('final-recipient')).toBe('rfc822; "a  (b"@example.net');
  });

  it.each([
    ['rfc822;Bob@Example.Net', 'rfc822; Bob@Example.Net'],
    ['rfc822;a+2Bb+3D@c', 'rfc822; a+b=@c'],
    ['rfc822;a+20b@c', 'rfc822; a b@c'],
    ['rfc822;a+0D+0AX:+20y@c', 'rfc822; a+0D+0AX:+20y@c'], // decoded it has no place in a field
    ['rfc822;a\r\nX: y', 'rfc822; a??X:?y'],
    ['rfc822;', 'rfc822;'],
    ['utf-8;\\x{E9}@c', 'utf-8; \\x{E9}@c'],
    ['utf-8;é@c', 'utf-8; \\x{E9}@c'],
    ['no address', undefined],
  // shows RFC3461:6.3-9
  ])('makes of the ORCPT %j the Original-Recipient %j (RFC 3461 §6.3 (d))', (originalRecipient, expected) => {
    expect(parts({ recipients: [{ ...failed(), originalRecipient }] }).groups[1]?.get('original-recipient')).toBe(expected);
  });

  it('leaves out an ORCPT and an ENVID that no line can hold', () => {
    const reported = (octets: number) => parts({ envelopeId: 'x'.repeat(octets), recipients: [{ ...failed(), originalRecipient: `rfc822;${'a'.repeat(octets - 'rfc822; '.length)}` }] }).groups;
    expect(reported(900).map((group) => [group.has('original-envelope-id'), group.has('original-recipient')])).toEqual([[true, false], [false, true]]);
    expect(reported(901).map((group) => [group.has('original-envelope-id'), group.has('original-recipient')])).toEqual([[false, false], [false, false]]);
  });

  // shows RFC5321:2.3.1-1
  it('writes an address that is not ASCII in the form for 7-bit mail, and as it is in the words', () => {
    const { groups, words, octets } = parts({ recipients: [failed('<jörg+x@例え.example>')] });
    expect(groups[1]?.get('final-recipient')).toBe('utf-8; j\\x{F6}rg\\x{2B}x@\\x{4F8B}\\x{3048}.example');
    expect(words).toContain('<jörg+x@例え.example>');
    expect(isAscii(octets)).toBe(true);
  });

  it('writes to a sender whose address is not ASCII in UTF-8 (RFC 6532)', () => {
    const { header } = parts({ sender: sender('<jörg@example.com>') });
    expect(decodeUtf8(Uint8Array.from(header.get('to') ?? '', (character) => character.charCodeAt(0)))).toBe('<jörg@example.com>');
  });
});

describe('a notification to a sender whose address is not ASCII (RFC 6533)', () => {
  const jörg = sender('<jörg@example.com>');
  const carol = { ...failed('<jörg+x@例え.example>'), originalRecipient: 'utf-8;j\\x{F6}rg@c' };
  const utf8 = (octets: string): string | undefined => decodeUtf8(Uint8Array.from(octets, (character) => character.charCodeAt(0)));

  // shows RFC6531:3.2-12 RFC6531:3.2-15
  it('writes addresses in its fields as they are', () => {
    const { bodies, groups, header } = parts({ sender: jörg, recipients: [carol] });
    expect(bodies[1]).toMatchObject({ type: 'message/global-delivery-status', encoding: '8bit' });
    expect(utf8(groups[1]?.get('final-recipient') ?? '')).toBe('utf-8; jörg+x@例え.example');
    expect(groups[1]?.get('original-recipient')).toBe('utf-8; j\\x{F6}rg@c');
    expect(header.get('content-transfer-encoding')).toBe('8bit');
  });

  it('returns header and content in UTF-8 as they were', () => {
    const content = encodeUtf8('Subject: été\r\n\r\nx\r\n');
    expect(parts({ sender: jörg, original: { header: content } }).bodies[2]).toMatchObject({ type: 'message/global-headers', encoding: '8bit' });
    const { bodies, returned } = parts({ sender: jörg, original: { header: content, content } });
    expect(bodies[2]).toMatchObject({ type: 'message/global', encoding: '8bit' });
    expect(returned).toEqual(content);
  });

  it('to one whose address is ASCII, it returns a header in UTF-8 as one, for 7 bits', () => {
    const header = encodeUtf8('Subject: été\r\n');
    const { bodies, returned, octets } = parts({ original: { header, content: header } });
    expect(bodies[2]).toMatchObject({ type: 'message/global-headers', encoding: 'quoted-printable' });
    expect(returned).toEqual(header);
    expect(isAscii(octets)).toBe(true);
  });
});

describe('what peers said', () => {
  // shows RFC3461:9.2-1 RFC3461:9.2-3
  it('is written with each of its lines, whose code says which is the last (RFC 3461 §9.2)', () => {
    const text = written({ recipients: [{ ...failed(), reply: reply(550, '5.1.1', 'mailbox unavailable', 'user has moved') }] });
    expect(text).toContain('\r\nDiagnostic-Code: smtp; 550-5.1.1 mailbox unavailable\r\n 550 5.1.1 user has moved\r\n');
    expect(text).toContain('\r\n    mx.example.net said: 550-5.1.1 mailbox unavailable\r\n    550 5.1.1 user has moved\r\n');
  });

  it('in UTF-8 is written so in the words, and in the fields where they are in UTF-8 (RFC 6533 §3)', () => {
    const recipients = [{ ...failed('<jörg@example.net>'), reply: reply(550, '5.1.1', 'jörg 用户 ist unbekannt') }];
    const utf8 = (octets: string): string | undefined => decodeUtf8(Uint8Array.from(octets, (character) => character.charCodeAt(0)));
    const { words, groups, octets } = parts({ recipients });
    expect(words).toContain('said: 550 5.1.1 jörg 用户 ist unbekannt\r\n');
    expect(groups[1]?.get('diagnostic-code')).toBe('smtp; 550 5.1.1 j?rg ?? ist unbekannt');
    expect(isAscii(octets)).toBe(true);
    expect(utf8(parts({ recipients, sender: sender('<jörg@example.com>') }).groups[1]?.get('diagnostic-code') ?? '')).toBe('smtp; 550 5.1.1 jörg 用户 ist unbekannt');
  });

  // shows RFC3464:2.1.1-1
  it('is folded at its spaces', () => {
    const said = Array.from({ length: 200 }, () => 'x').join(' ');
    const { octets, groups } = parts({ recipients: [{ ...failed(), reply: reply(550, undefined, said) }] });
    expect(groups[1]?.get('diagnostic-code')).toBe(`smtp; 550 ${said}`);
    expect(Math.max(...decodeLatin1(octets).split('\r\n').map((line) => line.length))).toBe(75);
  });

  it('is cut where it is long', () => {
    const lines = Array.from({ length: 500 }, () => 'x'.repeat(4000));
    const { octets, groups } = parts({ recipients: [{ ...failed(), reply: { code: 550, enhanced: undefined, lines } }] });
    expect(groups[1]?.get('diagnostic-code')).toMatch(/^smtp; (?:550-x{477}\.{3} ){9}550 x{477}\.{3}$/);
    expect(octets.length).toBeLessThan(16_384);
  });

  it('is cut further where it is much of many, and is no part of a report that grows by what hosts say', () => {
    const wordy = { code: 550, enhanced: '5.1.1', lines: Array.from({ length: 10 }, () => '用户'.repeat(240)) };
    const recipients = Array.from({ length: 100 }, (_, index) => ({ ...failed(`<bob${index}@example.net>`), reply: wordy }));
    const { octets, groups } = parts({ recipients });
    expect(groups).toHaveLength(101);
    expect(groups[100]?.get('diagnostic-code')).toMatch(/^smtp; 550 5\.1\.1 \?{97}\.{3}$/);
    expect(octets.length).toBeLessThan(200_000);
    const terse = parts({ recipients: recipients.map((each) => ({ ...each, reply: reply(550, '5.1.1', 'no such user', 'x'.repeat(110)) })) });
    expect(terse.groups[100]?.get('diagnostic-code')).toBe(`smtp; 550-5.1.1 no such user 550 5.1.1 ${'x'.repeat(110)}`);
  });

  const attacks = [
    'no\r\nBcc: victim@example.com',
    'no\r\n\r\nAction: delivered',
    'no\nStatus: 2.0.0',
    'no\rStatus: 2.0.0',
    '\r\n--=_1_m1-0\r\nContent-Type: text/html\r\n\r\n<b>',
    '--=_1_m1-0--',
    '\u0000\u001b[31m\u0085\u2028\ud800',
    '.',
    '   \t   ',
    '',
  ];

  // shows RFC3464:2.4-1
  it.each(attacks)('makes no field, part or line of its own: %j', (attack) => {
    const { header, groups, bodies } = parts({
      envelopeId: attack,
      recipients: [{ ...failed(), host: attack, originalRecipient: `rfc822;${attack}`, reply: { code: 550, enhanced: undefined, lines: [attack, attack] } }],
      original: { header: encodeUtf8(`Subject: ${attack}\r\n`) },
    });
    expect(bodies).toHaveLength(3);
    expect([...header.keys()]).toEqual(['from', 'to', 'subject', 'date', 'message-id', 'auto-submitted', 'mime-version', 'content-type']);
    expect(groups).toHaveLength(2);
    expect([groups[1]?.get('action'), groups[1]?.get('status')]).toEqual(['failed', '5.0.0']);
    expect([...(groups[1]?.keys() ?? [])].filter((name) => name !== 'original-recipient')).toEqual(['final-recipient', 'action', 'status', 'remote-mta', 'diagnostic-code', 'last-attempt-date']);
  });
});

describe('the returned part', () => {
  it('is the header alone, up to the empty line', () => {
    for (const beginning of [HEADER, `${HEADER}\r\n`, `${HEADER}\r\nbody\r\n\r\nmore`]) {
      expect(parts({ original: { header: encodeAscii(beginning) } }).returned).toEqual(encodeAscii(HEADER));
    }
    expect(parts({ original: { header: encodeAscii('\r\nbody') } }).returned).toHaveLength(0);
    expect(parts({ original: { header: encodeAscii('') } }).returned).toHaveLength(0);
  });

  it('is cut at the end of a line', () => {
    const line = `X: ${'x'.repeat(95)}\r\n`;
    const { returned } = parts({ original: { header: encodeAscii(line.repeat(1000)) } });
    expect(equal(returned, encodeAscii(line.repeat(Math.floor(LONGEST_HEADER / 100))))).toBe(true);
    expect(parts({ original: { header: new Uint8Array(100_000).fill(0x78) } }).returned).toHaveLength(LONGEST_HEADER);
    for (const times of [30, 1000]) expect(parts({ original: { header: encodeAscii(line.repeat(times)), most: 2048 } }).returned).toHaveLength(2000);
  });

  it.each([
    ['octets above 0x7f', 'Subject: \xe9t\xe9\r\n'],
    ['a line of 999 octets', `X: ${'x'.repeat(996)}\r\n`],
    ['a bare CR', 'X: a\rb\r\n'],
    ['a bare LF', 'X: a\nb\r\n'],
    ['NUL', 'X: \0\r\n'],
    ['a CR at its end', 'X: a\r'],
  ])('is in quoted-printable, and loses nothing, where the header has %s (RFC 6522 §4)', (_, text) => {
    const header = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const { bodies, returned, octets } = parts({ original: { header } });
    expect(bodies[2]).toMatchObject({ type: 'text/rfc822-headers', encoding: 'quoted-printable' });
    expect(returned).toEqual(header);
    expect(isAscii(octets)).toBe(true);
  });

  const eightBit = concat([encodeAscii(`${HEADER}\r\n`), Uint8Array.of(0xe9, 0x0d, 0x0a)]);

  // shows RFC3461:6.2-3
  it('is the whole content where that is wanted and a recipient failed (RFC 3461 §6.2)', () => {
    const content = encodeAscii(`${HEADER}\r\n.\r\n--=_1_m1-0\r\n${'x'.repeat(997)}\x7f\r\nno end of line`);
    const { bodies, returned, header } = parts({ original: { header: content, content } });
    expect(bodies[2]).toMatchObject({ type: 'message/rfc822', encoding: '7bit' });
    expect(returned).toEqual(content);
    expect(header.has('content-transfer-encoding')).toBe(false);
  });

  // shows RFC3461:6.2-6
  it('is labelled 8bit, and so is the report, where the content is (RFC 2045 §6.4), and whoever gets it takes SMTPUTF8', () => {
    const { bodies, returned, header } = parts({ sender: sender('<jörg@example.com>'), original: { header: eightBit, content: eightBit } });
    expect(bodies[2]).toMatchObject({ type: 'message/rfc822', encoding: '8bit' });
    expect(returned).toEqual(eightBit);
    expect(header.get('content-transfer-encoding')).toBe('8bit');
  });

  it.each([
    ['nothing failed', { recipients: [{ ...failed(), ...delayed }] }, HEADER, eightBit],
    ['the header is not ASCII', {}, 'S: \xe9\r\n', Uint8Array.from('S: \xe9\r\n\r\nx', (character) => character.charCodeAt(0))],
    ['the content is 8-bit, which the host of the sender may not take', {}, HEADER, eightBit],
    ['the content has a bare LF', {}, HEADER, encodeAscii(`${HEADER}\r\na\nb`)],
    ['the content has a line of 999 octets', {}, HEADER, encodeAscii(`${HEADER}\r\n${'x'.repeat(999)}`)],
  // shows RFC3461:4.3-5 RFC3461:6.2-5
  ])('is the header all the same where %s', (_, change, header, content) => {
    const { bodies, returned } = parts({ ...change, original: { header: content, content } });
    expect(bodies[2]?.type).toBe('text/rfc822-headers');
    expect(decodeLatin1(returned)).toBe(header);
  });
});

describe('the boundary', () => {
  it('is the first that occurs in no part', () => {
    const header = encodeAscii('X: =_1_m1-0\r\nX: =_2_m1-0x\r\nX: =_3_other\r\nX: =_04_m1-0\r\n');
    expect(boundaryOf({ original: { header } })).toBe('=_3_m1-0');
    expect(boundaryOf({ recipients: [{ ...failed(), reply: reply(550, undefined, '=_1_m1-0 =_3_m1-0') }] })).toBe('=_2_m1-0');
  });

  it('has at most 70 characters of those that need no care (RFC 2046 §5.1.1)', () => {
    expect(boundaryOf({ id: `a"b\r\n${'c'.repeat(100)}` })).toMatch(/^=_1_ab[c]{48}$/);
  });

  it('is found in linear time in a megabyte that takes boundaries', () => {
    const taken = Array.from({ length: 60_000 }, (_, index) => `=_${index + 1}_m1-0`).join('\r\n');
    const content = encodeAscii(`${HEADER}\r\n${taken}`);
    for (const hostile of [content, encodeAscii('=_'.repeat(1 << 16)), encodeAscii(`=_${'1'.repeat(900)}\r\n`.repeat(1000))]) {
      expect(cpuTime(() => boundaryOf({ original: { header: hostile, content: hostile } }))).toBeLessThan(1_000);
    }
    expect(boundaryOf({ original: { header: content, content } })).toBe('=_60001_m1-0');
  });
});

describe('quoted-printable (RFC 2045 §6.7)', () => {
  it.each([
    ['a=b', 'a=3Db'],
    ['a \r\nb\t', 'a=20\r\nb=09'],
    ['a b\tc', 'a b\tc'],
    ['\r\r\n\n', '=0D\r\n=0A'],
    ['\x7f\xff', '=7F=FF'],
    ['x'.repeat(76), `${'x'.repeat(75)}=\r\nx`],
    [`${'x'.repeat(73)}=y`, `${'x'.repeat(73)}=\r\n=3Dy`],
  ])('writes %j as %j', (text, encoded) => {
    expect(encodeQuotedPrintable(Uint8Array.from(text, (character) => character.charCodeAt(0)))).toBe(encoded);
  });

  it('is read back as it was, over all words of up to six pieces', () => {
    let words = [''];
    for (let length = 1; length <= 6; length += 1) {
      words = words.flatMap((word) => ['\r', '\n', ' ', '=', 'x'.repeat(30)].map((piece) => word + piece));
      for (const word of words) {
        const encoded = encodeQuotedPrintable(encodeAscii(word));
        const lines = encoded.split('\r\n');
        if (unquote(encoded) !== word || lines.some((line) => line.length > 76 || / $|[^ -~]/.test(line))) expect.fail(JSON.stringify(word));
      }
    }
  });
});

// Makers. ------------------------------------------------------------------------------------------------------------

function sender(text: string): MailboxPath {
  const path = reversePath(text);
  if (path.type === 'null') throw new Error(text);
  return path;
}

function failed(path = '<bob@example.net>'): ReportedRecipient & { readonly host: string } {
  return { forwardPath: forwardPath(path), action: 'failed', reply: reply(550, '5.1.1', 'no such user'), host: 'mx.example.net', lastAttempt: ARRIVAL + 1000 };
}

/** To be laid over `failed()`. */
const delayed = {
  forwardPath: forwardPath('<carol@example.net>'),
  action: 'delayed',
  reply: ownVerdict('dns-failure').reply,
  host: undefined as unknown as string,
  willRetryUntil: ARRIVAL + 120 * HOUR,
} as const;

function make(change: Partial<Notification>): Uint8Array {
  return formatNotification({
    id: 'm1-0',
    reportingMta: 'relay.example.org',
    sender: sender('<alice@example.com>'),
    arrival: ARRIVAL,
    date: ARRIVAL + 2000,
    recipients: [failed()],
    original: { header: encodeAscii(HEADER) },
    ...change,
  });
}

/** The notification as text, when it has been seen to be clean on the wire. */
function written(change: Partial<Notification>): string {
  const octets = make(change);
  const encoder = new DataEncoder();
  encoder.write(octets);
  expect(encoder.end()).toEqual(encodeAscii('.\r\n'));
  expect(encoder.fault).toBeUndefined();
  const text = decodeLatin1(octets);
  for (const line of text.split('\r\n')) {
    if (line.length > 998 || line.includes('\0')) expect.fail(`a line of ${line.length} octets: ${line.slice(0, 80)}`);
  }
  return text;
}

function boundaryOf(change: Partial<Notification>): string {
  return /boundary="([^"]*)"/.exec(written(change))?.[1] ?? '';
}

function crlf(text: string): string {
  return text.replaceAll('\n', '\r\n');
}

// A reader of MIME that knows nothing of how these are written. -------------------------------------------------------

interface Read {
  readonly octets: Uint8Array;
  readonly header: Fields;
  readonly bodies: readonly { readonly type: string; readonly encoding: string; readonly body: string }[];
  readonly words: string;
  readonly groups: readonly Fields[];
  readonly returned: Uint8Array;
}

type Fields = ReadonlyMap<string, string>;

function parts(change: Partial<Notification>): Read {
  const text = written(change);
  const { header, body } = entity(text);
  const boundary = /boundary="([^"]*)"/.exec(header.get('content-type') ?? '')?.[1] ?? '';
  // RFC 2046 §5.1.1: the CRLF before a delimiter belongs to it, and white space may follow it.
  const pieces = body.split(new RegExp(`(?:^|\r\n)--${boundary.replace(/[^\w]/g, '\\$&')}(?:--)?[ \t]*(?=\r\n|$)`));
  expect(pieces.pop()).toBe('\r\n');
  expect(pieces.shift()).toBe('');
  const bodies = pieces.map((piece) => {
    const part = entity(piece.slice('\r\n'.length));
    const encoding = part.header.get('content-transfer-encoding') ?? '7bit';
    return { type: part.header.get('content-type') ?? '', encoding, body: encoding === 'quoted-printable' ? unquote(part.body) : part.body };
  });
  const [words, status, returned] = bodies.map((part) => Uint8Array.from(part.body, (character) => character.charCodeAt(0)));
  return {
    octets: make(change),
    header,
    bodies,
    words: decodeUtf8(words ?? new Uint8Array(0)) ?? '',
    groups: decodeLatin1(status ?? new Uint8Array(0)).trimEnd().split('\r\n\r\n').map(fields),
    returned: returned ?? new Uint8Array(0),
  };
}

function entity(text: string): { readonly header: Fields; readonly body: string } {
  const end = text.indexOf('\r\n\r\n');
  return { header: fields(text.slice(0, end)), body: text.slice(end + 4) };
}

/** RFC 5322 §2.2: a name, a colon, and what follows unfolded; a name comes at most once. */
function fields(text: string): Fields {
  const map = new Map<string, string>();
  for (const line of text.trimEnd().replace(/\r\n(?=[ \t])/g, '').split('\r\n')) {
    const [, name = '', value = ''] = /^([!-9;-~]+): (.*)$/.exec(line) ?? [];
    if (name === '' || map.has(name.toLowerCase())) expect.fail(`no field: ${JSON.stringify(line)}`);
    map.set(name.toLowerCase(), value);
  }
  return map;
}

function unquote(text: string): string {
  return text.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}
