// What is done about a socket on which an error, or whatever else leaves it of no use, is told.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A listener, one for all sockets, since a closure for each costs memory for each: the fault is the peer's, nobody is left to tell, and 'close' follows. */
export function destroy(this: Duplex): void {
  this.destroy();
}

/**
 * Has a socket that was accepted end without an error, whatever it is that ends it. Node writes out the stack of each error with which a
 * socket is destroyed, and a client that does not wait for the reply to QUIT resets the connection (measured: 12 µs of the 160 that
 * a connection costs which brings one mail).
 */
export function endWithoutError(socket: Duplex): void {
  if (Object.getPrototypeOf(socket) === Socket.prototype) socket.destroy = destroyWithoutError;
}

function destroyWithoutError(this: Duplex): Duplex {
  Socket.prototype.destroy.call(this);
  return this;
}

/**
 * Closes a socket to a peer that has no more to say; what the system has taken is sent all the same. Tells whether it did: not where
 * some is yet to be taken, nor a stream of another kind, such as TLS, which says goodbye first.
 */
export function closeAtOnce(socket: Duplex): boolean {
  if (Object.getPrototypeOf(socket) !== Socket.prototype || socket.writableLength > 0) return false;
  socket.destroy();
  return true;
}
