// What is done about a socket on which an error, or whatever else leaves it of no use, is told.

import type { Duplex } from 'node:stream';

/** A listener, one for all sockets, since a closure for each costs memory for each: the fault is the peer's, nobody is left to tell, and 'close' follows. */
export function destroy(this: Duplex): void {
  this.destroy();
}
