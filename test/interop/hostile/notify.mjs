// Delivery status notifications (RFC 3461) about mail that ends in our own Maildir, and internationalized mail (RFC 6531).

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectEqual, expectMatch, until } from '../harness.mjs';
import { base64, cases, octets, RCPT, TLS, utf8 } from './case.mjs';
import { PASSWORD, USER } from './server.mjs';

const TEXT = 'From: dan@local.test\r\nSubject: asked for\r\n\r\nnot to be returned\r\n';
const mail = (sender, recipient) => [`MAIL FROM:${sender}`, 250, recipient, 250, 'DATA', 354, octets(`${TEXT}.\r\n`), 250];
const SENDER = utf8('用户');
const INTERNATIONAL = [`MAIL FROM:<${SENDER}@sender.test> SMTPUTF8`, 250, RCPT, 250, 'DATA', 354, octets('text\r\n.\r\n'), 250];
const GOOD = `AUTH PLAIN ${base64(`\0${USER}\0${PASSWORD}`)}`;

/** Waits for the first notification to that sender; returns it. */
const notification = (to, maildir) => until('a notification arrives', () => {
  const all = readdirSync(join(maildir, 'new')).map((name) => readFileSync(join(maildir, 'new', name), 'latin1'));
  return all.find((text) => /report-type=delivery-status/.test(text) && text.includes(`To: <${to}>`));
}, 10);

/** The fields of a notification, in its order. */
const FIELDS = [
  /^Return-Path: <>\r\n/,
  /^To: <dan@local\.test>\r\n/m,
  /^Auto-Submitted: auto-replied\r\n/m,
  /^Content-Type: multipart\/report; *report-type=delivery-status;/m,
  /^Content-Type: text\/plain/m,
  /^Content-Type: message\/delivery-status\r\n/m,
  /^Original-Envelope-Id: a\+b\r\n/m,
  /^Reporting-MTA: dns; *relay\.test\r\n/m,
  /^Original-Recipient: rfc822; *old\+bob@local\.test\r\n/m,
  /^Final-Recipient: rfc822; *bob@local\.test\r\n/m,
  /^Action: delivered\r\n/m,
  /^Status: 2\.\d+\.\d+\r\n/m,
  /^Content-Type: text\/rfc822-headers\r\n/m,
  /^Subject: asked for\r\n/m,
];

export const NOTIFY = [
  ...cases({ at: 'plain' }, [
    // shows RFC3461:5.2.3-1 RFC3461:6.1-1 RFC3461:6.1-2 RFC3461:6.2-1 RFC3461:6.2-2 RFC3461:6.2-5 RFC3461:6.3-1 RFC3461:6.3-3 RFC3461:6.3-4 RFC3461:6.3-5 RFC3461:6.3-6 RFC3461:6.3-9 RFC3461:6.3-11 RFC3461:6.3-12 RFC3461:6.3-13 RFC3461:6.3-14 RFC3461:6.3-15
    ['who asked to be told of success is told, with what he gave to know his mail by', [
      ...mail('<dan@local.test> RET=FULL ENVID=a+2Bb', `${RCPT} NOTIFY=SUCCESS,DELAY ORCPT=rfc822;old+2Bbob@local.test`),
      async (_, { maildir }) => {
        const told = await notification('dan@local.test', maildir);
        const at = FIELDS.map((field) => {
          expectMatch(told, field, 'the notification');
          return told.search(field);
        });
        expectEqual(String([...at].sort((a, b) => a - b)), String(at), 'places of the fields');
        expectEqual(told.includes('not to be returned'), false, 'the body comes back where nothing failed');
      },
    ], { mails: 2 }],
    // shows RFC3461:5.2-1 RFC3461:5.2.3-2 RFC3461:5.2.3-3
    ['who did not ask to be told of success is told nothing, and nor is the null reverse-path', [
      ...['', ' NOTIFY=NEVER', ' NOTIFY=FAILURE', ' NOTIFY=DELAY,FAILURE'].flatMap((notify) => mail('<eve@local.test>', `${RCPT}${notify}`)),
      ...mail('<>', `${RCPT} NOTIFY=SUCCESS`),
      ...mail('<fay@local.test>', `${RCPT} NOTIFY=SUCCESS`), // behind which all others would have been told
      async (_, { maildir }) => notification('fay@local.test', maildir),
    ], { mails: 7 }],
    // shows RFC6531:3.7.3-1 RFC6531:3.7.3-4 RFC6531:4.3-1 RFC6531:3.1-12
    ['a mail with SMTPUTF8 came with UTF8SMTP, and its trace fields are in UTF-8', [`MAIL FROM:<${SENDER}@sender.test> BODY=8BITMIME SMTPUTF8`, 250, `RCPT TO:<${utf8('Grüße')}@local.test>`, 250, 'DATA', 354, octets(`Subject: ${utf8('ü')}\r\n\r\n.\r\n`), 250], { mails: [`Subject: ${utf8('ü')}\r\n\r\n`], front: new RegExp(`^Return-Path: <${SENDER}@sender\\.test>\\r\\n[^]*\\swith UTF8SMTP\\s[^]*<${utf8('Grüße')}@local\\.test>`) }],
  ]),
  ...cases({ at: 'secure/smtps', open: 'smtps' }, [
    ['a mail with SMTPUTF8 in TLS came with UTF8SMTPS', INTERNATIONAL, { mails: ['text\r\n'], front: /\swith UTF8SMTPS\s/ }],
    // shows RFC6531:4.3-1
    ['a mail with SMTPUTF8 in TLS after AUTH came with UTF8SMTPSA', [GOOD, 235, ...INTERNATIONAL], { mails: ['text\r\n'], front: /\swith UTF8SMTPSA\s/ }],
  ]),
  ...cases({ at: 'secure/lmtp', open: 'lmtp' }, [
    // shows RFC6531:4.3-2 RFC6531:3.1-13
    ['a mail with SMTPUTF8 by LMTP came with UTF8LMTP', INTERNATIONAL, { mails: ['text\r\n'], front: /\swith UTF8LMTP\s/ }],
    ['a mail with SMTPUTF8 by LMTP in TLS came with UTF8LMTPS', ['STARTTLS', 220, TLS, 'LHLO client.test', 250, ...INTERNATIONAL], { mails: ['text\r\n'], front: /\swith UTF8LMTPS\s/ }],
  ]),
];
