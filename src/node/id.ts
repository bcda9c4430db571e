// What a mail is called: in a queue, in a Maildir and in the log.

import { EMPTY } from '../wire/octet.ts';
import { nodeCrypto } from './on-demand.ts';

const DIGITS = Array.from('0123456789abcdefghijklmnopqrstuvwxyz', (digit) => digit.charCodeAt(0));
const OF_TIME = 8; //   digits, until the year 2059
const OF_CHANCE = 7; // digits of four octets, and of as many numbers behind them

/** Sorts by age: milliseconds since 1970, then four octets of chance, both in letters and digits. Within a millisecond each is the next number: by chance alone two mails would be one in the end. */
export function newId(): string {
  const now = Date.now();
  if (now === stamped) chance += 1;
  else {
    if (chanceAt === chances.length) {
      chances = nodeCrypto().randomBytes(4096); // four at a time cost a system call each, and a thirtieth of all that a mail costs
      chanceAt = 0;
    }
    chance = 0;
    for (const end = chanceAt + 4; chanceAt < end; chanceAt++) chance = chance * 256 + (chances[chanceAt] ?? 0);
    write(now, 0, OF_TIME);
    stamped = now;
  }
  write(chance, OF_TIME, OF_CHANCE);
  return String.fromCharCode(...units); // one string; joined from parts it would be put together when it is first looked up (2 µs)
}

function write(value: number, at: number, digits: number): void {
  let rest = value;
  for (let place = at + digits - 1; place >= at; place--) {
    units[place] = DIGITS[rest % 36] ?? 0;
    rest = Math.floor(rest / 36);
  }
}

const units = new Array<number>(OF_TIME + OF_CHANCE).fill(0);
let stamped = NaN; // the time that they hold,
let chance = 0; //    and the number
let chances = EMPTY;
let chanceAt = 0;
