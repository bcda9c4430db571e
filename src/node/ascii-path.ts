// Paths for servers without SMTPUTF8: a domain in U-labels has a form in A-labels that any server knows (RFC 6531 §3.7); a local
// part has none.

import { isAsciiText } from '../wire/ascii.ts';
import { parseDomain } from '../syntax/domain.ts';
import { isFault } from '../syntax/fault.ts';
import { parseForwardPath, type ForwardPath, type MailboxPath, type ReversePath } from '../syntax/path.ts';
import { toAscii } from './resolve.ts';

/** Returns the path with its domain in A-labels (RFC 5890 §2.3.2.1), where it is all ASCII then; else as it is. */
export function asciiPath<Path extends ReversePath | ForwardPath>(path: Path): Path | MailboxPath {
  if (isAsciiText(path.text) || path.type !== 'path' || !isAsciiText(path.mailbox.localPart)) return path;
  const written = parseForwardPath(`<${path.mailbox.localPart}@${toAscii(path.mailbox.domain.text)}>`);
  return isFault(written) || written.type !== 'path' ? path : written;
}

/**
 * Returns the path by which it is looked up, in what is configured as in the DNS: with its domain in A-labels, whatever its local
 * part; as it is where that has no such form. U-labels name the same domain (RFC 5890 §2.3.2.4). It is not to be sent.
 */
export function lookedUp<Path extends ReversePath | ForwardPath>(path: Path): Path | MailboxPath {
  if (path.type !== 'path' || isAsciiText(path.mailbox.domain.key)) return path;
  const domain = parseDomain(toAscii(path.mailbox.domain.text));
  return isFault(domain) ? path : { ...path, mailbox: { ...path.mailbox, domain } };
}
