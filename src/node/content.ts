// Mail data on their way from the session to the application: an AsyncIterable whose pull is the back-pressure.

/** Octets that may wait for the application before the socket is not read any more. */
const HIGH_WATER = 65_536;

export class ContentStream implements AsyncIterable<Uint8Array> {
  readonly #flow: { readonly hold: () => void; readonly release: () => void };
  #pieces: Uint8Array[] = [];
  #waiting = 0; //         octets in #pieces
  #held = false;
  #end: { readonly error?: Error } | undefined;
  #discarding = false;
  #wake: (() => void) | undefined; // of the one reader that waits

  constructor(flow: { readonly hold: () => void; readonly release: () => void }) {
    this.#flow = flow;
  }

  push(octets: Uint8Array): void {
    if (this.#discarding) return;
    this.#pieces.push(octets);
    this.#waiting += octets.length;
    if (this.#waiting > HIGH_WATER) this.#hold(true);
    this.#wake?.();
  }

  /** The mail data are complete. */
  end(): void {
    this.#end ??= {};
    this.#wake?.();
  }

  /** The mail data come to nothing: whoever reads them gets the error, now or later. */
  fail(error: Error): void {
    this.#end ??= { error };
    this.discard();
  }

  /** Nobody reads (on): what comes is dropped. */
  discard(): void {
    this.#discarding = true;
    this.#pieces = [];
    this.#waiting = 0;
    this.#hold(false);
    this.#wake?.();
  }

  /** Reads the pieces, each once. Ends with an error when the mail data come to nothing. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece !== undefined) {
          this.#waiting -= piece.length;
          if (this.#waiting <= HIGH_WATER) this.#hold(false);
          yield piece;
        } else if (this.#end !== undefined) {
          if (this.#end.error !== undefined) throw this.#end.error;
          return;
        } else if (this.#discarding) {
          throw new Error('the content was given up: it can be read once, and not after the verdict');
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
          this.#wake = undefined;
        }
      }
    } finally {
      this.discard(); // a reader that stops early wants no more
    }
  }

  #hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    if (held) this.#flow.hold();
    else this.#flow.release();
  }
}
