// What waits its turn, first come, first served. Nearly always nobody waits, or one: a list is made for the second only (an
// array that is emptied and filled anew costs 150 octets each time, and a mail went through eight of them).

/** Items that may be gone before those behind them are moved up, unless those are more. `shift` of an array moves all each time, where it has 16,000 and more. */
const GAP = 32;

/** A queue in memory, for what is taken as fast as it comes. */
export class Fifo<Item extends object> {
  #first: Item | undefined;
  #rest: (Item | undefined)[] | undefined;
  #gone = 0; // of the rest, from its begin on

  /** Nobody waits. */
  get empty(): boolean {
    return this.#first === undefined;
  }

  /** How many wait. */
  get size(): number {
    return this.#first === undefined ? 0 : 1 + (this.#rest?.length ?? 0) - this.#gone;
  }

  push(item: Item): void {
    if (this.#first === undefined) this.#first = item;
    else if (this.#rest === undefined) this.#rest = [item];
    else this.#rest.push(item);
  }

  /** Takes out who has waited longest; undefined where nobody does. */
  shift(): Item | undefined {
    const first = this.#first;
    const rest = this.#rest;
    this.#first = rest?.[this.#gone];
    if (rest === undefined) return first;
    rest[this.#gone] = undefined; // it may be large
    this.#gone += 1;
    if (this.#gone === rest.length) {
      this.#rest = undefined;
      this.#gone = 0;
    } else if (this.#gone >= GAP && 2 * this.#gone >= rest.length) {
      rest.splice(0, this.#gone);
      this.#gone = 0;
    }
    return first;
  }

  /** Takes out all of them, in their order. */
  clear(): Item[] {
    const all: Item[] = [];
    for (let item; (item = this.shift()) !== undefined; ) all.push(item);
    return all;
  }
}
