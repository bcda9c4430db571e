// A socket that breaks as it is written to, and on which the system still has what its peer said last: why it wants no more, say.
//
// Node destroys a socket at once on which a write fails, unread. A server that refuses a mail in the middle of its content, and
// closes, so had its refusal read in one case out of four (measured, on loopback), and was "lost" in the others.
//
// Rule: the event loop looks at the socket once more, then it is destroyed as ever. What comes in between is handed past the stream,
//       which drops it for having an error.

import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers';
import { errorCode } from './error-text.ts';

/** On a socket that is to be destroyed when the event loop has looked at it. */
const WAITS = Symbol('waits');

interface Waiting extends Duplex {
  [WAITS]?: true;
}

/** What a write meets on a connection that its peer has closed or reset. */
const BROKEN: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET']);

/** Has the socket, plain or TLS, read a last time where a write to it fails. */
export function readBeforeEnd(socket: Duplex): void {
  const { destroy } = socket;
  socket.destroy = function destroyLater(this: Waiting, error?: Error) {
    if (error === undefined || !('syscall' in error) || error.syscall !== 'write' || !BROKEN.has(errorCode(error))) return destroy.call(this, error);
    if (this[WAITS] === true) return this;
    this[WAITS] = true;
    this.push = handOn;
    setImmediate(() => setImmediate(() => destroy.call(this, error))); // the first of these may be due before the loop looks
    return this;
  };
}

/** Null: the end, with which nothing more comes of it. */
function handOn(this: Duplex, octets: Uint8Array | null): boolean {
  if (octets !== null) this.emit('data', octets);
  return true;
}
