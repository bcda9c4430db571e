// A queue in a store that is shared by those who open it, as a database would be: what is durable, and what the last one to open it
// knew besides. It can be told to be wrong in one way, for the checks of a queue to find.

import type { NewMail, Queue, QueuedMail, RecipientState } from '../../src/relay/queue/port.ts';
import type { QueueStore } from '../../src/relay/queue/check.ts';
import { concat } from '../../src/wire/octet.ts';

/** What can be wrong with it, a word each. */
export const FLAWS = [
  'acknowledges before it is durable', 'keeps what came to nothing', 'drops the last octet', 'hands content out once', 'forgets when mail is due', 'forgets replies',
  'forgets who was told of a delay', 'revives what is done with', 'gives two mails one id', 'takes a second mail for the first', 'settles mail that it does not have',
  'forgets attempts', 'never forgets attempts', 'parts a failure from its notification', 'forgets what is held', 'forgets what is given up', 'keeps what was removed', 'forgets parameters', 'takes all mail for 7-bit',
  'forgets who replied', 'forgets the way back', 'mixes up recipients', 'miscounts octets', 'forgets when mail came', 'makes ids that are no names', 'reads mail that it does not have', 'forgets with the power what is done with',
] as const;
export type Flaw = (typeof FLAWS)[number];

interface Row {
  readonly mail: QueuedMail;
  readonly content: Uint8Array;
}

export class Store implements QueueStore {
  readonly #flaw: Flaw | undefined;
  #durable = new Map<string, Row>();

  constructor(flaw?: Flaw) {
    this.#flaw = flaw;
  }

  async open(): Promise<Queue> {
    return new StoreQueue(this.#durable, this.#flaw);
  }

  async crash(): Promise<void> {
    if (this.#flaw === 'acknowledges before it is durable') this.#durable = new Map();
    if (this.#flaw === 'forgets with the power what is done with') this.#durable = new Map([...this.#durable].map(([id, { mail, content }]) => [id, { mail: { ...mail, recipients: mail.recipients.map(() => ({ state: 'waiting' })) }, content }]));
  }
}

class StoreQueue implements Queue {
  readonly #rows: Map<string, Row>;
  readonly #flaw: Flaw | undefined;
  readonly #read = new Set<string>();

  constructor(rows: Map<string, Row>, flaw: Flaw | undefined) {
    this.#rows = rows;
    this.#flaw = flaw;
  }

  *mails(): Generator<QueuedMail, void> {
    for (const { mail } of this.#rows.values()) if (mail.recipients.some(({ state }) => state === 'waiting') || this.#flaw === 'revives what is done with') yield this.#shown(mail);
  }

  #shown(mail: QueuedMail): QueuedMail {
    switch (this.#flaw) {
      case 'forgets the way back': return { ...mail, reversePath: { type: 'null', text: '<>', key: '' } };
      case 'mixes up recipients': return { ...mail, forwardPaths: mail.forwardPaths.toReversed() };
      case 'miscounts octets': return { ...mail, size: mail.size + 1 };
      case 'forgets when mail came': return { ...mail, arrival: mail.arrival + 1 };
      default: return mail;
    }
  }

  mail(id: string): QueuedMail | undefined {
    return [...this.mails()].find((mail) => mail.id === id);
  }

  async add(mail: NewMail, content: AsyncIterable<Uint8Array>): Promise<QueuedMail> {
    const row = await this.#rowOf(mail, content);
    if (this.#flaw !== 'takes a second mail for the first') {
      const known = this.mail(row.mail.id);
      if (known !== undefined && mail.id !== undefined) return known;
    }
    this.#rows.set(row.mail.id, row);
    return row.mail;
  }

  async *content(id: string): AsyncGenerator<Uint8Array, void> {
    const row = this.#rows.get(id);
    if (row === undefined && this.#flaw === 'reads mail that it does not have') return;
    if (row === undefined) throw new Error(`no mail ${id}`);
    if (this.#flaw !== 'hands content out once' || !this.#read.has(id)) yield row.content;
    this.#read.add(id);
  }

  async settle(id: string, recipients: readonly RecipientState[], nextAttempt: number): Promise<void> {
    if (this.mail(id) === undefined && this.#flaw === 'settles mail that it does not have') return;
    this.#change(id, (mail) => ({
      recipients: recipients.map((state, recipient) => this.#flawed(state, mail.recipients[recipient])),
      nextAttempt: this.#flaw === 'forgets when mail is due' ? mail.nextAttempt : nextAttempt,
    }));
  }

  async attempt(id: string, recipients: readonly number[], host = ''): Promise<void> {
    if (this.#flaw === 'forgets attempts') return;
    this.#change(id, (mail) => ({ recipients: mail.recipients.map((state, recipient) => (recipients.includes(recipient) ? { ...state, unsettled: { host } } : state)) }));
  }

  async bounce(id: string, recipients: readonly RecipientState[], nextAttempt: number, notification: NewMail, content: AsyncIterable<Uint8Array>): Promise<QueuedMail> {
    if (this.#flaw === 'parts a failure from its notification') await this.settle(id, recipients, nextAttempt);
    const row = await this.#rowOf(notification, content);
    await this.settle(id, recipients, nextAttempt);
    this.#rows.set(row.mail.id, row);
    return row.mail;
  }

  async hold(id: string, held: boolean): Promise<void> {
    if (this.#flaw !== 'forgets what is held') this.#change(id, () => ({ held }));
  }

  async giveUp(id: string): Promise<void> {
    if (this.#flaw !== 'forgets what is given up') this.#change(id, () => ({ returned: true }));
  }

  async remove(id: string): Promise<void> {
    if (this.#flaw !== 'keeps what was removed') this.#rows.delete(id);
  }

  async close(): Promise<void> {
    // everything is durable
  }

  async #rowOf({ id, ...envelope }: NewMail, content: AsyncIterable<Uint8Array>): Promise<Row> {
    const pieces: Uint8Array[] = [];
    try {
      for await (const octets of content) pieces.push(octets);
    } catch (error) {
      if (this.#flaw !== 'keeps what came to nothing') throw error;
      this.#rows.set('half', { mail: { ...envelope, id: 'half', arrival: 0, nextAttempt: 0, size: 0, eightBit: false, recipients: [{ state: 'waiting' }] }, content: concat(pieces) });
      throw error;
    }
    const octets = concat(pieces);
    const kept = this.#flaw === 'drops the last octet' ? octets.subarray(0, -1) : octets;
    const { parameters, ...bare } = envelope;
    const mail: QueuedMail = {
      ...(this.#flaw === 'forgets parameters' ? bare : envelope),
      id: id ?? (this.#flaw === 'gives two mails one id' ? `m${this.#rows.size >> 1}` : `m${this.#rows.size}${this.#flaw === 'makes ids that are no names' ? '/' : '-'}${Math.random().toString(36).slice(2)}`),
      arrival: Date.now(),
      nextAttempt: Date.now(),
      size: octets.length,
      eightBit: this.#flaw !== 'takes all mail for 7-bit' && octets.some((octet) => octet > 127),
      recipients: envelope.forwardPaths.map(() => ({ state: 'waiting' })),
    };
    return { mail, content: kept };
  }

  #flawed(state: RecipientState, before: RecipientState | undefined): RecipientState {
    const { reply, warned, unsettled, ...bare } = state;
    if (this.#flaw === 'forgets who replied') return { state: bare.state, ...(reply === undefined ? {} : { reply }), ...(warned === true ? { warned } : {}) };
    if (this.#flaw === 'forgets replies') return { ...bare, ...(warned === true ? { warned } : {}) };
    if (this.#flaw === 'forgets who was told of a delay') return { ...bare, ...(reply === undefined ? {} : { reply }) };
    if (this.#flaw === 'never forgets attempts' && before?.unsettled !== undefined) return { ...state, unsettled: before.unsettled };
    return { ...bare, ...(reply === undefined ? {} : { reply }), ...(warned === true ? { warned } : {}) };
  }

  #change(id: string, change: (mail: QueuedMail) => Partial<QueuedMail>): void {
    const row = this.#rows.get(id);
    if (row === undefined) throw new Error(`no mail ${id}`);
    const mail = { ...row.mail, ...change(row.mail) };
    if (mail.recipients.some(({ state }) => state === 'waiting') || this.#flaw === 'revives what is done with') this.#rows.set(id, { ...row, mail });
    else this.#rows.delete(id);
  }
}
