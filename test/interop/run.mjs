// Runs the checks of `ehlo` against real programs: node test/interop/run.mjs [FILTER]
//
// FILTER: a piece of the names of the checks to run. The program must be built (npm run build). Programs to run against are
// brought by provision.sh, unless EHLO_INTEROP_PEERS names the folder that has them. The last line is `N passed, N failed`.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.env.EHLO_INTEROP_PEERS ??= execFileSync('bash', [fileURLToPath(new URL('provision.sh', import.meta.url))], { encoding: 'utf8' }).trim();
const { EHLO, runChecks } = await import('./harness.mjs');
if (!existsSync(EHLO)) {
  console.error('interop: the program is not built: run `npm run build` first');
  process.exit(1);
}
for (const file of ['shutdown', 'crash', 'receive', 'relay', 'failure', 'bad-input', 'command', 'system-call', 'power', 'queue', 'secure', 'transcript', 'recording', 'hostile-server', 'odd-server', 'hostile-client', 'real-servers', 'real-relays', 'policy', 'smtp-sink', 'operate', 'matrix']) await import(`./${file}.mjs`);
const { passed, failed } = await runChecks(process.argv[2] ?? '');
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
