// What a person should know of a queue that was opened: what could not be read, and where that is kept.

import type { RecoveryReport } from '../node/recovery.ts';
import { visible } from '../wire/visible.ts';
import type { Terminal } from './command-line.ts';

export function reportRecovery(terminal: Terminal, directory: string, { torn, dead }: RecoveryReport): void {
  if (torn !== undefined) terminal.err(`ehlo: ${directory}: the last ${torn.octets} octets were half written when the program died, and never acknowledged; kept as dead/${torn.name}\n`);
  for (const { name, reason } of dead) terminal.err(`ehlo: ${directory}: could not be read, kept as dead/${visible(name)}: ${reason}\n`);
}
