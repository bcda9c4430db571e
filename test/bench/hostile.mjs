// What is sent to make a server slow, through all of it: the CPU time of an octet beside one of ordinary mail, and how it grows
// with the mail. Fails where an octet of a mail of 4 MiB costs more than four times what one of a mail of 256 KiB does: a scan
// that starts over would make it sixteen times. The decoder alone: wire.mjs.

import { start } from './child.mjs';
import { inTurns, sample } from './measure.mjs';
import { figure, ratio } from './table.mjs';

const ORDINARY = 'lines of 78';
const CONTENTS = {
  [ORDINARY]: `${'x'.repeat(78)}\r\n`,
  'all dots': '.',
  'all bare LF': '\n',
  'all bare CR': '\r',
  'one endless line': 'x',
  'all CRLF': '\r\n',
  'a dot in front of each line': '..\r\n',
};

const MIB = 1024 ** 2;
const [SMALL, LARGE] = [MIB / 4, 4 * MIB];
const STEEPEST = 4;

export async function run({ rounds }) {
  const load = await start('load.mjs');
  const servers = { floor: await start('floor.mjs', ['discard']), ehlo: await start('subject.mjs', ['discard']) };
  const found = new Map();
  for (const [name, pattern] of Object.entries(CONTENTS)) {
    const work = (size, mails) => ({ connections: 1, size, mails, pattern, refusable: true });
    const perMib = async (server, size, mails) => (await sample(load, server, work(size, mails))).cpu / (size / MIB);
    found.set(name, (await inTurns(rounds, ['ehlo'], async () => ({
      floor: await perMib(servers.floor, LARGE, 1),
      small: await perMib(servers.ehlo, SMALL, LARGE / SMALL),
      large: await perMib(servers.ehlo, LARGE, 1),
    }))).get('ehlo'));
  }
  for (const one of [load, ...Object.values(servers)]) await one.stop();
  const ordinary = found.get(ORDINARY).large;
  const faults = [...found].filter(([, { small, large }]) => large > STEEPEST * small).map(([name, { small, large }]) => `${name}: an octet of a mail of 4 MiB takes ${ratio(large / small)} times what one of 256 KiB does`);
  return {
    faults,
    tables: [{
      title: 'Hostile mail through the whole server: CPU of a MiB',
      command: 'npm run bench -- --only hostile',
      columns: ['', 'floor', 'ehlo', 'to ordinary mail', 'of 4 MiB to that of 256 KiB', 'aim'],
      rows: [...found].map(([name, { floor, small, large }]) => [name, `${figure(floor)} µs`, `${figure(large)} µs`, ratio(large / ordinary), ratio(large / small), name === ORDINARY ? '' : '≤ 3']),
    }],
  };
}
