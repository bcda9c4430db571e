import { describe, expect, it } from 'vitest';
import { FairLine } from '../../src/node/fair-line.ts';

function lineOf(...items: readonly string[]): FairLine<{ readonly name: string }> {
  const line = new FairLine<{ readonly name: string }>();
  for (const name of items) line.push(name.slice(0, 1), { name });
  return line;
}

const names = (items: readonly ({ readonly name: string } | undefined)[]): readonly (string | undefined)[] => items.map((item) => item?.name);

describe('a fair line', () => {
  it('has them take turns, and what is somebody\'s in its order', () => {
    const line = lineOf('a1', 'a2', 'a3', 'b1', 'c1', 'b2');
    expect(line.size).toBe(6);
    expect(names([line.shift(), line.shift(), line.shift()])).toEqual(['a1', 'b1', 'c1']);
    line.push('d', { name: 'd1' });
    expect(names(line.clear())).toEqual(['a2', 'b2', 'd1', 'a3']);
    expect([line.size, line.shift(), line.longest]).toEqual([0, undefined, undefined]);
  });

  it('tells who has most, whoever has come and gone', () => {
    const line = lineOf('a1', 'b1', 'b2', 'c1', 'c2', 'c3');
    const seen: (string | undefined)[] = [];
    for (let longest; (longest = line.longest) !== undefined; line.take(longest)) seen.push(longest);
    expect(seen.slice(0, 3)).toEqual(['c', 'b', 'c']);
    expect(seen.slice(3).sort()).toEqual(['a', 'b', 'c']);
    expect([line.sizeOf('c'), line.take('c'), line.size]).toEqual([0, undefined, 0]);
    line.push('c', { name: 'c4' });
    expect([line.sizeOf('c'), line.longest]).toEqual([1, 'c']);
  });

  it('gives nobody a turn who has nothing left', () => {
    const line = lineOf('a1', 'b1', 'b2');
    line.take('a');
    expect(names([line.shift(), line.shift(), line.shift()])).toEqual(['b1', 'b2', undefined]);
  });
});
