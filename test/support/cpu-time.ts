// How long something takes this process, other programs on the machine aside.

import { cpuUsage } from 'node:process';

/** Returns the milliseconds of a core that the action takes, garbage collection included. */
export function cpuTime(action: () => void): number {
  const before = cpuUsage();
  action();
  const { user, system } = cpuUsage(before);
  return (user + system) / 1_000;
}
