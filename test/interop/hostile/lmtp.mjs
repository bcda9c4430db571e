// LMTP (RFC 2033): a reply for each recipient.

import { cases, CLOSED, FIN, lines, MAIL, octets, RCPT, RST, times, TLS } from './case.mjs';

const CAROL = 'RCPT TO:<carol@local.test>';
const ELSEWHERE = 'RCPT TO:<carol@other.test>';
const TWO = [MAIL, 250, RCPT, 250, CAROL, 250];
const TEXT = 'Subject: x\r\n\r\ntext\r\n';

export const LMTP = [
  ...cases({ at: 'secure/lmtp', open: 'nothing' }, [
    // shows RFC2033:4.1-2 RFC2033:4.1-3
    ['LHLO begins, EHLO and HELO do not', [220, 'EHLO client.test', /^50[02] /, 'HELO client.test', /^50[02] /, MAIL, 503, 'LHLO client.test', 250, MAIL, 250]],
    ['LHLO wants a domain', [220, 'LHLO', 501, 'LHLO a..b', 501, 'LHLO client.test', /^(?=[^]*PIPELINING)(?=[^]*ENHANCEDSTATUSCODES)250-relay\.test/]],
  ]),
  ...cases({ at: 'secure/lmtp', open: 'lmtp' }, [
    // shows RFC2033:4.2-2
    ['behind the final dot each recipient has a reply', [...TWO, 'DATA', 354, octets(`${TEXT}.\r\n`), /^250 2/, /^250 2/, 'NOOP', 250], { mails: [TEXT], front: /\swith LMTP\s/ }],
    ['one recipient has one reply', [MAIL, 250, RCPT, 250, 'DATA', 354, octets(`${TEXT}.\r\nNOOP\r\n`), 250, 250], { mails: [TEXT] }],
    ['a recipient that was refused has none', [MAIL, 250, RCPT, 250, ELSEWHERE, 550, CAROL, 250, 'RCPT TO:<', 501, 'DATA', 354, octets(`${TEXT}.\r\n`), 250, 250, 'NOOP', 250], { mails: [TEXT] }],
    // shows RFC2033:4.2-3
    ['a recipient named twice has two', [MAIL, 250, RCPT, 250, RCPT, 250, 'DATA', 354, octets(`${TEXT}.\r\n`), 250, 250, 'NOOP', 250], { mails: [TEXT] }],
    // shows RFC2033:4.2-1
    ['without a recipient DATA is 503, and there is no reply more', [MAIL, 250, 'DATA', /^503 |^554 /, ELSEWHERE, 550, 'DATA', /^503 |^554 /, 'NOOP', 250]],
    // shows RFC2033:4.3-1 RFC2033:4.3-4
    ['behind the last chunk each recipient has a reply, behind the others one', [...TWO, octets(`BDAT 6\r\ntext\r\n`), 250, octets('BDAT 6 LAST\r\nmore\r\nNOOP\r\n'), 250, 250, 250], { mails: ['text\r\nmore\r\n'] }],
    // shows RFC2033:4.3-2
    ['without a recipient the last chunk has no reply, and is never executed', [MAIL, 250, octets('BDAT 6 LAST\r\nHELP\r\nNOOP\r\n'), 250, MAIL, 250, 'BDAT 0 LAST', 'NOOP', 250, 'BDAT 0 LAST', 503]],
    ['without a recipient a chunk that is not the last has one reply, and is never executed', [MAIL, 250, octets('BDAT 6\r\nHELP\r\nNOOP\r\n'), /^503 |^554 /, 250]],
    ['a refused content has its reply for each recipient', [...TWO, 'DATA', 354, octets(`a\n.\r\n${lines('HELP')}.\r\nNOOP\r\n`), /^55\d 5\.[56]\.\d /, /^55\d 5\.[56]\.\d /, 250]],
    ['a refused chunk has its reply for each recipient', [...TWO, octets('BDAT 4 LAST\r\na\nb\nNOOP\r\n'), /^55\d 5\.[56]\.\d /, /^55\d 5\.[56]\.\d /, 250]],
    ['everything pipelined, the replies come in order', [octets(`${lines(MAIL, RCPT, CAROL, ELSEWHERE, 'DATA')}${TEXT}.\r\n${lines(MAIL, RCPT, 'DATA')}${TEXT}.\r\nQUIT\r\n`), 250, 250, 250, 550, 354, 250, 250, 250, 250, 354, 250, 221, CLOSED], { mails: [TEXT, TEXT] }],
    ['FIN behind the final dot: taken once, and answered for each', [...TWO, 'DATA', 354, octets(`${TEXT}.\r\n`), FIN, 250, 250, CLOSED], { mails: [TEXT] }],
    ['RST in the middle of mail data: no mail', [...TWO, 'DATA', 354, octets(TEXT), RST]],
    ['STARTTLS is as in SMTP, and the mail came with LMTPS', ['STARTTLS', 220, TLS, MAIL, 503, 'LHLO client.test', 250, ...TWO, 'DATA', 354, octets('text\r\n.\r\n'), 250, 250], { mails: ['text\r\n'], front: /\swith LMTPS\s/ }],
    ['mail to elsewhere is denied to strangers', [MAIL, 250, ELSEWHERE, /^550 5\.7\.1 /]],
    ['RSET and LHLO end a transaction', [...TWO, 'RSET', 250, RCPT, 503, ...TWO, 'LHLO client.test', 250, RCPT, 503]],
  ]),
  ...cases({ at: 'small/lmtp', open: 'lmtp' }, [
    ['a content too large is 552 for each recipient', [...TWO, 'DATA', 354, octets(`${'x\r\n'.repeat(400)}.\r\nNOOP\r\n`), 552, 552, 250]],
    ['a chunk too large is 552 for each recipient, and never executed', [...TWO, octets(`BDAT 1200 LAST\r\n${'NOOP\r\n'.repeat(200)}NOOP\r\n`), 552, 552, 250]],
    ['a recipient above the limit has no reply behind the final dot', [...TWO, octets(`${RCPT}\r\n`.repeat(100)), ...times(98, 250), 452, 452, 'DATA', 354, octets('.\r\nNOOP\r\n'), ...times(100, 250), 250], { mails: [''] }],
  ]),
];
