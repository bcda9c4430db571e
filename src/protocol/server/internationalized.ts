// What RFC 6531 asks of a server's commands and replies: UTF-8 is said only where the client has asked for it, and only in the
// replies to VRFY and EXPN and in the addresses of 251 and 551 (§3.7.4).

import { isAsciiText } from '../../wire/ascii.ts';
import type { Reply } from '../../syntax/reply.ts';

export interface Verification {
  readonly text: string;
  /** The client asked for SMTPUTF8, so that the reply may hold UTF-8. */
  readonly utf8: boolean;
}

/** Reads the argument of VRFY or EXPN (§3.7.4.2); where SMTPUTF8 is not offered the word behind it is no parameter. */
export function readVerification(argument: string, offered: boolean): Verification {
  const utf8 = offered && / SMTPUTF8$/i.test(argument);
  return { text: utf8 ? argument.slice(0, -' SMTPUTF8'.length) : argument, utf8 };
}

/** Tells whether the reply is one that tells of another address: such a one may be in UTF-8 where MAIL has asked for SMTPUTF8 (§3.7.4.1). */
export function holdsAddress(reply: Reply | string): boolean {
  return typeof reply !== 'string' && (reply.code === 251 || reply.code === 551);
}

/**
 * Returns the reply that may be said in place of the application's: the same where it is ASCII or `utf8` is asked for; 550 for a
 * 551 (§3.7.4.1); undefined for a 2yz, that is the RFC's own words, 252 for VRFY among them (§3.7.4.2).
 */
export function sayable(reply: Reply | undefined, utf8: boolean): Reply | undefined {
  if (reply === undefined || utf8 || reply.lines.every(isAsciiText)) return reply;
  if (reply.code === 551) return { code: 550, enhanced: reply.enhanced, lines: ['mailbox not here'] };
  return reply.code < 300 ? undefined : reply;
}
