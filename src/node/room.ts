// Room for connections: how many there may be at a time, in all and from each client.
//
// Rule 1: a connection counts from the moment it is accepted until it is gone, whether it has come to a session or not.
//         One that has heard goodbye gives its place to the next that needs it, and is cut: a client that comes anew may be read
//         before the end of its last connection is.
// Rule 2: what has no address (a Unix socket) counts in all alone: nobody knows how many clients that is.
// Rule 3: a client is an IPv4 address, or a /64 of IPv6 (`clientKey`).

import { checkCounts } from '../wire/usage.ts';
import { clientKey } from '../relay/address.ts';

/** A connection whose session is over. */
export interface Leaver {
  /** Cuts the connection, if that loses nothing; tells whether it did. */
  hurry(): boolean;
}

export class Room {
  readonly #most: number;
  readonly #mostPerClient: number;
  readonly #clients = new Map<string, number>();
  readonly #leaving = new Map<Leaver, string>(); // whom they count for
  #all = 0;

  /** Throws UsageError for what counts nothing. */
  constructor(options: { readonly maxConnections?: number; readonly maxConnectionsPerClient?: number }) {
    checkCounts(options, { maxConnections: 0, maxConnectionsPerClient: 0 });
    const { maxConnections = 1_000, maxConnectionsPerClient = 50 } = options;
    this.#most = maxConnections;
    this.#mostPerClient = maxConnectionsPerClient;
  }

  /** Takes in one more connection, where there is a place; it is given back by `leave`, once. */
  enter(): boolean {
    if (this.#all >= this.#most && !this.#hurry()) return false;
    this.#all++;
    return true;
  }

  /** Counts one that has entered for the client at this address. Returns whom it counts for; undefined: that client has too many. */
  claim(address: string): string | undefined {
    const client = clientKey(address);
    if (client === '') return client;
    if (this.#countOf(client) >= this.#mostPerClient && !this.#hurry(client)) return undefined;
    this.#clients.set(client, this.#countOf(client) + 1);
    return client;
  }

  /** One has gone, which counted for that client; `''`: for none. */
  leave(client: string): void {
    this.#all--;
    const others = this.#countOf(client) - 1;
    if (others > 0) this.#clients.set(client, others);
    else this.#clients.delete(client);
  }

  /** One has heard goodbye: it keeps its place until it is `gone`, or another needs that. */
  leaving(leaver: Leaver, client: string): void {
    this.#leaving.set(leaver, client);
  }

  gone(leaver: Leaver): void {
    const client = this.#leaving.get(leaver);
    if (this.#leaving.delete(leaver)) this.leave(client ?? '');
  }

  #countOf(client: string): number {
    return this.#clients.get(client) ?? 0;
  }

  /** Cuts one that has heard goodbye, of that client, or of any; tells whether there was one. */
  #hurry(client?: string): boolean {
    for (const [leaver, counted] of this.#leaving) {
      if ((client !== undefined && counted !== client) || !leaver.hurry()) continue;
      this.gone(leaver);
      return true;
    }
    return false;
  }
}
