// How fast commands are parsed, and a ServerSession goes in memory: no socket, an application that accepts at once.
// `node --cpu-prof test/bench/run.mjs --only session` says where the time goes.

import { parseCommand } from '../../dist/syntax/command.js';
import { ServerSession } from '../../dist/protocol/server/session.js';
import { fastest } from './measure.mjs';

const octets = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

const LINES = ['EHLO client.example.org', 'MAIL FROM:<alice@example.org>', 'MAIL FROM:<alice@example.org> SIZE=1000 BODY=8BITMIME', 'RCPT TO:<bob@example.com>', 'DATA', 'RSET', 'NOOP', 'QUIT'];
const BODY = `Subject: hello\r\n\r\n${`${'a'.repeat(76)}\r\n`.repeat(12)}.\r\n`;
const GROUP = octets('MAIL FROM:<alice@example.org> SIZE=1000\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n');
const STEPS = ['MAIL FROM:<alice@example.org> SIZE=1000\r\n', 'RCPT TO:<bob@example.com>\r\n', 'DATA\r\n', BODY].map(octets);
const [COUNT, MAILS, SESSIONS, RUNS] = [100_000, 20_000, 5_000, 5];

let sent = 0;

/** A session in which EHLO was said; whatever it asks is accepted. */
function opened() {
  const session = new ServerSession({ hostname: 'mx.example.com', maxCommands: Infinity }, 0);
  feed(session, octets('EHLO client.example.org\r\n'));
  return session;
}

function feed(session, segment) {
  session.receive(segment, 0);
  for (let action; (action = session.next()) !== undefined; ) {
    if (action.type === 'ask') session.accept();
    else if (action.type === 'send') sent += action.octets.length;
  }
}

/** Feeds pieces to one session, over and over. */
function feeding(pieces, times) {
  const session = opened();
  return () => {
    for (let count = 0; count < times; count++) for (const piece of pieces) feed(session, piece);
  };
}

//                                                  how many, in one run of what
const WORK = {
  ...Object.fromEntries(LINES.map((line) => [`parse ${line}`, [COUNT, () => {
    for (let count = 0; count < COUNT; count++) parseCommand(line);
  }]])),
  'parse, the mix of them': [COUNT, () => {
    for (let count = 0; count < COUNT; count++) parseCommand(LINES[count % LINES.length]);
  }],
  ...Object.fromEntries(['NOOP\r\n', 'RSET\r\n', 'MAIL FROM:<alice@example.org>\r\nRSET\r\n'].flatMap((lines) => {
    const commands = lines.split('\r\n').length - 1;
    const name = lines.replace(/ .*/, '').trim().replace(/\s+/, ', ');
    return [
      [`commands, one a segment: ${name}`, [commands * COUNT, feeding(lines.match(/.*\r\n/g).map(octets), COUNT)]],
      [`commands, 50 a segment: ${name}`, [commands * COUNT, feeding([octets(lines.repeat(50 / commands))], COUNT / (50 / commands))]],
    ];
  })),
  'mails of 1 kB, pipelined': [MAILS, feeding([GROUP, octets(BODY)], MAILS)],
  'mails of 1 kB, one command a segment': [MAILS, feeding(STEPS, MAILS)],
  'sessions opened, with EHLO': [SESSIONS, () => {
    for (let count = 0; count < SESSIONS; count++) opened();
  }],
};

const AIMS = { 'parse, the mix of them': '≥ 2,000,000' };
const SHOWN = ['parse, the mix of them', 'commands, 50 a segment: NOOP', 'mails of 1 kB, pipelined', 'mails of 1 kB, one command a segment'];

export async function run() {
  const speeds = Object.entries(WORK).map(([name, [count, work]]) => [name, Math.round(count / fastest(work, RUNS)).toLocaleString('en'), AIMS[name] ?? '']);
  if (sent === 0) throw new Error('nothing was ever sent');
  const table = { title: 'The parser and the session alone, for a second of CPU', command: 'npm run bench -- --only session', columns: ['', 'for a second', 'aim'] };
  return { tables: [{ ...table, detail: true, rows: speeds }, { ...table, summary: true, rows: speeds.filter(([name]) => SHOWN.includes(name)) }] };
}
