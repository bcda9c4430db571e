// Things that arrive one after the other, for any number of readers: each reads all of them, from the first on.

export class Arrivals<Item> {
  readonly #items: Item[] = [];
  readonly #wake = new Set<() => void>();
  #state: { readonly type: 'open' } | { readonly type: 'ended' } | { readonly type: 'failed'; readonly error: unknown } = { type: 'open' };

  add(item: Item): void {
    this.#items.push(item);
    this.#tell();
  }

  /** Nothing more arrives. */
  end(): void {
    this.#state = { type: 'ended' };
    this.#tell();
  }

  /** Nothing more arrives, and readers that have read the rest are to get the error. */
  fail(error: unknown): void {
    this.#state = { type: 'failed', error };
    this.#tell();
  }

  async *read(): AsyncGenerator<Item, void> {
    for (let at = 0; ; ) {
      const item = this.#items[at];
      if (item !== undefined) {
        at += 1;
        yield item;
      } else if (this.#state.type === 'failed') throw this.#state.error;
      else if (this.#state.type === 'ended') return;
      else await new Promise<void>((resolve) => this.#wake.add(resolve));
    }
  }

  #tell(): void {
    for (const wake of this.#wake) wake();
    this.#wake.clear();
  }
}
