import { describe, expect, it } from 'vitest';
import { Input } from '../../../src/protocol/server/input.ts';
import { octetsOf, textOf } from '../../wire/every.ts';

/** All that is left, in the pieces in which it is handed out. */
function drain(input: Input): string[] {
  const pieces: string[] = [];
  while (!input.empty) {
    pieces.push(textOf(input.octets.subarray(input.at)));
    input.advance(input.octets.length);
  }
  return pieces;
}

const inputOf = (...segments: readonly string[]): Input => {
  const input = new Input();
  for (const segment of segments) input.push(octetsOf(segment));
  return input;
};

describe('the input of a session', () => {
  it('is handed out segment by segment, in order, without empty ones', () => {
    expect(drain(inputOf('', 'ab', '', 'c', 'def'))).toEqual(['ab', 'c', 'def']);
    expect(inputOf('').empty).toBe(true);
  });

  it('goes on where it was left, and takes more at any time', () => {
    const input = inputOf('abc');
    input.advance(1);
    input.push(octetsOf('de'));
    expect(drain(input)).toEqual(['bc', 'de']);
    input.push(octetsOf('f'));
    expect(drain(input)).toEqual(['f']);
  });

  it('is handed out in linear time, however many segments there are', () => { // minutes, were each of them to move the others
    const octet = octetsOf('a');
    const input = new Input();
    for (let segment = 0; segment < 500_000; segment++) input.push(octet);
    let size = 0;
    for (; !input.empty; size++) input.advance(1);
    expect(size).toBe(500_000);
  }, 20_000);
});
