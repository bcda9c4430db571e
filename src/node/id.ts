// What a mail is called: in a queue, in a Maildir and in the log.

import { EMPTY } from '../wire/octet.ts';
import { nodeCrypto } from './on-demand.ts';

/** Sorts by age: milliseconds since 1970, then four octets of chance, both in letters and digits. */
export function newId(): string {
  if (chanceAt === chances.length) {
    chances = nodeCrypto().randomBytes(4096); // four at a time cost a system call each, and a thirtieth of all that a mail costs
    chanceAt = 0;
  }
  const now = Date.now();
  if (now !== stamped.time) stamped = { time: now, text: now.toString(36) };
  let chance = 0;
  for (const end = chanceAt + 4; chanceAt < end; chanceAt++) chance = chance * 256 + (chances[chanceAt] ?? 0);
  const [high, middle] = [Math.floor(chance / 1296), Math.floor(chance / 1296 ** 2)]; // by two digits: toString of a large number takes a microsecond
  return `${stamped.text}${Math.floor(middle / 1296)}${PAIRS[middle % 1296]}${PAIRS[high % 1296]}${PAIRS[chance % 1296]}`;
}

let stamped = { time: 0, text: '' }; // of the millisecond
const PAIRS = Array.from({ length: 1296 }, (_, value) => value.toString(36).padStart(2, '0'));

let chances = EMPTY;
let chanceAt = 0;
