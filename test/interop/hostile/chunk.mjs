// BDAT (RFC 3030 §2): a chunk is never read as commands, whatever became of its BDAT.

import { CALM, cases, CLOSED, FIN, lines, MAIL, octets, RCPT, RST, segments, slowly, TO_DATA, TO_RCPT } from './case.mjs';

/** BDAT and its chunk. */
const bdat = (content, last = '') => `BDAT ${content.length}${last}\r\n${content}`;
const LAST = ' LAST';
const HEADER = 'Subject: x\r\n\r\n';
/** A chunk that would be noticed if it were executed. */
const COMMANDS = lines('HELP', 'HELP');
const BINARY = ['MAIL FROM:<alice@sender.test> BODY=BINARYMIME', 250, RCPT, 250];

export const CHUNK = [
  ...cases({ at: 'plain' }, [
    ['one chunk is a mail', [...TO_RCPT, octets(bdat(`${HEADER}text\r\n`, LAST)), 250], { mails: [`${HEADER}text\r\n`] }],
    ['two chunks are one mail', [...TO_RCPT, octets(bdat(HEADER)), 250, octets(bdat('text\r\n', LAST)), 250], { mails: [`${HEADER}text\r\n`] }],
    ['a CRLF cut by two chunks is one CRLF', [...TO_RCPT, octets(bdat(`${HEADER}text\r`)), 250, octets(bdat('\nmore\r\n', LAST)), 250], { mails: [`${HEADER}text\r\nmore\r\n`] }],
    ['BDAT 0 LAST ends the mail', [...TO_RCPT, octets(bdat(`${HEADER}text\r\n`)), 250, 'BDAT 0 LAST', 250], { mails: [`${HEADER}text\r\n`] }],
    ['BDAT 0 LAST alone is an empty mail', [...TO_RCPT, 'BDAT 0', 250, 'BDAT 0 LAST', 250], { mails: [''] }],
    ['everything pipelined, a mail is one mail, and each command has its reply', [octets(`${lines(MAIL, RCPT)}${bdat(HEADER)}${bdat('text\r\n')}${bdat('', LAST)}NOOP\r\n`), 250, 250, 250, 250, 250, 250], { mails: [`${HEADER}text\r\n`] }],
    ['two mails pipelined are two mails', [octets(`${lines(MAIL, RCPT)}${bdat('one\r\n', LAST)}${lines(MAIL, RCPT)}${bdat('two\r\n', LAST)}NOOP\r\n`), 250, 250, 250, 250, 250, 250, 250], { mails: ['one\r\n', 'two\r\n'] }],
    ['octet by octet it is the same', [slowly(`${lines(MAIL, RCPT)}${bdat('one\r\n')}${bdat('two\r\n', LAST)}NOOP\r\n`), 250, 250, 250, 250, 250], { mails: ['one\r\ntwo\r\n'] }],
    ['verb and LAST are taken in every case', [...TO_RCPT, octets('bdat 5 last\r\nabc\r\n'), 250], { mails: ['abc\r\n'] }],
    ['dots in a chunk are dots', [...TO_RCPT, octets(bdat(`.\r\n..\r\n${HEADER}\r\n.\r\nQUIT\r\n`, LAST)), 250], { mails: [`.\r\n..\r\n${HEADER}\r\n.\r\nQUIT\r\n`] }],
    ['CRLF . CRLF and commands in a chunk are content', [...TO_RCPT, octets(`${bdat(`${HEADER}a\r\n.\r\n${lines(MAIL, RCPT, 'DATA', 'b', '.')}`, LAST)}NOOP\r\n`), 250, 250], { mails: [`${HEADER}a\r\n.\r\n${lines(MAIL, RCPT, 'DATA', 'b', '.')}`] }],
    ['BDAT in a chunk is content', [...TO_RCPT, octets(`${bdat('BDAT 6 LAST\r\nQUIT\r\n', LAST)}NOOP\r\n`), 250, 250], { mails: ['BDAT 6 LAST\r\nQUIT\r\n'] }],
    ['a bare LF in chunks that are not BINARYMIME is refused, and nothing of them is executed', [...TO_RCPT, octets(`${bdat(`${HEADER}a\n.\n${lines(MAIL, RCPT)}`, LAST)}NOOP\r\n`), /^55\d 5\.6\.\d /, 250]],
    ['a bare CR in chunks that are not BINARYMIME is refused', [...TO_RCPT, octets(`${bdat(`${HEADER}a\r.\r\r\n`, LAST)}NOOP\r\n`), /^55\d 5\.6\.\d /, 250]],
    ['BINARYMIME takes every octet', [...BINARY, octets(`${bdat(`${HEADER}\n.\r\n\r.\r\0\xff\n.\n\r\n`, LAST)}NOOP\r\n`), 250, 250], { mails: [`${HEADER}\n.\r\n\r.\r\0\xff\n.\n\r\n`] }],
    ['a last chunk that does not end in CRLF arrives as it is', [...TO_RCPT, octets(bdat(`${HEADER}text`, LAST)), 250], { mails: [`${HEADER}text`] }],
    ['a last chunk that ends in CR is refused', [...TO_RCPT, octets(`${bdat(`${HEADER}text\r`, LAST)}NOOP\r\n`), /^55\d 5\.6\.\d /, 250]],
    ['a line of more than 1000 octets is refused in chunks, too, unless they are BINARYMIME', [...TO_RCPT, octets(bdat(`${'x'.repeat(999)}\r\n`, LAST)), /^55\d 5\.6\.\d |^500 /, ...BINARY, octets(bdat(`${'x'.repeat(999)}\r\n`, LAST)), 250], { mails: [`${'x'.repeat(999)}\r\n`] }],
    ['DATA for BINARYMIME is 503', [...BINARY, 'DATA', /^503 /, 'NOOP', 250, octets(bdat('text\r\n', LAST)), /^(?:250|503)/], { mails: 1 }],
    ['a chunk without MAIL is taken and never executed', [octets(`${bdat(COMMANDS)}NOOP\r\n`), 503, 250]],
    ['a last chunk without MAIL is taken and never executed', [octets(`${bdat(COMMANDS, LAST)}NOOP\r\n`), 503, 250]],
    ['a chunk without RCPT is taken and never executed', [MAIL, 250, octets(`${bdat(COMMANDS)}NOOP\r\n`), /^(?:503|554) /, 250]],
    ['a last chunk without a recipient that was accepted is taken and never executed', [MAIL, 250, 'RCPT TO:<bob@other.test>', 550, octets(`${bdat(COMMANDS, LAST)}NOOP\r\n`), /^(?:503|554) /, 250]],
    ['a chunk after HELO is taken and never executed', ['HELO client.test', 250, ...TO_RCPT, octets(`${bdat(COMMANDS)}NOOP\r\n`), /^(?:50[023]|250)/, 250]],
    ['BDAT 0 LAST without RCPT is refused', [MAIL, 250, 'BDAT 0 LAST', /^(?:503|554) /, 'NOOP', 250]],
    ['after the last chunk, BDAT is 503, and its chunk never executed', [...TO_RCPT, octets(bdat('text\r\n', LAST)), 250, octets(`${bdat(COMMANDS, LAST)}NOOP\r\n`), 503, 250], { mails: ['text\r\n'] }],
    ['after a refused mail, BDAT is 503 until MAIL, and its chunk never executed', [...TO_RCPT, octets(`${bdat('a\nb\r\n')}${bdat(COMMANDS)}${bdat(COMMANDS, LAST)}NOOP\r\n`), /^(?:250|55\d)/, /^(?:250|503)/, /^5/, 250, 'RSET', 250, ...TO_RCPT, octets(bdat('text\r\n', LAST)), 250], { mails: ['text\r\n'] }],
    ['DATA between chunks is 503', [...TO_RCPT, octets(bdat('text\r\n')), 250, 'DATA', 503, 'NOOP', 250, 'BDAT 0 LAST', 250], { mails: ['text\r\n'] }],
    ['BDAT after the mail of DATA is 503', [...TO_DATA, octets('text\r\n.\r\n'), 250, octets(`${bdat(COMMANDS)}NOOP\r\n`), 503, 250], { mails: ['text\r\n'] }],
    ['MAIL and RCPT between chunks are 503', [...TO_RCPT, octets(bdat('text\r\n')), 250, MAIL, 503, RCPT, 503, 'BDAT 0 LAST', 250], { mails: ['text\r\n'] }],
    ['NOOP and VRFY between chunks are answered', [...TO_RCPT, octets(bdat('text\r\n')), 250, 'NOOP', 250, 'VRFY bob', /^25[02]/, 'BDAT 0 LAST', 250], { mails: ['text\r\n'] }],
    ['RSET between chunks ends the mail', [...TO_RCPT, octets(bdat('lost\r\n')), 250, 'RSET', 250, octets(`${bdat(COMMANDS, LAST)}NOOP\r\n`), 503, 250, ...TO_RCPT, octets(bdat('text\r\n', LAST)), 250], { mails: ['text\r\n'] }],
    ['EHLO between chunks ends the mail', [...TO_RCPT, octets(bdat('lost\r\n')), 250, 'EHLO client.test', 250, 'BDAT 0 LAST', 503, ...TO_RCPT, octets(bdat('text\r\n', LAST)), 250], { mails: ['text\r\n'] }],
    ['QUIT between chunks ends the mail', [...TO_RCPT, octets(bdat('lost\r\n')), 250, 'QUIT', 221, CLOSED]],
    ['our side closed between chunks ends the mail', [...TO_RCPT, octets(bdat('lost\r\n')), 250, FIN, CLOSED]],
    ['our side closed in a chunk ends the mail', [...TO_RCPT, octets('BDAT 100 LAST\r\nlost\r\n'), FIN, CLOSED]],
    ['a connection broken off in a chunk ends the mail', [...TO_RCPT, octets('BDAT 100 LAST\r\nlost\r\n'), RST]],
    ['a chunk is as long as it says, to the octet', [...TO_RCPT, octets('BDAT 8 LAST\r\ntext\r\n\r\nNOOP\r\n'), 250, 250], { mails: ['text\r\n\r\n'] }],
    ['a chunk shorter than it says swallows the next command', [...TO_RCPT, octets('BDAT 12 LAST\r\ntext\r\nNOOP\r\nNOOP\r\n'), 250, 250], { mails: ['text\r\nNOOP\r\n'] }],
    ['a chunk longer than it says leaves a command', [...TO_RCPT, octets('BDAT 6 LAST\r\ntext\r\nNOOP\r\n'), 250, 250], { mails: ['text\r\n'] }],
    ['the command and its chunk may be cut anywhere', [...TO_RCPT, segments('BDAT 1', '2 LAST\r', '\nte', 'xt\r', '\nmore\r', '\nNOOP', '\r\n'), 250, 250], { mails: ['text\r\nmore\r\n'] }],
    ['leading zeros count nothing', [...TO_RCPT, octets('BDAT 0006 LAST\r\ntext\r\nNOOP\r\n'), 250, 250], { mails: ['text\r\n'] }],
    ...['BDAT', 'BDAT ', 'BDAT x', 'BDAT -1', 'BDAT +5', 'BDAT 1.5', 'BDAT 0x5', 'BDAT 5e0', 'BDAT LAST', 'BDAT ,', 'BDAT 5LAST']
      .map((command) => [`${command} is 501, and what follows it is not taken for a mail`, [...TO_RCPT, command, /^50[01] /, CALM]]),
    ['BDAT 99999999999999999999999 LAST is 552 or 501', [...TO_RCPT, 'BDAT 99999999999999999999999 LAST', /^(?:50[01]|552) /, CALM]],
    ...['BDAT 12 FIRST', 'BDAT 12 LAST LAST', 'BDAT 12 LASTX', 'BDAT 12 5']
      .map((command) => [`${command} is 501, and its chunk is never executed`, [...TO_RCPT, octets(`${command}\r\n${COMMANDS}`), /^50[01] /, CALM]]),
  ]),
  ...cases({ at: 'small' }, [
    ['a chunk too large is 552, taken, and never executed', [...TO_RCPT, octets(`${bdat(`${'x'.repeat(100)}\r\n`.repeat(20) + COMMANDS, LAST)}NOOP\r\n`), /^552 5\.(?:3\.4|2\.3) /, 250, ...TO_RCPT]],
    ['chunks too large together are 552, and the next is never executed', [...TO_RCPT, octets(bdat('x\r\n'.repeat(300))), 250, octets(`${bdat('x\r\n'.repeat(300))}${bdat(COMMANDS, LAST)}NOOP\r\n`), 552, /^5(?:03|52)/, 250, 'RSET', 250, ...TO_RCPT]],
    ['chunks of exactly the limit are taken', [...TO_RCPT, octets(bdat('x\r\n'.repeat(300))), 250, octets(bdat(`${'x'.repeat(98)}\r\n`, LAST)), 250], { mails: [`${'x\r\n'.repeat(300)}${'x'.repeat(98)}\r\n`] }],
  ]),
];
