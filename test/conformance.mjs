// What of the RFCs is shown by tests, section by section: npm run conformance [-- RFC5321:4.1]
//
// With an argument: the statements whose ids begin with it, and where each is shown.

import { argv } from 'node:process';
import { coverage, formatCoverage, readLedger } from './support/ledger.mjs';

const ledger = readLedger();
const { statements, shown, departures, open } = ledger;
const [, , prefix] = argv;
if (prefix === undefined) {
  console.log(formatCoverage(coverage(ledger, true)));
  console.log(formatCoverage(coverage(ledger)));
} else {
  const reasons = new Map(departures.map(({ id, reason }) => [id, reason]));
  const opened = new Set(open);
  for (const { id, level, binds, text } of statements) {
    if (!id.startsWith(prefix)) continue;
    const state = binds !== 'yes' ? binds : opened.has(id) ? 'open' : reasons.has(id) ? `departure: ${reasons.get(id)}` : (shown.get(id) ?? ['not said']).join(', ');
    console.log(`${id} (${level}) ${text}\n  ${state}`);
  }
}
