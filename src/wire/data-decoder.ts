// Mail data out of a stream of octets: where it ends (RFC 5321 §4.1.1.4), and the content behind its transparency (§4.5.2),
// whatever the cuts of the stream.
//
// Mail data is lines. One that is a single dot ends it; of any other that begins with a dot that dot is dropped. Only CRLF ends
// a line: where a peer and its relay disagree on that, one of them reads mail content as commands ("SMTP smuggling", 2023).
// So a bare CR or LF is content, and a fault for the caller to refuse; it never begins a line, and never ends the mail data.
//
// Rule 1  The content, its faults and its end do not depend on how the stream was cut.
// Rule 2  Nothing behind the end of mail data is consumed.
// Rule 3  Content is views of the octets given, and nothing is allocated for a line that has no dot to drop.
// Rule 4  Each octet is looked at a bounded number of times, whatever the octets.
// Rule 5  The first fault stands, whichever segment it came in; it stops nothing.

import { CR, DOT, EMPTY, LF } from './octet.ts';
import { UsageError } from './usage.ts';

export type DataPlace = 'start' | 'text' | 'cr' | 'dot' | 'dot cr' | 'end';
export type DataEffect = 'line' | 'hold' | 'release' | 'bare-lf' | 'bare-cr';
export type DataEdge = readonly [to: DataPlace, effect?: DataEffect];
export type DataFault = 'bare-lf' | 'bare-cr' | 'text-line-too-long';

/** The columns of `DATA_EDGES`. */
export const DATA_CLASSES = ['CR', 'LF', '.', 'other'] as const;

/**
 * Where each octet leads, and what has to be done about it. An octet is content unless it is held.
 *
 *   start   the first octet of a line; the CRLF of the DATA command made the first of them (§4.1.1.4)
 *   text    within a line
 *   cr      behind a CR of which it is not known yet whether it is half of a CRLF; content either way
 *   dot     behind a dot at the start of a line: it is dropped, unless …
 *   dot cr  … CRLF follows. This CR is content only if LF does not follow
 *   end     behind the end of mail data
 *
 *   line     a line is complete: its length can be judged
 *   hold     not content, or not yet: the run of content ends in front of it
 *   release  the CR that was held is content after all, and bare
 *   bare-cr  the CR in front of this octet is bare
 *   bare-lf  this LF is bare
 */
export const DATA_EDGES: Readonly<Record<Exclude<DataPlace, 'end'>, readonly [DataEdge, DataEdge, DataEdge, DataEdge]>> = {
  //           CR                   LF                   .                     other
  start:    [ ['cr'],              ['text', 'bare-lf'], ['dot', 'hold'],      ['text']             ],
  text:     [ ['cr'],              ['text', 'bare-lf'], ['text'],             ['text']             ], // §2.3.8: only CRLF ends a line
  cr:       [ ['cr', 'bare-cr'],   ['start', 'line'],   ['text', 'bare-cr'],  ['text', 'bare-cr']  ],
  dot:      [ ['dot cr', 'hold'],  ['text', 'bare-lf'], ['text'],             ['text']             ], // §4.5.2: the dot is dropped
  'dot cr': [ ['cr', 'release'],   ['end', 'hold'],     ['text', 'release'],  ['text', 'release']  ], // §4.1.1.4: CRLF.CRLF
};

/** The held CR, when the octets that it stood in are gone. */
const HELD_CR = Uint8Array.of(CR);

export class DataDecoder {
  /** What the last `read` found to be content, maybe nothing: a view of the octets given, valid as long as they are. */
  content = EMPTY;
  /** The end of mail data has been read. */
  ended = false;
  /** The first thing that is wrong with the mail data so far. */
  fault: DataFault | undefined;
  /** Offset in the content of the octet at fault; for 'text-line-too-long' of the first octet too many, CRLF counted. */
  faultAt = 0;
  /** Octets of content so far. */
  size = 0;

  readonly #lineLimit: number;
  #place: DataPlace = 'start';
  #lineAt = 0; // offset in the content of the line under way

  /** `lineLimit` is the longest text line in octets, with its CRLF, without a dropped dot (§4.5.3.1.6); Infinity for none. */
  constructor(options: { readonly lineLimit: number }) {
    const { lineLimit } = options;
    if (!(lineLimit >= 2)) throw new UsageError(`a text line has 2 octets or more, its CRLF, not ${lineLimit}`);
    this.#lineLimit = lineLimit;
  }

  /**
   * Reads from `at`, to the end of the octets or of the mail data, or up to a dot that interrupts the run of content;
   * returns the index of the first octet not consumed. To be called, and `content` used, until all octets are consumed or
   * `ended` is true. (A call that has to give back a CR held since the last octets may consume none; the next one will.)
   */
  read(octets: Uint8Array, at: number): number {
    const begin = at;
    let from = at; // where the run of content begins
    let place = this.#place;
    let nextCr = -1;
    let nextLf = -1;
    while (at < octets.length && place !== 'end') {
      if (place === 'text') {
        // Within a line only CR and LF matter. Each is looked for once and its place remembered, or a megabyte of one without
        // the other would be searched through for every octet of it.
        if (nextCr < at) nextCr = find(octets, CR, at);
        if (nextLf < at) nextLf = find(octets, LF, at);
        at = Math.min(nextCr, nextLf);
        if (at === octets.length) break;
      }
      const [to, effect] = DATA_EDGES[place][dataClass(octets[at])];
      if (effect === 'hold') {
        if (at > from) break; // content first; the dot is read again
        from = at + 1;
      } else if (effect === 'release') {
        if (at === begin) return this.#giveBack(at);
        from = at - 1;
        this.#note('bare-cr', this.size);
      } else if (effect !== undefined) {
        const offset = this.size + (at - from);
        if (effect === 'line') this.#endLine(offset + 1);
        else this.#note(effect, effect === 'bare-cr' ? offset - 1 : offset);
      }
      place = to;
      at++;
    }
    this.#place = place;
    this.ended = place === 'end';
    this.content = octets.subarray(from, at);
    this.size += at - from;
    this.#measure(this.size);
    return at;
  }

  /** Makes ready for other mail data. */
  reset(): void {
    this.content = EMPTY;
    this.ended = false;
    this.fault = undefined;
    this.faultAt = 0;
    this.size = 0;
    this.#place = 'start';
    this.#lineAt = 0;
  }

  /** Emits the CR that was held since the last octets; the octet that betrayed it comes behind it as behind any other CR. */
  #giveBack(at: number): number {
    this.#place = 'cr';
    this.content = HELD_CR;
    this.size++;
    this.#measure(this.size);
    return at;
  }

  #endLine(end: number): void {
    this.#measure(end);
    this.#lineAt = end;
  }

  /** Judges the line under way as far as `end`. */
  #measure(end: number): void {
    if (end - this.#lineAt > this.#lineLimit && this.fault === undefined) {
      this.fault = 'text-line-too-long';
      this.faultAt = this.#lineAt + this.#lineLimit;
    }
  }

  /** Notes a fault, unless there is an earlier one; the line may have been too long before it, which no read has ended to say. */
  #note(fault: DataFault, offset: number): void {
    this.#measure(offset + 1);
    if (this.fault !== undefined) return;
    this.fault = fault;
    this.faultAt = offset;
  }
}

/** The column of an octet in `DATA_EDGES`. */
function dataClass(octet: number | undefined): 0 | 1 | 2 | 3 {
  return octet === CR ? 0 : octet === LF ? 1 : octet === DOT ? 2 : 3;
}

/** Returns the index of the first such octet from `at` on; the length where there is none. */
function find(octets: Uint8Array, octet: number, at: number): number {
  const found = octets.indexOf(octet, at);
  return found < 0 ? octets.length : found;
}
