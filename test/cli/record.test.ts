// `ehlo record` as a program; what it writes is in test/node/record-proxy.test.ts.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Terminal } from '../../src/cli/command-line.ts';
import { record } from '../../src/cli/record.ts';
import { Program } from '../support/program.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/turn.ts';

let directory: TemporaryDirectory;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory[Symbol.dispose]());

async function attempt(...args: readonly string[]): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  const said = { out: '', err: '' };
  const terminal: Terminal = { out: (text) => void (said.out += text), err: (text) => void (said.err += text) };
  return { status: await record(args, terminal), ...said };
}

// found by trying: any user of the machine could have the debugger opened, at which he may do what whoever records may
it('ehlo record opens no debugger at SIGUSR1, and ends with 0 at SIGTERM', async () => {
  await using program = new Program(['record', '--listen', '127.0.0.1:0', '--to', '127.0.0.1:1'], directory.path);
  await until(() => program.err !== '');
  const [, port = ''] = /^ehlo: recording on 127\.0\.0\.1:(\d+), /.exec(program.err) ?? [];
  program.signal('SIGUSR1');
  (await RawPeer.connect(Number(port))).socket.destroy();
  await until(() => program.out !== ''); // the session is over: the signal has come
  const { status, err } = await program.kill('SIGTERM');
  expect({ status, err }).toEqual({ status: 0, err: `ehlo: recording on 127.0.0.1:${port}, to 127.0.0.1:1\n` });
});

describe('ehlo record that cannot', () => {
  it('know where to listen, or whom to stand before, is misused: status 64', async () => {
    expect(await attempt('--to', '127.0.0.1:25')).toMatchObject({ status: 64, err: expect.stringMatching(/^ehlo record: expected --listen HOST:PORT, found none\n/) as string });
    expect(await attempt('--listen', '127.0.0.1:0')).toMatchObject({ status: 64, err: expect.stringMatching(/^ehlo record: expected --to HOST:PORT, found none\n/) as string });
  });

  it('make its folder says so in one line, with status 73', async () => {
    const file = join(directory.path, 'file');
    writeFileSync(file, '');
    expect(await attempt('--listen', '127.0.0.1:0', '--to', '127.0.0.1:1', '--out', join(file, 'below'))).toEqual({ status: 73, out: '', err: `ehlo: cannot write transcripts to ${file}/below: a file has that name, expected a folder (${file})\n` });
  });

  it('listen says so in one line, with status 69', async () => {
    expect(await attempt('--listen', '192.0.2.1:2526', '--to', '127.0.0.1:1', '--out', directory.path)).toEqual({ status: 69, out: '', err: 'ehlo: cannot record: cannot listen on 192.0.2.1:2526: this machine does not have that address\n' });
  });
});
