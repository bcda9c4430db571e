import { setUncaughtExceptionCaptureCallback } from 'node:process';
import { describe, expect, it } from 'vitest';
import { finishThisTurn } from '../../src/node/turn-end.ts';
import { turns } from '../support/turn.ts';

/** What has been finished, as `leave` has it noted. */
const finished: string[] = [];

function leave(name: string): void {
  finishThisTurn({ finish: () => void finished.push(name) });
}

/** Leaves things in so many turns, and returns what each turn finished at once, and in the end. */
async function inTurns(count: number, names: readonly string[]): Promise<readonly (readonly [atOnce: string, all: string])[]> {
  const seen: (readonly [string, string])[] = [];
  for (let turn = 0; turn < count; turn++) {
    finished.length = 0;
    for (const name of names) leave(name);
    const atOnce = finished.join('');
    await turns();
    seen.push([atOnce, finished.join('')]);
  }
  return seen;
}

const MANY = 100;

describe('what is left for the end of a turn', () => {
  it('is finished then, in its order, where there is company', async () => {
    await inTurns(MANY, ['a', 'b']);
    expect(await inTurns(MANY, ['a', 'b', 'c'])).toEqual(Array.from({ length: MANY }, () => ['', 'abc']));
  });

  it('is finished at once, but now and then, where there has been none for some turns', async () => {
    const seen = await inTurns(MANY, ['a']);
    expect(seen.map(([, all]) => all)).toEqual(Array.from({ length: MANY }, () => 'a'));
    expect(seen.slice(0, 4).map(([atOnce]) => atOnce)).toEqual(['', '', '', '']);
    const waited = seen.slice(4).filter(([atOnce]) => atOnce === '').length;
    expect(waited).toBeGreaterThan(0);
    expect(waited).toBeLessThan(MANY / 10);
  });

  it.each([2, 3, 4, 5, 63, 64, 65])('waits again soon after there is company, of %d', async (many) => {
    await inTurns(MANY, ['a']);
    const names = Array.from({ length: many }, (_, index) => String.fromCodePoint(0x100 + index));
    const seen = await inTurns(MANY, names);
    const first = seen.findIndex(([atOnce]) => atOnce === '');
    expect(first).toBeGreaterThan(-1);
    expect(first).toBeLessThan(35);
    expect(seen.slice(first)).toEqual(seen.slice(first).map(() => ['', names.join('')]));
  });

  it('goes into the next turn where it is left while others are finished', async () => {
    await inTurns(MANY, ['a', 'b']);
    finished.length = 0;
    finishThisTurn({ finish: () => leave('later') });
    leave('now');
    await turns();
    expect(finished).toEqual(['now']);
    await turns();
    expect(finished).toEqual(['now', 'later']);
  });

  it('is finished all the same where one of them throws', async () => {
    await inTurns(MANY, ['a', 'b']);
    finished.length = 0;
    const thrown: string[] = [];
    setUncaughtExceptionCaptureCallback((error) => void thrown.push(error.message));
    leave('before');
    finishThisTurn({ finish: () => {
      leave('meanwhile');
      throw new Error('a socket that throws');
    } });
    leave('behind');
    await turns(2);
    setUncaughtExceptionCaptureCallback(null);
    expect(thrown).toEqual(['a socket that throws']);
    expect(finished).toEqual(['before', 'behind', 'meanwhile']);
  });
});
