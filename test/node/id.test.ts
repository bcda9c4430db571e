import { afterEach, describe, expect, it, vi } from 'vitest';
import { newId } from '../../src/node/id.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('the id of a mail', () => {
  it('is of letters and digits, by whose order it is known which came first', () => {
    const ids = Array.from({ length: 1_000 }, newId);
    expect(new Set(ids).size).toBe(1_000);
    expect(ids.every((id) => /^[a-z0-9]{15}$/.test(id))).toBe(true);
    expect(newId().slice(0, 8) >= (ids[0] ?? '').slice(0, 8)).toBe(true);
  });

  // found by reading: of those that came in one millisecond, chance made two the same, one in 4 billion pairs; the second mail was taken for the first, and lost
  it('is no other mail\'s of the same millisecond', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const ids = Array.from({ length: 300_000 }, newId);
    expect(ids.every((id, at) => at === 0 || id > (ids[at - 1] ?? ''))).toBe(true);
  });

  it('begins anew by chance in each millisecond: another process may have the same', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const chances = Array.from({ length: 100 }, (_, time) => {
      vi.setSystemTime(time);
      return newId().slice(8);
    });
    expect(new Set(chances).size).toBe(100);
    expect(chances.toSorted()).not.toEqual(chances);
  });
});
