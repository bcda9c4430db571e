// Sendmail, unpacked into a folder and not installed. It asks for its own name before it reads its configuration: it sees another
// name of the machine and another /etc/hosts than everybody else (unshare --uts --mount).

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PEERS, until } from './harness.mjs';
import { Client } from './peer.mjs';

/** Starts it; needs root. It relays all mail to the port `relayTo`, or keeps it in its queue. `hostname`: what it calls itself. */
export async function startSendmail(stage, { port, hostname, relayTo, env }) {
  const folder = stage.folder('sendmail');
  for (let up = folder; up !== '/tmp' && up !== '/'; up = join(up, '..')) chmodSync(up, 0o755);
  const [macros, config, hosts, queue] = ['sendmail.mc', 'sendmail.cf', 'hosts', 'queue'].map((name) => join(folder, name));
  mkdirSync(queue, { mode: 0o700 });
  writeFileSync(hosts, `127.0.0.1 ${hostname} localhost\n`);
  const defined = {
    confDOMAIN_NAME: hostname, QUEUE_DIR: queue, confPID_FILE: join(folder, 'pid'), STATUS_FILE: '/dev/null', ALIAS_FILE: '', confTO_IDENT: '0', confRUN_AS_USER: 'root',
    confDELIVERY_MODE: relayTo === undefined ? 'queueonly' : 'background', SMART_HOST: 'esmtp:[127.0.0.1]', ESMTP_MAILER_ARGS: `TCP $h ${relayTo ?? port}`,
  };
  writeFileSync(macros, [
    'divert(0)dnl', "OSTYPE(`linux')dnl", ...Object.entries(defined).map(([name, value]) => `define(\`${name}', \`${value}')dnl`),
    ...['nocanonify', 'accept_unresolvable_domains', 'promiscuous_relay'].map((name) => `FEATURE(\`${name}')dnl`),
    `DAEMON_OPTIONS(\`Port=${port}, Addr=127.0.0.1, Name=MTA, M=E')dnl`, 'MAILER(smtp)dnl', '',
  ].join('\n'));
  const macroFolder = join(PEERS, 'usr/share/sendmail/cf/');
  writeFileSync(config, execFileSync(join(PEERS, 'usr/bin/m4'), [`-D_CF_DIR_=${macroFolder}`, join(macroFolder, 'm4/cf.m4'), macros], { env, stdio: ['ignore', 'pipe', 'ignore'] }));
  const commands = [`hostname ${hostname}`, 'mount --make-rprivate /', `mount --bind ${hosts} /etc/hosts`, `exec ${join(PEERS, 'usr/libexec/sendmail/sendmail')} -C ${config} -bD`];
  const program = stage.start('unshare', ['--mount', '--uts', 'sh', '-ec', commands.join('\n')], { env });
  stage.onEnd(() => program.stop('SIGTERM', 10));
  await until('Sendmail listens', () => Client.connect(stage, port, '127.0.0.1').then((client) => client.reset() ?? true, () => false), 30);
  return { program };
}
