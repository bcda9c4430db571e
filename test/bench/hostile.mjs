// What is sent to make a server slow, through all of it, and through the client that sends it on: the CPU time of an octet beside one
// of ordinary mail, and how it grows with the mail. Fails where an octet of a mail of 4 MiB costs more than four times what one of a
// mail of 256 KiB does: a scan that starts over would make it sixteen times. The decoders alone: wire.mjs.

import { start } from './child.mjs';
import { asked, inTurns, sample } from './measure.mjs';
import { figure, ratio } from './table.mjs';

const ORDINARY = 'lines of 78';
const CONTENTS = {
  [ORDINARY]: `${'x'.repeat(78)}\r\n`,
  'all dots': '.',
  'all bare LF': '\n',
  'all bare CR': '\r',
  'one endless line': 'x',
  'all NUL': '\0',
  'all CRLF': '\r\n',
  'a dot in front of each line': '..\r\n',
};

const MIB = 1024 ** 2;
const [SMALL, LARGE] = [MIB / 4, 4 * MIB];
const STEEPEST = 4;

export async function run({ rounds }) {
  const load = await start('load.mjs');
  const servers = { floor: await start('floor.mjs', ['discard']), ehlo: await start('subject.mjs', ['discard']) };
  const client = await start('sender.mjs');
  const received = new Map();
  const sent = new Map();
  for (const [name, pattern] of Object.entries(CONTENTS)) {
    const work = (size, mails) => ({ connections: 1, size, mails, pattern, refusable: true });
    const perMib = async (server, size, mails) => (await sample(load, server, work(size, mails))).cpu / (size / MIB);
    const sentMib = async (size, mails) => (await asked(client, { to: servers.floor.port, ...work(size, mails) })).spent / ((size * mails) / MIB);
    received.set(name, await told(rounds, { floor: () => perMib(servers.floor, LARGE, 1), small: () => perMib(servers.ehlo, SMALL, LARGE / SMALL), large: () => perMib(servers.ehlo, LARGE, 1) }));
    if (!name.includes('bare')) sent.set(name, await told(rounds, { small: () => sentMib(SMALL, LARGE / SMALL), large: () => sentMib(LARGE, 1) })); // which is never sent
  }
  for (const one of [load, client, ...Object.values(servers)]) await one.stop();
  const command = 'npm run bench -- --only hostile';
  return {
    faults: [...faultsOf('received', received), ...faultsOf('sent', sent)],
    tables: [
      { title: 'Hostile mail through the whole server: CPU of a MiB', command, ...tableOf(received) },
      { title: 'The same, sent on by the client', command, ...tableOf(sent) },
    ],
  };
}

async function told(rounds, ways) {
  return (await inTurns(rounds, [''], async () => {
    const found = {};
    for (const [name, way] of Object.entries(ways)) found[name] = await way();
    return found;
  })).get('');
}

function faultsOf(what, found) {
  return [...found].filter(([, { small, large }]) => large > STEEPEST * small).map(([name, { small, large }]) => `${name}, ${what}: an octet of a mail of 4 MiB takes ${ratio(large / small)} times what one of 256 KiB does`);
}

function tableOf(found) {
  const ordinary = found.get(ORDINARY).large;
  const hasFloor = found.get(ORDINARY).floor !== undefined;
  return {
    columns: ['', ...(hasFloor ? ['floor'] : []), 'ehlo', 'to ordinary mail', 'of 4 MiB to that of 256 KiB', 'aim'],
    rows: [...found].map(([name, { floor, small, large }]) => [name, ...(hasFloor ? [`${figure(floor)} µs`] : []), `${figure(large)} µs`, ratio(large / ordinary), ratio(large / small), hasFloor && name !== ORDINARY ? '≤ 3' : '']),
  };
}
