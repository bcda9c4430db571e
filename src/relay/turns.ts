// Things that take turns: who came first goes first, and anyone can leave.
//
// The plain form is a Set: its first member is the first of its iteration. But an iteration from the beginning steps over the
// place of each member that has left since the table was last made anew, and there may be half as many of those as members:
// of 100,000 members it took 18 µs to find the first. So the iteration that found the last one is gone on with: 0.1 µs.
// Whoever stands before its place has left, since `take` goes by nobody; whoever comes stands behind it.

export class Turns<Item> {
  readonly #items = new Set<Item>();
  #places: Iterator<Item> | undefined;

  get size(): number {
    return this.#items.size;
  }

  /** Puts an item at the end, unless it is in already. */
  add(item: Item): void {
    this.#items.add(item);
  }

  delete(item: Item): boolean {
    return this.#items.delete(item);
  }

  /** Takes out the first. */
  take(): Item | undefined {
    if (this.#items.size === 0) return undefined;
    this.#places ??= this.#items.values(); // it never comes to its end: it is asked only while somebody is in, who stands behind its place
    const place = this.#places.next();
    if (place.done === true) return undefined; // does not happen
    this.#items.delete(place.value);
    return place.value;
  }

  /** In their order. */
  [Symbol.iterator](): IterableIterator<Item> {
    return this.#items.values();
  }
}
