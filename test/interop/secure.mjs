// Real clients under TLS and with AUTH, over a Unix socket, through a proxy: who may not send is refused, and more of what stands
// around the ways of matrix.mjs. No password ever stands in what `ehlo` prints.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, EHLO, expect, expectEqual, expectMatch, freePort, PEERS, ROOT, until } from './harness.mjs';
import { CONTENTS, expectInFront, maildirMails } from './mail.mjs';
import { Client } from './peer.mjs';

const USER = 'tim';
const PASSWORD = 'tanstaaf tanstaaf';
const PLAIN = Buffer.from(`\0${USER}\0${PASSWORD}`).toString('base64');
const RELAYED = ['Return-Path', 'Received'];
const SUBMITTED = ['Return-Path', 'Received', 'Date', 'Message-ID'];
const CONTENT = CONTENTS['lines of one, two and three dots'];
const tls = (name) => ({ cert: join(ROOT, `fixtures/tls/${name}.pem`), key: join(ROOT, `fixtures/tls/${name}-key.pem`) });

/** Starts `ehlo serve` with a listener of each kind, and a Maildir that takes all mail. */
async function serveSecure(stage, args = []) {
  const folder = stage.folder('secure');
  const maildir = join(folder, 'Maildir');
  const users = join(folder, 'users');
  const lines = await Promise.all(['scram-sha-256', 'scrypt'].map((scheme, at) => stage.ehlo(['passwd', '--scheme', scheme, at === 0 ? USER : 'tom'], { input: `${PASSWORD}\n` })));
  for (const { status, err } of lines) expectEqual(status, 0, `exit status of ehlo passwd (${err})`);
  writeFileSync(users, lines.map(({ out }) => out).join(''));
  const pair = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  for (const part of ['cert', 'key']) writeFileSync(pair[part], readFileSync(tls('mx')[part]));
  const socket = join(folder, 'lmtp.sock');
  const listeners = ['smtp', 'smtps', 'submission', 'submissions'].flatMap((scheme) => ['--listen', `${scheme}://127.0.0.1:0`]);
  const server = await stage.serve([...listeners, '--listen', `lmtp:${socket}`, '--tls-cert', pair.cert, '--tls-key', pair.key, '--users', users, '--maildir', maildir, '--accept', '*', ...args]);
  const portOf = async (scheme) => Number((await server.find(new RegExp(`listening on ${scheme}://127\\.0\\.0\\.1:(\\d+)$`, 'm')))[1]);
  stage.onEnd(async () => {
    const printed = server.out + server.err;
    for (const secret of [PASSWORD, PLAIN, Buffer.from(PASSWORD).toString('base64')]) expect(!printed.includes(secret), 'a password stands in what ehlo serve printed');
  });
  return { server, maildir, socket, pair, users, smtp: server.port, smtps: await portOf('smtps'), submission: await portOf('submission'), submissions: await portOf('submissions') };
}

/** A file with the content. */
function file(stage, content) {
  const path = join(stage.folder('content'), 'content');
  writeFileSync(path, content);
  return path;
}

/** The one mail that arrived is the content behind those fields, and came that way. */
function expectArrived(maildir, content, fields, protocol) {
  const mails = maildirMails(maildir);
  expectEqual(mails.length, 1, 'mails in the Maildir');
  expectInFront(mails[0], content, fields);
  expectEqual(/\swith (\S+)\s/.exec(mails[0].toString('latin1'))?.[1], protocol, 'how it came');
}

// ---- swaks

const swaks = (stage, ...args) => stage.run(join(PEERS, 'swaks'), ['--from', 'alice@sender.test', '--to', 'bob@local.test', '--helo', 'swaks.test', ...args]);
const credentials = (mechanism, password = PASSWORD) => ['--auth', mechanism, '--auth-user', USER, '--auth-password', password];

check('swaks with a wrong password is refused: 535, and nothing arrives', async (stage) => {
  const { maildir, submissions } = await serveSecure(stage);
  const { status, out } = await swaks(stage, '--server', `127.0.0.1:${submissions}`, '--tls-on-connect', ...credentials('PLAIN', 'wrong'));
  expect(status !== 0, 'exit status 0');
  expectMatch(out, /^<~\* 535 5\.7\.8 /m, 'the conversation');
  expectEqual(maildirMails(maildir).length, 0, 'mails');
});

check('swaks is offered no CRAM-MD5, and no PLAIN in the clear', async (stage) => {
  const { submission, submissions } = await serveSecure(stage);
  for (const args of [['--server', `127.0.0.1:${submissions}`, '--tls-on-connect', ...credentials('CRAM-MD5')], ['--server', `127.0.0.1:${submission}`, ...credentials('PLAIN')]]) {
    const { status, out } = await swaks(stage, ...args);
    expect(status !== 0, 'exit status 0');
    expect(!/AUTH (?:CRAM-MD5|PLAIN)$|^ ~?> ~?AUTH/m.test(out.replace(/^<.*$/gm, '')), 'swaks said AUTH');
  }
});

check('swaks with AUTH CRAM-MD5 is taken by a server of the library whose hook knows the secrets, and refused with a wrong one', async (stage) => {
  const program = [
    `import { accept, listen } from ${JSON.stringify(join(ROOT, 'dist/index.js'))};`,
    `const secret = Buffer.from(${JSON.stringify(PASSWORD)});`,
    "const server = await listen({ host: '127.0.0.1', port: 0, hostname: 'relay.test', auth: { mechanisms: ['CRAM-MD5'], required: true } }, {",
    `  auth: ({ question }) => (question.type === 'secret' && question.authcid === '${USER}' ? { type: 'secret', secret } : { type: 'no' }),`,
    '  message: ({ session }) => accept(`from ${session.identity.authcid}`),',
    '});',
    "console.log('port', server.port);",
  ].join('\n');
  const server = stage.start(process.execPath, ['--input-type=module', '-e', program]);
  const [, port] = await server.find(/^port (\d+)$/m);
  const { status, out } = await swaks(stage, '--server', `127.0.0.1:${port}`, ...credentials('CRAM-MD5'));
  expectEqual(status, 0, `exit status of swaks, which said ${out.slice(-400)}`);
  expectMatch(out, /^<~? +250 2\.0\.0 from tim$|^<- +250 2\.0\.0 from tim$/m, 'the conversation');
  const { status: refused, out: why } = await swaks(stage, '--server', `127.0.0.1:${port}`, ...credentials('CRAM-MD5', 'wrong'));
  expect(refused !== 0, 'exit status 0');
  expectMatch(why, /^<\*\* 535 5\.7\.8 /m, 'the conversation');
});

check('swaks may not submit without AUTH: 530', async (stage) => {
  const { submissions } = await serveSecure(stage);
  const { status, out } = await swaks(stage, '--server', `127.0.0.1:${submissions}`, '--tls-on-connect');
  expect(status !== 0, 'exit status 0');
  expectMatch(out, /^<~\* 530 5\.7\.0 /m, 'the conversation');
});

check('swaks speaks LMTP over a Unix socket, and hears a reply for each recipient', async (stage) => {
  const { maildir, socket } = await serveSecure(stage);
  const { status, out } = await swaks(stage, '--protocol', 'LMTP', '--socket', socket, '--to', 'bob@local.test,carol@local.test', '--data', `@${file(stage, 'Subject: hi\n\ntext')}`);
  expectEqual(status, 0, `exit status of swaks, which said ${out.slice(-400)}`);
  expectMatch(out, /^ -> \.\n<- +250 2\.0\.0 .*\n(?:<- +250 2\.0\.0 .*\n)?/m, 'the conversation');
  expectArrived(maildir, Buffer.from('Subject: hi\r\n\r\ntext\r\n'), RELAYED, 'LMTP');
});

// ---- openssl, curl

for (const [name, listener, args] of [['STARTTLS', 'smtp', ['-starttls', 'smtp']], ['TLS at once', 'smtps', []]])
  for (const version of ['-tls1_2', '-tls1_3'])
    check(`openssl s_client with ${name} and ${version.slice(1)} sends a mail`, async (stage) => {
      const { maildir, ...ports } = await serveSecure(stage);
      const lines = ['EHLO openssl.test', 'MAIL FROM:<alice@sender.test>', 'rcpt to:<bob@local.test>', 'DATA', 'Subject: hi', '', 'text', '.', 'QUIT', ''];
      const { status, out, err } = await stage.run('openssl', ['s_client', '-connect', `127.0.0.1:${ports[listener]}`, '-quiet', '-CAfile', tls('mx').cert, '-verify_return_error', '-servername', 'mx.test', version, ...args], { input: lines.join('\r\n') });
      expectEqual(status, 0, `exit status of openssl, which said ${err.slice(-400)}`);
      expectMatch(out, /^221 2\.0\.0 /m, 'the last reply');
      expectArrived(maildir, Buffer.from('Subject: hi\r\n\r\ntext\r\n'), RELAYED, 'ESMTPS');
    });

check('openssl s_client with TLS 1.1 is refused', async (stage) => {
  const { smtps } = await serveSecure(stage);
  const { status } = await stage.run('openssl', ['s_client', '-connect', `127.0.0.1:${smtps}`, '-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'], { input: 'QUIT\r\n' });
  expect(status !== 0, 'exit status 0');
});

const curl = (stage, url, content, ...args) => stage.run('curl', ['-sS', '--cacert', tls('mx').cert, '--mail-from', 'alice@sender.test', '--mail-rcpt', 'bob@local.test', '--upload-file', file(stage, content), ...args, url]);

check('what curl submits without Date and Message-ID gets them in front, and arrives octet for octet', async (stage) => {
  const { maildir, submission } = await serveSecure(stage);
  const { status, err } = await curl(stage, `smtp://localhost:${submission}/curl.test`, CONTENT, '-4', '--ssl-reqd', '--user', `${USER}:${PASSWORD}`, '--login-options', 'AUTH=PLAIN');
  expectEqual(status, 0, `exit status of curl, which said ${err}`);
  expectArrived(maildir, CONTENT, SUBMITTED, 'ESMTPSA');
});

check('curl with a wrong password is refused, and nothing arrives', async (stage) => {
  const { maildir, submissions } = await serveSecure(stage);
  const { status } = await curl(stage, `smtps://localhost:${submissions}/curl.test`, CONTENT, '-4', '--user', `${USER}:wrong`);
  expectEqual(status, 67, 'exit status of curl (login denied)');
  expectEqual(maildirMails(maildir).length, 0, 'mails');
});

// ---- the server

check('SIGHUP takes another certificate, and a bad one leaves the old one in place', async (stage) => {
  const { server, pair, smtps } = await serveSecure(stage);
  const shown = async () => {
    const { out } = await stage.run('openssl', ['s_client', '-connect', `127.0.0.1:${smtps}`], { input: 'QUIT\r\n' });
    return /^subject=CN = (\S+)$/m.exec(out)?.[1] ?? out;
  };
  const client = await Client.greet(stage, server.port);
  expectEqual(await shown(), 'mx.test', 'certificate');
  for (const part of ['cert', 'key']) writeFileSync(pair[part], readFileSync(tls('other')[part]));
  server.signal('SIGHUP');
  await server.find(/reloaded/);
  expectEqual(await shown(), 'other.test', 'certificate');
  writeFileSync(pair.key, 'no key');
  server.signal('SIGHUP');
  await server.find(/not reloaded, the old ones stay/);
  expectEqual(await shown(), 'other.test', 'certificate');
  expectEqual((await client.say('NOOP')).code, 250, 'reply in a session that began before');
});

check('SIGHUP takes other users: who is gone may not send, who is new may, and SCRAM is offered as long as somebody can use it', async (stage) => {
  const { server, users, submissions, maildir } = await serveSecure(stage);
  const offered = async () => /^250.AUTH (.*)\r?$/m.exec((await stage.run('openssl', ['s_client', '-connect', `127.0.0.1:${submissions}`, '-quiet'], { input: 'EHLO openssl.test\r\nQUIT\r\n' })).out)?.[1];
  const send = async (user) => (await curl(stage, `smtps://localhost:${submissions}/curl.test`, CONTENT, '-4', '--user', `${user}:${PASSWORD}`, '--login-options', 'AUTH=PLAIN')).status;
  expectEqual(await offered(), 'SCRAM-SHA-256 PLAIN LOGIN', 'mechanisms');
  const lines = readFileSync(users, 'utf8').split('\n');
  writeFileSync(users, `${lines.find((line) => line.startsWith('tom:'))}\n`);
  server.signal('SIGHUP');
  await server.find(/ reloaded files=\S+$/m);
  expectEqual(await offered(), 'PLAIN LOGIN', 'mechanisms');
  expectEqual(await send('tim'), 67, 'exit status of curl for a user who is gone (login denied)');
  expectEqual(await send('tom'), 0, 'exit status of curl for one who is still there');
  writeFileSync(users, 'no line of a user\n');
  server.signal('SIGHUP');
  await server.find(/not reloaded, the old ones stay/);
  expectEqual(await send('tom'), 0, 'exit status of curl after a bad file');
  expectEqual(maildirMails(maildir).length, 2, 'mails');
});

check('SIGHUP that comes before ehlo serve is ready does not end it', async (stage) => {
  const server = stage.start(process.execPath, [EHLO, 'serve', '--listen', 'smtp://127.0.0.1:0', '--hostname', 'relay.test', '--queue', join(stage.folder('queue'), 'queue')]);
  await until('the program has begun', () => /^\S*node\0/.test(readFileSync(`/proc/${server.pid}/cmdline`, 'utf8')) && /SigCgt:\s*[0-9a-f]*[13579bdf]$/m.test(readFileSync(`/proc/${server.pid}/status`, 'utf8'))); // it catches SIGHUP
  for (let count = 0; count < 20; count += 1) server.signal('SIGHUP');
  await server.find(/^ehlo: listening on /m);
  for (let count = 0; count < 20; count += 1) server.signal('SIGHUP');
  expectEqual(await server.stop(), 0, 'exit status after SIGTERM');
});

check('a Unix socket that was left behind when ehlo serve was killed is taken over', async (stage) => {
  const socket = join(stage.folder('socket'), 'lmtp.sock');
  const args = ['--listen', 'smtp://127.0.0.1:0', '--listen', `lmtp:${socket}`];
  await (await stage.serve(args)).kill();
  const server = await stage.serve(args);
  await server.find(new RegExp(`^ehlo: listening on lmtp:${socket}$`, 'm'));
});

check('a descriptor that was inherited is listened on', async (stage) => {
  const program = [
    'import os, socket, sys',
    "listening = socket.create_server(('127.0.0.1', 0))",
    'os.dup2(listening.fileno(), 3)',
    'os.set_inheritable(3, True)',
    "print('port', listening.getsockname()[1], flush=True)",
    'os.execv(sys.argv[1], sys.argv[1:])',
  ].join('\n');
  const server = stage.start('python3', ['-c', program, process.execPath, EHLO, 'serve', '--listen', 'smtp:fd/3', '--hostname', 'relay.test', '--queue', join(stage.folder('queue'), 'queue')]);
  const [, port] = await server.find(/^port (\d+)$/m);
  await server.find(/^ehlo: listening on smtp:fd\/3$/m);
  const client = await Client.greet(stage, Number(port));
  expectEqual((await client.say('QUIT')).code, 221, 'reply to QUIT');
  expectEqual(await server.stop(), 0, 'exit status after SIGTERM');
});

for (const version of ['send-proxy', 'send-proxy-v2'])
  check(`behind HAProxy with ${version} the server knows its clients`, async (stage) => {
    const maildir = join(stage.folder('maildir'), 'Maildir');
    const server = await stage.serve(['--proxy-from', '127.0.0.1', '--maildir', maildir, '--accept', '*', '--max-connections-per-client', '1']);
    const port = await freePort();
    const config = file(stage, `defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\nlisten smtp\n  bind 127.0.0.1:${port}\n  server ehlo 127.0.0.1:${server.port} ${version}\n`);
    stage.start(join(PEERS, 'haproxy'), ['-db', '-f', config]);
    await until('HAProxy listens', async () => (await Client.connect(stage, port).catch(() => undefined)) !== undefined);
    const mail = Buffer.from('Subject: hi\r\n\r\ntext\r\n');
    const { status, err } = await stage.run('curl', ['-sS', '--interface', '127.0.0.9', '--mail-from', 'alice@sender.test', '--mail-rcpt', 'bob@local.test', '--upload-file', file(stage, mail), `smtp://127.0.0.1:${port}/curl.test`]);
    expectEqual(status, 0, `exit status of curl, which said ${err}`);
    expectInFront(maildirMails(maildir)[0], mail, RELAYED);
    expectMatch(maildirMails(maildir)[0].toString('latin1'), /from curl\.test \(\[127\.0\.0\.9\]\)/, 'the Received field');
    const direct = await Client.connect(stage, server.port);
    expectEqual((await direct.say('EHLO client.test')).code, 0, 'reply to one that sends no header');
  });
