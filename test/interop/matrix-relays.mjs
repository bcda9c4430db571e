// Relays that bring mail to `ehlo serve`, each in the ways it has: the domain of the recipient says which, `starttls.test` by
// STARTTLS. `start` is given the ports of the listeners, and returns its own.

import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, PEERS } from './harness.mjs';
import { startExim } from './exim.mjs';
import { CERT, KEY, PASSWORD, USER } from './matrix-clients.mjs';
import { startOpensmtpd } from './opensmtpd.mjs';
import { startPostfix } from './postfix.mjs';
import { UNPACKED } from './record-stage.mjs';
import { startSendmail } from './sendmail.mjs';

export const RELAYS = {
  'Postfix': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'PLAIN', tlsAuth: 'LOGIN', lmtp: true },
    async start(stage, ports) {
      const port = await freePort();
      const service = (name, ...options) => `${name} unix - - n - - smtp ${options.map((option) => `-o ${option}`).join(' ')}`;
      const auth = ['smtp_sasl_auth_enable=yes', `smtp_sasl_password_maps=static:${USER}:${PASSWORD}`, 'smtp_sasl_security_options=noanonymous'];
      await startPostfix(stage, {
        port, cert: CERT, key: KEY,
        lines: [
          'virtual_mailbox_domains =', 'smtpd_relay_restrictions = permit_mynetworks, reject', 'smtp_tls_security_level = secure', `smtp_tls_CAfile = ${CERT}`, 'smtp_tls_secure_cert_match = mx.test', 'smtp_host_lookup = native',
          `transport_maps = inline:{ ${Object.entries({ clear: ports.smtp, starttls: ports.smtp, tls: ports.smtps, starttlsAuth: ports.submission, tlsAuth: ports.submissions }).map(([way, to]) => `{${way.toLowerCase()}.test=to-${way.toLowerCase()}:[127.0.0.1]:${to}}`).join(' ')} {lmtp.test=to-lmtp:inet:127.0.0.1:${ports.lmtp}} }`,
        ],
        services: [
          service('to-clear', 'smtp_tls_security_level=none'), service('to-starttls'), service('to-tls', 'smtp_tls_wrappermode=yes'),
          service('to-starttlsauth', ...auth, 'smtp_sasl_mechanism_filter=plain'), service('to-tlsauth', ...auth, 'smtp_tls_wrappermode=yes', 'smtp_sasl_mechanism_filter=login'), 'to-lmtp unix - - n - - lmtp -o lmtp_tls_security_level=none',
        ],
      });
      return port;
    },
  },
  'Exim': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'PLAIN', tlsAuth: 'PLAIN', lmtp: true },
    async start(stage, ports) {
      const port = await freePort();
      const relays = [
        { domain: 'clear.test', port: ports.smtp, lines: ['hosts_avoid_tls = *', 'hosts_try_auth ='] },
        { domain: 'starttls.test', port: ports.smtp, lines: ['hosts_require_tls = *'] },
        { domain: 'tls.test', port: ports.smtps, lines: ['protocol = smtps'] },
        { domain: 'starttlsauth.test', port: ports.submission, lines: ['hosts_require_tls = *', 'hosts_require_auth = *'] },
        { domain: 'tlsauth.test', port: ports.submissions, lines: ['protocol = smtps', 'hosts_require_auth = *'] },
        { domain: 'lmtp.test', port: ports.lmtp, lines: ['protocol = lmtp', 'hosts_avoid_tls = *'] },
      ];
      await startExim(stage, { port, cert: CERT, key: KEY, user: USER, password: PASSWORD, relays });
      return port;
    },
  },
  'OpenSMTPD': {
    ways: { clear: true, starttls: true, tls: true, starttlsAuth: 'PLAIN', tlsAuth: 'PLAIN', lmtp: true },
    async start(stage, ports) {
      const port = await freePort();
      const relay = (scheme, to, more = '') => `relay host "${scheme}://${more === '' ? '' : 'us@'}127.0.0.1:${to}" ${more}${scheme === 'smtp+notls' ? '' : ' tls no-verify'} helo opensmtpd.test`;
      await startOpensmtpd(stage, {
        port, cert: CERT, key: KEY, hostname: 'opensmtpd.test', logins: [`us ${USER}:${PASSWORD}`],
        actions: {
          'clear.test': relay('smtp+notls', ports.smtp), 'starttls.test': relay('smtp+tls', ports.smtp), 'tls.test': relay('smtps', ports.smtps),
          'starttlsauth.test': relay('smtp+tls', ports.submission, 'auth <logins>'), 'tlsauth.test': relay('smtps', ports.submissions, 'auth <logins>'),
          'lmtp.test': `lmtp "127.0.0.1:${ports.lmtp}" rcpt-to virtual <all>`,
        },
      });
      return port;
    },
  },
  'Sendmail': {
    ways: { starttls: true },
    async start(stage, ports) {
      const port = await freePort();
      await startSendmail(stage, { port, hostname: 'sendmail.test', relayTo: ports.smtp, env: UNPACKED });
      return port;
    },
  },
};
