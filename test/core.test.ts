// The core asks nothing of its host.

import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { expect, test } from 'vitest';

test('ehlo/core runs where there is nothing but ECMAScript', () => {
  const printed = execFileSync(String(process.argv[0]), ['--experimental-vm-modules', '--no-warnings', 'test/support/bare-core.mjs'], { encoding: 'utf8' });
  expect(printed).toBe('whole: client helo auth mail rcpt message delivered\n');
});
