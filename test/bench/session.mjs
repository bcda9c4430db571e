// How fast a ServerSession goes in memory: no socket, an application that accepts at once. After `npm run build`:
//
//   node test/bench/session.mjs
//
// Prints lines a second through the parser alone, commands a second through a session, and mails a second of one client that
// pipelines and of one that waits for each reply. `node --cpu-prof test/bench/session.mjs` says where the time goes.

import { hrtime } from 'node:process';
import { parseCommand } from '../../dist/syntax/command.js';
import { ServerSession } from '../../dist/protocol/server/session.js';

const octets = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Returns the seconds of the fastest of some runs. */
function time(run, runs = 7) {
  let best = Infinity;
  for (let turn = 0; turn < runs; turn++) {
    const begin = hrtime.bigint();
    run();
    best = Math.min(best, Number(hrtime.bigint() - begin) / 1e9);
  }
  return best;
}

/** A session in which EHLO was said; whatever it asks is accepted. */
function opened() {
  const session = new ServerSession({ hostname: 'mx.example.com', maxCommands: Infinity }, 0);
  feed(session, octets('EHLO client.example.org\r\n'));
  return session;
}

let sent = 0;

function feed(session, segment) {
  session.receive(segment, 0);
  for (let action; (action = session.next()) !== undefined; ) {
    if (action.type === 'ask') session.accept();
    else if (action.type === 'send') sent += action.octets.length;
  }
}

const LINES = ['EHLO client.example.org', 'MAIL FROM:<alice@example.org>', 'MAIL FROM:<alice@example.org> SIZE=1000 BODY=8BITMIME', 'RCPT TO:<bob@example.com>', 'DATA', 'RSET', 'NOOP', 'QUIT'];
const BODY = `Subject: hello\r\n\r\n${`${'a'.repeat(76)}\r\n`.repeat(12)}.\r\n`;
const GROUP = octets('MAIL FROM:<alice@example.org> SIZE=1000\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n');
const STEPS = ['MAIL FROM:<alice@example.org> SIZE=1000\r\n', 'RCPT TO:<bob@example.com>\r\n', 'DATA\r\n', BODY].map(octets);

function row(name, count, seconds) {
  console.log(`${name.padEnd(44)}${Math.round(count / seconds).toLocaleString('en').padStart(14)} /s`);
}

const COUNT = 200_000;
for (const line of LINES) {
  row(`parse ${line.slice(0, 36)}`, COUNT, time(() => {
    for (let count = 0; count < COUNT; count++) parseCommand(line);
  }));
}
row('parse, the mix of them', COUNT, time(() => {
  for (let count = 0; count < COUNT; count++) parseCommand(LINES[count % LINES.length]);
}));

for (const [name, line] of [['NOOP', 'NOOP\r\n'], ['RSET', 'RSET\r\n'], ['MAIL and RSET', 'MAIL FROM:<alice@example.org>\r\nRSET\r\n']]) {
  const lines = line.split('\r\n').length - 1;
  const one = octets(line);
  const alone = opened();
  row(`commands, one a segment: ${name}`, lines * COUNT, time(() => {
    for (let count = 0; count < COUNT; count++) feed(alone, one);
  }));
  const group = octets(line.repeat(50));
  const pipelined = opened();
  row(`commands, 50 a segment: ${name}`, lines * COUNT, time(() => {
    for (let count = 0; count < COUNT / 50; count++) feed(pipelined, group);
  }));
}

const MAILS = 50_000;
const body = octets(BODY);
const pipelining = opened();
row('mails of 1 KB, pipelined', MAILS, time(() => {
  for (let count = 0; count < MAILS; count++) {
    feed(pipelining, GROUP);
    feed(pipelining, body);
  }
}));
const waiting = opened();
row('mails of 1 KB, one command a segment', MAILS, time(() => {
  for (let count = 0; count < MAILS; count++) for (const step of STEPS) feed(waiting, step);
}));
row('sessions opened, with EHLO', 10_000, time(() => {
  for (let count = 0; count < 10_000; count++) opened();
}));

if (sent === 0) throw new Error('nothing was ever sent');
