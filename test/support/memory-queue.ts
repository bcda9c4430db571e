// A queue that keeps its mail in memory: the port of the relay, and nothing durable about it.

import type { NewMail, Queue, QueuedMail, RecipientState } from '../../src/relay/queue/port.ts';
import { allOf } from './content.ts';
import { forwardPath, reversePath } from './path.ts';

export class MemoryQueue implements Queue {
  /** What was done, in order: `settle m1 delivered,waiting`. */
  readonly done: string[] = [];
  /** Where a test sets it: what settling fails with. */
  broken: Error | undefined;
  readonly #mails = new Map<string, QueuedMail>();
  readonly #contents = new Map<string, Uint8Array>();

  mails(): Iterable<QueuedMail> {
    return this.#mails.values();
  }

  mail(id: string): QueuedMail | undefined {
    return this.#mails.get(id);
  }

  async add(mail: NewMail, content: AsyncIterable<Uint8Array>): Promise<QueuedMail> {
    return this.put(mail, await allOf(content));
  }

  put({ id = `m${this.#mails.size + 1}`, reversePath, forwardPaths, parameters = {}, recipientParameters = [] }: NewMail, octets: Uint8Array): QueuedMail {
    const arrival = Date.now();
    const mail: QueuedMail = { id, arrival, reversePath, forwardPaths, parameters, recipientParameters, size: octets.length, eightBit: false, recipients: forwardPaths.map(() => ({ state: 'waiting' })), nextAttempt: arrival };
    this.#mails.set(id, mail);
    this.#contents.set(id, octets);
    return mail;
  }

  async *content(id: string): AsyncGenerator<Uint8Array, void> {
    yield this.#contents.get(id) ?? new Uint8Array(0);
  }

  async settle(id: string, recipients: readonly RecipientState[], nextAttempt: number): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    this.done.push(`settle ${id} ${recipients.map(({ state }) => state).join()}`);
    const mail = this.#mails.get(id);
    if (mail === undefined) throw new Error(`the queue has no mail ${id}`);
    if (recipients.some(({ state }) => state === 'waiting')) this.#mails.set(id, { ...mail, recipients, nextAttempt });
    else this.#mails.delete(id);
  }

  async close(): Promise<void> {
    this.done.push('close');
  }
}

/** An envelope from text; without an id the queue gives one. */
export function mailOf(id: string | undefined, from: string, ...to: readonly string[]): NewMail {
  return { reversePath: reversePath(from), forwardPaths: to.map(forwardPath), ...(id === undefined ? {} : { id }) };
}
