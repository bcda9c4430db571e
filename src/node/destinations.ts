// Which domains have their mail taken by the same hosts: for the dispatcher one destination (RFC 5321 §4.5.4.1).
//
// A domain is known by its exchangers for some minutes after the DNS was asked; before that, and where it does not answer,
// by itself. So mail for several domains of one hoster shares attempts and back-off; that mail goes where it should does not
// rest on this: each attempt finds its own route.
//
// Each question has a socket of its own, and a zone that never answers keeps it for a quarter of a minute: so a hundred are asked at
// a time, and mails take turns (ten mails to a thousand domains each of such a zone took 10,000 descriptors; now 100).

import { setMaxListeners } from 'node:events';
import type { Milliseconds } from '../protocol/limit.ts';
import { destinationKey, domainOf } from '../relay/outgoing.ts';
import type { RouteOptions } from '../relay/route.ts';
import type { ForwardPath } from '../syntax/path.ts';
import { Aborter, type Signal } from './aborter.ts';
import { lookedUp } from './ascii-path.ts';
import { now } from './now.ts';
import { pause } from './pause.ts';
import type { Resolver } from './resolve.ts';
import { Turnstile } from './turnstile.ts';

/** Milliseconds that a mail waits for the DNS before it goes with the domains themselves for destinations. */
const PATIENCE: Milliseconds = 1_000;
/** Milliseconds for which an answer holds. Choice: as long as many a zone gives its MX; Node does not tell the TTL. */
const LIFE: Milliseconds = 300_000;
/** Most domains that are known. */
const MOST = 10_000;
/** Most that the DNS is asked about at a time. */
const MOST_ASKED = 100;

interface Known {
  readonly key: string;
  readonly until: Milliseconds;
}

export class Destinations {
  readonly #resolver: Pick<Resolver, 'keyOf'>;
  readonly #hostname: string;
  readonly #routing: () => RouteOptions;
  readonly #known = new Map<string, Known>(); // the one that was learnt first comes first
  readonly #asked = new Map<string, Promise<void>>();
  readonly #turnstile = new Turnstile(MOST_ASKED);
  readonly #closing = new Aborter();
  #mails = 0; // that have asked: each has its turn

  constructor(resolver: Pick<Resolver, 'keyOf'>, hostname: string, routing: () => RouteOptions) {
    this.#resolver = resolver;
    this.#hostname = hostname;
    this.#routing = routing;
    setMaxListeners(0, this.#closing.signal);
  }

  /** Returns what paths have in common whose mail goes to the same hosts, as far as that is known. */
  keyOf(path: ForwardPath): string {
    const key = destinationKey(lookedUp(path), this.#hostname, this.#routing());
    return this.#known.get(key)?.key ?? key;
  }

  /** Asks the DNS about domains that are not known, and waits for a moment; undefined: all are. Never rejects. */
  learn(paths: readonly ForwardPath[]): Promise<void> | undefined {
    const routing = this.#routing();
    const unknown = new Set<string>();
    for (const path of paths.map(lookedUp)) {
      const key = destinationKey(path, this.#hostname, routing);
      const { until = 0 } = this.#known.get(key) ?? {};
      if (until <= now() && key === domainOf(path, this.#hostname)) unknown.add(key); // else: a next hop is configured
    }
    return unknown.size === 0 ? undefined : this.#askFor(unknown, routing);
  }

  /** Cancels the questions that are open: one that nobody answers kept the program running for a quarter of a minute. */
  close(): void {
    this.#closing.abort(new Error('shutting down'));
  }

  /** Waits for the answers, or for as long as a mail has patience: what has not been asked by then is not asked for it. */
  async #askFor(domains: ReadonlySet<string>, routing: RouteOptions): Promise<void> {
    const over = new Aborter();
    const mail = String(this.#mails++);
    const answers = [...domains].map((domain) => this.#ask(domain, routing, mail, over.signal));
    await Promise.race([Promise.all(answers), pause(PATIENCE, over.signal)]);
    over.abort();
  }

  #ask(domain: string, routing: RouteOptions, mail: string, over: Signal): Promise<void> {
    const asked = this.#asked.get(domain);
    if (asked !== undefined) return asked;
    const ask = async (): Promise<void> => {
      if (over.aborted) return;
      let key: string | undefined;
      try {
        key = await this.#resolver.keyOf(domain, routing, { signal: this.#closing.signal });
      } catch {
        // our own failure, which the attempt will meet, and tell; or our own end
      }
      this.#note(domain, typeof key === 'string' ? key : domain);
    };
    const answer = this.#turnstile.pass(mail, ask).finally(() => this.#asked.delete(domain));
    this.#asked.set(domain, answer);
    return answer;
  }

  #note(domain: string, key: string): void {
    this.#known.delete(domain);
    this.#known.set(domain, { key, until: now() + LIFE });
    if (this.#known.size > MOST) for (const first of this.#known.keys()) return void this.#known.delete(first);
  }
}
