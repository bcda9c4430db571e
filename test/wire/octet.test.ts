import { describe, expect, it } from 'vitest';
import { EMPTY, concat, equal } from '../../src/wire/octet.ts';
import { octetsOf } from './every.ts';

describe('octets put together', () => {
  it('are a copy, of one part too', () => {
    const part = octetsOf('ab');
    const whole = concat([part]);
    part[0] = 0;
    expect(whole).toEqual(octetsOf('ab'));
  });

  it('stand in the order of the parts', () => {
    expect(concat([octetsOf('a'), EMPTY, octetsOf('bc')])).toEqual(octetsOf('abc'));
    expect(concat([])).toEqual(EMPTY);
  });
});

describe('octets compared', () => {
  it('are equal when each is, and neither has more', () => {
    expect(equal(octetsOf('abc'), octetsOf('xabc').subarray(1))).toBe(true);
    expect(equal(octetsOf('abc'), octetsOf('abd'))).toBe(false);
    expect(equal(octetsOf('ab'), octetsOf('abc'))).toBe(false);
    expect(equal(octetsOf('abc'), octetsOf('ab'))).toBe(false);
    expect(equal(EMPTY, new Uint8Array(0))).toBe(true);
  });
});
