// SIGTERM: accepting stops, idle sessions get 421, what is in hand is finished, and the exit status is 0 within 30 s.

import { check, expect, expectEqual, sleep, until } from './harness.mjs';
import { CONTENTS, expectInFront, maildirMails } from './mail.mjs';
import { Client, startPeer, stuffed } from './peer.mjs';
import { sendWithSmtplib } from './receive.mjs';

const CONTENT = CONTENTS['lines of one, two and three dots'];

for (const signal of ['SIGTERM', 'SIGINT'])
  check(`${signal} ends idle sessions with 421, and the program with status 0`, async (stage) => {
    const server = await stage.serve();
    const fresh = await Client.connect(stage, server.port);
    await fresh.expect(220);
    const greeted = await Client.greet(stage, server.port);
    const begun = await Client.greet(stage, server.port);
    await begun.expect(250, 'MAIL FROM:<alice@sender.test>');
    const start = Date.now();
    const stopped = server.stop(signal);
    for (const client of [fresh, greeted, begun]) {
      await client.expect(421);
      await client.ended();
    }
    expectEqual(await stopped, 0, 'exit status');
    expect(Date.now() - start < 5000, `it took ${Date.now() - start} ms`);
  });

check('mail data under way at SIGTERM are taken to their end and acknowledged', async (stage) => {
  const maildir = stage.folder('maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', '*']);
  const client = await Client.greet(stage, server.port);
  await client.expect(250, 'MAIL FROM:<alice@sender.test>');
  await client.expect(250, 'RCPT TO:<bob@local.test>');
  await client.expect(354, 'DATA');
  const data = stuffed(CONTENT);
  await client.write(data.subarray(0, 50));
  await sleep(100);
  const stopped = server.stop();
  await sleep(300);
  await client.write(data.subarray(50));
  await client.expect(250);
  await client.expect(421);
  expectEqual(await stopped, 0, 'exit status');
  expectInFront(maildirMails(maildir)[0], CONTENT, ['Return-Path', 'Received']);
});

check('nobody is let in any more after SIGTERM', async (stage) => {
  const server = await stage.serve();
  const client = await Client.greet(stage, server.port);
  await client.expect(250, 'MAIL FROM:<alice@sender.test>');
  await client.expect(250, 'RCPT TO:<bob@local.test>');
  await client.expect(354, 'DATA');
  const stopped = server.stop();
  await until('connections are refused', () => Client.connect(stage, server.port).then(() => false, () => true), 5);
  client.reset();
  expectEqual(await stopped, 0, 'exit status');
});

check('a next hop that is silent does not keep SIGTERM waiting for more than 30 s, and the mail is kept', async (stage) => {
  let silent = true;
  const peer = await startPeer(stage, { answer: () => (silent ? 'silence' : undefined) });
  const args = ['--queue', stage.folder('queue'), '--smarthost', `127.0.0.1:${peer.port}`];
  const server = await stage.serve(args);
  await sendWithSmtplib(stage, server.port, 'alice@sender.test', ['bob@peer.test'], CONTENT);
  await until('an attempt is under way', () => peer.connections === 1);
  expectEqual(await server.stop('SIGTERM', 30), 0, 'exit status');
  silent = false;
  await stage.serve(args);
  await until('the mail is delivered', () => peer.mails.length === 1);
  expectInFront(peer.mails[0].content, CONTENT, ['Received']);
});

check('a client that stands still in mail data does not keep SIGTERM waiting for more than 30 s', async (stage) => {
  const server = await stage.serve();
  const client = await Client.greet(stage, server.port);
  await client.expect(250, 'MAIL FROM:<alice@sender.test>');
  await client.expect(250, 'RCPT TO:<bob@local.test>');
  await client.expect(354, 'DATA');
  await client.write('Subject: never ends\r\n');
  expectEqual(await server.stop('SIGTERM', 30), 0, 'exit status');
});
