// Mail data and their end (RFC 5321 §2.3.8, §4.1.1.4, §4.5.2): CRLF . CRLF is the end, and nothing else that looks like it.

import { cases, lines, octets, RCPT, segments, slowly, TO_DATA } from './case.mjs';
import { CONTENTS, tenMegabytes } from '../mail.mjs';
import { stuffed } from '../peer.mjs';

const HEADER = 'Subject: x\r\n\r\n';
const SMUGGLED = lines('MAIL FROM:<smuggler@sender.test>', 'RCPT TO:<bob@local.test>', 'DATA', 'Subject: smuggled', '', 'text', '.');
const REFUSED = /^55[0-9] 5\.[56]\.\d /;

/** What some server somewhere takes for the end of mail data, by what it is; with a bare CR or LF in it, so that it is refused. */
const BARE = {
  'LF . LF': '\n.\n',
  'LF . CRLF': '\n.\r\n',
  'LF . CR': '\n.\r',
  'CRLF . LF': '\r\n.\n',
  'CRLF . CR': '\r\n.\r',
  'CR . CR': '\r.\r',
  'CR . LF': '\r.\n',
  'CR . CRLF': '\r.\r\n',
  'LF CR . LF CR': '\n\r.\n\r',
  'CRLF . CR CRLF': '\r\n.\r\r\n',
  'CRLF . CR NUL LF': '\r\n.\r\0\n',
  'CR NUL LF . CRLF': '\r\0\n.\r\n',
  'CRLF CR . CRLF': '\r\n\r.\r\n',
  'CRLF LF . CRLF': '\r\n\n.\r\n',
  'CRLF . LF CRLF': '\r\n.\n\r\n',
  'LF . LF CRLF': '\n.\n\r\n',
  'LF LF . LF LF': '\n\n.\n\n',
  'CR CR . CR CR': '\r\r.\r\r',
  'CR LF . CR LF with a NUL after each': '\r\0\n\0.\0\r\0\n\0',
};

/** The same without bare CR and LF: content like all other content. What arrives has the dots taken out that are stuffed. */
const WHOLE = {
  'CRLF NUL . CRLF': ['\r\n\0.\r\n', '\r\n\0.\r\n'],
  'CRLF . NUL CRLF': ['\r\n.\0\r\n', '\r\n\0\r\n'],
  'CRLF . SP CRLF': ['\r\n. \r\n', '\r\n \r\n'],
  'CRLF . HT CRLF': ['\r\n.\t\r\n', '\r\n\t\r\n'],
  'CRLF SP . CRLF': ['\r\n .\r\n', '\r\n .\r\n'],
  'CRLF .. CRLF': ['\r\n..\r\n', '\r\n.\r\n'],
  'CRLF ... CRLF': ['\r\n...\r\n', '\r\n..\r\n'],
  'CRLF .x CRLF': ['\r\n.x\r\n', '\r\nx\r\n'],
  'VT . VT and FF . FF': ['\x0b.\x0b\x0c.\x0c\r\n', '\x0b.\x0b\x0c.\x0c\r\n'],
  'NEL . NEL': ['\x85.\x85\r\n', '\x85.\x85\r\n'],
  'LF and CR with the high bit set': ['\x8d\x8a.\x8d\x8a\r\n', '\x8d\x8a.\x8d\x8a\r\n'],
  'CRLF and a dot with the high bit set': ['\r\n\xae\r\n', '\r\n\xae\r\n'],
  'a line separator of UTF-8': ['\xe2\x80\xa8.\xe2\x80\xa8\r\n', '\xe2\x80\xa8.\xe2\x80\xa8\r\n'],
  'an overlong CRLF of UTF-8': ['\xc0\x8d\xc0\x8a.\xc0\x8d\xc0\x8a\r\n', '\xc0\x8d\xc0\x8a.\xc0\x8d\xc0\x8a\r\n'],
};
const STUFFED = SMUGGLED.replace(/\.\r\n$/, '');

/** One transaction, cut in each of these ways. */
const CUTS = {
  'in one segment': (data) => octets(data),
  'octet by octet': (data) => slowly(data),
};

export const DATA = [
  ...cases({ at: 'plain' }, Object.entries(CUTS).flatMap(([how, cut]) => [
    ...Object.entries(BARE).map(([name, end]) => [`${name} is not the end of mail data, ${how}`, [...TO_DATA, cut(`${HEADER}first${end}${SMUGGLED}`), REFUSED, RCPT, 503]]),
    ...Object.entries(WHOLE).map(([name, [end, arrives]]) => [`${name} is not the end of mail data, ${how}`, [...TO_DATA, cut(`${HEADER}first${end}${SMUGGLED}`), 250, RCPT, 503], { mails: [`${HEADER}first${arrives}${STUFFED}`] }]),
  ])),
  ...cases({ at: 'plain' }, [
    ['a bare CR in front of CRLF . CRLF is refused, and that is the end', [...TO_DATA, octets(`${HEADER}first\r\r\n.\r\nNOOP\r\n`), REFUSED, 250]],
    ['a bare LF in front of CRLF . CRLF is refused, and that is the end', [...TO_DATA, octets(`${HEADER}first\n\r\n.\r\nNOOP\r\n`), REFUSED, 250]],
    ['a bare LF at the very begin is refused', [...TO_DATA, octets(`\n.\r\n${SMUGGLED}`), REFUSED]],
    ['a bare CR at the very begin is refused', [...TO_DATA, octets(`\r.\r\n${SMUGGLED}`), REFUSED]],
    ['. LF at the very begin is refused', [...TO_DATA, octets(`.\n${SMUGGLED}`), REFUSED]],
    ['. CR at the very begin is refused', [...TO_DATA, octets(`.\r${SMUGGLED}`), REFUSED]],
    ['a smuggler that pipelines everything gets a reply for each command, and one for his mail', [octets(`${lines('MAIL FROM:<alice@sender.test>', RCPT, 'DATA')}${HEADER}first\n.\r\n${SMUGGLED}NOOP\r\n`), 250, 250, 354, REFUSED, 250]],
    ['two mails in one segment are two mails', [octets(`${lines('MAIL FROM:<alice@sender.test>', RCPT, 'DATA')}${HEADER}one\r\n.\r\n${SMUGGLED}NOOP\r\n`), 250, 250, 354, 250, 250, 250, 354, 250, 250], { mails: [`${HEADER}one\r\n`, 'Subject: smuggled\r\n\r\ntext\r\n'] }],
    ...[1, 2, 3, 4].map((at) => [`CRLF . CRLF cut behind octet ${at} is the end`, [...TO_DATA, segments(`${HEADER}text${'\r\n.\r\n'.slice(0, at)}`, `${'\r\n.\r\n'.slice(at)}NOOP\r\n`), 250, 250], { mails: [`${HEADER}text\r\n`] }]),
    ['CRLF . CRLF in five segments is the end', [...TO_DATA, segments(`${HEADER}text`, '\r', '\n', '.', '\r', '\nNOOP\r\n'), 250, 250], { mails: [`${HEADER}text\r\n`] }],
    ['a lone dot in the first line is the end: an empty content', [...TO_DATA, octets('.\r\nNOOP\r\n'), 250, 250], { mails: [''] }],
    ['CRLF and a lone dot is one empty line', [...TO_DATA, octets('\r\n.\r\nNOOP\r\n'), 250, 250], { mails: ['\r\n'] }],
    ['a stuffed dot in the first line is one dot', [...TO_DATA, octets('..\r\n.\r\n'), 250], { mails: ['.\r\n'] }],
    ['of dots in front of a line one is taken out', [...TO_DATA, octets('..\r\n...\r\n.a\r\n..b\r\n .c\r\nd.\r\n..d..\r\n.\r\n'), 250], { mails: ['.\r\n..\r\na\r\n.b\r\n .c\r\nd.\r\n.d..\r\n'] }],
    ['what looks like commands is content', [...TO_DATA, octets('QUIT\r\nRSET\r\nDATA\r\nBDAT 3 LAST\r\n.QUIT\r\nSTARTTLS\r\n.\r\n'), 250], { mails: ['QUIT\r\nRSET\r\nDATA\r\nBDAT 3 LAST\r\nQUIT\r\nSTARTTLS\r\n'] }],
    ['an empty line after the end of mail data is a command of its own', [...TO_DATA, octets('text\r\n.\r\n\r\nNOOP\r\n'), 250, 500, 250], { mails: ['text\r\n'] }],
    ['a second dot after the end of mail data is a command of its own', [...TO_DATA, octets('text\r\n.\r\n.\r\nNOOP\r\n'), 250, 500, 250], { mails: ['text\r\n'] }],
    ['after DATA that was refused, what would be content are commands', [octets(lines('MAIL FROM:<alice@sender.test>', 'RCPT TO:<bob@other.test>', 'DATA', '.', 'NOOP')), 250, 550, /^(?:503|554) /, 500, 250]],
    ['every octet of 8 bits arrives as it was sent', [...TO_DATA, octets(stuffed(CONTENTS['every octet but NUL, CR and LF']).toString('latin1')), 250], { mails: [CONTENTS['every octet but NUL, CR and LF'].toString('latin1')] }],
    ['with BODY=8BITMIME, too', ['MAIL FROM:<alice@sender.test> BODY=8BITMIME', 250, RCPT, 250, 'DATA', 354, octets(stuffed(CONTENTS['UTF-8 in header and body']).toString('latin1')), 250], { mails: [CONTENTS['UTF-8 in header and body'].toString('latin1')] }],
    ['lines of 1000 octets with CRLF arrive, dots stuffed on top', [...TO_DATA, octets(`${'x'.repeat(998)}\r\n.${'.'.repeat(998)}\r\n.\r\n`), 250], { mails: [`${'x'.repeat(998)}\r\n${'.'.repeat(998)}\r\n`] }],
    ['a line of 1001 octets with CRLF is refused once, and the session goes on', [...TO_DATA, octets(`${'x'.repeat(999)}\r\n${lines('NOOP')}.\r\nNOOP\r\n`), /^55\d 5\.6\.\d |^500 /, 250]],
    ['a content above the SIZE that was said, and below the limit, is taken', ['MAIL FROM:<alice@sender.test> SIZE=1', 250, RCPT, 250, 'DATA', 354, octets('text\r\n.\r\n'), 250], { mails: ['text\r\n'] }],
    ['10 MB arrive', [...TO_DATA, octets(stuffed(tenMegabytes()).toString('latin1')), 250], { mails: [tenMegabytes().toString('latin1')], seconds: 30 }],
    ['1 MB of dots is one line too long, or arrives, and the session goes on', [...TO_DATA, octets(`${'.'.repeat(1_000_000)}\r\n.\r\n`), /^(?:5|250)/, 'NOOP', 250]],
    ['1 MB of CR is refused once', [...TO_DATA, octets(`${'\r'.repeat(1_000_000)}\r\n.\r\nNOOP\r\n`), REFUSED, 250]],
    ['1 MB of LF is refused once', [...TO_DATA, octets(`${'\n'.repeat(1_000_000)}\r\n.\r\nNOOP\r\n`), REFUSED, 250]],
    ['1 MB of CRLF is 500 000 empty lines', [...TO_DATA, octets(`${'\r\n'.repeat(500_000)}.\r\nNOOP\r\n`), 250, 250], { mails: ['\r\n'.repeat(500_000)] }],
    ['a whole session octet by octet is the same session', [slowly(`${lines('MAIL FROM:<alice@sender.test> SIZE=20', RCPT, 'DATA')}text\r\n..\r\n.\r\nNOOP\r\n`), 250, 250, 354, 250, 250], { mails: ['text\r\n.\r\n'] }],
    ['the Received field says whence, to whom and how it came', [...TO_DATA, octets('text\r\n.\r\n'), 250], { mails: ['text\r\n'], front: /^Received: from client\.test \(.*\[127\.0\.0\.1\]\)\s+by relay\.test\b[^]*\swith ESMTP\s+id [^]*for <bob@local\.test>;/m }],
    ['after HELO it came with SMTP', ['HELO client.test', 250, ...TO_DATA, octets('text\r\n.\r\n'), 250], { mails: ['text\r\n'], front: /\swith SMTP\s/ }],
    ['the Return-Path is the reverse-path', ['MAIL FROM:<"a b"@sender.test>', 250, RCPT, 250, 'DATA', 354, octets('text\r\n.\r\n'), 250], { mails: ['text\r\n'], front: /^Return-Path: <"a b"@sender\.test>\r\n/m }],
    ['the Return-Path of a notification is <>', ['MAIL FROM:<>', 250, RCPT, 250, 'DATA', 354, octets('text\r\n.\r\n'), 250], { mails: ['text\r\n'], front: /^Return-Path: <>\r\n/m }],
    ['99 Received fields are a long way, and 101 are a loop', [...TO_DATA, octets(`${received(99)}.\r\n`), 250, ...TO_DATA, octets(`${received(101)}.\r\n`), /^554 5\.4\.6 /], { mails: [received(99)] }],
  ]),
];

function received(count) {
  const fields = Array.from({ length: count }, (_, at) => `Received: from a${at}.test by b${at}.test; Thu, 1 Jan 2026 00:00:00 +0000\r\n`);
  return `${fields.join('')}Subject: far\r\n\r\ntext\r\n`;
}
