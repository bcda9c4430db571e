// What an attempt means for the recipients it was for: who is done with, who is tried again and when, of whom the sender is
// told (RFC 5321 §4.5.4.1, §6.1, RFC 3461 §5.2).

import type { Outcome } from '../protocol/client/action.ts';
import { abridged } from '../syntax/abridgement.ts';
import { classCorrected, type Reply } from '../syntax/reply.ts';
import { isAskedFor } from '../relay/notification.ts';
import type { QueuedMail, RecipientState } from '../relay/queue/port.ts';
import type { Action } from '../relay/report.ts';
import { lifeOf, nextAttempt, type RetrySchedule } from '../relay/schedule.ts';
import { OWN_VERDICTS, ownVerdict } from '../relay/own-verdict.ts';
import type { RecipientOutcome } from './deliver.ts';
import type { Log } from './log.ts';

/** What the sender is to be told of a recipient. */
export interface News {
  readonly recipient: number;
  readonly action: Action;
  readonly state: RecipientState;
  /** What a host said last, as it came, where the state has our verdict on who waited in vain (RFC 3461 §6.3). */
  readonly said?: Pick<RecipientState, 'reply' | 'host'> | undefined;
  /** When he was last tried, milliseconds since 1970; absent where that is not known (RFC 3464 §2.3.7). */
  readonly tried?: number | undefined;
}

export interface Conclusion {
  /** By the recipient's index. */
  readonly states: ReadonlyMap<number, RecipientState>;
  /** Those who have failed. */
  readonly failures: readonly number[];
  /** What the sender wants to be told. */
  readonly news: readonly News[];
  /** When those who still wait are due; undefined: nobody waits. */
  readonly again: number | undefined;
}

/** The outcome of who waits for a mail that the operator returns to its sender. */
export const RETURNED: Outcome = { state: 'failed', reply: OWN_VERDICTS['returned'].reply, inReplyTo: 'nothing', reason: 'aborted' };

/** Concludes from the outcomes of these recipients, in their order. Who waits is given up where the mail's time is over. `begun`: the mail as it was before the attempt. */
export function conclude(mail: QueuedMail, recipients: readonly number[], results: readonly RecipientOutcome[], schedule: RetrySchedule, now: number, begun = mail): Conclusion {
  const next = results.every(({ outcome }) => outcome.state === 'delivered') ? now : dueAgain(mail, schedule, now); // of those nobody waits
  const states = new Map<number, RecipientState>();
  for (const [index, result] of results.entries()) {
    const recipient = recipients[index] ?? -1;
    const before = mail.recipients[recipient];
    if (before !== undefined) states.set(recipient, isBrokenOff(result, mail) ? untried(before, begun.recipients[recipient]) : stateAfter(result, next !== undefined ? undefined : mail.returned === true ? 'returned' : 'expired'));
  }
  const failed: News[] = [];
  const relayed: News[] = [];
  for (const [index, result] of results.entries()) {
    const { outcome } = result;
    const recipient = recipients[index] ?? -1;
    const state = states.get(recipient);
    if (state?.state === 'failed') failed.push({ recipient, action: 'failed', state, said: saidLast(mail, result), tried: outcome.time });
    else if (state !== undefined && outcome.state === 'delivered' && outcome.dsn !== true) relayed.push({ recipient, action: 'relayed', state, tried: outcome.time }); // nobody behind us reports
  }
  const failures = failed.map(({ recipient }) => recipient);
  const waits = [...states.values()].some(({ state }) => state === 'waiting');
  const again = results.some((result) => isBrokenOff(result, mail)) ? now : results.some(({ outcome }) => outcome.state === 'unknown') ? unhurried(mail, next, schedule, now) : next;
  return { states, failures, news: askedFor(mail, [...failed, ...relayed]), again: waits ? again : undefined };
}

/**
 * When a mail is due again that may have been taken (RFC 1047): not by the first interval, which is short for the sake of
 * greylisting. A server that has it, and was only slow to say so, is done by then, and may know it again.
 */
function unhurried({ arrival, reversePath }: QueuedMail, next: number | undefined, schedule: RetrySchedule, now: number): number | undefined {
  if (next === undefined) return undefined;
  const last = arrival + lifeOf(reversePath.type === 'null', schedule);
  return Math.min(Math.max(next, now + (schedule.intervals[1] ?? 0)), last);
}

/** What of the news the sender of the mail wants to be told (RFC 3461 §4.1). */
export function askedFor({ recipientParameters }: QueuedMail, news: readonly News[]): readonly News[] {
  return news.filter(({ recipient, action }) => isAskedFor(action, recipientParameters?.[recipient]));
}

/** Writes a line for each outcome; `next`: when it is tried again, where the operator does not hold it; `gaveUp`: it is the last one, because the mail's time is over. */
export function logOutcomes(log: Log, { id, held }: QueuedMail, recipients: readonly number[], results: readonly RecipientOutcome[], { states, again }: Conclusion): void {
  for (const [index, { forwardPath, outcome, target }] of results.entries()) {
    const after = states.get(recipients[index] ?? -1)?.state;
    log(outcome.state, {
      id,
      to: forwardPath.text,
      host: target?.host,
      address: target === undefined ? undefined : `${target.address}:${target.port}`,
      tls: outcome.tls?.version,
      reply: inOneLine(outcome.reply),
      inReplyTo: 'inReplyTo' in outcome ? outcome.inReplyTo : undefined,
      next: after === 'waiting' && again !== undefined && held !== true ? new Date(again).toISOString() : undefined,
      gaveUp: outcome.state !== 'failed' && after === 'failed' ? true : undefined,
    });
  }
}

/** The enhanced code in the class of the code, as outcomes have it; abridged to a thousand characters: a log has room for a line about each of a thousand recipients. */
export function inOneLine(reply: Reply): string {
  const { code, enhanced, lines } = abridged(classCorrected(reply));
  const line = `${code} ${enhanced === undefined ? '' : `${enhanced} `}${lines.join(' ')}`;
  return line.length > 1_000 ? `${line.slice(0, 997)}...` : line;
}

/** When a mail that was tried in vain is due again; undefined: its time is over, or the operator has ended it. One from the future, since the clock was set back, has just come. */
function dueAgain({ id, arrival, reversePath, returned }: QueuedMail, schedule: RetrySchedule, now: number): number | undefined {
  if (returned === true) return undefined;
  const since = Math.min(arrival, now);
  const age = nextAttempt({ id, age: now - since, bounce: reversePath.type === 'null' }, schedule);
  return age === undefined ? undefined : since + age;
}

/** What a host has said to who waits in vain, but where the operator has ended that. */
function saidLast({ returned }: QueuedMail, result: RecipientOutcome): News['said'] {
  const said = saidIn(result);
  return result.outcome.state === 'failed' || returned === true || said.host === undefined ? undefined : said;
}

function saidIn({ outcome, target }: RecipientOutcome): Pick<RecipientState, 'reply' | 'host'> {
  return { reply: abridged(outcome.verbatim ?? outcome.reply), ...('reason' in outcome || target === undefined ? {} : { host: target.host }) };
}

/** `over`: why who waits is given up. */
function stateAfter(result: RecipientOutcome, over: 'expired' | 'returned' | undefined): RecipientState {
  const { outcome } = result;
  const said = saidIn(result);
  switch (outcome.state) {
    case 'delivered':
    case 'failed': return { state: outcome.state, ...said };
    case 'deferred':
    case 'unknown': return over === undefined ? { state: 'waiting', ...said } : { state: 'failed', reply: ownVerdict(over, `${said.host === undefined ? '' : `${said.host} said `}${inOneLine(outcome.reply)}`).reply };
    default: return outcome satisfies never;
  }
}

/** The state of one to whom nothing was sent: that an attempt had begun is no reason to think that he may have the mail. */
function untried(now: RecipientState, begun: RecipientState | undefined): RecipientState {
  if (now.unsettled === undefined || begun?.unsettled !== undefined) return now;
  const { state, reply, host } = now;
  return { state, ...(reply === undefined ? {} : { reply }), ...(host === undefined ? {} : { host }) };
}

/** By our own end, or by an order of the operator, before the mail was out: that is no attempt. */
function isBrokenOff({ outcome }: RecipientOutcome, mail: QueuedMail): boolean {
  if (outcome.state !== 'deferred') return false;
  return outcome.reason === 'aborted' || (outcome.reason === 'content-lost' && isCalledOff(mail));
}

/** The operator wants the mail held or returned, or has removed it: an attempt on its way is not to send it any more. */
export function isCalledOff(mail: QueuedMail | undefined): boolean {
  return mail === undefined || mail.held === true || mail.returned === true;
}
