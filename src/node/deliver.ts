// Delivery of a mail to the recipients of one destination: its hosts in turn (RFC 5321 §5.1), until each recipient has an
// outcome or the plan has come to its end.
//
// Rule 1: a recipient who is delivered, failed or unknown is not tried at a further host. `unknown` above all: the mail may
//         have been taken (RFC 1047).
// Rule 2: one who was deferred in RCPT is tried at one further host, others as far as the plan goes.
// Rule 3: after the plan, the last word of a server counts for more than a connection that did not come about.

import type { ForwardPath } from '../syntax/path.ts';
import type { Outcome } from '../protocol/client/action.ts';
import { REASONS } from '../protocol/client/reason.ts';
import { outgoingForwardPath, outgoingReversePath } from '../relay/outgoing.ts';
import type { Target } from '../relay/route.ts';
import { verdict } from '../relay/verdict.ts';
import { connect, ConnectError } from './connect.ts';
import { send, type Outgoing, type SenderOptions } from './sender.ts';

/** What became of one recipient, and which host said so; no host: our own verdict. */
export interface RecipientOutcome {
  readonly forwardPath: ForwardPath;
  readonly outcome: Outcome;
  readonly target?: Target;
}

/** Reply to a greeting that says: this host takes no mail (RFC 7504 §3). */
const TAKES_NO_MAIL = 521;

/** Tries the targets in order; an outcome for each recipient, in their order. `targets` must yield at least one. */
export async function deliver(mail: Outgoing, forwardPaths: readonly ForwardPath[], targets: AsyncIterable<Target>, options: SenderOptions): Promise<readonly RecipientOutcome[]> {
  const results: (RecipientOutcome | undefined)[] = forwardPaths.map(() => undefined);
  const tries = forwardPaths.map(() => 0); // in which RCPT deferred the recipient
  let allTurnedAway = true; // by a 521 greeting
  const stillOpen = (): readonly number[] => forwardPaths.map((_, recipient) => recipient).filter((recipient) => isOpen(results[recipient], tries[recipient] ?? 0));
  const { closing = options.signal } = options;
  try {
    for await (const target of targets) {
      const open = stillOpen();
      const paths = open.map((recipient) => forwardPaths[recipient]).filter((path) => path !== undefined);
      const outcomes = await attempt(mail, paths.map((path) => outgoingForwardPath(path, options.hostname)), target, options);
      for (const [index, outcome] of outcomes.entries()) {
        const recipient = open[index] ?? -1;
        const forwardPath = forwardPaths[recipient];
        if (forwardPath === undefined) continue;
        if (outcome.state !== 'delivered' && outcome.inReplyTo === 'RCPT') tries[recipient] = (tries[recipient] ?? 0) + 1;
        allTurnedAway &&= outcome.reply.code === TAKES_NO_MAIL;
        const silent = 'reason' in outcome && outcome.reason === 'no-connection';
        if (!silent || results[recipient] === undefined) results[recipient] = { forwardPath, outcome, target };
      }
      if (stillOpen().length === 0 || closing?.aborted === true) break; // before another host is looked up
    }
  } catch (error) {
    if (results.includes(undefined)) throw error; // else: further hosts were not to be had, and what the first ones said stands
  }
  return forwardPaths.map((forwardPath, recipient) => {
    const result = results[recipient] ?? { forwardPath, outcome: { ...REASONS['aborted'], inReplyTo: 'nothing', reason: 'aborted' } };
    if (result.outcome.state !== 'deferred' || !allTurnedAway || result.target === undefined) return result;
    return { forwardPath, outcome: { state: 'failed', reply: verdict('takes-no-mail').reply, inReplyTo: 'the connection' } };
  });
}

/** One host: connects and sends. */
async function attempt(mail: Outgoing, forwardPaths: readonly ForwardPath[], target: Target, options: SenderOptions): Promise<readonly Outcome[]> {
  const { closing = options.signal } = options;
  try {
    const socket = await connect(target, { signal: closing, ...(options.timeout === undefined ? {} : { timeout: Math.min(options.timeout, 30_000) }) });
    return await send(socket, { ...mail, content: () => mail.content(target.host), reversePath: outgoingReversePath(mail.reversePath) }, forwardPaths, options);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    if (closing?.aborted === true) return forwardPaths.map(() => ({ ...REASONS['aborted'], inReplyTo: 'nothing', reason: 'aborted' }));
    const { reply } = error.local ? verdict('local-failure') : REASONS['no-connection'];
    const outcome: Outcome = { state: 'deferred', reply: { ...reply, lines: [error.message] }, inReplyTo: 'nothing', reason: 'no-connection' };
    return forwardPaths.map(() => outcome);
  }
}

function isOpen(result: RecipientOutcome | undefined, tries: number): boolean {
  return result === undefined || (result.outcome.state === 'deferred' && tries < 2);
}
