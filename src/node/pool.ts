// Connections that have served a mail and wait for another one (RFC 5321 §4.5.4.1: several mails to one host go over one
// connection).
//
// Rule 1: a connection serves one mail at a time: who takes it has it alone until he gives it back.
// Rule 2: none waits longer than a moment, serves more than a number of mails, or lives longer than some minutes: a server
//         has room for others, and a route that has changed is not followed for ever.
// Rule 3: one that its server has closed meanwhile is not handed out; where that shows only when a mail is begun, the mail was
//         not tried at all (see `isStale`).
// It is found by the domains whose way to it is known (no question to the DNS is needed then), or by its address.

import { clearTimeout, setTimeout } from 'node:timers';
import type { InReplyTo, Outcome } from '../protocol/client/action.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import { schemeOf } from '../relay/next-hop.ts';
import type { Target } from '../relay/route.ts';
import type { ForwardPath } from '../syntax/path.ts';
import { LONGEST_TIMER, type Timer } from './pause.ts';
import type { Next, Outgoing, Report } from './sender.ts';

/** What the pool knows of a connection; that of sender.ts is one. */
export interface MailConnection {
  /** It takes another mail now. */
  readonly usable: boolean;
  send(mail: Outgoing, forwardPaths: readonly ForwardPath[], report?: Report, next?: Next): Promise<readonly Outcome[]>;
  /** Says QUIT, and resolves when the connection is gone. */
  quit(): Promise<void>;
}

/** A connection and what it is good for. */
export interface Held {
  readonly connection: MailConnection;
  readonly target: Target;
  /** Of the target, as `placeOf` has it: made once, and looked up for each mail. */
  readonly place: string;
  /** Domains, or configured next hops, whose mail may go to the target. */
  readonly destinations: Set<string>;
  readonly opened: Milliseconds; // in the milliseconds of `clock`
  mails: number; // it has served
}

/** How long connections are kept for further mail. */
export interface PoolOptions {
  /** How long a connection waits for another mail. Default: 2 s; 0: none is kept. */
  readonly idle?: Milliseconds;
  /** Most mails over one connection. Default: 100. */
  readonly mails?: number;
  /** The age at which a connection is not used again. Default: 5 minutes. */
  readonly age?: Milliseconds;
  /** Most connections that wait. Default: 200. */
  readonly most?: number;
  /** Milliseconds that only grow. */
  readonly clock: () => Milliseconds;
}

export class ConnectionPool {
  readonly #options: Required<PoolOptions>;
  readonly #waiting = new Map<Held, Milliseconds>(); // until when; the one that waits longest first
  readonly #places = new Map<string, Set<Held>>(); // by destination, and by address and port
  readonly #leaving = new Set<Promise<void>>(); // those that say QUIT
  #timer: Timer | undefined;
  #closed = false;

  constructor({ idle = 2_000, mails = 100, age = 300_000, most = 200, clock }: PoolOptions) {
    this.#options = { idle, mails, age, most, clock };
  }

  /** Connections that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Takes a connection by which mail for the destination goes. */
  take(destination: string): Held | undefined {
    return this.#takeFrom(destination);
  }

  /** Takes a connection to the target. */
  takeAt(target: Target): Held | undefined {
    return this.#takeFrom(placeOf(target));
  }

  /** Takes a connection back, after a mail; closes it where it is not to be used again. */
  give(held: Held): void {
    const { idle, mails, age, most, clock } = this.#options;
    const now = clock();
    if (this.#closed || idle === 0 || !held.connection.usable || held.mails >= mails || now - held.opened >= age) return this.#quit(held);
    for (const place of placesOf(held)) {
      const there = this.#places.get(place);
      if (there === undefined) this.#places.set(place, new Set([held]));
      else there.add(held);
    }
    this.#waiting.set(held, now + idle);
    if (this.#waiting.size > most) for (const oldest of this.#waiting.keys()) return this.#quit(this.#remove(oldest));
    this.#arm(idle);
  }

  /** Says QUIT on all that wait, and on those that are given back later. Resolves when all on which it has been said are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const held of this.#waiting.keys()) this.#quit(this.#remove(held));
    await Promise.all(this.#leaving);
  }

  #takeFrom(place: string): Held | undefined {
    for (const held of this.#places.get(place) ?? []) {
      this.#remove(held);
      if (held.connection.usable) return held;
      this.#quit(held);
    }
    return undefined;
  }

  #quit({ connection }: Held): void {
    const gone = connection.quit().finally(() => this.#leaving.delete(gone));
    this.#leaving.add(gone);
  }

  #remove(held: Held): Held {
    this.#waiting.delete(held);
    for (const place of placesOf(held)) {
      const there = this.#places.get(place);
      there?.delete(held);
      if (there?.size === 0) this.#places.delete(place);
    }
    return held;
  }

  /** One timer for all; it is not moved when a connection is taken, but set again where it fires early. */
  #arm(after: Milliseconds): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const now = this.#options.clock();
      for (const [held, until] of this.#waiting) {
        if (until > now) return this.#arm(until - now);
        this.#quit(this.#remove(held));
      }
    }, Math.min(Math.ceil(after), LONGEST_TIMER));
  }
}

/**
 * Tells whether a connection that was used again turns out to have been closed by its server before the mail was begun, or to be
 * of no use for a further one: no command of the mail was answered, but by a 421 or by what answers none (a 221 that nobody asked for),
 * and nothing of the content was sent. That is no attempt. Those whom the server could not be given in any case say nothing of it.
 */
export function isStale(outcomes: readonly Outcome[]): boolean {
  return outcomes.some(isUnheard) && outcomes.every((outcome) => isUnheard(outcome) || (outcome.state !== 'delivered' && outcome.inReplyTo === 'EHLO'));
}

function isUnheard(outcome: Outcome): boolean {
  if (outcome.state !== 'deferred' || !BEGINNINGS.has(outcome.inReplyTo)) return false;
  return outcome.reason === 'connection-lost' || outcome.reason === 'bad-reply' || (outcome.reason === undefined && (outcome.reply.code === 421 || outcome.inReplyTo === 'RSET')); // RSET cannot be refused (RFC 5321 §4.1.1.5)
}

const BEGINNINGS: ReadonlySet<InReplyTo> = new Set(['nothing', 'RSET', 'MAIL']);

function placesOf({ place, destinations }: Held): readonly string[] {
  return [place, ...destinations];
}

/** Where a connection is to. The name counts: it is what a certificate is checked for; and what is spoken there: STARTTLS may not have come about. */
export function placeOf(target: Target): string {
  const { host, address, port } = target;
  return `${schemeOf(target)}${host} [${address}]:${port}`; // no destination has a space
}
