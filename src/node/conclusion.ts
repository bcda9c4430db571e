// What an attempt means for the recipients it was for: who is done with, who is tried again and when, of whose failure the
// sender is told (RFC 5321 §4.5.4.1, §6.1).

import type { Reply } from '../syntax/reply.ts';
import type { QueuedMail, RecipientState } from '../relay/queue/port.ts';
import { nextAttempt, type RetrySchedule } from '../relay/schedule.ts';
import { verdict } from '../relay/verdict.ts';
import type { RecipientOutcome } from './deliver.ts';
import type { Log } from './log.ts';

/** A recipient of whose failure the sender is to be told. */
export interface Failure {
  readonly recipient: number;
  readonly state: RecipientState;
}

export interface Conclusion {
  /** By the recipient's index. */
  readonly states: ReadonlyMap<number, RecipientState>;
  readonly failures: readonly Failure[];
  /** When those who still wait are due; undefined: nobody waits. */
  readonly again: number | undefined;
}

/** Concludes from the outcomes of these recipients, in their order. Who waits is given up where the mail's time is over. */
export function conclude(mail: QueuedMail, recipients: readonly number[], results: readonly RecipientOutcome[], schedule: RetrySchedule, now: number): Conclusion {
  const next = dueAgain(mail, schedule, now);
  const states = new Map<number, RecipientState>();
  for (const [index, result] of results.entries()) {
    const recipient = recipients[index] ?? -1;
    const before = mail.recipients[recipient];
    if (before !== undefined) states.set(recipient, isBrokenOff(result) ? before : stateAfter(result, next === undefined));
  }
  const failures = [...states].filter(([, { state }]) => state === 'failed').map(([recipient, state]) => ({ recipient, state }));
  const waits = [...states.values()].some(({ state }) => state === 'waiting');
  return { states, failures, again: !waits ? undefined : results.some(isBrokenOff) ? now : next };
}

/** Writes a line for each outcome; `gaveUp`: it is the last one, because the mail's time is over. */
export function logOutcomes(log: Log, id: string, recipients: readonly number[], results: readonly RecipientOutcome[], { states }: Conclusion): void {
  for (const [index, { forwardPath, outcome, target }] of results.entries())
    log(outcome.state, {
      id,
      to: forwardPath.text,
      host: target?.host,
      address: target === undefined ? undefined : `${target.address}:${target.port}`,
      reply: inOneLine(outcome.reply),
      inReplyTo: 'inReplyTo' in outcome ? outcome.inReplyTo : undefined,
      gaveUp: outcome.state !== 'failed' && states.get(recipients[index] ?? -1)?.state === 'failed' ? true : undefined,
    });
}

export function inOneLine({ code, enhanced, lines }: Reply): string {
  return [code, enhanced, lines.join(' ')].filter((part) => part !== undefined).join(' ');
}

/** When a mail that was tried in vain is due again; undefined: its time is over. */
export function dueAgain({ id, arrival, reversePath }: QueuedMail, schedule: RetrySchedule, now: number): number | undefined {
  const age = nextAttempt({ id, age: Math.max(0, now - arrival), bounce: reversePath.type === 'null' }, schedule);
  return age === undefined ? undefined : arrival + age;
}

function stateAfter({ outcome, target }: RecipientOutcome, expired: boolean): RecipientState {
  const said = { reply: outcome.reply, ...('reason' in outcome || target === undefined ? {} : { host: target.host }) };
  switch (outcome.state) {
    case 'delivered':
    case 'failed': return { state: outcome.state, ...said };
    case 'deferred':
    case 'unknown': return expired ? { state: 'failed', reply: verdict('expired', outcome.reply.lines.join(' ')).reply } : { state: 'waiting', ...said };
    default: return outcome satisfies never;
  }
}

/** By our own end, before the mail was out: that is no attempt. */
function isBrokenOff({ outcome }: RecipientOutcome): boolean {
  return outcome.state === 'deferred' && outcome.reason === 'aborted';
}
