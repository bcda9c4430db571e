// Recordings of servers: what each of them says to `ehlo send` or to the relay of `ehlo serve`.

import { join } from 'node:path';
import { freePort, PEERS, ROOT, until } from './harness.mjs';
import { startExim } from './exim.mjs';
import { startOpensmtpd } from './opensmtpd.mjs';
import { Client } from './peer.mjs';
import { startPostfix } from './postfix.mjs';
import { startSendmail } from './sendmail.mjs';
import { CERT, EXIM, KEY, OPENSMTPD, PASSWORD, POSTFIX, PYTHON, SENDMAIL, SMTP_SINK, TO, UNPACKED, USER, file, npmVersion, send, serveRelay, version } from './record-stage.mjs';

const HOST = 'mx.example.com';
const OTHER = 'dave@example.com';
const ELSEWHERE = 'carol@example.net'; // whom the servers do not know
const VERIFIED = ['--tls', 'verify', '--tls-ca', CERT];
const login = (stage, password = PASSWORD) => ['--user', USER, '--password-file', file(stage, `${password}\n`, 'password')];

/** Waits until a server that says nothing about it listens. */
const listening = (stage, port) => until('the server listens', () => Client.connect(stage, port).then((client) => client.reset() ?? true, () => false));

/** aiosmtpd or smtp-server. */
async function startKeeper(stage, name, kind = 'smtp') {
  const port = await freePort();
  const rest = [kind, String(port), stage.folder(name), CERT, KEY, USER, PASSWORD, HOST];
  const program = name === 'aiosmtpd'
    ? stage.start(join(PEERS, 'aiosmtpd'), [join(ROOT, 'test/interop/aiosmtpd_server.py'), ...rest])
    : stage.start(process.execPath, [join(ROOT, 'test/interop/smtp-server.cjs'), join(PEERS, 'smtp-server/node_modules'), ...rest]);
  await program.find(/^ready$/m, 30);
  return `127.0.0.1:${port}`;
}

async function startSink(stage, ...args) {
  const port = await freePort();
  stage.start(join(PEERS, 'sink'), ['-u', 'nobody', '-h', HOST, ...args, `127.0.0.1:${port}`, '10']);
  await listening(stage, port);
  return `127.0.0.1:${port}`;
}

async function opensmtpd(stage) {
  const port = await freePort();
  await startOpensmtpd(stage, { port, cert: CERT, key: KEY, hostname: HOST, env: UNPACKED });
  return `127.0.0.1:${port}`;
}

const AIOSMTPD = version('aiosmtpd', join(PEERS, 'aiosmtpd'), ['-c', 'import aiosmtpd; print(aiosmtpd.__version__)'], /(\S+)/);

/** Of smtp-sink. */
const EMPTY_KEYWORD = [/^S= "250 /, 'The last line of the reply to EHLO names no extension, though each has to (RFC 5321 §4.1.1.1). We pass over it.'];

export const SERVERS = [
  {
    name: 'postfix-smtpd-refused-recipient',
    title: 'a server under TLS refuses one recipient of two, and takes the mail for the other in one chunk',
    verifies: 'RFC 3207 §4.2, RFC 2920 §3.1, RFC 3030 §2, RFC 5321 §4.2.5',
    version: POSTFIX,
    shows: [/^\* tls/m, /^C: BDAT \d+ LAST$/m, /^A: outcome <carol@example\.net> failed /m, /^A: outcome <bob@example\.com> delivered /m],
    async play(stage) {
      const port = await freePort();
      await startPostfix(stage, { port, cert: CERT, key: KEY, lines: [`myhostname = ${HOST}`, 'virtual_mailbox_domains = example.com', 'smtpd_relay_restrictions = reject_unauth_destination'] });
      return send(stage, `127.0.0.1:${port}`, { args: VERIFIED, to: [ELSEWHERE, TO], status: 69 });
    },
  },
  {
    name: 'exim-auth-plain',
    title: 'a client shows its password only under TLS with a verified certificate, and the server takes it',
    verifies: 'RFC 4954 §4, RFC 4616, RFC 3207 §4.2',
    struck: 'password struck out',
    version: EXIM,
    shows: [/^C: AUTH PLAIN AHRpbQBzdHJ1Y2sgb3V0$/m, /^S: 235 /m],
    async play(stage) {
      const port = await freePort();
      await startExim(stage, { port, cert: CERT, key: KEY, user: USER, password: PASSWORD, hostname: HOST });
      return send(stage, `127.0.0.1:${port}`, { args: [...VERIFIED, ...login(stage)] });
    },
  },
  {
    name: 'exim-two-mails',
    title: 'a relay hands two mails to a server in one session, each in one chunk behind its envelope',
    verifies: 'RFC 5321 §3.3, RFC 3030 §2, RFC 3030 §4.1, RFC 2920 §3.1',
    version: EXIM,
    shows: [/^C: BDAT \d+ LAST$[^]*^C: MAIL [^]*^C: BDAT \d+ LAST$/m],
    async play(stage) {
      const port = await freePort();
      await startExim(stage, { port, cert: CERT, key: KEY, user: USER, password: PASSWORD, hostname: HOST });
      const relay = await serveRelay(stage, port);
      for (const to of [TO, OTHER]) await send(stage, `127.0.0.1:${relay.port}`, { to: [to] });
      return relay.traced(/^Subject: client$[^]*^C: MAIL/m); // when nothing more comes for a while
    },
  },
  {
    name: 'opensmtpd-failed-handshake',
    title: 'a server offers STARTTLS, breaks off in the handshake, and gets no mail in that session',
    verifies: 'RFC 3207 §4, RFC 3207 §4.1',
    version: OPENSMTPD,
    remarks: [[/^\* lost$/, 'The server says that it is ready, and fails (its TLS library does). Nothing can be said in this session any more (RFC 3207\n§4.1). Where TLS is used as it comes, we try again without it, in a session that is opensmtpd-no-pipelining.smtp.']],
    shows: [/^C: STARTTLS$/m, /^A: start-tls\n(?:#.*\n)*\* lost\n\* close\n$/m],
    play: async (stage) => send(stage, await opensmtpd(stage), { args: [], to: [TO, OTHER] }),
  },
  {
    name: 'opensmtpd-no-pipelining',
    title: 'a server without PIPELINING is asked one thing at a time, and told the size of the mail with MAIL',
    verifies: 'RFC 5321 §4.3.1, RFC 2920 §3.1, RFC 1870 §6.1',
    version: OPENSMTPD,
    shows: [/^C: MAIL .*\nS: 250 .*\nC: RCPT .*\nS: 250 .*\nC: RCPT /m],
    play: async (stage) => send(stage, await opensmtpd(stage), { args: [], to: [TO, OTHER], pattern: /^C: MAIL/m }),
  },
  {
    name: 'sendmail-unknown-mechanisms',
    title: 'a server offers mechanisms and extensions that the client does not know, and SIZE without a limit',
    verifies: 'RFC 5321 §4.1.1.1, RFC 1870 §4, RFC 2920 §3.1',
    version: SENDMAIL,
    shows: [/^S: 250-SIZE$/m, /^S: 250-AUTH /m, /^A: outcome <bob@example\.com> delivered /m],
    async play(stage) {
      const port = await freePort();
      await startSendmail(stage, { port, hostname: HOST, env: UNPACKED });
      return send(stage, `127.0.0.1:${port}`);
    },
  },
  {
    name: 'aiosmtpd-lmtp-one-reply',
    title: 'a server of LMTP gives one reply for two recipients, and the second one is still unknown when time is up',
    verifies: 'RFC 2033 §4.2, RFC 5321 §4.5.3.2.6',
    version: AIOSMTPD,
    remarks: [[/^A: outcome <dave/, 'There has to be a reply for each recipient that was accepted (RFC 2033 §4.2). The first reply counts for the first recipient\nalone; the other is tried again, at the risk of a second copy: better that than none.']],
    shows: [/^C: LHLO /m, /^A: outcome <bob@example\.com> delivered /m, /^A: outcome <dave@example\.com> unknown /m],
    async play(stage) {
      return send(stage, `lmtp://${await startKeeper(stage, 'aiosmtpd', 'lmtp')}`, { args: ['--tls', 'off', '--timeout', '2'], to: [TO, OTHER], status: 75 });
    },
  },
  {
    name: 'aiosmtpd-smtputf8',
    title: 'a mailbox whose name is not ASCII is named to a server that takes SMTPUTF8',
    verifies: 'RFC 6531 §3.1, RFC 6531 §3.4',
    version: AIOSMTPD,
    shows: [/^C.*MAIL FROM:.*SMTPUTF8/m],
    async play(stage) {
      return send(stage, await startKeeper(stage, 'aiosmtpd'), { to: ['grüße@example.com'] });
    },
  },
  {
    name: 'smtp-server-wrong-password',
    title: 'a server calls the password wrong, and nothing is sent',
    verifies: 'RFC 4954 §4, RFC 4954 §6',
    struck: 'password struck out',
    version: npmVersion('smtp-server'),
    shows: [/^S: 535 /m, /^A: outcome <bob@example\.com> (?:deferred|failed) /m],
    async play(stage) {
      return send(stage, await startKeeper(stage, 'smtp-server'), { args: [...VERIFIED, ...login(stage, 'wrong')], status: 75 });
    },
  },
  {
    name: 'smtp-server-pipelining',
    title: 'a server takes the envelope in one segment, and a mail behind it',
    verifies: 'RFC 2920 §3.1, RFC 2920 §3.2',
    version: npmVersion('smtp-server'),
    shows: [/^C: MAIL .*\nC: RCPT .*\nC: RCPT .*\nC: DATA\n/m],
    remarks: [[/^S: 250 Accepted$/, 'Replies to a group of commands should go out as a unit (RFC 2920 §3.2); here each has a segment of its own. We read them as they\ncome, and send content behind the last.']],
    async play(stage) {
      return send(stage, await startKeeper(stage, 'smtp-server'), { to: [TO, OTHER] });
    },
  },
  {
    name: 'smtp-sink-temporary-refusal',
    title: 'a server refuses each recipient for now, and the mail data are not sent',
    verifies: 'RFC 5321 §4.2.1, RFC 2920 §3.1',
    version: SMTP_SINK,
    remarks: [EMPTY_KEYWORD],
    shows: [/^A: outcome <bob@example\.com> deferred .*in reply to RCPT/m],
    async play(stage) {
      return send(stage, await startSink(stage, '-r', 'RCPT'), { status: 75 });
    },
  },
  {
    name: 'smtp-sink-no-esmtp',
    title: 'a server that does not know EHLO is greeted with HELO',
    verifies: 'RFC 5321 §3.2, RFC 5321 §4.1.1.1',
    version: SMTP_SINK,
    remarks: [[/^S: 500 /, 'A server has to know EHLO (RFC 5321 §2.2.1). At 500 or 502 we say HELO, and use no extension.']],
    shows: [/^C: EHLO .*\n(?:#.*\n)*S: 500 .*\nC: HELO /m],
    async play(stage) {
      return send(stage, await startSink(stage, '-e'));
    },
  },
  {
    name: 'smtp-sink-silent-end',
    title: 'a server closes the connection instead of replying to the end of mail data, and nobody knows whether it has the mail',
    verifies: 'RFC 1047, RFC 5321 §4.2.5',
    version: SMTP_SINK,
    remarks: [EMPTY_KEYWORD, [/^\* (?:eof|lost)$/, 'A server must not close before QUIT but after 421 (RFC 5321 §3.8). Whether the mail arrived cannot be known: a queue tries it again.']],
    shows: [/^A: outcome <bob@example\.com> unknown /m],
    async play(stage) {
      return send(stage, await startSink(stage, '-q', '.'), { status: 75 });
    },
  },
  {
    name: 'net-smtp-server-helo',
    title: 'a server of the old days, whose greeting names no host, takes a mail behind HELO',
    verifies: 'RFC 5321 §3.2, RFC 5321 §4.2.4, RFC 5321 §4.1.1.1',
    version: version("Perl's Net::SMTP::Server", 'perl', [`-I${join(PEERS, 'usr/share/perl5')}`, '-MNet::SMTP::Server', '-e', 'print "version $Net::SMTP::Server::VERSION"'], /version (\S+)/),
    remarks: [
      [/^S: 220 /, 'A greeting begins with the domain of the server (RFC 5321 §4.2); what stands here is none. We go by the code alone.'],
      [/^S: 500 /, 'A server has to know EHLO (RFC 5321 §2.2.1, §4.5.1). At 500 we say HELO, and use no extension.'],
    ],
    shows: [/^C: EHLO .*\n(?:#.*\n)*S: 500 .*\nC: HELO /m, /^A: outcome <bob@example\.com> delivered /m],
    async play(stage) {
      const port = await freePort();
      const program = file(stage, [
        'use Net::SMTP::Server; use Net::SMTP::Server::Client;', '$| = 1;',
        `my $server = Net::SMTP::Server->new('127.0.0.1', ${port}) or die $!;`, 'print "ready\\n";',
        'while (my $connection = $server->accept()) { my $client = Net::SMTP::Server::Client->new($connection) or next; $client->process(); }', '',
      ].join('\n'), 'server.pl');
      await stage.start('perl', [`-I${join(PEERS, 'usr/share/perl5')}`, program]).find(/^ready$/m);
      return send(stage, `127.0.0.1:${port}`);
    },
  },
  {
    name: 'python-smtpd',
    title: 'a server sends the first line of its reply to EHLO alone, and is told the size that it asks for there',
    verifies: 'RFC 1870 §6.1, RFC 5321 §4.3.1',
    version: PYTHON("Python's smtpd"),
    shows: [/^C: MAIL FROM:<alice@example\.org> .*SIZE=\d+.*\nS: 250 /m],
    async play(stage) {
      const port = await freePort();
      const program = [
        'import asyncore, smtpd, socket', `socket.getfqdn = lambda *name: '${HOST}'`,
        'class Server(smtpd.SMTPServer):', '    def process_message(self, *args, **kwargs):', '        return None', '',
        `server = Server(('127.0.0.1', ${port}), None)`, "print('ready', flush=True)", 'asyncore.loop()',
      ].join('\n');
      await stage.start('/usr/bin/python3', ['-W', 'ignore', '-c', program]).find(/^ready$/m);
      return send(stage, `127.0.0.1:${port}`);
    },
  },
  {
    name: 'msmtpd',
    title: 'a server that offers no extension at all gets a mail',
    verifies: 'RFC 5321 §3.2, RFC 5321 §4.1.1.1',
    version: version('msmtpd', join(PEERS, 'clients/usr/bin/msmtpd'), ['--version'], /msmtpd version (\S+)/),
    shows: [/^A: outcome <bob@example\.com> delivered /m],
    async play(stage) {
      const port = await freePort();
      stage.start(join(PEERS, 'clients/usr/bin/msmtpd'), ['--interface=127.0.0.1', `--port=${port}`, '--command=cat >/dev/null; true %F'], { env: UNPACKED });
      await listening(stage, port);
      return send(stage, `127.0.0.1:${port}`, { args: ['--tls', 'off'] });
    },
  },
];
