// `ehlo queue` on relays that run, have ended, were killed, or start at that moment; disks that are full or can only be read; and
// what senders are told who ask (RFC 3461).

import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { check, EHLO, expect, expectEqual, expectMatch, freePort, until } from './harness.mjs';
import { CONTENTS, maildirMails } from './mail.mjs';
import { Client, startPeer } from './peer.mjs';

const CONTENT = CONTENTS['one line of text'];

/** A relay whose next hop is not there, with some mails; the port is where the next hop could be. */
async function startWaiting(stage, mails = 2, args = []) {
  const [queue, port] = [join(stage.folder('queue'), 'queue'), await freePort()];
  const relay = await stage.serve(['--queue', queue, '--smarthost', `127.0.0.1:${port}`, ...args]);
  const client = await Client.greet(stage, relay.port);
  for (let number = 0; number < mails; number += 1) expectEqual((await client.mail('alice@sender.test', [`bob${number}@peer.test`], CONTENT)).code, 250, 'the reply to a mail');
  await until('each has been tried', () => (relay.out.match(/ deferred /g) ?? []).length >= Math.min(mails, 3));
  return { queue, port, relay };
}

const command = (stage, queue, ...args) => stage.ehlo(['queue', ...args, '--queue', queue]);

async function idsOf(stage, queue) {
  const { status, out } = await command(stage, queue, 'list', '--json');
  expectEqual(status, 0, 'exit status of ehlo queue list');
  return out.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line).id);
}

for (const state of ['that runs', 'that has ended', 'that was killed'])
  check(`the queue of a relay ${state} can be looked at, and each mail held, released, returned and removed`, async (stage) => {
    const { queue, relay } = await startWaiting(stage, 3);
    if (state === 'that has ended') expectEqual(await relay.stop(), 0, 'exit status of ehlo serve');
    if (state === 'that was killed') await relay.kill();
    const list = await command(stage, queue, 'list');
    expectMatch(list.out, /^ID +SIZE +SINCE +NEXT +FROM\n(?:\w+ +\d+ B +\S+ +(?:in \S+|due)[^<]*<alice@sender\.test>\n {4}<bob\d@peer\.test> +(?:127\.0\.0\.1: )?(?:451 4\.4\.1 [^\n]*|not tried yet)\n){3}3 mails for 3 recipients, \d+ B\n$/, 'the list');
    const [first, second, third] = await idsOf(stage, queue);
    expectMatch((await command(stage, queue, 'show', first)).out, /^id +\w+\n[^]*\nto +<bob0@peer\.test>\n[^]*\n\nReceived: [^]*\nSubject: content\n$/, 'what is shown');
    expectEqual((await command(stage, queue, 'hold', first)).out, `${first} is held\n`, 'what hold says');
    expectMatch((await command(stage, queue, 'list')).out, /^\w+ +\d+ B +\S+ +held +<alice@sender\.test>$/m, 'the list');
    for (const [order, id] of [['release', first], ['retry', second], ['bounce', second], ['remove', third]]) expectEqual((await command(stage, queue, order, id)).status, 0, `exit status of ${order}`);
    const unknown = await command(stage, queue, 'hold', third);
    expectEqual(`${unknown.status} ${unknown.err}`, `66 ehlo queue: ${queue}: there is no mail "${third}"\n`, 'what is said of a mail that is not there');
    if (state !== 'that runs') {
      expectEqual((await idsOf(stage, queue)).join(), [first, second].join(), 'mails');
      await stage.serve(['--queue', queue, '--smarthost', `127.0.0.1:${await freePort()}`]);
    }
    await until('the second mail has been returned', async () => (await idsOf(stage, queue)).join() === [first, `${second}-0`].join());
  });

check('a mail that is retried goes out at once, though its destination was dead', async (stage) => {
  const { queue, port } = await startWaiting(stage, 4);
  const peer = await startPeer(stage, { port });
  const ids = await idsOf(stage, queue);
  expectEqual((await command(stage, queue, 'retry', ids[3])).out, `${ids[3]} is tried now\n`, 'what retry says');
  await until('the mail is delivered', () => peer.mails.some(({ recipients }) => recipients.join() === 'bob3@peer.test'), 10);
});

check('a mail that is held is not sent by a restart, and is when it is released', async (stage) => {
  const { queue, port, relay } = await startWaiting(stage, 1);
  const [id] = await idsOf(stage, queue);
  await command(stage, queue, 'hold', id);
  await relay.stop();
  const peer = await startPeer(stage, { port });
  const again = await stage.serve(['--queue', queue, '--smarthost', `127.0.0.1:${port}`]);
  const client = await Client.greet(stage, again.port);
  await client.mail('alice@sender.test', ['carol@peer.test'], CONTENT);
  await until('the other mail is delivered', () => peer.mails.length === 1);
  expectEqual(peer.mails[0].recipients.join(), 'carol@peer.test', 'the recipient');
  await command(stage, queue, 'release', id);
  await until('the mail is delivered', () => peer.mails.length === 2, 10);
  await until('the queue is empty', async () => (await command(stage, queue, 'list')).out === 'the queue is empty\n');
});

check('the control socket is for its owner, and outlives neither the relay nor garbage', async (stage) => {
  const { queue, relay } = await startWaiting(stage, 1);
  const path = join(queue, 'control');
  expectEqual((statSync(path).mode & 0o777).toString(8), '600', 'the mode of the socket');
  for (const octets of ['GET / HTTP/1.1\r\n\r\n', '\0'.repeat(100), '{"command":"list"', `${'x'.repeat(1 << 20)}\n`, '[]\n'])
    await new Promise((resolve) => {
      const socket = connect(path).on('close', resolve).on('error', () => {}).on('data', () => {});
      socket.end(octets);
    });
  expectEqual((await idsOf(stage, queue)).length, 1, 'mails');
  await relay.kill();
  expect(existsSync(path), 'a relay that was killed leaves no socket: this check checks nothing');
  expectEqual((await idsOf(stage, queue)).length, 1, 'mails');
  const again = await stage.serve(['--queue', queue, '--smarthost', '127.0.0.1:1']);
  expectEqual((await idsOf(stage, queue)).length, 1, 'mails');
  expectEqual(await again.stop(), 0, 'exit status of ehlo serve');
  expect(!existsSync(path), 'the socket is still there');
});

check('a relay that is stopped is one line, after half a minute', async (stage) => {
  const { queue, relay } = await startWaiting(stage, 1);
  relay.signal('SIGSTOP');
  try {
    const { status, out, err } = await command(stage, queue, 'list');
    expectEqual(`${status} ${out} ${err}`, `75  ehlo queue: ${queue}: the relay that has the queue does not answer; try again\n`, 'exit status, and what is said');
  } finally {
    relay.signal('SIGCONT');
  }
  expectEqual((await idsOf(stage, queue)).length, 1, 'mails');
});

check('a list that nobody reads to its end ends without a word', async (stage) => {
  const { queue } = await startWaiting(stage, 50);
  const { status, out, err } = await stage.run('sh', ['-c', `"$1" "$2" queue list --queue "$3" | head -n 1`, 'sh', process.execPath, EHLO, queue]);
  expectEqual(`${status} ${err}`, '0 ', 'exit status, and what is said');
  expectMatch(out, /^ID .*\n$/, 'the first line');
});

check('a folder that is no queue is one line, and stays as it is', async (stage) => {
  const folder = stage.folder('other');
  mkdirSync(join(folder, 'tmp'));
  writeFileSync(join(folder, 'tmp', 'precious'), '');
  const listed = await command(stage, folder, 'list');
  expectEqual(`${listed.status} ${listed.out}${listed.err}`, `66 ehlo queue: ${folder}: there is no queue\n`, 'what ehlo queue says');
  const served = await stage.ehlo(['serve', '--listen', 'smtp://127.0.0.1:0', '--queue', folder]);
  expectEqual(`${served.status} ${served.out}${served.err}`, `73 ehlo: cannot open the queue ${folder}: it holds tmp/precious, and no FORMAT, as a queue has: a queue wants a folder of its own\n`, 'what ehlo serve says');
  expectEqual(readdirSync(folder).concat(readdirSync(join(folder, 'tmp'))).join(), 'tmp,precious', 'what is there');
});

/** Starts `ehlo serve` with a fault in its system calls; strace counts them by thread, so there is one for files. -D: what is started is the program, and strace beside it. */
async function serveWith(stage, queue, fault) {
  const words = ['serve', '--listen', 'smtp://127.0.0.1:0', '--queue', queue, '--hostname', 'relay.test', '--smarthost', '127.0.0.1:1'];
  const relay = stage.start('strace', ['-D', '-f', '-qq', '-o', '/dev/null', ...fault, process.execPath, EHLO, ...words], { env: { ...process.env, UV_THREADPOOL_SIZE: '1' } });
  relay.ours = true;
  return relay;
}

check('a disk that is full, or a quota that is used up, for a moment refuses what comes then with 452 4.3.1, and loses nothing', async (stage) => {
  let refused = 0;
  for (let count = 3; count <= 9; count += 2) {
    const error = count % 4 === 3 ? 'ENOSPC' : 'EDQUOT';
    const queue = join(stage.folder('queue'), 'queue');
    const relay = await serveWith(stage, queue, ['-e', 'trace=pwritev,pwrite64', '-e', `inject=pwritev,pwrite64:error=${error}:when=${count}`]);
    const [, port] = (await relay.find(/^ehlo: listening on smtp:\/\/\S*:(\d+)$|^ehlo: cannot.*(?:no space left|quota).*$/m, 15)) ?? [];
    if (port === undefined) continue; // there was no room to begin
    const client = await Client.greet(stage, Number(port));
    let taken = 0;
    for (let number = 0; number < 12; number += 1) {
      const { code, text } = await client.mail('alice@sender.test', ['bob@peer.test'], CONTENT);
      if (code === 250) taken += 1;
      else expectMatch(text, /^452 4\.3\.1 /, 'the reply to a mail for which there is no room');
    }
    refused += 12 - taken;
    expectEqual((await idsOf(stage, queue)).length, taken, 'mails in the queue');
    await relay.kill();
    expectEqual((await idsOf(stage, queue)).length, taken, 'mails in the queue after its relay was killed');
  }
  expect(refused > 0, 'no mail was refused: this check checks nothing');
});

check('clients that leave no file to be opened are refused with 451 4.3.2, and all goes on', async (stage) => {
  const queue = join(stage.folder('queue'), 'queue');
  const words = ['serve', '--listen', 'smtp://127.0.0.1:0', '--queue', queue, '--hostname', 'relay.test', '--smarthost', '127.0.0.1:1', '--max-connections-per-client', '200'];
  const relay = stage.start('bash', ['-c', 'ulimit -n 90; exec "$@"', 'bash', process.execPath, EHLO, ...words]);
  relay.ours = true;
  const [, port] = (await relay.find(/^ehlo: listening on smtp:\/\/\S*:(\d+)$/m, 15)) ?? [];
  const large = 'x'.repeat(70).concat('\r\n').repeat(5_000); // each has a file of its own
  const clients = await Promise.all(Array.from({ length: 120 }, () => Client.greet(stage, Number(port)))); // first all of them: else the first mails may be in before the files run out
  const replies = await Promise.all(clients.map((client) => (client.closed ? { code: 0, text: '' } : client.mail('alice@sender.test', ['bob@peer.test'], large)))); // 0: there was none left for this connection
  const said = (wanted) => replies.filter(({ code }) => code === wanted);
  expect(said(451).length > 0, 'no mail was refused: this check checks nothing');
  expectEqual(said(0).length + said(250).length + said(451).length, replies.length, 'replies that are none, 250 or 451');
  for (const { text } of said(451)) expectMatch(text, /^451 4\.3\.2 too many files are open here/, 'the reply to a mail for which no file can be opened');
  for (const client of clients) client.reset();
  await until('there is room again', async () => (await (await Client.greet(stage, Number(port))).mail('alice@sender.test', ['bob@peer.test'], large)).code === 250);
  expectEqual((await idsOf(stage, queue)).length, said(250).length + 1, 'mails in the queue');
  expectEqual(await relay.stop(), 0, 'exit status of ehlo serve');
});

check('a queue that can only be read is one line', async (stage) => {
  const { queue, relay } = await startWaiting(stage, 1);
  await relay.stop();
  const segment = join(queue, 'journal', readdirSync(join(queue, 'journal'))[0]);
  const program = await serveWith(stage, queue, ['-P', segment, '-e', 'trace=openat', '-e', 'inject=openat:error=EROFS:when=3+']);
  expectEqual(await program.exited.then(({ status }) => status), 73, 'exit status');
  expectEqual(program.out + program.err, `ehlo: cannot open the queue ${queue}: read-only file system (${segment})\n`, 'what is said');
  expectEqual((await idsOf(stage, queue)).length, 1, 'mails');
});

check('a folder where the system makes none is one line', async (stage) => {
  for (const [option, what] of [['--queue', 'open the queue'], ['--maildir', 'open the Maildir'], ['--trace', 'write traces to']]) {
    const folder = '/proc/nowhere';
    const queue = option === '--queue' ? [] : ['--queue', join(stage.folder(`beside${option}`), 'queue')];
    const program = stage.start(process.execPath, [EHLO, 'serve', '--listen', 'smtp://127.0.0.1:0', '--hostname', 'relay.test', '--accept', '*', ...queue, option, folder]);
    program.ours = true;
    expectEqual(await program.exited.then(({ status }) => status), 73, 'exit status');
    expectEqual(program.out + program.err, `ehlo: cannot ${what} ${folder}: no such file or directory (${folder})\n`, 'what is said');
  }
});

check('a sender who asks is told of delivery, of passing on, of delay, and of nothing else', async (stage) => {
  const maildir = stage.folder('maildir');
  const peer = await startPeer(stage, { answer: (line) => (/^RCPT.*<slow@/i.test(line) ? '450 4.2.1 later' : undefined) });
  const relay = await stage.serve(['--maildir', maildir, '--accept', 'sender.test', '--route', `peer.test=127.0.0.1:${peer.port}`, '--delay-warning', '1s']);
  const client = await Client.greet(stage, relay.port);
  await client.expect(250, 'MAIL FROM:<alice@sender.test> RET=HDRS ENVID=abc+2Bdef');
  for (const recipient of ['bob@peer.test> NOTIFY=SUCCESS ORCPT=rfc822;Robert@peer.test', 'silent@peer.test> NOTIFY=FAILURE', 'slow@peer.test> NOTIFY=DELAY', 'slow@peer.test> NOTIFY=NEVER', 'carol@sender.test> NOTIFY=SUCCESS,FAILURE'])
    await client.expect(250, `RCPT TO:<${recipient}`);
  await client.expect(354, 'DATA');
  await client.expect(250, `${CONTENT.toString('latin1')}.`);
  const reports = await until('three reports', () => {
    const found = maildirMails(maildir).map(String).filter((text) => text.includes('report-type=delivery-status'));
    return found.length === 3 && found;
  });
  const facts = reports.map((report) => ['Original-Envelope-Id', 'Original-Recipient', 'Final-Recipient', 'Action'].map((name) => new RegExp(`^${name}: (.*)\r$`, 'm').exec(report)?.[1]).join()).sort();
  expectEqual(facts.join(' | '), 'abc+def,,rfc822; carol@sender.test,delivered | abc+def,,rfc822; slow@peer.test,delayed | abc+def,rfc822; Robert@peer.test,rfc822; bob@peer.test,relayed', 'the reports');
});
