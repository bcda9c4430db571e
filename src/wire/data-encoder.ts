// Content into mail data: transparency and the end mark (RFC 5321 §4.5.2, §4.1.1.4), whatever the cuts of the content.
//
// A line that begins with a dot gets one more. A bare CR or LF MUST NOT be sent (§2.3.8); it is passed on as it stands, named in
// `fault`, and the caller has to end the connection instead of the mail data.
//
// Rule 1  What comes out, put together, does not depend on how the content was cut.
// Rule 2  What comes out is views of the octets given; nothing is copied, and nothing allocated for a line without a dot.
// Rule 3  Each octet is looked at a bounded number of times, whatever the octets.
// Rule 4  A DataDecoder gives back the content, and one CRLF more where it did not end in CRLF.

import { CR, DOT, LF } from './octet.ts';

export type ContentPlace = 'start' | 'text' | 'cr';
export type ContentEffect = 'stuff' | 'bare-lf' | 'bare-cr';
export type ContentEdge = readonly [to: ContentPlace, effect?: ContentEffect];
export type ContentFault = 'bare-lf' | 'bare-cr';

/** The columns of `CONTENT_EDGES`. */
export const CONTENT_CLASSES = ['CR', 'LF', '.', 'other'] as const;

/**
 * Where each octet of content leads, and what has to be done about it.
 *
 *   start   the first octet of a line
 *   text    within a line
 *   cr      behind a CR of which it is not known yet whether it is half of a CRLF
 *
 *   stuff    this dot is sent twice
 *   bare-cr  the CR in front of this octet is bare
 *   bare-lf  this LF is bare
 */
export const CONTENT_EDGES: Readonly<Record<ContentPlace, readonly [ContentEdge, ContentEdge, ContentEdge, ContentEdge]>> = {
  //       CR                  LF                   .                    other
  start: [ ['cr'],             ['text', 'bare-lf'], ['text', 'stuff'],   ['text']            ], // §4.5.2: one additional period
  text:  [ ['cr'],             ['text', 'bare-lf'], ['text'],            ['text']            ],
  cr:    [ ['cr', 'bare-cr'],  ['start'],           ['text', 'bare-cr'], ['text', 'bare-cr'] ], // §2.3.8: only CRLF ends a line
};

const END = Uint8Array.of(DOT, CR, LF);
const END_OF_OPEN_LINE = Uint8Array.of(CR, LF, DOT, CR, LF);

export class DataEncoder {
  /** The first octet of the content that must not be sent. A CR at the very end is known to be bare when `end` was called. */
  fault: ContentFault | undefined;
  /** Its offset in the content. */
  faultAt = 0;

  #place: ContentPlace = 'start';
  #size = 0; // octets of content so far

  /** Encodes the next octets of the content. Returns views of them, in order, valid as long as they are. */
  write(octets: Uint8Array): Uint8Array[] {
    const views: Uint8Array[] = [];
    let from = 0;
    let place = this.#place;
    let nextCr = -1;
    let nextLf = -1;
    for (let at = 0; at < octets.length; at++) {
      if (place === 'text') {
        if (nextCr < at) nextCr = find(octets, CR, at);
        if (nextLf < at) nextLf = find(octets, LF, at);
        at = Math.min(nextCr, nextLf);
        if (at === octets.length) break;
      }
      const [to, effect] = CONTENT_EDGES[place][contentClass(octets[at])];
      place = to;
      if (effect === 'stuff') {
        views.push(octets.subarray(from, at + 1)); // up to the dot,
        from = at; //                                 and from the dot: it is sent twice
      } else if (effect !== undefined) {
        this.#note(effect, this.#size + at - (effect === 'bare-cr' ? 1 : 0));
      }
    }
    if (from < octets.length) views.push(octets.subarray(from));
    this.#place = place;
    this.#size += octets.length;
    return views;
  }

  /** Returns what ends the mail data behind the content written: a line with a dot, and before it CRLF if none stands there. */
  end(): Uint8Array {
    if (this.#place === 'cr') this.#note('bare-cr', this.#size - 1);
    return this.#place === 'start' ? END : END_OF_OPEN_LINE;
  }

  #note(fault: ContentFault, offset: number): void {
    if (this.fault !== undefined) return;
    this.fault = fault;
    this.faultAt = offset;
  }
}

/** The column of an octet in `CONTENT_EDGES`. */
function contentClass(octet: number | undefined): 0 | 1 | 2 | 3 {
  return octet === CR ? 0 : octet === LF ? 1 : octet === DOT ? 2 : 3;
}

/** Returns the index of the first such octet from `at` on; the length where there is none. */
function find(octets: Uint8Array, octet: number, at: number): number {
  const found = octets.indexOf(octet, at);
  return found < 0 ? octets.length : found;
}
