// Paths as a relay sends them on: without source routes, and with a domain (RFC 5321 §3.6.1, §4.1.1.3, §4.5.1).

import type { ForwardPath, MailboxPath, ReversePath } from '../syntax/path.ts';
import { isFault } from '../syntax/fault.ts';
import { parseForwardPath } from '../syntax/path.ts';

export function outgoingReversePath(path: ReversePath): ReversePath {
  return path.type === 'null' ? path : withoutRoute(path);
}

/** `<postmaster>` is that of `hostname`, the host that took the mail; it stays as it is where that is an address literal that no path can hold. */
export function outgoingForwardPath(path: ForwardPath, hostname: string): ForwardPath {
  if (path.type === 'path') return withoutRoute(path);
  const named = parseForwardPath(`<postmaster@${hostname}>`);
  return isFault(named) ? path : named;
}

/** The domain or literal that decides where mail for the path goes, as the DNS is asked for it. */
export function destinationOf(path: ForwardPath, hostname: string): string {
  return path.type === 'path' ? path.mailbox.domain.key : hostname.toLowerCase();
}

function withoutRoute(path: MailboxPath): MailboxPath {
  return path.sourceRoute.length === 0 ? path : { ...path, text: `<${path.mailbox.text}>`, sourceRoute: [] };
}
