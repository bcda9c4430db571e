// What waits its turn, first come, first served. Nearly always nobody waits, or one: a list is made for the second only (an
// array that is emptied and filled anew costs 150 octets each time, and a mail went through eight of them).

/** A queue in memory, for what is taken as fast as it comes. */
export class Fifo<Item extends object> {
  #first: Item | undefined;
  #rest: Item[] | undefined;

  /** Nobody waits. */
  get empty(): boolean {
    return this.#first === undefined;
  }

  /** How many wait. */
  get size(): number {
    return this.#first === undefined ? 0 : 1 + (this.#rest?.length ?? 0);
  }

  push(item: Item): void {
    if (this.#first === undefined) this.#first = item;
    else if (this.#rest === undefined) this.#rest = [item];
    else this.#rest.push(item);
  }

  /** Takes out who has waited longest; undefined where nobody does. */
  shift(): Item | undefined {
    const first = this.#first;
    if (this.#rest === undefined) this.#first = undefined;
    else {
      this.#first = this.#rest.shift();
      if (this.#rest.length === 0) this.#rest = undefined;
    }
    return first;
  }

  /** Takes out all of them, in their order. */
  clear(): Item[] {
    const all = this.#first === undefined ? [] : [this.#first, ...(this.#rest ?? [])];
    this.#first = undefined;
    this.#rest = undefined;
    return all;
  }
}
