// Records in the queue what attempts have come to, and reports failures to the sender (RFC 5321 §6.1).
//
// Rule 1: a recipient that failed is reported before it is recorded as failed, or in one with that where the queue can: a crash
//         in between can report it twice, under one id, never not at all.
// Rule 2: of one mail only one thing is recorded at a time, on top of what was recorded before: the queue takes the states of
//         all recipients at once, and attempts at several destinations end when they like.
// Rule 3: what could not be recorded may be brought again; nobody is told twice then.

import type { NewMail, Queue, QueuedMail, RecipientState } from '../relay/queue/port.ts';
import type { Conclusion, Failure } from './conclusion.ts';
import type { Log } from './log.ts';

/** A report to the sender: what the queue is to take, or, without `queue`, one that has been delivered. */
export interface Notification {
  readonly id: string;
  readonly queue?: { readonly mail: NewMail; readonly content: () => AsyncIterable<Uint8Array> };
}

export interface RecorderOptions {
  readonly queue: Queue;
  /** Makes a notification about the failures; undefined where there is nobody to tell. */
  readonly notify: (mail: QueuedMail, failures: readonly Failure[]) => Promise<Notification | undefined>;
  readonly log: Log;
}

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #queued: (notification: QueuedMail) => void;
  readonly #last = new Map<string, Promise<unknown>>(); // by mail, what is recorded last
  readonly #told = new WeakSet<Conclusion>(); // of whose failures the sender knows

  /** `queued` is told of notifications that were put into the queue. */
  constructor(options: RecorderOptions, queued: (notification: QueuedMail) => void) {
    this.#options = options;
    this.#queued = queued;
  }

  /**
   * Reports and records; resolves with whether the mail is done with. `due` says, when it comes to it, when the mail is due
   * again. Rejects where the queue fails: to be called again with the same conclusion.
   */
  record(id: string, conclusion: Conclusion, due: () => number): Promise<boolean> {
    const write = (): Promise<boolean> => this.#write(id, conclusion, due);
    const written = (this.#last.get(id) ?? Promise.resolve()).then(write, write);
    this.#last.set(id, written);
    return written.finally(() => {
      if (this.#last.get(id) === written) this.#last.delete(id);
    });
  }

  async #write(id: string, conclusion: Conclusion, due: () => number): Promise<boolean> {
    const { queue, log } = this.#options;
    const mail = queue.mail(id);
    if (mail === undefined) return true; // somebody removed it
    const recipients = mail.recipients.map((state, recipient) => conclusion.states.get(recipient) ?? state);
    const settled = conclusion.failures.length > 0 && !this.#told.has(conclusion) && (await this.#report(mail, conclusion, recipients, due));
    if (!settled) await queue.settle(id, recipients, due());
    if (recipients.some(({ state }) => state === 'waiting')) return false;
    log('done', { id });
    return true;
  }

  /** Tells the sender of the failures; returns whether the outcomes were recorded with that. */
  async #report(mail: QueuedMail, conclusion: Conclusion, recipients: readonly RecipientState[], due: () => number): Promise<boolean> {
    const { queue, notify, log } = this.#options;
    const { failures } = conclusion;
    const { forwardPaths } = mail;
    const notification = await notify(mail, failures);
    let queued: QueuedMail | undefined;
    if (notification?.queue !== undefined) {
      const { mail: envelope, content } = notification.queue;
      queued = queue.bounce === undefined ? await queue.add(envelope, content()) : await queue.bounce(mail.id, recipients, due(), envelope, content());
    }
    this.#told.add(conclusion);
    log(notification === undefined ? 'undeliverable' : 'bounced', { id: mail.id, to: failures.map(({ recipient }) => forwardPaths[recipient]?.text).join(','), notification: notification?.id });
    if (queued !== undefined) this.#queued(queued);
    return queued !== undefined && queue.bounce !== undefined;
  }
}
