// A server for idle.mjs, in a process of its own: idle-server.mjs ehlo|ehlo-tls|floor|floor-tls. It answers with the memory that it
// holds. (Started by the benchmark, see child.mjs.)

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { argv, memoryUsage } from 'node:process';
import { createServer as createTlsServer } from 'node:tls';
import { accept, listen } from '../../dist/server.js';
import { answer } from './child.mjs';

const pem = (name) => readFileSync(new URL(`../../fixtures/tls/${name}.pem`, import.meta.url));
const tls = argv[2].endsWith('-tls') ? { cert: pem('mx'), key: pem('mx-key') } : undefined;

/** What node:net, or node:tls, costs for as many connections: each line is answered, nothing is looked at. */
function floor() {
  const serve = (socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write('250 ok\r\n'));
    socket.write('220 floor\r\n');
  };
  const server = tls === undefined ? createServer({ noDelay: true }, serve) : createTlsServer({ ...tls, noDelay: true, minVersion: 'TLSv1.2' }, serve);
  return new Promise((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => resolve({ port: server.address().port, buffered: 0 })));
}

/** Mail from <stuck@…> is never read; all other mail is, and is accepted. */
function ehlo() {
  return listen({ host: '127.0.0.1', port: 0, hostname: 'mx.example', maxConnections: 20_000, maxConnectionsPerClient: 20_000, ...(tls === undefined ? {} : { tls, tlsAtOnce: true }) }, {
    async message({ content, reversePath }) {
      if (reversePath.text.startsWith('<stuck@')) await new Promise(() => {});
      for await (const _ of content);
      return accept();
    },
  });
}

const server = await (argv[2].startsWith('floor') ? floor() : ehlo());
answer({ port: server.port, tls: tls !== undefined }, () => {
  for (let round = 0; round < 4; round++) globalThis.gc();
  return { ...memoryUsage(), buffered: server.buffered };
});
