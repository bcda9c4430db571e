// What a connection that does nothing costs, and what a flood does to the others.
//
// Memory for each idle connection, beside a floor (node:net, node:tls) in the same run and beside as many connections that were
// there before: what V8 makes room for when the first ones come is no part of it. Fails above three times the floor's, where the
// process of the floor has grown by it at all.
// Then, beside the idle ones, each flood in turn: 200 connections that send 50 MB each to a hook that never reads them; 200 that
// send commands as fast as they can and read no reply; 1,000 connections a second. For each, the memory that it takes, and how long
// an ordinary mail takes beside it. Fails where memory grows beyond the budget and a read of each connection, or the median of
// ordinary mails is above 2 s.

import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { start } from './child.mjs';
import { median } from './measure.mjs';
import { figure, ratio } from './table.mjs';

const CONNECTIONS = { short: 2_000, long: 5_000 };
const MOST_TO_FLOOR = 3;
const FLOODING = 200;
const BUDGET = 64 * 1024 ** 2; //      the default of maxBuffered
const MOST_A_CONNECTION = 256 * 1024; // a read, what Node reads ahead, replies that are not taken
const LONGEST_MEDIAN = 2_000; // milliseconds
const COMMAND = 'npm run bench -- --only idle --long';

const KIB = 1024;
const MIB = 1024 ** 2;
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

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

// ---- idle connections

/** Returns the memory of an idle connection of each kind; ehlo and its idle connections stay, for the floods. */
async function idling(connections) {
  const each = {};
  let stage;
  for (const kind of ['floor', 'ehlo', 'floor-tls', 'ehlo-tls']) {
    const count = kind.endsWith('-tls') ? connections / 10 : connections;
    const server = await start('idle-server.mjs', [kind], { execArgv: ['--expose-gc'] });
    for (const socket of await openMany(server, 100)) socket.destroy(); // what is made once is made
    await sleep(500);
    const others = await openMany(server, count);
    await sleep(500);
    const before = await server.ask();
    const idle = await openMany(server, count);
    await sleep(500);
    const after = await server.ask();
    for (const socket of others) socket.destroy();
    each[kind] = { rss: (after.rss - before.rss) / count, heap: (after.heapUsed + after.external - before.heapUsed - before.external) / count };
    if (kind === 'ehlo') stage = { server, idle };
    else {
      for (const socket of idle) socket.destroy();
      await server.stop();
    }
  }
  return { each, ...stage };
}

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

/** Each begins its flood, and returns what ends it. */
const FLOODS = {
  'nothing else': async () => [],
  'mail data that nobody reads': async (server) => {
    const sockets = await openMany(server, FLOODING);
    for (const socket of sockets) {
      socket.write('MAIL FROM:<stuck@example.org>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n');
      pour(socket, LINES, 50_000_000);
    }
    return sockets;
  },
  'commands whose replies nobody reads': async (server) => {
    const sockets = await openMany(server, FLOODING);
    for (const socket of sockets) {
      socket.pause();
      pour(socket, NOOPS, 50_000_000);
    }
    return sockets;
  },
  'connections that come and go': async (server) => {
    const timer = setInterval(() => {
      for (let count = 0; count < 10; count++) {
        const socket = connect({ port: server.port, host: '127.0.0.1' });
        socket.on('error', () => {});
        setTimeout(() => socket.destroy(), 20);
      }
    }, 10);
    return [{ destroy: () => clearInterval(timer) }];
  },
};

async function flooded(server, faults) {
  const quiet = await server.ask();
  const rows = [];
  for (const [name, flood] of Object.entries(FLOODS)) {
    const sockets = await flood(server);
    await sleep(1_000);
    const times = [];
    let most = await server.ask();
    for (let count = 0; count < 20; count++) {
      times.push(await mailTime(server));
      const now = await server.ask();
      if (now.rss > most.rss) most = now;
    }
    const kept = most.arrayBuffers - quiet.arrayBuffers;
    rows.push([name, `${figure((most.rss - quiet.rss) / MIB)} MiB`, `${figure(most.buffered / MIB)} MiB`, `${figure(median(times))} ms`, `${figure(Math.max(...times))} ms`]);
    if (kept > BUDGET + FLOODING * MOST_A_CONNECTION) faults.push(`${name}: ${(kept / MIB).toFixed(0)} MiB of octets are kept`);
    if (median(times) > LONGEST_MEDIAN) faults.push(`${name}: an ordinary mail takes ${median(times).toFixed(0)} ms`);
    for (const socket of sockets) socket.destroy();
    await sleep(1_000);
  }
  return rows;
}

export async function run({ long }) {
  const connections = long ? CONNECTIONS.long : CONNECTIONS.short;
  const faults = [];
  const { each, server, idle } = await idling(connections);
  const clear = each.ehlo.rss / each.floor.rss;
  if (each.floor.rss > KIB && clear > MOST_TO_FLOOR) faults.push(`an idle connection takes ${clear.toFixed(2)} times what the floor's does`);
  const cells = (kind, floor) => [`${figure(each[kind].rss / KIB)} KiB`, `${figure(each[kind].heap / KIB)} KiB`, ratio(each[kind].rss / each[floor].rss)];
  const rows = await flooded(server, faults);
  for (const socket of idle) socket.destroy();
  await server.stop();
  return {
    faults,
    tables: [
      {
        title: 'Memory of an idle connection beside as many others',
        command: COMMAND,
        columns: ['', 'of the process', 'of it, heap', 'to the floor', 'aim'],
        rows: [['floor, in the clear', ...cells('floor', 'floor'), ''], ['ehlo, in the clear', ...cells('ehlo', 'floor'), '≤ 1.50'], ['floor, TLS', ...cells('floor-tls', 'floor-tls'), ''], ['ehlo, TLS', ...cells('ehlo-tls', 'floor-tls'), '']],
      },
      { title: `Floods beside ${connections.toLocaleString('en')} idle connections; the budget of octets in flight is ${BUDGET / MIB} MiB`, command: COMMAND, columns: ['', 'memory', 'in flight', 'an ordinary mail, median', 'longest'], rows },
    ],
  };
}
