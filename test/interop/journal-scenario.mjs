// A small life of a queue in a real directory, for system-call.mjs to interrupt: node journal-scenario.mjs DIRECTORY
//
// Each line that it writes is something that somebody outside knows from then on.

import { writeSync } from 'node:fs';
import { argv, exit } from 'node:process';
import { Journal } from '../../dist/node/journal.js';
import { parseForwardPath, parseReversePath } from '../../dist/syntax/path.js';

const tell = (...words) => writeSync(1, `${words.join(' ')}\n`);

const journal = await Journal.open(argv[2], {
  inlineLimit: 1000,
  carryLimit: 300, // content of `small` is carried along, that of `middle` gets a file by a checkpoint
  failed: ({ message }) => {
    tell('failed', message);
    setTimeout(() => exit(3), 50); // long enough for an acknowledgement that must not come
  },
});

const PIECES = { small: 2, middle: 4, large: 40 };

async function* contentOf(id) {
  for (let piece = 0; piece < PIECES[id.split('-')[0]]; piece++) yield Buffer.from(`${id} ${piece}\r\n`.repeat(10));
}

const envelope = (id, recipients) => ({ id, reversePath: parseReversePath('<alice@sender.test>'), forwardPaths: Array.from({ length: recipients }, (_, index) => parseForwardPath(`<${id}-${index}@peer.test>`)) });

async function take(id) {
  await journal.add(envelope(id, 2), contentOf(id));
  tell('taken', id);
}

async function deliver(id, recipient) {
  await journal.attempt(id, [recipient], 'mx.test');
  tell('delivered', id, recipient);
  await journal.settle(id, journal.mail(id).recipients.map((state, index) => (index === recipient ? { state: 'delivered' } : state)), 0);
  tell('settled', id, recipient);
}

try {
  await Promise.all(['small-1', 'large-1', 'small-2', 'small-3', 'middle-1'].map(take));
  await deliver('small-1', 0);
  await deliver('large-1', 0);
  await Promise.all([journal.checkpoint(), take('small-4'), deliver('small-2', 1)]);
  await journal.bounce('small-3', [{ state: 'failed' }, ...journal.mail('small-3').recipients.slice(1)], 0, envelope('small-3-0', 1), contentOf('small-3-0'));
  tell('bounced', 'small-3', 0, 'small-3-0');
  await deliver('large-1', 1);
  await Promise.all([take('large-2'), deliver('small-1', 1), deliver('middle-1', 0)]);
  await journal.checkpoint();
  await journal.close();
  tell('closed');
  exit(0);
} catch {
  // told by `failed`, which ends this
}
