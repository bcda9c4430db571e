// Where connections come in, apart from who serves them: a listening socket that is bound before there is anybody to serve,
// or connections that another process has accepted.
//
// Rule 1: what comes before `begin` is kept, unread, and served then; more than `MOST_KEPT` are closed.

import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { destroy } from './destroy.ts';
import { openPlace, type Place } from './place.ts';

/** A duplex stream of Node's, described here since not every embedder has the types of `node:stream`. */
export interface DuplexStream {
  readonly destroyed: boolean;
  readonly writableLength: number;
  write(octets: Uint8Array): boolean;
  end(): unknown;
  destroy(): unknown;
  pause(): unknown;
  resume(): unknown;
  on(event: string, listener: () => void): unknown;
  /** Where it is a socket. */
  readonly remoteAddress?: string | undefined;
}

/** Where connections come in, such as a socket that listens. */
export interface Entrance {
  /** Where it is: the address, and the port; '' and 0 where it has none. */
  readonly host: string;
  readonly port: number;
  /** Hands on each connection from now on, and those that have come already. */
  begin(accept: (socket: DuplexStream) => void): void;
  /** Nothing comes any more. */
  close(): Promise<void>;
}

/** Connections that wait for somebody to serve them. */
const MOST_KEPT = 512;

/** Keeps connections until there is somebody to accept them. @internal */
export class Waiting {
  #accept: ((socket: Socket) => void) | undefined;
  #kept: Socket[] = [];

  /** Hands on what comes from now on; undefined: keeps it. */
  set accept(accept: ((socket: Socket) => void) | undefined) {
    this.#accept = accept;
    if (accept !== undefined) for (const socket of this.#kept.splice(0)) if (!socket.destroyed) accept(socket);
  }

  enter(socket: Socket): void {
    if (this.#accept !== undefined) return this.#accept(socket);
    if (this.#kept.length >= MOST_KEPT) return void socket.destroy();
    socket.on('error', destroy);
    this.#kept.push(socket);
  }

  /** Closes what was kept. */
  clear(): void {
    for (const socket of this.#kept.splice(0)) socket.destroy();
  }
}

/** A socket that listens. @internal */
export class ListeningEntrance implements Entrance {
  readonly #listener: NetServer;
  readonly #waiting = new Waiting();
  #host = '';
  #port = 0;

  private constructor(unread: boolean) {
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: unread }, (socket) => this.#waiting.enter(socket));
  }

  /**
   * Listens, or rejects with an Error whose message says in one line what could not be done. `unread`: connections are for another
   * process, which is to read them. `failed`: told why one connection was not accepted; the next may be.
   */
  static async open(place: Place, { unread = false, failed = () => undefined }: { readonly unread?: boolean; readonly failed?: (error: Error) => void } = {}): Promise<ListeningEntrance> {
    const entrance = new ListeningEntrance(unread);
    const listener = entrance.#listener;
    await openPlace(listener, place);
    listener.on('error', failed);
    const address = listener.address();
    if (address !== null && typeof address !== 'string') [entrance.#host, entrance.#port] = [address.address, address.port];
    return entrance;
  }

  get host(): string {
    return this.#host;
  }

  get port(): number {
    return this.#port;
  }

  begin(accept: (socket: Socket) => void): void {
    this.#waiting.accept = accept;
  }

  async close(): Promise<void> {
    this.#waiting.clear();
    this.#listener.close(() => undefined); // at once; what Node would have us wait for is the end of all connections, also of other processes, and of who has heard our last word and keeps the line
  }
}
