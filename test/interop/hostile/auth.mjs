// AUTH (RFC 4954) with PLAIN (RFC 4616), LOGIN and SCRAM-SHA-256 (RFC 5802, 7677).

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { expect } from '../harness.mjs';
import { base64, cases, CLOSED, FIN, lines, MAIL, octets, RCPT, slowly, TLS, TO_DATA } from './case.mjs';
import { PASSWORD, USER } from './server.mjs';

const EHLO = 'EHLO client.test';
const plain = (text) => `AUTH PLAIN ${base64(text)}`;
const GOOD = plain(`\0${USER}\0${PASSWORD}`);
const ELSEWHERE = 'RCPT TO:<carol@other.test>';
const NOT_TAKEN = /^5(?:01 5\.5\.[24]|35 5\.7\.8) /;

export const AUTH = [
  ...cases({ at: 'secure/smtps', open: 'smtps' }, [
    // shows RFC4954:4-31 RFC4954:6-2
    ['PLAIN with an initial response: 235, and mail to elsewhere is taken', [MAIL, 250, ELSEWHERE, 550, 'RSET', 250, GOOD, /^235 2\.7\.0 /, MAIL, 250, ELSEWHERE, 250, 'RSET', 250]],
    // shows RFC4954:4-13 RFC4954:4-14 RFC4954:4-10 RFC4954:8-2
    ['PLAIN with a response to an empty challenge', ['AUTH PLAIN', /^334 \r\n$/, base64(`\0${USER}\0${PASSWORD}`), 235]],
    ['PLAIN for the user of whom only a hash is kept', [plain(`\0tom\0${PASSWORD}`), 235]],
    ['PLAIN as oneself is taken, and as another is not', [plain(`tom\0${USER}\0${PASSWORD}`), 535, plain(`${USER}\0${USER}\0${PASSWORD}`), 235]],
    // shows RFC4954:8-1
    ['verb and mechanism are taken in every case', [GOOD.replace('AUTH PLAIN', 'auth plain'), 235]],
    // shows RFC4954:4-8 RFC4954:4-9
    ['LOGIN asks for a name and a password', ['AUTH LOGIN', /^334 VXNlcm5hbWU6\r\n$/, base64(USER), /^334 UGFzc3dvcmQ6\r\n$/, base64(PASSWORD), 235]],
    ['LOGIN takes the name as initial response', [`AUTH LOGIN ${base64(USER)}`, /^334 UGFzc3dvcmQ6\r\n$/, base64(PASSWORD), 235]],
    ['LOGIN says nothing of whether the name was right', [`AUTH LOGIN ${base64('nobody')}`, 334, base64(PASSWORD), 535, `AUTH LOGIN ${base64(USER)}`, 334, base64('x'), 535, 'NOOP', 250]],
    // shows RFC4954:4-30 RFC4954:6-9
    ['a wrong password is 535, and the session goes on', [plain(`\0${USER}\0wrong`), /^535 5\.7\.8 /, plain(`\0nobody\0${PASSWORD}`), /^535 5\.7\.8 /, MAIL, 250, RCPT, 250, ELSEWHERE, 550]],
    // shows RFC4954:4-40
    ['after 535, the right password is taken', [plain(`\0${USER}\0wrong`), 535, GOOD, 235]],
    // shows RFC4954:4-2 RFC4954:4-3
    ['AUTH after AUTH is 503', [GOOD, 235, GOOD, /^503 5\.5\.1 /, 'AUTH LOGIN', 503, 'RSET', 250, GOOD, 503]],
    ['EHLO does not undo AUTH', [GOOD, 235, EHLO, 250, GOOD, 503, MAIL, 250, ELSEWHERE, 250, 'RSET', 250]],
    // shows RFC4954:4-4 RFC4954:4-5
    ['AUTH in a transaction is 503', [MAIL, 250, GOOD, /^503 5\.5\.1 /, RCPT, 250, 'AUTH PLAIN', 503, ELSEWHERE, 550, 'DATA', 354, octets('.\r\n'), 250], { mails: [''] }],
    ['AUTH before EHLO is 503', ['NOOP', 250, 'HELO client.test', 250, GOOD, /^(?:50[023]|235)/]],
    // shows RFC4954:4-11 RFC4954:4-12
    ['* cancels: 501, and the session goes on', ['AUTH PLAIN', 334, '*', /^501 5\.(?:7\.0|5\.[024]|0\.0) /, 'AUTH LOGIN', 334, '*', 501, 'AUTH LOGIN', 334, base64(USER), 334, '*', 501, 'NOOP', 250, GOOD, 235]],
    ['an exchange cancelled leaves nothing for the next', ['AUTH LOGIN', 334, base64(USER), 334, '*', 501, 'AUTH LOGIN', /^334 VXNlcm5hbWU6\r\n$/, '*', 501]],
    ['commands in an exchange are responses, and never executed', ['AUTH PLAIN', 334, 'QUIT', NOT_TAKEN, 'AUTH PLAIN', 334, 'MAIL FROM:<alice@sender.test>', 501, MAIL, 250]],
    // shows RFC4954:4-1 RFC4954:4-19 RFC4954:4-21 RFC4954:4-22 RFC4954:8-4
    ['what is no base64 is 501', ['AUTH PLAIN %%%', /^501 5\.5\.2 /, 'AUTH PLAIN abc', 501, 'AUTH PLAIN ab=c', 501, 'NOOP', 250]],
    ['a response that is no base64 is 501', ['AUTH PLAIN', 334, '!', 501, 'AUTH LOGIN', 334, 'a', 501, 'AUTH PLAIN', 334, '\xff\xfe', /^50[01]/, 'NOOP', 250]],
    ['base64 in which bits are left over is 501', [`AUTH PLAIN ${base64('\0a\0b').replace('Yg==', 'Yh==')}`, /^5(?:01|35)/, 'NOOP', 250]],
    ['an empty response is no credentials', ['AUTH PLAIN', 334, '', NOT_TAKEN, 'AUTH PLAIN =', NOT_TAKEN, 'NOOP', 250]],
    ['PLAIN with too few or too many NULs is refused', ['x', `${USER}\0${PASSWORD}`, `\0${USER}\0${PASSWORD}\0`].flatMap((text) => [plain(text), NOT_TAKEN]).concat('NOOP', 250)],
    ['PLAIN with an empty name or password is refused', [plain(`\0\0${PASSWORD}`), NOT_TAKEN, plain(`\0${USER}\0`), NOT_TAKEN, 'NOOP', 250]],
    // shows RFC4954:4-6 RFC4954:4-7
    ['a mechanism that is not offered is 504', ['AUTH FROB', /^504 5\.5\.4 /, 'AUTH CRAM-MD5', 504, 'AUTH NTLM abcd', 504, 'AUTH GSSAPI', 504, 'AUTH EXTERNAL =', 504, 'NOOP', 250]],
    ['AUTH without a mechanism, or with one that is no word, is 501', ['AUTH', 501, 'AUTH ', 501, 'AUTH P_L*', /^50[14]/, `${GOOD} x`, 501, 'NOOP', 250]],
    // shows RFC4954:4-25 RFC4954:4-26 RFC4954:6-11
    ['a response that is too long is 500 5.5.6, and the session goes on', ['AUTH PLAIN', 334, 'A'.repeat(20_000), /^500 5\.5\.6 /, 'NOOP', 250]],
    ['an initial response that is too long is 500 5.5.6', [`AUTH PLAIN ${'A'.repeat(20_000)}`, /^500 5\.5\.6 /, 'NOOP', 250]],
    // shows RFC4954:4-23 RFC4954:4-24
    ['a response of 12288 octets is taken, and wrong', ['AUTH PLAIN', 334, base64(`\0${USER}\0${'p'.repeat(9208 - 5)}`).slice(0, 12_284), NOT_TAKEN, 'NOOP', 250]],
    ['FIN in an exchange ends the session', ['AUTH LOGIN', 334, base64(USER), 334, FIN, CLOSED]],
    ['exchange and commands octet by octet are the same', [slowly(lines('AUTH LOGIN', base64(USER), base64(PASSWORD), MAIL, ELSEWHERE, 'RSET')), 334, 334, 235, 250, 250, 250]],
    ['exchange and commands in one segment are taken in turn', [octets(lines('AUTH PLAIN', base64(`\0${USER}\0${PASSWORD}`), MAIL, ELSEWHERE, 'RSET')), 334, 235, 250, 250, 250]],
    // shows RFC4954:5-1 RFC4954:5-3 RFC4954:8-3
    ['AUTH of MAIL is taken, and its faults are 501', [`${MAIL} AUTH=<>`, 250, 'RSET', 250, `${MAIL} AUTH=e+3Dmc2@example.test`, 250, 'RSET', 250, `${MAIL} AUTH`, 501, `${MAIL} AUTH=`, 501, `${MAIL} AUTH=a+zz`, 501, `${MAIL} AUTH=<> AUTH=<>`, 501, GOOD, 235, `${MAIL} AUTH=<>`, 250, 'RSET', 250, `${MAIL} AUTH=alice@sender.test`, 250]],
    // shows RFC4954:7-1 RFC4954:7-2
    ['a mail after AUTH came with ESMTPSA, and its name and password stand nowhere in it', [GOOD, 235, ...TO_DATA, octets('text\r\n.\r\n'), 250], { mails: ['text\r\n'], front: /^(?![^]*tanstaaf)[^]*\swith ESMTPSA\s/ }],
    // shows RFC4954:9-3
    ['who guesses for long is sent away', [async (c) => {
      for (let guess = 0; guess < 100; guess += 1) {
        await c.say(lines(plain(`\0${USER}\0guess ${guess}`)));
        const text = await c.hear(/^(?:535 5\.7\.8|421 4\.7\.0|5\d\d) |^$/, 15);
        if (!text.startsWith('535')) return;
      }
      expect(false, 'it let us guess 100 times');
    }, CLOSED], { seconds: 60 }],
  ]),
  ...cases({ at: 'secure/smtps', open: 'smtps' }, [
    ['SCRAM-SHA-256: 235, and the server proves that it knows the password', [async (c) => scram(c, {}), 235, MAIL, 250, ELSEWHERE, 250, 'RSET', 250]],
    ['SCRAM-SHA-256 with a wrong password is 535', [async (c) => scram(c, { password: 'wrong' }), 535, 'NOOP', 250]],
    ['SCRAM-SHA-256 for nobody looks like a wrong password', [async (c) => scram(c, { user: 'nobody' }), 535, 'NOOP', 250]],
    ['SCRAM-SHA-256 with the nonce of another is refused', [async (c) => scram(c, { nonce: 'rOprNGfwEbeRWgbNEkqO' }), NOT_TAKEN, 'NOOP', 250]],
    ['SCRAM-SHA-256 with other channel-binding data is refused', [async (c) => scram(c, { binding: 'y,,' }), NOT_TAKEN, 'NOOP', 250]],
    ['SCRAM-SHA-256 with garbage is refused at the first step', ['x', 'n,,', 'n,,n=,r=x'].flatMap((text) => [`AUTH SCRAM-SHA-256 ${base64(text)}`, NOT_TAKEN]).concat('NOOP', 250)],
    ['SCRAM-SHA-256 with more garbage is refused at the first step', ['p=tls-unique,,n=tim,r=x', 'q,,n=a,r=x', 'n,,m=x,n=a,r=x'].flatMap((text) => [`AUTH SCRAM-SHA-256 ${base64(text)}`, NOT_TAKEN]).concat('NOOP', 250)],
    ['SCRAM-SHA-256 with garbage is refused at the second step', [`AUTH SCRAM-SHA-256 ${base64(`n,,n=${USER},r=abc`)}`, 334, base64('c=biws,r=abc,p=AAAA'), NOT_TAKEN, `AUTH SCRAM-SHA-256 ${base64(`n,,n=${USER},r=abc`)}`, 334, '*', 501, 'NOOP', 250]],
  ]),
  ...cases({ at: 'secure' }, [
    // shows RFC4954:4-41 RFC4954:6-13 RFC4954:9-5
    ['a password in the clear is never taken, right or wrong', [GOOD, /^5(?:38 5\.7\.11|04 5\.5\.4|0[23] 5\.5\.1|30 5\.7\.0) /, 'AUTH LOGIN', /^5/, 'AUTH PLAIN', /^5/, MAIL, 250, ELSEWHERE, 550]],
    ['AUTH does not survive STARTTLS, and is offered anew', ['STARTTLS', 220, TLS, EHLO, 250, GOOD, 235, MAIL, 250, ELSEWHERE, 250, 'RSET', 250]],
    ['credentials behind STARTTLS in the same segment count nothing', [octets(lines('STARTTLS', EHLO, GOOD)), 220, TLS, EHLO, 250, MAIL, 250, ELSEWHERE, 550]],
  ]),
  ...cases({ at: 'secure/submissions', open: 'smtps', fields: ['Return-Path', 'Received', 'Date', 'Message-ID'] }, [
    ['submission wants AUTH first', [MAIL, /^530 5\.7\.0 /, RCPT, 530, GOOD, 235, MAIL, 250, RCPT, 250]],
    ['submission puts Date and Message-ID in where they are missing', [GOOD, 235, ...TO_DATA, octets('Subject: x\r\n\r\ntext\r\n.\r\n'), 250], { mails: ['Subject: x\r\n\r\ntext\r\n'] }],
    ['submission leaves Date and Message-ID that are there', [GOOD, 235, ...TO_DATA, octets('Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <a@b.test>\r\n\r\n.\r\n'), 250], { mails: ['Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <a@b.test>\r\n\r\n'], fields: ['Return-Path', 'Received'] }],
  ]),
  ...cases({ at: 'secure/submission' }, [
    ['submission without AUTH: everything but a few is 530', ['VRFY x', 530, RCPT, 530, 'DATA', 530, octets('BDAT 6\r\nHELP\r\nNOOP\r\n'), 530, 250]],
    ['submission in the clear wants TLS or AUTH first', [MAIL, /^530 5\.7\.0 /, GOOD, /^5/, MAIL, 530]],
  ]),
];

/** Plays SCRAM-SHA-256 as a client up to the last reply but one (RFC 5802 §3). */
async function scram(c, { user = USER, password = PASSWORD, nonce, binding = 'n,,' }) {
  const bare = `n=${user},r=fyko+d2lbbFgONRv9qkxdawL`;
  await c.say(lines(`AUTH SCRAM-SHA-256 ${base64(`n,,${bare}`)}`));
  const first = Buffer.from((await c.hear(334)).slice(4), 'base64').toString();
  const [, theirs, salt, count] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(first) ?? [];
  expect(theirs?.startsWith('fyko+d2lbbFgONRv9qkxdawL') && theirs.length > 30, `the nonce of the server: ${first}`);
  expect(Number(count) >= 4096, `${count} iterations`);
  const final = `c=${base64(binding)},r=${nonce ?? theirs}`;
  const signed = `${bare},${first},${final}`;
  const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(count), 32, 'sha256');
  const key = hmac(salted, 'Client Key');
  const signature = hmac(createHash('sha256').update(key).digest(), signed);
  const proof = Buffer.from(key.map((octet, at) => octet ^ signature[at])).toString('base64');
  await c.say(lines(base64(`${final},p=${proof}`)));
  if (user !== USER || password !== PASSWORD || nonce !== undefined || binding !== 'n,,') return;
  const verifier = Buffer.from((await c.hear(334)).slice(4), 'base64').toString();
  expect(verifier === `v=${hmac(hmac(salted, 'Server Key'), signed).toString('base64')}`, `the proof of the server: ${verifier}`);
  await c.say('\r\n');
}
