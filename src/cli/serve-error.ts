// How `ehlo serve` ends where it cannot begin, or go on.

import { isFull } from '../node/disk.ts';
import { EXIT } from '../node/exit-status.ts';

/** Why the program cannot begin, or go on, and the exit status that says so. */
export class ServeError extends Error {
  readonly status: number;

  constructor(text: string, status: number) {
    super(text);
    this.status = status;
  }
}

/** Returns the exit status where a folder cannot be opened: a full disk has room again some day, there are descriptors again when clients have gone, and whoever watches over the program may start it again; all else is for the operator to mend. */
export function openStatus(error: unknown): number {
  return isFull(error) ? EXIT.temporary : EXIT.cannotCreate;
}
