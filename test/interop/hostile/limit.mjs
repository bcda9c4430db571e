// Limits (RFC 5321 §4.5.3), floods, and clients that go away in the middle.

import { expect, sleep } from '../harness.mjs';
import { CALM, cases, CLOSED, FIN, lines, MAIL, octets, OVER, RCPT, RST, segments, times, TO_DATA, TO_RCPT } from './case.mjs';

const EHLO = 'EHLO client.test';
const TEXT = 'Subject: x\r\n\r\ntext\r\n';
/** A content of so many octets. */
const content = (length) => `${'x'.repeat(98)}\r\n`.repeat(Math.floor(length / 100)) + (length % 100 === 0 ? '' : `${'y'.repeat((length % 100) - 2)}\r\n`);
const TOO_LARGE = /^552 5\.(?:3\.4|2\.3) /;
const recipient = (number) => `RCPT TO:<bob${number}@local.test>`;
const HUNDRED = lines(...Array.from({ length: 100 }, (_, at) => recipient(at)));

export const LIMIT = [
  ...cases({ at: 'small' }, [
    ['SIZE and RCPTMAX are announced as they are', [EHLO, /^(?=[^]*^250.SIZE 1000\r)(?=[^]*^250.LIMITS (?:[^\r]* )?RCPTMAX=100[ \r])/m]],
    ['a content of exactly the limit is taken', [...TO_DATA, octets(`${content(1000)}.\r\n`), 250], { mails: [content(1000)] }],
    ['stuffed dots do not count', [...TO_DATA, octets(`${'..\r\n'.repeat(300)}.\r\n`), 250], { mails: ['.\r\n'.repeat(300)] }],
    ['one octet above the limit is 552, and the session goes on', [...TO_DATA, octets(`${content(900)}${'z'.repeat(99)}\r\n.\r\nNOOP\r\n`), TOO_LARGE, 250, RCPT, 503]],
    ['of a content too large nothing is executed', [...TO_DATA, octets(`${content(1000)}${lines('NOOP', 'QUIT', MAIL)}.\r\nNOOP\r\n`), TOO_LARGE, 250]],
    ['seven times too large is 552 once, and the session goes on', [...TO_DATA, octets(`${content(7000)}.\r\nNOOP\r\n`), TOO_LARGE, 250, ...TO_DATA, octets('.\r\n'), 250], { mails: [''] }],
    ['1 MB too large is 552 once, and the session goes on', [...TO_DATA, octets(`${content(1_000_000)}.\r\nNOOP\r\n`), TOO_LARGE, 250, ...TO_DATA, octets('.\r\n'), 250], { mails: [''] }],
    ['SIZE above the limit is 552, at it 250', [`${MAIL} SIZE=1001`, TOO_LARGE, RCPT, 503, `${MAIL} SIZE=1000`, 250]],
    ['a SIZE that was too small does not let more in', [`${MAIL} SIZE=1`, 250, RCPT, 250, 'DATA', 354, octets(`${content(2000)}.\r\n`), TOO_LARGE]],
    // shows RFC5321:4.5.3.1.10-1 RFC5321:4.5.3.1.10-4
    ['the recipient above the limit is 452, and mail to the others goes on', [MAIL, 250, octets(HUNDRED), ...times(100, 250), recipient(101), /^452 4\.5\.3 /, recipient(102), 452, 'DATA', 354, octets(`${TEXT}.\r\n`), 250, ...TO_RCPT], { mails: [TEXT] }],
    ['recipients that were refused do not count', [MAIL, 250, 'RCPT TO:<bob@other.test>', 550, 'RCPT TO:<', 501, octets(HUNDRED), ...times(100, 250), recipient(101), 452]],
    ['RSET makes room for recipients', [MAIL, 250, octets(HUNDRED), ...times(100, 250), 'RSET', 250, MAIL, 250, recipient(101), 250]],
  ]),
  ...cases({ at: 'few' }, [
    ['a limit below that of RFC 5321 is announced and kept', [EHLO, /^250.LIMITS (?:[^\r]* )?RCPTMAX=3[ \r]/m, MAIL, 250, recipient(1), 250, recipient(2), 250, recipient(3), 250, recipient(4), /^452 4\.5\.3 /, 'DATA', 354, octets(`${TEXT}.\r\n`), 250], { mails: [TEXT] }],
  ]),
  ...cases({ at: 'plain' }, [
    ['1000 recipients are taken; the next is 452', [MAIL, 250, octets(lines(...Array.from({ length: 1001 }, (_, at) => recipient(at)))), ...times(1000, 250), /^452 4\.5\.3 /, 'DATA', 354, octets(`${TEXT}.\r\n`), 250], { mails: [TEXT] }],
    ['10 000 NOOPs in one segment have 10 000 replies', [octets('NOOP\r\n'.repeat(10_000)), ...times(10_000, 250)]],
    ['1000 empty transactions in one segment have their replies', [octets(lines(MAIL, RCPT, 'RSET').repeat(300)), ...times(900, 250)]],
    ['100 mails in one session arrive', [octets(lines(MAIL, RCPT, 'DATA').concat('text\r\n.\r\n').repeat(100)), ...times(100, [250, 250, 354, 250]).flat()], { mails: times(100, 'text\r\n') }],
    ['who makes errors without end is sent away with 421', [octets('FROB\r\n'.repeat(1000)), async (c) => {
      for (let errors = 0; errors < 1000; errors += 1) if ((await c.hear(/^(?:500|421) /)).startsWith('421')) return expect(errors >= 5, `after ${errors} errors`);
      expect(false, 'it took 1000 errors');
    }, CLOSED]],
    ['who asks for one unknown recipient after the other is sent away with 421', [MAIL, 250, octets('RCPT TO:<bob@other.test>\r\n'.repeat(2000)), async (c) => {
      for (let errors = 0; errors < 2000; errors += 1) if ((await c.hear(/^(?:550|421) /)).startsWith('421')) return expect(errors >= 5, `after ${errors} recipients`);
      expect(false, 'it took 2000 recipients');
    }, CLOSED]],
    ['a line of 1 MB is one error, or ends the session', [octets(`${'x'.repeat(1_000_000)}\r\n`), /^(?:500 5|421 4)/, CALM]],
    ['a client that says its commands one octet at a time is served', [segments('N', 'O', 'O', 'P', '\r', '\n'), 250]],
    ['FIN behind QUIT: 221', ['QUIT', FIN, 221, CLOSED]],
    ['FIN behind a command: it is answered', ['NOOP', FIN, 250, CLOSED]],
    ['FIN behind half a command: it is not executed', [octets('NOOP\r\nNOO'), FIN, 250, CLOSED]],
    ['FIN behind a command without CRLF: it is not executed', [octets('NOOP'), FIN, CLOSED]],
    ['FIN behind everything pipelined: each command has its reply, and the mail is there once', [octets(`${lines(MAIL, RCPT, 'DATA')}${TEXT}.\r\nQUIT\r\n`), FIN, 250, 250, 354, 250, 221, CLOSED], { mails: [TEXT] }],
    ['FIN behind the final dot: the mail is taken once, and answered', [...TO_DATA, octets(`${TEXT}.\r\n`), FIN, 250, CLOSED], { mails: [TEXT] }],
    ['FIN in the middle of mail data: no mail', [...TO_DATA, octets(TEXT), FIN, CLOSED]],
    ['FIN behind half the end of mail data: no mail', [...TO_DATA, octets(`${TEXT}.\r`), FIN, CLOSED]],
    ['FIN behind 354: no mail', [...TO_DATA, FIN, CLOSED]],
    ['RST in the middle of mail data: no mail', [...TO_DATA, octets(TEXT), RST]],
    ['RST behind half the end of mail data: no mail', [...TO_DATA, octets(`${TEXT}.\r`), RST]],
    ['RST behind a command hurts nobody', ['NOOP', RST]],
    ['a client that goes away in a transaction leaves nothing to the next', [...TO_RCPT, FIN, CLOSED]],
  ]),
  ...cases({ at: 'plain', open: 'nothing' }, [
    ['a connection without a word hurts nobody', [220, FIN, CLOSED]],
    ['a connection broken off before the banner hurts nobody', [RST]],
    ['a session without EHLO ends with 221', [220, 'QUIT', 221, CLOSED]],
    ['a client that talks before the banner is answered in order, or turned away', [octets(lines(EHLO, 'NOOP', 'QUIT')), async (c) => {
      if ((await c.hear(/^(?:220|[45]\d\d) /)).startsWith('220')) {
        await c.hear(/^250/);
        await c.hear(250);
        await c.hear(221);
      }
    }, CLOSED]],
    ...['GET / HTTP/1.1', 'POST / HTTP/1.1', 'PUT /x HTTP/1.0', 'CONNECT a.test:25 HTTP/1.1', 'OPTIONS * HTTP/1.1', 'HEAD / HTTP/1.1', 'PRI * HTTP/2.0']
      .map((request) => [`${request} is turned away, and nothing behind it is executed`, [220, octets(lines(request, 'Host: a.test', `Content-Length: 100`, '', EHLO, MAIL, RCPT, 'DATA', 'text', '.')), async (c) => c.expectTurnedAway(), OVER]]),
    ['octets of all kinds are errors, and end the session sometime', [220, octets(Array.from({ length: 100_000 }, (_, at) => String.fromCharCode((at * 7919) % 256)).join('')), async (c) => {
      c.end();
      await sleep(1);
    }, async (c) => c.expectTurnedAway(), OVER]],
  ]),
];
