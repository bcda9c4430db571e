import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { expect, test } from 'vitest';

test('memory that is freed is kept where the C library is glibc, and is not cleared anew by the system', () => {
  const printed = execFileSync(String(process.argv[0]), ['--expose-gc', 'test/support/page-faults.mjs'], { encoding: 'utf8' });
  const [library, faults] = printed.trim().split(' ');
  expect(Number(faults)).toBeLessThan(library === 'glibc' ? 300 : Infinity); // of 3,200
});
