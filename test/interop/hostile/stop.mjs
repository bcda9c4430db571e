// SIGTERM with a session in each state: the idle get 421, what is in hand is finished, and status 0 comes within 30 s.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { check, expect, expectEqual, sleep } from '../harness.mjs';
import { CLOSED, converse, expectArrived, MAIL, octets, OPENINGS, RCPT, take, TO_DATA, TO_RCPT } from './case.mjs';
import { startServer } from './server.mjs';

const SHUTS = /^421 4\.3\.2 /;
const { connected, greeted, lmtp, smtps } = OPENINGS;

/** Where a session stands when the signal comes, at which listener, and what happens then. */
const SESSIONS = {
  'before EHLO': ['smtp', connected, [SHUTS, CLOSED]],
  'after EHLO': ['smtp', greeted, [SHUTS, CLOSED]],
  'in a transaction': ['smtp', [...greeted, ...TO_RCPT], [SHUTS, CLOSED]],
  'in the middle of a command': ['smtp', [...greeted, octets('NOO')], [SHUTS, CLOSED]],
  'in TLS': ['smtps', smtps, [SHUTS, CLOSED]],
  'in LMTP': ['lmtp', [...lmtp, MAIL, 250], [SHUTS, CLOSED]],
  'between chunks': ['smtp', [...greeted, ...TO_RCPT, octets('BDAT 6\r\nlost\r\n'), 250], [SHUTS, CLOSED]],
  'in an exchange of AUTH': ['smtps', [...smtps, 'AUTH PLAIN', 334], [SHUTS, CLOSED]],
  'instead of a handshake': ['smtp', [...greeted, 'STARTTLS', 220], [CLOSED]],
  'in mail data': ['smtp', [...greeted, ...TO_DATA, octets('one')], [octets('\r\n.\r\n'), 250, SHUTS, CLOSED], ['one\r\n']],
  'in mail data in TLS': ['smtps', [...smtps, ...TO_DATA, octets('two\r\n.')], [octets('\r\n'), 250, SHUTS, CLOSED], ['two\r\n']],
  'in the last chunk': ['smtp', [...greeted, ...TO_RCPT, octets('BDAT 7 LAST\r\nthr')], [octets('ee\r\n'), 250, SHUTS, CLOSED], ['three\r\n']],
  'in mail data in LMTP': ['lmtp', [...lmtp, MAIL, 250, RCPT, 250, RCPT, 250, 'DATA', 354, octets('four')], [octets('\r\n.\r\n'), 250, 250, SHUTS, CLOSED], ['four\r\n']],
};

check('SIGTERM with a session in each state: the idle get 421, mail in hand is taken, and no other', async (stage) => {
  const server = await startServer('secure', stage);
  const sessions = Object.entries(SESSIONS).map(([name, [scheme, before, after, mails = []]]) => ({ name, at: server.of(scheme), before, after, mails }));
  for (const session of sessions) session.conversation = await converse(session.before, session.at);
  await sleep(100); // what was said last has been heard
  const start = Date.now();
  const stopped = server.program.stop();
  await sleep(300);
  for (const { name, conversation, after, at } of sessions)
    for (const step of after)
      await take(step, conversation, at).catch((fault) => {
        throw Object.assign(fault, { message: `a session ${name}: ${fault.message}` });
      });
  expectEqual(await stopped, 0, 'exit status');
  expect(Date.now() - start < 10_000, `it took ${Date.now() - start} ms`);
  expectArrived(readdirSync(join(server.maildir, 'new')), { mails: sessions.flatMap(({ mails }) => mails) }, server);
});
