// kill -9 at any time: what was acknowledged with 250 is delivered after a restart, and nothing is delivered twice but what
// was on its way when the program died.

import { check, expect, expectEqual, freePort, sleep, until } from './harness.mjs';
import { CONTENTS, expectInFront, maildirMails, sinkMails, tenMegabytes } from './mail.mjs';
import { Client, startPeer, stuffed } from './peer.mjs';
import { PYTHON, sendWithSmtplib } from './receive.mjs';
import { startDns, startSink } from './relay.mjs';

const CONTENT = CONTENTS['lines of one, two and three dots'];

const ZONES = { 'peer.test': { MX: [[10, 'mx.peer.test']] }, 'mx.peer.test': { A: ['127.0.0.13'] } };

/** Octets of a large mail in the stream. */
const LARGE = 200_000;

/** Kills the relay, and starts it anew with the same options. */
async function killAndRestart(stage, relay, args) {
  await relay.kill();
  return stage.serve(args);
}

check('killed after the 250, with the next hop down, it delivers once both are up again', async (stage) => {
  const { mxPort, args: dnsArgs } = await startDns(stage, ZONES);
  const args = [...dnsArgs, '--queue', stage.folder('queue')];
  const relay = await stage.serve(args);
  for (const content of [CONTENT, CONTENTS['every octet but NUL, CR and LF']]) await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@peer.test'], content);
  await relay.kill();
  const peer = await startPeer(stage, { host: '127.0.0.13', port: mxPort });
  await stage.serve(args);
  await until('both mails are delivered', () => peer.mails.length >= 2, 20);
  const received = peer.mails.sort((a, b) => a.content.length - b.content.length);
  expectInFront(received[0].content, CONTENT, ['Received']);
  expectInFront(received[1].content, CONTENTS['every octet but NUL, CR and LF'], ['Received']);
});

check('killed after the mail was deferred, it delivers once both are up again, without waiting for the retry', async (stage) => {
  const { mxPort, args: dnsArgs } = await startDns(stage, ZONES);
  const args = [...dnsArgs, '--queue', stage.folder('queue')];
  const relay = await stage.serve(args);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@peer.test'], CONTENT);
  await relay.find(/^\S+ deferred .*to=<bob@peer\.test>/m);
  await sleep(200); // until that is recorded
  await relay.kill();
  const peer = await startPeer(stage, { host: '127.0.0.13', port: mxPort });
  await stage.serve(args);
  await until('the mail is delivered', () => peer.mails.length === 1, 20);
  expectInFront(peer.mails[0].content, CONTENT, ['Received']);
});

check('killed after the 250, with smtp-sink as next hop that comes up later, it delivers', async (stage) => {
  const { mxPort, args: dnsArgs } = await startDns(stage, ZONES);
  const args = [...dnsArgs, '--queue', stage.folder('queue'), '--retry', '1s'];
  const relay = await stage.serve(args);
  const content = tenMegabytes();
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@peer.test', 'carol@peer.test'], content);
  await killAndRestart(stage, relay, args);
  const sink = await startSink(stage, mxPort, '127.0.0.13');
  await until('the mail is at smtp-sink', () => sinkMails(sink).some(({ octets }) => octets.length > content.length), 30);
  await until('all of it', () => expectInFront(sinkMails(sink)[0].octets, content, ['Received']) ?? true);
  expectEqual(sinkMails(sink)[0].recipients.join(), 'bob@peer.test,carol@peer.test', 'recipients');
});

check('killed while the next hop is silent, it delivers after the restart', async (stage) => {
  let silent = true;
  const peer = await startPeer(stage, { answer: (command) => (silent && command === 'banner' ? 'silence' : undefined) });
  const args = ['--queue', stage.folder('queue'), '--smarthost', `127.0.0.1:${peer.port}`];
  const relay = await stage.serve(args);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@peer.test'], CONTENT);
  await until('an attempt is under way', () => peer.connections === 1);
  silent = false;
  await killAndRestart(stage, relay, args);
  await until('the mail is delivered', () => peer.mails.length === 1);
  await sleep(500);
  expectEqual(peer.mails.length, 1, 'mails at the next hop');
});

check('killed while one next hop is silent, it sends no second time to one that has taken the mail', async (stage) => {
  const silent = await startPeer(stage, { answer: (command) => (command === 'banner' ? 'silence' : undefined) });
  const peer = await startPeer(stage);
  const args = ['--queue', stage.folder('queue'), '--route', `silent.test=127.0.0.1:${silent.port}`, '--route', `peer.test=127.0.0.1:${peer.port}`];
  const relay = await stage.serve(args);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@silent.test', 'carol@peer.test'], CONTENT);
  await until('one next hop has the mail, and one is asked', () => peer.mails.length === 1 && silent.connections === 1);
  await sleep(1000); // time to record it
  const again = await killAndRestart(stage, relay, args);
  await until('the silent one is asked again', () => silent.connections === 2);
  await sleep(500);
  expectEqual(peer.mails.length, 1, 'mails at the next hop that took it');
  await again.kill();
});

check('killed when one recipient has the mail, one is refused and one deferred, it remembers all three', async (stage) => {
  const maildir = stage.folder('maildir');
  const reports = await stage.serve(['--maildir', maildir, '--accept', 'sender.test']);
  let deferring = true;
  const replies = { nobody: () => '550 5.1.1 no such user', later: () => (deferring ? '450 4.2.1 not now' : undefined) };
  const peer = await startPeer(stage, { answer: (command) => replies[/^RCPT TO:<(\w+)@/i.exec(command)?.[1]]?.() });
  const args = ['--queue', stage.folder('queue'), '--route', `peer.test=127.0.0.1:${peer.port}`, '--route', `sender.test=127.0.0.1:${reports.port}`];
  const relay = await stage.serve(args);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['now@peer.test', 'nobody@peer.test', 'later@peer.test'], CONTENT);
  await relay.find(/^\S+ deferred .*to=<later@peer\.test>/m);
  await until('a notification comes', () => maildirMails(maildir).length === 1);
  await sleep(500); // time to record it
  deferring = false;
  await killAndRestart(stage, relay, args);
  await until('the one who was deferred has the mail', () => peer.mails.some(({ recipients }) => recipients.includes('later@peer.test')));
  await sleep(500);
  expectEqual(peer.mails.map(({ recipients }) => recipients.join()).join(' '), 'now@peer.test later@peer.test', 'recipients, mail by mail');
  expectEqual(maildirMails(maildir).length, 1, 'notifications');
});

check('killed in mail data, it has taken no mail, and leaves nothing behind', async (stage) => {
  const peer = await startPeer(stage);
  const maildir = stage.folder('maildir');
  const args = ['--queue', stage.folder('queue'), '--maildir', maildir, '--accept', 'local.test', '--smarthost', `127.0.0.1:${peer.port}`];
  const relay = await stage.serve(args);
  const mails = await Promise.all([['bob@local.test'], ['bob@peer.test'], ['bob@local.test', 'bob@peer.test']].map(async (recipients) => {
    const client = await Client.greet(stage, relay.port);
    await client.expect(250, 'MAIL FROM:<alice@sender.test>');
    for (const to of recipients) await client.expect(250, `RCPT TO:<${to}>`);
    await client.expect(354, 'DATA');
    await client.write(stuffed(tenMegabytes()).subarray(0, 3_000_000));
    return client;
  }));
  await sleep(300);
  const again = await killAndRestart(stage, relay, args);
  for (const client of mails) expectEqual((await client.reply()).code, 0, 'a reply to mail data without an end');
  // A mail that is whole comes through, and is the only one.
  await sendWithSmtplib(stage, again.port, 'alice@sender.test', ['bob@local.test', 'bob@peer.test'], CONTENT);
  await until('the whole mail arrives', () => peer.mails.length === 1 && maildirMails(maildir).length === 1);
  await sleep(300);
  expectEqual(peer.mails.length, 1, 'mails at the next hop');
  expectEqual(maildirMails(maildir).length, 1, 'mails in the Maildir');
});

/** Kills the relay again and again under a stream of mail; returns the subjects that were acknowledged, and when it was killed. */
async function killAgainAndAgain(stage, args, rounds) {
  const port = await freePort();
  const words = ['--listen', `smtp://127.0.0.1:${port}`, '--queue', stage.folder('queue'), ...args];
  const kills = [];
  let relay = await stage.serve(words);
  const stream = stage.start('python3', [PYTHON, 'stream', String(port), '8', 'alice@sender.test', 'bob@peer.test', String(LARGE)]);
  for (let round = 0; round < rounds; round += 1) {
    await sleep(100 + Math.random() * 700);
    kills.push(Date.now());
    relay = await killAndRestart(stage, relay, words);
  }
  await sleep(200);
  stream.input('');
  await stream.exited;
  expectEqual(stream.ended.status, 0, `exit status of send_mail.py (${stream.err})`);
  const acknowledged = stream.out.trim().split('\n');
  expect(acknowledged.length > rounds, `only ${acknowledged.length} mails were acknowledged in ${rounds} rounds`);
  return { acknowledged, kills };
}

/** Each tenth mail of the stream is large. */
function isWhole(content) {
  const lines = content.toString('latin1').split(`\r\n${'y'.repeat(70)}`).length - 1;
  return content.toString('latin1').endsWith('y\r\n') && lines === (subjectOf(content).endsWith('0') ? Math.floor(LARGE / 72) : 1);
}

function bySubject(mails) {
  const groups = new Map();
  for (const mail of mails) {
    const subject = subjectOf(mail.content);
    groups.set(subject, [...(groups.get(subject) ?? []), mail]);
  }
  return groups;
}

const subjectOf = (content) => /^Subject: (.*)\r$/m.exec(content.toString('latin1', 0, 2000))?.[1];

check('killed again and again under a stream of mail, it relays all that it acknowledged, and twice only what was on its way', async (stage) => {
  const peer = await startPeer(stage);
  const { acknowledged, kills } = await killAgainAndAgain(stage, ['--smarthost', `127.0.0.1:${peer.port}`], 15);
  const subjects = new Set(); // of the first `read` mails: the peer lives in this process, and must not wait while we look
  let read = 0;
  await until('every acknowledged mail is at the next hop', () => {
    for (; read < peer.mails.length; read += 1) subjects.add(subjectOf(peer.mails[read].content));
    const missing = acknowledged.filter((subject) => !subjects.has(subject));
    expect(missing.length === 0, `${missing.length} of ${acknowledged.length} are missing: ${missing.slice(0, 5)}`);
    return true;
  }, 30);
  for (const [subject, mails] of bySubject(peer.mails)) {
    expect(mails.every(({ content }) => isWhole(content)), `mail ${subject} is not whole`);
    for (const { begun, done } of mails.slice(0, -1))
      expect(kills.some((kill) => kill >= begun && kill <= done + 1000), `mail ${subject} was sent again, though nothing was killed in the second after it was taken`);
  }
}, { seconds: 120 });

check('killed again and again under a stream of mail, it has all that it acknowledged in the Maildir', async (stage) => {
  const maildir = stage.folder('maildir');
  const { acknowledged } = await killAgainAndAgain(stage, ['--maildir', maildir, '--accept', '*'], 15);
  const mails = maildirMails(maildir);
  const subjects = new Set(mails.map(subjectOf));
  const missing = acknowledged.filter((subject) => !subjects.has(subject));
  expectEqual(missing.length, 0, `acknowledged mails that are missing, of ${acknowledged.length}`);
  for (const mail of mails) expect(isWhole(mail), `mail ${subjectOf(mail)} is not whole`);
}, { seconds: 120 });
