// Other people's programs to measure beside, from a folder that `bash test/interop/provision.sh FOLDER bench` has filled: smtp-sink,
// smtp-source and Postfix itself, smtp-server and nodemailer. Without a folder there are none.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childrenCpu, cpuOf, freePort, start, startProgram } from './child.mjs';

const NOBODY = { sinks: async () => ({}), postfix: async () => ({}), smtpSink: async () => undefined, smtpSource: () => undefined, clients: async () => ({}) };

/** What of them there is in `folder`. */
export function peersIn(folder) {
  if (folder === undefined) return NOBODY;
  const place = resolve(folder);
  const smtpSink = async () => {
    const port = await freePort();
    return startProgram(join(place, 'sink'), ['-u', 'nobody', `127.0.0.1:${port}`, '1000'], port);
  };
  return {
    smtpSink,
    smtpSource: () => smtpSource(place),
    /** Servers that throw mail away. */
    sinks: async () => ({ 'smtp-server': await start('other.mjs', ['server', place]), 'smtp-sink': await smtpSink() }),
    /** Postfix, which relays to the port `next`, or keeps all mail in its queue. */
    postfix: async (next) => ({ Postfix: await postfix(place, next) }),
    /** Clients: each has `ask({ to, mails, connections, size })`. */
    clients: async () => ({ nodemailer: await start('other.mjs', ['client', place]), 'smtp-source': smtpSource(place) }),
  };
}

async function postfix(place, next) {
  process.env.EHLO_INTEROP_PEERS = place;
  const [{ Stage }, { startPostfix }] = await Promise.all([import('../interop/harness.mjs'), import('../interop/postfix.mjs')]);
  const stage = new Stage();
  const port = await freePort();
  const pem = (name) => fileURLToPath(new URL(`../../fixtures/tls/${name}.pem`, import.meta.url));
  const way = next === undefined ? ['smtpd_client_restrictions = check_client_access static:HOLD'] : [`relayhost = [127.0.0.1]:${next}`];
  const { program } = await startPostfix(stage, {
    port,
    cert: pem('mx'),
    key: pem('mx-key'),
    lines: [...way, 'virtual_mailbox_domains =', 'smtpd_relay_restrictions = permit_mynetworks, reject', 'smtpd_peername_lookup = no', 'smtpd_client_connection_count_limit = 0', 'in_flow_delay = 0', 'default_process_limit = 120'],
  });
  return { port, cpu: async () => cpuOf(program.pid), stop: () => stage.end() };
}

/** A new process each time, so its CPU time holds its start. */
function smtpSource(place) {
  return {
    async ask({ to, mails, connections, size }) {
      const { spawn } = await import('node:child_process');
      const [before, begin] = [childrenCpu(), performance.now()];
      const child = spawn(join(place, 'source'), ['-d', '-s', connections, '-l', size, '-m', mails, '-f', 'alice@example.org', '-t', 'bob@example.com', `127.0.0.1:${to}`].map(String), { stdio: 'ignore' });
      const status = await new Promise((done) => child.once('exit', done));
      return { seconds: (performance.now() - begin) / 1000, spent: childrenCpu() - before, ...(status === 0 ? {} : { fault: `smtp-source ended with status ${status}` }) };
    },
    stop: async () => {},
  };
}

/** A folder that is gone when the program ends. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'ehlo-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
