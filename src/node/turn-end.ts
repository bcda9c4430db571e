// What is left for the end of a turn of the event loop: the writes of all connections that something has come for in it.
//
// Each write wakes its peer, and one that is woken for each reply goes to sleep again before the next one. Told in a row, the peers
// find all of it at once; and what writes, and what handles commands, each run while the processor knows them (measured, main
// thread: a durable mail of 1 kB over 100 connections takes 133 µs, not 183; over 20 connections 169, not 194).
//
// Rule 1: what was left is finished in the order in which it was left.
// Rule 2: who has been alone for some turns is not kept waiting, since to wait for nobody costs 6 µs; now and then he is, to see
//         whether there is company: twice, since the first of these turns may be half over.
// Rule 3: one that throws (a socket of an embedder's own may) keeps no other from finishing, a turn later.

import { setImmediate } from 'node:timers';

export interface Unfinished {
  /** Does what was left. */
  finish(): void;
}

const ALONE = 4; //  turns in a row after which nobody else is expected
const LOOKS = 64; // times after which that is seen to again

let waiting: Unfinished[] = [];
let alone = 0; //    turns in a row that had one alone, up to ALONE
let atOnce = 0; //   times since nobody else was expected

/** Has it finish when everything that comes in this turn of the event loop has been handled; at once, where nothing else is expected. */
export function finishThisTurn(unfinished: Unfinished): void {
  if (alone === ALONE) {
    if (++atOnce < LOOKS) return unfinished.finish();
    atOnce = 0;
    alone -= 2;
  }
  if (waiting.length === 0) setImmediate(finishAll);
  waiting.push(unfinished);
}

function finishAll(): void {
  const all = waiting;
  waiting = [];
  alone = all.length > 1 ? 0 : alone + 1;
  let begun = 0;
  try {
    for (const each of all) {
      begun++;
      each.finish();
    }
  } finally {
    if (begun < all.length) { // one threw
      if (waiting.length === 0) setImmediate(finishAll);
      waiting.unshift(...all.slice(begun));
    }
  }
}
