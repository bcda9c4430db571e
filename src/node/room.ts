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
    return new Seat(this);
  }

  /** Used by seats. */
  claim(address: string): boolean {
    if (address === '') return true;
    const there = this.#clients.get(address) ?? 0;
    if (there >= this.#mostPerClient) return false;
    this.#clients.set(address, there + 1);
    return true;
  }

  /** Used by seats. */
  leave(address: string): void {
    this.#all--;
    const others = (this.#clients.get(address) ?? 0) - 1;
    if (others > 0) this.#clients.set(address, others);
    else this.#clients.delete(address);
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
    if (!this.#room.claim(address)) return false;
    this.#client = address;
    return true;
  }

  /** Gives it back; a second time does nothing. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#room.leave(this.#client);
  }
}
