// What payloads are made of: numbers, text and plain octets. A number takes seven bits to an octet, the lowest first, each
// octet but the last with its high bit set (LEB128); a text is the number of its octets, then these, in UTF-8.

import { shown, UsageError } from '../../wire/usage.ts';
import { decodeUtf8, encodeUtf8 } from '../../wire/utf8.ts';

/** Octets from which writers have their buffers: one at a time of its own cost as much as filling it (1.5 µs). */
const SLAB = 65_536;

let slab = new Uint8Array(SLAB);
let free = 0; // where the part of it begins that nobody has

/** Collects octets in a buffer that grows. */
export class PayloadWriter {
  #buffer: Uint8Array;
  #start: number;
  #length: number; // the end of what was written
  #end: number; //    of what is ours

  /** `reserved`: octets at the beginning that are left for the caller to fill, whatever is in them; `expected`: about how many follow; 236 and the header of a record are 256. */
  constructor(reserved: number, expected = 236) {
    this.#buffer = slab;
    this.#start = free;
    this.#length = free + reserved;
    this.#end = this.#length + expected;
    if (this.#end > SLAB) this.#move(reserved + expected);
    else free = this.#end;
  }

  /** Octets so far, the reserved ones included. */
  get length(): number {
    return this.#length - this.#start;
  }

  /** What was written so far: a view, good as long as nothing more is written. */
  get written(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#length);
  }

  /** The same, when nothing more is to be written: what was expected besides is there for others. */
  finish(): Uint8Array {
    if (this.#buffer === slab && this.#end === free) free = this.#end = this.#length;
    return this.written;
  }

  /** `value`: from 0 to 2 ** 53 - 1; a fraction is left out. Throws UsageError for any other number: it would be read as something else, if at all. */
  number(value: number): void {
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw new UsageError(`the queue keeps numbers from 0 to 2 ** 53 - 1, not ${shown(value)}`);
    this.reserve(8);
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) this.#buffer[this.#length++] = 0x80 | (rest & 0x7f);
    this.#buffer[this.#length++] = rest;
  }

  text(text: string): void {
    this.reserve(text.length + 8);
    const start = this.#length;
    this.number(text.length);
    const buffer = this.#buffer;
    const first = this.#length;
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit > 0x7f) {
        this.#length = start;
        return this.#wide(encodeUtf8(text));
      }
      buffer[first + at] = unit;
    }
    this.#length = first + text.length;
  }

  octets(octets: Uint8Array): void {
    this.reserve(octets.length);
    this.#buffer.set(octets, this.#length);
    this.#length += octets.length;
  }

  #wide(octets: Uint8Array): void {
    this.number(octets.length);
    this.octets(octets);
  }

  /** Makes room for so many octets, so that they are not moved about while they are collected. */
  reserve(octets: number): void {
    if (this.#length + octets > this.#end) this.#move(Math.max(2 * (this.#end - this.#start), this.length + octets));
  }

  /** Goes on in a place where there is room for so many octets. */
  #move(room: number): void {
    const { length, written } = this;
    if (room > SLAB / 2) {
      this.#buffer = new Uint8Array(room);
      this.#start = 0;
    } else {
      if (free + room > SLAB) [slab, free] = [new Uint8Array(SLAB), 0];
      this.#buffer = slab;
      this.#start = free;
      free += room;
    }
    this.#buffer.set(written, this.#start);
    this.#length = this.#start + length;
    this.#end = this.#start + room;
  }
}

/**
 * Takes a payload apart, in the order in which it was written.
 *
 * Never throws: what is not there is 0 or '', and `sound` is false from then on.
 */
export class PayloadReader {
  readonly #octets: Uint8Array;
  #at = 0;
  sound = true;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  number(): number {
    let value = 0;
    for (let place = 1; place < 2 ** 53; place *= 0x80) {
      const octet = this.#octets[this.#at++];
      if (octet === undefined) break;
      value += (octet & 0x7f) * place;
      if (octet < 0x80 && Number.isSafeInteger(value)) return value;
    }
    this.sound = false;
    return 0;
  }

  text(): string {
    const length = this.number();
    if (length > this.rest) this.sound = false;
    const octets = this.#octets.subarray(this.#at, this.#at + length);
    this.#at += length;
    const units: number[] = []; // arguments from an array: a quarter of the time that they take from octets
    for (let at = 0; at < octets.length && units.length < MOST_ARGUMENTS; at++) {
      const octet = octets[at] ?? 0x80;
      if (octet > 0x7f) break;
      units.push(octet);
    }
    if (units.length === octets.length) return String.fromCharCode(...units);
    const text = decodeUtf8(octets);
    if (text === undefined) this.sound = false;
    return text ?? '';
  }

  /** As many items as the payload says, each of which takes at least one octet. */
  list<Item>(item: () => Item): readonly Item[] {
    const length = this.number();
    const items: Item[] = [];
    while (this.sound && items.length < length) items.push(item());
    return items;
  }

  /** Octets that are left. */
  get rest(): number {
    return this.#octets.length - this.#at;
  }
}

const MOST_ARGUMENTS = 4096; // they live on the stack
