// Mail that is taken, checked octet by octet, and thrown away, beside a floor that checks nothing.

import { start } from './child.mjs';
import { beside, inTurns, sample } from './measure.mjs';

//              connections      octets            mails                                  CPU at most, of the floor's
const WORKLOADS = {
  small:     [{ connections: 20,  size: 1_000,      mails: 5_000 },                        '≤ 1.20'],
  many:      [{ connections: 100, size: 1_000,      mails: 5_000 },                        '≤ 1.20'],
  one:       [{ connections: 1,   size: 1_000,      mails: 2_000 },                        '≤ 1.15'],
  pipelined: [{ connections: 20,  size: 1_000,      mails: 8_000, pipelined: true },       ''],
  connect:   [{ connections: 20,  size: 1_000,      mails: 3_000, reconnect: true },       '≤ 1.20'],
  rcpts:     [{ connections: 20,  size: 1_000,      mails: 1_000, recipients: 50 },        '≤ 1.30'],
  medium:    [{ connections: 20,  size: 100_000,    mails: 1_500 },                        '≤ 1.30; < 0.4 of smtp-sink'],
  big:       [{ connections: 4,   size: 10_000_000, mails: 20 },                           '≤ 1.30; < 0.4 of smtp-sink'],
};

export const workloads = Object.keys(WORKLOADS);

export async function run({ rounds, wanted, peers }) {
  const load = await start('load.mjs');
  const servers = { floor: await start('floor.mjs', ['discard']), ehlo: await start('subject.mjs', ['discard']), ...(await peers.sinks()) };
  const measured = new Map();
  for (const [name, [work]] of Object.entries(WORKLOADS)) {
    if (!wanted(name)) continue;
    measured.set(name, await inTurns(rounds, Object.keys(servers), (server) => sample(load, servers[server], work)));
  }
  for (const one of [load, ...Object.values(servers)]) await one.stop();
  const aims = Object.fromEntries(Object.entries(WORKLOADS).map(([name, [, aim]]) => [name, aim]));
  return { tables: [beside('floor', 'Mail that is accepted and thrown away: CPU of the server for a mail, to the floor’s, and mails a second', 'npm run bench -- --only accept', measured, aims)] };
}
