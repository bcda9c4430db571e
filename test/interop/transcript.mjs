// Transcripts of what real programs say to each other: ehlo serve --trace, ehlo record, ehlo replay.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { check, expect, expectEqual, expectMatch, freePort, until, PEERS } from './harness.mjs';
import { startPeer } from './peer.mjs';
import { sendWithSmtplib } from './receive.mjs';

const CONTENT = Buffer.from('Subject: x\r\n\r\n.dots\r\n..and more\r\nschön\r\n');

/** The transcripts in a folder, as soon as there are so many and each is at its end. */
const transcripts = (folder, count) =>
  until(`${count} transcripts in ${folder}`, () => {
    const files = readdirSync(folder).sort().map((name) => join(folder, name));
    return files.length === count && files.every((file) => readFileSync(file, 'utf8').endsWith('* close\n')) && files;
  });

check('ehlo serve --trace writes each session, with clients and with servers, and ehlo replay finds them as they were', async (stage) => {
  const peer = await startPeer(stage);
  const folder = stage.folder('trace');
  const relay = await stage.serve(['--trace', folder, '--smarthost', `127.0.0.1:${peer.port}`]);
  await sendWithSmtplib(stage, relay.port, 'alice@sender.test', ['bob@peer.test', 'carol@peer.test'], CONTENT);
  const files = await transcripts(folder, 2);
  const { status, out } = await stage.ehlo(['replay', ...files]);
  expectEqual(status, 0, `exit status (${out})`);
  expectEqual(out.match(/as it was/g)?.length, 2, 'transcripts that are as they were');
});

check('ehlo record passes on what a client and a server say, strikes out the password, and what it wrote plays against the server again', async (stage) => {
  const peer = await startPeer(stage, { keywords: ['AUTH PLAIN', '8BITMIME'], answer: (line) => (line.startsWith('AUTH') ? '235 2.7.0 yes' : undefined) });
  const folder = stage.folder('record');
  const port = await freePort();
  const proxy = stage.start(process.execPath, [(await import('./harness.mjs')).EHLO, 'record', '--listen', `127.0.0.1:${port}`, '--to', `127.0.0.1:${peer.port}`, '--out', folder]);
  await proxy.find(/^ehlo: recording on /m);
  const { status, err } = await stage.run(join(PEERS, 'swaks'), ['--server', `127.0.0.1:${port}`, '--from', 'alice@sender.test', '--to', 'bob@peer.test', '--auth', 'PLAIN', '--auth-user', 'alice', '--auth-password', 'open-sesame', '--data', '-'], { input: 'Subject: x\n\nhello\n.\n' });
  expectEqual(status, 0, `exit status of swaks (${err})`);
  const [file] = await transcripts(folder, 1);
  const text = readFileSync(file, 'latin1');
  expect(!text.includes('open-sesame') && !text.includes(Buffer.from('open-sesame').toString('base64').slice(0, 12)), 'the password stands in the transcript');
  expectMatch(text, /^C: AUTH PLAIN AGFsaWNlAHN0cnVjayBvdXQ=$/m, 'the transcript');
  const again = await stage.ehlo(['replay', file, '--server', `127.0.0.1:${peer.port}`]);
  expectEqual(again.status, 0, `exit status of ehlo replay (${again.out}${again.err})`);
  expectEqual(peer.mails.length, 2, 'mails that the server took');
  expectEqual(await proxy.stop(), 0, 'exit status of ehlo record after SIGTERM');
});
