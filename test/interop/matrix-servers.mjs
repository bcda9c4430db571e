// Servers that `ehlo send` brings mail to, and the relay of `ehlo serve`, each in the ways it has. `start` returns where it
// listens, and what has arrived, without the fields that it puts in front. `eightBit`: false where it offers no 8BITMIME.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, PEERS, ROOT, until } from './harness.mjs';
import { startExim } from './exim.mjs';
import { sinkMails } from './mail.mjs';
import { CERT, KEY, PASSWORD, USER } from './matrix-clients.mjs';
import { startOpensmtpd } from './opensmtpd.mjs';
import { Client } from './peer.mjs';
import { startPostfix } from './postfix.mjs';
import { UNPACKED } from './record-stage.mjs';
import { startSink } from './relay.mjs';

const ports = async () => ({ port: await freePort(), tlsPort: await freePort() });

/** aiosmtpd or smtp-server, for SMTP, SMTP under TLS at once, and LMTP. */
async function startKeepers(stage, name) {
  const folders = [];
  const start = async (kind) => {
    const [port, folder] = [await freePort(), stage.folder(name)];
    folders.push(folder);
    const rest = [kind, String(port), folder, CERT, KEY, USER, PASSWORD, `${name}.test`, kind];
    const program = name === 'aiosmtpd'
      ? stage.start(join(PEERS, 'aiosmtpd'), [join(ROOT, 'test/interop/aiosmtpd_server.py'), ...rest])
      : stage.start(process.execPath, [join(ROOT, 'test/interop/smtp-server.cjs'), join(PEERS, 'smtp-server/node_modules'), ...rest]);
    await program.find(/^ready$/m, 30);
    return port;
  };
  const [port, tlsPort, lmtpPort] = await Promise.all(['smtp', 'smtps', 'lmtp'].map(start));
  return { port, tlsPort, lmtpPort, mails: () => folders.flatMap((folder) => readdirSync(folder).filter((file) => file.endsWith('.json')).map((file) => readFileSync(join(folder, file.replace('.json', '.eml'))))) };
}

/** Waits until a server that says nothing about it listens. */
const listening = (stage, port) => until('the server listens', () => Client.connect(stage, port).then((client) => client.reset() ?? true, () => false));

export const SERVERS = {
  'Postfix': {
    ways: { clear: true, starttls: true, tls: true, auth: 'SCRAM-SHA-256', relayed: true },
    async start(stage) {
      const [{ port, tlsPort }, folder] = [await ports(), stage.folder('sasl')];
      execFileSync(join(PEERS, 'usr/sbin/saslpasswd2'), ['-p', '-c', '-f', join(folder, 'sasldb'), '-u', 'postfix.test', USER], { input: PASSWORD, env: { ...UNPACKED, SASL_PATH: join(PEERS, `usr/lib/${execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim()}-linux-gnu/sasl2`) } });
      execFileSync('chmod', ['-R', 'a+rX', join(folder, '..')]);
      const sasl = `pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ${join(folder, 'sasldb')}\nmech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256\n`;
      const auth = ['smtpd_sasl_auth_enable = yes', 'smtpd_sasl_local_domain = postfix.test', 'smtpd_tls_auth_only = yes'];
      const server = await startPostfix(stage, { port, cert: CERT, key: KEY, lines: auth, sasl, services: [`127.0.0.1:${tlsPort} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes`] });
      return { port, tlsPort, mails: server.mails };
    },
  },
  'Exim': {
    ways: { clear: true, starttls: true, tls: true, auth: 'PLAIN', relayed: true },
    async start(stage) {
      const { port, tlsPort } = await ports();
      const { mails } = await startExim(stage, { port, tlsPort, cert: CERT, key: KEY, user: USER, password: PASSWORD });
      return { port, tlsPort, mails };
    },
  },
  'OpenSMTPD': {
    ways: { clear: true, starttls: true, tls: true, auth: 'PLAIN', relayed: true },
    async start(stage) {
      const { port, tlsPort } = await ports();
      const hash = execFileSync('openssl', ['passwd', '-6', PASSWORD], { encoding: 'utf8' }).trim();
      const { mails } = await startOpensmtpd(stage, { port, tlsPort, cert: CERT, key: KEY, hostname: 'opensmtpd.test', logins: [`${USER} ${hash}`] });
      return { port, tlsPort, mails };
    },
  },
  'aiosmtpd': {
    ways: { clear: true, starttls: true, tls: true, auth: 'PLAIN', lmtp: true, relayed: true, relayedByLmtp: true },
    start: (stage) => startKeepers(stage, 'aiosmtpd'),
  },
  'smtp-server': {
    ways: { clear: true, starttls: true, tls: true, auth: 'PLAIN', lmtp: true, relayed: true, relayedByLmtp: true },
    start: (stage) => startKeepers(stage, 'smtp-server'),
  },
  'smtp-sink': {
    ways: { clear: true, lmtp: true, relayed: true, relayedByLmtp: true },
    async start(stage) {
      const [port, lmtpPort] = [await freePort(), await freePort()];
      const folders = [await startSink(stage, port, '127.0.0.1'), await startSink(stage, lmtpPort, '127.0.0.1', ['-L'])];
      return { port, lmtpPort, mails: () => folders.flatMap(sinkMails).map(({ octets }) => octets) };
    },
  },
  'msmtpd': {
    ways: { clear: true, relayed: true },
    eightBit: false,
    async start(stage) {
      const [port, folder] = [await freePort(), stage.folder('msmtpd')];
      stage.start(join(PEERS, 'clients/usr/bin/msmtpd'), ['--interface=127.0.0.1', `--port=${port}`, `--command=f=$(mktemp ${folder}/XXXXXX); cat >$f; mv $f $f.eml; true %F`], { env: UNPACKED });
      await listening(stage, port);
      const read = (name) => readFileSync(join(folder, name), 'latin1').replace(/\r?\n/g, '\r\n').replace(/^Received: .*\r\n(?:[ \t].*\r\n)*/, '');
      return { port, mails: () => readdirSync(folder).filter((name) => name.endsWith('.eml')).map((name) => Buffer.from(read(name), 'latin1')) };
    },
  },
};
