// Enhanced status codes (RFC 3463 §2), which RFC 2034 puts at the head of reply texts.
//
// Left out: the register of codes (RFC 5248), which is open: a code that nobody has heard of means what its class says.

import { checkText, shown, UsageError } from '../wire/usage.ts';
import { fault, isFault } from './fault.ts';
import type { Fault } from './fault.ts';

/** An enhanced status code (RFC 3463 §2). */
export interface EnhancedStatus {
  readonly class: 2 | 4 | 5;
  /** 0 to 999. */
  readonly subject: number;
  /** 0 to 999. */
  readonly detail: number;
}

/** Returns the status code that `text` is, or why it is none: no white space, no leading zeros (RFC 3463 §2). */
export function parseEnhancedStatus(text: string): EnhancedStatus | Fault {
  checkText(text, 'parseEnhancedStatus', '5.1.1');
  const match = /^([245])\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(text);
  if (match === null) return fault('bad-status', text, 0, 'status-code', 'RFC 3463 §2');
  const [, head, subject, detail] = match;
  return { class: head === '2' ? 2 : head === '4' ? 4 : 5, subject: Number(subject), detail: Number(detail) };
}

/** Returns the text of the status code, such as `5.1.1`. */
export function formatEnhancedStatus(status: EnhancedStatus): string {
  const text = `${status?.class}.${status?.subject}.${status?.detail}`;
  if (isFault(parseEnhancedStatus(text))) throw new UsageError(`formatEnhancedStatus takes a status code such as { class: 5, subject: 1, detail: 1 }, not ${shown(status)}`);
  return text;
}

/** Tells whether the status code may stand in a reply with `code`: the classes must be the same (RFC 2034 §4). */
export function agrees(status: EnhancedStatus, code: number): boolean {
  return status.class === Math.floor(code / 100);
}
