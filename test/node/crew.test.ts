// The crew with workers that are played: what real ones do is in test/cli/workers.test.ts.

import process from 'node:process';
import { setImmediate } from 'node:timers';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Worker } from 'node:cluster';
import type { Socket } from 'node:net';
import { Crew } from '../../src/node/crew.ts';
import { Duty, type FromWorker } from '../../src/node/duty.ts';
import type { Samples } from '../../src/relay/metric.ts';
import { replaceIn } from '../support/builtin.ts';
import { PlayedWorker } from '../support/played-worker.ts';

let workers: PlayedWorker[] = [];
let unbegun: 'thrown' | 'told' | undefined; // how it is known that the system begins no process
let late: (() => void)[] = []; // what a timer was set for

replaceIn('node:cluster', {
  setupPrimary: () => undefined,
  fork: (): Worker => {
    if (unbegun === 'thrown') throw new Error('spawn ENOMEM');
    const worker = new PlayedWorker(unbegun === undefined ? 7 : undefined);
    workers.push(worker);
    return worker as unknown as Worker; // as much of one as the crew asks for
  },
});

replaceIn('node:timers', {
  setTimeout: (callback: () => void) => {
    late.push(callback);
    return { unref: () => undefined };
  },
});

let events: string[];
beforeEach(() => {
  workers = [];
  unbegun = undefined;
  late = [];
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
    died: ({ worker, by }) => events.push(by === 'SIGKILL' ? `died ${worker}` : `died ${worker} by ${by}`),
    lost: ({ worker }) => events.push(`lost ${worker}`),
    killed: ({ worker }) => events.push(`killed ${worker}`),
    failed: ({ status, text }) => events.push(`failed ${status} ${text}`),
  });
  void crew.begin();
  return crew;
}

function worker(index: number): PlayedWorker {
  const found = workers[index];
  if (found === undefined) throw new Error(`no worker ${index}`);
  return found;
}

/** A connection, of which nothing is known but whether it was closed here. */
function connection(name: string, remoteAddress?: string): Socket {
  return { remoteAddress, destroyed: false, on: () => undefined, destroy: () => events.push(`closed ${name}`) } as unknown as Socket; // as much of one as the crew asks for
}

/** Hands on connections of these names. */
function come(crew: Crew<string, string>, ...names: readonly string[]): void {
  for (const name of names) crew.connect(0, connection(name));
}

/** How many connections a worker was told of. */
function handed(index: number): number {
  return worker(index).told.filter((message) => (message as { readonly type: string }).type === 'connection').length;
}

it('a worker that ends gets no further connection: those that were to come to it go to others', () => {
  const crew = crewOf(2);
  for (const each of workers) each.says({ type: 'ready' });
  come(crew, 'a', 'b', 'c', 'd'); // c and d wait for whoever takes his
  worker(0).says({ type: 'leaving' });
  worker(0).says({ type: 'declined' });
  come(crew, 'e');
  expect([handed(0), crew.ready]).toEqual([1, 1]);
  for (const _ of 'bcdae') worker(1).says({ type: 'taken' });
  expect([handed(0), handed(1)]).toEqual([1, 5]);
  expect(events.slice(2)).toEqual(['closed b', 'closed c', 'closed d', 'closed a', 'closed e']);
});

// found by running: with --workers 2 on a queue that a relay without workers had, the second took mail until the first gave up, and
// it waited in a part of the queue of which that relay knew nothing
it('no worker gets a connection before all are ready, the first time', () => {
  const crew = crewOf(2);
  come(crew, 'a');
  worker(1).says({ type: 'ready' });
  come(crew, 'b');
  expect([handed(0), handed(1)]).toEqual([0, 0]);
  expect(events).toEqual([]);
  worker(0).says({ type: 'ready' });
  expect([handed(0), handed(1)]).toEqual([1, 1]);
  expect(events).toEqual(['ready 1', 'ready 2']);
  worker(0).dies(); // and later on the others go on
  come(crew, 'c');
  for (const _ of 'bc') worker(1).says({ type: 'taken' });
  expect(handed(1)).toBe(2);
});

it('where all workers hang 4,096 connections wait for one, and further ones are closed', () => {
  const crew = crewOf(2);
  for (const each of workers) each.says({ type: 'ready' });
  come(crew, ...Array.from({ length: 2 + 4096 }, (_, index) => `${index}`));
  expect(events.slice(2)).toEqual([]);
  come(crew, 'a', 'b');
  expect(events.slice(2)).toEqual(['closed a', 'closed b']);
  worker(0).says({ type: 'taken' });
  come(crew, 'c', 'd');
  expect(events.slice(4)).toEqual(['closed 0', 'closed d']);
  expect([handed(0), handed(1)]).toEqual([2, 1]);
});

// found by running: one client that connected as fast as it could had the connections of all others wait for a second, or be closed
it('a client that connects faster than workers take it holds up nobody else, and has his own connections closed', () => {
  const crew = crewOf(1);
  worker(0).says({ type: 'ready' });
  for (let count = 0; count < 1 + 4096; count++) crew.connect(0, connection(`flood ${count}`, '2001:db8::1'));
  crew.connect(0, connection('flood', '2001:db8::2')); // the same client, by another of its addresses
  crew.connect(0, connection('other', '192.0.2.1'));
  expect(events.slice(1)).toEqual(['closed flood', 'closed flood 1']);
  for (let taken = 0; taken < 3; taken++) worker(0).says({ type: 'taken' });
  expect(events.slice(3)).toEqual(['closed flood 0', 'closed flood 2', 'closed other']);
});

it('a worker that hangs holds up no connection but the one that is on its way to it', () => {
  const crew = crewOf(2);
  for (const each of workers) each.says({ type: 'ready' });
  come(crew, 'a', 'b', 'c', 'd', 'e'); // a is on its way to the first for ever
  for (const _ of 'bcde') worker(1).says({ type: 'taken' });
  expect([handed(0), handed(1)]).toEqual([1, 4]);
  expect(events.slice(2)).toEqual(['closed b', 'closed c', 'closed d', 'closed e']);
});

it('a worker that ends is asked what it counts till then', async () => {
  const crew = crewOf(1);
  worker(0).says({ type: 'ready' });
  worker(0).says({ type: 'leaving' });
  void crew.measure('counters', 2_000, () => undefined);
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(worker(0).told).toContainEqual({ type: 'measure', turn: 1, what: 'counters' });
});

it('a connection that does not arrive at its worker is closed, and those behind it are handed on', () => {
  const crew = crewOf(1);
  worker(0).says({ type: 'ready' });
  come(crew, 'a', 'b');
  late.at(-1)?.();
  const [, asked] = worker(0).told;
  expect(asked).toEqual({ type: 'doubt', connection: 1 });
  worker(0).says({ type: 'doubted', connection: 1 });
  worker(0).says({ type: 'doubted', connection: 1 }); // b is another one
  expect(handed(0)).toBe(2);
  expect(events.slice(1)).toEqual(['closed a', 'lost 1']);
  worker(0).says({ type: 'taken' });
  expect(events.slice(1)).toEqual(['closed a', 'lost 1', 'closed b']);
});

it.each(['thrown', 'told'] as const)('a worker that the system cannot begin is begun later, and the first time ends the crew (%s)', (how) => {
  crewOf(2);
  for (const each of workers) each.says({ type: 'ready' });
  worker(0).dies();
  unbegun = how;
  late.at(-1)?.();
  workers[2]?.fails(new Error('spawn ENOMEM'));
  workers[2]?.dies(); // some systems tell that too
  unbegun = undefined;
  late.at(-1)?.();
  expect(events.slice(2)).toEqual(['died 1', 'died 1 by cannot begin a worker: spawn ENOMEM']);
  expect(workers).toHaveLength(how === 'thrown' ? 3 : 4);

  unbegun = how;
  workers = [];
  crewOf(1);
  workers[0]?.fails(new Error('spawn ENOMEM'));
  expect(events.at(-1)).toBe('failed 71 cannot begin a worker: spawn ENOMEM');
});

it('a worker that dies is followed at once, and one that dies again and again, young, after a while that doubles up to a minute', () => {
  const delays: number[] = [];
  const crew = new Crew<string, string>({ size: 1, work: () => 'work', ready: () => undefined, died: ({ delay }) => delays.push(delay), lost: () => undefined, killed: () => undefined, failed: () => undefined });
  void crew.begin();
  worker(0).says({ type: 'ready' });
  for (let death = 0; death < 9; death += 1) {
    workers.at(-1)?.dies();
    late.at(-1)?.();
  }
  expect(delays.map((delay) => delay / 1000)).toEqual([0, 1, 2, 4, 8, 16, 32, 60, 60]);
  expect(workers).toHaveLength(10);
});

// found by running: with a worker that had been stopped (SIGSTOP) the end took half a minute, and nothing said why
it('a worker that has not ended in time is killed, and that is said', async () => {
  const crew = crewOf(2);
  for (const each of workers) each.says({ type: 'ready' });
  worker(1).hangs = true;
  const closed = crew.close(1_000);
  expect(events.slice(2)).toEqual([]);
  late.at(-1)?.();
  await closed;
  expect(events.slice(2)).toEqual(['killed 2']);
});

it('a worker takes no connection when it ends', () => {
  const heard = vi.spyOn(process, 'on').mockReturnThis();
  const told: FromWorker[] = [];
  const duty = new Duty<string, string>();
  duty.tell = (message) => void told.push(message);
  duty.connected = () => events.push('connected');
  const hear = heard.mock.calls.find(([event]) => event === 'message')?.[1] as ((message: unknown, socket: unknown) => void) | undefined;
  duty.leave();
  hear?.({ type: 'connection', entrance: 0 }, connection('a'));
  hear?.({ type: 'doubt', connection: 5 }, undefined);
  expect(told).toEqual([{ type: 'leaving' }, { type: 'declined' }, { type: 'doubted', connection: 5 }]);
  expect(events).toEqual(['closed a']);
});

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
