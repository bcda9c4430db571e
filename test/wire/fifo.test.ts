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
});
