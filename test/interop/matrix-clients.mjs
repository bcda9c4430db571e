// Clients that send to `ehlo serve`, each in the ways it has. They are given a mail in a file, or its text where they compose
// mails themselves, and where to bring it.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EHLO, expect, PEERS, ROOT } from './harness.mjs';
import { overlaid } from './overlay.mjs';

export const CERT = join(ROOT, 'fixtures/tls/mx.pem'); // for mx.test, localhost and 127.0.0.1
export const KEY = join(ROOT, 'fixtures/tls/mx-key.pem');
export const [USER, PASSWORD] = ['tim', 'tanstaaf'];
export const FROM = 'alice@sender.test';

const here = (name) => join(ROOT, 'test/interop/client', name);
const swaksTls = { starttls: ['-tls'], tls: ['--tls-on-connect'] };
const withLogin = (given, ...words) => (given === undefined ? [] : words);

/**
 * Each: what it is sent by (`run`, with the stage, how, where and what), and the ways it has, by the columns of the table: true,
 * or the mechanism of AUTH. `composes`: it is given the body, and makes the header. `lines`: how it wants them, if not with CRLF. `behind`:
 * what it puts there.
 */
export const CLIENTS = {
  'swaks': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'PLAIN', tlsAuth: 'LOGIN', lmtp: true },
    run: (stage, { tls, auth, lmtp, port, socket, to, file }) => stage.run(join(PEERS, 'swaks'), [
      ...(lmtp ? ['--socket', socket, '--protocol', 'LMTP'] : ['--server', `localhost:${port}`]), '--helo', 'client.test', '--from', FROM, '--to', to, '--data', `@${file}`,
      ...(swaksTls[tls] ?? []), ...withLogin(auth, '--auth', auth, '--auth-user', USER, '--auth-password', PASSWORD),
    ]),
    lines: 'lf, the last one open',
  },
  'curl': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'PLAIN', tlsAuth: 'LOGIN' },
    run: (stage, { tls, auth, port, to, file }) => stage.run('curl', [
      '-sS', '-4', '--cacert', CERT, '--mail-from', FROM, '--mail-rcpt', to, '--upload-file', file, ...(tls === 'starttls' ? ['--ssl-reqd'] : []),
      ...withLogin(auth, '--user', `${USER}:${PASSWORD}`, '--login-options', `AUTH=${auth}`), `${tls === 'tls' ? 'smtps' : 'smtp'}://localhost:${port}/client.test`,
    ]),
  },
  'Python smtplib': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'PLAIN', tlsAuth: 'LOGIN', lmtp: true },
    run: (stage, { tls, auth, lmtp, port, socket, to, file }) => stage.run('python3', [
      join(ROOT, 'test/interop/send_mail.py'), 'secure', lmtp ? 'lmtp' : tls ?? 'clear', lmtp ? socket : String(port), FROM, to, file, ...withLogin(auth, USER, PASSWORD, auth),
    ]).then((ended) => ({ ...ended, status: ended.out.includes('"refused": {}, "error": null') ? ended.status : 1 })),
  },
  'aiosmtplib': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'PLAIN', tlsAuth: 'PLAIN' },
    run: (stage, { tls, auth, port, to, file }) => stage.run('python3', [here('aiosmtplib_send.py'), tls ?? 'clear', String(port), CERT, FROM, to, file, ...withLogin(auth, USER, PASSWORD)], { env: { ...process.env, PYTHONPATH: join(PEERS, 'clients/usr/lib/python3/dist-packages') } }),
  },
  'Perl Net::SMTP': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'LOGIN', tlsAuth: 'PLAIN' },
    run: (stage, { tls, auth, port, to, file }) => stage.run(...overlaid(['perl', here('net-smtp.pl'), tls ?? 'clear', port, CERT, FROM, to, file, ...withLogin(auth, USER, PASSWORD, auth)])),
  },
  'msmtp': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'SCRAM-SHA-256', tlsAuth: 'PLAIN' },
    async run(stage, { tls, auth, port, to, octets }) {
      const config = written(stage, [
        'account default', 'host localhost', `port ${port}`, 'domain client.test', 'source_ip 127.0.0.1', `from ${FROM}`, ...(tls === undefined ? [] : ['tls on', `tls_starttls ${tls === 'starttls' ? 'on' : 'off'}`, `tls_trust_file ${CERT}`]),
        ...withLogin(auth, `auth ${auth?.toLowerCase()}`, `user ${USER}`, `password ${PASSWORD}`), 'set_date_header off', 'set_msgid_header off', 'set_from_header off', '',
      ].join('\n'));
      return stage.run(join(PEERS, 'msmtp'), [`--file=${config}`, to], { input: octets });
    },
    lines: 'lf',
  },
  'sSMTP': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'LOGIN', tlsAuth: 'LOGIN' },
    run(stage, { tls, auth, port, to, octets }) {
      const config = written(stage, [`mailhub=127.0.0.1:${port}`, 'hostname=client.test', 'FromLineOverride=YES', ...(tls === undefined ? [] : ['UseTLS=YES', `TLS_CA_File=${CERT}`]), ...(tls === 'starttls' ? ['UseSTARTTLS=YES'] : []), ...withLogin(auth, `AuthUser=${USER}`, `AuthPass=${PASSWORD}`), ''].join('\n'));
      return stage.run(...overlaid(['ssmtp', '-C', config, '-f', FROM, to], { input: octets }));
    },
    lines: 'lf',
  },
  'DragonFly dma': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'LOGIN', tlsAuth: 'LOGIN' },
    run(stage, { tls, auth, port, to, octets }) {
      const config = ['SMARTHOST localhost', `PORT ${port}`, 'MAILNAME client.test', 'AUTHPATH /etc/dma/auth.conf', ...(tls === undefined ? [] : ['SECURETRANSFER']), ...(tls === 'starttls' ? ['STARTTLS'] : []), ''].join('\n');
      return stage.run(...overlaid(['sh', '-ec', [
        'mount -t tmpfs none /var/spool', 'mkdir -p /var/spool/dma etc/dma', 'chown mail:mail /var/spool/dma', 'chmod 755 .',
        `printf '%s' "$CONFIG" >etc/dma/dma.conf`, `printf '%s' "$LOGIN" >etc/dma/auth.conf`, 'mount -t overlay none -o lowerdir=$PWD/etc:/etc /etc', `dma -i -D -f ${FROM} ${to}`,
        'test -z "$(ls /var/spool/dma | grep -v flush)" || { cat /var/spool/dma/*; exit 75; }', // what it could not send stays there
      ].join('\n')], { env: { CONFIG: config, LOGIN: auth === undefined ? '' : `${USER}|localhost:${PASSWORD}\n` }, input: octets, cwd: stage.folder('dma') }));
    },
    lines: 'lf',
  },
  'nullmailer': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'PLAIN', tlsAuth: 'LOGIN' },
    run(stage, { tls, auth, port, to, octets }) {
      const mail = written(stage, Buffer.concat([Buffer.from(`${FROM}\n${to}\n\n`), octets]));
      const options = written(stage, ['host=localhost', `port=${port}`, ...(tls === undefined ? [] : [tls, `x509cafile=${CERT}`]), ...withLogin(auth, `user=${USER}`, `pass=${PASSWORD}`, ...(auth === 'LOGIN' ? ['auth-login'] : [])), '', ''].join('\n'));
      return stage.run(...overlaid(['sh', '-c', `HELOHOST=client.test exec /usr/lib/nullmailer/smtp <${options} 3<${mail}`]));
    },
    lines: 'lf',
  },
  'OpenSMTPD smtp': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'PLAIN', tlsAuth: 'PLAIN' },
    run: (stage, { tls, auth, port, to, octets }) => stage.run('unshare', ['--mount', 'sh', '-ec', [
      'mount --make-rprivate /', 'mount --bind "$PWD/usr" /usr', `exec smtp -C -H client.test -F ${FROM} -s ${{ starttls: 'smtp+tls', tls: 'smtps' }[tls] ?? 'smtp+notls'}://${auth === undefined ? '' : `${USER}:${PASSWORD}@`}127.0.0.1:${port} ${to}`,
    ].join('\n')], { cwd: join(PEERS, 'opensmtpd'), input: octets }),
    lines: 'lf',
  },
  'nodemailer': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'LOGIN', tlsAuth: 'PLAIN' },
    run: (stage, { tls, auth, port, to, file }) => stage.run(process.execPath, [here('nodemailer.cjs'), join(PEERS, 'nodemailer/node_modules/nodemailer'), tls ?? 'clear', String(port), CERT, FROM, to, file, ...withLogin(auth, USER, PASSWORD, auth)]),
  },
  'emailjs': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'PLAIN', tlsAuth: 'LOGIN' },
    run: (stage, { tls, auth, port, to, file }) => stage.run(process.execPath, [here('emailjs.mjs'), join(PEERS, 'emailjs/node_modules/emailjs/dist/index.js'), tls ?? 'clear', String(port), CERT, FROM, to, file, ...withLogin(auth, USER, PASSWORD, auth)]),
    composes: 'without dots', // which it leaves as they are
    behind: '\r\n\r\n\r\n',
  },
  'Mutt': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'PLAIN', tlsAuth: 'LOGIN' },
    run(stage, { tls, auth, port, to, octets }) {
      const config = written(stage, [
        `set smtp_url="${tls === 'tls' ? 'smtps' : 'smtp'}://${auth === undefined ? '' : `${USER}:${PASSWORD}@`}localhost:${port}/"`, ...withLogin(auth, `set smtp_authenticators="${auth?.toLowerCase()}"`),
        `set ssl_starttls=${tls === 'starttls' ? 'yes' : 'no'}`, `set ssl_force_tls=${tls === undefined ? 'no' : 'yes'}`, `set certificate_file="${CERT}"`, 'set ssl_ca_certificates_file=""',
        'set hostname="client.test"', `set from="${FROM}"`, `set envelope_from_address="${FROM}"`, 'set use_envelope_from=yes', 'set copy=no', 'set record=""', '',
      ].join('\n'));
      return stage.run(...overlaid(['mutt', '-n', '-F', config, '-s', 'content', to], { env: { HOME: stage.folder('home') }, input: octets }));
    },
    lines: 'lf',
    composes: true,
  },
  's-nail': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'PLAIN', tlsAuth: 'LOGIN' },
    run(stage, { tls, auth, port, to, octets }) {
      const set = Object.entries({
        'v15-compat': '', 'mta': `${tls === 'tls' ? 'smtps' : 'smtp'}://${auth === undefined ? '' : `${USER}:${PASSWORD}@`}localhost:${port}`, ...(tls === 'starttls' ? { 'smtp-use-starttls': '' } : {}),
        'smtp-auth': auth?.toLowerCase() ?? 'none', 'nosave': '', 'hostname': 'client.test', 'tls-ca-file': CERT, 'tls-verify': 'strict', 'from': FROM,
      }).flatMap(([name, value]) => ['-S', value === '' ? name : `${name}=${value}`]);
      return stage.run(...overlaid(['s-nail', '-:/', ...set, '-r', FROM, '-s', 'content', to], { env: { HOME: stage.folder('home'), MAILRC: '/dev/null' }, input: octets }));
    },
    lines: 'lf',
    composes: true,
  },
  'git send-email': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'PLAIN', tlsAuth: 'LOGIN' },
    run(stage, { tls, auth, port, to, octets }) {
      const patch = written(stage, Buffer.concat([Buffer.from(`From ${'0'.repeat(40)} Mon Sep 17 00:00:00 2001\nFrom: ${FROM}\nDate: Mon, 23 Nov 2026 12:00:00 +0000\nSubject: [PATCH] content\nMessage-Id: <1@sender.test>\n\n`), octets]));
      return stage.run(...overlaid([
        'perl', '/usr/lib/git-core/git-send-email', '--quiet', '--confirm=never', '--no-thread', '--suppress-cc=all', '--8bit-encoding=UTF-8', '--transfer-encoding=8bit', '--smtp-server=localhost', `--smtp-server-port=${port}`, '--smtp-domain=client.test', `--from=${FROM}`, `--to=${to}`,
        ...(tls === undefined ? [] : [`--smtp-encryption=${tls === 'tls' ? 'ssl' : 'tls'}`, `--smtp-ssl-cert-path=${CERT}`]), ...withLogin(auth, `--smtp-user=${USER}`, `--smtp-pass=${PASSWORD}`, `--smtp-auth=${auth}`), patch,
      ], { env: { HOME: stage.folder('home'), GIT_CONFIG_NOSYSTEM: '1', GIT_AUTHOR_NAME: 'Alice', GIT_AUTHOR_EMAIL: FROM, GIT_COMMITTER_NAME: 'Alice', GIT_COMMITTER_EMAIL: FROM }, cwd: stage.folder('git') }));
    },
    lines: 'lf',
    composes: true,
  },
  'openssl s_client': {
    ways: { starttls: true, tls: true },
    run: (stage, { tls, port, to, octets }) => stage.run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-quiet', '-CAfile', CERT, '-verify_return_error', ...(tls === 'starttls' ? ['-starttls', 'smtp'] : [])], {
      input: Buffer.concat([Buffer.from(`EHLO client.test\r\nMAIL FROM:<${FROM}>\r\nrcpt to:<${to}>\r\nDATA\r\n`), Buffer.from(octets.toString('latin1').replace(/^\./gm, '..'), 'latin1'), Buffer.from('.\r\nQUIT\r\n')]),
    }).then((ended) => ({ ...ended, status: /^221 /m.test(ended.out) ? 0 : 1 })),
  },
  'ehlo send': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'SCRAM-SHA-256', tlsAuth: 'SCRAM-SHA-256', lmtp: true },
    run: (stage, { tls, auth, lmtp, port, lmtpPort, to, file }) => stage.run(process.execPath, [
      EHLO, 'send', '--server', lmtp ? `lmtp://127.0.0.1:${lmtpPort}` : `${tls === 'tls' ? 'smtps' : 'smtp'}://127.0.0.1:${port}`, '--hostname', 'client.test', '--from', FROM, '--to', to, '--tls-ca', CERT, '--tls', tls === undefined ? 'off' : 'verify',
      ...withLogin(auth, '--user', USER, '--password-file', written(stage, `${PASSWORD}\n`)), file,
    ]),
  },
};

function written(stage, content, mode = 0o644) {
  const path = join(stage.folder('file'), 'file');
  writeFileSync(path, content, { mode });
  return path;
}
