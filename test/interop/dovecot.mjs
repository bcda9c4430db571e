// Dovecot, unpacked into a folder and not installed: a server of LMTP, and a submission service that passes mail on.

import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, until } from './harness.mjs';
import { overlaid } from './overlay.mjs';
import { Client } from './peer.mjs';

const MAIL = 8; // the user and the group
const users = (password) => ['bob', 'carol', 'full'].map((name) => `${name}:{PLAIN}${password}:${MAIL}:${MAIL}::::${name === 'full' ? 'userdb_quota_rule=*:bytes=10' : ''}\n`).join('');

/**
 * Starts it; needs root. It has mailboxes for bob, carol and full, whose one is full, at any domain. What is submitted goes to the
 * port `relayTo`, by STARTTLS. Returns its ports, and the mails that have arrived for somebody, without the fields that it puts in front.
 */
export async function startDovecot(stage, { cert, key, password = '', relayTo = 25 }) {
  const folder = stage.folder('dovecot');
  for (let up = folder; up !== '/tmp' && up !== '/'; up = join(up, '..')) chmodSync(up, 0o755);
  const [lmtpPort, port] = [await freePort(), await freePort()];
  for (const each of ['run', 'mail']) mkdirSync(join(folder, each));
  chownSync(join(folder, 'mail'), MAIL, MAIL);
  copyFileSync(key, join(folder, 'key.pem'));
  writeFileSync(join(folder, 'users'), users(password));
  const config = join(folder, 'dovecot.conf');
  const listener = (service, name, at) => `service ${service} {\n  inet_listener ${name} {\n    address = 127.0.0.1\n    port = ${at}\n  }\n}`;
  const base = (driver) => `${driver} {\n  driver = passwd-file\n  args = username_format=%n ${folder}/users\n}`;
  writeFileSync(config, [
    `base_dir = ${folder}/run`, `state_dir = ${folder}/run`, `log_path = ${folder}/log`, 'protocols = lmtp submission', 'hostname = dovecot.test', 'default_internal_user = daemon', 'default_internal_group = daemon', 'default_login_user = nobody',
    'ssl = yes', `ssl_cert = <${cert}`, `ssl_key = <${folder}/key.pem`, 'auth_mechanisms = plain', 'first_valid_uid = 1', `mail_location = maildir:${folder}/mail/%n`, 'mail_plugins = quota', 'plugin {\n  quota = maildir:User quota\n  quota_rule = *:storage=100M\n  quota_grace = 0\n}',
    base('passdb'), base('userdb'), listener('lmtp', 'lmtp', lmtpPort), listener('submission-login', 'submission', port),
    'submission_relay_host = localhost', `submission_relay_port = ${relayTo}`, 'submission_relay_ssl = starttls', `ssl_client_ca_file = ${cert}`, '',
  ].join('\n'));
  const program = stage.start(...overlaid(['dovecot', '-F', '-c', config], { over: 'dovecot' }));
  stage.onEnd(() => program.stop('SIGTERM', 10));
  for (const each of [lmtpPort, port]) await until('Dovecot listens', () => Client.connect(stage, each, '127.0.0.1').then((client) => client.reset() ?? true, () => program.ended !== undefined), 30);
  const box = (name) => join(folder, 'mail', name, 'new');
  const list = (name) => {
    try {
      return readdirSync(box(name));
    } catch {
      return []; // it is made with the first mail
    }
  };
  return {
    lmtpPort,
    port,
    mailsOf: (name) => list(name).map((file) => Buffer.from(readFileSync(join(box(name), file), 'latin1').replace(/\r?\n/g, '\r\n').replace(/^(?:(?:Return-Path|Delivered-To|Received):.*\r\n(?:[ \t].*\r\n)*)+/, ''), 'latin1')),
  };
}
