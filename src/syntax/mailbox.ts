// Mailbox (RFC 5321 §4.1.2): a local part, an at sign, a domain or address literal.
//
// A mailbox keeps what was written, and has a key for comparison: all quoted forms of a local part are equivalent (§4.1.2),
// its case is kept (§2.4), the domain's is not. Left out: what a local part means, which only its own host may say (§2.3.11).

import { checkText } from '../wire/usage.ts';
import { ATEXT, belongs, exceeds, PRINTABLE, QTEXT, run } from './character.ts';
import { readAddressLiteral, readDomain, takesUtf8 } from './domain.ts';
import type { AddressLiteral, Domain, SyntaxOptions } from './domain.ts';
import { asWritten, fault, unexpected, whole } from './fault.ts';
import type { Fault } from './fault.ts';

/** A local part at a domain or address literal, with the one key that equal ones share (RFC 5321 §4.1.2). */
export interface Mailbox {
  readonly type: 'mailbox';
  /** As written, with the quotes and the quoted pairs. */
  readonly localPart: string;
  /** What it quotes: the string that is the name of the mailbox. */
  readonly unquoted: string;
  readonly domain: Domain | AddressLiteral;
  readonly text: string;
  /** The local part with the least quoting (§4.1.2), "@", the key of the domain. Postmaster is in lower case (§4.1.1.3). */
  readonly key: string;
}

/** Returns the mailbox that `text` is, or why it is none. `utf8`: characters above U+007F are taken where RFC 6531 has them. */
export function parseMailbox(text: string, options?: SyntaxOptions): Mailbox | Fault {
  checkText(text, 'parseMailbox', 'alice@example.org');
  return whole(text, readMailbox(text, 0, takesUtf8(options)), 'bad-mailbox', 'RFC 5321 §4.1.2 Mailbox');
}

/** Returns the mailbox as it was written. */
export function formatMailbox(mailbox: Mailbox): string {
  return asWritten(mailbox, 'formatMailbox', 'parseMailbox');
}

/** Returns the mailbox that begins at `at`; it ends at `at` + the length of its text. */
export function readMailbox(text: string, at: number, utf8: boolean): Mailbox | Fault {
  const quoted = text.startsWith('"', at);
  const end = quoted ? quotedStringEnd(text, at, utf8) : dotStringEnd(text, at, utf8);
  if (typeof end !== 'number') return end;
  if (exceeds(text, at, end, 64)) {
    return fault('local-part-too-long', text, at, 'at most 64 octets', 'RFC 5321 §4.5.3.1.1');
  }
  if (!text.startsWith('@', end)) return unexpected('bad-mailbox', text, end, '"@"', 'RFC 5321 §4.1.2 Mailbox');
  const domain = text.startsWith('[', end + 1) ? readAddressLiteral(text, end + 1) : readDomain(text, end + 1, utf8);
  if ('fault' in domain) return domain;
  const localPart = text.slice(at, end);
  const unquoted = quoted ? unquote(localPart) : localPart;
  const written = text.slice(at, end + 1 + domain.text.length);
  const key = `${quoted || unquoted.length === POSTMASTER.length ? canonical(unquoted, utf8) : unquoted}@${domain.key}`;
  return { type: 'mailbox', localPart, unquoted, domain, text: written, key };
}

const POSTMASTER = 'postmaster';

/** Returns the index behind the Dot-string that begins at `at`. */
function dotStringEnd(text: string, at: number, utf8: boolean): number | Fault {
  for (let start = at; ; ) {
    const end = run(text, start, ATEXT, utf8);
    if (end === start) return unexpected('bad-mailbox', text, end, start === at ? 'Local-part' : 'Atom', DOT_STRING);
    if (!text.startsWith('.', end)) return end;
    start = end + 1;
  }
}

const DOT_STRING = 'RFC 5321 §4.1.2 Local-part';

/** Returns the index behind the Quoted-string that begins at `at`. */
export function quotedStringEnd(text: string, at: number, utf8: boolean): number | Fault {
  for (let end = at + 1; ; ) {
    end = run(text, end, QTEXT, utf8);
    if (text.startsWith('"', end)) return end + 1;
    if (!text.startsWith('\\', end)) return unexpected('bad-mailbox', text, end, 'QcontentSMTP or DQUOTE', QUOTED_STRING);
    if (!belongs(text, end + 1, PRINTABLE)) return unexpected('bad-mailbox', text, end + 1, '%d32-126', QUOTED_STRING);
    end += 2;
  }
}

const QUOTED_STRING = 'RFC 5321 §4.1.2 Quoted-string';

function unquote(localPart: string): string {
  return localPart.slice(1, -1).replace(/\\(.)/g, '$1');
}

function canonical(unquoted: string, utf8: boolean): string {
  if (unquoted.toLowerCase() === POSTMASTER) return POSTMASTER;
  if (dotStringEnd(unquoted, 0, utf8) === unquoted.length) return unquoted;
  return `"${unquoted.replace(/["\\]/g, '\\$&')}"`;
}
