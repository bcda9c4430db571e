// What of the RFCs is shown by tests, section by section: npm run conformance [-- RFC5321:4.1]
//
// With an argument: the statements whose ids begin with it, and where each is shown.

import { argv, exit } from 'node:process';
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
  const found = statements.filter(({ id }) => id.startsWith(prefix));
  if (found.length === 0) {
    console.error(`conformance: no statement is called ${JSON.stringify(prefix)}: expected the beginning of an id such as RFC5321:4.5.2, of ${[...new Set(statements.map(({ id }) => id.split(':', 1)[0]))].join(', ')}`);
    exit(1);
  }
  for (const { id, level, binds, text } of found) {
    const state = binds !== 'yes' ? binds : opened.has(id) ? 'open' : reasons.has(id) ? `departure: ${reasons.get(id)}` : (shown.get(id) ?? ['not said']).join(', ');
    console.log(`${id} (${level}) ${text}\n  ${state}`);
  }
}
