// Signals of abortion, which Node takes from the web: no module of it exports them. Their types are those of the tree that
// these sources are compiled in, where it has some (DOM, @types/node), so that `mail.signal` can be handed to `fetch`.

/** Tells whoever listens that an answer is no longer wanted: the AbortSignal of the platform. */
export type Signal = typeof globalThis extends { AbortSignal: { prototype: infer Known } } ? Known : PlainSignal;

interface PlainSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** The AbortController of the platform. Declared here, for this module alone: a global one would clash with others' types. */
declare const AbortController: new () => { readonly signal: Signal; abort(reason?: unknown): void };

/**
 * A source of one signal, which is made when it is asked for: most hooks never look, and one for each question was a fifth of
 * what a mail cost (measured: 2.5 µs of each).
 */
export class Aborter {
  #controller: InstanceType<typeof AbortController> | undefined;
  #aborted = false;
  #reason: unknown;

  get signal(): Signal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The same as the signal would tell, which need not be made for it. */
  get aborted(): boolean {
    return this.#aborted;
  }

  /** The first time counts. */
  abort(reason?: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
