// OpenSMTPD, unpacked into a folder and not installed. Its paths are compiled in: it sees the machine's folders with others
// mounted over them, which nobody else sees (unshare --mount).

import { mkdirSync, readFileSync, writeFileSync, copyFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { PEERS, until } from './harness.mjs';
import { Client } from './peer.mjs';

/** Starts it; needs root. It relays all mail to the port `relayTo`, or puts it into a Maildir. `hostname`: what it calls itself. */
export async function startOpensmtpd(stage, { port, cert, key, hostname, relayTo, env }) {
  const folder = stage.folder('opensmtpd');
  for (let up = folder; up !== '/tmp' && up !== '/'; up = join(up, '..')) chmodSync(up, 0o755); // its processes are not root, and must come by
  const [config, passwd, group, ...own] = ['smtpd.conf', 'passwd', 'group', 'cert.pem', 'key.pem'].map((name) => join(folder, name));
  mkdirSync(join(folder, 'mail'), { mode: 0o777 });
  chmodSync(join(folder, 'mail'), 0o777);
  for (const [at, given] of [cert, key].entries()) {
    copyFileSync(given, own[at]);
    chmodSync(own[at], 0o600); // it takes no file that others may write
  }
  writeFileSync(passwd, `${readFileSync('/etc/passwd', 'utf8')}opensmtpd:x:64201:64201::/var/lib/opensmtpd/empty:/bin/false\nopensmtpq:x:64202:64202::/var/lib/opensmtpd/empty:/bin/false\n`);
  writeFileSync(group, `${readFileSync('/etc/group', 'utf8')}opensmtpd:x:64201:\nopensmtpq:x:64202:\n`);
  writeFileSync(config, [
    `pki ${hostname} cert "${own[0]}"`, `pki ${hostname} key "${own[1]}"`,
    `listen on 127.0.0.1 port ${port} tls pki ${hostname} hostname ${hostname}`,
    ...(relayTo === undefined ? ['table all { "@" = "mail" }'] : []),
    relayTo === undefined ? `action "all" maildir "${join(folder, 'mail')}" virtual <all>` : `action "all" relay host smtp+tls://127.0.0.1:${relayTo} tls no-verify helo ${hostname}`,
    'match from any for any action "all"', '',
  ].join('\n'));
  const mounts = [
    'mount --make-rprivate /', 'for each in /var/spool /var/lib /run /usr/libexec; do mount -t tmpfs -o mode=755 none $each; done',
    'mkdir -p /var/spool/smtpd /var/lib/opensmtpd/empty /usr/libexec/opensmtpd', 'chmod 711 /var/spool/smtpd',
    `mount --bind ${join(PEERS, 'usr/libexec/opensmtpd')} /usr/libexec/opensmtpd`,
    `mount --bind ${passwd} /etc/passwd`, `mount --bind ${group} /etc/group`,
    `exec ${join(PEERS, 'usr/sbin/smtpd')} -d -f ${config}`,
  ];
  const program = stage.start('unshare', ['--mount', 'sh', '-ec', mounts.join('\n')], { env });
  stage.onEnd(() => program.stop('SIGTERM', 10));
  await until('OpenSMTPD listens', () => Client.connect(stage, port, '127.0.0.1').then((client) => client.reset() ?? true, () => false), 30);
  return { program };
}
