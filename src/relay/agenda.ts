// Things that wait for a time: the earliest comes out first, and of those at one time the one that was put in first.
//
// A binary heap: adding and taking cost the logarithm of what waits, so that a queue of 100,000 mails costs no more than a
// few comparisons each.

interface Entry<Item> {
  readonly item: Item;
  at: number;
  readonly number: number; // counts what was ever added
}

export class Agenda<Item> {
  #heap: Entry<Item>[] = []; // each is not later than the two at twice its index + 1 and + 2
  #added = 0;

  /** The earliest time; Infinity where nothing waits. */
  get nextAt(): number {
    return this.#heap[0]?.at ?? Infinity;
  }

  add(item: Item, at: number): void {
    const entry = { item, at, number: this.#added++ };
    let index = this.#heap.length;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || isBefore(parent, entry)) break;
      this.#heap[index] = parent;
      index = above;
    }
    this.#heap[index] = entry;
  }

  /** Takes out the earliest, where its time has come. */
  take(now: number): Item | undefined {
    const [first] = this.#heap;
    if (first === undefined || first.at > now) return undefined;
    const last = this.#heap.pop();
    if (last !== undefined && last !== first) this.#sink(last);
    return first.item;
  }

  /** Things that wait. */
  get size(): number {
    return this.#heap.length;
  }

  /** Takes out all for which the condition holds. */
  remove(condition: (item: Item) => boolean): void {
    this.#heap = this.#heap.filter(({ item }) => !condition(item)).sort((a, b) => (isBefore(a, b) ? -1 : 1)); // in order, each is not later than any behind it
  }

  /** Moves all of them so much nearer: their order stays. */
  advance(by: number): void {
    for (const entry of this.#heap) entry.at -= by;
  }

  /** Finds the place of an entry from the top down. */
  #sink(entry: Entry<Item>): void {
    let index = 0;
    for (;;) {
      let below = 2 * index + 1;
      const [left, right] = [this.#heap[below], this.#heap[below + 1]];
      if (left === undefined) break;
      let child = left;
      if (right !== undefined && isBefore(right, left)) {
        child = right;
        below += 1;
      }
      if (isBefore(entry, child)) break;
      this.#heap[index] = child;
      index = below;
    }
    this.#heap[index] = entry;
  }
}

function isBefore<Item>(a: Entry<Item>, b: Entry<Item>): boolean {
  return a.at < b.at || (a.at === b.at && a.number < b.number);
}
