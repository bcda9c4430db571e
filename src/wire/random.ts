// Numbers by chance that are the same for the same seed, on every day and machine: for what is to be done again as it was.

/** Returns a source of numbers from 0 up to but not 1, always the same for a seed (mulberry32 of Tommy Ettinger, in the public domain). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
