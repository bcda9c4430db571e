// The client, sending to a sink over 20 connections, beside one that looks at the first digit of each reply and at nothing else.

import { start } from './child.mjs';
import { asked, beside, inTurns } from './measure.mjs';

const WORK = { connections: 20, size: 1_000, mails: 8_000 };

export async function run({ rounds, peers }) {
  const smtpSink = await peers.smtpSink();
  const sinks = { 'to the floor': await start('floor.mjs', ['discard']), ...(smtpSink === undefined ? {} : { 'to smtp-sink': smtpSink }) };
  const load = await start('load.mjs');
  const floor = {
    async ask({ to, ...work }) {
      await asked(load, { open: to, ...work, pipelined: true });
      const found = await asked(load, { mails: work.mails });
      await asked(load, { close: true });
      return found;
    },
    stop: load.stop,
  };
  const clients = { floor, ehlo: await start('sender.mjs'), ...(await peers.clients()) };
  const measured = new Map();
  for (const [name, sink] of Object.entries(sinks)) {
    measured.set(name, await inTurns(rounds, Object.keys(clients), async (client) => {
      const { seconds, spent } = await asked(clients[client], { ...WORK, to: sink.port });
      return { rate: WORK.mails / seconds, cpu: spent / WORK.mails };
    }));
  }
  for (const one of [...Object.values(clients), ...Object.values(sinks)]) await one.stop();
  const aim = 'CPU ≤ 0.25 ×, rate ≥ 4 × that of nodemailer';
  return { tables: [beside('floor', 'A client, mails of 1 kB over 20 connections: its CPU for a mail, to the floor’s, and mails a second', 'npm run bench -- --only client', measured, { 'to the floor': '', 'to smtp-sink': aim })] };
}
