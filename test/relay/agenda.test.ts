import { describe, expect, it } from 'vitest';
import { Agenda } from '../../src/relay/agenda.ts';
import { randomOf } from '../support/random.ts';

describe('an agenda', () => {
  it('is empty at first', () => {
    const agenda = new Agenda<string>();
    expect(agenda.nextAt).toBe(Infinity);
    expect(agenda.take(Infinity)).toBeUndefined();
  });

  it('gives nothing before its time', () => {
    const agenda = new Agenda<string>();
    agenda.add('a', 5);
    expect(agenda.nextAt).toBe(5);
    expect(agenda.take(4)).toBeUndefined();
    expect(agenda.take(5)).toBe('a');
    expect(agenda.take(5)).toBeUndefined();
  });

  it('gives all of it so much sooner where the clock was set back', () => {
    const agenda = new Agenda<string>();
    for (const [item, at] of [['b', 20], ['a', 10]] as const) agenda.add(item, at);
    agenda.advance(5);
    expect(agenda.nextAt).toBe(5);
    expect([agenda.take(5), agenda.take(14), agenda.take(15)]).toEqual(['a', undefined, 'b']);
  });

  it('gives the earliest first, and at one time the one that came first, whatever was added, taken and removed', () => {
    for (let seed = 0; seed < 50; seed++) {
      const random = randomOf(seed);
      const agenda = new Agenda<{ readonly at: number; readonly number: number }>();
      const left: { readonly at: number; readonly number: number }[] = [];
      for (let number = 0; number < 300; number++) {
        if (random.below(50) === 0) {
          const odd = (item: { readonly number: number }): boolean => item.number % 2 === 1;
          agenda.remove(odd);
          left.splice(0, left.length, ...left.filter((item) => !odd(item)));
        } else if (random.below(3) > 0) {
          const item = { at: random.below(20), number };
          agenda.add(item, item.at);
          left.push(item);
        } else {
          left.sort((a, b) => a.at - b.at || a.number - b.number);
          const [taken, wanted] = [agenda.take(Infinity), left.shift()];
          if (taken !== wanted) expect({ seed, number, taken }).toEqual({ seed, number, taken: wanted });
        }
        if (agenda.size !== left.length) expect({ seed, number, size: agenda.size }).toEqual({ seed, number, size: left.length });
        const next = Math.min(...left.map(({ at }) => at));
        if (agenda.nextAt !== next) expect({ seed, number, next: agenda.nextAt }).toEqual({ seed, number, next });
      }
    }
  });
});
