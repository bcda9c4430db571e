// Files that an option names are read up to a limit, which the message tells: /dev/zero was read until memory had an end.

import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const CERT = join(import.meta.dirname, '../../fixtures/tls/mx.pem');
const SEND = ['send', '--server', '127.0.0.1:1', '--to', 'bob@b.test'];
const SERVE = ['serve', '--listen', 'smtp://127.0.0.1:0'];
const [PASSWORD, PEM, CONFIG, USERS, TRANSCRIPT] = [65_536, 16_777_216, 16_777_216, 67_108_864, 268_435_456];

describe('a file that is too large', () => {
  it.each<[string, number, number, readonly string[], string]>([
    ['--config',        CONFIG,     64, ['serve', '--config', 'FILE'],                                 'ehlo serve: --config FILE: expected a file with a JSON object (it has more than 16777216 octets)'],
    ['--users',         USERS,      66, [...SERVE, '--users', 'FILE'],                                 'ehlo: cannot read the users in FILE: it has more than 67108864 octets'],
    ['--tls-cert',      PEM,        66, [...SERVE, '--tls-cert', 'FILE', '--tls-key', CERT],           'ehlo: --tls-cert "FILE": expected a PEM file (it has more than 16777216 octets)'],
    ['--tls-key',       PEM,        66, [...SERVE, '--tls-cert', CERT, '--tls-key', 'FILE'],           'ehlo: --tls-key "FILE": expected a PEM file (it has more than 16777216 octets)'],
    ['--tls-ca',        PEM,        64, [...SEND, '--tls-ca', 'FILE', CERT],                           'ehlo send: --tls-ca "FILE": expected a file with certificates (it has more than 16777216 octets)'],
    ['--password-file', PASSWORD,   64, [...SEND, '--user', 'alice', '--password-file', 'FILE', CERT], 'ehlo send: --password-file "FILE": expected a file with a password (it has more than 65536 octets)'],
    ['of ehlo replay',  TRANSCRIPT, 64, ['replay', 'FILE'],                                            'FILE: cannot be read: it has more than 268435456 octets'],
  ])('%s', async (_, most, status, args, line) => {
    using folder = temporaryDirectory();
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    truncateSync(file, most + 1);
    let said = '';
    const say = (text: string): void => void (said += text);
    const ended = await main([...args.map((word) => (word === 'FILE' ? file : word)), ...(args[0] === 'serve' ? ['--queue', join(folder.path, 'queue')] : [])], { out: say, err: say });
    expect({ ended, said: said.replaceAll(file, 'FILE').slice(0, 200) }).toEqual({ ended: status, said: `${line}\n` });
  });
});
