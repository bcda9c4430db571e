// Transactions in the hands of a session: the one under way, and maybe one whose envelope is out behind the end of that.
//
// Rule 1: content at hand is encoded once, before anything is sent: what must not be sent is found while nothing is out.
// Rule 2: outcomes are told when it is the transaction's turn: behind 'done' of the one before.

import { isAscii } from '../../wire/ascii.ts';
import type { Reply } from '../../syntax/reply.ts';
import type { ClientAction, Transaction } from './action.ts';
import { contentSender, type ContentSender } from './content.ts';
import { envelopeOf } from './envelope.ts';
import type { Negotiation } from './negotiation.ts';
import { ours, refused, turnedAway, unbegun, type Failure } from './outcome.ts';
import { DATA, type Exchange } from './pipeline.ts';
import type { Quota } from './quota.ts';
import { Recipients } from './recipient.ts';
import { AWAITED } from './table.ts';

type Told = Extract<ClientAction, { readonly type: 'outcome' | 'done' }>;
type Tell = (action: Told) => void;

export class Work {
  readonly transaction: Transaction;
  readonly recipients: Recipients;
  readonly content: ContentSender;
  /** All of the content with its end, as it is to be sent: views of it. Undefined: it is asked for in pieces. */
  readonly whole: readonly Uint8Array[] | undefined;
  /** The commands of the envelope. */
  commands: Exchange[] = [];
  #said = 0; // of these
  /** 'want-content' was handed out. */
  wanted = false;
  #tell: Tell | undefined;
  #kept: Told[] = [];

  /** `chunked`: the server takes chunks. */
  constructor(given: Transaction, chunked: boolean) {
    const { content, eightBit } = given;
    const transaction = content === undefined ? given : { ...given, eightBit: eightBit ?? !isAscii(content), size: content.length };
    this.transaction = transaction;
    this.recipients = new Recipients(given.forwardPaths, (action) => {
      if (this.#tell === undefined) this.#kept.push(action);
      else this.#tell(action);
    });
    this.content = contentSender(transaction, chunked);
    this.whole = content === undefined ? undefined : this.content.whole(content);
  }

  /** It is its turn: tells the outcomes that there are, and those to come. */
  begin(tell: Tell): void {
    this.#tell = tell;
    for (const action of this.#kept.splice(0)) tell(action);
  }

  /** How many of the commands are still to be said. */
  get unsaid(): number {
    return this.commands.length - this.#said;
  }

  /** The next of them, so many at most, which are said now. */
  say(most: number): readonly Exchange[] {
    const group = this.commands.slice(this.#said, this.#said + most);
    this.#said += group.length;
    return group;
  }

  /** None of those that are left is to be said. */
  dropRest(): void {
    this.#said = this.commands.length;
  }

  /** What the end of the content brings: a reply, or in LMTP one for each recipient that was accepted (RFC 2033 §4.2). */
  repliesToEnd(lmtp: boolean): readonly Exchange[] {
    const last = this.content.chunked ? 'BDAT LAST' : 'end of mail data';
    const { accepted } = this.recipients;
    return lmtp ? accepted.map((recipient, index) => ({ to: index === accepted.length - 1 ? last : 'one recipient', recipient })) : [{ to: last }];
  }

  /** The server has refused the content without waiting for its end: that counts as it does behind the end, which may have been on its way. In LMTP it is about the first recipient (RFC 2033 §4.2). Returns what becomes of those who are left. */
  refuseRest(reply: Reply, lmtp: boolean): Failure {
    const { phrase } = AWAITED[this.content.chunked ? 'BDAT' : 'end of mail data'];
    const [first] = this.recipients.accepted;
    if (first !== undefined) this.recipients.report(first, refused(reply, phrase));
    return lmtp ? turnedAway(reply, phrase) : refused(reply, phrase);
  }
}

/** The transaction as it can be sent to this server: whom it cannot be sent to has an outcome. `failure`: why nothing can be sent. */
export function prepared(transaction: Transaction, negotiation: Negotiation, quota: Quota, failure: Failure | undefined): Work {
  const { offer, tls } = negotiation;
  const work = new Work(transaction, offer.has('CHUNKING'));
  const { recipients, content } = work;
  if (failure !== undefined) recipients.settle(failure);
  quota.admit(work.transaction, recipients, offer, tls);
  if (content.fault !== undefined) recipients.settle(ours('bad-content')); // before anything of it is out
  if (!recipients.settled) work.commands = [...envelopeOf(work.transaction, recipients.open, negotiation), ...(content.chunked ? [] : [DATA])];
  return work;
}

/** Instead of a transaction, where none is under way. */
export const IDLE = new Work({ reversePath: { type: 'null', text: '<>', key: '' }, forwardPaths: [] }, false);

export class Docket {
  /** The transaction under way. */
  work = IDLE;
  /** The one behind it. */
  next: Work | undefined;
  #asked = false; // for one
  readonly #tell: Tell;

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  begin(work: Work): void {
    this.work = work;
    this.#asked = false;
    work.begin(this.#tell);
  }

  /** Whether one was asked for behind the one under way, and has not come. */
  get awaitsNext(): boolean {
    return this.#asked && this.next === undefined;
  }

  /** Whether to ask for one behind the one under way, which is at its end: where that is wanted, and it has recipients, once. */
  offerNext(): boolean {
    if (this.#asked || this.work.transaction.followed !== true || this.work.recipients.settled) return false;
    this.#asked = true;
    return true;
  }

  /** The transaction under way is over; returns whether the one behind it is under way now. */
  conclude(): boolean {
    const { next } = this;
    this.work = IDLE;
    this.next = undefined;
    this.#tell({ type: 'done' });
    if (next !== undefined) this.begin(next);
    return next !== undefined;
  }

  /** The session is over: the outcome is that of the transaction under way; the one behind it was not begun. */
  abandon(failure: Failure): void {
    if (this.work === IDLE) return;
    this.work.recipients.settle(failure);
    if (!this.conclude()) return;
    this.work.recipients.settle(unbegun(failure));
    this.conclude();
  }
}
