// The order of commands (RFC 5321 §4.1.4), and commands that take no argument, or that are not implemented.

import { cases, CLOSED, lines, MAIL, octets, RCPT, segments, TO_DATA, TO_RCPT } from './case.mjs';

const EHLO = 'EHLO client.test';
const TEXT = 'Subject: x\r\n\r\ntext\r\n';

export const ORDER = [
  ...cases({ at: 'plain', open: 'nothing' }, [
    ['the banner names the host first', [/^220 relay\.test /]],
    ['nothing but the banner is said to a client that is silent', [220, 'NOOP', 250]],
    // shows RFC3461:2-1 RFC3461:2-2 RFC6531:3.1-1 RFC6531:3.1-2 RFC6531:3.1-10 RFC6531:3.7.1-2
    ['EHLO is answered with the host and the keywords of what is served', [220, EHLO, /^250-relay\.test(?: .*)?\r\n(?=[^]*^250.PIPELINING\r)(?=[^]*^250.8BITMIME\r)(?=[^]*^250.SIZE 35882577\r)(?=[^]*^250.ENHANCEDSTATUSCODES\r)(?=[^]*^250.CHUNKING\r)(?=[^]*^250.BINARYMIME\r)(?=[^]*^250.SMTPUTF8\r)(?=[^]*^250.DSN\r)(?=[^]*^250.LIMITS .*RCPTMAX=1000)/m]],
    ['without certificate and users, neither STARTTLS nor AUTH nor REQUIRETLS is offered', [220, EHLO, /^(?![^]*(?:STARTTLS|AUTH|REQUIRETLS))250/]],
    ['HELO is answered with one line', [220, 'HELO client.test', /^250 relay\.test[^\n]*\n$/]],
    ['mail goes through after HELO', [220, 'HELO client.test', 250, ...TO_DATA, octets(`${TEXT}.\r\n`), 250], { mails: [TEXT] }],
    ['MAIL before EHLO is out of order', [220, MAIL, /^503 5\.5\.1 /, EHLO, 250, MAIL, 250]],
    ['RCPT before EHLO is out of order', [220, RCPT, 503]],
    ['DATA before EHLO is out of order', [220, 'DATA', 503, 'NOOP', 250]],
    ['BDAT before EHLO is out of order, and its chunk is no command', [220, octets(lines('BDAT 6', 'RSET', 'NOOP')), 503, 250]],
    ['RSET, NOOP, HELP, VRFY and QUIT need no EHLO', [220, 'RSET', 250, 'NOOP', 250, 'HELP', /^214/, 'VRFY bob@local.test', /^25[02]/, 'QUIT', 221, CLOSED]],
    ['EHLO may follow HELO', [220, 'HELO client.test', 250, EHLO, 250]],
    ['a refused EHLO leaves the session where it was', [220, 'EHLO', 501, MAIL, 503, EHLO, 250, MAIL, 250, 'EHLO', 501, RCPT, 250]],
    ['LHLO is of LMTP alone', [220, 'LHLO client.test', /^50[02]/]],
  ]),
  ...cases({ at: 'plain' }, [
    ['EHLO in a transaction ends it', [...TO_RCPT, EHLO, 250, RCPT, 503, 'DATA', 503, ...TO_RCPT]],
    ['HELO in a transaction ends it', [...TO_RCPT, 'HELO client.test', 250, RCPT, 503, ...TO_RCPT]],
    ['RSET in a transaction ends it', [...TO_RCPT, 'RSET', 250, RCPT, 503, 'DATA', 503, ...TO_RCPT]],
    ['RSET between transactions is 250', ['RSET', 250, 'RSET', 250, MAIL, 250, 'RSET', 250, MAIL, 250]],
    ['MAIL in a transaction is 503, and leaves the first as it was', [MAIL, 250, 'MAIL FROM:<mallory@sender.test>', 503, RCPT, 250, 'MAIL FROM:<mallory@sender.test>', 503, 'DATA', 354, octets(`${TEXT}.\r\n`), 250], { mails: [TEXT] }],
    ['RCPT without MAIL is 503', [RCPT, /^503 5\.5\.1 /, MAIL, 250, RCPT, 250]],
    ['DATA without MAIL is 503', ['DATA', /^503 5\.5\.1 /, 'NOOP', 250]],
    ['DATA without RCPT is refused, and the transaction goes on', [MAIL, 250, 'DATA', /^(?:503|554) 5\.5\.1 /, RCPT, 250, 'DATA', 354, octets('.\r\n'), 250], { mails: [''] }],
    ['DATA after no RCPT was accepted is refused', [MAIL, 250, 'RCPT TO:<bob@other.test>', 550, 'DATA', /^(?:503|554) 5\.5\.1 /]],
    ['after a mail the buffers are empty', [...TO_DATA, octets('.\r\n'), 250, RCPT, 503, 'DATA', 503, ...TO_DATA, octets(`${TEXT}.\r\n`), 250], { mails: ['', TEXT] }],
    ['after a refused mail the buffers are empty', [...TO_DATA, octets('a\nb\r\n.\r\n'), /^5/, RCPT, 503, ...TO_DATA, octets('.\r\n'), 250], { mails: [''] }],
    ['RSET with an argument is 501, and resets nothing', [...TO_RCPT, 'RSET x', 501, 'DATA', 354, octets('.\r\n'), 250], { mails: [''] }],
    ['DATA with an argument is 501, and begins no mail data', [...TO_RCPT, 'DATA x', 501, 'NOOP', 250, 'DATA', 354, octets('.\r\n'), 250], { mails: [''] }],
    ['QUIT with an argument is 501, and ends nothing', ['QUIT x', 501, 'NOOP', 250]],
    ['NOOP takes an argument', ['NOOP x y z', 250, 'NOOP <alice@sender.test>', 250]],
    ['NOOP in a transaction changes nothing', [MAIL, 250, 'NOOP', 250, RCPT, 250, 'NOOP', 250, 'DATA', 354, octets('.\r\n'), 250], { mails: [''] }],
    ['HELP in a transaction changes nothing, with or without an argument', [MAIL, 250, 'HELP', /^21[14]/, 'HELP MAIL', /^21[14]/, RCPT, 250]],
    ['VRFY says 252 and changes nothing', [MAIL, 250, 'VRFY bob@local.test', 252, 'VRFY bob', /^25[02]/, RCPT, 250]],
    ['VRFY and EXPN without an argument are 501', ['VRFY', 501, 'EXPN', /^50[12]/]],
    ['EXPN that is not offered is 502 or 252', ['EXPN list', /^(?:502|252)/]],
    ...['ETRN local.test', 'TURN', 'SEND FROM:<alice@sender.test>', 'SAML FROM:<alice@sender.test>', 'SOML FROM:<alice@sender.test>']
      .map((command) => [`${command} is 502, and begins nothing`, [command, /^502 5\.5\.1 /, RCPT, 503, MAIL, 250, command, 502, RCPT, 250]]),
    ['STARTTLS without a certificate is 502', ['STARTTLS', /^50[02]/, 'NOOP', 250]],
    ['AUTH without users is 502', ['AUTH PLAIN AGEAYg==', /^50[023]/, 'NOOP', 250]],
    ['XCLIENT and other private verbs are 500', ['XCLIENT ADDR=192.0.2.1', 500, 'XFORWARD NAME=x', 500, 'XEXCH50 1', 500, 'NOOP', 250]],
    ['an unknown verb is 500, and the session goes on', ['FROB', /^500 5\.5\.[12] /, 'frobnicate <x>', 500, 'MAILER', 500, MAIL, 250, 'FROB', 500, RCPT, 250]],
    ['an empty line is 500', ['', 500, ' ', 500, 'NOOP', 250]],
    ['verbs are taken in every case', ['mail from:<alice@sender.test>', 250, 'RcPt To:<bob@local.test>', 250, 'dAtA', 354, octets('.\r\n'), 250, 'ehlo client.test', 250, 'noop', 250, 'quit', 221, CLOSED], { mails: [''] }],
    ['a space before CRLF is tolerated', ['NOOP ', 250, 'RSET  ', 250, `${MAIL} `, 250, `${RCPT}  `, 250, 'DATA ', 354, octets('.\r\n'), 250, 'QUIT ', 221, CLOSED], { mails: [''] }],
    ['a tab before CRLF is tolerated', ['NOOP\t', 250, `${MAIL}\t`, 250, `${RCPT} \t `, 250, 'RSET\t', 250]],
    ['a space before the verb is 500', [' NOOP', 500, `\t${MAIL}`, 500, 'NOOP', 250]],
    ['a tab behind the verb is no space', ['MAIL\tFROM:<alice@sender.test>', /^50[01]/, 'NOOP', 250]],
    ['a verb that runs into its argument is 500', ['MAILFROM:<alice@sender.test>', 500, 'RSETx', 500, 'EHLOclient.test', 500, 'DATA\0', 500, 'QUIT:', 500, 'NOOP', 250]],
    ['FROM and TO are not exchangeable', ['MAIL TO:<alice@sender.test>', 501, MAIL, 250, 'RCPT FROM:<bob@local.test>', 501, RCPT, 250]],
    ['a reply that a client sends is no command', ['250 ok', 500, '354 go on', 500, '220 x', 500, 'NOOP', 250]],
    ['behind a reply to QUIT nothing is executed', [['QUIT', 'NOOP', MAIL], 221, CLOSED]],
    ['a command is executed when its CRLF is there, and not before', [segments('NO', 'OP', '\r'), async (c) => c.say('\n'), 250, segments('NOOP\r', '\nNOOP\r', '\n'), 250, 250]],
  ]),
];
