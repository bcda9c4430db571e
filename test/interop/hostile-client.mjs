// What clients do that mean harm, or know no better: some 460 conversations, octet for octet, with the expectation written from
// the RFCs alone. Replies are exact in number and order, and after each conversation the Maildir holds what it should.
//
// The cases stand in hostile/*.mjs, the words they are written in are explained in hostile/case.mjs.
// Cases that need the same server follow one another on it; the servers end, and have to end well, when all are over.

import { check, checkLast, expect, Stage } from './harness.mjs';
import { AUTH } from './hostile/auth.mjs';
import { play } from './hostile/case.mjs';
import { CHUNK } from './hostile/chunk.mjs';
import { DATA } from './hostile/data.mjs';
import { DOOR } from './hostile/door.mjs';
import { GRAMMAR } from './hostile/grammar.mjs';
import { LIMIT } from './hostile/limit.mjs';
import { LMTP } from './hostile/lmtp.mjs';
import { NOTIFY } from './hostile/notify.mjs';
import { ORDER } from './hostile/order.mjs';
import { SECRETS, startServer } from './hostile/server.mjs';
import { STARTTLS } from './hostile/starttls.mjs';
import './hostile/stop.mjs';

const SERVERS = new Map();
/** The last case on each server; the next one begins when it is over. */
const TURNS = new Map();

for (const it of [...ORDER, ...GRAMMAR, ...DATA, ...CHUNK, ...STARTTLS, ...AUTH, ...LIMIT, ...LMTP, ...NOTIFY, ...DOOR]) {
  const [name, scheme = 'smtp'] = it.at.split('/');
  check(`${it.name} [${it.at}]`, async () => {
    const before = TURNS.get(name);
    const turn = (async () => {
      await before;
      if (!SERVERS.has(name)) SERVERS.set(name, await begin(name));
      await play(it, SERVERS.get(name).of(scheme));
    })();
    TURNS.set(name, turn.catch(() => {}));
    await turn;
  }, { seconds: it.seconds ?? 60 });
}

async function begin(name) {
  const stage = new Stage();
  checkLast(`after all that, the server "${name}" is there, ends with status 0, and has printed no stack trace`, () => stage.end());
  const server = await startServer(name, stage);
  stage.onEnd(async () => {
    const printed = server.program.out + server.program.err;
    for (const secret of SECRETS) expect(!printed.includes(secret), `the server "${name}" printed a password`);
  });
  return server;
}
