// Postfix, unpacked into a folder and not installed, as a server that puts all it takes into one Maildir.

import { mkdirSync, writeFileSync, chownSync, chmodSync, readdirSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { PEERS, until } from './harness.mjs';
import { Client } from './peer.mjs';

const LIBRARIES = (execFileSync('uname', ['-m'], { encoding: 'utf8' })).trim();

/** Starts it; needs root, as Postfix does. `lines` and `services`: more of main.cf and of master.cf. `sasl`: its sasl/smtpd.conf. Returns the mails that have arrived, without the fields that Postfix puts in front. */
export async function startPostfix(stage, { port, cert, key, lines = [], services = [], sasl }) {
  const folder = stage.folder('postfix');
  const [config, spool, data, mail] = ['etc', 'spool', 'data', 'mail'].map((name) => {
    mkdirSync(join(folder, name), { mode: 0o755 });
    return join(folder, name);
  });
  for (let up = folder; up !== '/tmp' && up !== '/'; up = join(up, '..')) chmodSync(up, 0o755); // its processes are not root, and must come by
  const { uid, gid } = idOf('mail');
  chownSync(data, uid, gid);
  chownSync(mail, uid, gid);
  const daemons = join(PEERS, 'usr/lib/postfix/sbin');
  const libraries = ['usr/lib/postfix', `usr/lib/${LIBRARIES}-linux-gnu`, `lib/${LIBRARIES}-linux-gnu`].map((path) => join(PEERS, path)).join(':');
  const settings = {
    compatibility_level: '3.6',
    queue_directory: spool, data_directory: data, daemon_directory: daemons, command_directory: join(PEERS, 'usr/sbin'), shlib_directory: join(PEERS, 'usr/lib/postfix'), meta_directory: config,
    mail_owner: 'mail', setgid_group: 'tape', default_privs: 'nobody',
    import_environment: `LD_LIBRARY_PATH=${libraries} MAIL_CONFIG=${config} SASL_PATH=${join(PEERS, `usr/lib/${LIBRARIES}-linux-gnu/sasl2`)}`,
    maillog_file: join(folder, 'log'), maillog_file_prefixes: '/',
    inet_interfaces: '127.0.0.1', inet_protocols: 'ipv4', myhostname: 'postfix.test', mydestination: '', mynetworks: '127.0.0.0/8', alias_maps: '', alias_database: '', local_recipient_maps: '',
    relay_domains: '', smtpd_relay_restrictions: 'reject_unauth_destination', smtpd_tls_cert_file: cert, smtpd_tls_key_file: key, smtpd_tls_security_level: 'may', smtputf8_enable: 'yes', local_header_rewrite_clients: '',
    virtual_mailbox_domains: 'static:all', virtual_mailbox_maps: 'static:all/', virtual_mailbox_base: mail, virtual_uid_maps: `static:${uid}`, virtual_gid_maps: `static:${gid}`, virtual_mailbox_limit: '0', virtual_minimum_uid: '1', message_size_limit: '50000000', line_length_limit: '2048', smtp_line_length_limit: '0',
  };
  writeFileSync(join(config, 'main.cf'), [...Object.entries(settings).map(([name, value]) => `${name} = ${value}`), ...lines, ''].join('\n'));
  if (sasl !== undefined) {
    mkdirSync(join(config, 'sasl'));
    writeFileSync(join(config, 'sasl/smtpd.conf'), sasl);
  }
  const service = (name, type, command, open = '-') => `${name} ${type} ${open} ${command === 'virtual' ? 'n' : '-'} n - ${LIMITS[command] ?? '-'} ${command}`; // `n`: not for Postfix alone
  writeFileSync(join(config, 'master.cf'), [
    service(`127.0.0.1:${port}`, 'inet', 'smtpd', 'n'),
    service('cleanup', 'unix', 'cleanup', 'n'),
    ...['bounce', 'trivial-rewrite', 'proxymap', 'virtual', 'error', 'anvil', 'scache', 'tlsmgr', 'local', 'smtp'].map((name) => service(NAMES[name] ?? name, 'unix', name)),
    service('retry', 'unix', 'error'), service('defer', 'unix', 'bounce'), service('trace', 'unix', 'bounce'),
    'qmgr unix n - n 300 1 qmgr', 'postlog unix-dgram n - n - 1 postlogd', ...services, '',
  ].join('\n'));
  for (const name of ['active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush', 'hold', 'incoming', 'private', 'saved', 'trace']) mkdirSync(join(spool, name), { mode: 0o700 });
  for (const name of ['public', 'maildrop', 'pid']) mkdirSync(join(spool, name), { mode: name === 'maildrop' ? 0o730 : 0o755 });
  for (const name of readdirSync(spool)) if (name !== 'pid') chownSync(join(spool, name), uid, name === 'public' || name === 'maildrop' ? groupOf('tape') : 0);
  const program = stage.start(join(daemons, 'master'), ['-c', config, '-s', '-d'], { env: { ...process.env, LD_LIBRARY_PATH: libraries, MAIL_CONFIG: config } });
  stage.onEnd(() => program.stop('SIGTERM', 10));
  await until('Postfix listens', () => Client.connect(stage, port, '127.0.0.1').then((client) => client.reset() ?? true, () => false), 30);
  const box = join(mail, 'all', 'new');
  return {
    program,
    /** Without the fields of Postfix's; with CRLF, which files on a disk do not have. */
    mails: () => list(box).map((name) => {
      const whole = readFileSync(join(box, name)).toString('latin1');
      return Buffer.from(whole.replace(/^(?:(?:Return-Path|X-Original-To|Delivered-To|Received):.*\n(?:[ \t].*\n)*?)*?(?=(?!Return-Path|X-Original-To|Delivered-To|Received|[ \t]))/, '').replaceAll('\n', '\r\n'), 'latin1');
    }),
    whole: () => list(box).map((name) => readFileSync(join(box, name), 'latin1')),
  };
}

/** How many processes of a kind there must be, 0 for any number. */
const LIMITS = { anvil: 1, scache: 1, tlsmgr: 1, cleanup: 0, bounce: 0 };

const NAMES = { 'trivial-rewrite': 'rewrite' };

function list(folder) {
  try {
    return readdirSync(folder).sort();
  } catch {
    return []; // it is made with the first mail
  }
}

function idOf(name) {
  const [, , uid, gid] = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':')).find(([own]) => own === name) ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

function groupOf(name) {
  return Number(readFileSync('/etc/group', 'utf8').split('\n').map((line) => line.split(':')).find(([own]) => own === name)?.[2] ?? 0);
}
