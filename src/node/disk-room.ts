// How much of the disk there is for mail. New mail leaves a floor, so that there is room for what becomes of the mail that has been
// taken, and what a checkpoint would write besides: it is where room comes from. Where others have the disk too, there is to be room
// for theirs, one at a time.

import type { Disk } from './disk.ts';

const MOST_OLD = 1000; // milliseconds for which what is known of the disk's free space is believed,
const MOST_CLAIMED = 1 / 16; // and the part of the floor that may be claimed meanwhile: others, who have claims too, know nothing of it

export class DiskRoom {
  readonly #disk: Pick<Disk, 'free'>;
  readonly #floor: number;
  readonly #now: () => number;
  readonly #failed: (error: unknown) => void;
  readonly #askOthers: () => Promise<number>;
  #free = 0; // octets,
  #asked = 0; // as of this time
  #claimed = 0; // since then
  #othersNeed = 0;
  #spared = 0; // octets that the checkpoint under way leaves

  /** `floor`: octets that no mail may take; `failed` is called where the disk cannot tell what is free; `askOthers` returns what the largest checkpoint of others would write. */
  constructor(disk: Pick<Disk, 'free'>, floor: number, now: () => number, failed: (error: unknown) => void, askOthers: () => Promise<number>) {
    this.#disk = disk;
    this.#floor = floor;
    this.#now = now;
    this.#failed = failed;
    this.#askOthers = askOthers;
  }

  /** Learns what is free, and what others need. */
  async ask(): Promise<void> {
    await this.#askDisk();
    this.#othersNeed = await this.#askOthers();
  }

  /** Returns the octets that are free. */
  async #askDisk(): Promise<number> {
    this.#asked = this.#now();
    this.#claimed = 0;
    const octets = await this.#disk.free();
    this.#free = octets;
    this.#asked = this.#now();
    return octets;
  }

  /** Tells, by what was known a moment ago, whether there is room for a mail of so many octets where a checkpoint would write `need`. */
  forMail(octets: number, need: number): boolean {
    if (Math.abs(this.#now() - this.#asked) > MOST_OLD || this.#claimed > this.#floor * MOST_CLAIMED) this.ask().catch(this.#failed); // the other way round where the clock was set back
    return this.#free - octets > this.#floor + Math.max(need, this.#othersNeed);
  }

  /** Takes so many octets for a mail, if there is room: a client need not say how much it will send, and many send at a time. What comes to nothing is there again when the disk is asked. */
  claim(octets: number, need: number): boolean {
    if (!this.forMail(octets, need)) return false;
    this.#free -= octets;
    this.#claimed += octets;
    return true;
  }

  /** Tells whether a checkpoint may write so many octets: it leaves half of the floor, or half of what is free. */
  async forCheckpoint(need: number): Promise<boolean> {
    const free = await this.#askDisk();
    this.#spared = Math.min(free, this.#floor) / 2;
    return need <= free - this.#spared;
  }

  /** Returns the octets that it may still write. */
  async leftForCheckpoint(): Promise<number> {
    return (await this.#askDisk()) - this.#spared;
  }
}
