// Lines of commands and of replies out of a stream of octets (RFC 5321 §2.3.8), whatever the cuts of the stream.
//
// Only CRLF ends a line, unless the caller asks for a second table, in which LF does too. A bare CR, a bare LF and NUL are octets
// of the line, and faults of it, so that nothing downstream can take one of them for an end. What the line says is not looked
// at. There is no fast path: such lines are short.
//
// Rule 1: The lines and their faults do not depend on how the stream was cut.
// Rule 2: Nothing behind the CRLF of a line is consumed with it: after DATA other octets follow than after MAIL.
// Rule 3: Never more than `limit` octets are kept, however long the line.
// Rule 4: Each octet is looked at once, and copied at most once where nothing has to grow.

import { decodeLatin1Run } from './ascii.ts';
import { type EdgeTable, link, type Row, step } from './edge.ts';
import { EMPTY, NUL } from './octet.ts';
import { skipText } from './text-scan.ts';
import { checkObject, shown, UsageError } from './usage.ts';

export type LinePlace = 'text' | 'cr';
export type LineEffect = 'line' | 'lf-line' | 'bare-lf' | 'bare-cr' | 'nul';
/** What is wrong with a line. */
export type LineFault = 'bare-lf' | 'bare-cr' | 'nul' | 'line-too-long';

/**
 * Where each octet leads, and what becomes known with it.
 *
 *   text     within a line, or in front of one
 *   cr       behind a CR that may be half of a CRLF
 *
 *   line     this LF ends the line
 *   lf-line  likewise, and no CR stands in front of it
 *   bare-cr  the CR in front of this octet is bare
 *   bare-lf  this LF is bare
 *   nul      this octet is NUL, which no command and no reply may hold (§4.1.2, §4.2)
 */
export const LINE_EDGES: EdgeTable<LinePlace, LineEffect> = {
  //      CR                  LF                    NUL                   other
  text: [ ['cr'],             ['text', 'bare-lf'],  ['text', 'nul'],      ['text']            ], // §2.3.8: LF ends no line
  cr:   [ ['cr', 'bare-cr'],  ['text', 'line'],     ['text', 'bare-cr'],  ['text', 'bare-cr'] ], // §2.3.8: CRLF does
};

/** The same for a caller that takes a bare LF for the end of a line too. */
export const LENIENT_LINE_EDGES: EdgeTable<LinePlace, LineEffect> = {
  //      CR                  LF                    NUL                   other
  text: [ ['cr'],             ['text', 'lf-line'],  ['text', 'nul'],      ['text']            ],
  cr:   [ ['cr', 'bare-cr'],  ['text', 'line'],     ['text', 'bare-cr'],  ['text', 'bare-cr'] ],
};

const STRICT = link(LINE_EDGES).text;
const LENIENT = link(LENIENT_LINE_EDGES).text;

/** Reads lines, which CRLF alone ends (RFC 5321 §2.3.8), unless `bareLf` is on. */
export class LineDecoder {
  /** The last `read` met the end of a line. */
  ended = false;
  /**
   * What is wrong with `line`, or so far with the one under way: what was met first. But once the line has ended
   * 'line-too-long' goes before all others, and `line` is the first `limit` octets of it.
   */
  fault: LineFault | undefined;
  /** Offset in the line of the octet at fault; for 'line-too-long' of the first octet too many, CRLF counted. */
  faultAt = 0;
  /** Octets so far of the line under way, kept or dropped; 0 behind a whole line. What is too many is for the caller to say. */
  length = 0;

  /** `line` was ended by a LF alone. */
  lenient = false;

  readonly #limit: number;
  readonly #begin: Row<LineEffect>;
  #row: Row<LineEffect>;
  #kept = EMPTY; // grows to the limit at most, and serves one line after the other
  #octets = EMPTY; // the line that has ended is in them,
  #from = 0;
  #to = 0;

  /** `limit` is the longest line in octets, CRLF counted (§4.5.3.1.4, §4.5.3.1.5); with `bareLf` a LF alone ends a line too. */
  constructor(options: { readonly limit: number; readonly bareLf?: boolean }) {
    checkObject(options);
    const { limit, bareLf = false } = options;
    if (!Number.isSafeInteger(limit) || limit < 2) throw new UsageError(`a line has at least the 2 octets of its CRLF, not ${shown(limit)}`);
    if (typeof bareLf !== 'boolean') throw new UsageError(`bareLf must be true or false, not ${shown(bareLf)}`);
    this.#limit = limit;
    this.#begin = bareLf ? LENIENT : STRICT;
    this.#row = this.#begin;
  }

  /**
   * The line that the last `read` met the end of, without its CRLF; undefined if it met none. A view of the octets given, or of
   * a buffer of the decoder if the line spans calls: valid until the next `read`, and no longer than the octets given.
   */
  get line(): Uint8Array | undefined {
    return this.ended ? this.#octets.subarray(this.#from, this.#to) : undefined;
  }

  /** The same line as text, a character for each octet (Latin-1); empty if the last `read` met no end. */
  get text(): string {
    return decodeLatin1Run(this.#octets, this.#from, this.#to);
  }

  /** Reads from `at`, to the end of one line or of the octets; returns the index of the first octet not consumed. */
  read(octets: Uint8Array, at: number): number {
    if (this.ended) this.#forgetLine();
    const from = at;
    let row = this.#row;
    let ended = false;
    while (at < octets.length && !ended) {
      if (row === this.#begin) { // in text no octet above CR leads anywhere
        at = skipText(octets, at);
        if (at === octets.length) break;
      }
      const { to, effect } = step(row, octets[at], NUL);
      if (effect === undefined) {
        // most octets: nothing
      } else if (effect === 'line' || effect === 'lf-line') {
        ended = true;
        this.lenient = effect === 'lf-line';
      } else if (this.fault === undefined) {
        this.fault = effect;
        this.faultAt = this.length + at - from - (effect === 'bare-cr' ? 1 : 0);
      }
      row = to;
      at++;
    }
    this.#row = row;
    if (ended) this.#end(octets, from, at);
    else this.#keep(octets, from, at);
    return at;
  }

  /** Forgets the line under way, as if nothing had been read. */
  reset(): void {
    this.#forgetLine();
    this.length = 0;
    this.#row = this.#begin;
  }

  #forgetLine(): void {
    this.lenient = false;
    this.ended = false;
    this.#octets = EMPTY; // their owner may want the memory back
    this.#from = 0;
    this.#to = 0;
    this.fault = undefined;
    this.faultAt = 0;
  }

  /** Makes the line of what was kept and of these octets, which end with its CRLF, or with the LF of it. */
  #end(octets: Uint8Array, from: number, to: number): void {
    const length = this.length + to - from;
    const shown = Math.min(length - (this.lenient ? 1 : 2), this.#limit);
    if (this.length > 0) this.#keep(octets, from, to);
    this.#octets = this.length > 0 ? this.#kept : octets;
    this.#from = this.length > 0 ? 0 : from;
    this.#to = this.#from + shown;
    this.ended = true;
    if (length > this.#limit) {
      this.fault = 'line-too-long';
      this.faultAt = this.#limit;
    }
    this.length = 0;
  }

  /** Copies of these octets what the limit leaves room for. */
  #keep(octets: Uint8Array, from: number, to: number): void {
    const kept = Math.min(this.length, this.#limit);
    const wanted = Math.min(this.length + to - from, this.#limit);
    if (wanted > this.#kept.length) {
      const grown = new Uint8Array(Math.min(Math.max(64, 2 * wanted), this.#limit));
      grown.set(this.#kept.subarray(0, kept));
      this.#kept = grown;
    }
    this.#kept.set(octets.subarray(from, from + wanted - kept), kept);
    this.length += to - from;
  }
}
