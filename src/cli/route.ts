// `ehlo route ADDRESS`: where mail for an address would go, with each answer of the DNS and each rule that was applied.
// What it prints is a record from which relay/route-record.ts finds the same route again.

import { randomInt } from 'node:crypto';
import { EXIT } from '../node/exit-status.ts';
import { machineName } from '../node/machine-name.ts';
import { toAscii } from '../node/resolve.ts';
import type { Target } from '../relay/route.ts';
import { formatGiven, formatPlan, formatStep } from '../relay/route-record.ts';
import { formatFault, isFault } from '../syntax/fault.ts';
import { parseMailbox } from '../syntax/mailbox.ts';
import { randomFrom } from '../wire/random.ts';
import { runCommand, type Terminal, type Usage } from './command-line.ts';
import { misuse, quoted } from './misuse.ts';
import { isMalformed } from './option.ts';
import { resolverOf, routeOptions, ROUTING } from './routing.ts';

const USAGE: Usage<typeof ROUTING> = {
  name: 'ehlo route',
  operands: 'ADDRESS',
  operandCount: { least: 1, most: 1 },
  about: 'Prints each answer of the DNS about the address, each rule with its clause, and the hosts in the order in which\nthey would be tried. Sends nothing. Exit status: 0, or 69 for a permanent and 75 for a temporary failure.',
  examples: ['ehlo route bob@example.com', 'ehlo route --resolver 192.0.2.53 --route example.com=10.0.0.5:25 bob@example.com'],
  options: ROUTING,
};

/** Returns the exit status. */
export function route(args: readonly string[], terminal: Terminal): Promise<number> {
  return runCommand(USAGE, args, terminal, async ({ options, operands: [address = ''] }) => {
    const written = address.replace(/^<(.*)>$/, '$1');
    const hostname = options.hostname ?? (await machineName());
    if (isMalformed(address)) return misuse(`${quoted(address)}: expected UTF-8`);
    const mailbox = parseMailbox(/^postmaster$/i.test(written) ? `${written}@${hostname}` : written, { utf8: true }); // RFC 5321 §4.1.1.3: that of this host
    if (isFault(mailbox)) return misuse(`${quoted(address)}: ${formatFault(mailbox)}`);

    const print = (line: string): void => terminal.out(`${line}\n`);
    const given = { domain: toAscii(mailbox.domain.text), options: routeOptions({ ...options, hostname }), seed: randomInt(2 ** 31) };
    formatGiven(given).forEach(print);
    const found = await resolverOf(options).route(given.domain, given.options, { onStep: (step) => print(formatStep(step)), random: randomFrom(given.seed) });
    if (found.type === 'verdict') return found.verdict.kind === 'permanent' ? EXIT.unavailable : EXIT.temporary;

    const targets: Target[] = [];
    for await (const target of found.targets) targets.push(target);
    formatPlan(targets).forEach(print);
    return EXIT.ok;
  });
}
