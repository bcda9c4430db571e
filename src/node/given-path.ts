// Paths as a program gives them: as text, or parsed already.

import { shown, UsageError } from '../wire/usage.ts';
import { formatFault, isFault, type Fault } from '../syntax/fault.ts';
import { parseForwardPath, type ForwardPath, type MailboxPath, type ReversePath } from '../syntax/path.ts';

/** Whom a mail is for: a forward-path or a list of them, as values or as text, with brackets or without. */
export type Recipients = ForwardPath | string | readonly (ForwardPath | string)[];

/** Returns the path that the text is, with brackets or without, UTF-8 too (RFC 6531 §3.3), or the path itself; throws UsageError for what is not a path. */
export function parsed<Path extends ReversePath | ForwardPath>(path: Path | string, parse: (text: string, options: { readonly utf8: true }) => Path | Fault): Path {
  if (typeof path !== 'string') {
    if (!isPath(path, parse)) throw new UsageError(`a path must be text such as alice@example.org, or what was parsed of it, not ${path === null ? 'null' : typeof path}`);
    return path;
  }
  const text = path.startsWith('<') ? path : `<${path}>`;
  const value = parse(text, { utf8: true });
  if (isFault(value)) throw new UsageError(`${shown(text)}: ${formatFault(value)}`); // it may be one of thousands; and its characters are counted with the brackets
  return value;
}

/** Returns the paths of recipients; throws UsageError for what is none, or not one. */
export function parsedRecipients(recipients: Recipients): readonly ForwardPath[] {
  const list = isList(recipients) ? recipients : [recipients];
  if (list.length === 0) throw new UsageError('a mail needs a recipient');
  return list.map((path) => parsed(path, parseForwardPath));
}

function isList(recipients: Recipients): recipients is readonly (ForwardPath | string)[] {
  return Array.isArray(recipients);
}

/** Whether it is one, whatever its type promised. The text of a mailbox is not parsed again: a server that is lenient has taken it as it is. */
function isPath<Path extends ReversePath | ForwardPath>(path: unknown, parse: (text: string, options: { readonly utf8: true }) => Path | Fault): boolean {
  const { type, text, mailbox } = (path ?? {}) as Readonly<Partial<Record<keyof MailboxPath, unknown>>>; // what they are is found out here
  if (typeof text !== 'string') return false;
  return type === 'path' ? typeof mailbox === 'object' && mailbox !== null : !isFault(parse(text, { utf8: true }));
}
