import { describe, expect, it } from 'vitest';
import { DataDecoder } from '../../src/wire/data-decoder.ts';
import { DataEncoder } from '../../src/wire/data-encoder.ts';
import { LineDecoder } from '../../src/wire/line-decoder.ts';
import { octetsOf } from './every.ts';

const LENGTH = 1 << 18;

/** A quarter of a megabyte made of the pattern over and over. */
function manyOf(pattern: string): Uint8Array {
  const octets = octetsOf(pattern);
  const many = new Uint8Array(LENGTH);
  many.set(octets);
  for (let made = octets.length; made < LENGTH; made *= 2) many.copyWithin(made, 0, made);
  return many;
}

// A scan is quadratic that looks again, from each octet, at all that follow it or went before. So much takes it half a minute at
// the very least, and not the few milliseconds that it takes here; the time limit is far from either.
describe.each([
  ['bare LF', '\n'],
  ['bare CR', '\r'],
  ['dots', '.'],
  ['NUL', '\0'],
  ['blank lines', '\r\n'],
  ['lines that are two dots', '\r\n..'],
  ['lines that begin with a dot', '\r\n.a'],
  ['dots that bare CR follows', '.\r'],
  ['dots that bare LF follows', '.\n'],
  ['LF CR', '\n\r'],
  ['one line', 'a'],
])('a quarter of a megabyte of %s', (_, pattern) => {
  const octets = manyOf(pattern);

  it('is read as mail data', () => {
    const decoder = new DataDecoder({ lineLimit: 1000 });
    let size = 0;
    for (let at = 0; at < octets.length; size += decoder.content.length) at = decoder.read(octets, at);
    expect(decoder.size).toBe(size);
  }, 5_000);

  it('is written as mail data', () => {
    const encoder = new DataEncoder();
    let size = 0;
    for (const view of encoder.write(octets)) size += view.length;
    expect(size).toBeGreaterThanOrEqual(LENGTH);
  }, 5_000);

  it('is read as lines', () => {
    const decoder = new LineDecoder({ limit: 512 });
    let size = 0;
    for (let at = 0; at < octets.length; ) {
      at = decoder.read(octets, at);
      if (decoder.line !== undefined && decoder.fault !== 'line-too-long') size += decoder.line.length + 2;
    }
    expect(size + decoder.length).toBe(LENGTH);
  }, 5_000);
});
