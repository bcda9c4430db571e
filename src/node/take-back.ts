// Mail that a queue has taken, and that its client has to send again: it heard 451 or 421 meanwhile, or has gone (RFC 5321 §4.1.1.10,
// §4.2.5). The queue is told that nobody waits for it any more, before anything of it is relayed.
//
// Rule: where the queue fails at that, it is told again and again: at the next start the mail would go out.

import type { Queue, QueuedMail } from '../relay/queue/port.ts';
import { Aborter } from './aborter.ts';
import { errorText } from './error-text.ts';
import { retryLocally } from './local-retry.ts';
import type { Log } from './log.ts';
import { mailOf } from './queue-answer.ts';

export class TakeBack {
  readonly #queue: Pick<Queue, 'mail' | 'settle'>;
  readonly #log: Log;
  readonly #taken: (id: string) => void;
  readonly #closing = new Aborter();
  readonly #inHand = new Set<Promise<void>>();

  /** `taken` is told of each mail that the queue has no more. */
  constructor(queue: Pick<Queue, 'mail' | 'settle'>, log: Log, taken: (id: string) => void) {
    this.#queue = queue;
    this.#log = log;
    this.#taken = taken;
  }

  /** Resolves when the queue has been told, or has failed once. */
  async take(mail: QueuedMail): Promise<void> {
    if (await this.#isTaken(mail)) return;
    const taking = retryLocally(() => this.#isTaken(mail), this.#closing.signal).finally(() => this.#inHand.delete(taking));
    this.#inHand.add(taking);
  }

  /** Tells the queue once more what it has not taken. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#inHand);
  }

  async #isTaken({ id, recipients }: QueuedMail): Promise<boolean> {
    try {
      if (mailOf(this.#queue, id) !== undefined) await this.#queue.settle(id, recipients.map(() => ({ state: 'failed' })), 0); // else the operator has removed it
      this.#taken(id);
      return true;
    } catch (error) {
      this.#log('error', { id, text: `the client sends this mail again, and the queue keeps it: ${errorText(error)}` });
      return false;
    }
  }
}
