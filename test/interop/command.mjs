// `ehlo send` and `ehlo route`: what they send, what they print, and their exit statuses.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, EHLO, expect, expectEqual, expectMatch, freePort, sleep, until } from './harness.mjs';
import { CONTENTS, expectInFront, maildirMails, sinkMails, tenMegabytes } from './mail.mjs';
import { startPeer } from './peer.mjs';
import { startDns, startSink } from './relay.mjs';

const CONTENT = CONTENTS['lines of one, two and three dots'];

const ZONES = {
  'peer.test': { MX: [[20, 'mx2.peer.test'], [10, 'mx1.peer.test']] },
  'mx1.peer.test': { A: ['127.0.0.99'] }, // dead
  'mx2.peer.test': { A: ['127.0.0.13'] },
  'null.test': { MX: [[0, '.']] },
  'broken.test': 'SERVFAIL',
};

function file(stage, content) {
  const path = join(stage.folder('content'), 'mail');
  writeFileSync(path, content);
  return path;
}

const sendTo = (port, ...more) => ['send', '--server', `127.0.0.1:${port}`, '--hostname', 'client.test', '--from', 'alice@sender.test', ...more];

for (const [name, content] of [...Object.entries(CONTENTS), ['10 MB', tenMegabytes()]])
  check(`ehlo send to smtp-sink: ${name}, octet for octet`, async (stage) => {
    const port = await freePort();
    const sink = await startSink(stage, port, '127.0.0.1');
    const { status, out } = await stage.ehlo(sendTo(port, '--to', 'bob@sink.test', file(stage, content)));
    expectEqual(status, 0, 'exit status');
    expectMatch(out, /^delivered <bob@sink\.test> 250 [^\n]*\n$/, 'standard output');
    await until('the mail is at smtp-sink', () => expectInFront(sinkMails(sink)[0].octets, content, []) ?? true);
  });

check('ehlo send to ehlo serve, from standard input', async (stage) => {
  const maildir = stage.folder('maildir');
  const server = await stage.serve(['--maildir', maildir, '--accept', '*']);
  for (const words of [['-'], []]) {
    const { status } = await stage.ehlo(sendTo(server.port, '--to', 'bob@local.test', ...words), { input: CONTENT });
    expectEqual(status, 0, 'exit status');
  }
  const mails = maildirMails(maildir);
  expectEqual(mails.length, 2, 'mails in the Maildir');
  for (const mail of mails) expectInFront(mail, CONTENT, ['Return-Path', 'Received']);
});

check('ehlo send makes CRLF of LF, and a file without a last line end arrives with one', async (stage) => {
  const peer = await startPeer(stage);
  for (const content of ['Subject: x\n\n.\ntext\n', 'Subject: x\r\n\n.\r\ntext\r\n', 'Subject: x\n\n.\ntext']) {
    const { status } = await stage.ehlo(sendTo(peer.port, '--to', 'bob@peer.test', file(stage, content)));
    expectEqual(status, 0, 'exit status');
    expectEqual(peer.mails.at(-1).content.toString(), 'Subject: x\r\n\r\n.\r\ntext\r\n', 'what arrived');
  }
});

check('ehlo send refuses a bare CR, and sends nothing', async (stage) => {
  const peer = await startPeer(stage);
  for (const content of ['Subject: x\n\na\rb\n', 'Subject: x\n\ntext\r', 'Subject: x\n\ntext\r\r\n']) {
    const { status, err } = await stage.ehlo(sendTo(peer.port, '--to', 'bob@peer.test', file(stage, content)));
    expect(status !== 0, 'exit status 0');
    expectMatch(err, /^ehlo[^\n]*CR[^\n]*\n$/, 'standard error, which should be one line');
  }
  expectEqual(peer.mails.length, 0, 'mails');
});

for (const [name, replies, expected, states] of [
  ['one recipient refused', { bob: '550 5.1.1 no such user' }, 69, ['failed', 'delivered']],
  ['one recipient deferred', { bob: '450 4.2.1 not now' }, 75, ['deferred', 'delivered']],
  ['one refused and one deferred', { bob: '550 5.1.1 no such user', carol: '450 4.2.1 not now' }, 69, ['failed', 'deferred']],
])
  check(`ehlo send with ${name}: exit status ${expected}, a line for each`, async (stage) => {
    const peer = await startPeer(stage, { answer: (command) => (/^RCPT/i.test(command) ? replies[/<(\w+)@/.exec(command)?.[1]] : undefined) });
    const { status, out } = await stage.ehlo(sendTo(peer.port, '--to', 'bob@peer.test', '--to', 'carol@peer.test', file(stage, CONTENT)));
    expectEqual(status, expected, 'exit status');
    const lines = out.trimEnd().split('\n');
    expectEqual(lines.length, 2, 'lines');
    for (const [at, state] of states.entries()) {
      const name = ['bob', 'carol'][at];
      expect(lines[at].startsWith(`${state} <${name}@peer.test> ${replies[name] ?? '250'}`), `line ${at + 1}: ${lines[at]}`);
    }
    expectEqual(peer.mails.length, states.includes('delivered') ? 1 : 0, 'mails');
  });

check('ehlo send to a server that is not there: exit status 75', async (stage) => {
  const { status, out } = await stage.ehlo(sendTo(await freePort(), '--to', 'bob@peer.test', file(stage, CONTENT)));
  expectEqual(status, 75, 'exit status');
  expectMatch(out, /^deferred <bob@peer\.test> 4/, 'standard output');
});

check('ehlo send to a server that is silent: exit status 75 after --timeout', async (stage) => {
  const peer = await startPeer(stage, { answer: () => 'silence' });
  const start = Date.now();
  const { status } = await stage.ehlo(sendTo(peer.port, '--timeout', '1', '--to', 'bob@peer.test', file(stage, CONTENT)));
  expectEqual(status, 75, 'exit status');
  expect(Date.now() - start < 5000, `it took ${Date.now() - start} ms`);
});

check('ehlo send to a server that stops reading mail data: exit status 75 after --timeout', async (stage) => {
  const peer = await startPeer(stage, { answer: (command) => (command === 'DATA' ? 'stop reading' : undefined) });
  const start = Date.now();
  const { status, out } = await stage.ehlo(sendTo(peer.port, '--timeout', '2', '--to', 'bob@peer.test', file(stage, tenMegabytes())));
  expectEqual(status, 75, 'exit status');
  expectMatch(out, /^deferred <bob@peer\.test> 451 4\.4\.2 /, 'standard output');
  expect(Date.now() - start < 10_000, `it took ${Date.now() - start} ms`);
});

check('ehlo send when the server goes away at the end of mail data: unknown, exit status 75, no second attempt', async (stage) => {
  const peer = await startPeer(stage, { answer: (command) => (command === '.' ? 'drop' : undefined) });
  const { status, out } = await stage.ehlo(sendTo(peer.port, '--to', 'bob@peer.test', file(stage, CONTENT)));
  expectEqual(status, 75, 'exit status');
  expectMatch(out, /^unknown <bob@peer\.test> /, 'standard output');
  expectEqual(peer.connections, 1, 'connections');
});

check('ehlo send by MX goes past a dead better exchanger', async (stage) => {
  const { mxPort, args } = await startDns(stage, ZONES);
  const peer = await startPeer(stage, { host: '127.0.0.13', port: mxPort });
  const { status, out } = await stage.ehlo(['send', ...args, '--from', 'alice@sender.test', '--to', 'bob@peer.test', file(stage, CONTENT)]);
  expectEqual(status, 0, 'exit status');
  expectMatch(out, /^delivered <bob@peer\.test> 250 .*mx2\.peer\.test/, 'standard output');
  expectInFront(peer.mails[0].content, CONTENT, []);
});

for (const [domain, expected] of [['absent.test', 69], ['null.test', 69], ['broken.test', 75]])
  check(`ehlo send to ${domain}: exit status ${expected}`, async (stage) => {
    const { args } = await startDns(stage, ZONES);
    const { status } = await stage.ehlo(['send', ...args, '--to', `bob@${domain}`, file(stage, CONTENT)]);
    expectEqual(status, expected, 'exit status');
  });

/** Runs `ehlo` with a terminal for its standard error, whose every octet is on standard output behind; what it prints stays apart. */
function onTerminal(stage, args, env = {}) {
  const script = 'import os, pty, sys\nstatus = pty.spawn(["sh", "-c", "exec \\"$@\\" >out", "sh", *sys.argv[1:]], lambda fd: os.read(fd, 65536), lambda fd: b"")\nsys.exit(os.waitstatus_to_exitcode(status))';
  return stage.run('python3', ['-c', script, process.execPath, EHLO, ...args], { env: { ...process.env, NO_COLOR: '', TERM: 'xterm', ...env } });
}

check('ehlo send --trace is in colours on a terminal, unless NO_COLOR is set, and never elsewhere', async (stage) => {
  const peer = await startPeer(stage);
  const args = sendTo(peer.port, '--to', 'bob@peer.test', '--trace', file(stage, CONTENT));
  const { status, out } = await onTerminal(stage, args);
  expectEqual(status, 0, 'exit status');
  expectMatch(out, /\x1b\[36mC: EHLO client\.test\x1b\[0m\r\n/, 'the terminal');
  expectMatch(out, /\x1b\[32mS: 250 /, 'the terminal');
  const plain = await onTerminal(stage, args, { NO_COLOR: '1' });
  expectMatch(plain.out, /^C: EHLO client\.test\r$/m, 'the terminal');
  expect(!plain.out.includes('\x1b'), 'there are colours in spite of NO_COLOR');
  const { err } = await stage.ehlo(args, { env: { ...process.env, NO_COLOR: '', TERM: 'xterm' } });
  expect(err.includes('C: EHLO client.test\n') && !err.includes('\x1b'), 'what is no terminal has the dialogue as it is');
});

check('ehlo send tells a terminal how far a large mail has come, and takes it back', async (stage) => {
  const peer = await startPeer(stage);
  const { status, out } = await onTerminal(stage, sendTo(peer.port, '--to', 'bob@peer.test', file(stage, tenMegabytes())));
  expectEqual(status, 0, 'exit status');
  expectMatch(out, /^\r\x1b\[K0 %, 0\.0 of [\d.]+ MB to 127\.0\.0\.1/, 'the terminal');
  expectMatch(out, /\r\x1b\[K100 %, [^\r\n]*\r\x1b\[K$/, 'the terminal');
  expect(!out.includes('\n'), 'the line was left behind');
});

check('ehlo route shows each answer and the plan in order, and sends nothing', async (stage) => {
  const { mxPort, args } = await startDns(stage, ZONES);
  const peer = await startPeer(stage, { host: '127.0.0.13', port: mxPort });
  const { status, out, err } = await stage.ehlo(['route', ...args, 'bob@peer.test']);
  expectEqual(status, 0, 'exit status');
  expectEqual(err, '', 'standard error');
  expectMatch(out, /RFC 5321 §5\.1/, 'standard output');
  expectMatch(out, /^plan +1 of 2 +mx1\.peer\.test \[127\.0\.0\.99\]:\d+.*\nplan +2 of 2 +mx2\.peer\.test \[127\.0\.0\.13\]:\d+/m, 'standard output');
  await sleep(200);
  expectEqual(peer.connections, 0, 'connections');
});

for (const [domain, expected, pattern] of [['absent.test', 69, /5\.1\.2/], ['null.test', 69, /5\.1\.10/], ['broken.test', 75, /4\.4\.3/]])
  check(`ehlo route to ${domain}: the verdict, and exit status ${expected}`, async (stage) => {
    const { args } = await startDns(stage, ZONES);
    const { status, out } = await stage.ehlo(['route', ...args, `bob@${domain}`]);
    expectEqual(status, expected, 'exit status');
    expectMatch(out, pattern, 'standard output');
  });

check('ehlo route leaves out private addresses unless they are allowed', async (stage) => {
  const { args } = await startDns(stage, ZONES);
  const { status, out } = await stage.ehlo(['route', ...args.filter((word) => word !== '--allow-private-targets'), 'bob@peer.test']);
  expectEqual(status, 69, 'exit status');
  expectMatch(out, /loopback/, 'standard output');
});

check('what cannot be written to standard output is said, with status 74; but that its reader has gone is nobody’s fault', async (stage) => {
  for (const [where, status, said] of [['>/dev/full', 74, 'ehlo: cannot write to standard output: no space left on device\n'], ['| true', 0, '']]) {
    const program = stage.start('bash', ['-c', `set -o pipefail; "$@" ${where}`, 'bash', process.execPath, EHLO, 'draw', 'server']);
    expectEqual(`${(await program.exited).status} ${program.err}`, `${status} ${said}`, where);
  }
});
