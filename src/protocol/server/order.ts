// What is said of a command that may not come now (RFC 5321 §4.1.4), and what becomes of the mail of a chunk that may not (RFC 3030 §2).

import type { Verb } from '../../syntax/command.ts';
import type { CommandLine } from './command-line.ts';
import type { ReplyName } from './reply.ts';
import type { State } from './table.ts';

type Row = Readonly<{ any: ReplyName } & Partial<Record<Verb, ReplyName>>>;

/** The reply to a command that may not come now, by the state it came in: to any, or to one that has its own. */
const OUT_OF_ORDER: Readonly<Record<State, Row>> = {
  connected: { any: 'no service' }, // not reached: no command is read before the banner
  refused:   { any: 'no service' },
  greeted:   { any: 'hello first' },
  ready:     { any: 'mail first',      BDAT: 'chunk refused' },
  mail:      { any: 'recipient first', MAIL: 'nested mail', AUTH: 'nested mail', STARTTLS: 'nested mail' },
  rcpt:      { any: 'nested mail' },
  bdat:      { any: 'chunks under way' },
  data:      { any: 'no service' }, // not reached: mail data are not commands
  chunk:     { any: 'no service' }, // not reached: nor are chunks
  auth:      { any: 'no service' }, // not reached: nor are responses
  tls:       { any: 'no service' }, // not reached: nothing is read
  closed:    { any: 'no service' }, // not reached: nothing is read any more
};

/** Refusals that are no errors of the client's: a mailing list runs into them. */
export const NO_ERROR: ReadonlySet<ReplyName> = new Set(['too many recipients', 'too many domains', 'tls not now']);

/** The reply to a command that may not come now; undefined: none (RFC 2033 §4.3, as many as there are recipients). */
export function outOfOrder(state: State, line: CommandLine & { readonly type: 'bad' | 'command' }, transaction: { readonly refused: number } | undefined, lmtp: boolean): ReplyName | undefined {
  const said = OUT_OF_ORDER[state][line.verb] ?? OUT_OF_ORDER[state].any;
  if (said !== 'recipient first') return said;
  if (lmtp) return isLastChunk(line) ? undefined : said; // RFC 2033 §4.2: 503
  return (transaction?.refused ?? 0) > 0 ? 'no valid recipients' : said; // §3.3
}

/** Whether the line, which is refused, takes its mail with it: as BDAT does. In LMTP the last chunk for no recipient may be still to come, and nothing is said to that (RFC 2033 §4.3). */
export function endsMail(state: State, line: CommandLine, lmtp: boolean): boolean {
  if (line.chunk === 0 && !('verb' in line && line.verb === 'BDAT')) return false;
  return !lmtp || state !== 'mail' || isLastChunk(line);
}

function isLastChunk(line: CommandLine): boolean {
  return line.type === 'command' && line.command.verb === 'BDAT' && line.command.last;
}
