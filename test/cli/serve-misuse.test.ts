import cluster from 'node:cluster';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NEXT_HOP, ROUTE } from '../../src/cli/option.ts';
import { OPTIONS } from '../../src/cli/serve-option.ts';
import { serve } from '../../src/cli/serve.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/tls');
const MX = ['--tls-cert', join(FIXTURES, 'mx.pem'), '--tls-key', join(FIXTURES, 'mx-key.pem')];

/** What `ehlo serve` says when it does not serve. Nothing is made in that case. */
async function failure(args: readonly string[]): Promise<{ readonly status: number; readonly said: string }> {
  using folder = temporaryDirectory();
  const queue = join(folder.path, 'queue');
  let said = '';
  const status = await serve([...args.map((word) => word.replace('FOLDER', folder.path)), '--queue', queue], { out: () => undefined, err: (text) => (said += text) });
  expect(existsSync(queue)).toBe(false);
  return { status, said: said.replaceAll(folder.path, 'FOLDER') };
}

describe('ehlo serve is misused', () => {
  // found by trying: it waited, without a word, to be told what to do
  it('as a worker of another program: one line, and status 64', async () => {
    const { isWorker } = cluster;
    Object.assign(cluster, { isWorker: true });
    const { status, said } = await failure([]).finally(() => Object.assign(cluster, { isWorker }));
    expect(status).toBe(64);
    expect(said).toBe('ehlo serve: it is run as a worker of node:cluster by another program: expected a process of its own, in which --workers N makes workers\n');
  });

  it.each([
    [['--listen', 'smtps://127.0.0.1:0'], '--listen smtps: expected --tls-cert and --tls-key with it'],
    [['--listen', 'submissions://127.0.0.1:0', '--users', 'x'], '--listen submissions: expected --tls-cert and --tls-key with it'],
    [['--listen', 'submission://127.0.0.1:0'], '--listen submission: expected --users with it, since nobody may submit without AUTH'],
    [['--listen', 'submissions://127.0.0.1:0', ...MX], '--listen submissions: expected --users with it, since nobody may submit without AUTH'],
    [['--listen', 'smtp://127.0.0.1:0', '--listen', 'smtps://127.0.0.1:0'], '--listen smtps: expected --tls-cert and --tls-key with it'],
    [['--smarthost', 'hub.test:587', '--smarthost-user', 'tim'], '--smarthost-user and --smarthost-password-file: expected both or neither'],
    [['--smarthost', 'smtps://hub.test:587'], `--smarthost "smtps://hub.test:587": expected ${NEXT_HOP.expected}`],
    [['--smarthost', 'smtps:hub.test'], `--smarthost "smtps:hub.test": expected ${NEXT_HOP.expected}`],
    [['--smarthost', 'smtps://alice:tanstaaf@hub.test'], `--smarthost "smtps://…@hub.test": expected ${NEXT_HOP.expected}`],
    [['--smarthost', 'smtps://alice:tan@staaf@hub.test'], `--smarthost "smtps://…@hub.test": expected ${NEXT_HOP.expected}`],
    [['--smarthost', 'alice:tanstaaf@hub.test:587'], `--smarthost "…@hub.test:587": expected ${NEXT_HOP.expected}`],
    [['--route', 'a.test=alice:tan@staaf@hub.test'], `--route "a.test=…@hub.test": expected ${ROUTE.expected}`],
    [['--route', 'a.test=smtps://hub.test/x'], `--route "a.test=smtps://hub.test/x": expected ${ROUTE.expected}`],
    [['--smarthost-password-file', 'x'], '--smarthost-user and --smarthost-password-file: expected both or neither'],
    [['--smarthost-user', 'tim', '--smarthost-password-file', 'x'], '--smarthost-user: expected --smarthost with it'],
    [['--tls-cert', 'x'], '--tls-cert and --tls-key: expected both or neither'],
    [['--tls-key', 'x'], '--tls-cert and --tls-key: expected both or neither'],
    [['--listen', 'smtp:fd/1'], '--listen "smtp:fd/1": expected SCHEME://HOST:PORT, SCHEME:/PATH (of 103 octets at most) or SCHEME:fd/N, such as smtp://127.0.0.1:2525, submissions://[::]:465 or lmtp:/run/ehlo.sock; the schemes are smtp, smtps, submission, submissions, lmtp (not on port 25)'],
    [['--listen', 'lmtp://127.0.0.1:25'], '--listen "lmtp://127.0.0.1:25": expected SCHEME://HOST:PORT, SCHEME:/PATH (of 103 octets at most) or SCHEME:fd/N, such as smtp://127.0.0.1:2525, submissions://[::]:465 or lmtp:/run/ehlo.sock; the schemes are smtp, smtps, submission, submissions, lmtp (not on port 25)'],
    [['--proxy-from', 'proxy.test'], '--proxy-from "proxy.test": expected a range of addresses such as 192.0.2.0/24 or 2001:db8::/32'],
    [['--listen', 'smtp://127.0.0.1:2599', '--listen', 'submission://127.0.0.1:2599'], '--listen "submission://127.0.0.1:2599": expected nothing else for "127.0.0.1:2599", found "smtp://127.0.0.1:2599" too'],
    [['--listen', 'smtp:/run/x', '--listen', 'lmtp:/run/x'], '--listen "lmtp:/run/x": expected nothing else for "/run/x", found "smtp:/run/x" too'],
    [['--route', 'a.test=b', '--route', 'a.test=c'], '--route "a.test=c": expected nothing else for "a.test", found "a.test=b" too'],
    [['--maildir', 'FOLDER/queue', '--users', 'FOLDER/absent'], '--maildir "FOLDER/queue": expected a folder outside of --queue "FOLDER/queue"'],
    [['--trace', 'd\ufffdp\ufffdt'], '--trace "d\ufffdp\ufffdt": expected the name of a directory, in UTF-8'], // found by trying: Node's reading of d\xe9p\xf4t, and of any other such name; that folder was made, and the one that was meant stayed as it was
    [['--max-connections', '0'], '--max-connections "0": expected an integer, 1 or more'],
  ])('by %j: status 64 and one line', async (args, line) => {
    expect(await failure(args)).toEqual({ status: 64, said: `ehlo serve: ${line}\n` });
  });
});

describe('ehlo serve cannot read', () => {
  it.each([
    ['a certificate that is not there', ['--tls-cert', 'FOLDER/absent.pem', '--tls-key', join(FIXTURES, 'mx-key.pem')], /^ehlo: --tls-cert "FOLDER\/absent\.pem": expected a PEM file \(no such file or directory\)\n$/],
    ['a key of another certificate', ['--tls-cert', join(FIXTURES, 'mx.pem'), '--tls-key', join(FIXTURES, 'other-key.pem')], /^ehlo: the TLS certificate and key cannot be used: the key is not that of the certificate\n$/],
    ['users that are not there', ['--users', 'FOLDER/absent'], /^ehlo: cannot read the users in FOLDER\/absent: no such file or directory\n$/],
  ])('%s: status 66 and one line', async (_, args, line) => {
    const { status, said } = await failure(args);
    expect(status).toBe(66);
    expect(said).toMatch(line);
  });

  it('a line of the users that is a password in the clear: the line is named, and not shown', async () => {
    using folder = temporaryDirectory();
    const users = join(folder.path, 'users');
    writeFileSync(users, '# remark\ntim:tanstaaftanstaaf\n');
    const { status, said } = await failure(['--users', users]);
    expect(status).toBe(66);
    expect(said).toContain(`${users}:2: expected`);
    expect(said).not.toContain('tanstaaf');
  });
});

it('--max-size 0 is the largest mail that the queue can hold', () => {
  expect(['0', '1', '4000000000', '4000000001'].map((written) => OPTIONS.maxSize.kind?.parse(written))).toEqual([4_000_000_000, 1, 4_000_000_000, undefined]);
});
