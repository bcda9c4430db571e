// How long the lines of a client's commands become (RFC 5321 §4.5.3.1): no longer than every server has to take.

import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/syntax/fault.ts';
import { parseForwardPath, parseReversePath } from '../../src/syntax/path.ts';
import { ClientSession } from '../../src/protocol/client/session.ts';
import { ClientDialogue } from '../support/client-dialogue.ts';

/** A domain and a path of the greatest length. */
const DOMAIN = `${`${'d'.repeat(62)}.`.repeat(4)}ddd`;
const PATH = `<${'l'.repeat(63)}@${DOMAIN.slice(-190)}>`;

describe('the longest command of a client', () => {
  // shows RFC5321:4.5.3.1-2 RFC5321:4.5.3.1.4-2
  it('is shorter than 512 octets, its parameters and CRLF counted', () => {
    expect([DOMAIN.length, PATH.length]).toEqual([255, 256]);
    const client = new ClientDialogue({ hostname: DOMAIN });
    client.reply('220 mx.example.com');
    client.reply('250-mx.example.com', '250-PIPELINING', '250-SIZE', '250 8BITMIME');
    const [from, to] = [parseReversePath(PATH), parseForwardPath(PATH)];
    if (isFault(from) || isFault(to)) throw new Error('a path is too long');
    client.session.send({ reversePath: from, forwardPaths: [to], size: Number.MAX_SAFE_INTEGER, eightBit: true }, 0);
    client.pump();
    const lines = client.sent.split(/(?<=\r\n)/);
    expect(lines.map((line) => line.slice(0, 4))).toEqual(['EHLO', 'MAIL', 'RCPT', 'DATA']);
    expect(lines[1]).toContain(' SIZE=9007199254740991 BODY=8BITMIME\r\n');
    for (const line of lines) expect(line.length).toBeLessThan(512);
  });

  // shows RFC5321:4.5.3.1-2 RFC5321:4.5.3.1.1-2 RFC5321:4.5.3.1.2-2 RFC5321:4.5.3.1.3-2
  it('names nothing that is longer than a local part, a domain or a path may be', () => {
    expect(() => new ClientSession({ hostname: `d${DOMAIN}` }, 0)).toThrow();
    for (const path of [`<${'l'.repeat(65)}@b>`, `<a@d${DOMAIN}>`, `<l${PATH.slice(1)}`]) expect([isFault(parseReversePath(path)), isFault(parseForwardPath(path))]).toEqual([true, true]);
  });
});
