// What a submission server adds to a mail whose author's program left it out (RFC 6409 §8): Date and Message-ID. Never on relay.
//
// Rule 1: what is added does not depend on how the content was cut.
// Rule 2: every octet is looked at once, and no more than the longest header is kept.
// Rule 3: what the author wrote is passed on as it is. The header ends at an empty line, or at the first that is no field
//         (RFC 5322 §2.2): what looks like a field behind that is text.

import { decodeLatin1, encodeAscii } from '../wire/ascii.ts';
import { CR, EMPTY, LF } from '../wire/octet.ts';
import { formatDate } from '../syntax/date-time.ts';

/** Octets of a header that are looked at; what stands behind them is not there. */
const LONGEST_HEADER = 262_144;

/** Takes a mail in pieces and gives it back; in front of the first, the fields that its header lacks. */
export class Submission {
  readonly #fields: Readonly<Record<string, string>>;
  #held = EMPTY; //      the beginning, in the first #length octets
  #length = 0;
  #matched = 2; //       octets of CRLFCRLF that were just read; an empty line at once ends the header too
  #passing = false; //   the header is behind us

  /** `id` is unique for this mail, `date` milliseconds since 1970. */
  constructor({ id, hostname, date }: { readonly id: string; readonly hostname: string; readonly date: number }) {
    this.#fields = { 'Date': formatDate(date), 'Message-ID': `<${id}@${hostname}>` };
  }

  /** Returns what can be passed on. Empty while the header is under way. */
  read(octets: Uint8Array): readonly Uint8Array[] {
    if (this.#passing) return [octets];
    let at = 0;
    while (at < octets.length && this.#matched < 4 && this.#length + at < LONGEST_HEADER) this.#match(octets[at++] ?? 0);
    this.#hold(octets.subarray(0, at));
    if (this.#matched < 4 && this.#length < LONGEST_HEADER) return [];
    return [...this.end(), ...(at < octets.length ? [octets.subarray(at)] : [])];
  }

  /** Returns what is left: the whole mail, where it has no body. */
  end(): readonly Uint8Array[] {
    if (this.#passing) return [];
    this.#passing = true;
    const held = this.#held.subarray(0, this.#length);
    const names = new Set(fieldNames(decodeLatin1(held)));
    const added = Object.entries(this.#fields).filter(([name]) => !names.has(name.toLowerCase())).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    return [encodeAscii(added), held].filter(({ length }) => length > 0);
  }

  #match(octet: number): void {
    if (octet === (this.#matched % 2 === 0 ? CR : LF)) this.#matched++;
    else this.#matched = octet === CR ? 1 : 0;
  }

  /** Keeps a copy; the room doubles, so that small pieces cost no more than large ones. */
  #hold(octets: Uint8Array): void {
    const length = this.#length + octets.length;
    if (length > this.#held.length) {
      const held = new Uint8Array(Math.max(length, 2 * this.#held.length, 1_024));
      held.set(this.#held.subarray(0, this.#length));
      this.#held = held;
    }
    this.#held.set(octets, this.#length);
    this.#length = length;
  }
}

/** The names of the fields with which the text begins, in lower case (RFC 5322 §2.2; white space before the colon as in §4.5). */
function fieldNames(text: string): string[] {
  const names: string[] = [];
  for (const line of text.split('\r\n')) {
    const [, name] = /^([!-9;-~]+)[ \t]*:/.exec(line) ?? [];
    if (name !== undefined) names.push(name.toLowerCase());
    else if (!/^[ \t]/.test(line) || names.length === 0) return names;
  }
  return names;
}
