// Mail that a queue has taken, and that its client has to send again: it heard 451 or 421 meanwhile, or has gone (RFC 5321 §4.1.1.10,
// §4.2.5). The queue is told that nobody waits for it any more, before anything of it is relayed.
//
// Rule: where the queue fails at that, it is told again every minute, and once more in the end: at the next start the mail would go out.

import type { Queue, QueuedMail } from '../relay/queue/port.ts';
import { Aborter } from './aborter.ts';
import { errorText } from './error-text.ts';
import type { Log } from './log.ts';
import { pause } from './pause.ts';

/** Milliseconds until a queue that has failed is told again. */
const AGAIN = 60_000;

export class TakeBack {
  readonly #queue: Pick<Queue, 'settle'>;
  readonly #log: Log;
  readonly #closing = new Aborter();
  readonly #inHand = new Set<Promise<void>>();

  constructor(queue: Pick<Queue, 'settle'>, log: Log) {
    this.#queue = queue;
    this.#log = log;
  }

  /** Resolves when the queue has been told, or has failed once. */
  async take(mail: QueuedMail): Promise<void> {
    if (await this.#isTaken(mail)) return;
    const taking = this.#takeLater(mail).finally(() => this.#inHand.delete(taking));
    this.#inHand.add(taking);
  }

  /** Tells the queue once more what it has not taken. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#inHand);
  }

  async #takeLater(mail: QueuedMail): Promise<void> {
    for (let last = false; !last; ) {
      await pause(AGAIN, this.#closing.signal);
      last = this.#closing.aborted;
      if (await this.#isTaken(mail)) return;
    }
  }

  async #isTaken({ id, recipients }: QueuedMail): Promise<boolean> {
    try {
      await this.#queue.settle(id, recipients.map(() => ({ state: 'failed' })), 0);
      return true;
    } catch (error) {
      this.#log('error', { id, text: `the client sends this mail again, and the queue keeps it: ${errorText(error)}` });
      return false;
    }
  }
}
