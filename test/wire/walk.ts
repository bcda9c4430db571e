// Which edges of an octet machine's table a set of inputs takes, by walking the words themselves.

import type { EdgeTable } from '../../src/wire/edge.ts';
import { everyString } from './every.ts';

/** Returns every edge of the table, as `place + column`. */
export function everyEdge<Place extends string>(table: EdgeTable<Place, string>): Set<string> {
  return new Set(Object.keys(table).flatMap((place) => [0, 1, 2, 3].map((column) => `${place} + ${column}`)));
}

/** Returns the edges taken by all strings up to a length, from the place where the machine starts. */
export function edgesTaken<Place extends string>(
  table: EdgeTable<Place, string>,
  start: Place,
  columns: readonly [string, string, string, string],
  length: number,
): Set<string> {
  const taken = new Set<string>();
  for (const text of everyString(columns.join(''), length, length)) {
    let place = start;
    for (const character of text) {
      const column = columns.indexOf(character) as 0 | 1 | 2 | 3;
      taken.add(`${place} + ${column}`);
      place = table[place][column][0];
    }
  }
  return taken;
}
