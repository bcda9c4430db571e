// smtp-sink with each of its faults, each of which is a domain: what `ehlo send` and the relay of `ehlo serve` say of a mail to one
// at each, all at once. What they say is true: smtp-sink has the mail where they say so, and nowhere else.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, expectEqual, expectMatch, freePort, shared, until } from './harness.mjs';
import { CONTENTS, sinkMails } from './mail.mjs';
import { Client } from './peer.mjs';
import { startSink } from './relay.mjs';

const HARD = '500 5.3.0 Error: command failed';
const SOFT = '450 4.3.0 Error: command failed';
const CLOSING = '421 4.0.0 .*';
const LOST = '451 4.4.2 connection lost';
const LATE = '451 4.4.2 timed out';

/** What is said of the mail by the options of smtp-sink: state, and reply. A wait (`-W`) is longer than ours, of 3 s. */
const FAULTS = {
  '-f CONNECT': `deferred ${HARD}`, // one host of several may say so (RFC 5321 §3.1)
  '-f EHLO': 'delivered 250', // HELO is left
  '-f EHLO,HELO': `deferred ${HARD}`,
  '-f MAIL': `failed ${HARD}`,
  '-f RCPT': `failed ${HARD}`,
  '-f DATA': `failed ${HARD}`,
  '-f .': `failed ${HARD}`,
  '-f RSET': 'delivered 250',
  '-f QUIT': 'delivered 250',
  '-r CONNECT': `deferred ${SOFT}`,
  '-r EHLO': `deferred ${SOFT}`,
  '-r MAIL': `deferred ${SOFT}`,
  '-r RCPT': `deferred ${SOFT}`,
  '-r DATA': `deferred ${SOFT}`,
  '-r .': `deferred ${SOFT}`,
  '-r QUIT': 'delivered 250',
  '-q CONNECT': `deferred ${LOST}`,
  '-q EHLO': `deferred ${LOST}`,
  '-q MAIL': `deferred ${LOST}`,
  '-q RCPT': `deferred ${LOST}`,
  '-q DATA': `deferred ${LOST}`,
  '-q .': `unknown ${LOST}`,
  '-q QUIT': 'delivered 250',
  '-Q CONNECT': `deferred ${CLOSING}`,
  '-Q EHLO': `deferred ${CLOSING}`,
  '-Q MAIL': `deferred ${CLOSING}`,
  '-Q RCPT': `deferred ${CLOSING}`,
  '-Q DATA': `deferred ${CLOSING}`,
  '-Q .': `deferred ${CLOSING}`,
  '-Q QUIT': 'delivered 250',
  '-p -W CONNECT:9': `deferred ${LATE}`,
  '-p -W EHLO:9': `deferred ${LATE}`,
  '-p -W MAIL:9': `deferred ${LATE}`,
  '-p -W RCPT:9': `deferred ${LATE}`,
  '-p -W DATA:9': `deferred ${LATE}`,
  '-p -W .:9': `unknown ${LATE}`,
  '-p -W QUIT:9': 'delivered 250',
  '-A 0': 'failed 550 .*', // before or after the last dot, as it comes: the same
  '-w 1': 'delivered 250',
  '-H 1 -T 1024': 'delivered 250',
  '-8': 'delivered 250',
  '-p': 'delivered 250',
  '-e': 'delivered 250',
  '-P': 'delivered 250', // greets with asterisks, and knows no EHLO
  '-E -N -a': 'delivered 250',
};

const CONTENT = CONTENTS['lines of one, two and three dots'];
const domainOf = (options) => `f${Object.keys(FAULTS).indexOf(options)}.test`;

/** Starts a sink for each fault; returns the folder in which each keeps its mails, and the options by which they are found. */
async function startSinks(stage) {
  const sinks = await Promise.all(Object.keys(FAULTS).map(async (options) => {
    const port = await freePort();
    return { options, port, folder: await startSink(stage, port, '127.0.0.1', options.split(' ')) };
  }));
  const routes = sinks.flatMap(({ options, port }) => ['--route', `${domainOf(options)}=127.0.0.1:${port}`]);
  return { folders: new Map(sinks.map(({ options, folder }) => [options, folder])), routes };
}

const sent = shared(async (stage) => {
  const { folders, routes } = await startSinks(stage);
  const file = join(stage.folder('content'), 'content');
  writeFileSync(file, CONTENT);
  const { status, out, err } = await stage.ehlo(['send', '--hostname', 'client.test', '--from', 'alice@sender.test', '--timeout', '3', '--tls', 'off', ...routes, ...Object.keys(FAULTS).flatMap((options) => ['--to', `bob@${domainOf(options)}`]), file]);
  expectEqual(err, '', 'standard error');
  expectEqual(status, 69, 'exit status'); // some failed
  return { folders, line: async (options) => new RegExp(`^(\\w+) <bob@${domainOf(options)}> (.*)$`, 'm').exec(out)?.slice(1).join(' ') ?? '' };
});

const relayed = shared(async (stage) => {
  const { folders, routes } = await startSinks(stage);
  const relay = await stage.serve(['--retry', '1h', ...routes]);
  const client = await Client.greet(stage, relay.port);
  await client.expect(250, 'RSET');
  const { code } = await client.mail('', Object.keys(FAULTS).map((options) => `bob@${domainOf(options)}`), CONTENT);
  expectEqual(code, 250, 'reply to the mail');
  const said = (options) => new RegExp(`^\\S+ (delivered|failed|deferred|unknown) .*to=<bob@${domainOf(options)}>.* reply="([^"]*)"`, 'm').exec(relay.out)?.slice(1).join(' ');
  return { folders, line: (options) => until(`the log says what became of the mail to smtp-sink ${options}`, () => said(options), 20) };
});

for (const [who, played] of [['ehlo send', sent], ['the relay of ehlo serve', relayed]])
  for (const [options, expected] of Object.entries(FAULTS)) {
    if (who !== 'ehlo send' && options.includes('-W') && !options.includes('QUIT')) continue; // its waits are minutes
    check(`${who} tells the truth of a mail to smtp-sink ${options}`, async () => {
      const { folders, line } = await played();
      const said = await line(options);
      expectMatch(said, new RegExp(`^${expected}`), 'what is said');
      const arrived = () => sinkMails(folders.get(options)).filter(({ octets }) => octets.toString('latin1').endsWith(CONTENT.toString('latin1'))).length;
      if (said.startsWith('delivered')) await until('the mail is at smtp-sink', () => arrived() === 1, 5);
      else if (!options.includes('.')) expectEqual(arrived(), 0, 'mails at smtp-sink'); // which it keeps before it replies to the last dot
    });
  }
