// `ehlo record` where it cannot begin; what it writes is in test/node/record-proxy.test.ts.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Terminal } from '../../src/cli/command-line.ts';
import { record } from '../../src/cli/record.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';

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
