// What is said of a command that may not come now (RFC 5321 §4.1.4).

import type { CommandLine } from './command-line.ts';
import type { ReplyName } from './reply.ts';
import type { State } from './table.ts';

/** The reply to a command that may not come now, by the state it came in. */
const OUT_OF_ORDER: Readonly<Record<State, ReplyName>> = {
  connected: 'no service', // not reached: no command is read before the banner
  refused: 'no service',
  greeted: 'hello first',
  ready: 'mail first',
  mail: 'recipient first',
  rcpt: 'nested mail',
  bdat: 'chunks under way',
  data: 'no service', // not reached: mail data are not commands
  chunk: 'no service', // not reached: nor are chunks
  auth: 'no service', // not reached: nor are responses
  tls: 'no service', // not reached: nothing is read
  closed: 'no service', // not reached: nothing is read any more
};

/** Refusals that are no errors of the client's: a mailing list runs into them. */
export const NO_ERROR: ReadonlySet<ReplyName> = new Set(['too many recipients', 'too many domains', 'tls not now']);

/** The reply to a command that may not come now; undefined: none (RFC 2033 §4.3, as many as there are recipients). */
export function outOfOrder(state: State, line: CommandLine & { readonly type: 'bad' | 'command' }, transaction: { readonly refused: number } | undefined, lmtp: boolean): ReplyName | undefined {
  const { verb } = line;
  if (state === 'ready' && verb === 'BDAT') return 'chunk refused';
  if (state !== 'mail') return OUT_OF_ORDER[state];
  if (verb === 'MAIL' || verb === 'AUTH' || verb === 'STARTTLS') return 'nested mail';
  if (lmtp) return line.type === 'command' && line.command.verb === 'BDAT' && line.command.last ? undefined : 'recipient first'; // RFC 2033 §4.2: 503
  return (transaction?.refused ?? 0) > 0 ? 'no valid recipients' : 'recipient first'; // §3.3
}
