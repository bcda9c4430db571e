// OpenSMTPD, unpacked into a folder and not installed. Its paths are compiled in: it gets a root of its own, made of the machine's
// folders with others mounted over them, or of unpacked packages alone, which nobody else sees (unshare --mount).

import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PEERS, until } from './harness.mjs';
import { Client } from './peer.mjs';

/** That of Debian 13 in PEERS/opensmtpd, with its libraries. */
const ROOT = join(PEERS, 'opensmtpd');

/**
 * Starts it; needs root. `hostname`: what it calls itself. It puts all mail into a Maildir, unless it is told where else to
 * bring it: `relay`, a port, for all mail; `actions`, by domain. `logins`, lines of a table: names and hashes, for which it offers
 * AUTH under TLS, or labels and `name:password`, for actions. `tlsPort`: where it speaks TLS at once. `env`: that of the
 * machine's own, unpacked in PEERS, whose TLS server does not hold.
 */
export async function startOpensmtpd(stage, { port, tlsPort, cert, key, hostname, relay, actions, logins = [], env }) {
  const folder = stage.folder('opensmtpd');
  for (let up = folder; up !== '/tmp' && up !== '/'; up = join(up, '..')) chmodSync(up, 0o755); // its processes are not root, and must come by
  const [config, passwd, group, table, ...own] = ['smtpd.conf', 'passwd', 'group', 'users', 'cert.pem', 'key.pem'].map((name) => join(folder, name));
  const mail = join(folder, 'mail');
  mkdirSync(mail);
  chmodSync(mail, 0o777);
  for (const [at, given] of [cert, key].entries()) {
    copyFileSync(given, own[at]);
    chmodSync(own[at], 0o600); // it takes no file that others may write
  }
  writeFileSync(passwd, `${readFileSync('/etc/passwd', 'utf8')}opensmtpd:x:64201:64201::/var/lib/opensmtpd/empty:/bin/false\nopensmtpq:x:64202:64202::/var/lib/opensmtpd/empty:/bin/false\n`);
  writeFileSync(group, `${readFileSync('/etc/group', 'utf8')}opensmtpd:x:64201:\nopensmtpq:x:64202:\n`);
  writeFileSync(table, [...logins, ''].join('\n'));
  const auth = logins.length > 0 && actions === undefined ? ' auth-optional <logins>' : '';
  const all = relay === undefined ? { any: `maildir "${mail}" virtual <all>` } : { any: `relay host smtp+tls://127.0.0.1:${relay} tls no-verify helo ${hostname}` };
  writeFileSync(config, [
    `pki ${hostname} cert "${own[0]}"`, `pki ${hostname} key "${own[1]}"`, `table logins file:${table}`,
    `listen on 127.0.0.1 port ${port} tls pki ${hostname}${auth} hostname ${hostname}`,
    ...(tlsPort === undefined ? [] : [`listen on 127.0.0.1 port ${tlsPort} smtps pki ${hostname}${auth} hostname ${hostname}`]),
    ...(env === undefined ? ['mta limit conn-delay-route 0', 'mta limit reconn-delay-route 0'] : []), 'table all { "@" = "mail" }',
    ...Object.entries(actions ?? all).flatMap(([domain, action]) => [`action "${domain}" ${action}`, `match from any for ${domain === 'any' ? 'any' : `domain "${domain}"`} action "${domain}"`]), '',
  ].join('\n'));
  const empty = ['mkdir -p var/spool/smtpd var/lib/opensmtpd/empty', 'chmod 711 var/spool/smtpd'];
  const mounts = env !== undefined
    ? ['for each in /var/spool /var/lib /run /usr/libexec; do mount -t tmpfs -o mode=755 none $each; done', ...empty, 'mkdir -p usr/libexec/opensmtpd', `mount --bind ${join(PEERS, 'usr/libexec/opensmtpd')} /usr/libexec/opensmtpd`, `mount --bind ${passwd} /etc/passwd`, `mount --bind ${group} /etc/group`, `exec ${join(PEERS, 'usr/sbin/smtpd')} -d -f ${config}`]
    : [`cd ${stage.folder('root')}`, 'mount -t tmpfs -o mode=755 none .', 'cd "$PWD"', 'mkdir -p usr dev etc run tmp proc', 'chmod 1777 tmp', 'mkdir -p var etc/ssl/certs', 'ln -s ../run var/run', `cp ${own[0]} etc/ssl/certs/ca-certificates.crt`, `mount --bind ${join(ROOT, 'usr')} usr`, 'for each in bin sbin lib lib64; do ln -s usr/$each $each; done', 'mount --rbind /dev dev', ...empty, `cp ${passwd} ${group} /etc/hosts etc`, `mkdir -p .${folder}`, `mount --bind ${folder} .${folder}`, `exec chroot . /usr/sbin/smtpd -d -f ${config}`];
  const program = stage.start('unshare', ['--mount', 'sh', '-ec', ['mount --make-rprivate /', 'cd /', ...mounts].join('\n')], env === undefined ? {} : { env });
  stage.onEnd(() => program.stop('SIGTERM', 10));
  await until('OpenSMTPD listens', () => Client.connect(stage, port, '127.0.0.1').then((client) => client.reset() ?? true, () => program.ended !== undefined), 30);
  const box = join(mail, 'new');
  return {
    program,
    /** Without the fields of its own; with CRLF, which files on a disk do not have. */
    mails: () => (existsSync(box) ? readdirSync(box).sort() : []).map((name) => {
      const whole = readFileSync(join(box, name), 'latin1');
      return Buffer.from(whole.replace(/^(?:(?:Return-Path|Delivered-To):.*\n)*Received:.*\n(?:[ \t].*\n)*/, '').replaceAll('\n', '\r\n'), 'latin1');
    }),
  };
}
