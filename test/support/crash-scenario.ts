// A day in the life of a queue, in a few hundred operations of its disk: ten mails with seventeen recipients, taken together
// and one by one, two of them large, four small enough to be carried along, some with parameters; deliveries, deferrals and
// failures with their notifications, and delays with theirs; orders of the operator; six checkpoints, four of them with mail
// coming and going meanwhile; one death and restart. What is carried along is so once, twice and more often, and is settled,
// held, let go on, told to be late, or removed in between and meanwhile. Beside it a ledger of what the world outside knows.

import type { Journal } from '../../src/node/journal.ts';
import type { MailParameters, RecipientParameters } from '../../src/protocol/mail.ts';
import type { NewMail, RecipientState } from '../../src/relay/queue/port.ts';
import { encodeAscii } from '../../src/wire/ascii.ts';
import { EMPTY } from '../../src/wire/octet.ts';
import { forwardPath, reversePath } from './path.ts';

/** Octets of content above which a mail is large, here. */
export const INLINE_LIMIT = 256;

/** Octets up to which it is carried from segment to segment. */
export const CARRY_LIMIT = 55;

interface Plot {
  readonly sender: string;
  readonly recipients: number;
  readonly size: number;
  /** A notification: of the failure of which recipients of which mail. */
  readonly about?: { readonly id: string; readonly recipients: readonly number[] };
  /** A notification of the delay of these. */
  readonly delay?: { readonly id: string; readonly recipients: readonly number[] };
  /** What MAIL and RCPT asked for. */
  readonly parameters?: MailParameters;
  readonly recipientParameters?: readonly RecipientParameters[];
}

const ASKED: Pick<Plot, 'parameters' | 'recipientParameters'> = { parameters: { ret: 'HDRS', envelopeId: 'a+b', smtpUtf8: true }, recipientParameters: [{ notify: ['DELAY'] }, { originalRecipient: { type: 'rfc822', address: 'x y@z' } }] };

export const PLOT: Readonly<Record<string, Plot>> = {
  m1: { sender: '<alice@sender.test>', recipients: 2, size: 60, ...ASKED },
  m2: { sender: '<alice@sender.test>', recipients: 1, size: 0 },
  m3: { sender: '<bert@sender.test>', recipients: 3, size: 130 },
  m4: { sender: '<alice@sender.test>', recipients: 1, size: 300 }, // large
  m5: { sender: '<bert@sender.test>', recipients: 2, size: 700, ...ASKED }, //  large
  m6: { sender: '<alice@sender.test>', recipients: 2, size: 90 },
  m7: { sender: '<>', recipients: 1, size: 40 },
  m8: { sender: '<alice@sender.test>', recipients: 2, size: 200 },
  m9: { sender: '<bert@sender.test>', recipients: 2, size: 40, ...ASKED },
  m10: { sender: '<alice@sender.test>', recipients: 1, size: 30 },
  d3: { sender: '<>', recipients: 1, size: 80, about: { id: 'm3', recipients: [1] } },
  d5: { sender: '<>', recipients: 1, size: 280, about: { id: 'm5', recipients: [1] } }, // large
  w6: { sender: '<>', recipients: 1, size: 70, delay: { id: 'm6', recipients: [1] } },
  w3: { sender: '<>', recipients: 1, size: 60, delay: { id: 'm3', recipients: [2] } },
  w9: { sender: '<>', recipients: 1, size: 20, delay: { id: 'm9', recipients: [1] } },
  d1: { sender: '<>', recipients: 1, size: 50, about: { id: 'm1', recipients: [1] } },
};

/** A bit for each recipient of each mail. */
export type Bits = number;

const FIRST_BIT: Readonly<Record<string, number>> = Object.fromEntries(Object.keys(PLOT).map((id, index, ids) => [id, ids.slice(0, index).reduce((sum, each) => sum + (PLOT[each]?.recipients ?? 0), 0)]));

const ALL_BITS: Readonly<Record<string, Bits>> = Object.fromEntries(Object.entries(PLOT).map(([id, { recipients }]) => [id, Array.from({ length: recipients }, (_, recipient) => bitOf(id, recipient)).reduce((bits, bit) => bits | bit, 0)]));

export function bitOf(id: string, recipient: number): Bits {
  return 1 << ((FIRST_BIT[id] ?? 31) + recipient);
}

/** Those of these recipients of a mail, or of all. */
export function bitsOf(id: string, ...recipients: readonly number[]): Bits {
  if (recipients.length === 0) return ALL_BITS[id] ?? 0;
  return recipients.reduce((bits, recipient) => bits | bitOf(id, recipient), 0);
}

const CONTENTS = new Map(Object.entries(PLOT).map(([id, { size }]) => [id, encodeAscii(`${id}: ${'what is written here stays as it is. '.repeat(20)}`.slice(0, size))]));

export function contentOf(id: string): Uint8Array {
  return CONTENTS.get(id) ?? EMPTY;
}

/** What the world outside knows, by recipient. */
export interface Ledger {
  /** Submitted to the queue; nothing else may ever be found in it. */
  readonly offered: Bits;
  /** Acknowledged, or seen in the queue by whoever relays. */
  readonly taken: Bits;
  /** Taken by the next host. */
  readonly delivered: Bits;
  /** Their final outcome has been handed to the queue, and the queue has said that it is written. */
  readonly settled: Bits;
  /** The same, and something was made durable since. */
  readonly durable: Bits;
  /** Failed, and nobody is to be told: their mail has the null reverse-path. */
  readonly dropped: Bits;
}

export const NOTHING_YET: Ledger = { offered: 0, taken: 0, delivered: 0, settled: 0, durable: 0, dropped: 0 };

const WAITING: RecipientState = { state: 'waiting', reply: { code: 450, enhanced: '4.2.0', lines: ['later'] }, host: 'mx.test' };
const FAILED: RecipientState = { state: 'failed', reply: { code: 550, enhanced: undefined, lines: ['no'] }, host: 'mx.test' };
const DELIVERED: RecipientState = { state: 'delivered' };

/** How a failure, or a delay, and its notification come to the queue: as one, or, for the mutations, one after the other. */
export type Bouncing = 'together' | 'failure first' | 'notification first' | 'warning first';

export type Orders = Readonly<Record<string, readonly ('hold' | 'release' | 'return')[]>>;

export class World {
  ledger: Ledger = NOTHING_YET;
  /** By mail, what the operator has ordered last; while that is under way also what was before. */
  orders: Orders = {};
  /** The queue that runs. */
  journal: Journal;
  readonly #bouncing: Bouncing;

  constructor(journal: Journal, bouncing: Bouncing) {
    this.journal = journal;
    this.#bouncing = bouncing;
  }

  #note(news: Partial<Ledger>): void {
    const merged: Record<keyof Ledger, Bits> = { ...this.ledger };
    for (const [key, bits] of Object.entries(news)) merged[key as keyof Ledger] |= bits; // the keys of a Partial<Ledger> are a Ledger's
    this.ledger = merged;
  }

  /** What whoever relays can see has been taken. */
  look(): void {
    let taken = this.ledger.taken;
    for (const { id } of this.journal.mails()) taken |= bitsOf(id);
    if (taken !== this.ledger.taken) this.#note({ taken });
  }

  async add(id: string): Promise<void> {
    this.#note({ offered: bitsOf(id) });
    const { settled } = this.ledger;
    await this.journal.add(newMail(id), pieces(contentOf(id)));
    this.#note({ taken: bitsOf(id), durable: settled });
  }

  /** An attempt for recipients of a mail, and what comes of it for each: delivered (d), failed (f) or deferred (w). */
  async attempt(id: string, outcomes: Readonly<Record<number, 'd' | 'f' | 'w'>>): Promise<void> {
    const recipients = Object.keys(outcomes).map(Number);
    const having = (outcome: string): number[] => recipients.filter((recipient) => outcomes[recipient] === outcome);
    await this.journal.attempt(id, recipients, 'mx.test');
    const [delivered, failed] = [having('d'), having('f')];
    if (delivered.length > 0) this.#note({ delivered: bitsOf(id, ...delivered) });
    const final = [...delivered, ...failed].reduce((bits, recipient) => bits | bitsOf(id, recipient), 0);
    const states = (this.journal.mail(id)?.recipients ?? []).map((known, recipient) => ({ d: DELIVERED, f: FAILED, w: WAITING, none: known })[outcomes[recipient] ?? 'none']);
    const notification = Object.keys(PLOT).find((each) => PLOT[each]?.about?.id === id);
    if (failed.length > 0 && PLOT[id]?.sender === '<>') this.#note({ dropped: bitsOf(id, ...failed) });
    else if (failed.length > 0 && notification !== undefined) return this.#bounce(id, states, notification, final);
    await this.journal.settle(id, states, 2000);
    this.#note({ settled: final });
  }

  async #bounce(id: string, states: readonly RecipientState[], notification: string, final: Bits): Promise<void> {
    this.#note({ offered: bitsOf(notification) });
    const content = pieces(contentOf(notification));
    const together = this.#bouncing === 'together' || this.#bouncing === 'warning first';
    if (together) await this.journal.bounce(id, states, 2000, newMail(notification), content);
    if (this.#bouncing === 'failure first') await this.journal.settle(id, states, 2000);
    if (!together) await this.journal.add(newMail(notification), content);
    if (this.#bouncing === 'notification first') await this.journal.settle(id, states, 2000);
    this.#note({ settled: final, taken: bitsOf(notification) });
    if (together) this.#note({ durable: final });
  }

  /** Tells the sender of a delay. */
  async warn(notification: string): Promise<void> {
    const { id = '', recipients = [] } = PLOT[notification]?.delay ?? {};
    this.#note({ offered: bitsOf(notification) });
    const states = (this.journal.mail(id)?.recipients ?? []).map((state, recipient) => (recipients.includes(recipient) ? { ...state, warned: true } : state));
    const content = pieces(contentOf(notification));
    if (this.#bouncing !== 'warning first') await this.journal.bounce(id, states, 2000, newMail(notification), content);
    else {
      await this.journal.add(newMail(notification), content);
      await this.journal.settle(id, states, 2000);
    }
    this.#note({ taken: bitsOf(notification) });
  }

  /** An order of the operator: it holds from the moment at which it is said to be done. */
  async order(id: string, order: 'hold' | 'release' | 'return'): Promise<void> {
    this.orders = { ...this.orders, [id]: [this.orders[id]?.at(-1) ?? 'release', order] };
    if (order === 'return') await this.journal.giveUp(id);
    else await this.journal.hold(id, order === 'hold');
    this.orders = { ...this.orders, [id]: [order] };
  }

  /** The operator removes a mail, and nobody is told. */
  async remove(id: string): Promise<void> {
    this.#note({ dropped: bitsOf(id) });
    await this.journal.remove(id);
    this.#note({ settled: bitsOf(id), durable: bitsOf(id) });
  }

  /** The moment passes for which results wait for company. */
  async idle(): Promise<void> {
    const { settled } = this.ledger;
    await this.journal.flush();
    this.#note({ durable: settled });
  }
}

/** Plays the day. `restart`: the process dies, and there is a new one with the same disk. */
export async function play(world: World, restart: () => Promise<Journal>): Promise<void> {
  await Promise.all(['m1', 'm2', 'm3', 'm4'].map((id) => world.add(id)));
  await world.attempt('m1', { 0: 'd', 1: 'w' });
  await world.attempt('m3', { 0: 'd', 1: 'f', 2: 'w' });
  await world.attempt('m2', { 0: 'w' });
  await world.idle();
  await world.journal.checkpoint();

  await Promise.all([world.add('m5'), world.add('m6'), world.add('m10')]);
  await world.attempt('m2', { 0: 'd' });
  await Promise.all([
    world.journal.checkpoint(),
    (async () => {
      await world.attempt('m4', { 0: 'd' });
      await world.attempt('d3', { 0: 'd' });
      await world.add('m7');
      await world.attempt('m5', { 0: 'd', 1: 'f' });
    })(),
    world.attempt('m6', { 0: 'w' }),
  ]);
  await world.attempt('m6', { 0: 'd', 1: 'w' });
  await Promise.all([world.attempt('m3', { 2: 'w' }), world.warn('w6')]);

  world.journal = await restart(); // a checkpoint begins
  await Promise.all([world.add('m8'), world.add('m9'), world.attempt('m7', { 0: 'f' })]);
  await world.attempt('d5', { 0: 'd' });
  await Promise.all([world.order('m6', 'hold'), world.order('m9', 'hold')]);
  await world.journal.checkpoint();
  await Promise.all([world.journal.checkpoint(), world.attempt('m9', { 0: 'd', 1: 'w' }), world.remove('m10')]);

  await world.order('m8', 'return');
  await world.journal.attempt('m3', [2], 'mx.test'); // under way while the sender is told of it
  await Promise.all([world.warn('w3'), world.warn('w9')]);
  await Promise.all([world.attempt('w6', { 0: 'd' }), world.order('m6', 'release'), world.order('m9', 'release')]);
  await world.attempt('m8', { 0: 'w', 1: 'd' });
  await Promise.all([world.journal.checkpoint(), world.attempt('m1', { 1: 'f' }), world.attempt('m3', { 2: 'd' })]);
  await world.idle();
  await Promise.all([world.attempt('m6', { 1: 'd' }), world.attempt('d1', { 0: 'd' }), world.attempt('w3', { 0: 'd' }), world.attempt('w9', { 0: 'd' })]);
  await Promise.all([world.attempt('m8', { 0: 'd' }), world.attempt('m9', { 1: 'd' })]);
  await world.idle();
  await world.journal.checkpoint();
}

export function newMail(id: string): NewMail {
  const { sender = '', recipients = 0, parameters, recipientParameters } = PLOT[id] ?? {};
  const forwardPaths = Array.from({ length: recipients }, (_, recipient) => forwardPath(`<${id}-${recipient}@peer.test>`));
  return { id, reversePath: reversePath(sender), forwardPaths, ...(parameters === undefined ? {} : { parameters }), ...(recipientParameters === undefined ? {} : { recipientParameters }) };
}

export async function* pieces(octets: Uint8Array): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < octets.length; at += 100) yield octets.subarray(at, at + 100);
}
