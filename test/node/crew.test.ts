// The crew with workers that are played: what real ones do is in test/cli/workers.test.ts.

import process from 'node:process';
import { setImmediate } from 'node:timers';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Worker } from 'node:cluster';
import { Crew, Duty, type FromWorker } from '../../src/node/crew.ts';
import type { Samples } from '../../src/relay/metric.ts';
import { replaceIn } from '../support/builtin.ts';

/** A worker that says what the test has it say. */
class PlayedWorker {
  readonly process = { pid: 7, stdout: null, stderr: null, kill: () => true };
  readonly told: unknown[] = [];
  readonly #listeners = new Map<string, (...values: readonly unknown[]) => void>();

  on(event: string, listener: (...values: readonly unknown[]) => void): void {
    this.#listeners.set(event, listener);
  }

  send(message: unknown): boolean {
    this.told.push(message);
    return true;
  }

  says(message: FromWorker): void {
    this.#listeners.get('message')?.(message);
  }

  dies(): void {
    this.#listeners.get('exit')?.(null, 'SIGKILL');
  }
}

let workers: PlayedWorker[] = [];

replaceIn('node:cluster', {
  setupPrimary: () => undefined,
  fork: (): Worker => {
    const worker = new PlayedWorker();
    workers.push(worker);
    return worker as unknown as Worker; // as much of one as the crew asks for
  },
});

let events: string[];
beforeEach(() => {
  workers = [];
  events = [];
});
afterEach(() => {
  vi.restoreAllMocks();
});

function crewOf(size: number): Crew<string, string> {
  const crew = new Crew<string, string>({
    size,
    work: () => 'work',
    ready: ({ worker }) => events.push(`ready ${worker}`),
    died: ({ worker }) => events.push(`died ${worker}`),
    failed: ({ text }) => events.push(`failed ${text}`),
  });
  void crew.begin();
  return crew;
}

function worker(index: number): PlayedWorker {
  const found = workers[index];
  if (found === undefined) throw new Error(`no worker ${index}`);
  return found;
}

it('what a worker counts is known before its death is, however long others take to tell', async () => {
  const crew = crewOf(2);
  for (const each of workers) each.says({ type: 'ready' });
  const samples: Samples = new Map([['ehlo_sessions_total', 5]]);
  const measured = crew.measure('counters', 2_000, (number) => events.push(`told ${number}`));
  await new Promise<void>((resolve) => setImmediate(resolve)); // they are asked
  worker(0).says({ type: 'samples', turn: 1, samples });
  worker(0).dies();
  worker(1).says({ type: 'samples', turn: 1, samples });
  await measured;
  expect(events).toEqual(['ready 1', 'ready 2', 'told 1', 'died 1', 'told 2']);
});

it('news reach a worker that has begun with older ones, and is not ready yet', () => {
  const crew = crewOf(2);
  worker(0).says({ type: 'listening' });
  crew.tell('new');
  worker(1).says({ type: 'listening' }); // begins with what there is now
  expect(workers.map(({ told }) => told)).toEqual([
    [{ type: 'start', worker: 1, work: 'work' }, { type: 'news', news: 'new' }],
    [{ type: 'start', worker: 2, work: 'work' }],
  ]);
});

it('news that come before anybody is there to take them are kept, the last ones', () => {
  const heard = vi.spyOn(process, 'on').mockReturnThis();
  const duty = new Duty<string, string>();
  const [, hear] = heard.mock.calls.find(([event]) => event === 'message') ?? [];
  for (const news of ['old', 'new']) (hear as ((message: unknown) => void) | undefined)?.({ type: 'news', news });
  const taken: string[] = [];
  duty.takeNews((news) => taken.push(news));
  (hear as ((message: unknown) => void) | undefined)?.({ type: 'news', news: 'newest' });
  expect(taken).toEqual(['new', 'newest']);
});
