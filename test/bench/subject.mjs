// What is measured: ehlo in a process of its own, as a server that takes all mail.
//
//   subject.mjs discard | durable FOLDER       (started by the benchmarks, see child.mjs)
//
// `discard` reads each mail and accepts it. `durable` is what `ehlo serve` makes, all of it but that nothing is relayed.

import { argv } from 'node:process';
import { accept, listen } from '../../dist/server.js';
import { answer } from './child.mjs';

const [, , kind, folder] = argv;
const ROOM = { maxConnections: 20_000, maxConnectionsPerClient: 20_000, maxSize: 128 * 1024 ** 2 };
const count = { mails: 0, syncs: 0 };

function discard() {
  return listen({ host: '127.0.0.1', port: 0, hostname: 'mx.example', ...ROOM }, {
    async message({ content }) {
      for await (const _ of content);
      count.mails += 1;
      return accept();
    },
  });
}

/** A disk that counts its syncs. */
function counting(disk) {
  const sync = disk.sync.bind(disk);
  disk.sync = (path) => {
    count.syncs += 1;
    return sync(path);
  };
  return disk;
}

async function durable() {
  // loaded for this alone: a program that only receives has a heap without it
  const [{ Resolver, TransferAgent }, { FileDisk }, { Journal }, { openLog }, { RETRY_SCHEDULE }] = await Promise.all(['index', 'node/disk', 'node/journal', 'node/log', 'relay/schedule'].map((name) => import(`../../dist/${name}.js`)));
  const queue = await Journal.on(counting(await FileDisk.open(folder)));
  const agent = new TransferAgent({
    ...ROOM,
    hostname: 'mx.example',
    queue,
    admission: { accept: new Set(['*']), relayFrom: [] },
    routing: { routes: new Map(), smarthost: { host: '127.0.0.1', port: 9 }, mxPort: 25, allowPrivateTargets: false },
    resolver: new Resolver(),
    schedule: RETRY_SCHEDULE,
    log: openLog('text'),
  });
  return agent.listen({ place: { host: '127.0.0.1', port: 0 } });
}

const server = await { discard, durable }[kind]();
answer({ port: server.port }, () => count);
