import { describe, expect, it } from 'vitest';
import { DataDecoder } from '../../src/wire/data-decoder.ts';
import { DataEncoder } from '../../src/wire/data-encoder.ts';
import { LineDecoder } from '../../src/wire/line-decoder.ts';
import { octetsOf } from './every.ts';

const MEGABYTE = 1 << 20;

/** A megabyte made of the pattern over and over. */
function megabyteOf(pattern: string): Uint8Array {
  const octets = octetsOf(pattern);
  return Uint8Array.from({ length: MEGABYTE }, (_, at) => octets[at % octets.length] ?? 0);
}

// What makes a scan quadratic is to look again, from each octet, at all that follow it or went before. A megabyte takes hours
// then, and not the tenth of a second that it takes here; the test's time limit is between the two, and far from either.
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
])('a megabyte of %s', (_, pattern) => {
  const octets = megabyteOf(pattern);

  it('is read as mail data in one piece and octet by octet', () => {
    const whole = new DataDecoder({ lineLimit: 1000 });
    for (let at = 0; at < octets.length; ) at = whole.read(octets, at);
    const bits = new DataDecoder({ lineLimit: 1000 });
    for (let from = 0; from < octets.length; from++) {
      const octet = octets.subarray(from, from + 1);
      for (let at = 0; at < 1; ) at = bits.read(octet, at);
    }
    expect([whole.size, whole.fault, whole.faultAt]).toEqual([bits.size, bits.fault, bits.faultAt]);
  }, 20_000);

  it('is written as mail data', () => {
    const encoder = new DataEncoder();
    let size = 0;
    for (const view of encoder.write(octets)) size += view.length;
    expect(size).toBeGreaterThanOrEqual(MEGABYTE);
  }, 20_000);

  it('is read as lines in one piece and octet by octet', () => {
    const whole = new LineDecoder({ limit: 512 });
    let lines = 0;
    for (let at = 0; at < octets.length; ) {
      at = whole.read(octets, at);
      if (whole.line !== undefined) lines++;
    }
    const bits = new LineDecoder({ limit: 512 });
    for (let from = 0; from < octets.length; from++) {
      bits.read(octets.subarray(from, from + 1), 0);
      if (bits.line !== undefined) lines--;
    }
    expect([lines, bits.length]).toEqual([0, whole.length]);
  }, 20_000);
});
