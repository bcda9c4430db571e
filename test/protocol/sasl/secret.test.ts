import { expect, it } from 'vitest';
import { equalSecrets, xor } from '../../../src/protocol/sasl/secret.ts';

it.each([
  [[], [], true],
  [[1, 2], [1, 2], true],
  [[1, 2], [1, 3], false],
  [[0, 2], [1, 2], false],
  [[1], [1, 0], false],
  [[1, 0], [1], false],
  [[], [0], false],
])('%j and %j are equal secrets: %j', (a, b, equal) => {
  expect(equalSecrets(Uint8Array.from(a), Uint8Array.from(b))).toBe(equal);
});

it('XOR is as long as its first side', () => {
  expect(xor(Uint8Array.of(1, 2, 3), Uint8Array.of(3, 3))).toEqual(Uint8Array.of(2, 1, 3));
});
