// Recordings of clients: what each of them says to `ehlo serve`, which takes mail for example.com and for nobody else.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, PEERS } from './harness.mjs';
import { startExim } from './exim.mjs';
import { startOpensmtpd } from './opensmtpd.mjs';
import { startPostfix } from './postfix.mjs';
import { startSendmail } from './sendmail.mjs';
import { CERT, CONTENT, EXIM, FROM, KEY, OPENSMTPD, PASSWORD, POSTFIX, PYTHON, SENDMAIL, SMTP_SOURCE, TO, UNPACKED, USER, debianVersion, file, npmVersion, run, send, serve, serveSecure, version } from './record-stage.mjs';

const SWAKS = join(PEERS, 'swaks');
const ELSEWHERE = 'carol@example.net'; // whom the server does not know
const swaks = (stage, ...args) => run(stage, SWAKS, ['--helo', 'client.example.org', '--from', FROM, '--data', `@${file(stage, CONTENT)}`, ...args], { status: [0, 24] });
const swaksVersion = version('swaks', SWAKS, ['--version'], /version (\S+)/);

/** A program of Python's, with the port as its argument. */
const python = (stage, port, ...lines) => run(stage, '/usr/bin/python3', ['-c', ['import smtplib, ssl, sys', `content = open(${JSON.stringify(file(stage, CONTENT.replaceAll('\n', '\r\n')))}, 'rb').read()`, ...lines].join('\n'), String(port)]);
const perl = (stage, port, lines, args = []) => run(stage, 'perl', ['-MNet::SMTP', '-e', lines.join('\n'), String(port), ...args]);


/** Gives an MTA a mail for those recipients. */
async function give(stage, port, to = [TO]) {
  await send(stage, `127.0.0.1:${port}`, { to });
}

export const CLIENTS = [
  {
    name: 'swaks-pipelined-refused-recipient',
    title: 'a client sends MAIL, two RCPT and DATA in one segment, and one of its recipients is refused',
    verifies: 'RFC 2920 §3.1, RFC 2920 §3.2, RFC 5321 §3.3',
    version: swaksVersion,
    shows: [/^C: MAIL .*\nC: RCPT .*\nC: RCPT .*\nC: DATA\n/m, /^S: 550 .*\nS: 354 /m],
    async play(stage) {
      const { port, traced } = await serve(stage);
      await swaks(stage, '--server', `127.0.0.1:${port}`, '--to', `${TO},${ELSEWHERE}`, '--pipeline');
      return traced(/QUIT/);
    },
  },
  {
    name: 'swaks-starttls-auth-plain',
    title: 'a client authenticates under TLS with a password in the AUTH command itself, and submits a mail',
    verifies: 'RFC 3207 §4.2, RFC 4954 §4, RFC 4616, RFC 6409 §4.3',
    struck: 'password struck out',
    version: swaksVersion,
    shows: [/^C: STARTTLS$/m, /^\* tls$/m, /^C: AUTH PLAIN AHRpbQBzdHJ1Y2sgb3V0$/m],
    async play(stage) {
      const { submission, traced } = await serveSecure(stage);
      await swaks(stage, '--server', `127.0.0.1:${submission}`, '--to', TO, '-tls', '--auth', 'PLAIN', '--auth-user', USER, '--auth-password', PASSWORD);
      return traced(/QUIT/);
    },
  },
  {
    name: 'swaks-lmtp',
    title: 'a client of LMTP gets a reply for each of two recipients at the end of the mail data',
    verifies: 'RFC 2033 §4.1, RFC 2033 §4.2',
    version: swaksVersion,
    shows: [/^C: LHLO /m, /^S: 250 .*\nS: 250 .*\nA: ended accepted\nC: QUIT/m],
    async play(stage) {
      const { socket, traced } = await serveSecure(stage);
      await swaks(stage, '--socket', socket, '--protocol', 'LMTP', '--to', `${TO},dave@example.com`);
      return traced(/QUIT/);
    },
  },
  {
    name: 'postfix-starttls-pipelined',
    title: 'an MTA greets again under TLS, and pipelines the envelope of a mail to two recipients of whom one is refused',
    verifies: 'RFC 3207 §4.2, RFC 2920 §3.1, RFC 1870 §6.1',
    version: POSTFIX,
    shows: [/^\* tls\nC: EHLO /m, /^C: MAIL .* SIZE=\d+.*\nC: RCPT .*\nC: RCPT .*\nC: DATA\n/m],
    async play(stage) {
      const { port: to, traced } = await serveSecure(stage);
      const port = await freePort();
      await startPostfix(stage, { port, cert: CERT, key: KEY, lines: ['myhostname = relay.example.org', `relayhost = [127.0.0.1]:${to}`, 'virtual_mailbox_domains =', 'smtpd_relay_restrictions = permit_mynetworks, reject', 'smtp_tls_security_level = encrypt'] });
      await give(stage, port, [TO, ELSEWHERE]);
      return traced(/^C: MAIL FROM:<alice/m);
    },
  },
  {
    name: 'exim-chunking',
    title: 'an MTA sends envelope, last chunk and QUIT in one go, and declares more octets than come',
    remarks: [[/^C: MAIL/, 'SIZE is an estimate (RFC 1870 §6), here on the large side: we count what comes.']],
    verifies: 'RFC 3030 §2, RFC 3030 §4.1, RFC 2920 §3.1, RFC 1870 §6.1',
    version: EXIM,
    shows: [/^C: MAIL .*\nC: RCPT .*\nC: BDAT \d+ LAST\n(?:C.*\n)*C: QUIT\n/m, /^\* tls\n/m],
    async play(stage) {
      const { port: to, traced } = await serveSecure(stage);
      const port = await freePort();
      await startExim(stage, { port, cert: CERT, key: KEY, user: USER, password: PASSWORD, relayTo: to, hostname: 'relay.example.org' });
      await give(stage, port);
      return traced(/QUIT/);
    },
  },
  {
    name: 'opensmtpd-starttls',
    title: 'an MTA that waits for each reply returns what was refused from the null reverse-path, in the same session',
    verifies: 'RFC 3207 §4, RFC 5321 §4.1.1.3, RFC 5321 §4.5.5',
    remarks: [[/^C: MAIL FROM:<>$/, 'The notification goes to the client itself: it is refused like any mail for elsewhere, and so can make no loop.']],
    version: OPENSMTPD,
    shows: [/^\* tls\nC: EHLO /m, /^C: MAIL FROM:<alice[^]*^C: MAIL FROM:<>$/m],
    async play(stage) {
      const { port: to, traced } = await serveSecure(stage);
      const port = await freePort();
      await startOpensmtpd(stage, { port, cert: CERT, key: KEY, hostname: 'relay.example.org', relay: to, env: UNPACKED });
      await give(stage, port, [TO, ELSEWHERE]);
      return traced(/^C: MAIL /m);
    },
  },
  {
    name: 'sendmail-relay',
    title: 'an MTA declares fewer octets than come, and pipelines DATA behind its only recipient, who is refused',
    verifies: 'RFC 2920 §3.1, RFC 2920 §3.2, RFC 1870 §6.1, RFC 5321 §4.1.1.5, RFC 5321 §4.5.5',
    remarks: [[/^C: MAIL From:<alice/, 'SIZE is that of the mail as it came in, without the Received field that goes in front (RFC 1870 §6). What comes is counted:\nit is within the limit, and so the mail is taken.'], [/^S: 554 /, 'There is nobody to send to when DATA comes, which was pipelined: 554 (RFC 5321 §3.3), so that no mail data follow.']],
    version: SENDMAIL,
    shows: [/^C: MAIL From:<alice@example\.org> SIZE=\d+$/m, /^C: RSET$[^]*^C: MAIL From:<>[^]*^C: RCPT .*\nC: DATA\n(?:A.*\n)*S: 550 .*\n(?:#.*\n)*S: 554 /m],
    async play(stage) {
      const { port: to, traced } = await serve(stage);
      const port = await freePort();
      await startSendmail(stage, { port, hostname: 'relay.example.org', relayTo: to, env: UNPACKED });
      await give(stage, port, [TO, ELSEWHERE]);
      return traced(/^C: MAIL From:<alice/m);
    },
  },
  {
    name: 'msmtp-auth-login',
    title: 'a client shows name and password in answers of their own, as AUTH LOGIN has it',
    verifies: 'RFC 4954 §4, RFC 3207 §4.2',
    struck: 'password struck out',
    version: version('msmtp', join(PEERS, 'msmtp'), ['--version'], /^msmtp version (\S+)/),
    shows: [/^C: AUTH LOGIN$/m, /^S: 334 VXNlcm5hbWU6$/m],
    async play(stage) {
      const { submission, traced } = await serveSecure(stage);
      const config = file(stage, `account default\nhost localhost\nport ${submission}\ndomain client.example.org\ntls on\ntls_trust_file ${CERT}\nauth login\nuser ${USER}\npassword "${PASSWORD}"\nfrom ${FROM}\nsource_ip 127.0.0.1\n`, 'msmtprc');
      await run(stage, join(PEERS, 'msmtp'), [`--file=${config}`, TO], { input: CONTENT });
      return traced(/QUIT/);
    },
  },
  {
    name: 'msmtp-auth-scram',
    title: 'a client and a server prove to each other that they know a password, and neither says it',
    verifies: 'RFC 5802 §3, RFC 7677 §3, RFC 4954 §4',
    struck: 'password struck out, and what SCRAM makes of it made anew',
    version: version('msmtp', join(PEERS, 'msmtp'), ['--version'], /^msmtp version (\S+)/),
    shows: [/^C: AUTH SCRAM-SHA-256/m, /^A: auth credential SCRAM-SHA-256\$/m, /^S: 235 /m],
    async play(stage) {
      const { submission, traced } = await serveSecure(stage);
      const config = file(stage, `account default\nhost localhost\nport ${submission}\ndomain client.example.org\ntls on\ntls_trust_file ${CERT}\nauth scram-sha-256\nuser ${USER}\npassword "${PASSWORD}"\nfrom ${FROM}\nsource_ip 127.0.0.1\n`, 'msmtprc');
      await run(stage, join(PEERS, 'msmtp'), [`--file=${config}`, TO], { input: CONTENT });
      return traced(/QUIT/);
    },
  },
  {
    name: 'curl-recipients-that-may-fail',
    title: 'a client goes on with the recipients that are left when one is refused',
    verifies: 'RFC 5321 §3.3, RFC 5321 §4.1.1.3, RFC 1870 §6.1',
    version: version('curl', 'curl', ['--version'], /^curl (\S+)/),
    shows: [/^S: 550 /m, /^C: DATA$/m],
    async play(stage) {
      const { port, traced } = await serve(stage);
      await run(stage, 'curl', ['-sS', '--mail-from', FROM, '--mail-rcpt', ELSEWHERE, '--mail-rcpt', TO, '--mail-rcpt-allowfails', '--upload-file', file(stage, CONTENT.replaceAll('\n', '\r\n')), `smtp://127.0.0.1:${port}/client.example.org`]);
      return traced(/QUIT/);
    },
  },
  {
    name: 'curl-bare-line-feeds',
    title: 'a client that passes on the line ends of a file has its mail refused',
    verifies: 'RFC 5321 §2.3.8, RFC 5321 §4.1.1.4',
    version: version('curl', 'curl', ['--version'], /^curl (\S+)/),
    remarks: [[/^C: DATA$/, 'Each line of the mail data ends in LF alone, which is no end of a line (RFC 5321 §2.3.8). We read on to the end of mail data,\nand answer 554: of a mail like this two systems can make different ones.']],
    shows: [/^C= ".*[^r]\\n/m, /^S: 554 5\.6\.0 /m],
    async play(stage) {
      const { port, traced } = await serve(stage);
      await run(stage, 'curl', ['-sS', '--mail-from', FROM, '--mail-rcpt', TO, '--upload-file', file(stage, 'Subject: recorded\n\nhello\n.\nMAIL FROM:<eve@example.net>\n'), `smtp://127.0.0.1:${port}/client.example.org`], { status: [0, 8, 26, 55, 56] });
      return traced(/^S: 554/m);
    },
  },
  {
    name: 'curl-vrfy',
    title: 'a client asks whether a mailbox is there, and nothing is told of it',
    verifies: 'RFC 5321 §3.5.1, RFC 5321 §3.5.3, RFC 5321 §4.1.1.6',
    version: version('curl', 'curl', ['--version'], /^curl (\S+)/),
    shows: [/^C: VRFY /m, /^S: 252 /m],
    async play(stage) {
      const { port, traced } = await serve(stage);
      await run(stage, 'curl', ['-sS', '--mail-rcpt', TO, `smtp://127.0.0.1:${port}/client.example.org`]);
      return traced(/QUIT/);
    },
  },
  {
    name: 'smtplib-lower-case',
    title: 'a client writes verbs and keywords in lower case',
    verifies: 'RFC 5321 §2.4, RFC 5321 §4.1.1',
    version: PYTHON("Python's smtplib"),
    shows: [/^C: ehlo /m, /^C: mail FROM:</m, /^C: rcpt TO:</m, /^C: data$/m],
    async play(stage) {
      const { port, traced } = await serve(stage);
      await python(stage, port, "with smtplib.SMTP('127.0.0.1', int(sys.argv[1]), local_hostname='client.example.org') as server:", `  server.sendmail('${FROM}', ['${TO}'], content, mail_options=['BODY=8BITMIME'])`);
      return traced(/^C: quit$/im);
    },
  },
  {
    name: 'smtplib-cancelled-auth',
    title: 'a client cancels AUTH, is refused MAIL, and leaves',
    verifies: 'RFC 4954 §4, RFC 4954 §6',
    version: PYTHON("Python's smtplib"),
    shows: [/^C: \*$/m, /^S: 501 /m, /^S: 530 /m],
    async play(stage) {
      const { submission, traced } = await serveSecure(stage);
      await python(stage, submission, 'trusting = ssl._create_unverified_context()', "with smtplib.SMTP('127.0.0.1', int(sys.argv[1]), local_hostname='client.example.org') as server:", '  server.starttls(context=trusting)', '  server.ehlo()', "  server.docmd('AUTH', 'PLAIN')", "  server.docmd('*')", `  server.mail('${FROM}')`);
      return traced(/^C: quit$/im);
    },
  },
  {
    name: 'net-smtp-reset',
    title: 'a client asks for help, gives up a transaction with RSET, and begins another one',
    verifies: 'RFC 5321 §4.1.1.5, RFC 5321 §4.1.1.8',
    version: version("Perl's Net::SMTP", 'perl', ['-MNet::SMTP', '-e', 'print "version $Net::SMTP::VERSION"'], /version (\S+)/),
    shows: [/^C: HELP$/m, /^C: RSET$/m, /^C: DATA$/m],
    async play(stage) {
      const { port, traced } = await serve(stage);
      await perl(stage, port, [
        'my $smtp = Net::SMTP->new("127.0.0.1", Port => $ARGV[0], Hello => "client.example.org") or die;',
        '$smtp->help();', `$smtp->mail('${FROM}') or die; $smtp->to('${TO}') or die; $smtp->reset() or die;`,
        `$smtp->mail('${FROM}', Bits => 8) or die; $smtp->recipient('${TO}', '${ELSEWHERE}', { SkipBad => 1 }) or die;`,
        '$smtp->data() or die; $smtp->datasend("$_\\n") for split /\\n/, $ARGV[1]; $smtp->dataend() or die; $smtp->quit();',
      ], [CONTENT]);
      return traced(/QUIT/);
    },
  },
  {
    name: 'nodemailer-dsn',
    title: 'a client asks for a notification of success, and for no more than the header to be returned',
    verifies: 'RFC 3461 §4.1, RFC 3461 §4.3, RFC 3461 §4.4',
    version: npmVersion('nodemailer'),
    remarks: [[/^\* eof$/, 'The client leaves without QUIT (RFC 5321 §4.1.1.10). The mail was accepted, and stays so; there is nobody left to answer.']],
    shows: [/^C: MAIL .* RET=HDRS ENVID=/m, /^C: RCPT .* NOTIFY=SUCCESS,FAILURE/m],
    async play(stage) {
      const { port, traced } = await serve(stage);
      await run(stage, process.execPath, ['-e', `
        const { createTransport } = require(process.argv[1]);
        const transport = createTransport({ host: '127.0.0.1', port: Number(process.argv[2]), name: 'client.example.org' });
        transport.sendMail({ envelope: { from: '${FROM}', to: ['${TO}'] }, raw: process.argv[3], dsn: { id: '1', return: 'headers', notify: ['success', 'failure'], recipient: '${TO}' } });
      `, join(PEERS, 'nodemailer/node_modules/nodemailer'), String(port), CONTENT]);
      return traced(/^C: MAIL/m);
    },
  },
  {
    name: 'smtp-source-no-helo',
    title: 'a client that never says who it is may send nothing, and breaks off',
    remarks: [[/^C: MAIL/, 'The client leaves HELO and EHLO out (RFC 5321 §4.1.1.1). We answer 503, as §4.1.4 lets us, and take no mail.']],
    verifies: 'RFC 5321 §4.1.4',
    version: SMTP_SOURCE,
    shows: [/^C: MAIL FROM:.*\nS: 503 /m],
    async play(stage) {
      const { port, traced } = await serve(stage);
      await run(stage, join(PEERS, 'source'), ['-o', '-d', '-m', '2', '-l', '80', '-f', FROM, '-t', TO, `127.0.0.1:${port}`], { status: [0, 1] });
      return traced(/MAIL/);
    },
  },
  {
    name: 'smtp-source-two-mails',
    title: 'a client that says HELO sends two mails in one session',
    verifies: 'RFC 5321 §3.3, RFC 5321 §4.1.1.1',
    version: SMTP_SOURCE,
    remarks: [[/^C: HELO/, 'The client could say EHLO, and should (RFC 5321 §2.2.1). We answer HELO with one line, and nothing of the extensions is offered.']],
    shows: [/^C: HELO /m, /^C: MAIL FROM:[^]*^C: MAIL FROM:/m],
    async play(stage) {
      const { port, traced } = await serve(stage);
      await run(stage, join(PEERS, 'source'), ['-d', '-m', '2', '-l', '80', '-f', FROM, '-t', TO, '-M', 'client.example.org', `127.0.0.1:${port}`]);
      return traced(/MAIL/);
    },
  },
  {
    name: 'git-send-email-two-patches',
    title: 'a client sends two patches, one transaction after the other in one session',
    verifies: 'RFC 5321 §3.3, RFC 5321 §4.1.1.2',
    version: version('git send-email', 'git', ['--version'], /git version (\S+)/),
    shows: [/^C: MAIL FROM:[^]*^C: MAIL FROM:/m],
    async play(stage) {
      const { port, traced } = await serve(stage);
      const folder = stage.folder('patches');
      const patch = (at) => `From ${'0'.repeat(40)} Mon Sep 17 00:00:00 2001\nFrom: Alice <${FROM}>\nDate: Mon, 23 Nov 2026 12:00:0${at} +0000\nSubject: [PATCH ${at}/2] change\nMessage-Id: <${at}@example.org>\n\n---\n--- a/file\n+++ b/file\n@@ -1 +1 @@\n-.\n+..\n-- \n2.0\n`;
      for (const at of [1, 2]) writeFileSync(join(folder, `${at}.patch`), patch(at));
      const env = { ...process.env, HOME: folder, PERL5LIB: join(PEERS, 'usr/share/perl5'), GIT_CONFIG_NOSYSTEM: '1', GIT_AUTHOR_NAME: 'Alice', GIT_AUTHOR_EMAIL: FROM, GIT_COMMITTER_NAME: 'Alice', GIT_COMMITTER_EMAIL: FROM };
      await run(stage, 'perl', [join(PEERS, 'usr/lib/git-core/git-send-email'), '--quiet', '--confirm=never', '--no-thread', '--suppress-cc=all', '--smtp-server=127.0.0.1', `--smtp-server-port=${port}`, '--smtp-domain=client.example.org', `--from=${FROM}`, `--to=${TO}`, '1.patch', '2.patch'], { cwd: folder, env });
      return traced(/^C: MAIL/m);
    },
  },
  {
    name: 's-nail-one-command-at-a-time',
    title: 'a mail reader says HELO, waits for the reply to each command, and sends its content in pieces',
    verifies: 'RFC 5321 §2.2.1, RFC 5321 §4.3.1, RFC 5321 §3.3',
    remarks: [[/^C: HELO/, 'EHLO should come first (RFC 5321 §3.2). We answer HELO with one line, and offer no extension.']],
    version: version('s-nail', join(PEERS, 's-nail'), ['-V'], /s-nail v([\d.]+)/),
    shows: [/^C: HELO [^]*^C: MAIL FROM:<alice/m],
    async play(stage) {
      const { port, traced } = await serve(stage);
      await run(stage, join(PEERS, 's-nail'), ['-:/', '-S', 'v15-compat', '-S', `mta=smtp://127.0.0.1:${port}`, '-S', 'smtp-auth=none', '-S', 'nosave', '-S', 'hostname=client.example.org', '-S', 'message-id-disable', '-S', `from=${FROM}`, '-r', FROM, '-s', 'recorded', TO], { input: '.one dot\n..two dots\n', env: { ...process.env, HOME: stage.folder('home'), MAILRC: '/dev/null' } });
      return traced(/QUIT/);
    },
  },
  {
    name: 'haproxy-health-check',
    title: 'a health check greets and leaves, and sends no mail',
    verifies: 'RFC 5321 §4.1.1.1, RFC 5321 §4.1.1.10',
    version: version('HAProxy', join(PEERS, 'haproxy'), ['-v'], /version ([\d.]+)/),
    shows: [/^C: EHLO /m, /^C: QUIT$/m],
    async play(stage) {
      const { port, traced } = await serve(stage);
      const config = file(stage, `defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\nlisten smtp\n  bind 127.0.0.1:${await freePort()}\n  option smtpchk EHLO client.example.org\n  server ehlo 127.0.0.1:${port} check inter 500\n`);
      stage.start(join(PEERS, 'haproxy'), ['-db', '-f', config]);
      return traced(/^C: EHLO/m);
    },
  },
  {
    name: 'openssl-s-client',
    title: 'a client does not greet again under TLS, and still may say NOOP and QUIT',
    remarks: [[/^C: NOOP/, 'No EHLO comes behind the handshake (RFC 3207 §4.2). What needs none is answered; MAIL would get 503.']],
    verifies: 'RFC 3207 §4, RFC 3207 §4.2',
    version: version('openssl s_client', 'openssl', ['version'], /^OpenSSL (\S+)/),
    shows: [/^C: STARTTLS$/m, /^\* tls\n(?:#.*\n)*C: NOOP$/m],
    async play(stage) {
      const { port, traced } = await serveSecure(stage);
      await run(stage, 'openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-starttls', 'smtp', '-name', 'client.example.org', '-quiet'], { input: 'NOOP\r\nQUIT\r\n' });
      return traced(/^\* tls/m);
    },
  },
  {
    name: 'nullmailer-helo',
    title: 'a client that says HELO to a server of EHLO sends its mail without any extension',
    verifies: 'RFC 5321 §2.2.1, RFC 5321 §3.2, RFC 5321 §4.1.1.1',
    remarks: [[/^C: HELO/, 'EHLO should come first (RFC 5321 §3.2). We answer HELO with one line, and offer no extension.']],
    version: debianVersion('nullmailer', 'nullmailer'),
    shows: [/^C: HELO .*\n(?:A: .*\n)*S: 250 mx/m],
    async play(stage) {
      const { port, traced } = await serve(stage);
      const mail = file(stage, `${FROM}\n${TO}\n\n${CONTENT}`, 'mail');
      const options = file(stage, `host=127.0.0.1\nport=${port}\n\n`, 'options');
      await run(stage, 'sh', ['-c', `HELOHOST=client.example.org exec ${join(PEERS, 'usr/lib/nullmailer/smtp')} <${options} 3<${mail}`], { env: UNPACKED });
      return traced(/QUIT/);
    },
  },
];
