// Whether a reply is in step with what was said, and what it is where it is not (RFC 5321 §4.3.2).
//
// Replies answer commands strictly in order. One that nothing awaits, that comes before its command was handed out, that is known
// as the reply to something else, or that has a class which the command cannot have, can be relied on for nothing that follows.

import { replyClass } from '../../syntax/reply.ts';
import { AWAITED, isLast, isMisplaced, type Awaited, type State } from './table.ts';

/** What a reply is, where it comes. */
export type Standing =
  | 'in step' //       an answer to what is awaited, for which the table has an edge
  | 'turned away' //   the server takes nothing further in this session, which is no verdict on recipients
  | 'early refusal' // of a mail whose end is not out: the server does not wait for that
  | 'farewell' //      221 where the first reply to a mail is due: the server has closed behind the one before, and begun with none of it
  | 'out of step';

/** Where a reply comes. */
export interface Due {
  readonly state: State;
  /** What the next reply answers; undefined: nothing is awaited. */
  readonly awaited: Awaited | undefined;
  /** Its command has not been handed out, or there is none. */
  readonly early: boolean;
  /** Content goes in chunks: between two of them there is nothing to be refused. */
  readonly chunked: boolean;
  /** The exchange of SASL was cancelled, which the server has to refuse (RFC 4954 §4). */
  readonly cancelled: boolean;
}

/** What a reply with that code is. */
export function standingOf(code: number, { state, awaited, early, chunked, cancelled }: Due): Standing {
  const refuses = code >= 400;
  if (code === 421 && !isLast(code, awaited, state)) return 'turned away'; // §3.8
  if (early && refuses && (state === 'content' || state === 'ending') && (awaited !== undefined || !chunked)) return 'early refusal';
  if (awaited === undefined || early) return 'out of step';
  if (awaited === 'QUIT') return 'in step';
  if (isMisplaced(code, awaited)) return code === 221 && FIRST_OF_A_MAIL.has(awaited) ? 'farewell' : 'out of step';
  if (awaited === 'AUTH' && cancelled && replyClass(code) === 3) return 'out of step';
  if (AWAITED[awaited].on[replyClass(code)] === 'closed') return refuses ? 'turned away' : 'out of step';
  return 'in step';
}

const FIRST_OF_A_MAIL: ReadonlySet<Awaited> = new Set(['RSET', 'RSET in flight', 'MAIL']);
