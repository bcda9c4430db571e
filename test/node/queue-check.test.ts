// The checks of a queue against our own queues, which pass them, and against a store with each of many flaws, which does not.

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FileQueue } from '../../src/node/file-queue.ts';
import { Journal } from '../../src/node/journal.ts';
import { PartedQueue } from '../../src/node/part.ts';
import { checkQueue, type QueueStore } from '../../src/relay/queue/check.ts';
import { randomOf } from '../support/random.ts';
import { SimDisk } from '../support/sim-disk.ts';
import { FLAWS, Store } from '../support/store-queue.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** What went wrong, with the check that found it. */
async function problems(make: () => QueueStore): Promise<readonly string[]> {
  const checks = await checkQueue(make);
  expect(checks.length).toBeGreaterThan(12);
  return checks.flatMap(({ name, problem }) => (problem === undefined ? [] : [`${name}: ${problem}`]));
}

it('the journal passes every check, in a directory', async () => {
  using folder = temporaryDirectory();
  let stores = 0;
  const make = (): QueueStore => {
    const directory = join(folder.path, `queue${++stores}`);
    return { open: () => Journal.open(directory) };
  };
  expect(await problems(make)).toEqual([]);
});

it('the journal passes every check, on a disk that loses with the power all that was not synced', async () => {
  const chance = randomOf(1);
  const make = (): QueueStore => {
    let disk = new SimDisk();
    return {
      open: () => Journal.on(disk, { floor: 0 }),
      crash: async (_, what) => void (disk = what === 'death' ? disk.killed() : disk.powerless(chance, 0)),
    };
  };
  expect(await problems(make)).toEqual([]);
});

it('so do two journals as one queue', async () => {
  const make = (): QueueStore => {
    const [own, other] = [new SimDisk(), new SimDisk()];
    return { open: async () => new PartedQueue(await Journal.on(own, { floor: 0 }), [await Journal.on(other, { floor: 0 })]) };
  };
  expect(await problems(make)).toEqual([]);
});

it('the queue with a file a mail passes every check', async () => {
  using folder = temporaryDirectory();
  let stores = 0;
  const make = (): QueueStore => {
    const directory = join(folder.path, `queue${++stores}`);
    return { open: () => FileQueue.open(directory) };
  };
  expect(await problems(make)).toEqual([]);
});

it('a store without a flaw passes every check', async () => {
  expect(await problems(() => new Store())).toEqual([]);
});

it.each(FLAWS)('a store that %s is found out', async (flaw) => {
  expect(await problems(() => new Store(flaw))).not.toEqual([]);
});

it('a store that cannot be opened, or be made, has failed every check, each by itself', async () => {
  const failing: QueueStore = { open: () => Promise.reject(new Error('no disk')) };
  for (const make of [() => failing, () => Promise.reject<QueueStore>(new Error('no disk'))]) expect(new Set((await checkQueue(make)).map(({ problem }) => problem))).toEqual(new Set(['no disk']));
});
