// Whether the header of a mail is internationalized (RFC 6532 §3.2), so that it may go to servers with SMTPUTF8 alone (RFC 6531 §3.2).
//
// Choice: octets above 127 that are no UTF-8 are nothing that any extension knows; they go as they always went. Postfix looks in
//         the same way at what its own users send (`smtputf8_autodetect_classes`).
// Left out: the headers of parts within the body (RFC 6531 §3.2 "at any level"), and a header of more than a MiB.

import { decodeLatin1, isAscii } from '../wire/ascii.ts';
import { concat, CR, LF } from '../wire/octet.ts';
import { decodeUtf8 } from '../wire/utf8.ts';

const END = [CR, LF, CR, LF] as const;
const LONGEST = 1_048_576;

/** The beginning of a field, or a line that continues one (RFC 5322 §2.2); whatever else stands there begins the body, as Postfix has it. */
const FIELD = /^(?:[!-9;-~]+[ \t]*:|[ \t])/;

/** Reads a mail, whatever the cuts, and keeps its header. */
export class HeaderScan {
  #pieces: Uint8Array[] = [];
  #length = 0;
  #matched = 2; // octets of END that were read; a mail that begins with CRLF has no header
  #over = false;

  /** Takes the next octets of the mail, which have CRLF line ends; looks at nothing behind the header. */
  read(octets: Uint8Array): void {
    if (this.#over) return;
    let at = 0;
    while (at < octets.length && this.#matched < END.length) {
      const octet = octets[at++];
      this.#matched = octet === END[this.#matched] ? this.#matched + 1 : octet === CR ? 1 : 0;
    }
    this.#pieces.push(octets.slice(0, at)); // the octets may be a view
    this.#length += at;
    this.#over = this.#matched === END.length || this.#length > LONGEST;
  }

  /** The header holds UTF-8 that is not ASCII. */
  get internationalized(): boolean {
    const octets = concat(this.#pieces);
    if (this.#length > LONGEST || isAscii(octets)) return false;
    const lines = decodeLatin1(octets).split('\r\n');
    const body = lines.findIndex((line) => !FIELD.test(line));
    const header = octets.subarray(0, lines.slice(0, body < 0 ? undefined : body).join('\r\n').length);
    return !isAscii(header) && decodeUtf8(header) !== undefined;
  }
}
