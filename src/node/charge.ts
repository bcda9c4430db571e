// What the dispatcher has in its charge: the recipients of a mail that have one destination, as a unit of work.

import type { ForwardPath } from '../syntax/path.ts';
import { REASONS } from '../protocol/client/reason.ts';
import { AWAITED } from '../protocol/client/table.ts';
import type { QueuedMail, RecipientState } from '../relay/queue/port.ts';
import { lifeOf, type RetrySchedule } from '../relay/schedule.ts';
import type { Unit } from '../relay/scheduler.ts';
import { inOneLine } from './conclusion.ts';
import type { Log } from './log.ts';

export interface Charge extends Unit {
  destination: string;
  readonly id: string; // of the mail
  readonly recipients: readonly number[];
  /** Nobody of them has been tried. */
  readonly fresh: boolean;
  readonly arrival: number;
  expires: number; // later by what the clock has leapt ahead since the mail came
  at: number; // when they are due; Infinity: they are done with, and only that is still to be recorded
}

export interface ChargeOptions {
  /** Returns what paths of one destination have in common. */
  readonly destination: (path: ForwardPath) => string;
  readonly schedule: RetrySchedule;
  readonly log: Log;
}

/**
 * Milliseconds before recipients are tried again whom an earlier process was just sending to. Their connections died with it,
 * so that their servers know by now whether they have the mail, and no longer wait tells us more; but a mail that is what
 * ends the process must not be sent again as fast as it can be started.
 */
const UNSETTLED_DELAY = 10_000;

/** Returns a charge for each destination of the recipients that wait, due at `at`; later, where an earlier process was just sending to them, or broke off the wait for an answer. */
export function chargesOf(mail: QueuedMail, at: number, { destination: keyOf, schedule, log }: ChargeOptions, now: number): readonly Charge[] {
  const { id, reversePath, forwardPaths, recipients, arrival, nextAttempt } = mail;
  const sender = reversePath.key;
  const expires = arrival + lifeOf(sender === '', schedule);
  let charges: { -readonly [Name in keyof Charge]: Name extends 'recipients' ? number[] : Charge[Name] }[] = [];
  const byDestination = forwardPaths.length === 1 ? undefined : new Map<string, (typeof charges)[number]>();
  for (let recipient = 0; recipient < forwardPaths.length; recipient++) {
    const [path, known] = [forwardPaths[recipient], recipients[recipient]];
    if (path === undefined || known?.state !== 'waiting') continue;
    const destination = keyOf(path);
    let charge = byDestination?.get(destination);
    if (charge === undefined) {
      charge = { id, destination, sender, arrival, expires, recipients: [recipient], fresh: true, at };
      if (charges.length === 0) charges = [charge]; // what is pushed into an empty array has room for sixteen more
      else charges.push(charge);
      byDestination?.set(destination, charge);
    } else charge.recipients.push(recipient);
    if (known.reply !== undefined) charge.fresh = false;
    if (isUnanswered(known)) charge.at = Math.max(charge.at, Math.min(nextAttempt, now + (schedule.intervals[1] ?? 0))); // the clock may have been set back
    if (known.unsettled === undefined) continue;
    charge.at = now + UNSETTLED_DELAY;
    log('unknown', { id, to: path.text, host: known.unsettled.host === '' ? undefined : known.unsettled.host, reply: inOneLine(REASONS['aborted'].reply), inReplyTo: AWAITED['end of mail data'].phrase });
  }
  return charges;
}

/** Whether our own end broke off the wait for the answer to a mail that was out: nothing else that it breaks off is recorded, for that is no attempt. */
function isUnanswered({ reply, host }: RecipientState): boolean {
  return reply !== undefined && host === undefined && inOneLine(reply) === inOneLine(REASONS['aborted'].reply);
}
