// `ehlo serve --workers` with workers that are played: what real ones do is in workers.test.ts.

import process from 'node:process';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Worker } from 'node:cluster';
import { serve } from '../../src/cli/serve.ts';
import { replaceIn } from '../support/builtin.ts';
import { PlayedWorker } from '../support/played-worker.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/turn.ts';

const workers: PlayedWorker[] = [];

replaceIn('node:cluster', {
  setupPrimary: () => undefined,
  fork: (): Worker => {
    const worker = new PlayedWorker(7);
    workers.push(worker);
    return worker as unknown as Worker; // as much of one as the crew asks for
  },
});

const { title } = process; // which ehlo serve changes
afterAll(() => void (process.title = title));

it('ehlo serve --workers does not begin where a worker cannot open its part of the queue: one line, and status 75', async () => {
  using directory = temporaryDirectory();
  const queue = join(directory.path, 'queue');
  let [out, err] = ['', ''];
  const status = serve(['--listen', 'smtp://127.0.0.1:0', '--queue', queue, '--workers', '2'], { out: (text) => (out += text), err: (text) => (err += text) });
  await until(() => workers.length === 2);
  for (const worker of workers) worker.says({ type: 'listening' });
  expect(workers.map(({ told }) => told)).toMatchObject([1, 2].map((worker) => [{ type: 'start', worker, work: { options: { queue, workers: 2 }, doors: [{ scheme: 'smtp', host: '127.0.0.1' }] } }]));
  workers[1]?.says({ type: 'failed', status: 75, text: `cannot open the queue ${queue}: no space left on device` });
  workers[1]?.exits(75);
  expect({ status: await status, out, err }).toEqual({ status: 75, out: '', err: `ehlo: cannot open the queue ${queue}: no space left on device\n` });
});
