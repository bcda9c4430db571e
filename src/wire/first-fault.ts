// The first thing that is wrong with text: a bare CR or LF (RFC 5321 §2.3.8), or a line that is too long (§4.5.3.1.6).
//
// Rule: it is the first by its octet, however the text was cut. A line that is too long is found when its length is looked at, so
// that is done before anything else is noted.

/** What is wrong with mail data (RFC 5321 §2.3.8, §4.5.3.1.6). */
export type DataFault = 'bare-lf' | 'bare-cr' | 'text-line-too-long';

export class FirstFault {
  /** Undefined: nothing so far. Of two at one octet 'text-line-too-long'. */
  fault: DataFault | undefined;
  /** Offset of the octet at fault; for 'text-line-too-long' of the first octet too many, CRLF counted. */
  faultAt = 0;
  readonly #lineLimit: number;
  #lineAt = 0; // offset of the line under way

  /** `lineLimit`: octets of the longest line, CRLF counted; Infinity for none. */
  constructor(lineLimit: number) {
    this.#lineLimit = lineLimit;
  }

  /** What a line may have, CRLF counted, without being the first fault; Infinity behind that. */
  get limit(): number {
    return this.fault === undefined ? this.#lineLimit : Infinity;
  }

  /** A line ends in front of this offset. */
  endLine(end: number): void {
    this.measure(end);
    this.#lineAt = end;
  }

  /** Lines that are known to be within the limit end in front of this offset, behind the end of another. */
  endLines(end: number): void {
    this.#lineAt = end;
  }

  /** Judges the length of the line under way, of which the text so far ends at `end`. */
  measure(end: number): void {
    if (end - this.#lineAt <= this.#lineLimit || this.fault !== undefined) return;
    this.fault = 'text-line-too-long';
    this.faultAt = this.#lineAt + this.#lineLimit;
  }

  /** Notes a fault, unless there was one before it; a line that was too long by then may not have been noted yet. */
  note(fault: 'bare-lf' | 'bare-cr', offset: number): void {
    this.measure(offset + 1);
    if (this.fault !== undefined) return;
    this.fault = fault;
    this.faultAt = offset;
  }

  /** Makes ready for other text. */
  reset(): void {
    this.fault = undefined;
    this.faultAt = 0;
    this.#lineAt = 0;
  }
}
