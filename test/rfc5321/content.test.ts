// What a relay and a final host do to content: nothing, but for trace fields in front (RFC 5321 §3.6.3, §4.4, §6.4).

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RelayHost } from '../support/relay-host.ts';
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.ts';
import { until } from '../support/turn.ts';

/** All that a message can have wrong with it, and carries on. */
const WRONG: readonly (readonly [string, string])[] = [
  ['no header at all', 'no header\r\n'],
  ['no From, no Date, no Message-ID', 'Subject: hi\r\n\r\nhello\r\n'],
  ['two of each', 'From: a@b\r\nFrom: c@d\r\nDate: x\r\nDate: y\r\nSubject: 1\r\nSubject: 2\r\n\r\nhello\r\n'],
  ['Resent- fields that do not match', 'Resent-To: carol@c.test\r\nResent-From: a@b\r\nResent-From: c@d\r\nFrom: a@b\r\n\r\nhello\r\n'],
  ['Resent-To alone', 'Resent-To: carol@c.test\r\n\r\nhello\r\n'],
  ['trace fields of no format', 'Received: by carrier pigeon\r\nReceived:\r\nReturn-Path: nobody at all\r\nFrom: a@b\r\n\r\nhello\r\n'],
  ['a Return-Path of its own', 'Return-Path: <eve@evil.test>\r\nReceived: from x by y; 1 Jan 1970 00:00:00 +0000\r\nFrom: a@b\r\n\r\nhello\r\n'],
  ['a thousand addresses in To', `To: ${Array.from({ length: 1000 }, (_, at) => `user${at}@b.test`).join(',\r\n ')}\r\n\r\nhello\r\n`],
  ['a MIME structure that does not hold', 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: none\r\n\r\n--y\r\n'],
  ['unqualified addresses, a zone without offset, two digits for the year', 'From: alice\r\nTo: bob@b\r\nDate: 1 Jan 26 00:00:00 EST\r\n\r\nhello\r\n'],
  ['controls, and lines of one dot', '\x00\x07\x0b\x1b[2J\t\x7f\r\n.\r\n..\r\n\r\n'],
  ['another envelope', 'From: <x@x.test>\r\nTo: <y@y.test>\r\nBcc: <z@z.test>\r\nApparently-To: <w@w.test>\r\nErrors-To: <e@e.test>\r\n\r\nhello\r\n'],
];

/** The field as it stands there, wherever it is folded. */
const RECEIVED = [
  'Received: from client\\.test \\(\\[127\\.0\\.0\\.1\\]\\) by mx\\.test with ESMTP id \\w+ for <bob@(?:b|local)\\.test>;',
  '\\w{3}, \\d{1,2} \\w{3} \\d{4} \\d\\d:\\d\\d:\\d\\d [+-]\\d{4}\r\n',
].join(' ').replace(/(?<!:) /g, '(?: |\r\n\t)');

describe('a relay', () => {
  let next: ScriptedServer;
  let host: RelayHost;
  beforeAll(async () => {
    next = await startScriptedServer(['S: 220 next.test', 'C: EHLO', 'S: 250 next.test', 'C: MAIL FROM:<alice@a.test>', 'S: 250 ok', 'C: RCPT TO:<bob@b.test>', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 taken', 'C: QUIT', 'S: 221 bye']);
    host = await RelayHost.start(next.port);
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    await next[Symbol.asyncDispose]();
  });

  // shows RFC5321:2.3.10-1 RFC5321:2.4-11 RFC5321:3.3-28 RFC5321:3.3-29 RFC5321:3.6.3-6 RFC5321:3.6.3-7 RFC5321:3.7.2-3 RFC5321:3.7.2-4
  // shows RFC5321:4.4-7 RFC5321:4.4-9 RFC5321:4.4-19 RFC5321:4.4-47 RFC5321:4.4-49 RFC5321:4.5.2-4 RFC5321:4.5.3.1.8-3 RFC5321:4.5.3.1.8-5
  // shows RFC5321:6.2-1 RFC5321:6.4-2 RFC5321:7.2-3 RFC5321:7.2-4 RFC5321:C-9
  it.each(WRONG)('passes on content with %s as it is, behind one Received field', async (_, content) => {
    const before = next.connections;
    expect((await host.submit('<alice@a.test>', ['<bob@b.test>'], content)).at(-1)).toMatch(/^250 /);
    await until(() => next.idle && next.connections === before + 1);
    const [, data = ''] = next.heard[before]?.split(/(?<=\r\nDATA\r\n)/) ?? [];
    expect(data).toMatch(new RegExp(`^${RECEIVED}`));
    expect(data.replace(new RegExp(`^${RECEIVED}`), '')).toBe(`${content.replace(/^\./gm, '..')}.\r\nQUIT\r\n`);
  });
});

describe('a final host', () => {
  let host: RelayHost;
  beforeAll(async () => {
    host = await RelayHost.start();
  });
  afterAll(() => host[Symbol.asyncDispose]());

  // shows RFC5321:3.3-28 RFC5321:4.4-16 RFC5321:4.5.3.1.8-4 RFC5321:6.2-1 RFC5321:3.3-26
  it.each(WRONG)('delivers content with %s as it is, behind Return-Path and one Received field', async (_, content) => {
    const before = host.delivered();
    expect((await host.submit('<alice@a.test>', ['<bob@local.test>'], content)).at(-1)).toMatch(/^250 /);
    const [text = ''] = host.delivered().filter((delivered) => !before.includes(delivered));
    expect(text).toMatch(new RegExp(`^Return-Path: <alice@a\\.test>\r\n${RECEIVED}`));
    expect(text.endsWith(`\r\n${content}`)).toBe(true);
  });
});
