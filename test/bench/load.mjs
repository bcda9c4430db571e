// The load: a process that sends mails to a port, and says how long that took. It is asked three questions in turn:
//
//   { open: port, connections, size, pattern, recipients, pipelined, reconnect, refusable }     connections that wait, EHLO said
//   { mails }       answers { seconds, latencies }; with `reconnect`, it connects for each of them
//   { close }
//
// and answers { fault } where something else was replied than it should be. `pipelined: false` waits for each reply, `true` sends
// the envelope in one piece. A mail is lines of 78 octets, or `pattern` over and over, `size` octets in all.

import { answer } from './child.mjs';
import { Feeder } from './feeder.mjs';
import { mailOf } from './mail.mjs';

const WORK = { open: opened, mails: sent, close: closed };
const IN_HAND = 100; // connections that are opened at a time

let feeders = [];
let mail = [];
let shape = {};
let [left, out] = [0, 0];
let latencies = [];
let finish = () => {};
const DOT = Buffer.from('.\r\n');
const END = Buffer.from('\r\n.\r\n');

const FEED = {
  take: () => (left-- > 0 ? mail : undefined),
  done(milliseconds) {
    if (feeders.length === 1) latencies.push(milliseconds);
    if (--out === 0) finish({});
  },
  fault: (text) => finish({ fault: text }),
};

function fed() {
  const { port, ...feed } = shape;
  return new Feeder(port, { ...FEED, ...feed });
}

async function opened({ open: port, connections, mails: _, size, pattern, ...others }) {
  mail = [Buffer.concat(pattern === undefined ? [mailOf(size), DOT] : [Buffer.alloc(size, pattern), END])];
  shape = { port, ...others };
  left = 0;
  if (others.reconnect) {
    feeders = Array.from({ length: connections });
    return {};
  }
  const failed = new Promise((resolve) => (finish = resolve));
  for (feeders = []; feeders.length < connections; ) {
    const more = Array.from({ length: Math.min(IN_HAND, connections - feeders.length) }, fed);
    feeders.push(...more);
    const fault = await Promise.race([failed, Promise.all(more.map((feeder) => feeder.ready))]);
    if (fault?.fault !== undefined) return fault;
  }
  return {};
}

async function sent({ mails }) {
  [left, out, latencies] = [mails, mails, []];
  const finished = new Promise((resolve) => (finish = resolve));
  const begin = performance.now();
  if (shape.reconnect) feeders = feeders.map(() => fed());
  else for (const feeder of feeders) feeder.wake();
  const found = await finished;
  return { seconds: (performance.now() - begin) / 1000, latencies, ...found };
}

async function closed() {
  const open = feeders;
  feeders = [];
  finish = () => {};
  await Promise.all(open.map((feeder) => feeder.close()));
  return {};
}

answer({}, (question) => {
  const name = Object.keys(WORK).find((word) => question[word] !== undefined);
  return name === undefined ? {} : WORK[name](question);
});
