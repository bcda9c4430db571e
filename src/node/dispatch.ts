// Takes mail from the queue when it is due, has it relayed, and has it recorded what became of each recipient (RFC 5321
// §4.5.4.1): the promises and timers around relay/scheduler.ts, which decides what is attempted when.
//
// Rule 1: a mail is attempted only after the queue has made it durable; each of its destinations by one attempt at a time.
// Rule 2: what an attempt at one destination has come to is recorded when that ends, whatever the others do.
// Rule 3: `unknown` is tried again like `deferred`, on the schedule, never at once (RFC 1047); after a crash too, where the
//         queue knows that an attempt was under way, and after an end of ours that did not wait for the answer.
// Rule 4: outcomes that could not be reported or recorded are kept, and that is tried again; the recipients are not.
// Rule 5: what the operator orders (`retry`, `giveUp`) is done at once. Only an attempt under way goes to its end first, and those of
//         whom an outcome is being recorded have their turn when it has been.
// Rule 6: where the clock of the machine is set back, as it is when it was wrong at the start, what waits comes so much earlier.
//         Where it leaps ahead, or the machine has slept, mail is no older for it: nobody has tried it in that time.
// Rule 7: an attempt that our own end, or the operator (held, returned), breaks off before the mail is out does not count: nobody is given up by it.
// Rule 8: hosts that serve several domains are judged by what they say and do themselves. That the DNS of one domain fails, or leads
//         elsewhere by now, says nothing of them: who runs it could have the mail of the others wait.

import { setMaxListeners } from 'node:events';
import { clearTimeout, setTimeout } from 'node:timers';
import type { Outcome } from '../protocol/client/action.ts';
import { effectOf, type Effect } from '../relay/destination.ts';
import type { QueuedMail } from '../relay/queue/port.ts';
import { concerns } from '../relay/route.ts';
import { lifeOf } from '../relay/schedule.ts';
import { Scheduler, type SchedulerOptions } from '../relay/scheduler.ts';
import { Aborter, type Signal } from './aborter.ts';
import { chargesOf, type Charge, type ChargeOptions } from './charge.ts';
import { Clock } from './clock.ts';
import { conclude, logOutcomes, RETURNED, type Conclusion } from './conclusion.ts';
import { DelayWatch } from './delay-watch.ts';
import type { RecipientOutcome } from './deliver.ts';
import { errorText } from './error-text.ts';
import { LOCAL_RETRY, retryLocally } from './local-retry.ts';
import { LONGEST_TIMER, pause, type Timer } from './pause.ts';
import { mailOf, mailsOf } from './queue-answer.ts';
import { Recorder, type RecorderOptions } from './recorder.ts';

/** How attempts are broken off when the dispatcher closes. */
export interface Signals {
  /** At once: those that have not come as far as MAIL. */
  readonly closing: Signal;
  /** In the end: all. */
  readonly signal: Signal;
}

export interface DispatchOptions extends ChargeOptions, RecorderOptions, SchedulerOptions {
  /** Relays to recipients of one destination, given by their index; an outcome for each. `routed` is told which destination a route leads to, when it is found. */
  readonly relay: (mail: QueuedMail, recipients: readonly number[], signals: Signals, routed: (destination: string) => void) => Promise<readonly RecipientOutcome[]>;
  /** Milliseconds that pass whatever is done to the clock. Default: those of the machine. */
  readonly ticks?: () => number;
}

export class Dispatcher {
  readonly #options: DispatchOptions;
  readonly #scheduler: Scheduler<Charge>;
  readonly #recorder: Recorder;
  readonly #delays: DelayWatch;
  readonly #expected = new Set<string>(); // mails that may be in the queue, whose clients have no answer yet
  readonly #charges = new Map<string, readonly Charge[]>(); // by mail
  readonly #trying = new Set<Charge>();
  readonly #unrecorded = new Set<Charge>();
  readonly #wanted = new Set<string>(); // mails to be tried when what is being recorded of them has been
  readonly #inHand = new Set<Promise<void>>();
  readonly #closing = new Aborter();
  readonly #aborter = new Aborter();
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #timerAt = Infinity; // when it goes off
  #turning = false;

  constructor(options: DispatchOptions) {
    this.#options = options;
    this.#scheduler = new Scheduler(options);
    this.#clock = new Clock(options.ticks);
    this.#recorder = new Recorder(options, (notification) => this.add(notification));
    this.#delays = new DelayWatch({ delay: options.schedule.delayWarning, mails: () => this.#arrivals(), warn: (id) => this.#warn(id) });
    setMaxListeners(0, this.#closing.signal, this.#aborter.signal);
  }

  /** Takes charge of what the queue holds, and tries all of it at once that cannot have been taken. Choice: a restart is often how an operator ends a trouble. */
  start(): void {
    this.#takeAll();
    this.#delays.start();
  }

  /** Takes charge of what the queue tells of, and asks it again in a while where it does not tell of all. */
  #takeAll(): void {
    const now = Date.now();
    let isAll = true;
    const wrong = (error: unknown): void => {
      isAll = false;
      this.#options.log('error', { text: errorText(error) });
    };
    for (const mail of mailsOf(this.#options.queue, wrong)) {
      if (this.#charges.has(mail.id) || this.#expected.has(mail.id)) continue;
      try {
        this.#take(mail, now);
        if (mail.returned === true) this.giveUp(mail.id); // before it was done, the program ended
      } catch (error) {
        wrong(error);
      }
    }
    this.#turn();
    if (!isAll) this.#keep(this.#takeAllLater());
  }

  async #takeAllLater(): Promise<void> {
    await pause(LOCAL_RETRY, this.#closing.signal);
    if (!this.#closing.signal.aborted) this.#takeAll();
  }

  /** Leaves a mail alone, whoever orders what, that is being put into the queue: its client may yet hear that it has to send it again. */
  expect(id: string): void {
    this.#expected.add(id);
  }

  /** A mail that was expected is not taken. */
  dismiss(id: string): void {
    this.#expected.delete(id);
  }

  /** Takes charge of a mail that was just queued, unless it has it in its charge already. */
  add(mail: QueuedMail): void {
    const { id, arrival, nextAttempt } = mail;
    this.#expected.delete(id);
    this.#take(mail, nextAttempt > arrival ? nextAttempt : Math.min(arrival, Date.now())); // due when it came, also where the clock was set back since
    this.#turn();
  }

  /** Tries a mail now, even if its destinations are dead; false: all who wait for it are being tried, and that is not done twice. */
  retry(id: string): boolean {
    const mail = mailOf(this.#options.queue, id);
    if (mail !== undefined) this.#options.log('retry', { id });
    return mail === undefined || this.#expected.has(id) || this.#retry(mail);
  }

  #retry(mail: QueuedMail): boolean {
    const { id } = mail;
    const { busy, idle } = this.#part(id);
    if (busy.some((charge) => this.#unrecorded.has(charge))) this.#wanted.add(id);
    const taken = new Set(busy.flatMap(({ recipients }) => recipients));
    const anew = this.#chargesOf(mail, Date.now(), { ...this.#options, log: () => undefined })
      .map((charge) => ({ ...charge, recipients: charge.recipients.filter((recipient) => !taken.has(recipient)) }))
      .filter(({ recipients }) => recipients.length > 0);
    this.#charges.set(id, [...busy, ...anew]);
    for (const charge of anew) {
      charge.at = Date.now();
      this.#scheduler.add(charge, charge.at, charge.fresh);
      this.#scheduler.revive(charge.destination, charge.at);
    }
    this.#withdraw(idle); // not before: what is known of a destination goes with the last of its mail
    this.#delays.again(id); // it may have been held
    this.#turn();
    return anew.length > 0 || this.#wanted.has(id);
  }

  /** Tells whether an attempt at one of its destinations is under way. */
  isTrying(id: string): boolean {
    return this.#charges.get(id)?.some((charge) => this.#trying.has(charge)) === true;
  }

  /** When the first of those who wait for a mail is tried next; undefined: nobody waits. A dead destination is not tried before its own time. */
  nextAttempt(id: string): number | undefined {
    let next = Infinity;
    for (const { at, destination } of this.#charges.get(id) ?? []) next = Math.min(next, Math.max(at, this.#scheduler.deadUntil(destination) ?? 0));
    return next < Infinity ? next : undefined;
  }

  /** Recipients of a mail, by index, who wait for a destination that is dead. */
  behindDead(id: string): ReadonlySet<number> {
    const dead = (this.#charges.get(id) ?? []).filter(({ destination }) => this.#scheduler.deadUntil(destination) !== undefined);
    return new Set(dead.flatMap(({ recipients }) => recipients));
  }

  /** Returns a mail to its sender, as the queue has been told already; for recipients who are being tried, when the attempt has ended. */
  giveUp(id: string): void {
    if (!this.#charges.has(id)) return; // yet: it shows when its turn comes
    const { busy, idle } = this.#part(id);
    this.#withdraw(idle);
    const held = idle.map((charge) => ({ ...charge, at: Infinity }));
    this.#charges.set(id, [...busy, ...held]);
    for (const charge of held) this.#keep(this.#giveUp(charge, { outcome: RETURNED }));
    this.#turn(); // who was waited for may be among them
  }

  /**
   * Begins nothing more, and breaks off what has not come as far as MAIL; waits for the other attempts in hand, at most
   * `grace` milliseconds, then breaks them off; in the end also what only waits for the reply to QUIT.
   */
  async close(grace: number): Promise<void> {
    clearTimeout(this.#timer);
    this.#delays.close();
    this.#closing.abort(new Error('shutting down'));
    const abort = (): void => this.#aborter.abort(new Error('shutting down'));
    const timer = setTimeout(abort, Math.min(grace, LONGEST_TIMER));
    while (this.#inHand.size > 0) await Promise.all(this.#inHand);
    clearTimeout(timer);
    abort();
  }

  /** The scheduler has these charges no more: others come into their place. */
  #withdraw(charges: readonly Charge[]): void {
    for (const charge of charges) if (charge.at < Infinity) this.#scheduler.withdraw(charge, Date.now());
  }

  #take(mail: QueuedMail, at: number): void {
    if (this.#charges.has(mail.id)) return;
    this.#lookAtClock();
    if (this.#charges.size === 0) this.#clock.forget();
    const charges = this.#chargesOf(mail, at, this.#options);
    if (charges.length > 0) this.#charges.set(mail.id, charges);
    for (const charge of charges) this.#scheduler.add(charge, charge.at, charge.fresh);
  }

  #chargesOf(mail: QueuedMail, at: number, options: ChargeOptions): readonly Charge[] {
    const charges = chargesOf(mail, at, options, Date.now());
    for (const charge of charges) charge.expires += this.#clock.leaptSince(mail.arrival);
    return charges;
  }

  #turn(): void {
    if (this.#turning || this.#closing.signal.aborted) return; // turning: an attempt that ended at once; the loop below goes on
    this.#turning = true;
    const now = this.#lookAtClock();
    for (let charge; (charge = this.#scheduler.next(now)) !== undefined; ) this.#keep(this.#attempt(charge));
    if (this.#scheduler.wakeAt !== this.#timerAt) this.#setTimer(this.#scheduler.wakeAt, now); // most turns change nothing about that
    this.#turning = false;
  }

  /** Returns the time. Where it has been set back the scheduler is told, and the timer set again; where it has leapt ahead, mail is given up so much later. */
  #lookAtClock(): number {
    const { time, back, leapt } = this.#clock.look();
    if (leapt) for (const charges of this.#charges.values()) for (const charge of charges) charge.expires = charge.arrival + lifeOf(charge.sender === '', this.#options.schedule) + this.#clock.leaptSince(charge.arrival);
    if (back === 0) return time;
    this.#scheduler.advance(back);
    for (const charges of this.#charges.values()) for (const charge of charges) charge.at -= back;
    this.#timerAt = NaN; // no time is the same
    return time;
  }

  #setTimer(at: number, now: number): void {
    clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === Infinity) return;
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.#turn();
    }, Math.min(Math.max(0, at - now), LONGEST_TIMER));
  }

  /** Has `close` wait for the work. */
  #keep(work: Promise<void>): void {
    const kept = work.finally(() => this.#inHand.delete(kept));
    this.#inHand.add(kept);
  }

  /** One attempt for those recipients of the charge that wait. */
  async #attempt(charge: Charge): Promise<void> {
    const { relay, log } = this.#options;
    const { mail, waiting, later } = this.#look(charge);
    if (mail === undefined || later) {
      if (!later) this.#forget(charge);
      return void this.#release(charge, 'none', later ? Date.now() + LOCAL_RETRY : undefined);
    }
    if (mail.returned === true) { // since before it came into our charge
      this.#release(charge, 'none', undefined);
      return this.#giveUp(charge, { outcome: RETURNED });
    }
    let results: readonly RecipientOutcome[];
    this.#trying.add(charge);
    try {
      results = await relay(mail, waiting, { closing: this.#closing.signal, signal: this.#aborter.signal }, (destination) => this.#routed(charge, destination));
    } catch (error) {
      log('error', { id: charge.id, text: errorText(error) });
      return void this.#release(charge, 'none', Date.now() + LOCAL_RETRY);
    } finally {
      this.#trying.delete(charge);
    }
    const now = this.#look(charge);
    const those = now.mail === undefined && !now.later ? waiting.map(() => -1) : waiting; // of a mail that was removed nobody waits
    const conclusion = this.#conclude(now.mail ?? mail, those, results, mail);
    this.#unrecorded.add(charge);
    const met = results.filter(({ target }) => concerns(charge.destination, target?.host));
    const givenUp = this.#release(charge, effectOf(met.map(({ outcome }) => outcome)), conclusion.again);
    const unreachable = met.find(({ outcome }) => effectOf([outcome]) === 'unreachable');
    for (const other of givenUp) other.at = Infinity; // the scheduler has them no more
    await this.#record(charge, conclusion);
    for (const other of givenUp) // one by one: they may be thousands, and each has a notification to be written
      if (unreachable !== undefined && !this.#closing.signal.aborted) await this.#giveUp(other, unreachable);
  }

  /** The attempt turns out to go to other hosts than those whose turn it has: it does not count as theirs, nor will the next one. */
  #routed(charge: Charge, destination: string): void {
    if (destination === charge.destination || concerns(charge.destination, undefined) || !this.#trying.has(charge)) return; // a domain goes where it goes
    this.#scheduler.leave(charge, Date.now());
    charge.destination = destination;
    this.#turn();
  }

  /** Gives up those whose time is over without one more attempt: that of another has shown how it would end. */
  async #giveUp(charge: Charge, { outcome, target }: Pick<RecipientOutcome, 'outcome' | 'target'>): Promise<void> {
    if (!this.#isOurs(charge)) return;
    const { mail, waiting, later } = this.#look(charge);
    if (later) return this.#putOff(charge, Date.now() + LOCAL_RETRY);
    if (mail === undefined) return this.#forget(charge);
    const same: Outcome = outcome.state === 'unknown' ? { ...outcome, state: 'deferred' } : outcome;
    const paths = waiting.map((recipient) => mail.forwardPaths[recipient]).filter((path) => path !== undefined);
    const conclusion = this.#conclude(mail, waiting, paths.map((forwardPath) => ({ forwardPath, outcome: same, ...(target === undefined ? {} : { target }) })));
    const recorded = this.#record(charge, conclusion);
    if (conclusion.again !== undefined) this.#putOff(charge, conclusion.again); // it is not that old: the clock was set back meanwhile
    await recorded;
  }

  /** Gives a charge that was to be given up back to the scheduler. */
  #putOff(charge: Charge, at: number): void {
    charge.at = at;
    this.#scheduler.add(charge, at, false);
    this.#turn();
  }

  /** Whether the charge is still one; an order of the operator may have put another into its place before it was its turn to be given up. */
  #isOurs(charge: Charge): boolean {
    return this.#charges.get(charge.id)?.includes(charge) === true;
  }

  /** The mail of a charge and who of it waits, no mail where nobody does; `later`: it is not to be tried now, or the queue does not say. */
  #look(charge: Charge): { readonly mail: QueuedMail | undefined; readonly waiting: readonly number[]; readonly later: boolean } {
    const { id, recipients } = charge;
    try {
      const mail = mailOf(this.#options.queue, id);
      const waiting = recipients.filter((recipient) => mail?.recipients[recipient]?.state === 'waiting');
      return waiting.length === 0 ? { mail: undefined, waiting, later: false } : { mail, waiting, later: mail?.held === true || this.#unrecorded.has(charge) };
    } catch (error) {
      this.#options.log('error', { id, text: errorText(error) });
      return { mail: undefined, waiting: [], later: true };
    }
  }

  #conclude(mail: QueuedMail, recipients: readonly number[], results: readonly RecipientOutcome[], begun = mail): Conclusion {
    this.#lookAtClock();
    const leapt = this.#clock.leaptSince(mail.arrival);
    const concluded = conclude(mail, recipients, results, this.#options.schedule, Date.now() - leapt, begun);
    const conclusion = concluded.again === undefined || leapt === 0 ? concluded : { ...concluded, again: concluded.again + leapt };
    logOutcomes(this.#options.log, mail, recipients, results, conclusion);
    return conclusion;
  }

  /** Gives back the place of an attempt that has ended; returns those that are given up with it. */
  #release(charge: Charge, effect: Effect, again: number | undefined): readonly Charge[] {
    this.#lookAtClock();
    charge.at = again ?? Infinity;
    const givenUp = this.#scheduler.end(charge, effect, Date.now(), again);
    this.#turn();
    return givenUp;
  }

  /** Has the conclusion recorded; where that fails, again every minute, and once more in the end. */
  async #record(charge: Charge, conclusion: Conclusion): Promise<void> {
    this.#unrecorded.add(charge);
    if (!(await this.#isRecorded(charge, conclusion))) this.#keep(retryLocally(() => this.#isRecorded(charge, conclusion), this.#closing.signal)); // nobody need wait for that but our own end; in vain: the recipients are tried again after the next start
  }

  async #isRecorded(charge: Charge, conclusion: Conclusion): Promise<boolean> {
    const { id } = charge;
    let mail: QueuedMail | undefined;
    try {
      await this.#recorder.record(id, conclusion, () => this.#dueOf(id));
      mail = mailOf(this.#options.queue, id);
    } catch (error) {
      this.#options.log('error', { id, text: errorText(error) });
      return false;
    }
    this.#unrecorded.delete(charge);
    if (conclusion.again === undefined) this.#forget(charge);
    this.#obey(id, mail);
    return true;
  }

  /** Does what the operator wanted of a mail while something was being recorded of it. */
  #obey(id: string, mail: QueuedMail | undefined): void {
    const wanted = this.#wanted.delete(id);
    if (mail?.returned === true) this.giveUp(id);
    else if (mail !== undefined && wanted) this.#retry(mail);
  }

  /** The charges of a mail that somebody works on, and the others. */
  #part(id: string): { readonly busy: readonly Charge[]; readonly idle: readonly Charge[] } {
    const charges = this.#charges.get(id) ?? [];
    const isBusy = (charge: Charge): boolean => this.#trying.has(charge) || this.#unrecorded.has(charge);
    return { busy: charges.filter(isBusy), idle: charges.filter((charge) => !isBusy(charge)) };
  }

  *#arrivals(): Generator<readonly [id: string, arrival: number], void> {
    this.#lookAtClock();
    for (const [id, [charge]] of this.#charges) if (charge !== undefined && charge.sender !== '') yield [id, charge.expires - this.#options.schedule.expire];
  }

  async #warn(id: string): Promise<void> {
    try {
      await this.#recorder.warn(id, () => this.#dueOf(id));
    } catch (error) {
      this.#options.log('error', { id, text: errorText(error) });
      throw error;
    }
  }

  /** When the first of those who wait for a mail is due. */
  #dueOf(id: string): number {
    let due = Infinity; // not Math.min of all: a call has up to a hundred thousand arguments or so
    for (const { at } of this.#charges.get(id) ?? []) due = Math.min(due, at);
    return due < Infinity ? due : Date.now();
  }

  #forget(charge: Charge): void {
    const others = (this.#charges.get(charge.id) ?? []).filter((other) => other !== charge);
    if (others.length > 0) return void this.#charges.set(charge.id, others);
    this.#charges.delete(charge.id);
    this.#recorder.forget(charge.id);
  }
}
