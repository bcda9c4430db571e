// Mail that real programs send to `ehlo serve` arrives octet for octet in its Maildir, behind Return-Path and Received.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, expect, expectEqual, expectMatch, PEERS, until } from './harness.mjs';
import { CONTENTS, expectInFront, is8bit, maildirMails, tenMegabytes } from './mail.mjs';
import { Client, startPeer, stuffed } from './peer.mjs';

export const PYTHON = new URL('send_mail.py', import.meta.url).pathname;

const FIELDS = ['Return-Path', 'Received'];

/** Starts `ehlo serve` with a Maildir that takes all mail. */
async function serveMaildir(stage, args = []) {
  const maildir = join(stage.folder('maildir'), 'new user');
  const server = await stage.serve(['--maildir', maildir, '--accept', '*', ...args]);
  return { server, maildir };
}

/** Sends through smtplib, and returns what it says. */
export async function sendWithSmtplib(stage, port, from, recipients, content, parameters = is8bit(content) ? ['BODY=8BITMIME'] : []) {
  const file = join(stage.folder('content'), 'content');
  writeFileSync(file, content);
  const { status, out, err } = await stage.run('python3', [PYTHON, 'send', String(port), from, recipients.join(), file, ...parameters]);
  expect(status === 0, `send_mail.py ended with status ${status}: ${err}`);
  return JSON.parse(out);
}

for (const [name, content] of Object.entries(CONTENTS))
  check(`smtplib sends ${name}, and it arrives octet for octet`, async (stage) => {
    const { server, maildir } = await serveMaildir(stage);
    const { refused, error } = await sendWithSmtplib(stage, server.port, 'alice@sender.test', ['bob@local.test'], content);
    expectEqual(JSON.stringify({ refused, error }), '{"refused":{},"error":null}', 'what smtplib was told');
    const mails = maildirMails(maildir);
    expectEqual(mails.length, 1, 'mails in the Maildir after the 250');
    expectInFront(mails[0], content, FIELDS);
  });

check('smtplib sends 10 MB, and it arrives octet for octet', async (stage) => {
  const { server, maildir } = await serveMaildir(stage);
  const content = tenMegabytes();
  const { error } = await sendWithSmtplib(stage, server.port, 'alice@sender.test', ['bob@local.test'], content);
  expectEqual(error, null, 'what smtplib was told');
  expectInFront(maildirMails(maildir)[0], content, FIELDS);
});

check('content of no octets at all is a mail', async (stage) => {
  const { server, maildir } = await serveMaildir(stage);
  const client = await Client.greet(stage, server.port);
  const { code, text } = await client.mail('alice@sender.test', ['bob@local.test'], Buffer.alloc(0));
  expectEqual(code, 250, `reply to the end of mail data (${text})`);
  expectInFront(maildirMails(maildir)[0], Buffer.alloc(0), FIELDS);
});

check('Return-Path says what MAIL said, and Received where the mail came from', async (stage) => {
  const { server, maildir } = await serveMaildir(stage);
  const client = await Client.greet(stage, server.port);
  for (const from of ['', '"a b"@sender.test']) await client.mail(from, ['bob@local.test'], CONTENTS['one line of text']);
  await client.mail('alice@sender.test', ['bob@local.test', 'carol@local.test'], CONTENTS['one line of text']);
  const mails = maildirMails(maildir).map((octets) => octets.toString('latin1'));
  const paths = mails.map((mail) => /^Return-Path:\s*(<.*>)\r\n/.exec(mail)?.[1]).sort();
  expectEqual(paths.join(' '), '<"a b"@sender.test> <> <alice@sender.test>', 'return paths');
  for (const mail of mails) expectMatch(mail, /\r\nReceived: from client\.test \(\[127\.0\.0\.1\]\)\s+by relay\.test\s/, 'the Received field');
  const shared = mails.filter((mail) => mail.includes('carol@local.test')).length;
  expectEqual(shared, 0, 'mails to two that name one of them to the other (RFC 5321 §7.2)');
});

check('swaks sends dot lines and an attachment', async (stage) => {
  const { server, maildir } = await serveMaildir(stage);
  const file = join(stage.folder('content'), 'attached');
  writeFileSync(file, Buffer.from(Array.from({ length: 5000 }, (_, at) => at % 256)));
  const { status, out } = await stage.run(join(PEERS, 'swaks'), [
    '--server', `127.0.0.1:${server.port}`, '--from', 'alice@sender.test', '--to', 'bob@local.test',
    '--header', 'Subject: from swaks', '--body', '.\n..\n...\ntext\n.\n', '--attach', `@${file}`,
  ]);
  expectEqual(status, 0, 'exit status of swaks');
  expectMatch(out, /^<- +250 2\.0\.0 /m, 'the conversation');
  const mail = maildirMails(maildir)[0].toString('latin1');
  expect(mail.includes('\r\n\r\n.\r\n..\r\n...\r\ntext\r\n.\r\n'), `the dot lines are not in ${JSON.stringify(mail.slice(0, 900))}`);
  const encoded = /base64\r\n(?:.+\r\n)*\r\n([A-Za-z0-9+/=\r\n]+)/i.exec(mail)?.[1] ?? '';
  expectEqual(Buffer.from(encoded, 'base64').length, 5000, 'octets of the attachment');
});

check('swaks pipelines a mail to ten', async (stage) => {
  const { server, maildir } = await serveMaildir(stage);
  const recipients = Array.from({ length: 10 }, (_, at) => `bob${at}@local.test`);
  const { status, out } = await stage.run(join(PEERS, 'swaks'), ['--server', `127.0.0.1:${server.port}`, '--from', 'alice@sender.test', '--to', recipients.join(), '--pipeline']);
  expectEqual(status, 0, 'exit status of swaks');
  expectMatch(out, /^<- +250-PIPELINING$/m, 'the conversation');
  expectEqual([...out.matchAll(/^<- +250 2\.1\.5 /gm)].length, 10, 'replies to RCPT');
  expectEqual(maildirMails(maildir).length, 1, 'mails in the Maildir');
});

check('a pipelined group is answered the same in one piece and octet by octet', async (stage) => {
  const { server, maildir } = await serveMaildir(stage);
  const group = 'MAIL FROM:<alice@sender.test>\r\nRCPT TO:<bob@local.test>\r\nRCPT TO:<not a path>\r\nDATA\r\n';
  for (const size of [group.length, 1]) {
    const client = await Client.greet(stage, server.port);
    for (let at = 0; at < group.length; at += size) await client.write(group.slice(at, at + size));
    for (const code of [250, 250, 501, 354]) await client.expect(code);
    await client.write(stuffed(CONTENTS['lines of one, two and three dots']));
    await client.expect(250);
    await client.expect(221, 'QUIT');
    await client.ended();
  }
  for (const mail of maildirMails(maildir)) expectInFront(mail, CONTENTS['lines of one, two and three dots'], FIELDS);
});

check('a client that says HELO and nothing newer is served', async (stage) => {
  const { server, maildir } = await serveMaildir(stage);
  const { status } = await stage.run(join(PEERS, 'swaks'), ['--server', `127.0.0.1:${server.port}`, '--protocol', 'SMTP', '--from', 'alice@sender.test', '--to', 'bob@local.test']);
  expectEqual(status, 0, 'exit status of swaks');
  expectMatch(maildirMails(maildir)[0].toString('latin1'), /\swith SMTP\s/, 'the Received field');
});

check('smtp-source sends 1000 mails in 20 sessions', async (stage) => {
  const { server, maildir } = await serveMaildir(stage);
  const { status, err } = await stage.run(join(PEERS, 'source'), ['-s', '20', '-m', '1000', '-l', '4096', '-f', 'alice@sender.test', '-t', 'bob@local.test', `127.0.0.1:${server.port}`]);
  expectEqual(status, 0, `exit status of smtp-source (${err})`);
  expectEqual(maildirMails(maildir).length, 1000, 'mails in the Maildir');
});

check('mail for one of ours and one elsewhere comes into the Maildir and to the next hop', async (stage) => {
  const peer = await startPeer(stage);
  const maildir = stage.folder('maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', 'local.test', '--smarthost', `127.0.0.1:${peer.port}`]);
  const content = CONTENTS['lines of one, two and three dots'];
  await sendWithSmtplib(stage, server.port, 'alice@sender.test', ['bob@local.test', 'carol@peer.test'], content);
  await until('the mail is at the next hop', () => peer.mails.length === 1);
  expectInFront(peer.mails[0].content, content, ['Received']);
  expectEqual(peer.mails[0].recipients.join(), 'carol@peer.test', 'recipients at the next hop');
  expectEqual(maildirMails(maildir).length, 1, 'mails in the Maildir');
  expectInFront(maildirMails(maildir)[0], content, FIELDS);
});

check('options come from a file, and the log in JSON', async (stage) => {
  const maildir = stage.folder('maildir');
  const config = join(stage.folder(), 'config.json');
  writeFileSync(config, JSON.stringify({ maildir, accept: ['local.test', 'other.test'], 'max-size': 1_000_000, log: 'json' }));
  const server = await stage.serve(['--config', config]);
  await sendWithSmtplib(stage, server.port, 'alice@sender.test', ['bob@other.test'], CONTENTS['one line of text']);
  expectEqual(maildirMails(maildir).length, 1, 'mails in the Maildir');
  const events = await until('a line of the log', () => server.out.endsWith('\n') && server.out.trimEnd().split('\n').map((line) => JSON.parse(line)));
  expectEqual(events[0].event, 'accepted', 'the event');
  expectEqual(events[0].from, '<alice@sender.test>', 'the reverse-path in it');
});

check('mail to the postmaster, without a domain, comes into the Maildir (RFC 5321 §4.5.1)', async (stage) => {
  const maildir = stage.folder('maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', 'local.test', '--relay-from', '192.0.2.0/24']);
  const client = await Client.greet(stage, server.port);
  for (const to of ['postmaster', 'PostMaster']) expectEqual((await client.mail('alice@sender.test', [to], CONTENTS['one line of text'])).code, 250, `reply to mail to <${to}>`);
  expectEqual(maildirMails(maildir).length, 2, 'mails in the Maildir');
});
