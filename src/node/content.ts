// Mail data on their way from the session to the application: an AsyncIterable whose pull is the back-pressure.
//
// Rule: a reader that is not told of an error has read all of the mail data. What was dropped is never taken for their end.

/** Octets that may wait for the application before the socket is not read any more. */
const HIGH_WATER = 65_536;

/** Octets that a piece counts for besides its own: what it costs to keep one, however small. */
const PIECE_COST = 256;

export class ContentStream implements AsyncIterable<Uint8Array> {
  readonly #flow: { readonly hold: () => void; readonly release: () => void };
  #pieces: Uint8Array[] = [];
  #waiting = 0; //         what #pieces cost
  #held = false;
  #begun = false; //       somebody reads, or has read
  #complete = false; //    nothing comes behind #pieces
  #dropping = false; //    what comes is not kept
  #error: Error | undefined; // why the reader does not get all
  #wake: (() => void) | undefined; // of the one reader that waits

  constructor(flow: { readonly hold: () => void; readonly release: () => void }) {
    this.#flow = flow;
  }

  push(octets: Uint8Array): void {
    if (this.#dropping) return;
    this.#pieces.push(octets);
    this.#waiting += octets.length + PIECE_COST;
    if (this.#waiting > HIGH_WATER) this.#hold(true);
    this.#wake?.();
  }

  /** The mail data are complete. */
  end(): void {
    this.#complete = true;
    this.#wake?.();
  }

  /** The mail data come to nothing: whoever has not read them to their end gets the error, now or later. */
  fail(error: Error): void {
    if (!this.#complete || this.#pieces.length > 0) this.#error ??= error;
    this.#drop();
  }

  /** Nobody reads (on): what comes is dropped. */
  discard(): void {
    this.fail(GIVEN_UP);
  }

  /** Reads the pieces, each once. Ends with an error when the mail data come to nothing. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    if (this.#begun) throw this.#error ?? GIVEN_UP;
    this.#begun = true;
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece !== undefined) {
          this.#waiting -= piece.length + PIECE_COST;
          if (this.#waiting <= HIGH_WATER) this.#hold(false);
          yield piece;
        } else if (this.#error !== undefined) throw this.#error;
        else if (this.#complete) return;
        else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
          this.#wake = undefined;
        }
      }
    } finally {
      this.discard(); // a reader that stops early wants no more
    }
  }

  #drop(): void {
    this.#dropping = true;
    this.#pieces = [];
    this.#waiting = 0;
    this.#hold(false);
    this.#wake?.();
  }

  #hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    if (held) this.#flow.hold();
    else this.#flow.release();
  }
}

const GIVEN_UP = new Error('the content was given up: it can be read once, and not after the verdict');
