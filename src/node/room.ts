// Room for connections: how many there may be at a time, in all and from each client.
//
// Rule 1: a connection counts from the moment it is accepted until it is gone, whether it has come to a session or not.
// Rule 2: what has no address (a Unix socket) counts in all alone: nobody knows how many clients that is.
// Rule 3: a client is an IPv4 address, or a /64 of IPv6 (`clientKey`).

import { clientKey } from '../relay/address.ts';

import { checkCounts } from '../wire/usage.ts';

export class Room {
  readonly #most: number;
  readonly #mostPerClient: number;
  readonly #clients = new Map<string, number>();
  #all = 0;

  /** Throws UsageError for what counts nothing. */
  constructor(options: { readonly maxConnections?: number; readonly maxConnectionsPerClient?: number }) {
    checkCounts(options, { maxConnections: 0, maxConnectionsPerClient: 0 });
    const { maxConnections = 1_000, maxConnectionsPerClient = 50 } = options;
    this.#most = maxConnections;
    this.#mostPerClient = maxConnectionsPerClient;
  }

  /** Returns a place for one more connection; undefined where there is none. */
  enter(): Seat | undefined {
    if (this.#all >= this.#most) return undefined;
    this.#all++;
    return new Seat(this);
  }

  /** Used by seats. */
  claim(client: string): boolean {
    if (client === '') return true;
    const there = this.#clients.get(client) ?? 0;
    if (there >= this.#mostPerClient) return false;
    this.#clients.set(client, there + 1);
    return true;
  }

  /** Used by seats. */
  leave(client: string): void {
    this.#all--;
    const others = (this.#clients.get(client) ?? 0) - 1;
    if (others > 0) this.#clients.set(client, others);
    else this.#clients.delete(client);
  }
}

/** The seat of one connection. */
export class Seat {
  readonly #room: Room;
  #client = '';
  #left = false;

  constructor(room: Room) {
    this.#room = room;
  }

  /** Takes it for the client at this address, once; false: that client has too many. */
  claim(address: string): boolean {
    const client = clientKey(address);
    if (!this.#room.claim(client)) return false;
    this.#client = client;
    return true;
  }

  /** Gives it back; a second time does nothing. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#room.leave(this.#client);
  }
}
