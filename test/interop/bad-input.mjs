// Bad input of every kind gets the right reply or one clear line; nothing is lost, nothing is stuck, nothing is left over.

import { appendFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, expect, expectEqual, expectMatch, freePort, sleep, until } from './harness.mjs';
import { CONTENTS, expectInFront, maildirMails } from './mail.mjs';
import { Client, startPeer, stuffed } from './peer.mjs';
import { sendWithSmtplib } from './receive.mjs';

const CONTENT = CONTENTS['lines of one, two and three dots'];

// What clients send

for (const [name, octets, code] of [
  ['an over-long line', 'x'.repeat(3000), 500],
  ['an over-long line that begins as a command', `MAIL FROM:<${'a'.repeat(4000)}@sender.test>`, 500],
  ['a path longer than 256 octets', `MAIL FROM:<alice@${'a.'.repeat(130)}test>`, 501],
  ['NULs', 'NOOP \0\0', 501],
  ['a NUL in a path', 'MAIL FROM:<a\0b@sender.test>', 501],
  ['octets above 127 as a command', '\xc3\xa9\xff\xfe', 500],
  ['octets above 127 in a path', 'MAIL FROM:<\xe9@sender.test>', /^5/],
  ['a bare LF in a command', 'NOOP\nNOOP', 500],
  ['a bare CR in a command', 'NOOP\rNOOP', 500],
  ['an empty line', '', 500],
  ['an unknown command', 'FROB', 500],
  ['a command that is known and not implemented', 'TURN', 502],
  ['a command out of order', 'DATA', 503],
  ['MAIL without brackets', 'MAIL FROM:alice@sender.test', 501],
  ['MAIL with a space behind the colon', 'MAIL FROM: <alice@sender.test>', 501],
  ['an unknown parameter', 'MAIL FROM:<alice@sender.test> FROB=1', 555],
  ['a size above the limit', 'MAIL FROM:<alice@sender.test> SIZE=99999999999', 552],
])
  check(`${name}: the right reply, and the session goes on`, async (stage) => {
    const server = await stage.serve();
    const client = await Client.greet(stage, server.port);
    const { code: found, text } = await client.say(octets);
    expectMatch(String(found), code instanceof RegExp ? code : new RegExp(`^${code}$`), `code of ${JSON.stringify(text)}`);
    expectMatch(text, /^(?:5\d\d[ -]5\.\d+\.\d+ [ -~]+\r\n)+$/, 'the reply');
    expect(text.length < 512, `the reply has ${text.length} octets`);
    await client.expect(250, 'NOOP');
    await client.expect(250, 'MAIL FROM:<alice@sender.test>');
  });

check('an endless line without CRLF is ended with 421, and no memory is filled', async (stage) => {
  const server = await stage.serve();
  const client = await Client.greet(stage, server.port);
  const block = Buffer.alloc(1_000_000, 'x');
  for (let sent = 0; sent < 50 && !client.closed; sent += 1) await client.write(block);
  await client.expect(421);
  await client.ended();
  expect(server.memory() < 300_000_000, `it holds ${server.memory()} octets of memory`);
  await (await Client.greet(stage, server.port)).expect(250, 'NOOP');
});

check('an endless line in mail data is refused, and the session goes on', async (stage) => {
  const maildir = stage.folder('maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', '*']);
  const client = await Client.greet(stage, server.port);
  const { code } = await client.mail('alice@sender.test', ['bob@local.test'], Buffer.alloc(5_000_000, 'x'));
  expectMatch(String(code), /^5/, 'code of the reply to the end of mail data');
  await client.expect(250, 'NOOP');
  expectEqual(maildirMails(maildir).length, 0, 'mails in the Maildir');
});

check('GET / HTTP/1.1 is turned away, and what follows is not executed', async (stage) => {
  const maildir = stage.folder('maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', '*']);
  const client = await Client.connect(stage, server.port);
  await client.expect(220);
  await client.write(`GET / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<a@sender.test>\r\nRCPT TO:<b@local.test>\r\nDATA\r\nx\r\n.\r\n`);
  const { code } = await client.reply();
  expect(code === 421 || code === 554, `reply ${code}`);
  await client.ended();
  expectEqual(maildirMails(maildir).length, 0, 'mails in the Maildir');
});

check('a program that speaks something else by the megabyte is got rid of', async (stage) => {
  const server = await stage.serve();
  const client = await Client.connect(stage, server.port);
  await client.expect(220);
  const block = Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 7919) % 256));
  for (let sent = 0; sent < 100 && !client.closed; sent += 1) await client.write(block);
  await client.ended();
});

check('a client that floods it and reads no reply fills no memory, and keeps nobody else out', async (stage) => {
  const server = await stage.serve();
  const client = await Client.connect(stage, server.port);
  client.stopReading();
  const block = 'NOOP\r\n'.repeat(100_000);
  const deadline = Date.now() + 15_000; // after so many commands it says 421, and reads what comes for two seconds more
  const stuck = () => Promise.race([client.write(block).then(() => false), sleep(1000).then(() => true)]);
  while (!client.closed && !(await stuck())) {
    expect(Date.now() < deadline, 'it took commands for 15 s without being able to say a reply, and did not close the connection');
    await sleep(0); // writes to a connection that has gone resolve at once, and would let no event through
  }
  expect(server.memory() < 300_000_000, `it holds ${server.memory()} octets of memory`);
  await (await Client.greet(stage, server.port)).expect(250, 'NOOP');
});

for (const [name, content] of [
  ['LF . LF', 'text\n.\nMAIL FROM:<smuggler@sender.test>\nRCPT TO:<bob@local.test>\nDATA\nsmuggled\n.\n'],
  ['LF . CRLF', 'text\n.\r\nMAIL FROM:<smuggler@sender.test>\r\nRCPT TO:<bob@local.test>\r\nDATA\r\nsmuggled\r\n'],
  ['CR . CR', 'text\r.\rMAIL FROM:<smuggler@sender.test>\r'],
  ['CRLF . LF', 'text\r\n.\nMAIL FROM:<smuggler@sender.test>\n'],
])
  check(`${name} in mail data does not end them, and is refused after the true end`, async (stage) => {
    const maildir = stage.folder('maildir');
    const server = await stage.serve(['--maildir', maildir, '--accept', '*']);
    const client = await Client.greet(stage, server.port);
    await client.expect(250, 'MAIL FROM:<alice@sender.test>');
    await client.expect(250, 'RCPT TO:<bob@local.test>');
    await client.expect(354, 'DATA');
    await client.write(`Subject: smuggling\r\n\r\n${content}\r\n.\r\n`);
    expectMatch(String((await client.reply()).code), /^5/, 'code of the reply to the end of mail data');
    await client.expect(250, 'NOOP');
    expectEqual(maildirMails(maildir).length, 0, 'mails in the Maildir');
  });

for (const [name, go] of [['closes its side', (client) => client.end()], ['breaks the connection off', (client) => client.reset()]])
  check(`of a client that ${name} in mail data nothing is delivered, and nothing is left over`, async (stage) => {
    const peer = await startPeer(stage);
    const maildir = stage.folder('maildir');
    const queue = stage.folder('queue');
    const args = ['--maildir', maildir, '--accept', 'local.test', '--queue', queue, '--smarthost', `127.0.0.1:${peer.port}`];
    const server = await stage.serve(args);
    for (const recipients of [['bob@local.test'], ['bob@peer.test'], ['bob@local.test', 'bob@peer.test']])
      for (const piece of ['', 'Subject: no end\r\n\r\ntext\r\n', 'text\r\n.', 'text\r\n.\r', `${'x'.repeat(70)}\r\n`.repeat(50_000)]) {
        const client = await Client.greet(stage, server.port);
        await client.expect(250, 'MAIL FROM:<alice@sender.test>');
        for (const to of recipients) await client.expect(250, `RCPT TO:<${to}>`);
        await client.expect(354, 'DATA');
        await client.write(piece);
        go(client);
        await client.ended();
      }
    const leftOver = () => [join(maildir, 'tmp'), join(queue, 'tmp')].flatMap((folder) => readdirSync(folder));
    await until('nothing is left over in tmp/', () => expectEqual(leftOver().length, 0, 'files left over') ?? true);
    expectEqual(await server.stop(), 0, 'exit status');
    await stage.serve(args);
    await sleep(300);
    expectEqual(maildirMails(maildir).length, 0, 'mails in the Maildir');
    expectEqual(peer.mails.length, 0, 'mails at the next hop');
    expectMatch(server.out, /^\S+ lost /m, 'the log');
  });

check('more octets than --max-size are refused after the end, and the session goes on', async (stage) => {
  const maildir = stage.folder('maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', '*', '--max-size', '100000']);
  const client = await Client.greet(stage, server.port);
  expectMatch((await client.say('EHLO client.test')).text, /^250[- ]SIZE 100000\r$/m, 'the reply to EHLO');
  const content = Buffer.from(`Subject: large\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(2000)}`);
  expectEqual((await client.mail('alice@sender.test', ['bob@local.test'], content)).code, 552, 'code of the reply to the end of mail data');
  expectEqual((await client.mail('alice@sender.test', ['bob@local.test'], CONTENT)).code, 250, 'code of the next mail');
  expectEqual(maildirMails(maildir).length, 1, 'mails in the Maildir');
});

check('more recipients than --max-recipients get 452, the others their mail', async (stage) => {
  const maildir = stage.folder('maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', '*', '--max-recipients', '100']);
  const client = await Client.greet(stage, server.port);
  await client.expect(250, 'MAIL FROM:<alice@sender.test>');
  for (let number = 0; number < 100; number += 1) await client.expect(250, `RCPT TO:<bob${number}@local.test>`);
  await client.expect(452, 'RCPT TO:<bob100@local.test>');
  await client.expect(354, 'DATA');
  await client.write(stuffed(CONTENT));
  await client.expect(250);
  expectEqual(maildirMails(maildir).length, 1, 'mails in the Maildir');
});

// shows RFC5321:4.5.4.2-1 RFC5321:4.5.4.2-2
check('200 clients at once that say nothing keep nobody else out', async (stage) => {
  const maildir = stage.folder('maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', '*', '--max-connections-per-client', '1000']);
  await Promise.all(Array.from({ length: 200 }, () => Client.connect(stage, server.port)));
  await sendWithSmtplib(stage, server.port, 'alice@sender.test', ['bob@local.test'], CONTENT);
  expectInFront(maildirMails(maildir)[0], CONTENT, ['Return-Path', 'Received']);
});

// What the machine says

/** Fails unless the command ended with the status, and said one line on standard error that has this in it. */
export function expectOneLine({ status, out, err }, expected, pattern) {
  expectMatch(err, /^ehlo[^\n]*\n$/, 'standard error, which should be one line');
  expectMatch(err, pattern, 'the line');
  expectEqual(out, '', 'standard output');
  expectEqual(status, expected, 'exit status');
}

check('a queue below a regular file is one line, and status 73', async (stage) => {
  const file = join(stage.folder(), 'file');
  writeFileSync(file, '');
  expectOneLine(await stage.ehlo(['serve', '--listen', 'smtp://127.0.0.1:0', '--queue', join(file, 'queue')]), 73, /queue/);
});

check('a Maildir below a regular file is one line, and status 73', async (stage) => {
  const file = join(stage.folder(), 'file');
  writeFileSync(file, '');
  const queue = stage.folder('queue');
  expectOneLine(await stage.ehlo(['serve', '--listen', 'smtp://127.0.0.1:0', '--queue', queue, '--accept', '*', '--maildir', join(file, 'maildir')]), 73, /Maildir/);
});

check('a queue that another process has open is one line, and status 73', async (stage) => {
  const queue = stage.folder('queue');
  await stage.serve(['--queue', queue]);
  expectOneLine(await stage.ehlo(['serve', '--listen', 'smtp://127.0.0.1:0', '--queue', queue]), 73, /another process/);
});

check('a port in use is one line, and status 69', async (stage) => {
  const server = await stage.serve();
  const queue = stage.folder('queue');
  expectOneLine(await stage.ehlo(['serve', '--listen', `smtp://127.0.0.1:${server.port}`, '--queue', queue]), 69, new RegExp(`127\\.0\\.0\\.1:${server.port}.*in use`));
  // The second of two listeners, too: the first must not keep the program alive.
  expectOneLine(await stage.ehlo(['serve', '--listen', 'smtp://127.0.0.1:0', '--listen', `smtp://127.0.0.1:${server.port}`, '--queue', queue]), 69, /in use/);
});

check('an address that is not of this machine is one line, and status 69', async (stage) => {
  expectOneLine(await stage.ehlo(['serve', '--listen', 'smtp://192.0.2.1:2525', '--queue', stage.folder('queue')]), 69, /192\.0\.2\.1:2525/);
});

for (const folder of ['tmp', 'new'])
  check(`while ${folder}/ of the Maildir is gone, mail gets 4yz, and 250 when it is back`, async (stage) => {
    const queue = join(stage.folder(), 'queue');
    const maildir = join(stage.folder(), 'maildir');
    const peer = await startPeer(stage);
    const server = await stage.serve(['--queue', queue, '--maildir', maildir, '--accept', 'local.test', '--smarthost', `127.0.0.1:${peer.port}`]);
    const recipient = 'bob@local.test';
    const gone = join(maildir, folder);
    const client = await Client.greet(stage, server.port);
    renameSync(gone, `${gone}.away`);
    const { code, text } = await client.mail('alice@sender.test', [recipient], CONTENT);
    expect(code === 451 || code === 452, `reply to the end of mail data: ${JSON.stringify(text)}`);
    expect(!text.includes('/'), `the reply names a file: ${JSON.stringify(text)}`);
    await until('a line of the log', () => / error /.test(server.out), 5);
    renameSync(`${gone}.away`, gone);
    expectEqual((await client.mail('alice@sender.test', [recipient], CONTENT)).code, 250, 'code of the next mail');
    await until('the mail arrives', () => peer.mails.length + maildirMails(maildir).length === 1);
  });

check('while the Maildir is gone, mail for one of ours and one elsewhere gets 4yz, and goes nowhere', async (stage) => {
  const peer = await startPeer(stage);
  const maildir = join(stage.folder(), 'maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', 'local.test', '--smarthost', `127.0.0.1:${peer.port}`]);
  renameSync(join(maildir, 'new'), join(maildir, 'away'));
  const client = await Client.greet(stage, server.port);
  expectMatch(String((await client.mail('alice@sender.test', ['bob@local.test', 'carol@peer.test'], CONTENT)).code), /^4/, 'code of the reply to the end of mail data');
  await sleep(500);
  expectEqual(peer.mails.length, 0, 'mails at the next hop');
});

check('what a crash left half written in the queue is set aside with a line, and all others are delivered', async (stage) => {
  const { queue, args, server } = await queueOne(stage);
  await server.kill();
  for (const name of readdirSync(join(queue, 'journal'))) appendFileSync(join(queue, 'journal', name), 'half a record');
  const peer = await startPeer(stage, { port: args.port });
  const again = await stage.serve(args.words);
  await until('the mail is delivered', () => peer.mails.length === 1);
  expectMatch(again.err, /^ehlo: .*half written.*dead\//m, 'standard error');
  expectEqual(readdirSync(join(queue, 'dead')).length, 1, 'files in dead/');
});

check('when the reader of its log goes away, it serves on', async (stage) => {
  const maildir = stage.folder('maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', '*']);
  server.closeOutput();
  for (let sent = 1; sent <= 3; sent += 1) {
    await sendWithSmtplib(stage, server.port, 'alice@sender.test', ['bob@local.test'], CONTENT);
    expectEqual(maildirMails(maildir).length, sent, 'mails in the Maildir');
  }
});

check('out of file descriptors it takes no mail that it cannot keep, and goes on when there are some', async (stage) => {
  const maildir = stage.folder('maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', '*', '--max-connections-per-client', '1000'], { descriptors: 150 }); // Node opens its modules side by side
  const clients = await Promise.all(Array.from({ length: 200 }, () => Client.connect(stage, server.port)));
  await sleep(500);
  for (const client of clients) client.reset();
  await until('it serves again', async () => {
    const { error } = await sendWithSmtplib(stage, server.port, 'alice@sender.test', ['bob@local.test'], CONTENT);
    return error === null;
  });
  expectInFront(maildirMails(maildir)[0], CONTENT, ['Return-Path', 'Received']);
});

/** A relay with one mail in its queue, whose next hop is down. */
async function queueOne(stage) {
  const queue = stage.folder('queue');
  const port = await freePort();
  const words = ['--queue', queue, '--smarthost', `127.0.0.1:${port}`, '--retry', '1s'];
  const server = await stage.serve(words);
  await sendWithSmtplib(stage, server.port, 'alice@sender.test', ['bob@peer.test'], CONTENT);
  await server.find(/^\S+ deferred /m);
  return { queue, server, args: { words, port } };
}

// What the operator says

for (const args of [
  ['serve', '--frobnicate'],
  ['serve', 'operand'],
  ['serve', '--listen', 'ftp://127.0.0.1:2525'],
  ['serve', '--listen', 'smtp://127.0.0.1:99999'],
  ['serve', '--listen'],
  ['serve', '--mx-port', '99999'],
  ['serve', '--mx-port', 'x'],
  ['serve', '--max-size', '-1'],
  ['serve', '--max-size', '1.5'],
  ['serve', '--max-recipients', '1e3'],
  ['serve', '--relay-from', '127.0.0.1/33'],
  ['serve', '--resolver', 'dns.example.org'],
  ['serve', '--route', 'nonsense'],
  ['serve', '--smarthost', ''],
  ['serve', '--hostname', 'not a name'],
  ['serve', '--accept', '-bad-.test'],
  ['serve', '--log', 'xml'],
  ['serve', '--retry', '0s'],
  ['serve', '--allow-private-targets=yes'],
  ['send', '--frobnicate'],
  ['send'],
  ['send', '--to', 'no address'],
  ['send', '--to', 'bob@peer.test', '--server', 'a b'],
  ['send', '--to', 'bob@peer.test', '--timeout', '0'],
  ['send', '--to', 'bob@peer.test', '/nowhere/at/all'],
  ['route'],
  ['route', 'no address'],
  ['route', 'a@b.test', 'c@d.test'],
  ['frobnicate'],
])
  check(`ehlo ${args.join(' ')}: one line, and status 64`, async (stage) => {
    expectOneLine(await stage.ehlo(args, { cwd: stage.folder() }), 64, /expected|did you mean|needs a value|takes no value/);
  });

for (const command of [[], ['serve'], ['send'], ['route']])
  check(`${['ehlo', ...command].join(' ')} --help is help, and status 0`, async (stage) => {
    const { status, out, err } = await stage.ehlo([...command, '--help']);
    expectEqual(status, 0, 'exit status');
    expectEqual(err, '', 'standard error');
    expectMatch(out, /^usage: ehlo /, 'standard output');
  });

