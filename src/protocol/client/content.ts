// Content on its way out: as mail data behind DATA (RFC 5321 §4.5.2), or in chunks behind BDAT (RFC 3030 §2).
//
// Rule 1: text is clean in either form: CRLF alone ends a line (RFC 5321 §2.3.8, RFC 3030 §2). Only BINARYMIME may hold anything.
// Rule 2: text ends in CRLF in either form, so that the same content arrives whichever way it went (§4.1.1.4).
// Choice: a line longer than 1000 octets (§4.5.3.1.6) is sent as it stands. To break it would change the content, to hold it
//         back would lose mail that most servers take; one that does not says so. Sendmail and Exim send it too; Postfix breaks it.

import { encodeAscii } from '../../wire/ascii.ts';
import { DataEncoder, type ContentFault } from '../../wire/data-encoder.ts';
import { CR, EMPTY } from '../../wire/octet.ts';
import type { Transaction } from './action.ts';
import { isBinary } from './offer.ts';

type Form = 'mail data' | 'chunks' | 'binary chunks';

/** In the form that the transaction and its server want. */
export function contentSender(transaction: Transaction, chunked: boolean): ContentSender {
  return new ContentSender(isBinary(transaction) ? 'binary chunks' : chunked ? 'chunks' : 'mail data');
}

export class ContentSender {
  readonly #form: Form;
  readonly #encoder = new DataEncoder();

  constructor(form: Form) {
    this.#form = form;
  }

  get chunked(): boolean {
    return this.#form !== 'mail data';
  }

  /** What must not be sent; look at it after `write`, and after `end`. */
  get fault(): ContentFault | undefined {
    return this.#form === 'binary chunks' ? undefined : this.#encoder.fault;
  }

  /** The next octets as mail data, or as one chunk. Views of them, valid as long as they are, and copies. */
  write(octets: Uint8Array): readonly Uint8Array[] {
    const encoded = this.#form === 'binary chunks' ? [] : this.#encoder.write(octets); // for its fault alone, where there are chunks
    return this.chunked ? [encodeAscii(`BDAT ${octets.length}\r\n`), octets] : encoded;
  }

  /** What ends the content: a lone dot, or the last chunk. */
  end(): Uint8Array {
    if (!this.chunked) return this.#encoder.end();
    return encodeAscii(this.#open() ? 'BDAT 2 LAST\r\n\r\n' : 'BDAT 0 LAST\r\n');
  }

  /** The whole content with its end: mail data, or one chunk, which is the last. */
  whole(octets: Uint8Array): readonly Uint8Array[] {
    const encoded = this.#form === 'binary chunks' ? [] : this.#encoder.write(octets);
    if (!this.chunked) return [...encoded, this.#encoder.end()];
    const end = this.#open() ? encodeAscii('\r\n') : EMPTY;
    return [encodeAscii(`BDAT ${octets.length + end.length} LAST\r\n`), octets, end].filter(({ length }) => length > 0);
  }

  /** The text so far does not end in CRLF. */
  #open(): boolean {
    return this.#form !== 'binary chunks' && this.#encoder.end()[0] === CR;
  }
}
