// Reverse-path and Forward-path (RFC 5321 §4.1.2; `<postmaster>` from §4.1.1.3).
//
// A source route is taken, and left out of the mailbox, as §4.1.2 wants; it stays in the text, so that a path is lossless.
// Left out: following a source route (§3.6.1 lets a relay ignore it).

import { checkText } from '../wire/usage.ts';
import { exceeds } from './character.ts';
import { readDomain, takesUtf8 } from './domain.ts';
import type { Domain, SyntaxOptions } from './domain.ts';
import { asWritten, fault, unexpected, whole } from './fault.ts';
import type { Fault } from './fault.ts';
import { readMailbox } from './mailbox.ts';
import type { Mailbox } from './mailbox.ts';

/** The argument of MAIL: `<>` is the null reverse-path, of mail that nobody wants to hear back about (§4.5.5). */
export type ReversePath = { readonly type: 'null'; readonly text: '<>'; readonly key: '' } | MailboxPath;

/** The argument of RCPT: `<postmaster>`, in any case and without a domain, is the postmaster of the server itself (§4.1.1.3). */
export type ForwardPath =
  | MailboxPath
  | { readonly type: 'postmaster'; readonly text: string; readonly key: 'postmaster' };

/** A path that holds a mailbox, exactly as it was written (RFC 5321 §4.1.2). */
export interface MailboxPath {
  readonly type: 'path';
  /** Exactly as written, with the brackets and the source route. */
  readonly text: string;
  readonly sourceRoute: readonly Domain[];
  readonly mailbox: Mailbox;
  /** The key of the mailbox. */
  readonly key: string;
}

/** Returns the reverse-path that `text`, brackets included, is, or why it is none. */
export function parseReversePath(text: string, options?: SyntaxOptions): ReversePath | Fault {
  checkText(text, 'parseReversePath', '<alice@example.org>');
  return whole<ReversePath>(text, readReversePath(text, 0, takesUtf8(options)), 'bad-path', 'RFC 5321 §4.1.2 Reverse-path');
}

/** Returns the forward-path that `text`, brackets included, is, or why it is none. */
export function parseForwardPath(text: string, options?: SyntaxOptions): ForwardPath | Fault {
  checkText(text, 'parseForwardPath', '<alice@example.org>');
  return whole<ForwardPath>(text, readForwardPath(text, 0, takesUtf8(options)), 'bad-path', 'RFC 5321 §4.1.2 Forward-path');
}

/** Returns the path as it was written. */
export function formatPath(path: ReversePath | ForwardPath): string {
  return asWritten(path, 'formatPath', 'parseReversePath or parseForwardPath');
}

/** Returns the reverse-path that begins at `at`; it ends at `at` + the length of its text. */
export function readReversePath(text: string, at: number, utf8: boolean): ReversePath | Fault {
  return text.startsWith('<>', at) ? NULL_PATH : readMailboxPath(text, at, utf8);
}

const NULL_PATH: ReversePath = { type: 'null', text: '<>', key: '' };

/** Returns the forward-path that begins at `at`; it ends at `at` + the length of its text. */
export function readForwardPath(text: string, at: number, utf8: boolean): ForwardPath | Fault {
  const end = at + POSTMASTER.length;
  if (text.startsWith('>', end - 1)) {
    const written = text.slice(at, end);
    if (written.toLowerCase() === POSTMASTER) return { type: 'postmaster', text: written, key: 'postmaster' };
  }
  return readMailboxPath(text, at, utf8);
}

const POSTMASTER = '<postmaster>';

function readMailboxPath(text: string, at: number, utf8: boolean): MailboxPath | Fault {
  if (!text.startsWith('<', at)) return unexpected('bad-path', text, at, '"<"', PATH);
  if (text.startsWith('>', at + 1)) return fault('bad-path', text, at + 1, 'Mailbox', PATH);
  let next = at + 1;
  const sourceRoute = text.startsWith('@', next) ? readSourceRoute(text, next, utf8) : NO_ROUTE;
  if ('fault' in sourceRoute) return sourceRoute;
  for (const domain of sourceRoute) next += domain.text.length + 2; // "@" before it, "," or ":" behind it
  const mailbox = readMailbox(text, next, utf8);
  if ('fault' in mailbox) return mailbox;
  const end = next + mailbox.text.length;
  if (!text.startsWith('>', end)) return unexpected('bad-path', text, end, '">"', PATH);
  if (exceeds(text, at, end + 1, 256)) return fault('path-too-long', text, at, 'at most 256 octets', 'RFC 5321 §4.5.3.1.3');
  return { type: 'path', text: text.slice(at, end + 1), sourceRoute, mailbox, key: mailbox.key };
}

const PATH = 'RFC 5321 §4.1.2 Path';
const NO_ROUTE: readonly Domain[] = [];

/** Returns the domains of the A-d-l that begins at `at`, the colon behind it included. */
function readSourceRoute(text: string, at: number, utf8: boolean): readonly Domain[] | Fault {
  const route: Domain[] = [];
  for (let next = at; ; next += 1) {
    if (!text.startsWith('@', next)) return unexpected('bad-path', text, next, '"@"', ROUTE);
    const domain = readDomain(text, next + 1, utf8);
    if ('fault' in domain) return domain;
    route.push(domain);
    next += 1 + domain.text.length;
    if (text.startsWith(':', next)) return route;
    if (!text.startsWith(',', next)) return unexpected('bad-path', text, next, '"," or ":"', ROUTE);
  }
}

const ROUTE = 'RFC 5321 §4.1.2 A-d-l';
