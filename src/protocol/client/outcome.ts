// Outcomes, made of replies and of reasons.
//
// Rule 1: every reply of a server that becomes an outcome goes through `said`: its enhanced code has the class of its code.

import { classCorrected, replyClass } from '../../syntax/reply.ts';
import type { Reply } from '../../syntax/reply.ts';
import type { InReplyTo, Outcome, Reason } from './action.ts';
import { REASONS, replyOf } from './reason.ts';

/** Why a session has ended, as an outcome. */
export type Failure = Exclude<Outcome, { readonly state: 'delivered' }>;

/** A reply to the end of mail data as an outcome: 2yz delivers (RFC 5321 §4.2.1). */
export function taken(reply: Reply, dsn: boolean): Outcome {
  return { state: 'delivered', ...said(reply), ...(dsn ? { dsn: true } : {}) };
}

/** A refusal as an outcome: 4yz defers, 5yz fails (RFC 5321 §4.2.1). */
export function refused(reply: Reply, inReplyTo: InReplyTo): Failure {
  return { state: replyClass(reply.code) === 4 ? 'deferred' : 'failed', ...said(reply), inReplyTo };
}

/** What the server said when it did not let us in: no verdict on anybody's mail (§3.1), whatever its class. */
export function turnedAway(reply: Reply, inReplyTo: InReplyTo, reason?: Reason): Failure {
  return { state: 'deferred', ...said(reply), inReplyTo, ...(reason === undefined ? {} : { reason }) };
}

/** What the server said, and the same as it wrote it where that is another. */
function said(written: Reply): Pick<Outcome, 'reply' | 'verbatim'> {
  const reply = classCorrected(written);
  return { reply, ...(reply === written ? {} : { verbatim: written }) };
}

/** The end of a session for a reason of ours; `endIsOut`: end of mail data was sent. */
export function broken(reason: Reason, inReplyTo: InReplyTo, endIsOut: boolean, detail: string | undefined): Failure {
  return { state: endIsOut ? 'unknown' : REASONS[reason].state, reply: replyOf(reason, detail), inReplyTo, reason };
}

/** The outcome of one whose turn had not come when the session ended: to it the connection was lost, unless we gave up. */
export function unbegun(failure: Failure): Failure {
  const { reason, reply } = failure;
  if (reason === 'aborted' || (reason === undefined && reply.code === 421)) return { ...failure, state: 'deferred', inReplyTo: 'nothing' };
  return { state: 'deferred', reply: REASONS['connection-lost'].reply, inReplyTo: 'nothing', reason: 'connection-lost' };
}

/** Our own verdict on what the server offers. */
export function ours(reason: Reason): Outcome {
  return { ...REASONS[reason], inReplyTo: 'EHLO', reason };
}

/** The outcome of transactions that come after the session's end: they were not tried, whatever became of the one that ended it. */
export function untried(failure: Failure): Failure {
  const own = failure.reason === 'bad-content' || failure.reason === 'content-lost';
  return own ? { ...REASONS['aborted'], inReplyTo: failure.inReplyTo, reason: 'aborted' } : { ...failure, state: 'deferred' };
}
