import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockDirectory } from '../../src/node/lock.ts';
import { SharedDisk } from '../../src/node/shared-disk.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { deferred, turns } from '../support/turn.ts';

const MEBIBYTE = 1_048_576;
const never = (): boolean => false;

/** Three parts of a queue. */
function stage(): { readonly parts: readonly SharedDisk[]; readonly folders: readonly string[]; readonly turns: string } & Disposable {
  const folder = temporaryDirectory();
  const folders = ['1', '2', '3'].map((name) => join(folder.path, name));
  const turns = join(folder.path, 'turns');
  for (const each of [...folders, turns]) mkdirSync(each);
  const parts = folders.map((own) => new SharedDisk(own, folders.filter((other) => other !== own), turns));
  return { parts, folders, turns, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

describe('a disk that parts of a queue share', () => {
  it('has to have room for the largest checkpoint of the others', async () => {
    using staged = stage();
    const [one, two, three] = staged.parts;
    expect(await one?.othersNeed()).toBe(0);
    one?.tell(9 * MEBIBYTE);
    two?.tell(5 * MEBIBYTE);
    three?.tell(7 * MEBIBYTE);
    await Promise.all(staged.parts.map((part) => part.close()));
    expect(await Promise.all(staged.parts.map((part) => part.othersNeed()))).toEqual([7, 9, 9].map((each) => each * MEBIBYTE));
    one?.tell(MEBIBYTE);
    one?.tell(2 * MEBIBYTE); // while that is being written
    await one?.close();
    expect(await two?.othersNeed()).toBe(7 * MEBIBYTE);
    expect(readFileSync(join(staged.folders[0] ?? '', 'need'), 'utf8')).toBe(`${2 * MEBIBYTE}`);
  });

  it('is told of nothing little', async () => {
    using staged = stage();
    const [one, two] = staged.parts;
    one?.tell(0);
    await one?.close();
    one?.tell(MEBIBYTE - 1);
    await one?.close();
    expect(await two?.othersNeed()).toBe(0);
    one?.tell(MEBIBYTE);
    await one?.close();
    expect(await two?.othersNeed()).toBe(MEBIBYTE);
  });

  it('is as it was last said to be where that cannot be read, or not be said', async () => {
    using staged = stage();
    const [one, two] = staged.parts;
    const [folder = ''] = staged.folders;
    one?.tell(MEBIBYTE);
    await one?.close();
    expect(await two?.othersNeed()).toBe(MEBIBYTE);
    writeFileSync(join(folder, 'need'), ''); // being written to
    expect(await two?.othersNeed()).toBe(MEBIBYTE);
    rmSync(folder, { recursive: true });
    one?.tell(3 * MEBIBYTE);
    await one?.close();
    expect(await two?.othersNeed()).toBe(MEBIBYTE);
    mkdirSync(folder);
    one?.tell(3 * MEBIBYTE);
    await one?.close();
    expect(await two?.othersNeed()).toBe(3 * MEBIBYTE);
  });
});

describe('work that is done in turn', () => {
  it('is done by one at a time, and by the next when that has ended, well or not', async () => {
    using staged = stage();
    const done: string[] = [];
    const gates = staged.parts.map(() => deferred());
    const works = staged.parts.map((part, index) => part.inTurn(async () => {
      done.push('begins');
      await gates[index]?.promise;
      done.push('ends');
      if (index === 0) throw new Error('no room');
    }, never).catch(({ message }: Error) => done.push(message)));
    for (const gate of gates) {
      await turns(5);
      expect(done.filter((each) => each === 'begins').length - done.filter((each) => each === 'ends').length).toBeLessThan(2);
      gate.resolve();
    }
    await Promise.all(works);
    expect(done.filter((each) => each !== 'no room')).toEqual(['begins', 'ends', 'begins', 'ends', 'begins', 'ends']);
    expect(done).toContain('no room');
  });

  it('does not wait where everything ends, nor where there are no turns to be had', async () => {
    using staged = stage();
    const other = await lockDirectory(staged.turns);
    let closing = false;
    let done = 0;
    const work = staged.parts[0]?.inTurn(async () => void done++, () => closing);
    await turns(5);
    expect(done).toBe(0);
    closing = true;
    await work;
    expect(done).toBe(1);
    await other.release();
    rmSync(staged.turns, { recursive: true });
    await staged.parts[1]?.inTurn(async () => void done++, never);
    expect(done).toBe(2);
  });
});
