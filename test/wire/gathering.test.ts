import { describe, expect, it } from 'vitest';
import { Gathering } from '../../src/wire/gathering.ts';
import { concat } from '../../src/wire/octet.ts';

const OCTETS = Uint8Array.from({ length: 200 }, (_, at) => at);

/** Every way to take up to three pieces of the octets, of lengths that matter. */
function* ways(): Generator<readonly (readonly [from: number, to: number])[]> {
  const lengths = [0, 1, 2, 31, 32, 33, 60];
  for (const a of lengths)
    for (const b of lengths)
      for (const c of lengths)
        for (const gap of [0, 1, 3]) yield [[gap, gap + a], [2 * gap + a, 2 * gap + a + b], [3 * gap + a + b, 3 * gap + a + b + c]];
}

describe('pieces of one run of octets', () => {
  it('are all of them, in their order, one gathering after the other', () => {
    const gathering = new Gathering();
    for (const pieces of ways()) {
      const wanted = concat(pieces.map(([from, to]) => OCTETS.subarray(from, to)));
      for (const [from, to] of pieces) gathering.add(OCTETS, from, to);
      if (gathering.length !== wanted.length) expect(gathering.length).toBe(wanted.length);
      const taken = gathering.take(OCTETS);
      if (!taken.every((octet, at) => octet === wanted[at]) || taken.length !== wanted.length) expect(taken).toEqual(wanted);
    }
    expect(gathering.length).toBe(0);
  });

  it('are a view where there is only one, else a copy', () => {
    const gathering = new Gathering();
    gathering.add(OCTETS, 3, 9);
    gathering.add(OCTETS, 10, 10);
    expect(gathering.take(OCTETS).buffer).toBe(OCTETS.buffer);
    gathering.add(OCTETS, 3, 9);
    gathering.add(OCTETS, 10, 11);
    expect(gathering.take(OCTETS).buffer).not.toBe(OCTETS.buffer);
  });
});
