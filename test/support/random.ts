// Chance that is the same on every day and machine: what fails once fails again, under the seed that the failure names.

import { env } from 'node:process';
import { randomFrom } from '../../src/wire/random.ts';

export interface Random {
  /** An integer from 0, below `count`. */
  below(count: number): number;
  /** Whether something with this probability happens. */
  chance(probability: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
}

/** How many times as many seeds as usual there is the time for. */
export const TIMES = Number(env['EHLO_SEEDS'] ?? 1);

/** The seeds that a test goes through: so many, times EHLO_SEEDS. */
export function* seeds(count: number): Generator<number, void> {
  const all = count * TIMES;
  for (let seed = 0; seed < all; seed++) yield seed;
}

/** Returns the chance that belongs to a seed. */
export function randomOf(seed: number): Random {
  const next = randomFrom(Math.imul(seed + 1, 0x9e3779b1));
  const below = (count: number): number => Math.floor(next() * count);
  return {
    below,
    chance: (probability) => next() < probability,
    pick: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
  };
}

/** Returns the text in random pieces, at most `longest` characters each. */
export function randomPieces(text: string, random: Random, longest: number): string[] {
  const pieces: string[] = [];
  for (let at = 0, end; at < text.length; at = end) {
    end = at + 1 + random.below(longest);
    pieces.push(text.slice(at, end));
  }
  return pieces;
}

/** Returns the text with a few random octets changed, left out, doubled or put in: what a grammar-aware fuzzer would send. */
export function mutate(text: string, random: Random, octets: readonly string[]): string {
  let mutated = text;
  for (let count = 1 + random.below(4); count > 0; count--) {
    const at = random.below(mutated.length + 1);
    const length = random.below(6);
    switch (random.below(4)) {
      case 0: mutated = mutated.slice(0, at) + random.pick(octets) + mutated.slice(at + 1); break;
      case 1: mutated = mutated.slice(0, at) + mutated.slice(at + length); break;
      case 2: mutated = mutated.slice(0, at + length) + mutated.slice(at); break;
      default: mutated = mutated.slice(0, at) + random.pick(octets) + mutated.slice(at);
    }
  }
  return mutated;
}
