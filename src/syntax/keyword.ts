// The reply to EHLO (RFC 5321 §4.1.1.1 ehlo-ok-rsp): the server's domain, a greeting, and a keyword on each further line.
//
// Left out: what a keyword means; see the extension that defines it.

import { checkText, shown, UsageError } from '../wire/usage.ts';
import { ALPHA, belongs, DIGIT, GRAPHIC, LDH, run } from './character.ts';
import { isFault, unexpected } from './fault.ts';
import type { Fault } from './fault.ts';
import { isReply, type Reply } from './reply.ts';

/** One line of the reply to EHLO: an extension and its parameters (RFC 5321 §4.1.1.1). */
export interface EhloKeyword {
  /** As written; compare in upper case. */
  readonly keyword: string;
  readonly parameters: readonly string[];
}

/** Returns the keyword and parameters that `text`, a line of the reply to EHLO without the code, is, or why it is no such line. */
export function parseEhloLine(text: string): EhloKeyword | Fault {
  checkText(text, 'parseEhloLine', 'SIZE 1000');
  if (!belongs(text, 0, ALPHA | DIGIT)) return unexpected('bad-keyword', text, 0, 'ehlo-keyword', EHLO_LINE);
  let end = run(text, 0, LDH);
  const keyword = text.slice(0, end);
  const parameters: string[] = [];
  while (end < text.length) {
    if (!text.startsWith(' ', end)) return unexpected('bad-keyword', text, end, 'SP', EHLO_LINE);
    const start = end + 1;
    end = run(text, start, GRAPHIC);
    if (end === start) return unexpected('bad-keyword', text, end, 'ehlo-param', EHLO_LINE);
    parameters.push(text.slice(start, end));
  }
  return { keyword, parameters };
}

const EHLO_LINE = 'RFC 5321 §4.1.1.1 ehlo-line';

/** Returns the line as it was written, without the code. */
export function formatEhloLine(line: EhloKeyword): string {
  const { keyword, parameters } = line ?? {};
  if (typeof keyword !== 'string' || !Array.isArray(parameters)) throw new UsageError(`formatEhloLine takes { keyword, parameters }, a text and a list of them, not ${shown(line)}`);
  return [keyword, ...parameters].join(' ');
}

/** What a server says of itself (RFC 5321 §4.1.1.1). */
export interface EhloReply {
  /** What the server calls itself: the first word; not checked, since nothing depends on it. */
  readonly domain: string;
  readonly greeting: string;
  /** Parameters by keyword in upper case (keywords have no case, §4.1.1.1). */
  readonly keywords: ReadonlyMap<string, readonly string[]>;
}

/**
 * Returns what a positive reply to EHLO says. Keywords come only from the second line on: a greeting may say `PIPELINING` and
 * offers nothing by it. A line that is no ehlo-line (`AUTH=LOGIN` of old servers) is skipped; of two with the same keyword the
 * first counts. White space at the end of a line is ignored.
 */
export function parseEhloReply(reply: Reply): EhloReply {
  if (!isReply(reply)) throw new UsageError(`parseEhloReply takes a reply, as a ReplyAssembler makes of its lines, not ${shown(reply)}`);
  const [first = '', ...others] = reply.lines;
  const space = first.indexOf(' ');
  const keywords = new Map<string, readonly string[]>();
  for (const line of others) {
    const parsed = parseEhloLine(line.trimEnd());
    if (isFault(parsed)) continue;
    const keyword = parsed.keyword.toUpperCase();
    if (!keywords.has(keyword)) keywords.set(keyword, parsed.parameters);
  }
  const domain = space === -1 ? first : first.slice(0, space);
  return { domain, greeting: space === -1 ? '' : first.slice(space + 1), keywords };
}
