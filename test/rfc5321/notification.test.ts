// What this program writes in messages of its own, which are its notifications (RFC 5321 §4.1.1.4).

import { expect, it } from 'vitest';
import { formatNotification } from '../../src/relay/notification.ts';
import { isFault } from '../../src/syntax/fault.ts';
import { parseForwardPath, parseReversePath } from '../../src/syntax/path.ts';
import { reply } from '../../src/syntax/reply.ts';
import { decodeLatin1, encodeAscii } from '../../src/wire/ascii.ts';

// shows RFC5321:4.1.1.4-3
it('a notification holds no control character but HT and CRLF, whatever a peer has said', () => {
  const [sender, forwardPath] = [parseReversePath('<alice@a.test>'), parseForwardPath('<bob@b.test>')];
  if (isFault(sender) || isFault(forwardPath) || sender.type === 'null') throw new Error('a path');
  const controls = Array.from({ length: 33 }, (_, code) => String.fromCharCode(code === 32 ? 127 : code)).join('');
  const octets = formatNotification({
    id: 'm1-0',
    reportingMta: 'relay.test',
    sender,
    arrival: 0,
    date: 0,
    recipients: [{ forwardPath, action: 'failed', reply: reply(550, '5.1.1', `no ${controls} such user`, controls), host: `mx${controls}.b.test`, lastAttempt: 0 }],
    original: { header: encodeAscii('Subject: hi\r\n') },
  });
  expect(decodeLatin1(octets)).toMatch(/^(?:[\t -~]*\r\n)+$/);
});
