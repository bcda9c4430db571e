// Content whose line ends are put right: a bare CR or LF becomes CRLF (RFC 5321 §2.3.8 forbids both).
//
// It stands behind the decoder that finds the end of mail data, so that what it puts in is seen by nobody who looks for one: a
// line of one dot that it makes is content, and is stuffed when it is sent on.
//
// Rule 1: What comes out, put together, does not depend on how the content was cut.
// Rule 2: Content in which every line ends in CRLF comes out as the views that went in.
// Rule 3: No octet is taken away; at most one is put in for each.

import { type EdgeTable, link, step } from './edge.ts';
import { CR, EMPTY, LF, NUL } from './octet.ts';
import { TextScan } from './text-scan.ts';

export type RepairPlace = 'text' | 'cr';
export type RepairEffect = 'put-cr' | 'put-lf';

/**
 * Where each octet leads, and what is put in front of it.
 *
 *   text    within a line, or in front of one
 *   cr      behind a CR that may be half of a CRLF
 *
 *   put-cr  a CR: this LF is bare
 *   put-lf  a LF: the CR in front of this octet is bare
 */
export const REPAIR_EDGES: EdgeTable<RepairPlace, RepairEffect> = {
  //      CR                 LF                   NUL                  other
  text: [ ['cr'],            ['text', 'put-cr'],  ['text'],            ['text']           ],
  cr:   [ ['cr', 'put-lf'],  ['text'],            ['text', 'put-lf'],  ['text', 'put-lf'] ],
};

const ROWS = link(REPAIR_EDGES);

export class LineEndRepair {
  /** Something was put in. */
  used = false;
  #row = ROWS.text;

  /** Returns the next octets put right: they themselves, or a copy. */
  write(octets: Uint8Array): Uint8Array {
    let repaired: Uint8Array | undefined;
    let end = 0; // of what is repaired
    const scan = new TextScan(octets);
    let row = this.#row;
    for (let at = 0; at < octets.length; at++) {
      if (row === ROWS.text && repaired === undefined) {
        at = scan.skip(at);
        if (at === octets.length) break;
      }
      const octet = octets[at] ?? 0;
      const { to, effect } = step(row, octet, NUL);
      if (effect !== undefined && repaired === undefined) {
        repaired = new Uint8Array(2 * octets.length);
        repaired.set(octets.subarray(0, at));
        end = at;
      }
      if (repaired !== undefined) {
        if (effect !== undefined) repaired[end++] = effect === 'put-cr' ? CR : LF;
        repaired[end++] = octet;
      }
      row = to;
    }
    this.#row = row;
    if (repaired === undefined) return octets;
    this.used = true;
    return repaired.subarray(0, end);
  }

  /** The content ends here. Returns what is put behind it. */
  end(): Uint8Array {
    if (this.#row !== ROWS.cr) return EMPTY;
    this.#row = ROWS.text;
    this.used = true;
    return Uint8Array.of(LF); // a new one: content is its reader's, who may write into it
  }
}
