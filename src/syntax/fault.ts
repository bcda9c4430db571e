// What is wrong with a text that should have followed the grammar (RFC 5321 §4.1.2, §4.1.3, §4.2): a value, never thrown.
//
// A fault says where, which rule would have been right there, what stood there instead, and where the rule is written. The
// code is for programs (the server's reply table), the rest for people. Left out: what to reply; that is the protocol's.

import { quote } from '../wire/ascii.ts';
import { shown, UsageError } from '../wire/usage.ts';

/** Why a text is not what it should be: a value, not an exception. */
export interface Fault {
  readonly fault: FaultCode;
  /** Characters from the start of the text that was parsed. */
  readonly at: number;
  /** The ABNF rule, or the literal in its quotes, that the grammar wants at that place. */
  readonly expected: string;
  /** What stands there, at most 40 characters of it, escaped; empty at the end of the text. */
  readonly found: string;
  /** For example `RFC 5321 §4.1.2 Path`. */
  readonly source: string;
}

/**
 * The kinds of fault that a text can have: what was not found where it should be. Those that the names do not tell (RFC 5321):
 *
 *   unimplemented-verb   a verb of RFC 821 or RFC 1985 that this implementation knows and does not carry out
 *   http                 the first line of an HTTP request: a browser was tricked into talking to this port
 *   bad-argument         `FROM:` or `TO:` is not where §4.1.1.2 and §4.1.1.3 want it
 *   local-part-too-long  §4.5.3.1.1
 *   domain-too-long      §4.5.3.1.2; also a label of more than 63 octets (RFC 1035 §2.3.4)
 *   path-too-long        §4.5.3.1.3
 *   control-character    §4.1.2: octets 0 to 31 and 127 where no rule takes them, whichever rule met them
 *   utf8-not-allowed     §4.1.2: likewise a character that is not ASCII
 */
export type FaultCode =
  | 'unknown-verb' | 'unimplemented-verb' | 'http' | 'argument-missing' | 'argument-not-allowed' | 'bad-argument'
  | 'bad-domain' | 'bad-literal' | 'bad-mailbox' | 'bad-path' | 'local-part-too-long' | 'domain-too-long' | 'path-too-long'
  | 'bad-parameter' | 'duplicate-parameter' | 'control-character' | 'utf8-not-allowed'
  | 'bad-keyword' | 'bad-reply' | 'reply-codes-differ' | 'reply-too-long' | 'bad-status' | 'bad-date' | 'bad-trace';

/** Makes the fault of `code` at `at` in `text`. */
export function fault(code: FaultCode, text: string, at: number, expected: string, source: string): Fault {
  return { fault: code, at, expected, found: quote(text.slice(at, at + MOST_FOUND + 1), MOST_FOUND), source };
}

const MOST_FOUND = 40;

/**
 * Makes the fault for the character at `at`, which the grammar does not take there: `code`, unless the character is one that
 * no command may hold, which is then what the fault says.
 */
export function unexpected(code: FaultCode, text: string, at: number, expected: string, source: string): Fault {
  const found = at < text.length ? text.charCodeAt(at) : SPACE;
  const named = found < SPACE || found === DELETE ? 'control-character' : found > DELETE ? 'utf8-not-allowed' : code;
  return fault(named, text, at, expected, source);
}

const SPACE = 0x20;
const DELETE = 0x7f;

/**
 * Tells a fault from the value that it stands in for.
 *
 * On the way of MAIL and RCPT each place asks `'fault' in value` for itself: this function sees values of every shape, which
 * the engine has to look up each time, a fifth of the time of parsing a MAIL command.
 */
export function isFault(value: unknown): value is Fault {
  return typeof value === 'object' && value !== null && 'fault' in value;
}

/** Returns `value` where it is the whole of `text`, and the fault `code` at its end where something follows it. */
export function whole<Value extends { readonly text: string }>(
  text: string,
  value: Value | Fault,
  code: FaultCode,
  source: string,
): Value | Fault {
  if (isFault(value) || value.text.length === text.length) return value;
  return unexpected(code, text, value.text.length, 'the end', source);
}

/** Returns the text of what was parsed, as it was written. Throws UsageError for anything else: for a fault above all, whose text nobody looked at. */
export function asWritten(value: { readonly text: string }, formatter: string, parser: string): string {
  if (typeof value?.text !== 'string') throw new UsageError(`${formatter} takes what ${parser} has returned, where that is no fault, not ${shown(value)}`);
  return value.text;
}

/** Returns the sentence for people: `expected "<" at character 10, found "alice@" (RFC 5321 §4.1.2 Path)`. */
export function formatFault(fault: Fault): string {
  if (!isFault(fault)) throw new UsageError(`formatFault takes a fault, which isFault tells from what was parsed, not ${shown(fault)}`);
  const { at, expected, found, source } = fault;
  return `expected ${expected} at character ${at}, found ${found === '' ? 'the end' : `"${found}"`} (${source})`;
}
