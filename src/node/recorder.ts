// Records in the queue what attempts have come to, and reports to the sender what he is to be told (RFC 5321 §6.1, RFC 3461).
//
// Rule 1: a recipient is reported before that is recorded, or in one with it where the queue can: a crash in between can report
//         it twice, under one id, never not at all.
// Rule 2: of one mail only one thing is recorded at a time, on top of what was recorded before: the queue takes the states of
//         all recipients at once, and attempts at several destinations end when they like.
// Rule 3: what could not be recorded may be brought again; nobody is told twice then. Where the queue has recorded it, and only its answer
//         was lost, the notification goes its way all the same.
// Rule 4: of the delay of a recipient the sender is told once. The queue knows it (`warned`), so that a restart changes nothing.

import { mayNotify, returnsContent } from '../relay/notification.ts';
import type { NewMail, Queue, QueuedMail, RecipientState } from '../relay/queue/port.ts';
import { askedFor, type Conclusion, type News } from './conclusion.ts';
import { errorText } from './error-text.ts';
import type { Log } from './log.ts';
import { mailOf, queuedBy } from './queue-answer.ts';
import { Turnstile } from './turnstile.ts';

/** A notification to the sender, as a mail: what the queue is to take, or, without `queue`, one that has been delivered. */
export interface NotificationMail {
  readonly id: string;
  readonly queue?: { readonly mail: NewMail; readonly content: () => AsyncIterable<Uint8Array> };
}

export interface RecorderOptions {
  readonly queue: Queue;
  /** Makes a notification of the news; undefined where there is nobody to tell. */
  readonly notify: (mail: QueuedMail, news: readonly News[]) => Promise<NotificationMail | undefined>;
  readonly log: Log;
}

/** The notification that was made, if there is one, and whether the states of the recipients were recorded with it. */
interface Told {
  readonly id: string | undefined;
  readonly settled: boolean;
  readonly queued: QueuedMail | undefined;
}

/** Reports that are made at a time of those that return the content, each of which is in memory until the queue has it. */
const MOST_RETURNING = 8;

const NOTHING_TOLD: Told = { id: undefined, settled: false, queued: undefined };

/** What came of telling the sender, kept until that is recorded. */
interface Telling {
  /** Of the notification, once there is one. */
  id?: string | undefined;
  /** Absent where it is not known whether he will hear of it. */
  told?: Told;
}

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #queued: (notification: QueuedMail) => void;
  readonly #last = new Map<string, Promise<void>>(); // by mail, what is recorded last
  readonly #tellings = new WeakMap<Conclusion, Telling>();
  readonly #warnings = new Map<string, Telling>(); // by mail
  readonly #returning = new Turnstile(MOST_RETURNING);

  /** `queued` is told of notifications that were put into the queue. */
  constructor(options: RecorderOptions, queued: (notification: QueuedMail) => void) {
    this.#options = options;
    this.#queued = queued;
  }

  /** Reports and records. `due` says, when it comes to it, when the mail is due again. Rejects where the queue fails: to be called again with the same conclusion. */
  record(id: string, conclusion: Conclusion, due: () => number): Promise<void> {
    return this.#inTurn(id, () => this.#write(id, conclusion, due));
  }

  /** Tells the sender of those who wait still, and of whose delay he does not know. */
  warn(id: string, due: () => number): Promise<void> {
    return this.#inTurn(id, () => this.#warn(id, due));
  }

  /** The mail is done with: what its sender was to be told of its delay goes its way where the queue has recorded it. */
  forget(id: string): void {
    const telling = this.#warnings.get(id);
    this.#warnings.delete(id);
    if (telling === undefined) return;
    try {
      this.#release(telling);
    } catch (error) {
      this.#options.log('error', { id, text: errorText(error) });
    }
  }

  #inTurn(id: string, write: () => Promise<void>): Promise<void> {
    const before = this.#last.get(id);
    const written = before === undefined ? write() : before.then(write, write);
    this.#last.set(id, written);
    return written.finally(() => {
      if (this.#last.get(id) === written) this.#last.delete(id);
    });
  }

  async #write(id: string, conclusion: Conclusion, due: () => number): Promise<void> {
    const { queue, log } = this.#options;
    const mail = mailOf(queue, id);
    const telling = this.#tellings.get(conclusion) ?? {};
    this.#tellings.set(conclusion, telling);
    if (mail === undefined) return this.#release(telling); // somebody removed it, or it was recorded before
    const recipients = mail.recipients.map((before, recipient) => {
      const after = conclusion.states.get(recipient) ?? before;
      return before.warned === true && after.warned !== true ? { ...after, warned: true } : after;
    });
    const { settled, queued } = telling.told ?? await this.#tell(telling, mail, conclusion, recipients, due);
    if (!settled) await queue.settle(id, recipients, due());
    if (recipients.every(({ state }) => state !== 'waiting')) log('done', { id });
    if (queued !== undefined) this.#queued(queued);
  }

  /** Lets the notification go its way of what was recorded, though the queue has not said so. */
  #release({ id, told }: Telling): void {
    const queued = told?.queued ?? (id === undefined ? undefined : mailOf(this.#options.queue, id));
    if (queued !== undefined) this.#queued(queued);
  }

  /** Tells the sender what there is to tell. */
  async #tell(telling: Telling, mail: QueuedMail, { news, failures }: Conclusion, recipients: readonly RecipientState[], due: () => number): Promise<Told> {
    const { log } = this.#options;
    const report = (): Promise<Told> => this.#report(telling, mail, news, recipients, due);
    const returning = failures.length > 0 && returnsContent(mail.parameters ?? {}, mail.size, mail.forwardPaths.length);
    const told = news.length === 0 ? (telling.told = NOTHING_TOLD) : await (returning ? this.#returning.pass(mail.reversePath.key, report) : report());
    if (failures.length > 0) log(told.id === undefined ? 'undeliverable' : 'bounced', this.#story(mail, failures, told.id));
    else if (told.id !== undefined) log('reported', this.#story(mail, news.map(({ recipient }) => recipient), told.id));
    return told;
  }

  async #warn(id: string, due: () => number): Promise<void> {
    const { queue, log } = this.#options;
    const mail = mailOf(queue, id);
    if (mail === undefined) return this.forget(id);
    if (mail.held === true || !mayNotify(mail.reversePath)) return;
    const late = askedFor(mail, mail.recipients.flatMap((state, recipient) => (state.state === 'waiting' && state.warned !== true ? [{ recipient, action: 'delayed', state }] : [])));
    if (late.length === 0) return this.forget(id);
    const telling = this.#warnings.get(id) ?? {};
    this.#warnings.set(id, telling);
    const who = new Set(late.map(({ recipient }) => recipient));
    const recipients = mail.recipients.map((state, recipient) => (who.has(recipient) ? { ...state, warned: true } : state));
    const { settled, queued } = telling.told ?? await this.#report(telling, mail, late, recipients, due);
    if (!settled) await queue.settle(id, recipients, due());
    log('warned', this.#story(mail, [...who], telling.id));
    if (queued !== undefined) this.#queued(queued);
    this.#warnings.delete(id);
  }

  /** Has a notification made and queued. */
  async #report(telling: Telling, mail: QueuedMail, news: readonly News[], recipients: readonly RecipientState[], due: () => number): Promise<Told> {
    const { queue, notify } = this.#options;
    const notification = await notify(mail, news);
    telling.id = notification?.id;
    if (notification?.queue === undefined) return (telling.told = { ...NOTHING_TOLD, id: telling.id });
    const { mail: envelope, content } = notification.queue;
    const queued = queue.bounce === undefined ? queuedBy('add', await queue.add(envelope, content())) : queuedBy('bounce', await queue.bounce(mail.id, recipients, due(), envelope, content()));
    return (telling.told = { id: telling.id, settled: queue.bounce !== undefined, queued });
  }

  #story({ id, forwardPaths }: QueuedMail, recipients: readonly number[], notification: string | undefined): { readonly id: string; readonly to: string; readonly notification: string | undefined } {
    return { id, to: recipients.map((recipient) => forwardPaths[recipient]?.text).join(','), notification };
  }
}
