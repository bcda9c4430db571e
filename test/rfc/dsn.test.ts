// RFC 3461 §5.4 and RFC 3464 §2.3: how long the parameters may be, and what of a recipient stands in a notification.

import { describe, expect, it } from 'vitest';
import { formatNotification } from '../../src/relay/notification.ts';
import type { ReportedRecipient } from '../../src/relay/report.ts';
import { isFault } from '../../src/syntax/fault.ts';
import { parseForwardPath, parseReversePath } from '../../src/syntax/path.ts';
import { reply } from '../../src/syntax/reply.ts';
import { decodeLatin1, encodeAscii } from '../../src/wire/ascii.ts';
import { dialogueIn } from '../support/server-dialogue.ts';

describe('the parameters of DSN', () => {
  // shows RFC3461:4.2-4 RFC3461:4.4-2 RFC3461:5.4-1 RFC3461:5.4-2 RFC3461:5.4-3 RFC3461:5.4-4 RFC3461:5.4-5 RFC3461:5.4-7
  it('may be as long as §5.4 has them, all in one line', () => {
    const server = dialogueIn('ready', { without: [] });
    expect(server.say(`MAIL FROM:<a@b> RET=FULL ENVID=${'e'.repeat(100)}`)).toEqual(['250 2.1.0 sender ok']);
    const rcpt = `RCPT TO:<${'l'.repeat(64)}@${'d.'.repeat(94)}d> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;${'o'.repeat(493)}`;
    expect(server.say(rcpt)).toEqual(['250 2.1.5 recipient ok']);
    expect(server.say(`${rcpt}${' '.repeat(1_036 - 2 - rcpt.length)}`)).toEqual(['250 2.1.5 recipient ok']);
  });
});

function fields(recipient: string, change: Partial<ReportedRecipient> = {}): string {
  const [sender, forwardPath] = [parseReversePath('<alice@a.test>'), parseForwardPath(recipient)];
  if (isFault(sender) || isFault(forwardPath) || sender.type === 'null') throw new Error('a path');
  const recipients = [{ forwardPath, action: 'failed' as const, reply: reply(550, '5.1.1', 'no'), ...change }];
  return decodeLatin1(formatNotification({ id: 'm1-0', reportingMta: 'relay.test', sender, arrival: 0, date: 0, recipients, original: { header: encodeAscii('Subject: hi\r\n') } }));
}

describe('a recipient in a notification', () => {
  // shows RFC3464:2.3.2-2 RFC3464:2.3.2-3 RFC3464:2.3.2-4 RFC3461:9.1-1
  it.each(['Bob.Smith@Example.NET', '"B ob"@b.test', 'bob%c.test@B.test', 'x@[192.0.2.1]'])('is named as it was received: %s', (address) => {
    expect(fields(`<${address}>`)).toContain(`\r\nFinal-Recipient: rfc822; ${address}\r\n`);
  });

  // shows RFC3464:2.3.7-1
  it('has the date of the last attempt where that is known, and none else', () => {
    expect(fields('<bob@b.test>')).not.toContain('Last-Attempt-Date');
    expect(fields('<bob@b.test>', { lastAttempt: 0 })).toContain('\r\nLast-Attempt-Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n');
  });
});
