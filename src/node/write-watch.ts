// Who wants to know whether the system has taken what was written to a socket.

import type { Duplex } from 'node:stream';

/** Somebody to be told when so many writes have been taken. */
interface Flush {
  readonly written: number;
  readonly told: (taken: boolean) => void;
}

export class WriteWatch {
  #written = 0; // writes so far,
  #taken = 0; //   of which the system has taken so many
  readonly #flushes: Flush[] = [];

  /** Returns whether the socket takes more. */
  write(socket: Duplex, octets: Uint8Array): boolean {
    this.#written++;
    return socket.write(octets, (error) => {
      this.#taken++;
      this.#tell(this.#taken, error === undefined || error === null);
    });
  }

  /** Tells, later or at once, whether the system has taken all that was written so far. */
  flushed(told: (taken: boolean) => void): void {
    if (this.#taken === this.#written) told(true);
    else this.#flushes.push({ written: this.#written, told });
  }

  /** The socket is gone: what was not taken never will be. */
  lost(): void {
    this.#tell(Infinity, false);
  }

  /** Tells those who wait for so many writes. */
  #tell(written: number, taken: boolean): void {
    for (let first; (first = this.#flushes[0]) !== undefined && first.written <= written; ) {
      this.#flushes.shift();
      first.told(taken);
    }
  }
}
