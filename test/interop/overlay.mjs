// Programs that look for their own files under /usr, unpacked and not installed: they see the machine's /usr with a folder of PEERS
// laid over it, and nobody else does (unshare --mount; needs root).

import { join } from 'node:path';
import { PEERS } from './harness.mjs';

/** Returns command, arguments and options of such a program, for `stage.run` and `stage.start`. `over`: the folder. */
export function overlaid(words, { env = {}, over = 'clients', ...options } = {}) {
  const mounted = `mount --make-rprivate /; mount -t overlay none -o lowerdir=${join(PEERS, over, 'usr')}:/usr /usr; exec "$@"`;
  return ['unshare', ['--mount', 'sh', '-ec', mounted, 'sh', ...words.map(String)], { env: { ...process.env, ...env }, ...options }];
}
