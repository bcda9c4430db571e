// What a connection that does nothing costs, and what a flood does to the others. After `npm run build`:
//
//   node test/bench/idle.mjs [connections]
//
// Memory for each idle connection, beside a floor (node:net, node:tls) in the same run: fails above four times the floor's. (1.5 is the
// aim: a session is some twenty objects, the floor has none.)
// Then, beside the idle ones, each flood in turn: 200 connections that send 50 MB each to a hook that never reads them; 200 that
// send commands as fast as they can and read no reply; 1,000 connections a second. For each, the memory that it takes, and how long
// an ordinary mail takes beside it. Fails where memory grows beyond the budget and a read of each connection, or a mail takes 2 s.

import { fork } from 'node:child_process';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { argv, exit } from 'node:process';
import { fileURLToPath } from 'node:url';

const CONNECTIONS = Number(argv[2] ?? 5_000);
const MOST_TO_FLOOR = 4;
const FLOODING = 200;
const BUDGET = 64 * 1024 ** 2; //      the default of maxBuffered
const MOST_A_CONNECTION = 256 * 1024; // a read, what Node reads ahead, replies that are not taken
const LONGEST_MAIL = 2_000; // milliseconds

const KIB = 1024;
const MIB = 1024 ** 2;
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const failures = [];

/** Starts a server in a process of its own. */
async function start(kind) {
  const child = fork(fileURLToPath(new URL('idle-server.mjs', import.meta.url)), [kind], { execArgv: ['--expose-gc'] });
  const message = () => new Promise((resolve) => child.once('message', resolve));
  const { port } = await message();
  return {
    kind,
    port,
    tls: kind.endsWith('-tls'),
    memory() {
      const told = message();
      child.send('memory');
      return told;
    },
    stop: () => child.kill(),
  };
}

/** Opens a connection, and resolves when it was greeted and its EHLO answered. */
function open({ port, tls }) {
  return new Promise((resolve, reject) => {
    const socket = tls ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }) : connect({ port, host: '127.0.0.1', noDelay: true });
    let replies = 0;
    socket.on('error', reject);
    socket.on('data', (octets) => {
      if (!/^\d{3} .*\r\n$/m.test(octets.toString('latin1'))) return;
      replies += 1;
      if (replies === 1) socket.write('EHLO client.example\r\n');
      else {
        socket.removeAllListeners('data');
        socket.removeAllListeners('error');
        socket.on('error', () => {});
        resolve(socket);
      }
    });
  });
}

async function openMany(server, count) {
  const sockets = [];
  while (sockets.length < count) sockets.push(...(await Promise.all(Array.from({ length: Math.min(100, count - sockets.length) }, () => open(server)))));
  return sockets;
}

/** Milliseconds that an ordinary mail of 1 kB takes on a connection of its own. */
async function mailTime(server) {
  const begin = performance.now();
  const socket = await open(server);
  const say = (text) => new Promise((resolve, reject) => {
    socket.once('data', (octets) => resolve(octets.toString('latin1')));
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.write(text);
  });
  await say('MAIL FROM:<alice@example.org>\r\n');
  await say('RCPT TO:<bob@example.com>\r\n');
  await say('DATA\r\n');
  const reply = await say(`${'x'.repeat(998)}\r\n.\r\n`);
  socket.destroy();
  if (!reply.startsWith('250 ')) throw new Error(`an ordinary mail was answered ${reply}`);
  return performance.now() - begin;
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

// ---- idle connections

const each = {};
let idle; // those of the server that the floods are for
let server;
for (const kind of ['floor', 'ehlo', 'floor-tls', 'ehlo-tls']) {
  const count = kind.endsWith('-tls') ? Math.ceil(CONNECTIONS / 10) : CONNECTIONS;
  const one = await start(kind);
  for (const socket of await openMany(one, 100)) socket.destroy(); // what is made once is made
  await sleep(500);
  const before = await one.memory();
  const sockets = await openMany(one, count);
  const after = await one.memory();
  each[kind] = { rss: (after.rss - before.rss) / count, heap: (after.heapUsed + after.external - before.heapUsed - before.external) / count };
  console.log(`${kind.padEnd(9)} ${String(count).padStart(5)} idle connections: ${(each[kind].heap / KIB).toFixed(1)} KiB of heap each, ${(each[kind].rss / KIB).toFixed(1)} KiB of the process`);
  if (kind === 'ehlo') {
    idle = sockets;
    server = one;
  } else {
    for (const socket of sockets) socket.destroy();
    one.stop();
  }
}
const ratio = each.ehlo.rss / each.floor.rss;
console.log(`to the floor: ${ratio.toFixed(2)} in the clear, ${(each['ehlo-tls'].rss / each['floor-tls'].rss).toFixed(2)} under TLS`);
if (ratio > MOST_TO_FLOOR) failures.push(`an idle connection takes ${ratio.toFixed(2)} times what the floor's does`);

// ---- floods beside them

const LINES = Buffer.from(`${'x'.repeat(998)}\r\n`.repeat(1_000)); // a megabyte
const NOOPS = Buffer.from('NOOP\r\n'.repeat(100_000));

/** Writes as fast as the other side takes it, `octets` in all. */
function pour(socket, piece, octets) {
  let left = octets;
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      left -= piece.length;
      if (!socket.write(piece)) return;
    }
  };
  socket.on('drain', more);
  more();
}

const FLOODS = {
  'mail data that nobody reads': async () => {
    const sockets = await openMany(server, FLOODING);
    for (const socket of sockets) {
      socket.write('MAIL FROM:<stuck@example.org>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n');
      pour(socket, LINES, 50_000_000);
    }
    return sockets;
  },
  'commands whose replies nobody reads': async () => {
    const sockets = await openMany(server, FLOODING);
    for (const socket of sockets) {
      socket.pause();
      pour(socket, NOOPS, 50_000_000);
    }
    return sockets;
  },
  'connections that come and go': async () => {
    const sockets = [];
    const timer = setInterval(() => {
      for (let count = 0; count < 10; count++) {
        const socket = connect({ port: server.port, host: '127.0.0.1' });
        socket.on('error', () => {});
        setTimeout(() => socket.destroy(), 20);
      }
    }, 10);
    sockets.push({ destroy: () => clearInterval(timer) });
    return sockets;
  },
};

console.log(`\nbeside ${CONNECTIONS} idle connections     memory, MiB    in flight, MiB    an ordinary mail, ms (median, longest)`);
const quiet = await server.memory();
for (const [name, flood] of Object.entries({ 'nothing else': async () => [], ...FLOODS })) {
  const sockets = await flood();
  await sleep(1_000);
  const times = [];
  let most = await server.memory();
  for (let count = 0; count < 20; count++) {
    times.push(await mailTime(server));
    const now = await server.memory();
    if (now.rss > most.rss) most = now;
  }
  const grown = most.arrayBuffers - quiet.arrayBuffers;
  console.log(`${name.padEnd(36)} ${((most.rss - quiet.rss) / MIB).toFixed(1).padStart(11)} ${(most.buffered / MIB).toFixed(1).padStart(17)} ${median(times).toFixed(1).padStart(20)} ${Math.max(...times).toFixed(1).padStart(9)}`);
  if (grown > BUDGET + FLOODING * MOST_A_CONNECTION) failures.push(`${name}: ${(grown / MIB).toFixed(0)} MiB of octets are kept`);
  if (Math.max(...times) > LONGEST_MAIL) failures.push(`${name}: an ordinary mail took ${Math.max(...times).toFixed(0)} ms`);
  for (const socket of sockets) socket.destroy();
  await sleep(1_000);
}
for (const socket of idle) socket.destroy();
server.stop();
for (const failure of failures) console.log(`FAIL ${failure}`);
exit(failures.length === 0 ? 0 : 1);
