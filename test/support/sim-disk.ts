// A disk in memory that can die. It keeps what is durable apart from what is not, and hands out what a crash may leave of it.
//
//   killed      the process dies: everything that was done stays, of the write under way a part. It is still not durable.
//   power loss  of the octets and names that were not synced any part may be there: each write none, all, or some sectors of
//               it, the others as they were, or zero where there was nothing; or only its length; each name made or removed
//               or not. What was synced is there.
//
// Pessimistic beyond any one file system: names and octets know nothing of each other, and nothing has an order but by a sync.
// A rename is one change: the file has the one name or the other.
//
// Contents are values: equal octets are one `Image`, so that equal disks can be told by a short key and looked into once.

import { Buffer } from 'node:buffer';
import { EMPTY } from '../../src/wire/octet.ts';
import { FOLDERS, type Disk } from '../../src/node/disk.ts';
import type { Random } from './random.ts';

/** Octets that a disk writes as a whole: 512 or 4096 on real ones, small here as the mails are. */
export const SECTOR = 64;

export interface Operation {
  readonly type: 'write' | 'sync' | 'truncate' | 'rename' | 'unlink' | 'syncFolder';
  readonly path: string;
  readonly at?: number;
  readonly octets?: Uint8Array;
}

type Write = { readonly at: number; readonly octets: Uint8Array } | { readonly length: number };

interface File {
  readonly durable: Image;
  readonly writes: readonly Write[]; // since then
  readonly current: Image;
}

/** A change of names: `from` goes, `to` becomes the file. */
interface Change {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly file: number;
}

export class SimDisk implements Disk {
  #files = new Map<number, File>();
  #names = new Map<string, number>();
  #durableNames = new Map<string, number>();
  #changes: Change[] = []; // not durable, in order
  #next = 1;
  #view = ''; // when it is known
  /** Called before each operation that changes something; what it throws is the disk's error. */
  before: (operation: Operation) => void = () => undefined;

  async list(folder: string): Promise<readonly string[]> {
    const prefix = folder === '' ? '' : `${folder}/`;
    const names: string[] = folder === '' ? [...FOLDERS] : [];
    for (const path of this.#names.keys()) if (path.startsWith(prefix) && !path.includes('/', prefix.length)) names.push(path.slice(prefix.length));
    return names;
  }

  async read(path: string, at = 0, length = Infinity): Promise<Uint8Array> {
    if (path.startsWith('tmp/')) throw new Error(`${path} is read, and nobody may rely on what stands there`);
    const { octets } = this.#file(path).current;
    return octets.subarray(at, Math.min(octets.length, at + length));
  }

  async write(path: string, pieces: readonly Uint8Array[], at: number): Promise<void> {
    const octets = pieces.length === 1 && pieces[0] !== undefined ? pieces[0].slice() : new Uint8Array(Buffer.concat(pieces));
    this.before({ type: 'write', path, at, octets });
    this.#write(path, octets, at);
  }

  async sync(path: string): Promise<void> {
    this.before({ type: 'sync', path });
    const { current } = this.#file(path);
    this.#files.set(this.#number(path), { durable: current, writes: [], current });
  }

  async truncate(path: string, length: number): Promise<void> {
    this.before({ type: 'truncate', path });
    const { durable, writes, current } = this.#file(path);
    this.#files.set(this.#number(path), { durable, writes: [...writes, { length }], current: imageOf(current.octets.slice(0, length)) });
    this.#view = '';
  }

  async rename(from: string, to: string): Promise<void> {
    this.before({ type: 'rename', path: to });
    this.#change({ from, to, file: this.#number(from) });
  }

  async unlink(path: string): Promise<void> {
    this.before({ type: 'unlink', path });
    this.#change({ from: path, to: undefined, file: this.#number(path) });
  }

  async syncFolder(folder: string): Promise<void> {
    this.before({ type: 'syncFolder', path: folder });
    const concerns = ({ from, to }: Change): boolean => [from, to].some((path) => path !== undefined && folderOf(path) === folder);
    const done = this.#changes.filter(concerns);
    for (const change of done) apply(change, this.#durableNames);
    // A name that is durably gone cannot come to be any more.
    this.#changes = this.#changes.filter((change) => !done.includes(change) && !done.some(({ from, file }) => from === change.to && file === change.file));
  }

  async free(): Promise<number> {
    return Infinity;
  }

  async close(): Promise<void> {
    // there is nothing to close
  }

  /** What is left when the process dies now; with `partial`, of a write under way so many octets have been written. */
  killed(partial?: Operation, octets = 0): SimDisk {
    const wreck = new SimDisk();
    wreck.#files = new Map(this.#files);
    wreck.#names = new Map(this.#names);
    wreck.#durableNames = new Map(this.#durableNames);
    wreck.#changes = [...this.#changes];
    wreck.#next = this.#next;
    if (partial?.octets !== undefined) wreck.#write(partial.path, partial.octets.slice(0, octets), partial.at ?? 0);
    return wreck;
  }

  /** Names made or removed that are not durable. */
  get changes(): number {
    return this.#changes.length;
  }

  /** What is left when the power goes now. `kept`: how much of what was not synced, from none (0) to all (1); or of the changes of names those whose bit is set. */
  powerless(random: Random, kept: number, changes?: number): SimDisk {
    const wreck = new SimDisk();
    const names = new Map(this.#durableNames);
    for (const [index, change] of this.#changes.entries()) if (changes === undefined ? random.chance(kept) : ((changes >> index) & 1) === 1) apply(change, names);
    wreck.#names = names;
    wreck.#durableNames = new Map(names);
    for (const file of names.values()) {
      const known = this.#files.get(file);
      if (known === undefined) throw new Error('a name without a file');
      const image = survivor(known, random, kept);
      wreck.#files.set(file, { durable: image, writes: [], current: image });
    }
    wreck.#next = this.#next;
    return wreck;
  }

  /** Turns one bit of an octet that is durable, as time does. */
  decay(path: string, at: number): void {
    const octets = this.#file(path).durable.octets.slice();
    octets[at] = (octets[at] ?? 0) ^ 0x10;
    const image = imageOf(octets);
    this.#files.set(this.#number(path), { durable: image, writes: [], current: image });
    this.#view = '';
  }

  /**
   * The same for disks on which the same can be read, but for dead/, which nobody but people reads, and for what stands in the
   * files of tmp/: that is not read (`read` sees to it), and not written to, since a recovery empties tmp/ first (I8).
   */
  get view(): string {
    if (this.#view !== '') return this.#view;
    const names: string[] = [];
    for (const [name, number] of this.#names) if (!name.startsWith('dead/')) names.push(name.startsWith('tmp/') ? name : `${name}:${this.#files.get(number)?.current.id}`);
    return (this.#view = names.sort().join());
  }

  /** All that can be read is durable, again but for dead/. */
  get durable(): boolean {
    if (this.#changes.some(({ to }) => to?.startsWith('dead/') !== true)) return false;
    for (const [name, number] of this.#names) if (!name.startsWith('dead/') && this.#files.get(number)?.writes.length !== 0) return false;
    return true;
  }

  #write(path: string, octets: Uint8Array, at: number): void {
    let number = this.#names.get(path);
    if (number === undefined) {
      number = this.#next++;
      this.#files.set(number, { durable: NO_OCTETS, writes: [], current: NO_OCTETS });
      this.#change({ from: undefined, to: path, file: number });
    }
    const { durable, writes, current } = this.#files.get(number) ?? { durable: NO_OCTETS, writes: [], current: NO_OCTETS };
    this.#files.set(number, { durable, writes: [...writes, { at, octets }], current: written(current, octets, at) });
    this.#view = '';
  }

  #change(change: Change): void {
    this.#changes.push(change);
    apply(change, this.#names);
    this.#view = '';
  }

  #number(path: string): number {
    const number = this.#names.get(path);
    if (number === undefined) throw Object.assign(new Error(`ENOENT: no such file or directory '${path}'`), { code: 'ENOENT' });
    return number;
  }

  #file(path: string): File {
    const file = this.#files.get(this.#number(path));
    if (file === undefined) throw new Error(`${path} is the name of nothing`);
    return file;
  }
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function apply({ from, to, file }: Change, names: Map<string, number>): void {
  if (from !== undefined && names.get(from) === file) names.delete(from);
  if (to !== undefined) names.set(to, file);
}

/** What power loss leaves of a file. */
function survivor({ durable, writes, current }: File, random: Random, kept: number): Image {
  if (writes.length === 0 || kept === 0) return durable;
  if (kept === 1) return current;
  let octets = durable.octets.slice();
  for (const write of writes) {
    const fate = random.below(4); // of this write: nothing, all, some sectors, the length alone
    if (fate === 0) continue;
    if ('length' in write) {
      octets = octets.slice(0, write.length);
      continue;
    }
    const end = write.at + write.octets.length;
    if (octets.length < end) {
      const longer = new Uint8Array(end);
      longer.set(octets);
      octets = longer;
    }
    for (let from = write.at; from < end; ) {
      const to = Math.min(end, from - (from % SECTOR) + SECTOR);
      if (fate === 1 || (fate === 2 && random.chance(0.5))) octets.set(write.octets.subarray(from - write.at, to - write.at), from);
      from = to;
    }
  }
  return imageOf(octets);
}

// Images

interface Image {
  readonly octets: Uint8Array;
  readonly id: number;
  readonly hash: number;
}

const NO_OCTETS: Image = { octets: EMPTY, id: 0, hash: 0 };
const MOST_IMAGES = 50_000; // known at a time; what is forgotten is only looked into twice
const images = new Map<number, Image>();
let nextImage = 1;

/** So that what follows depends on nothing that went before. */
export function forgetImages(): void {
  images.clear();
}

function written({ octets: before, hash }: Image, octets: Uint8Array, at: number): Image {
  const whole = new Uint8Array(Math.max(before.length, at + octets.length));
  whole.set(before);
  whole.set(octets, at);
  return at === before.length ? known(whole, hashOf(octets, hash)) : imageOf(whole);
}

function imageOf(octets: Uint8Array): Image {
  return known(octets, hashOf(octets, 0));
}

function known(octets: Uint8Array, hash: number): Image {
  if (octets.length === 0) return NO_OCTETS;
  const image = images.get(hash);
  if (image !== undefined && Buffer.compare(image.octets, octets) === 0) return image;
  if (images.size > MOST_IMAGES) images.clear();
  const fresh = { octets, id: nextImage++, hash };
  images.set(hash, fresh);
  return fresh;
}

function hashOf(octets: Uint8Array, hash: number): number {
  let value = hash;
  for (let at = 0; at < octets.length; at++) value = Math.imul(value ^ (octets[at] ?? 0), 0x01000193) + 1;
  return value;
}
