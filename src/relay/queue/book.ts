// What is known of the mails that wait: the fold of all facts (fold.ts) as it grows, one fact after the other, in a queue that
// runs. Mail that is done with is forgotten at once; what is heard of it later is about nothing.

import { brief } from '../../syntax/abridgement.ts';
import { UsageError } from '../../wire/usage.ts';
import type { Fact, Register, Results, StoredEnvelope } from './fact.ts';
import { isDone, join, statesOf, type ContentLocation, type MailState } from './fold.ts';
import type { RecipientState } from './port.ts';

export class Book {
  readonly #mails: Map<string, MailState>;
  #turn: number;
  #unwanted: string[] = [];
  readonly #small: number;
  #inSegments = 0;
  #smallInSegments = 0;
  #states = 0;
  #recipients = 0;

  /** Begins with what a recovery has found. `small`: octets of content up to which it is small. */
  constructor({ mails, turn }: { readonly mails: Map<string, MailState>; readonly turn: number }, small: number) {
    this.#mails = mails;
    this.#turn = turn;
    this.#small = small;
    for (const state of mails.values()) this.#count(undefined, state);
  }

  /** Octets of the content that stands in segments, of mail that waits. */
  get inSegments(): number {
    return this.#inSegments;
  }

  /** The same of small content alone. */
  get smallInSegments(): number {
    return this.#smallInSegments;
  }

  /** Octets of the records that say all that is known of the mails, content aside; about. */
  get states(): number {
    return this.#states;
  }

  /** Recipients of the mails, those who are done with too. */
  get recipients(): number {
    return this.#recipients;
  }

  get mails(): ReadonlyMap<string, MailState> {
    return this.#mails;
  }

  /** Returns a number that no fact has had. */
  turn(): number {
    return ++this.#turn;
  }

  /** Returns what is known of a mail; throws where nothing is left to do for it. */
  find(id: string): MailState & { readonly envelope: StoredEnvelope } {
    const state = this.#mails.get(id);
    if (state === undefined || !hasEnvelope(state)) throw new Error(`the queue has no mail ${id}`);
    return state;
  }

  /**
   * Returns what is news in `recipients`: not what was read here, nor anything about those whose outcome is known. `crowded`: of what was said the
   * beginning alone, since all of it can be five times as much as is known of mail that was not tried yet.
   */
  results(id: string, recipients: readonly RecipientState[], nextAttempt: number, crowded: boolean): Results {
    const { recipients: known, envelope: { forwardPaths } } = this.find(id);
    if (recipients.length > forwardPaths.length) throw new UsageError(`the mail has ${forwardPaths.length} recipients, not ${recipients.length}`);
    const news: Results['recipients'][number][] = [];
    const warned: number[] = [];
    for (const [recipient, state] of recipients.entries()) {
      if (state === known[recipient]) continue; // nearly all are as they were
      if (!('turn' in state) && known[recipient]?.state === 'waiting') news.push({ recipient, state: crowded && state.reply !== undefined ? { ...state, reply: brief(state.reply) } : state });
      if (state.warned === true && known[recipient]?.warned !== true) warned.push(recipient);
    }
    return { id, turn: this.turn(), nextAttempt, recipients: news, warned };
  }

  /** Takes a fact in, whose record stands at `place`. */
  learn(fact: Fact, place: ContentLocation): void {
    for (const [id, news] of statesOf(fact, place)) {
      const known = this.#mails.get(id);
      const state = known === undefined ? news : join(known, news);
      const done = isDone(state);
      this.#count(known, done ? undefined : state);
      if (!done) this.#mails.set(id, state);
      else if (known !== undefined) {
        this.#mails.delete(id);
        if (state.content?.segment === 0) this.#unwanted.push(id);
      } // else it is about a mail that is done with
    }
  }

  /** The content of the mail stands in another place now; the mail may be done with by now. */
  move(id: string, content: ContentLocation): void {
    const state = this.#mails.get(id);
    if (state !== undefined) {
      const moved = { ...state, content };
      this.#count(state, moved);
      this.#mails.set(id, moved);
    } else if (content.segment === 0) this.#unwanted.push(id);
  }

  #count(before: MailState | undefined, now: MailState | undefined): void {
    const [was, is] = [inSegment(before), inSegment(now)];
    this.#recipients += (now?.envelope?.forwardPaths.length ?? 0) - (before?.envelope?.forwardPaths.length ?? 0);
    this.#states += before?.envelope !== undefined && before.envelope === now?.envelope ? growth(before, now) : sizeOf(now) - sizeOf(before);
    this.#inSegments += is - was;
    this.#smallInSegments += (is <= this.#small ? is : 0) - (was <= this.#small ? was : 0);
  }

  /** Returns, once, the mails done with whose content has a file of its own. */
  unwanted(): readonly string[] {
    const ids = this.#unwanted;
    this.#unwanted = [];
    return ids;
  }
}

function inSegment(state: MailState | undefined): number {
  const { envelope, content } = state ?? {};
  return envelope === undefined || content === undefined || content.segment === 0 ? 0 : envelope.size;
}

// Octets of a STATE record (fact.ts) and of each recipient in it, about, without the texts
const OF_A_MAIL = 48;
const OF_A_RECIPIENT = 8;
const OF_A_REPLY = 4;

function sizeOf(state: MailState | undefined): number {
  if (state?.envelope === undefined) return 0;
  const { id, reversePath, forwardPaths, parameters, recipientParameters } = state.envelope;
  let size = OF_A_MAIL + id.length + reversePath.length + parameters.length + forwardPaths.length * OF_A_RECIPIENT;
  for (const path of forwardPaths) size += path.length;
  for (const each of recipientParameters) size += each.length;
  for (const register of state.recipients) size += sizeOfTexts(register);
  return size;
}

/** The same of `now`, less that of `before`: most recipients are as they were. */
function growth({ recipients: before }: MailState, { recipients: now }: MailState): number {
  let size = 0;
  for (let recipient = 0; recipient < now.length; recipient++) if (now[recipient] !== before[recipient]) size += sizeOfTexts(now[recipient]) - sizeOfTexts(before[recipient]);
  return size;
}

function sizeOfTexts(register: Register | undefined): number {
  if (register === undefined) return 0;
  const { attempted, host, reply } = register;
  let size = attempted.host.length + (host?.length ?? 0);
  if (reply === undefined) return size;
  size += OF_A_REPLY + (reply.enhanced?.length ?? 0);
  for (const line of reply.lines) size += 1 + line.length;
  return size;
}

function hasEnvelope(state: MailState): state is MailState & { readonly envelope: StoredEnvelope } {
  return state.envelope !== undefined;
}
