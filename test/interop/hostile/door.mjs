// Who is let in, and as whom: caps on connections, and the PROXY protocol.

import { expectMatch, sleep, until } from '../harness.mjs';
import { cases, CLOSED, FIN, lines, MAIL, octets, OVER, RCPT, segments, TO_DATA } from './case.mjs';
import { Conversation } from './conversation.mjs';

const EHLO = 'EHLO client.test';
const ELSEWHERE = 'RCPT TO:<carol@other.test>';
/** Of the network of --relay-from, and of none. */
const FRIEND = 'PROXY TCP4 192.0.2.5 192.0.2.1 5000 25';
const STRANGER = 'PROXY TCP4 203.0.113.5 192.0.2.1 5000 25';
const V2 = '\r\n\r\n\0\r\nQUIT\n';
const v2 = (command, family, body) => `${V2}${String.fromCharCode(command, family, body.length >> 8, body.length & 255)}${body}`;
const IPV4 = '\xc0\x00\x02\x05\xc0\x00\x02\x01\x13\x88\x00\x19';
const IPV6 = '\x20\x01\x0d\xb8'.padEnd(32, '\x01') + '\x13\x88\x00\x19';
const BEGINS = [220, EHLO, 250, MAIL, 250];

/** So many connections are let in, and the next is not; when one has gone, the next is. */
const cap = (most) => async (c, { port }) => {
  const open = [c];
  for (let count = 1; count < most; count += 1) {
    open.push(await Conversation.open({ host: '127.0.0.1', port }));
    await open.at(-1).hear(220);
  }
  const refused = await Conversation.open({ host: '127.0.0.1', port });
  expectMatch(await refused.rest(''), /^421 (?:4\.7\.0 |4\.3\.2 )?[^\n]*\n$/, 'to the one too many');
  for (const other of open.slice(1)) other.destroy();
  await until('one more is let in', async () => {
    const next = await Conversation.open({ host: '127.0.0.1', port });
    const text = await next.hear(/^(?:220|421)/);
    next.destroy();
    return text.startsWith('220');
  });
  await sleep(50);
};

export const DOOR = [
  ...cases({ at: 'few' }, [['of one client three connections are let in, the next gets 421, and 220 when one has gone', [cap(3), 'NOOP', 250]]]),
  ...cases({ at: 'fewer' }, [['of all clients two connections are let in, the next gets 421, and 220 when one has gone', [cap(2), 'NOOP', 250]]]),
  ...cases({ at: 'plain', open: 'nothing' }, [
    ['a PROXY header from who is no proxy is no command, and changes nothing', [220, FRIEND, /^5/, EHLO, 250, MAIL, 250, ELSEWHERE, 550]],
    ['a binary PROXY header from who is no proxy changes nothing', [220, octets(v2(0x21, 0x11, IPV4)), async (c) => c.end(), async (c) => c.expectTurnedAway(), OVER]],
  ]),
  ...cases({ at: 'proxied', open: 'nothing' }, [
    ['a PROXY header says who the client is: a friend may relay', [octets(lines(FRIEND)), ...BEGINS, ELSEWHERE, 250, 'RSET', 250]],
    ['a PROXY header says who the client is: a stranger may not', [octets(lines(STRANGER)), ...BEGINS, ELSEWHERE, 550]],
    ['the header cut anywhere is the same', [segments(...lines(FRIEND)), ...BEGINS, ELSEWHERE, 250, 'RSET', 250]],
    ['commands behind the header in the same segment are executed after the banner, or turned away', [octets(lines(FRIEND, EHLO, 'QUIT')), async (c) => {
      if ((await c.hear(/^(?:220|[45]\d\d) /)).startsWith('220')) {
        await c.hear(250);
        await c.hear(221);
      }
    }, CLOSED]],
    ['a second PROXY header is no command', [octets(lines(STRANGER)), 220, FRIEND, /^5/, EHLO, 250, MAIL, 250, ELSEWHERE, 550]],
    ['PROXY UNKNOWN lets the client in as a stranger', [octets('PROXY UNKNOWN\r\n'), ...BEGINS, ELSEWHERE, 550]],
    ['PROXY TCP6 says who the client is', [octets(lines('PROXY TCP6 2001:db8::5 2001:db8::1 5000 25')), ...BEGINS, ELSEWHERE, 550, RCPT, 250, 'DATA', 354, octets('text\r\n.\r\n'), 250], { mails: ['text\r\n'], front: /\[IPv6:2001:db8::5\]/ }],
    ['the Received field names the client that the header names', [octets(lines(FRIEND)), 220, EHLO, 250, ...TO_DATA, octets('text\r\n.\r\n'), 250], { mails: ['text\r\n'], front: /\[192\.0\.2\.5\]/ }],
    ['a binary header says who the client is', [octets(v2(0x21, 0x11, IPV4)), ...BEGINS, ELSEWHERE, 250, 'RSET', 250]],
    ['a binary header with IPv6 says who the client is', [octets(v2(0x21, 0x21, IPV6)), ...BEGINS, ELSEWHERE, 550]],
    ['a binary header with more behind the addresses is taken whole', [octets(v2(0x21, 0x11, `${IPV4}\x04\x00\x05NOOP\n`)), ...BEGINS, ELSEWHERE, 250, 'RSET', 250]],
    ['a binary header LOCAL lets the proxy in as itself', [octets(v2(0x20, 0x00, '')), ...BEGINS, ELSEWHERE, 550]],
    ...Object.entries({
      'commands without a header': lines(EHLO, MAIL, RCPT),
      'a header of another protocol': lines('PROXY UDP4 192.0.2.5 192.0.2.1 5000 25', EHLO),
      'a header with a bad address': lines('PROXY TCP4 192.0.2.256 192.0.2.1 5000 25', EHLO),
      'a header with a bad port': lines('PROXY TCP4 192.0.2.5 192.0.2.1 70000 25', EHLO),
      'a header with the wrong family': lines('PROXY TCP4 2001:db8::5 2001:db8::1 5000 25', EHLO),
      'a header that ends in LF': `${FRIEND}\n${lines(EHLO)}`,
      'a header of more than 107 octets': `PROXY UNKNOWN ${'x'.repeat(200)}\r\n${lines(EHLO)}`,
      'a binary header of another version': v2(0x31, 0x11, IPV4) + lines(EHLO),
      'a binary header with another command': v2(0x22, 0x11, IPV4) + lines(EHLO),
      'a binary header that is too short for its family': v2(0x21, 0x11, IPV4.slice(0, 8)) + lines(EHLO),
      'a binary header broken in its signature': V2.replace('QUIT', 'QUIP') + lines(EHLO),
    }).map(([name, header]) => [`${name} is turned away, and nothing behind is executed`, [octets(header), async (c) => c.expectTurnedAway(), OVER]]),
    ['half a header and FIN is turned away', [octets('PROXY TCP4 192'), FIN, async (c) => c.expectTurnedAway(), OVER]],
  ]),
];
