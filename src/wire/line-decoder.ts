// Lines of commands and replies out of a stream of octets (RFC 5321 §2.3.8), whatever the cuts of the stream.
//
// Only CRLF ends a line. A bare CR, a bare LF and NUL are octets of the line, and faults of it, so that nobody downstream can
// take them for something else. What the line says is not looked at.
//
// Rule 1  `line`, `fault` and what is consumed do not depend on how the stream was cut.
// Rule 2  Never more than `limit` octets are kept, however long the line.
// Rule 3  Each octet is looked at once, and `read` stops behind each line: what follows may have to be read by other rules.

import { type EdgeTable, link, step } from './edge.ts';
import { EMPTY, NUL } from './octet.ts';
import { UsageError } from './usage.ts';

export type LinePlace = 'text' | 'cr';
export type LineEffect = 'line' | 'bare-lf' | 'bare-cr' | 'nul';
export type LineFault = 'bare-lf' | 'bare-cr' | 'nul' | 'line-too-long';

/**
 * Where each octet leads, and what becomes known with it.
 *
 *   text     within a line, or in front of one
 *   cr       behind a CR that may be half of a CRLF
 *
 *   line     this LF ends the line
 *   bare-cr  the CR in front of this octet is bare
 *   bare-lf  this LF is bare
 *   nul      this octet is NUL, which no command and no reply may hold (§4.1.2, §4.2)
 */
export const LINE_EDGES: EdgeTable<LinePlace, LineEffect> = {
  //      CR                  LF                    NUL                   other
  text: [ ['cr'],             ['text', 'bare-lf'],  ['text', 'nul'],      ['text']            ], // §2.3.8: LF ends no line
  cr:   [ ['cr', 'bare-cr'],  ['text', 'line'],     ['text', 'bare-cr'],  ['text', 'bare-cr'] ], // §2.3.8: CRLF does
};

const ROWS = link(LINE_EDGES);

export class LineDecoder {
  /**
   * The line without its CRLF, from the `read` that met the CRLF until the next one, and no longer than the octets given live:
   * a view of them, or of a buffer of this decoder where the line spans calls. Undefined while there is no whole line.
   */
  line: Uint8Array | undefined;
  /** What is wrong with `line`: the first thing that was met, except that 'line-too-long' goes before all others. */
  fault: LineFault | undefined;
  /** Offset in the line of the octet at fault; for 'line-too-long' of the first octet too many, CRLF counted. */
  faultAt = 0;
  /** Octets so far of the line under way, kept or dropped; 0 behind a whole line. A bound on an endless line is the caller's. */
  length = 0;

  readonly #limit: number;
  #row = ROWS.text;
  #kept = EMPTY; // grows up to the limit, and serves every line that spans calls

  /** `limit` is the longest line in octets, CRLF included (§4.5.3.1.4, §4.5.3.1.5). */
  constructor(options: { readonly limit: number }) {
    const { limit } = options;
    if (!Number.isSafeInteger(limit) || limit < 2) throw new UsageError(`a line has 2 octets or more, its CRLF, not ${limit}`);
    this.#limit = limit;
  }

  /** Reads from `at`, to the end of one line or of the octets; returns the index of the first octet not consumed. */
  read(octets: Uint8Array, at: number): number {
    if (this.line !== undefined) {
      this.line = undefined;
      this.fault = undefined;
      this.faultAt = 0;
    }
    const from = at;
    let row = this.#row;
    while (at < octets.length) {
      const { to, effect } = step(row, octets[at], NUL);
      row = to;
      at++;
      if (effect === undefined) continue;
      if (effect === 'line') {
        this.#row = row;
        this.#end(octets.subarray(from, at));
        return at;
      }
      if (this.fault === undefined) {
        this.fault = effect;
        this.faultAt = this.length + (at - from) - (effect === 'bare-cr' ? 2 : 1);
      }
    }
    this.#row = row;
    this.#keep(octets.subarray(from, at));
    return at;
  }

  /** Forgets the line under way, as if nothing had been read (RFC 3207 §4.2). */
  reset(): void {
    this.line = undefined;
    this.fault = undefined;
    this.faultAt = 0;
    this.length = 0;
    this.#row = ROWS.text;
  }

  /** Makes a line of what was kept and of these octets, the last of which is the LF that ended it. */
  #end(octets: Uint8Array): void {
    let whole = octets;
    if (this.length > 0) {
      this.#keep(octets);
      whole = this.#kept;
    } else {
      this.length = octets.length;
    }
    this.line = whole.subarray(0, Math.min(this.length - 2, this.#limit));
    if (this.length > this.#limit) {
      this.fault = 'line-too-long';
      this.faultAt = this.#limit;
    }
    this.length = 0;
  }

  /** Copies what the limit leaves room for. */
  #keep(octets: Uint8Array): void {
    const kept = Math.min(this.length, this.#limit);
    const more = octets.subarray(0, this.#limit - kept);
    if (kept + more.length > this.#kept.length) {
      const grown = new Uint8Array(Math.min(this.#limit, 2 * (kept + more.length)));
      grown.set(this.#kept.subarray(0, kept));
      this.#kept = grown;
    }
    this.#kept.set(more, kept);
    this.length += octets.length;
  }
}
