// What is known of the mails that wait: the fold of all facts (fold.ts) as it grows, one fact after the other, in a queue that
// runs. Mail that is done with is forgotten at once; what is heard of it later is about nothing.

import type { Fact, Results, StoredEnvelope } from './fact.ts';
import { isDone, join, statesOf, type ContentPlace, type MailState } from './fold.ts';
import type { RecipientState } from './port.ts';

export class Book {
  readonly #mails: Map<string, MailState>;
  #turn: number;
  #unwanted: string[] = [];
  #inSegments = 0;

  /** Begins with what a recovery has found. */
  constructor({ mails, turn }: { readonly mails: Map<string, MailState>; readonly turn: number }) {
    this.#mails = mails;
    this.#turn = turn;
    for (const state of mails.values()) this.#inSegments += inSegment(state);
  }

  /** Octets of the content that stands in segments, of mail that waits. */
  get inSegments(): number {
    return this.#inSegments;
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

  /** Returns what is news in `recipients`: not what was read here, nor anything about those whose outcome is known. */
  results(id: string, recipients: readonly RecipientState[], nextAttempt: number): Results {
    const known = this.find(id).recipients;
    const news: Results['recipients'][number][] = [];
    const warned: number[] = [];
    for (const [recipient, state] of recipients.entries()) {
      if (!('turn' in state) && known[recipient]?.state === 'waiting') news.push({ recipient, state });
      if (state.warned === true && known[recipient]?.warned !== true) warned.push(recipient);
    }
    return { id, turn: this.turn(), nextAttempt, recipients: news, warned };
  }

  /** Takes a fact in, whose record stands at `place`. */
  learn(fact: Fact, place: ContentPlace): void {
    for (const [id, news] of statesOf(fact, place)) {
      const known = this.#mails.get(id);
      const state = known === undefined ? news : join(known, news);
      const done = isDone(state);
      this.#inSegments += (done ? 0 : inSegment(state)) - inSegment(known);
      if (!done) this.#mails.set(id, state);
      else if (known !== undefined) {
        this.#mails.delete(id);
        if (state.content?.segment === 0) this.#unwanted.push(id);
      } // else it is about a mail that is done with
    }
  }

  /** The content of the mail stands in another place now; the mail may be done with by now. */
  move(id: string, content: ContentPlace): void {
    const state = this.#mails.get(id);
    if (state !== undefined) {
      const moved = { ...state, content };
      this.#inSegments += inSegment(moved) - inSegment(state);
      this.#mails.set(id, moved);
    } else if (content.segment === 0) this.#unwanted.push(id);
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

function hasEnvelope(state: MailState): state is MailState & { readonly envelope: StoredEnvelope } {
  return state.envelope !== undefined;
}
