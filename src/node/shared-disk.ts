// What the parts of a queue (part.ts) know of each other, since they have one disk: how much a checkpoint of each would write, and
// whose turn it is to have one. A checkpoint drops about what it writes, so that behind one there is room for the next.
//
//   queue/need, queue/part/2/need   octets that a checkpoint of the part would write, as its process said last
//   queue/part/lock                 of the process that has a checkpoint now (lock.ts)
//
// Rule 1: mail is taken only where there is room for the largest of these checkpoints, whichever part takes it.
// Rule 2: one part at a time has one. Together, each would find room for its own, and none would come to its end.
// Rule 3: neither is a promise: what cannot be said or read is left, and who waits long for his turn goes on. A checkpoint looks for
//         itself at the room that is left.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Aborter } from './aborter.ts';
import { OWNER_ONLY } from './durable.ts';
import { InUse, lockDirectory, type Lock } from './lock.ts';
import { now } from './now.ts';
import { pause } from './pause.ts';

const NAME = 'need';

const NEWS = 1_048_576;

/** Milliseconds between two looks whether it is our turn, and after which it is not waited for any more: who has it may have been stopped. */
const LOOK = 100;
const PATIENCE = 60_000;

export class SharedDisk {
  readonly #own: string;
  readonly #others: readonly string[];
  readonly #turns: string;
  readonly #news: number;
  readonly #known = new Map<string, number>(); // of the others
  #told = -Infinity; //                           of the own need
  #need = 0;
  #telling: Promise<void> | undefined;

  /** By their folders: of one part, of the others, and that in which they take turns. `news`: octets by which a need has to be another for the others to be told. */
  constructor(own: string, others: readonly string[], turns: string, news = NEWS) {
    this.#news = news;
    this.#own = own;
    this.#others = others;
    this.#turns = turns;
  }

  /** Tells the others what a checkpoint would write here, where that is news. */
  tell(need: number): void {
    this.#need = need;
    if (this.#telling === undefined && Math.abs(need - this.#told) >= this.#news) this.#telling = this.#tell();
  }

  /** Returns the octets that the largest checkpoint of the others would write. */
  async othersNeed(): Promise<number> {
    for (const folder of this.#others) {
      const text = await readFile(join(folder, NAME), 'utf8').catch(() => ''); // it has never been opened, or is being written to
      if (/^\d{1,16}$/.test(text)) this.#known.set(folder, Number(text));
    }
    return Math.max(0, ...this.#known.values());
  }

  /** Does the work while no other part does its own. */
  async inTurn(work: () => Promise<void>, closing: () => boolean): Promise<void> {
    const turn = await this.#turn(closing);
    try {
      await work();
    } finally {
      await turn?.release();
    }
  }

  /** Resolves when the others have been told. */
  async close(): Promise<void> {
    await this.#telling;
  }

  async #tell(): Promise<void> {
    while (Math.abs(this.#need - this.#told) >= this.#news) {
      const need = this.#need;
      try {
        await writeFile(join(this.#own, NAME), String(need), { mode: OWNER_ONLY.file });
      } catch {
        break; // the others know what it was; more is said with the next change
      }
      this.#told = need;
    }
    this.#telling = undefined;
  }

  /** Waits for our turn; undefined: none can be had. */
  async #turn(closing: () => boolean): Promise<Lock | undefined> {
    for (const until = now() + PATIENCE; ; ) {
      try {
        return await lockDirectory(this.#turns);
      } catch (error) {
        if (!(error instanceof InUse) || closing() || now() > until) return undefined;
      }
      await pause(LOOK, new Aborter().signal);
    }
  }
}
