import { describe, expect, it } from 'vitest';
import { newId } from '../../src/node/id.ts';

describe('the id of a mail', () => {
  it('is of letters and digits, by whose order it is known which came first', () => {
    const ids = Array.from({ length: 1_000 }, newId);
    expect(new Set(ids).size).toBe(1_000);
    expect(ids.every((id) => /^[a-z0-9]{15}$/.test(id))).toBe(true);
    expect(newId().slice(0, 8) >= (ids[0] ?? '').slice(0, 8)).toBe(true);
  });
});
