// Recipients who do not get their mail: their senders are told, in the session or by a delivery status notification (RFC
// 3464), the log says why, and the other recipients get theirs.

import { join } from 'node:path';
import { check, expect, expectEqual, expectMatch, freePort, PEERS, sleep, until } from './harness.mjs';
import { CONTENTS, expectInFront, maildirMails, sinkMails } from './mail.mjs';
import { Client, startPeer } from './peer.mjs';
import { sendWithSmtplib } from './receive.mjs';
import { startDns, startSink } from './relay.mjs';

const CONTENT = CONTENTS['lines of one, two and three dots'];
const NEXT = '127.0.0.13';

const ZONES = {
  'peer.test': { MX: [[10, 'mx.peer.test']] },
  'mx.peer.test': { A: [NEXT] },
  'sink.test': { MX: [[10, 'mx.sink.test']] },
  'mx.sink.test': { A: ['127.0.0.11'] },
  'null.test': { MX: [[0, '.']] },
  'nothing.test': { A: 'NODATA' },
  'broken.test': 'SERVFAIL',
  'slow.test': 'timeout',
  'own.test': { MX: [[10, 'relay.test'], [20, 'mx.peer.test']] },
};

/** Starts a Maildir for reports to sender.test, a DNS, and a relay that knows both. */
async function startReportingRelay(stage, args = []) {
  const maildir = stage.folder('maildir');
  const reports = await stage.serve(['--maildir', maildir, '--accept', 'sender.test', '--hostname', 'sender.test']);
  const { zones, mxPort, args: dnsArgs } = await startDns(stage, ZONES);
  const relay = await stage.serve([...dnsArgs, '--route', `sender.test=127.0.0.1:${reports.port}`, ...args]);
  return { zones, mxPort, relay, maildir };
}

/** Waits for one notification, and returns its text. Fails unless it has the form of RFC 3464. */
async function notification(maildir, seconds) {
  const report = await until('a notification in the Maildir', () => maildirMails(maildir)[0]?.toString('latin1'), seconds);
  expectMatch(report, /^Return-Path: <>\r\n/, 'the notification');
  expectMatch(report, /^To: <?alice@sender\.test>?\r$/m, 'the notification');
  expectMatch(report, /^Content-Type: multipart\/report;\s+report-type=delivery-status;\s+boundary=/im, 'the notification');
  expectMatch(report, /^Content-Type: message\/delivery-status\r$/im, 'the notification');
  expectMatch(report, /^Reporting-MTA: dns; relay\.test\r$/m, 'the notification');
  expect(report.includes('\r\nSubject: content\r\n'), 'the header of the mail is not in the notification');
  return report;
}

function expectFields(report, fields) {
  const unfolded = report.replace(/\r\n[ \t]+/g, ' ');
  for (const field of fields) expect(unfolded.includes(`\r\n${field}`), `the notification does not say ${JSON.stringify(field)}: ${JSON.stringify(report)}`);
}

for (const [verb, name] of [['RCPT', 'in reply to RCPT'], ['.', 'with all others of its domain, at the end of mail data']])
  check(`a recipient whom the next hop refuses ${name} is reported, the others get their mail`, async (stage) => {
    const { mxPort, relay, maildir } = await startReportingRelay(stage);
    const refusal = '550 5.1.1 no such user';
    const peer = await startPeer(stage, { host: NEXT, port: mxPort, answer: (command) => (command === verb || (command.startsWith(verb) && command.includes('<nobody@')) ? refusal : undefined) });
    const sink = await startSink(stage, mxPort);
    const { refused } = await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['nobody@peer.test', 'bob@sink.test', ...(verb === '.' ? [] : ['carol@peer.test'])], CONTENT);
    expectEqual(JSON.stringify(refused), '{}', 'recipients refused to smtplib');
    const report = await notification(maildir);
    expectFields(report, ['Final-Recipient: rfc822; nobody@peer.test', 'Action: failed', 'Status: 5.1.1', 'Remote-MTA: dns; mx.peer.test', `Diagnostic-Code: smtp; ${refusal}`]);
    expect(!/Final-Recipient: rfc822; (?:bob|carol)@/.test(report), 'the notification names recipients who have the mail');
    expectMatch(relay.out, /^\S+ failed .*to=<nobody@peer\.test>.*550 5\.1\.1/m, 'the log');
    await until('the other domain has the mail', () => sinkMails(sink).length === 1);
    if (verb === '.') return;
    await until('the other recipient of the domain has the mail', () => peer.mails.length === 1);
    expectEqual(peer.mails[0].recipients.join(), 'carol@peer.test', 'recipients at the next hop');
    expectInFront(peer.mails[0].content, CONTENT, ['Received']);
  });

// shows RFC5321:4.4-29 RFC5321:4.4-30
check('all recipients that smtp-sink refuses are reported in one notification', async (stage) => {
  const { mxPort, relay, maildir } = await startReportingRelay(stage);
  await startSink(stage, mxPort, '127.0.0.11', ['-f', 'RCPT', '-B', '550 5.7.1 go away']);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@sink.test', 'carol@sink.test'], CONTENT);
  const report = await notification(maildir);
  expectFields(report, ['Final-Recipient: rfc822; bob@sink.test', 'Final-Recipient: rfc822; carol@sink.test', 'Diagnostic-Code: smtp; 550 5.7.1 go away']);
  await sleep(300);
  expectEqual(maildirMails(maildir).length, 1, 'notifications');
});

for (const [domain, name, status] of [
  ['absent.test', 'that does not exist', '5.1.2'],
  ['null.test', 'with a null MX (RFC 7505)', '5.1.10'],
  ['own.test', 'of which this host is the best exchanger without knowing it', '5.4.6'],
  ['nothing.test', 'that has neither MX nor address', '5.4.4'],
])
  check(`mail to a domain ${name} is reported at once`, async (stage) => {
    const { relay, maildir } = await startReportingRelay(stage);
    await sendWithSmtplib(stage, relay.port, 'alice@sender.test', [`bob@${domain}`], CONTENT);
    expectFields(await notification(maildir), [`Final-Recipient: rfc822; bob@${domain}`, `Status: ${status}`]);
  });

check('a report to a sender for whom this host has the Maildir comes into it', async (stage) => {
  const maildir = stage.folder('maildir');
  const { args } = await startDns(stage, ZONES);
  const relay = await stage.serve([...args, '--maildir', maildir, '--accept', 'sender.test']);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@absent.test'], CONTENT);
  await notification(maildir);
});

check('what cannot be delivered and has the null reverse-path is not reported, and does not stay', async (stage) => {
  const { relay, maildir } = await startReportingRelay(stage);
  const client = await Client.greet(stage, relay.port);
  await client.mail('', ['bob@absent.test'], CONTENT);
  await relay.find(/^\S+ (?:undeliverable|done) /m);
  await sleep(300);
  expectEqual(maildirMails(maildir).length, 0, 'notifications');
});

check('a recipient who is deferred gets the mail at the next attempt, and nobody twice', async (stage) => {
  const { mxPort, relay } = await startReportingRelay(stage, ['--retry', '1s']);
  let attempts = 0;
  const peer = await startPeer(stage, { host: NEXT, port: mxPort, answer: (command) => (/^RCPT.*<later@/i.test(command) && (attempts += 1) < 3 ? '450 4.2.1 greylisted' : undefined) });
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['later@peer.test', 'now@peer.test'], CONTENT);
  await until('both have the mail', () => peer.mails.length >= 2);
  await sleep(300);
  expectEqual(peer.mails.map((mail) => mail.recipients.join()).join(' '), 'now@peer.test later@peer.test', 'recipients, mail by mail');
  for (const mail of peer.mails) expectInFront(mail.content, CONTENT, ['Received']);
  expectMatch(relay.out, /^\S+ deferred .*to=<later@peer\.test>.*450 4\.2\.1/m, 'the log');
});

// shows RFC5321:4.5.4.1-8
check('mail that expires is reported', async (stage) => {
  const { relay, maildir } = await startReportingRelay(stage, ['--retry', '1s', '--expire', '2s']);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@peer.test'], CONTENT); // nothing listens there
  expectFields(await notification(maildir), ['Final-Recipient: rfc822; bob@peer.test', 'Action: failed', 'Status: 4.4.7']);
});

// shows RFC5321:5.1-7
check('while the DNS says SERVFAIL mail is kept, and delivered when it knows again', async (stage) => {
  const { zones, mxPort, relay, maildir } = await startReportingRelay(stage, ['--retry', '1s']);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@broken.test'], CONTENT);
  await relay.find(/^\S+ deferred .*to=<bob@broken\.test>.*4\.4\.3/m, 30);
  expectEqual(maildirMails(maildir).length, 0, 'notifications');
  zones['broken.test'] = ZONES['peer.test'];
  const peer = await startPeer(stage, { host: NEXT, port: mxPort });
  await until('the mail is delivered', () => peer.mails.length === 1, 30);
  expectInFront(peer.mails[0].content, CONTENT, ['Received']);
});

check('a DNS server that does not answer defers, and keeps up no other mail', async (stage) => {
  const { mxPort, relay } = await startReportingRelay(stage);
  const peer = await startPeer(stage, { host: NEXT, port: mxPort });
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@slow.test'], CONTENT);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@peer.test'], CONTENT);
  await until('the other mail is delivered', () => peer.mails.length === 1, 5);
  await relay.find(/^\S+ deferred .*to=<bob@slow\.test>.*4\.4\.3/m, 50);
}, { seconds: 90 });

check('a DNS server that is not there defers, and keeps up no other mail', async (stage) => {
  const peer = await startPeer(stage);
  const relay = await stage.serve(['--resolver', `127.0.0.1:${await freePort()}`, '--route', `peer.test=127.0.0.1:${peer.port}`]);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@unknown.test'], CONTENT);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@peer.test'], CONTENT);
  await until('the other mail is delivered', () => peer.mails.length === 1);
  await relay.find(/^\S+ deferred .*to=<bob@unknown\.test>.*4\.4\.3/m, 45);
});

check('a next hop without 8BITMIME is not sent 8-bit content', async (stage) => {
  const { mxPort, relay, maildir } = await startReportingRelay(stage);
  const sink = await startSink(stage, mxPort, '127.0.0.11', ['-8']);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@sink.test'], CONTENTS['UTF-8 in header and body']);
  const report = await until('a notification in the Maildir', () => maildirMails(maildir)[0]?.toString('latin1'));
  expectFields(report, ['Status: 5.6.3']);
  expectEqual(sinkMails(sink).length, 0, 'mails at smtp-sink');
});

check('a next hop that says SIZE is not sent what is larger', async (stage) => {
  const { mxPort, relay, maildir } = await startReportingRelay(stage);
  const peer = await startPeer(stage, { host: NEXT, port: mxPort, keywords: ['SIZE 500'] });
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@peer.test'], CONTENTS['lines of 998 octets']);
  expectFields(await notification(maildir), ['Status: 5.3.4']);
  expectEqual(peer.commands.filter((command) => /^DATA/i.test(command)).length, 0, 'DATA commands');
});

check('swaks is told of a recipient that is refused in the session, and the others get the mail', async (stage) => {
  const maildir = stage.folder('maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', 'local.test', '--relay-from', '192.0.2.0/24']);
  const { out } = await stage.run(join(PEERS, 'swaks'), ['--server', `127.0.0.1:${server.port}`, '--from', 'alice@sender.test', '--to', 'bob@local.test,mallory@elsewhere.test']);
  expectMatch(out, /^<\*\* 550 5\.7\.1 /m, 'the conversation');
  expectEqual(maildirMails(maildir).length, 1, 'mails in the Maildir');
});

check('it is no open relay: a client outside --relay-from may send to --accept domains and no others', async (stage) => {
  const maildir = stage.folder('maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', 'local.test', '--relay-from', '192.0.2.0/24']);
  const client = await Client.greet(stage, server.port);
  await client.expect(250, 'MAIL FROM:<alice@sender.test>');
  for (const to of ['mallory@elsewhere.test', 'mallory%elsewhere.test@relay.test', '"mallory@elsewhere.test"@relay.test', '@local.test:mallory@elsewhere.test', 'mallory@[127.0.0.1]'])
    await client.expect(550, `RCPT TO:<${to}>`);
  for (const to of ['<bob@local.test>', '<bob@LOCAL.test>', '<postmaster>']) await client.expect(250, `RCPT TO:${to}`);
});

check('mails to a next hop that is silent keep up no others, however many they are', async (stage) => {
  const silent = await startPeer(stage, { answer: () => 'silence' });
  const peer = await startPeer(stage);
  const relay = await stage.serve(['--route', `silent.test=127.0.0.1:${silent.port}`, '--route', `peer.test=127.0.0.1:${peer.port}`]);
  const client = await Client.greet(stage, relay.port);
  for (let number = 0; number < 200; number += 1) await client.mail('alice@sender.test', ['bob@silent.test'], CONTENT);
  await client.mail('alice@sender.test', ['bob@peer.test'], CONTENT);
  await until('the other mail is delivered', () => peer.mails.length === 1, 10);
});

for (const [name, answer] of [
  ['is closed at once', { banner: 'drop' }],
  ['greets with no reply', { banner: 'SSH-2.0-x' }],
  ['greets with an endless line', { banner: 'x'.repeat(3_000_000) }],
  ['greets with an endless reply', { banner: '220-x\r\n'.repeat(200_000) }],
  ['replies with a code that is none', { MAIL: '999 what' }],
  ['replies to DATA with 250', { DATA: '250 2.0.0 ok' }],
  ['is closed in reply to DATA', { DATA: 'drop' }],
  ['says 421 in reply to RCPT', { RCPT: '421 4.3.2 closing' }],
  ['replies with NULs, escapes and octets above 127', { MAIL: '450 \0\xff\xfe\x1b[2J' }],
  ['replies to the end of mail data with them', { '.': '450 \0\xff\xfe\x1b[2J' }],
])
  check(`a next hop that ${name} defers the mail with one line, and harms nothing`, async (stage) => {
    const peer = await startPeer(stage, { answer: (command) => answer[command === 'banner' || command === '.' ? command : command.slice(0, 4).toUpperCase()] });
    const relay = await stage.serve(['--smarthost', `127.0.0.1:${peer.port}`]);
    await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@peer.test'], CONTENT);
    const [line] = await relay.find(/^\S+ (?:deferred|unknown) .*to=<bob@peer\.test>.*\n/m);
    expectMatch(line, /^[ -~]+\n$/, 'the line of the log');
    expect(line.length < 5000, `the line of the log has ${line.length} characters`);
    expectEqual(peer.mails.length, 0, 'mails at the next hop');
  });
