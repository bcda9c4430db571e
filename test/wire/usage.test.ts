import { describe, expect, it } from 'vitest';
import { given, shown } from '../../src/wire/usage.ts';

describe('a value that is no option', () => {
  const ring: Record<string, unknown> = { name: 'ring' };
  ring['self'] = ring;

  // found by trying: NaN was said to be null, and of what JSON has no words for there was a TypeError about JSON
  it.each<[unknown, string]>([
    ['mx.test', '"mx.test"'],
    [null, 'null'],
    [undefined, 'undefined'],
    [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
    [25n, '25n'],
    [{ port: 25n }, '{"port":"25n"}'],
    [ring, '{"name":"ring"}'],
    [Symbol('port'), 'symbol'],
    [() => 25, 'function'],
    ['x'.repeat(200), `"${'x'.repeat(99)}…`],
  ])('is shown: %s', (value, text) => expect(shown(value)).toBe(text));
});

it('an option that is undefined takes no default\'s place', () => {
  expect({ port: 25, host: 'mx.test', ...given({ port: undefined, host: 'a.test' }) }).toEqual({ port: 25, host: 'a.test' });
});
