// STARTTLS (RFC 3207) and TLS at once (RFC 8314): nothing said before the handshake counts after it.

import { connect as connectTls } from 'node:tls';
import { cases, CLOSED, FIN, lines, MAIL, octets, OVER, RCPT, RST, TLS, TO_DATA, TO_RCPT } from './case.mjs';

const EHLO = 'EHLO client.test';
const BEGIN = ['STARTTLS', 220, TLS];
/** Begins as a ClientHello does. */
const HELLO = '\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03'.padEnd(253, '\x5a');

export const STARTTLS = [
  ...cases({ at: 'secure' }, [
    ['STARTTLS is offered in the clear, and AUTH PLAIN and LOGIN are not', [EHLO, /^(?=[^]*^250.STARTTLS\r)(?![^]*^250.AUTH[^\r]*(?:PLAIN|LOGIN))(?![^]*REQUIRETLS)/m]],
    // shows RFC4954:3-1 RFC4954:3-2 RFC4954:4-43
    ['after the handshake STARTTLS is offered no more, and AUTH and REQUIRETLS are', [...BEGIN, EHLO, /^(?=[^]*^250.AUTH (?=[^\r]*PLAIN)(?=[^\r]*LOGIN)(?=[^\r]*SCRAM-SHA-256))(?![^]*STARTTLS)(?=[^]*^250.REQUIRETLS\r)/m]],
    ['after the handshake EHLO comes first', [...BEGIN, MAIL, 503, RCPT, 503, 'DATA', 503, EHLO, 250, MAIL, 250]],
    ['HELO after the handshake is enough', [...BEGIN, 'HELO client.test', 250, ...TO_RCPT]],
    ['STARTTLS in a transaction is 503, and the transaction goes on', [...TO_RCPT, 'STARTTLS', /^503 5\.5\.1 /, 'DATA', 354, octets('.\r\n'), 250, ...BEGIN, EHLO, 250, RCPT, 503], { mails: [''] }],
    ['a mail after STARTTLS came with ESMTPS', [...BEGIN, EHLO, 250, ...TO_DATA, octets('text\r\n.\r\n'), 250], { mails: ['text\r\n'], front: /\swith ESMTPS\s/ }],
    ['the name said before the handshake is forgotten', ['EHLO mallory.test', 250, ...BEGIN, EHLO, 250, ...TO_DATA, octets('text\r\n.\r\n'), 250], { mails: ['text\r\n'], front: /^(?![^]*mallory)[^]*from client\.test/m }],
    ['octets behind STARTTLS in the same segment are never executed', [octets(lines('STARTTLS', 'EHLO mallory.test', MAIL, RCPT, 'DATA', 'text', '.')), 220, TLS, MAIL, 503, EHLO, 250, RCPT, 503]],
    ['octets behind STARTTLS in the same segment are never executed: a whole line and half of one', [octets(lines('STARTTLS', 'NOOP') + 'NO'), 220, TLS, 'OP', 500, 'NOOP', 250]],
    ['octets behind STARTTLS in the same segment are never executed: a bare LF', [octets('STARTTLS\r\n\n'), 220, TLS, 'NOOP', 250]],
    ['commands in front of STARTTLS in the same segment are executed, what is behind is not', [octets(lines('NOOP', 'RSET', 'STARTTLS', 'NOOP', EHLO, MAIL)), 250, 250, 220, TLS, EHLO, 250, RCPT, 503]],
    ['a second STARTTLS is 503', [...BEGIN, EHLO, 250, 'STARTTLS', /^503 5\.5\.1 /, 'NOOP', 250, MAIL, 250]],
    ['STARTTLS with a parameter is 501, and begins nothing', ['STARTTLS x', /^501 5\.5\.[24] /, 'STARTTLS now', 501, 'NOOP', 250, MAIL, 250]],
    ['STARTTLS before EHLO is 503, or works', ['RSET', 250, 'starttls ', 220, TLS, EHLO, 250]],
    ['instead of a handshake, commands are not executed', ['STARTTLS', 220, async (c) => c.expectNoReply(lines('NOOP', EHLO, MAIL)), OVER]],
    ['instead of a handshake, octets of all kinds end the connection', ['STARTTLS', 220, async (c) => c.expectNoReply(`${HELLO}${'\0'.repeat(300)}`), OVER]],
    ['our side closed instead of a handshake ends the connection', ['STARTTLS', 220, FIN, CLOSED]],
    ['a connection broken off instead of a handshake hurts nobody', ['STARTTLS', 220, RST]],
    ['pipelined in TLS, each command has its reply', [...BEGIN, octets(lines(EHLO, MAIL, RCPT, 'NOOP', 'RSET')), 250, 250, 250, 250, 250]],
    ['a client that trusts no such certificate gets no reply and hurts nobody', ['STARTTLS', 220, async (c) => c.failHandshake(), RST]],
    ['REQUIRETLS is refused in the clear', [`${MAIL} REQUIRETLS`, /^5(?:30|55|0[13]) /, MAIL, 250]],
    ['REQUIRETLS is taken in TLS, and takes no value', [...BEGIN, EHLO, 250, `${MAIL} REQUIRETLS=1`, 501, `${MAIL} REQUIRETLS`, 250]],
    ['a server with TLS is no open relay for those who use it', [...BEGIN, EHLO, 250, MAIL, 250, 'RCPT TO:<bob@other.test>', /^550 5\.7\.1 /]],
    ['a client of TLS 1.0 or 1.1 is refused', ['STARTTLS', 220, async (c, { tls }) => c.failHandshake({ ...tls, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }), RST]],
  ]),
  ...cases({ at: 'secure/smtps', open: 'smtps' }, [
    ['TLS at once: a mail came with ESMTPS', [...TO_DATA, octets('text\r\n.\r\n'), 250], { mails: ['text\r\n'], front: /\swith ESMTPS\s/ }],
    ['STARTTLS where TLS was at once is 503', ['STARTTLS', 503, EHLO, /^(?![^]*STARTTLS)/]],
    ['the end of mail data is the same in TLS', [...TO_DATA, octets(`a\n.\n${lines(MAIL, RCPT)}.\r\nNOOP\r\n`), /^55\d 5\.[56]\.\d /, 250]],
    ['QUIT in the segment of the final dot is executed', [...TO_DATA, octets('text\r\n.\r\nQUIT\r\n'), 250, 221, CLOSED], { mails: ['text\r\n'] }],
    ['our side closed in mail data ends the mail', [...TO_DATA, octets('lost\r\n'), FIN, CLOSED]],
    ['our side closed behind the final dot: the mail is taken once, and answered', [...TO_DATA, octets('text\r\n.\r\n'), FIN, 250, CLOSED], { mails: ['text\r\n'] }],
  ]),
  ...cases({ at: 'secure/smtps', open: 'nothing' }, [
    ['commands in the clear where TLS is wanted are never answered in the clear', [async (c) => c.expectNoReply(lines(EHLO, MAIL, RCPT)), OVER]],
    ['a client that hangs up where TLS is wanted hurts nobody', [FIN, CLOSED]],
    ['two clients of TLS at a time are served', [async (c, { port, tls }) => {
      const other = connectTls({ port, host: '127.0.0.1', servername: 'mx.test', ...tls });
      await new Promise((resolve, reject) => other.once('data', resolve).once('error', reject));
      other.destroy();
    }, TLS, 220]],
  ]),
  ...cases({ at: 'plain', open: 'nothing' }, [
    ['a TLS handshake at the plain port is turned away, and nothing in it is executed', [octets(`${HELLO}\r\n${lines(EHLO, MAIL)}`), async (c) => c.expectTurnedAway(), OVER]],
    ['a TLS handshake after the banner is turned away', [220, octets(HELLO), async (c) => c.expectTurnedAway(), OVER]],
  ]),
];
