import { describe, expect, it } from 'vitest';
import { Turns } from '../../src/relay/turns.ts';
import { randomOf } from '../support/random.ts';

/** The plain form. */
class PlainTurns {
  readonly #items = new Set<number>();
  get size(): number {
    return this.#items.size;
  }
  add(item: number): void {
    this.#items.add(item);
  }
  delete(item: number): boolean {
    return this.#items.delete(item);
  }
  take(): number | undefined {
    for (const item of this.#items) {
      this.#items.delete(item);
      return item;
    }
    return undefined;
  }
  [Symbol.iterator](): Iterator<number> {
    return this.#items.values();
  }
}

describe('taking turns', () => {
  it('is what the plain form is, whoever comes, goes and leaves', () => {
    const random = randomOf(1);
    for (let round = 0; round < 50; round++) {
      const [ours, plain] = [new Turns<number>(), new PlainTurns()];
      const members = 1 + random.below(40);
      for (let step = 0; step < 400; step++) {
        const [what, item] = [random.below(100), random.below(members)];
        let same: boolean;
        if (what < 45) {
          ours.add(item);
          plain.add(item);
          same = true;
        } else if (what < 60) same = ours.delete(item) === plain.delete(item);
        else same = ours.take() === plain.take();
        if (!same || ours.size !== plain.size || (step % 20 === 0 && [...ours].join() !== [...plain].join())) expect({ round, step, what, item, ours: [...ours] }).toBe([...plain]);
      }
    }
  });

  it('goes on when it had come to an end', () => {
    const turns = new Turns<string>();
    expect(turns.take()).toBeUndefined();
    for (const item of ['a', 'b', 'a']) turns.add(item);
    expect([turns.take(), turns.take(), turns.take()]).toEqual(['a', 'b', undefined]);
    turns.add('a');
    expect(turns.take()).toBe('a');
  });
});
