// Mail for accepted domains that is kept here, in a Maildir, in place of being relayed.
//
// Rule: the sender who wants to know is told of the delivery (RFC 3461 §5.2.3). The mail is there whatever comes of that.

import { admit } from '../relay/admission.ts';
import { LONGEST_HEADER } from '../relay/notification.ts';
import type { NewMail, Queue, QueuedMail } from '../relay/queue/port.ts';
import type { Signal } from './aborter.ts';
import { lookedUp } from './ascii-path.ts';
import { askedFor } from './conclusion.ts';
import { errorText } from './error-text.ts';
import type { Mail } from './hook.ts';
import type { Log } from './log.ts';
import { notify, type NotifierOptions } from './notifier.ts';
import { queuedBy } from './queue-answer.ts';

export interface LocalDeliveryOptions extends NotifierOptions {
  readonly queue: Queue;
  readonly log: Log;
}

type Recipients = Required<Pick<NewMail, 'forwardPaths' | 'recipientParameters'>>;

const NOBODY: Recipients = { forwardPaths: [], recipientParameters: [] };

export class LocalDelivery {
  readonly #options: LocalDeliveryOptions;
  readonly #queued: (notification: QueuedMail) => void;
  readonly #telling = new Set<Promise<void>>();

  /** `queued` is told of notifications that were put into the queue. */
  constructor(options: LocalDeliveryOptions, queued: (notification: QueuedMail) => void) {
    this.#options = options;
    this.#queued = queued;
  }

  /** The recipients whose mail is relayed, and those who have it in the Maildir. */
  split({ forwardPaths, recipientParameters, session }: Pick<Mail, 'forwardPaths' | 'recipientParameters' | 'session'>): { readonly relayed: Recipients; readonly local: Recipients } {
    const { admission, maildir } = this.#options;
    if (maildir === undefined) return { relayed: { forwardPaths, recipientParameters }, local: NOBODY };
    const isLocal = forwardPaths.map((path) => admit(admission, session.client.address, lookedUp(path)) === 'local');
    const having = (wanted: boolean): Recipients => ({
      forwardPaths: forwardPaths.filter((_, recipient) => isLocal[recipient] === wanted),
      recipientParameters: recipientParameters.filter((_, recipient) => isLocal[recipient] === wanted),
    });
    return { relayed: having(false), local: having(true) };
  }

  /** Resolves with the octets of the content when it is kept. `signal`: nobody waits for that any more. The sender is told meanwhile. */
  async deliver(id: string, mail: NewMail, content: AsyncIterable<Uint8Array>, signal: Signal): Promise<number> {
    const beginning = new Beginning(content);
    await this.#options.maildir?.deliver(mail.reversePath, beginning, { signal });
    const telling = this.#tell(id, mail, beginning).finally(() => this.#telling.delete(telling)); // the client does not wait: it would hear 451, with the mail in the Maildir
    this.#telling.add(telling);
    return beginning.size;
  }

  /** Resolves when all senders have been told. */
  async told(): Promise<void> {
    await Promise.all(this.#telling);
  }

  async #tell(id: string, mail: NewMail, beginning: Beginning): Promise<void> {
    const { queue, log } = this.#options;
    const [date, states] = [Date.now(), mail.forwardPaths.map(() => ({ state: 'delivered' }) as const)];
    const taken: QueuedMail = { ...mail, id: `${id}-here`, arrival: date, nextAttempt: date, size: beginning.size, eightBit: false, recipients: states };
    const news = askedFor(taken, states.map((state, recipient) => ({ recipient, action: 'delivered', state, tried: date })));
    try {
      const notification = await notify(taken, news, { ...this.#options, queue: { content: () => beginning.again() } });
      if (notification === undefined) return;
      log('reported', { id, to: news.map(({ recipient }) => mail.forwardPaths[recipient]?.text).join(','), notification: notification.id });
      if (notification.queue !== undefined) this.#queued(queuedBy('add', await queue.add(notification.queue.mail, notification.queue.content())));
    } catch (error) {
      log('error', { id, text: `the sender is not told of the delivery: ${errorText(error)}` });
    }
  }
}

/** Content that is passed on once, and of which as much is kept as a notification may quote. */
class Beginning implements AsyncIterable<Uint8Array> {
  readonly #content: AsyncIterable<Uint8Array>;
  readonly #kept: Uint8Array[] = [];
  /** Octets so far. */
  size = 0;

  constructor(content: AsyncIterable<Uint8Array>) {
    this.#content = content;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for await (const octets of this.#content) {
      if (this.size < LONGEST_HEADER) this.#kept.push(octets);
      this.size += octets.length;
      yield octets;
    }
  }

  async *again(): AsyncGenerator<Uint8Array, void> {
    yield* this.#kept;
  }
}
