// Takes mail from the queue when it is due, has it relayed, and has it recorded what became of each recipient (RFC 5321
// §4.5.4.1): the promises and timers around relay/scheduler.ts, which decides what is attempted when.
//
// Rule 1: a mail is attempted only after the queue has made it durable; each of its destinations by one attempt at a time.
// Rule 2: what an attempt at one destination has come to is recorded when that ends, whatever the others do.
// Rule 3: `unknown` is tried again like `deferred`, on the schedule, never at once (RFC 1047); after a crash too, where the
//         queue knows that an attempt was under way.
// Rule 4: outcomes that could not be reported or recorded are kept, and that is tried again; the recipients are not.
// Rule 5: an attempt that our own end breaks off before the mail is out is none: nobody is given up by it.

import { setMaxListeners } from 'node:events';
import { clearTimeout, setTimeout, type Timeout } from 'node:timers';
import type { ForwardPath } from '../syntax/path.ts';
import type { Reply } from '../syntax/reply.ts';
import type { Outcome } from '../protocol/client/action.ts';
import { REASONS } from '../protocol/client/reason.ts';
import { AWAITED } from '../protocol/client/table.ts';
import { effectOf, type Effect } from '../relay/destination.ts';
import type { QueuedMail } from '../relay/queue/port.ts';
import type { RetrySchedule } from '../relay/schedule.ts';
import { Scheduler, type SchedulerOptions, type Unit } from '../relay/scheduler.ts';
import { conclude, dueAgain, type Conclusion } from './conclusion.ts';
import type { RecipientOutcome } from './deliver.ts';
import { Recorder, type RecorderOptions } from './recorder.ts';

/** How attempts are broken off when the dispatcher closes. */
export interface Signals {
  /** At once: those that have not come as far as MAIL. */
  readonly closing: AbortSignal;
  /** In the end: all. */
  readonly signal: AbortSignal;
}

export interface DispatchOptions extends RecorderOptions, SchedulerOptions {
  /** Returns what paths of one destination have in common. */
  readonly destination: (path: ForwardPath) => string;
  /** Relays to recipients of one destination, given by their index; an outcome for each. */
  readonly relay: (mail: QueuedMail, recipients: readonly number[], signals: Signals) => Promise<readonly RecipientOutcome[]>;
  readonly schedule: RetrySchedule;
}

/** The recipients of a mail that have one destination. */
interface Charge extends Unit {
  readonly id: string; // of the mail
  readonly recipients: readonly number[];
  at: number; // when they are due; Infinity: they are done with, and only that is still to be recorded
}

/** Milliseconds after which something is taken up again that failed on our own side. */
const LOCAL_RETRY = 60_000;
const LONGEST_TIMER = 2 ** 31 - 1;

export class Dispatcher {
  readonly #options: DispatchOptions;
  readonly #scheduler: Scheduler<Charge>;
  readonly #recorder: Recorder;
  readonly #charges = new Map<string, readonly Charge[]>(); // by mail
  readonly #unrecorded = new Set<Charge>();
  readonly #inHand = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #aborter = new AbortController();
  #timer: Timeout | undefined;
  #turning = false;

  constructor(options: DispatchOptions) {
    this.#options = options;
    this.#scheduler = new Scheduler(options);
    this.#recorder = new Recorder(options, (notification) => this.add(notification));
    setMaxListeners(0, this.#closing.signal, this.#aborter.signal);
  }

  /** Takes charge of what the queue holds, and tries all of it at once. Choice: a restart is often how an operator ends a trouble. */
  start(): void {
    const now = Date.now();
    for (const mail of this.#options.queue.mails()) this.#take(mail, now);
    this.#turn();
  }

  /** Takes charge of a mail that was just queued, unless it has it in its charge already. */
  add(mail: QueuedMail): void {
    this.#take(mail, mail.nextAttempt);
    this.#turn();
  }

  /**
   * Begins nothing more, and breaks off what has not come as far as MAIL; waits for the other attempts in hand, at most
   * `grace` milliseconds, then breaks them off; in the end also what only waits for the reply to QUIT.
   */
  async close(grace: number): Promise<void> {
    clearTimeout(this.#timer);
    this.#closing.abort(new Error('shutting down'));
    const abort = (): void => this.#aborter.abort(new Error('shutting down'));
    const timer = setTimeout(abort, grace);
    await Promise.all(this.#inHand);
    clearTimeout(timer);
    abort();
  }

  #take(mail: QueuedMail, at: number): void {
    const { id, reversePath, forwardPaths, recipients, arrival } = mail;
    if (this.#charges.has(id)) return;
    const { destination: keyOf, schedule } = this.#options;
    const groups = new Map<string, number[]>();
    for (const [recipient, path] of forwardPaths.entries()) {
      if (recipients[recipient]?.state !== 'waiting') continue;
      const key = keyOf(path);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [recipient]);
      else group.push(recipient);
    }
    const expires = arrival + (reversePath.type === 'null' ? schedule.expireBounce : schedule.expire);
    const charges = [...groups].map(([destination, group]): Charge => ({ id, destination, sender: reversePath.key, expires, recipients: group, at: this.#dueAfterCrash(mail, group) ?? at }));
    if (charges.length > 0) this.#charges.set(id, charges);
    for (const charge of charges) this.#scheduler.add(charge, charge.at, charge.recipients.every((recipient) => recipients[recipient]?.reply === undefined));
  }

  /** When recipients are due again to whom an earlier process was just sending; undefined: it was not. */
  #dueAfterCrash(mail: QueuedMail, group: readonly number[]): number | undefined {
    const { log, schedule } = this.#options;
    const { forwardPaths } = mail;
    const unsettled = group.filter((recipient) => mail.recipients[recipient]?.unsettled !== undefined);
    for (const recipient of unsettled) {
      const host = mail.recipients[recipient]?.unsettled?.host;
      log('unknown', { id: mail.id, to: forwardPaths[recipient]?.text, host: host === '' ? undefined : host, reply: inOneLine(REASONS['aborted'].reply), inReplyTo: AWAITED['end of mail data'].phrase });
    }
    return unsettled.length === 0 ? undefined : dueAgain(mail, schedule, Date.now());
  }

  #turn(): void {
    if (this.#turning || this.#closing.signal.aborted) return; // turning: an attempt that ended at once; the loop below goes on
    this.#turning = true;
    clearTimeout(this.#timer);
    const now = Date.now();
    for (let charge: Charge | undefined; (charge = this.#scheduler.next(now)) !== undefined; ) {
      const attempt = this.#attempt(charge).finally(() => this.#inHand.delete(attempt));
      this.#inHand.add(attempt);
    }
    const { wakeAt } = this.#scheduler;
    if (wakeAt < Infinity) this.#timer = setTimeout(() => this.#turn(), Math.min(Math.max(0, wakeAt - now), LONGEST_TIMER));
    this.#turning = false;
  }

  /** One attempt for those recipients of the charge that wait. */
  async #attempt(charge: Charge): Promise<void> {
    const { relay, log } = this.#options;
    const { mail, waiting, later } = this.#look(charge);
    if (mail === undefined || later) {
      if (mail === undefined) this.#forget(charge);
      this.#release(charge, 'none', mail === undefined ? undefined : Date.now() + LOCAL_RETRY);
      return;
    }
    let results: readonly RecipientOutcome[];
    try {
      results = await relay(mail, waiting, { closing: this.#closing.signal, signal: this.#aborter.signal });
    } catch (error) {
      log('error', { id: charge.id, text: textOf(error) });
      this.#release(charge, 'none', Date.now() + LOCAL_RETRY);
      return;
    }
    const conclusion = this.#conclude(mail, waiting, results);
    this.#unrecorded.add(charge);
    const givenUp = this.#release(charge, effectOf(results.map(({ outcome }) => outcome)), conclusion.again);
    const unreachable = results.find(({ outcome }) => effectOf([outcome]) === 'unreachable');
    await Promise.all([this.#record(charge, conclusion), ...(unreachable === undefined ? [] : givenUp.map((other) => this.#giveUp(other, unreachable)))]);
  }

  /** Gives up those whose time is over without one more attempt: that of another has shown how it would end. */
  async #giveUp(charge: Charge, { outcome, target }: RecipientOutcome): Promise<void> {
    const { mail, waiting, later } = this.#look(charge);
    if (mail === undefined) return this.#forget(charge);
    if (later) return this.#scheduler.add(charge, Date.now() + LOCAL_RETRY, false);
    const same: Outcome = outcome.state === 'delivered' ? outcome : { ...outcome, state: 'deferred' };
    const { forwardPaths } = mail;
    const paths = waiting.map((recipient) => forwardPaths[recipient]).filter((path) => path !== undefined);
    charge.at = Infinity;
    await this.#record(charge, this.#conclude(mail, waiting, paths.map((forwardPath) => ({ forwardPath, outcome: same, ...(target === undefined ? {} : { target }) }))));
  }

  /** The mail of a charge and who of it waits, no mail where nobody does; `later`: it is not to be tried now. */
  #look(charge: Charge): { readonly mail: QueuedMail | undefined; readonly waiting: readonly number[]; readonly later: boolean } {
    const mail = this.#options.queue.mail(charge.id);
    const waiting = charge.recipients.filter((recipient) => mail?.recipients[recipient]?.state === 'waiting');
    return { mail: waiting.length === 0 ? undefined : mail, waiting, later: mail?.held === true || this.#unrecorded.has(charge) };
  }

  #conclude(mail: QueuedMail, recipients: readonly number[], results: readonly RecipientOutcome[]): Conclusion {
    const conclusion = conclude(mail, recipients, results, this.#options.schedule, Date.now());
    for (const [index, { forwardPath, outcome, target }] of results.entries()) {
      this.#options.log(outcome.state, {
        id: mail.id,
        to: forwardPath.text,
        host: target?.host,
        address: target === undefined ? undefined : `${target.address}:${target.port}`,
        reply: inOneLine(outcome.reply),
        inReplyTo: 'inReplyTo' in outcome ? outcome.inReplyTo : undefined,
        gaveUp: outcome.state !== 'failed' && conclusion.states.get(recipients[index] ?? -1)?.state === 'failed' ? true : undefined,
      });
    }
    return conclusion;
  }

  /** Gives back the place of an attempt that has ended; returns those that are given up with it. */
  #release(charge: Charge, effect: Effect, again: number | undefined): readonly Charge[] {
    charge.at = again ?? Infinity;
    const givenUp = this.#scheduler.end(charge, effect, Date.now(), again);
    this.#turn();
    return givenUp;
  }

  /** Has the conclusion recorded; where that fails, again every minute, and once more in the end. */
  async #record(charge: Charge, conclusion: Conclusion): Promise<void> {
    const { id } = charge;
    this.#unrecorded.add(charge);
    for (let recorded = false; !recorded; ) {
      const last = this.#closing.signal.aborted;
      try {
        await this.#recorder.record(id, conclusion, () => this.#dueOf(id));
        recorded = true;
      } catch (error) {
        this.#options.log('error', { id, text: textOf(error) });
        if (last) return; // the recipients are tried again after the next start
        await this.#pause();
      }
    }
    this.#unrecorded.delete(charge);
    if (conclusion.again === undefined) this.#forget(charge);
  }

  /** When the first of those who wait for a mail is due. */
  #dueOf(id: string): number {
    const due = Math.min(...(this.#charges.get(id) ?? []).map(({ at }) => at));
    return due < Infinity ? due : Date.now();
  }

  #forget(charge: Charge): void {
    const others = (this.#charges.get(charge.id) ?? []).filter((other) => other !== charge);
    if (others.length === 0) this.#charges.delete(charge.id);
    else this.#charges.set(charge.id, others);
  }

  #pause(): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, LOCAL_RETRY);
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
    });
  }
}

function inOneLine({ code, enhanced, lines }: Reply): string {
  return [code, enhanced, lines.join(' ')].filter((part) => part !== undefined).join(' ');
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
