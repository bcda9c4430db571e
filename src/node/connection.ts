// The accept loop's view of a connection: the mails that come over it, one after the other.
//
//   for await (const connection of server)
//     for await (const mail of connection) mail.accept();

import { shown, UsageError } from '../wire/usage.ts';
import { isFault } from '../syntax/fault.ts';
import { ReplyAssembler } from '../syntax/reply.ts';
import { accept, isRefusal, refuse, type Verdict } from '../protocol/server/verdict.ts';
import type { AnyHooks, Mail, MessageAnswer, SessionFacts } from './hook.ts';
import { messageFault } from './hook-question.ts';

/** A mail of the accept loop; it must be accepted or refused before the next one is asked for. */
export interface ReceivedMail extends Mail {
  /** Takes responsibility: 250 (RFC 5321 §6.1). */
  accept(text?: string): void;
  /** Refuses with a reply such as `451 4.4.0 try later`, or a verdict of `refuse()`. */
  refuse(refusal: string | Verdict): void;
  /** Answers as the hook `message` does: with a verdict, in LMTP also with a list that has one for each of `forwardPaths` (RFC 2033 §4.2). */
  answer(answer: MessageAnswer): void;
}

/** A connection that waits for its banner until it is iterated (accepted) or refused. */
export class Connection implements AsyncIterable<ReceivedMail> {
  readonly #session: SessionFacts;
  readonly #lmtp: boolean;
  readonly #mails: PendingMail[] = [];
  #decide: ((verdict: Verdict) => void) | undefined;
  #iterated = false;
  #left = false; //  the loop was left: further mail is not for anybody
  #ended = false; // the session is over
  #wake: (() => void) | undefined;

  /** @internal For the server. */
  constructor(session: SessionFacts, lmtp: boolean) {
    this.#session = session;
    this.#lmtp = lmtp;
  }

  get client(): SessionFacts['client'] {
    return this.#session.client;
  }

  get helo(): SessionFacts['helo'] {
    return this.#session.helo;
  }

  /** Opens with this, such as `554 5.7.1 not for you`, instead of 220 (RFC 5321 §3.1); the client may still say QUIT, unless it was 421. */
  refuse(refusal: string | Verdict): void {
    this.#decide?.(refusalOf(refusal));
  }

  /** The mails, once: a further loop throws UsageError. Leaving the loop, also by an error of reading a mail, ends the connection: the mail in hand gets 451, a further one 421. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ReceivedMail, void> {
    if (this.#iterated) throw new UsageError('the mails of a connection are iterated once, by one loop');
    this.#iterated = true;
    this.#decide?.(accept());
    let pending: PendingMail | undefined;
    try {
      for (;;) {
        pending = this.#mails.shift();
        if (pending !== undefined) {
          yield pending.mail;
          if (pending.open && !pending.mail.signal.aborted) throw new UsageError('a mail must be accepted or refused before the next one is asked for');
        } else if (this.#ended) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#left = true;
      for (const { answer } of [...(pending === undefined ? [] : [pending]), ...this.#mails]) answer(UNANSWERED);
    }
  }

  /** @internal The hooks through which the loop answers. */
  hooks(): AnyHooks {
    return {
      client: () => new Promise((resolve) => (this.#decide = resolve)),
      message: (mail) => {
        if (this.#left) return NOBODY;
        return new Promise((resolve) => {
          const answer = (given: MessageAnswer): void => {
            const wanted = messageFault(given, mail.forwardPaths.length, this.#lmtp);
            if (wanted !== undefined) throw new UsageError(`a mail is answered with ${wanted}`);
            pending.open = false;
            resolve(given);
          };
          const pending: PendingMail = { open: true, answer, mail: Object.assign(mail, { answer, accept: (text?: string) => answer(accept(text)), refuse: (refusal: string | Verdict) => answer(refusalOf(refusal)) }) };
          this.#mails.push(pending);
          this.#wake?.();
        });
      },
    };
  }

  /** @internal The session is over. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }
}

/** A mail for the loop, and the verdict that it has yet to get. */
interface PendingMail {
  readonly mail: ReceivedMail;
  readonly answer: (answer: MessageAnswer) => void;
  open: boolean;
}

const UNANSWERED: Verdict = refuse(451, '4.3.0', 'local error in processing, try again later');
const NOBODY: Verdict = refuse(421, '4.3.2', 'no more mail is taken on this connection');

/** The verdict that a refusal is, also where it is written as a reply line. Throws UsageError for what is no reply of 4yz or 5yz. */
function refusalOf(refusal: string | Verdict): Verdict {
  if (typeof refusal !== 'string') {
    if (!isRefusal(refusal)) throw new UsageError('a refusal is a text such as "550 5.7.1 text", or refuse(…), whose code is 4yz or 5yz'); // of an accept() the mail would be taken
    return refusal;
  }
  const reply = new ReplyAssembler({ limit: 1 }).add(refusal);
  if (reply === undefined || isFault(reply) || reply.code < 400) throw new UsageError(`a refusal is written as "550 5.7.1 text", with a code of 4yz or 5yz, not ${shown(refusal)}`);
  return { type: 'refuse', reply };
}
