// How the machines of this folder stand on the page, and how they run.
//
// On the page: a table of words, a row for each place, a column for each class of octet, which can be read beside the RFC and
// drawn. To run, the words are linked once, at load: each names an object then, and an octet costs two loads instead of two
// look-ups by name (blank lines: 50 MB/s by name, 190 linked).

import { CR, LF } from './octet.ts';

/** Where an octet leads, and what there is to do about it. */
type Cell<Place extends string, Effect extends string> = readonly [to: Place, effect?: Effect];

/** The columns: CR, LF, the one other octet that means something to this machine, and all the rest. */
export type EdgeTable<Place extends string, Effect extends string> = Readonly<
  Record<
    Place,
    readonly [cr: Cell<Place, Effect>, lf: Cell<Place, Effect>, special: Cell<Place, Effect>, other: Cell<Place, Effect>]
  >
>;

/** A place of a linked table. */
export interface Row<Effect extends string> {
  readonly cr: Step<Effect>;
  readonly lf: Step<Effect>;
  readonly special: Step<Effect>;
  readonly other: Step<Effect>;
}

/** An edge of a linked table. */
export interface Step<Effect extends string> {
  readonly to: Row<Effect>;
  readonly effect: Effect | undefined;
}

/** Returns the rows of a table, in which each edge holds the row that it leads to. */
export function link<Place extends string, Effect extends string>(
  table: EdgeTable<Place, Effect>,
): Readonly<Record<Place, Row<Effect>>> {
  // Two casts, because the rows refer to one another: they have to exist before they can be filled.
  const places = Object.keys(table) as Place[];
  const rows = Object.fromEntries(places.map((place) => [place, {}])) as Record<Place, Row<Effect>>;
  const step = ([to, effect]: Cell<Place, Effect>): Step<Effect> => ({ to: rows[to], effect });
  for (const place of places) {
    const [cr, lf, special, other] = table[place];
    Object.assign(rows[place], { cr: step(cr), lf: step(lf), special: step(special), other: step(other) });
  }
  return rows;
}

/** Returns the edge that an octet takes from a row. */
export function step<Effect extends string>(row: Row<Effect>, octet: number | undefined, special: number): Step<Effect> {
  return octet === CR ? row.cr : octet === LF ? row.lf : octet === special ? row.special : row.other;
}
