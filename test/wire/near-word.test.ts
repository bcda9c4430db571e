import { expect, it } from 'vitest';
import { nearWord } from '../../src/wire/near-word.ts';

it.each<[string, string | undefined]>([
  ['requireTLS', 'requireTls'],
  ['tsl', undefined], // as far from `tls` as half of it
  ['tl', 'tls'],
  ['hostnme', 'hostname'],
  ['colour', undefined],
  ['', undefined],
  ['x'.repeat(1_000_000), undefined], // a file by mistake
])('the word that was meant: %.20s', (written, meant) => expect(nearWord(written, ['tls', 'requireTls', 'hostname'])).toBe(meant));
