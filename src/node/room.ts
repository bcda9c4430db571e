// Room for connections: how many there may be at a time, in all and from each client's address.
//
// Rule 1: a connection counts from the moment it is accepted until it is gone, whether it has come to a session or not.
// Rule 2: what has no address (a Unix socket) counts in all alone: nobody knows how many clients that is.

export class Room {
  readonly #most: number;
  readonly #mostPerClient: number;
  readonly #clients = new Map<string, number>();
  #all = 0;

  constructor({ maxConnections = 1_000, maxConnectionsPerClient = 50 }: { readonly maxConnections?: number; readonly maxConnectionsPerClient?: number }) {
    this.#most = maxConnections;
    this.#mostPerClient = maxConnectionsPerClient;
  }

  /** Returns a place for one more connection; undefined where there is none. */
  enter(): Seat | undefined {
    if (this.#all >= this.#most) return undefined;
    this.#all++;
    let client = '';
    let left = false;
    return {
      claim: (address) => {
        const there = this.#clients.get(address) ?? 0;
        if (address !== '' && there >= this.#mostPerClient) return false;
        if (address !== '') this.#clients.set(address, there + 1);
        client = address;
        return true;
      },
      leave: () => {
        if (left) return;
        left = true;
        this.#all--;
        const others = (this.#clients.get(client) ?? 0) - 1;
        if (others > 0) this.#clients.set(client, others);
        else this.#clients.delete(client);
      },
    };
  }
}

/** The seat of one connection. */
export interface Seat {
  /** Takes it for the client at this address, once; false: that client has too many. */
  claim(address: string): boolean;
  /** Gives it back; a second time does nothing. */
  leave(): void;
}
