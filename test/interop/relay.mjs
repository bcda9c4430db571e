// The whole way: a client, `ehlo serve`, the DNS with a dead better exchanger, and the next hop: Postfix's smtp-sink and a
// second `ehlo serve`. Content arrives octet for octet behind a Received field.

import { join } from 'node:path';
import { startDnsServer } from '../support/dns-server.mjs';
import { check, expect, expectEqual, expectMatch, freePort, PEERS, until } from './harness.mjs';
import { CONTENTS, expectInFront, is8bit, maildirMails, sinkMails, tenMegabytes } from './mail.mjs';
import { Client, startPeer } from './peer.mjs';
import { sendWithSmtplib } from './receive.mjs';

/** Addresses by what is there; all exchangers have one port, that of `--mx-port`. Nothing ever listens on the dead one. */
const DEAD = '127.0.0.99';
const SINK = '127.0.0.11';
const SECOND = '127.0.0.12';
const PEER = '127.0.0.13';

const ZONES = {
  'sink.test': { MX: [[20, 'mx2.sink.test'], [10, 'mx1.sink.test']] },
  'mx1.sink.test': { A: [DEAD] },
  'mx2.sink.test': { A: [SINK] },
  'second.test': { MX: [[10, 'mx1.second.test'], [20, 'mx2.second.test']] },
  'mx1.second.test': { A: [DEAD] },
  'mx2.second.test': { A: [SECOND] },
  'peer.test': { A: [PEER] }, // implicit MX
  'sender.test': { MX: [[10, 'mx2.second.test']] },
};

/** Starts a DNS server. Returns its zones, which may be changed, and the options by which a relay asks it. */
export async function startDns(stage, zonesAtFirst = ZONES) {
  const zones = structuredClone(zonesAtFirst);
  const dns = await startDnsServer(zones, { port: await freePort() }); // one that is free for UDP and TCP
  stage.onEnd(() => dns.close());
  const mxPort = await freePort();
  return { zones, mxPort, args: ['--resolver', dns.address, '--mx-port', String(mxPort), '--allow-private-targets'] };
}

/** Starts smtp-sink, and returns the folder where it writes each mail. */
export async function startSink(stage, port, host = SINK, args = []) {
  const folder = stage.folder('sink');
  // As root it wants to be told whom to become.
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
  stage.start(join(PEERS, 'sink'), [...user, '-h', 'sink.test', ...args, '-d', `${folder}/mail.`, `${host}:${port}`, '100']);
  await until('smtp-sink listens', () => Client.connect(stage, port, host).then((client) => client.reset() ?? true, () => false));
  return folder;
}

/** Starts the relay, smtp-sink and a second `ehlo serve` with a Maildir behind it. */
async function startRelay(stage, { sinkArgs = [], relayArgs = [] } = {}) {
  const { mxPort, args } = await startDns(stage);
  const sink = await startSink(stage, mxPort, SINK, sinkArgs);
  const maildir = join(stage.folder('maildir'), 'maildir');
  await stage.serve(['--listen', `smtp://${SECOND}:${mxPort}`, '--hostname', 'mx2.second.test', '--maildir', maildir, '--accept', '*']);
  const relay = await stage.serve([...args, ...relayArgs]);
  return { mxPort, relay, sink, maildir };
}

/** Waits until the one mail has come to smtp-sink and to the Maildir, and compares both. */
async function expectAtBoth({ sink, maildir }, content, seconds) {
  await until('one mail at smtp-sink, and one in the Maildir', () => sinkMails(sink).filter(({ whole }) => whole).length === 1 && maildirMails(maildir).length === 1, seconds);
  // In a dump, what tells the end of a mail is also a mail's own empty last line: look again until it is all there.
  await until('the whole mail at smtp-sink', () => expectInFront(sinkMails(sink)[0].octets, content, ['Received']) ?? true, 5);
  expectInFront(maildirMails(maildir)[0], content, ['Return-Path', 'Received', 'Received']);
}

for (const [name, content] of [...Object.entries(CONTENTS), ['10 MB', tenMegabytes()]])
  check(`past a dead better exchanger, ${name} is relayed octet for octet`, async (stage) => {
    const all = await startRelay(stage);
    const { refused, error } = await sendWithSmtplib(stage, all.relay.port, 'alice@sender.test', ['bob@sink.test', 'carol@second.test'], content);
    expectEqual(JSON.stringify({ refused, error }), '{"refused":{},"error":null}', 'what smtplib was told');
    await expectAtBoth(all, content);
    expectEqual(sinkMails(all.sink)[0].mail.includes('BODY=8BITMIME'), is8bit(content), 'MAIL says BODY=8BITMIME');
  });

check('content of no octets at all is relayed', async (stage) => {
  const all = await startRelay(stage);
  const client = await Client.greet(stage, all.relay.port);
  const { code } = await client.mail('alice@sender.test', ['bob@sink.test', 'carol@second.test'], Buffer.alloc(0));
  expectEqual(code, 250, 'reply to the end of mail data');
  await expectAtBoth(all, Buffer.alloc(0));
});

check('swaks sends, and the mail is relayed past a dead better exchanger', async (stage) => {
  const all = await startRelay(stage);
  const { status } = await stage.run(join(PEERS, 'swaks'), [
    '--server', `127.0.0.1:${all.relay.port}`, '--from', 'alice@sender.test', '--to', 'bob@sink.test,carol@second.test', '--pipeline',
    '--data', 'Subject: from swaks\\n\\n.\\n..\\n...\\ntext\\n..',
  ]);
  expectEqual(status, 0, 'exit status of swaks');
  await expectAtBoth(all, Buffer.from('Subject: from swaks\r\n\r\n.\r\n..\r\n...\r\ntext\r\n..\r\n'));
});

check('100 recipients in three domains get the mail, each once', async (stage) => {
  const all = await startRelay(stage);
  const peer = await startPeer(stage, { host: PEER, port: all.mxPort });
  const content = CONTENTS['lines of one, two and three dots'];
  const recipients = Array.from({ length: 100 }, (_, at) => `user${at}@${['sink', 'second', 'peer'][at % 3]}.test`);
  const { refused, error } = await sendWithSmtplib(stage, all.relay.port, 'alice@sender.test', recipients, content);
  expectEqual(JSON.stringify({ refused, error }), '{"refused":{},"error":null}', 'what smtplib was told');
  await expectAtBoth(all, content);
  await until('one mail at the third domain', () => peer.mails.length > 0);
  const of = (domain) => recipients.filter((to) => to.endsWith(`@${domain}`)).sort().join();
  expectEqual(sinkMails(all.sink)[0].recipients.sort().join(), of('sink.test'), 'recipients at smtp-sink');
  expectEqual(peer.mails.flatMap((mail) => mail.recipients).sort().join(), of('peer.test'), 'recipients at the third domain');
  for (const mail of peer.mails) expectInFront(mail.content, content, ['Received']);
  for (const to of recipients) await until(`a line of the log says that ${to} has it`, () => new RegExp(`^\\S+ delivered .*to=<${to}>`, 'm').test(all.relay.out));
});

check('1000 recipients of one domain get the mail, each once', async (stage) => {
  const { args, mxPort } = await startDns(stage);
  // A next hop that takes 100 recipients at a time, the least that RFC 5321 §4.5.3.1.8 allows.
  let taken = 0;
  const peer = await startPeer(stage, { host: PEER, port: mxPort, answer: (command) => {
    if (/^MAIL/i.test(command)) taken = 0;
    return /^RCPT/i.test(command) && ++taken > 100 ? '452 4.5.3 too many recipients' : undefined;
  } });
  const relay = await stage.serve([...args, '--retry', '1s']);
  const recipients = Array.from({ length: 1000 }, (_, at) => `user${at}@peer.test`);
  const { error } = await sendWithSmtplib(stage, relay.port, 'alice@sender.test', recipients, CONTENTS['one line of text']);
  expectEqual(error, null, 'what smtplib was told');
  await until('1000 recipients have it', () => peer.mails.flatMap((mail) => mail.recipients).length >= 1000, 30);
  const got = peer.mails.flatMap((mail) => mail.recipients);
  expectEqual(got.length, new Set(got).size, 'recipients that got it, and different ones among them');
});

check('the better exchanger gets the mail where it is alive, and the worse one nothing', async (stage) => {
  const { args, mxPort } = await startDns(stage, { ...ZONES, 'mx1.sink.test': { A: [PEER] } });
  const better = await startPeer(stage, { host: PEER, port: mxPort });
  const sink = await startSink(stage, mxPort);
  const relay = await stage.serve(args);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@sink.test'], CONTENTS['one line of text']);
  await until('the mail is at the better exchanger', () => better.mails.length === 1);
  expectEqual(sinkMails(sink).length, 0, 'mails at the worse exchanger');
});

check('a better exchanger that answers 4yz is passed over', async (stage) => {
  const { args, mxPort } = await startDns(stage, { ...ZONES, 'mx1.sink.test': { A: [PEER] } });
  const better = await startPeer(stage, { host: PEER, port: mxPort, answer: (command) => (command === 'banner' ? '421 4.3.2 not now' : undefined) });
  const sink = await startSink(stage, mxPort);
  const relay = await stage.serve(args);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@sink.test'], CONTENTS['one line of text']);
  await until('the mail is at the worse exchanger', () => sinkMails(sink).length === 1);
  expect(better.connections > 0, 'the better exchanger was not tried');
});

check('mail to an address literal goes to that address', async (stage) => {
  const { args, mxPort } = await startDns(stage);
  const peer = await startPeer(stage, { host: PEER, port: mxPort });
  const relay = await stage.serve(args);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', [`bob@[${PEER}]`], CONTENTS['one line of text']);
  await until('the mail is there', () => peer.mails.length === 1);
  expectEqual(peer.mails[0].recipients.join(), `bob@[${PEER}]`, 'recipients');
});

for (const [name, sinkArgs] of [['without ESMTP', ['-e']], ['without PIPELINING', ['-p']]])
  check(`a next hop ${name} gets the mail`, async (stage) => {
    const all = await startRelay(stage, { sinkArgs });
    const content = CONTENTS['lines of one, two and three dots'];
    await sendWithSmtplib(stage, all.relay.port, 'alice@sender.test', ['bob@sink.test', 'carol@second.test'], content);
    await expectAtBoth(all, content);
  });

check('smtp-source sends 500 mails in 20 sessions through the relay to smtp-sink', async (stage) => {
  const { args, mxPort } = await startDns(stage);
  const sink = await startSink(stage, mxPort);
  const relay = await stage.serve(args);
  const { status, err } = await stage.run(join(PEERS, 'source'), ['-s', '20', '-m', '500', '-l', '4096', '-f', 'alice@sender.test', '-t', 'bob@sink.test', `127.0.0.1:${relay.port}`]);
  expectEqual(status, 0, `exit status of smtp-source (${err})`);
  await until('500 mails at smtp-sink', () => sinkMails(sink).length === 500, 30);
  await until('a line of the log says of each that it is delivered', () => [...relay.out.matchAll(/^\S+ delivered /gm)].length === 500);
});

check('mail between two relays that send it to each other stops (RFC 5321 §6.3)', async (stage) => {
  const ports = [await freePort(), await freePort()];
  const maildir = stage.folder('maildir');
  const reports = await stage.serve(['--maildir', maildir, '--accept', 'sender.test']);
  for (const [at, port] of ports.entries())
    await stage.serve([
      '--listen', `smtp://127.0.0.1:${port}`, '--hostname', `relay${at}.test`,
      '--route', `loop.test=127.0.0.1:${ports[1 - at]}`, '--route', `sender.test=127.0.0.1:${reports.port}`,
    ]);
  await sendWithSmtplib(stage, ports[0], 'alice@sender.test', ['bob@loop.test'], CONTENTS['one line of text']);
  const report = await until('a report about the loop', () => maildirMails(maildir)[0]?.toString('latin1'), 30);
  expectMatch(report, /^Status: 5\.4\.6\r$/m, 'the report');
});
