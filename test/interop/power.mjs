// The loss of power on a real file system, at a few moments: test/power/power-loss.mjs has as many as you like, on three of them.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { check, expectMatch } from './harness.mjs';

const POWER_LOSS = fileURLToPath(new URL('../power/power-loss.mjs', import.meta.url));

const wanted = process.getuid?.() === 0 ? ['/dev/fuse', '/dev/loop-control'].find((path) => !existsSync(path)) : 'root';
if (wanted !== undefined) console.log(`left out: the loss of power, for want of ${wanted}`);
else {
  const lose = async (stage, ...options) => {
    const { out, err } = await stage.run(process.execPath, [POWER_LOSS, '--file-systems', 'ext4', ...options]);
    return out + err;
  };

  check('on an ext4 that loses its power there is all that was acknowledged, once and whole', async (stage) => {
    expectMatch(await lose(stage, '--seconds', '3', '--images', '3'), /^ext4: [^\n]* [1-9]\d* times looked [^\n]*: 0 missing; 0 double, damaged or put aside\n$/, 'what is said');
  });

  check('and there is not where nothing was synced: it would be seen', async (stage) => {
    expectMatch(await lose(stage, '--seconds', '1', '--images', '3', '--forget-syncs'), /: [1-9]\d* missing; [^\n]*\n$/, 'what is said');
  });
}
