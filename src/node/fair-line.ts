// A line in which whoever comes with much holds up nobody but himself: they take turns, and what is somebody's goes in its order.

import { Turns } from '../relay/turns.ts';
import { Fifo } from '../wire/fifo.ts';

export class FairLine<Item extends object> {
  readonly #waiting = new Map<string, Fifo<Item>>(); // by whose it is
  readonly #turns = new Turns<string>(); //             of those
  readonly #bySize: Set<string>[] = []; //              those of whom so many wait, or more; none behind those who have most
  #size = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** How many of somebody's. */
  sizeOf(whose: string): number {
    return this.#waiting.get(whose)?.size ?? 0;
  }

  /** One of those who have most in it; undefined: it is empty. */
  get longest(): string | undefined {
    for (const whose of this.#bySize.at(-1) ?? []) return whose;
    return undefined;
  }

  push(whose: string, item: Item): void {
    const waiting = this.#waiting.get(whose) ?? new Fifo<Item>();
    waiting.push(item);
    (this.#bySize[waiting.size] ??= new Set()).add(whose);
    this.#waiting.set(whose, waiting);
    this.#turns.add(whose);
    this.#size += 1;
  }

  /** Takes out the next one; undefined: none waits. */
  shift(): Item | undefined {
    const whose = this.#turns.take();
    const item = whose === undefined ? undefined : this.take(whose);
    if (whose !== undefined && this.#waiting.has(whose)) this.#turns.add(whose); // behind the others
    return item;
  }

  /** Takes out what has waited longest of somebody's; undefined: there is none. */
  take(whose: string): Item | undefined {
    const waiting = this.#waiting.get(whose);
    if (waiting === undefined) return undefined;
    const asMany = this.#bySize[waiting.size];
    asMany?.delete(whose);
    if (asMany?.size === 0) this.#bySize.pop(); // who has more is among them
    const item = waiting.shift();
    if (waiting.empty) {
      this.#waiting.delete(whose);
      this.#turns.delete(whose);
    }
    this.#size -= 1;
    return item;
  }

  /** Takes out all, whose turn it is first. */
  clear(): Item[] {
    const all: Item[] = [];
    for (let item; (item = this.shift()) !== undefined; ) all.push(item);
    return all;
  }
}
