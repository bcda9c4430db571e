// How it is operated: root that becomes a user, sockets that are handed on, workers that are killed under load, a disk that fails.

import { chmodSync, cpSync, readFileSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, EHLO, expect, expectEqual, expectMatch, freePort, ROOT, until } from './harness.mjs';
import { CONTENTS } from './mail.mjs';
import { Client, startPeer } from './peer.mjs';
import { sendWithSmtplib } from './receive.mjs';

const CONTENT = CONTENTS['one line of text'];
const FIXTURES = join(ROOT, 'fixtures/tls');
const SOAK = fileURLToPath(new URL('../bench/soak.mjs', import.meta.url));
const NOBODY = 'nobody';

/** Process numbers of a process and its children. */
function family(pid) {
  return [pid, ...readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter((word) => word !== '').map(Number)];
}

/** A port below 1024 on which nothing listens. */
async function lowPort() {
  for (;;) {
    const port = 600 + Math.floor(Math.random() * 400);
    const free = await new Promise((resolve) => createConnection({ host: '127.0.0.1', port }).on('connect', () => resolve(false)).on('error', () => resolve(true)));
    if (free) return port;
  }
}

/** The program and what it reads, in a folder that anyone may look into. */
function published(stage) {
  const folder = stage.folder('published');
  chmodSync(join(folder, '..'), 0o755);
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  return { folder, program: join(folder, 'dist/cli/ehlo.js') };
}

if (process.getuid?.() === 0)
  for (const workers of [1, 2])
    check(`root with --user binds a port below 1024 and reads the key, and then is ${NOBODY} for good, with --workers ${workers}`, async (stage) => {
      const { folder, program } = published(stage);
      const [cert, key, queue] = ['cert.pem', 'key.pem', 'queue'].map((name) => join(folder, name));
      cpSync(join(FIXTURES, 'mx.pem'), cert);
      cpSync(join(FIXTURES, 'mx-key.pem'), key);
      chmodSync(key, 0o600);
      const peer = await startPeer(stage);
      const port = await lowPort();
      const serve = stage.start(process.execPath, [program, 'serve', '--user', NOBODY, '--workers', String(workers), '--listen', `smtp://127.0.0.1:${port}`, '--hostname', 'relay.test', '--queue', queue, '--tls-cert', cert, '--tls-key', key, '--smarthost', `127.0.0.1:${peer.port}`]);
      await serve.find(new RegExp(`^ehlo: listening on smtp://127\\.0\\.0\\.1:${port}$`, 'm'));
      const { uid, gid } = statSync(queue);
      expect(uid !== 0 && gid !== 0, `the queue belongs to ${uid}:${gid}`);
      const all = family(serve.pid);
      expectEqual(all.length, workers === 1 ? 1 : 1 + workers, 'processes');
      for (const pid of all) {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        expectMatch(status, new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, 'm'), 'users');
        expectMatch(status, new RegExp(`^Gid:\\t${gid}\\t${gid}\\t${gid}\\t${gid}$`, 'm'), 'groups');
        expect(!/^Groups:\t(?:.* )?0(?: |$)/m.test(status), `it is in a group of root's: ${/^Groups:.*$/m.exec(status)?.[0]}`);
        expectMatch(status, /^CapEff:\t0+$/m, 'capabilities');
      }
      await sendWithSmtplib(stage, port, 'alice@sender.test', ['bob@peer.test'], CONTENT);
      await until('the mail is relayed', () => peer.mails.length === 1);
      serve.signal('SIGHUP'); // the key is root's alone
      const [line] = await serve.find(/^\S+ error .*$/m);
      expectMatch(line, /^\S+ error text="not reloaded, the old ones stay: .*--tls-key .*key\.pem\\": expected a PEM file \(permission denied\)"$/, 'the line of the log');
      const client = await Client.greet(stage, port);
      await client.expect(220, 'STARTTLS');
      if (workers > 1) { // a successor needs nothing that only root could give it
        process.kill(all[1], 'SIGKILL');
        await until('the worker is replaced', () => [...serve.out.matchAll(/ ready worker=/g)].length === 3);
        for (let mail = 0; mail < 2; mail += 1) await sendWithSmtplib(stage, port, 'alice@sender.test', ['bob@peer.test'], CONTENT);
      }
      expectEqual(await serve.stop(), 0, 'exit status');
    });

check('--user with somebody who is not there, or by somebody who is not root: one line', async (stage) => {
  const { status, err } = await stage.ehlo(['serve', '--user', 'nobody-of-this-name', '--listen', 'smtp://127.0.0.1:0', '--queue', join(stage.folder(), 'queue')]);
  expectEqual(status, 67, 'exit status');
  expectMatch(err, /^ehlo: (?:there is no user "nobody-of-this-name"|only root can become the user nobody-of-this-name; this is \w+)\n$/, 'what it says');
});

/** Binds sockets, names them, and becomes the program, as systemd does. */
const LAUNCHER = `
import os, socket, sys
names, ports, command = sys.argv[1], sys.argv[2].split(','), sys.argv[3:]
sockets = []
for port in ports:
    each = socket.create_server(('127.0.0.1', int(port)))
    sockets.append(os.dup(each.fileno()))
for index, descriptor in enumerate([os.dup2(each, 50 + at) for at, each in enumerate(sockets)]):
    os.dup2(descriptor, 3 + index)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(ports)), LISTEN_FDNAMES=names)
os.closerange(3 + len(ports), 100)
os.execvp(command[0], command)
`;

for (const workers of [1, 2])
  check(`sockets that are handed on are listened on, each with the scheme that it is named after, with --workers ${workers}`, async (stage) => {
    const peer = await startPeer(stage);
    const ports = [await freePort(), await freePort()];
    const serve = stage.start('python3', ['-c', LAUNCHER, 'ehlo.socket:lmtp', ports.join(), process.execPath, EHLO, 'serve', '--workers', String(workers), '--hostname', 'relay.test', '--queue', join(stage.folder(), 'queue'), '--smarthost', `127.0.0.1:${peer.port}`]);
    await serve.find(/^ehlo: listening on smtp:fd\/3\nehlo: listening on lmtp:fd\/4$/m);
    await sendWithSmtplib(stage, ports[0], 'alice@sender.test', ['bob@peer.test'], CONTENT);
    await until('the mail is relayed', () => peer.mails.length === 1);
    const client = await Client.connect(stage, ports[1]);
    await client.expect(220);
    await client.expect(250, 'LHLO client.test');
    expectEqual(await serve.stop(), 0, 'exit status');
  });

check('workers killed at random under load lose nothing, and nothing is sent twice that was not under way', async (stage) => {
  const { status, out } = await stage.run(process.execPath, [SOAK, '--seconds', '15', '--rate', '30', '--kill-every', '4'], { seconds: 100 });
  expectEqual(status, 0, `exit status of the soak: ${out.slice(-1500)}`);
  expectMatch(out, /workers killed [1-9]/, 'the summary');
}, { seconds: 110 });

check('a disk that fails in one worker ends all of them, with status 74 and one line', async (stage) => {
  const folder = stage.folder();
  const queue = join(folder, 'queue');
  const words = [process.execPath, EHLO, 'serve', '--workers', '2', '--listen', 'smtp://127.0.0.1:0', '--hostname', 'relay.test', '--queue', queue, '--smarthost', '127.0.0.1:9'];
  const strace = stage.start('strace', ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO:when=3+', ...words], { env: { ...process.env, UV_THREADPOOL_SIZE: '1' } });
  const [, port] = await strace.find(/^ehlo: listening on smtp:\/\/127\.0\.0\.1:(\d+)$/m, 30);
  const acknowledged = [];
  for (let mail = 0; mail < 20 && strace.ended === undefined; mail += 1) {
    const client = await Client.greet(stage, Number(port)).catch(() => undefined);
    if (client === undefined) break;
    for (const line of ['MAIL FROM:<alice@sender.test>', 'RCPT TO:<bob@peer.test>', 'DATA']) await client.say(line).catch(() => undefined);
    const reply = await client.say(`Subject: ${mail}\r\n\r\nx\r\n.`).catch(() => undefined);
    if (reply?.code === 250) acknowledged.push(/queued as (\w+)/.exec(reply.text)?.[1] ?? '');
  }
  await strace.exited;
  expectEqual(strace.ended.status, 74, 'exit status');
  expectMatch(strace.err, /^ehlo: the queue .* has failed, nothing more was acknowledged; start again to recover: .*i\/o error \(\S+\.log\)$/m, 'what it says');
  const { out } = await stage.ehlo(['queue', 'list', '--json', '--queue', queue]);
  const kept = out.trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line).id);
  for (const id of acknowledged) expect(kept.includes(id), `the acknowledged mail ${id} is not in the queue`);
}, { seconds: 90 });
