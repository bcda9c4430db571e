// The journal on a real file system, killed at every system call that changes it, and with every one of them failing: with
// strace, which brings the signal or the error in the place of the Nth call. What was acknowledged is there after the next start.

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Journal } from '../../dist/node/journal.js';
import { check, expect } from './harness.mjs';

const SCENARIO = fileURLToPath(new URL('journal-scenario.mjs', import.meta.url));

const CALLS = ['fdatasync', 'fsync', 'pwritev', 'pwrite64', 'rename', 'unlink'];

/** Calls of one kind that a run may have at most: a fence. */
const MOST_CALLS = 100;

/** Runs the scenario with something done at the Nth call; returns what it has told, and whether it was over before that. */
function run(directory, call, injection, count) {
  return new Promise((resolve, reject) => {
    // One thread for files: strace counts calls by thread. With its filter in the kernel other calls do not stop, which halves
    // the time; but it brings a signal at the first call only.
    const env = { ...process.env, UV_THREADPOOL_SIZE: '1' };
    const trace = `${directory}.trace`;
    const args = ['-f', ...(injection.startsWith('error=') ? ['--seccomp-bpf'] : []), '-qq', '-o', trace, '-e', `trace=${call}`, '-e', `inject=${call}:${injection}:when=${count}`, process.execPath, SCENARIO, directory];
    execFile('strace', args, { env }, (error, stdout) => {
      const calls = readFileSync(trace, 'latin1').split('\n').filter((line) => line.includes(`${call}(`));
      const over = error === null && !calls.some((line) => line.includes('(INJECTED)'));
      if (over && mostOfOneThread(calls) >= count) reject(new Error(`there is a ${call} ${count}, and nothing happened to it`));
      resolve({ told: stdout.split('\n').filter((line) => line !== '').map((line) => line.split(' ')), over });
    });
  });
}

/** Of calls as strace writes them, the thread first. */
function mostOfOneThread(calls) {
  const counts = new Map();
  for (const line of calls) {
    const [thread] = line.split(' ');
    counts.set(thread, (counts.get(thread) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}

/** Opens the queue again and compares it with what was told. */
async function compare(directory, told, story) {
  const journal = await Journal.open(directory);
  const wrong = (text) => expect(false, `${story}: ${text}; told: ${told.map((words) => words.join(' ')).join(', ')}`);
  await journal.checkpoint();
  const stateOf = (id, recipient) => journal.mail(id)?.recipients[Number(recipient)]?.state;
  const having = (what) => told.filter(([word]) => word === what);
  const isDelivered = (id, recipient) => having('delivered').some((words) => words[1] === id && Number(words[2]) === recipient);
  for (const [, id] of having('taken')) {
    for (const recipient of [0, 1]) {
      const named = journal.mail(`${id}-${recipient}`) !== undefined;
      if (stateOf(id, recipient) !== 'waiting' && !isDelivered(id, recipient) && !named) wrong(`recipient ${recipient} of ${id} is lost`);
      if (stateOf(id, recipient) === 'waiting' && named) wrong(`recipient ${recipient} of ${id} waits and is named in a notification`);
    }
  }
  for (const [, id, recipient] of having('settled')) if (stateOf(id, recipient) === 'waiting') wrong(`recipient ${recipient} of ${id} waits again`);
  for (const [, id, recipient, notification] of having('bounced')) {
    if (stateOf(id, recipient) === 'waiting') wrong(`recipient ${recipient} of ${id} waits again`);
    if (journal.mail(notification) === undefined) wrong(`the notification ${notification} is lost`);
  }
  if (journal.report.dead.length > 0) wrong(`it takes the crash for decay: ${JSON.stringify(journal.report.dead)}`);
  for (const { id, size } of journal.mails()) {
    let read = '';
    for await (const octets of journal.content(id)) read += Buffer.from(octets).toString();
    const lines = read.split('\r\n').slice(0, -1);
    if (read.length !== size || !lines.every((line) => line.startsWith(`${id} `))) wrong(`the content of ${id} is not its own`);
  }
  const [segments, temporary] = ['journal', 'tmp'].map((folder) => readdirSync(join(directory, folder)));
  if (segments.length !== 1 || temporary.length !== 0) wrong(`there are ${segments.join()} and ${temporary.join()}`);
  await journal.close();
}

for (const call of CALLS) {
  check(`killed at any ${call}, the journal has all that it acknowledged`, async (stage) => {
    for (let count = 1; count < MOST_CALLS; count++) {
      const directory = join(stage.folder('queue'), `${count}`);
      const { told, over } = await run(directory, call, 'signal=SIGKILL', count);
      if (over) return expect(count > 1, `there is no ${call}`);
      await compare(directory, told, `killed at ${call} ${count}`);
    }
  }, { seconds: 180 });

  for (const error of ['EIO', 'ENOSPC']) {
    check(`when any ${call} fails with ${error}, the journal stops, and has all that it acknowledged`, async (stage) => {
      for (let count = 1; count < MOST_CALLS; count++) {
        const directory = join(stage.folder('queue'), `${count}`);
        const { told, over } = await run(directory, call, `error=${error}`, count);
        if (over) return expect(count > 1, `there is no ${call}`);
        const failure = told.findIndex(([word]) => word === 'failed');
        const late = failure < 0 ? [] : told.slice(failure + 1).filter(([word]) => word === 'taken' || word === 'bounced' || word === 'failed');
        expect(late.length === 0, `${error} at ${call} ${count}: after the failure it tells ${late.join('; ')}`);
        await compare(directory, told, `${error} at ${call} ${count}`);
      }
    }, { seconds: 180 });
  }
}
