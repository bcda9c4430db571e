// Outcomes, made of replies and of reasons.

import { replyClass } from '../../syntax/reply.ts';
import type { Reply } from '../../syntax/reply.ts';
import type { Outcome, Reason } from './action.ts';
import { REASONS, replyOf } from './reason.ts';

/** Why a session has ended, as an outcome. */
export type Failure = Exclude<Outcome, { readonly state: 'delivered' }>;

/** A refusal as an outcome: 4yz defers, 5yz fails (RFC 5321 §4.2.1). */
export function outcomeOf(reply: Reply, inReplyTo: string): Outcome {
  return { state: replyClass(reply.code) === 4 ? 'deferred' : 'failed', reply, inReplyTo };
}

/** What the server said when it did not let us in: no verdict on anybody's mail (§3.1), whatever its class. */
export function turnedAway(reply: Reply, inReplyTo: string, reason?: Reason): Failure {
  return { state: 'deferred', reply, inReplyTo, ...(reason === undefined ? {} : { reason }) };
}

/** The end of a session for a reason of ours; `endIsOut`: end of mail data was sent. */
export function broken(reason: Reason, inReplyTo: string, endIsOut: boolean, detail: string | undefined): Failure {
  return { state: endIsOut ? 'unknown' : REASONS[reason].state, reply: replyOf(reason, detail), inReplyTo, reason };
}

/** The outcome of one whose turn had not come when the session ended: to it the connection was lost, unless we gave up. */
export function unbegun({ reason, reply }: Failure): Failure {
  const own = reason === 'aborted' || (reason === undefined && reply.code === 421) ? reason : 'connection-lost';
  return { state: 'deferred', reply: own === 'connection-lost' ? REASONS[own].reply : reply, inReplyTo: 'nothing', ...(own === undefined ? {} : { reason: own }) };
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
