import { describe, expect, it } from 'vitest';
import { Fifo } from '../../src/wire/fifo.ts';

/** Every sequence of so many operations: push, shift, clear. */
function* scripts(length: number): Generator<string> {
  if (length === 0) return yield '';
  for (const rest of scripts(length - 1)) for (const operation of 'psc') yield operation + rest;
}

describe('a queue in memory', () => {
  it('gives what an array gives, for every sequence of eight operations', () => {
    for (const script of scripts(8)) {
      const fifo = new Fifo<{ readonly number: number }>();
      const array: { readonly number: number }[] = [];
      for (const [number, operation] of [...script].entries()) {
        if (operation === 'p') {
          const item = { number };
          fifo.push(item);
          array.push(item);
        } else {
          const [given, wanted] = operation === 's' ? [[fifo.shift()], [array.shift()]] : [fifo.clear(), array.splice(0)];
          if (given.length !== wanted.length || given.some((item, at) => item !== wanted[at])) expect({ script, number, given }).toEqual({ script, number, given: wanted });
        }
        if (fifo.size !== array.length) expect.unreachable(`${script}: ${fifo.size}`);
        if (fifo.empty !== (array.length === 0)) expect.unreachable(`${script}: ${fifo.empty ? 'empty' : 'not empty'}`);
      }
    }
  });

  it('gives many in their order, those that come meanwhile behind them', () => {
    const fifo = new Fifo<{ readonly number: number }>();
    const numbers: (number | undefined)[] = [];
    for (let number = 0; number < 1_000; number++) {
      fifo.push({ number });
      if (number % 3 === 0) numbers.push(fifo.shift()?.number);
      if (number % 400 === 399) for (let times = 0; times < 150; times++) numbers.push(fifo.shift()?.number);
      expect(fifo.size).toBe(number + 1 - numbers.length);
    }
    numbers.push(...fifo.clear().map(({ number }) => number));
    expect(numbers).toEqual(Array.from({ length: 1_000 }, (_, number) => number));
    expect(fifo).toMatchObject({ size: 0, empty: true });
  });

  // found by measuring: content of nothing but dots was 22,000 pieces for each read, which took 150 ms
  it('is emptied in a time that grows with its length alone', () => {
    const spent = (length: number): number => {
      const fifo = new Fifo<object>();
      for (let count = 0; count < length; count++) fifo.push({});
      const begin = Date.now();
      while (!fifo.empty) fifo.shift();
      return Date.now() - begin;
    };
    expect(spent(200_000)).toBeLessThan(2_000); // 10 ms; 20 s where each moves all others
  });
});
