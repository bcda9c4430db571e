import { expect, it } from 'vitest';
import { countReply, sessionCounts } from '../../../src/protocol/server/count.ts';
import { ServerSession } from '../../../src/protocol/server/session.ts';
import { encodeAscii } from '../../../src/wire/ascii.ts';

/** Runs sessions that say this, and say yes to everything; returns what was counted. */
function counted(...said: readonly string[]): ReturnType<typeof sessionCounts> {
  const counts = sessionCounts();
  for (const text of said) {
    const session = new ServerSession({ hostname: 'mx.test', counts }, 0);
    session.receive(encodeAscii(text), 0);
    for (let action; (action = session.next()) !== undefined; ) if (action.type === 'ask') session.accept();
  }
  return counts;
}

const repliesOf = ({ replies }: ReturnType<typeof sessionCounts>): Record<number, number> => Object.fromEntries([...replies.entries()].filter(([, count]) => count > 0));

it('sessions, commands by verb and replies by code are counted, for all sessions together', () => {
  const counts = counted('EHLO a.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@c.test>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n', 'EHLO a.test\r\nMAIL FROM:<bad\r\nWHAT\r\n');
  expect(counts.sessions).toBe(2);
  expect(Object.entries(counts.commands).filter(([, count]) => count > 0)).toEqual([['EHLO', 2], ['MAIL', 2], ['RCPT', 1], ['DATA', 1], ['QUIT', 1], ['unknown', 1]]);
  expect(repliesOf(counts)).toEqual({ 220: 2, 221: 1, 250: 5, 354: 1, 500: 1, 501: 1 });
});

it('what stands in mail data is no command', () => {
  expect(counted('EHLO a.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@c.test>\r\nDATA\r\nNOOP\r\nNOOP\r\n.\r\n').commands.NOOP).toBe(0);
});

it('a reply is counted by the digits that it begins with', () => {
  const counts = sessionCounts();
  countReply(counts, encodeAscii('554-5.7.1 no\r\n554 5.7.1 no\r\n'));
  expect(repliesOf(counts)).toEqual({ 554: 1 });
});
