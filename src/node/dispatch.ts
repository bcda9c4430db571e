// Takes mail from the queue when it is due, has it relayed, and records what became of each recipient (RFC 5321 §4.5.4.1).
//
// Rule 1: a mail is attempted only after the queue has made it durable, and by one attempt at a time.
// Rule 2: a recipient that failed is reported to the sender before it is recorded as failed: a crash in between can report
//         it twice, under one id, never not at all (§6.1). Nothing is reported about mail with the null reverse-path (§4.5.5).
// Rule 3: `unknown` is tried again like `deferred`, on the schedule, never at once (RFC 1047).
// Rule 4: outcomes that could not be reported or recorded are kept, and that is tried again; the recipients are not.
//
// Left out: groups by destination; a mail waits for the slowest of its destinations.

import { clearTimeout, setTimeout, type Timeout } from 'node:timers';
import type { Queue, QueuedMail, RecipientState } from '../relay/queue/port.ts';
import { nextAttempt, type RetrySchedule } from '../relay/schedule.ts';
import { verdict } from '../relay/verdict.ts';
import type { RecipientOutcome } from './deliver.ts';
import type { Log } from './log.ts';

/** A recipient of whose failure the sender is to be told. */
export interface Failure {
  readonly recipient: number;
  readonly state: RecipientState;
}

/** A report on its way to the sender; `queued` where that way goes through the queue. */
export interface Notification {
  readonly id: string;
  readonly queued?: QueuedMail;
}

/** What an attempt has come to. */
interface Result {
  readonly recipients: readonly RecipientState[];
  readonly failures: readonly Failure[];
  readonly at: number; // when the mail is due again, if a recipient waits
}

export interface DispatchOptions {
  readonly queue: Queue;
  /** Relays to the recipients given by their index; an outcome for each. */
  readonly relay: (mail: QueuedMail, recipients: readonly number[], signal: AbortSignal) => Promise<readonly RecipientOutcome[]>;
  /** Makes a notification about the failures durable; undefined where there is nobody to tell. */
  readonly notify: (mail: QueuedMail, failures: readonly Failure[]) => Promise<Notification | undefined>;
  readonly schedule: RetrySchedule;
  readonly log: Log;
  /** Mails in hand at a time. Default: 50. */
  readonly concurrency?: number;
}

/** Milliseconds after which a mail is taken up again that failed on our own side. */
const LOCAL_RETRY = 60_000;
const LONGEST_TIMER = 2 ** 31 - 1;

export class Dispatcher {
  readonly #options: DispatchOptions;
  readonly #due: { readonly id: string; readonly at: number }[] = []; // latest first
  readonly #ids = new Set<string>(); // of mails in #due or in hand
  readonly #inHand = new Set<Promise<void>>();
  readonly #unrecorded = new Map<string, Result>();
  readonly #aborter = new AbortController();
  #timer: Timeout | undefined;
  #closed = false;

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /** Takes charge of what the queue holds, and tries all of it at once. Choice: a restart is often how an operator ends a trouble. */
  start(): void {
    const now = Date.now();
    for (const { id } of this.#options.queue.mails()) this.#take(id, now);
    this.#turn();
  }

  /** Takes charge of a mail that was just queued, unless it has it in its charge already. */
  add({ id, nextAttempt }: QueuedMail): void {
    this.#take(id, nextAttempt);
    this.#turn();
  }

  /**
   * Begins nothing more; waits for the attempts in hand, at most `grace` milliseconds, then breaks them off; in the end also
   * what only waits for the reply to QUIT.
   */
  async close(grace: number): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const abort = (): void => this.#aborter.abort(new Error('shutting down'));
    const timer = setTimeout(abort, grace);
    await Promise.all(this.#inHand);
    clearTimeout(timer);
    abort();
  }

  #take(id: string, at: number): void {
    if (this.#ids.has(id)) return;
    this.#ids.add(id);
    this.#plan(id, at);
  }

  /** Puts the mail behind those that are due earlier or at the same time; found by halving. */
  #plan(id: string, at: number): void {
    let low = 0;
    let high = this.#due.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#due[middle]?.at ?? 0) > at) low = middle + 1;
      else high = middle;
    }
    this.#due.splice(low, 0, { id, at });
  }

  #turn(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const now = Date.now();
    while (this.#inHand.size < (this.#options.concurrency ?? 50)) {
      const next = this.#due.at(-1);
      if (next === undefined) return;
      if (next.at > now) {
        this.#timer = setTimeout(() => this.#turn(), Math.min(next.at - now, LONGEST_TIMER));
        return;
      }
      this.#due.pop();
      const attempt = this.#attempt(next.id).finally(() => {
        this.#inHand.delete(attempt);
        this.#turn();
      });
      this.#inHand.add(attempt);
    }
  }

  async #attempt(id: string): Promise<void> {
    try {
      const mail = this.#options.queue.mail(id);
      const at = mail === undefined ? undefined : await this.#record(mail, this.#unrecorded.get(id) ?? (await this.#try(mail)));
      if (at === undefined) this.#ids.delete(id);
      else this.#plan(id, at);
    } catch (error) {
      this.#options.log('error', { id, text: error instanceof Error ? error.message : String(error) });
      this.#plan(id, Date.now() + LOCAL_RETRY);
    }
  }

  /** One attempt for every recipient that waits. */
  async #try(mail: QueuedMail): Promise<Result> {
    const { relay, schedule } = this.#options;
    const waiting = mail.recipients.flatMap(({ state }, recipient) => (state === 'waiting' ? [recipient] : []));
    const results = await relay(mail, waiting, this.#aborter.signal);

    const age = Math.max(0, Date.now() - mail.arrival);
    const next = nextAttempt({ id: mail.id, age, bounce: mail.reversePath.type === 'null' }, schedule);
    const recipients = [...mail.recipients];
    const failures: Failure[] = [];
    for (const [index, result] of results.entries()) {
      const recipient = waiting[index] ?? -1;
      const state = this.#stateAfter(result, next === undefined && !isBrokenOff(result));
      recipients[recipient] = state;
      if (state.state === 'failed') failures.push({ recipient, state });
      this.#logOutcome(mail, result, state);
    }
    return { recipients, failures, at: results.some(isBrokenOff) ? Date.now() : mail.arrival + (next ?? age) };
  }

  /** Reports and records what an attempt has come to. Returns when the mail is due again; undefined: it is done with. */
  async #record(mail: QueuedMail, result: Result): Promise<number | undefined> {
    const { id } = mail;
    const { recipients, failures, at } = result;
    this.#unrecorded.set(id, result);
    await this.#report(mail, failures);
    this.#unrecorded.set(id, { ...result, failures: [] }); // nobody is told twice
    await this.#options.queue.settle(id, recipients, at);
    this.#unrecorded.delete(id);
    if (recipients.some(({ state }) => state === 'waiting')) return at;
    this.#options.log('done', { id });
    return undefined;
  }

  #stateAfter({ outcome, target }: RecipientOutcome, expired: boolean): RecipientState {
    const said = { reply: outcome.reply, ...('reason' in outcome || target === undefined ? {} : { host: target.host }) };
    switch (outcome.state) {
      case 'delivered':
      case 'failed': return { state: outcome.state, ...said };
      case 'deferred':
      case 'unknown': return expired ? { state: 'failed', reply: verdict('expired', outcome.reply.lines.join(' ')).reply } : { state: 'waiting', ...said };
      default: return outcome satisfies never;
    }
  }

  async #report(mail: QueuedMail, failures: readonly Failure[]): Promise<void> {
    if (failures.length === 0) return;
    const notification = await this.#options.notify(mail, failures);
    const recipients = failures.map(({ recipient }) => mail.forwardPaths[recipient]?.text).join(',');
    this.#options.log(notification === undefined ? 'undeliverable' : 'bounced', { id: mail.id, to: recipients, notification: notification?.id });
    if (notification?.queued !== undefined) this.add(notification.queued);
  }

  #logOutcome(mail: QueuedMail, { forwardPath, outcome, target }: RecipientOutcome, state: RecipientState): void {
    const { code, enhanced, lines } = outcome.reply;
    this.#options.log(outcome.state, {
      id: mail.id,
      to: forwardPath.text,
      host: target?.host,
      address: target === undefined ? undefined : `${target.address}:${target.port}`,
      reply: [code, enhanced, lines.join(' ')].filter((part) => part !== undefined).join(' '),
      inReplyTo: 'inReplyTo' in outcome ? outcome.inReplyTo : undefined,
      gaveUp: outcome.state !== 'failed' && state.state === 'failed' ? true : undefined,
    });
  }
}

/** By our own end, before the mail was out: that is no attempt. */
function isBrokenOff({ outcome }: RecipientOutcome): boolean {
  return outcome.state === 'deferred' && outcome.reason === 'aborted';
}
