// Exim, unpacked into a folder and not installed, as a server that puts all it takes into one Maildir.

import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { PEERS, until } from './harness.mjs';
import { Client } from './peer.mjs';

/**
 * Starts it; needs root, as Exim does. With `relayTo`, a port, it relays all mail there, under TLS; with `relays` that to each domain
 * to its port, with more lines of the transport. `tlsPort`: where it speaks TLS at once. `rcpt` and `data`: lines of the ACLs that
 * say who and what is taken. Returns the mails that have arrived, without the fields that Exim puts in front.
 */
export async function startExim(stage, { port, tlsPort, cert, key, user, password, relayTo, relays = relayTo === undefined ? undefined : [{ domain: '*', port: relayTo, lines: ['hosts_require_tls = *'] }], rcpt = ['accept'], data = ['accept'], hostname = 'exim.test' }) {
  const folder = stage.folder('exim');
  for (let up = folder; up !== '/tmp' && up !== '/'; up = join(up, '..')) chmodSync(up, 0o755);
  const [spool, log, mail] = ['spool', 'log', 'mail'].map((name) => join(folder, name));
  for (const each of [spool, log, mail]) {
    mkdirSync(each);
    chownSync(each, 8, 8); // mail
  }
  const keys = join(folder, 'key.pem');
  writeFileSync(keys, readFileSync(key));
  chownSync(keys, 8, 8);
  const config = join(folder, 'exim.conf');
  writeFileSync(config, `
exim_user = mail
exim_group = mail
never_users =
primary_hostname = ${hostname}
spool_directory = ${spool}
log_file_path = ${log}/%slog
acl_smtp_rcpt = of_rcpt
acl_smtp_data = of_data
domainlist local_domains = ${relays === undefined ? '*' : ''}
${tlsPort === undefined ? '' : `tls_on_connect_ports = ${tlsPort}`}
tls_advertise_hosts = *
tls_certificate = ${cert}
tls_privatekey = ${keys}
chunking_advertise_hosts = *
pipelining_advertise_hosts = *
smtputf8_advertise_hosts = *
accept_8bitmime = true
message_size_limit = 50M
host_lookup =
rfc1413_hosts =
qualify_domain = ${hostname}
keep_environment = LD_LIBRARY_PATH
exim_path = ${join(PEERS, 'usr/sbin/exim4')}
smtp_accept_max = 100
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 1000
local_from_check = false
message_id_header_text =
begin acl
of_rcpt:
${rcpt.map((line) => `  ${line}\n`).join('')}of_data:
${data.map((line) => `  ${line}\n`).join('')}begin routers
${relays?.map(({ domain }, at) => `to${at}:\n  driver = manualroute\n  domains = ${domain}\n  route_list = * 127.0.0.1\n  self = send\n  transport = onward${at}`).join('\n') ?? 'all:\n  driver = accept\n  transport = maildir'}
begin transports
${(relays ?? []).map((each, at) => onward(at, each, cert)).join('')}
maildir:
  driver = appendfile
  directory = ${mail}/box
  maildir_format
  user = mail
  group = mail
  check_string =
  escape_string =
  return_path_add = false
  message_prefix =
  message_suffix =
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = \${if def:tls_in_cipher}
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{${user}}}{eq{$auth3}{${password}}}}}
  server_set_id = $auth2
  client_send = ^${user}^${password}
`);
  const libraries = [`usr/lib/${machine()}-linux-gnu`, `lib/${machine()}-linux-gnu`].map((path) => join(PEERS, path)).join(':');
  const program = stage.start(join(PEERS, 'usr/sbin/exim4'), ['-C', config, '-bdf', '-q1m', '-oX', `127.0.0.1.${port}${tlsPort === undefined ? '' : ` : 127.0.0.1.${tlsPort}`}`], { env: { ...process.env, LD_LIBRARY_PATH: libraries } });
  stage.onEnd(() => program.stop('SIGTERM', 10));
  await until('Exim listens', () => Client.connect(stage, port, '127.0.0.1').then((client) => client.reset() ?? true, () => false), 30);
  const box = join(mail, 'box', 'new');
  return {
    program,
    mails: () => list(box).map((name) => {
      const whole = readFileSync(join(box, name)).toString('latin1');
      return Buffer.from(whole.replace(/^(?:(?:Envelope-to|Delivery-date|Received):.*\n(?:[ \t].*\n)*)*?Received:.*\n(?:[ \t].*\n)*/, '').replaceAll('\n', '\r\n'), 'latin1');
    }),
  };
}

function onward(at, { port, lines }, cert) {
  return `onward${at}:
  driver = smtp
  port = ${port}
  hosts_try_chunking = *
  tls_verify_certificates = ${cert}
  tls_verify_cert_hostnames =
  tls_verify_hosts = *
  utf8_downconvert = 0
${lines.map((line) => `  ${line}\n`).join('')}`;
}

function machine() {
  return execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim();
}

function list(folder) {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
