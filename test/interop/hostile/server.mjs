// The servers that the cases are played against: each is started when the first case wants it, and stopped when all checks are
// over. Loopback is a stranger to all of them: who may relay is a network that is not ours.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectEqual, ROOT } from '../harness.mjs';

export const USER = 'tim';
export const PASSWORD = 'tanstaaf tanstaaf';
/** The password, and what stands for it on the wire. */
export const SECRETS = [PASSWORD, ...[PASSWORD, `\0${USER}\0${PASSWORD}`].map((text) => Buffer.from(text).toString('base64'))];
const CERTIFICATE = join(ROOT, 'fixtures/tls/mx.pem');
const STRANGER = ['--accept', 'local.test', '--relay-from', '192.0.2.0/24', '--max-connections-per-client', '1000'];
const SECURE = ['--tls-cert', CERTIFICATE, '--tls-key', join(ROOT, 'fixtures/tls/mx-key.pem')];

/** Options by the name of the server; a name may be followed by the scheme of the listener, as in `secure/smtps`. */
const SERVERS = {
  plain: STRANGER,
  small: [...STRANGER, '--max-size', '1000', '--max-recipients', '100'],
  secure: [...STRANGER, ...SECURE, '--users', 'USERS'],
  few: [...STRANGER.slice(0, -1), '3', '--max-recipients', '3'],
  fewer: [...STRANGER, '--max-connections', '2'],
  proxied: [...STRANGER, '--proxy-from', '127.0.0.0/8'],
};
const SCHEMES = { secure: ['smtp', 'smtps', 'submission', 'submissions', 'lmtp'], small: ['smtp', 'lmtp'] };

/**
 * Starts the server of that name on the stage.
 * @returns where it listens: `server.of('smtps')`
 */
export async function startServer(name, stage) {
  const maildir = stage.folder('maildir');
  const words = SERVERS[name].map((word) => word);
  const users = words.indexOf('USERS');
  if (users >= 0) words[users] = await makeUsers(stage);
  const schemes = SCHEMES[name] ?? ['smtp'];
  const program = await stage.serve([...words, '--maildir', maildir, ...schemes.flatMap((scheme) => ['--listen', `${scheme}://127.0.0.1:0`])]);
  const ports = new Map();
  for (const scheme of schemes) ports.set(scheme, Number((await program.find(new RegExp(`listening on ${scheme}://127\\.0\\.0\\.1:(\\d+)$`, 'm')))[1]));
  return { program, maildir, of: (scheme) => ({ port: ports.get(scheme), maildir, program, tls: { ca: readFileSync(CERTIFICATE) } }) };
}

/** A file with one user whose password is kept for SCRAM, and one for whom only a hash is kept. */
async function makeUsers(stage) {
  const made = await Promise.all([['scram-sha-256', USER], ['scrypt', 'tom']].map(([scheme, user]) => stage.ehlo(['passwd', '--scheme', scheme, user], { input: `${PASSWORD}\n` })));
  for (const { status, err } of made) expectEqual(status, 0, `exit status of ehlo passwd (${err})`);
  const path = join(stage.folder('users'), 'users');
  writeFileSync(path, made.map(({ out }) => out).join(''));
  return path;
}
