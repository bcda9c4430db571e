// More odd and hostile servers against `ehlo send`, by the rules of hostile-server.mjs: alerts in the middle of a session, replies in
// drips and floods, what is said twice or too early, LMTP with too few replies and too many.

import { bad, BYE, CHUNKED, checkServers, CONTENT, DATA, delivered, EHLO, exact, HI, late, lost, MAIL, MARK, PIPELINED, RCPT, STARTTLS, TAKEN, unknown } from './hostile-server.mjs';

const after = (...script) => [...script, ...TAKEN.slice(HI.length)];
const slow = (text) => `slow ${JSON.stringify(text)}`;
const SECURE = [...STARTTLS, 'tls self', ...EHLO()];
const ALERT = `raw ${JSON.stringify('\x15\x03\x03\0\x1a' + 'x'.repeat(26))}`; // no record that anybody could decrypt
const LARGE = `Subject: ${MARK}\r\n\r\n${`${MARK} ${'x'.repeat(60)}\r\n`.repeat(60_000)}`; // 4 MB: more than any buffer in between
const BOTH = ['--to', 'bob@b.test', '--to', 'carol@b.test'];
const login = ['--tls', 'off', '--user', 'alice', '--password-file', 'password'];

checkServers([
  // TLS
  ['breaks TLS in the middle of the envelope', [...SECURE, 'C: MAIL', 'S: 250 ok', 'C: RCPT', ALERT], 'deferred 451 4.4.2', 75],
  ['breaks TLS after the final dot', [...SECURE, ...DATA.slice(HI.length), ALERT], 'unknown 451 4.4.2', 75],
  ['ends TLS after the final dot', [...SECURE, ...DATA.slice(HI.length), 'end'], ...unknown],
  ['takes the mail under TLS and drops without a word', [...SECURE, ...DATA.slice(HI.length), 'S: 250 taken', 'drop'], ...delivered],
  ['offers STARTTLS again under TLS', [...STARTTLS, 'tls self', ...EHLO('STARTTLS'), ...TAKEN.slice(HI.length)], ...delivered],
  ['answers STARTTLS with 220 in several lines', [...STARTTLS.slice(0, -1), 'S: 220-go', 'S: 220 ahead', 'tls self', ...EHLO(), ...TAKEN.slice(HI.length)], ...delivered],
  ['answers STARTTLS with 354', [...STARTTLS.slice(0, -1), 'S: 354 go'], ...bad],
  ['offers more in clear than under TLS', ['S: 220 mx.test', ...EHLO('STARTTLS', 'PIPELINING', 'CHUNKING', 'SIZE 10'), 'C: STARTTLS', 'S: 220 go', 'tls self', ...after(...EHLO())], ...delivered],
  ['says 421 instead of its banner of TLS', [...STARTTLS, 'tls self', 'C: EHLO', 'S: 421 4.3.2 closing', 'end'], 'deferred 421 4.3.2 closing', 75],
  // Replies in drips, floods, pieces
  ['says everything octet by octet, with time in between', [slow('220 mx.test\r\n'), 'C: EHLO', slow('250 mx.test\r\n'), 'C: MAIL', slow('250 ok\r\n'), 'C: RCPT', slow('250 2.1.5 ok\r\n'), 'C: DATA', slow('354 go\r\n'), 'data', slow('250 taken\r\n'), ...BYE], ...delivered],
  ['drips lines of a greeting for longer than it has', [slow('220-mx.test\r\n'.repeat(40))], ...late],
  ['drips a reply for longer than it has', [...MAIL, 'C: RCPT', slow('x'.repeat(400))], ...late],
  ['answers EHLO with 10,000 lines', ['S: 220 mx.test', 'C: EHLO', exact(`${'250-X-SOMETHING\r\n'.repeat(10_000)}250 HELP\r\n`)], ...bad],
  ['answers the final dot with fifty lines', [...DATA, exact(`${'250-2.0.0 a word\r\n'.repeat(50)}250 2.0.0 taken\r\n`), ...BYE], ...delivered],
  ['parts the CR and LF of its last reply', [...DATA, exact('250 taken\r'), slow('\n'), ...BYE], ...delivered],
  ['ends a line with CR CR LF', ['S: 220 mx.test', 'C: EHLO', exact('250 mx.test\r\r\n')], ...bad],
  ['parts code and text by a tab', [...HI, 'C: MAIL', exact('250\tok\r\n')], ...bad],
  ['parts code and text by an underscore', [...HI, 'C: MAIL', exact('250_ok\r\n')], ...bad],
  ['has a NUL in its last reply', [...DATA, exact('250 tak\0en\r\n')], 'unknown 451 4.5.0', 75],
  ['has octets above 127 in its banner and its replies', [exact('220 mx.test \xfc\xe9\xff\r\n'), 'C: EHLO', exact('250 mx.test \xc3\xa4\r\n'), 'C: MAIL', exact('250 \xe4\r\n'), 'C: RCPT', exact('250 \xff\r\n'), 'C: DATA', exact('354 \xfe\r\n'), 'data', exact('250 \xc3\xa4 taken\r\n'), ...BYE], ...delivered],
  ['changes its code inside a reply to MAIL', [...HI, 'C: MAIL', 'S: 250-ok', 'S: 550 no'], ...bad],
  ['changes its code inside a reply to the final dot', [...DATA, 'S: 250-ok', 'S: 554 no'], 'unknown 451 4.5.0', 75],
  // Too early, twice, out of order
  ['greets and says 421 in one breath', [exact('220 mx.test\r\n421 4.3.2 closing\r\n'), 'end'], 'deferred 421 4.3.2 closing', 75],
  ['says 421 unasked behind its 250 to MAIL', [...HI, 'C: MAIL', exact('250 ok\r\n421 4.4.2 closing\r\n'), 'end'], 'deferred 421 4.4.2 closing', 75],
  ['says 221 in reply to RCPT and closes', [...MAIL, 'C: RCPT', 'S: 221 bye', 'end'], ...bad],
  ['says 221 in reply to MAIL and goes on', [...HI, 'C: MAIL', 'S: 221 bye', 'wait'], ...bad],
  ['answers the final dot twice', [...DATA, exact('250 taken\r\n554 or not\r\n'), 'end'], ...delivered],
  ['takes the mail and says 221 unasked', [...DATA, exact('250 taken\r\n221 bye\r\n'), 'end'], ...delivered],
  ['answers RCPT twice', [...MAIL, 'C: RCPT', exact('250 ok\r\n550 no\r\n')], ...bad],
  ['drops in the middle of large mail', [...RCPT, 'C: DATA', 'S: 354 go', 'drop'], 'deferred 451 4.4.2', 75, [], LARGE],
  ['says 451 before large mail has come and reads on', [...RCPT, 'C: DATA', 'S: 354 go', exact('451 4.3.1 full\r\n'), 'wait content'], 'deferred 451 4.(?:5.0|3.1)', 75, [], LARGE],
  // Pipelining and chunks
  ['pipelines, defers all and says 354', [...PIPELINED, exact('250 ok\r\n450 4.2.1 later\r\n354 go\r\n'), 'C: .', 'S: 554 5.5.1 nobody', ...BYE], 'deferred 450 4.2.1 later', 75],
  ['pipelines, takes one of two and refuses DATA', ['S: 220 mx.test', ...EHLO('PIPELINING'), 'C: MAIL', 'C: RCPT', 'C: RCPT', 'C: DATA', exact('250 ok\r\n250 ok\r\n550 5.1.1 no\r\n451 4.3.0 later\r\n'), ...BYE], ['deferred 451 4.3.0', 'failed 550 5.1.1'], 69, BOTH],
  ['answers a chunk with 354', [...CHUNKED, 'C: MAIL', 'C: RCPT', 'bdat', exact('250 ok\r\n250 ok\r\n354 go\r\n')], 'unknown 451 4.5.0', 75],
  ['answers a chunk before the envelope', [...CHUNKED, 'C: MAIL', 'C: RCPT', 'bdat', exact('250 100 octets\r\n'), 'end'], ...unknown],
  ['refuses the sender with the mail in flight', [...CHUNKED, 'C: MAIL', 'C: RCPT', 'bdat', exact('550 5.7.1 not you\r\n503 no\r\n503 no\r\n'), ...BYE], 'failed 550 5.7.1', 69],
  ['takes one of two with the mail in flight', [...CHUNKED, 'C: MAIL', 'C: RCPT', 'C: RCPT', 'bdat', exact('250 ok\r\n250 ok\r\n550 5.1.1 no\r\n250 2.0.0 taken\r\n'), ...BYE], ['delivered 250 2.0.0', 'failed 550 5.1.1'], 69, BOTH],
  ['knows its keywords in lower case alone', ['S: 220 mx.test', ...EHLO('pipelining', 'chunking', 'size 1000000'), 'C: MAIL', 'C: RCPT', 'bdat', exact('250 ok\r\n250 ok\r\n250 taken\r\n'), ...BYE], ...delivered],
  // Extensions that contradict themselves
  ['takes one recipient at a time', ['S: 220 mx.test', ...EHLO('LIMITS RCPTMAX=1'), ...DATA.slice(HI.length), 'S: 250 taken', 'C: MAIL', 'S: 250 ok', 'C: RCPT TO:<carol@b.test>', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'data', 'S: 250 taken', ...BYE], ['delivered 250', 'delivered 250'], 0, BOTH],
  ['has limits of nothing', after('S: 220 mx.test', ...EHLO('LIMITS RCPTMAX=0 MAILMAX=0 =1 RCPTMAX')), ...delivered],
  ['has room for one of two', [...RCPT, 'C: RCPT TO:<carol', 'S: 452 4.5.3 too many', 'C: DATA', 'S: 354 go', 'data', 'S: 250 taken', 'C: MAIL', 'S: 250 ok', 'C: RCPT TO:<carol', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'data', 'S: 250 taken', ...BYE], ['delivered 250', 'delivered 250'], 0, BOTH],
  ['has room for one of two, and says so as of old', [...RCPT, 'C: RCPT TO:<carol', 'S: 552 too many', 'C: DATA', 'S: 354 go', 'data', 'S: 250 taken', 'C: MAIL', 'S: 250 ok', 'C: RCPT TO:<carol', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'data', 'S: 250 taken', ...BYE], ['delivered 250', 'delivered 250'], 0, BOTH],
  ['has room for one of two, and drops before the other', [...RCPT, 'C: RCPT TO:<carol', 'S: 452 4.5.3 too many', 'C: DATA', 'S: 354 go', 'data', 'S: 250 taken', 'C: MAIL', 'drop'], ['delivered 250', 'deferred 451 4.4.2 connection lost'], 75, BOTH],
  ['offers extensions behind HELO', ['S: 220 mx.test', 'C: EHLO', 'S: 500 what', 'C: HELO', 'S: 250-mx.test', 'S: 250-PIPELINING', 'S: 250 CHUNKING', ...TAKEN.slice(HI.length)], ...delivered],
  // AUTH
  ['says 235 before it has proven itself', ['S: 220 mx.test', ...EHLO('AUTH SCRAM-SHA-256'), 'C: AUTH SCRAM-SHA-256', 'S: 235 welcome'], 'deferred 4', 75, login],
  ['challenges with what is no base 64', ['S: 220 mx.test', ...EHLO('AUTH CRAM-MD5'), 'C: AUTH CRAM-MD5', 'S: 334 ???', 'C: *', 'S: 501 well', ...BYE], 'deferred', 75, login],
  ['asks for the password again under another name', ['S: 220 mx.test', ...EHLO('AUTH LOGIN'), 'C: AUTH LOGIN', 'S: 334 VXNlcm5hbWU6', 'C: YWxpY2U=', 'S: 334 UGFzc3dvcmQ6', 'C: c2VzYW1l', 'S: 334 UGFzc3dvcmQ6'], 'deferred', 75, login],
  ['says 334 to AUTH PLAIN that has said all', ['S: 220 mx.test', ...EHLO('AUTH PLAIN'), 'C: AUTH PLAIN', 'S: 334 '], 'deferred', 75, login],
]);

const LHLO = ['S: 220 mx.test LMTP', 'C: LHLO client.test', 'S: 250 mx.test', 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'data'];
const lmtp = ['--tls', 'off', ...BOTH];
checkServers([
  ['of LMTP gives a reply for each', [...LHLO, 'S: 250 2.0.0 hers', 'S: 450 4.2.2 full', ...BYE], ['delivered 250 2.0.0 hers', 'deferred 450 4.2.2 full'], 75, lmtp],
  ['of LMTP gives one reply for two and hangs', [...LHLO, 'S: 250 2.0.0 hers'], ['delivered 250', 'unknown 451 4.4.2'], 75, lmtp],
  ['of LMTP gives one reply for two and closes', [...LHLO, 'S: 250 2.0.0 hers', 'end'], ['delivered 250', 'unknown 451 4.4.2'], 75, lmtp],
  ['of LMTP gives three replies for two', [...LHLO, exact('250 one\r\n250 two\r\n250 three\r\n')], ['delivered 250', 'delivered 250'], 0, lmtp],
  ['of LMTP says 421 for the first of two', [...LHLO, 'S: 421 4.3.2 closing', 'end'], ['deferred 421 4.3.2', 'deferred 421 4.3.2'], 75, lmtp],
  ['of LMTP refuses one recipient and gives replies for both', [...LHLO.slice(0, 8), 'S: 550 5.1.1 no', 'C: DATA', 'S: 354 go', 'data', exact('250 hers\r\n250 nobody\r\n')], ['delivered 250', 'failed 550 5.1.1'], 69, lmtp],
  ['of LMTP does not know LHLO', ['S: 220 mx.test ESMTP', 'C: LHLO', 'S: 500 what', ...BYE], ['deferred 500', 'deferred 500'], 75, lmtp],
], { scheme: 'lmtp://' });
