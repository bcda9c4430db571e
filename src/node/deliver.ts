// Delivery of a mail to recipients whose mail goes one way: its hosts in turn (RFC 5321 §5.1), until each recipient has an
// outcome or the plan has come to its end.
//
// Rule 1: a recipient who is delivered, failed or unknown is not tried at a further host. `unknown` above all: the mail may
//         have been taken (RFC 1047). One who failed by what the host does not offer is: another may offer it.
// Rule 2: one who was deferred in RCPT is tried at one further host, others as far as the plan goes.
// Rule 3: after the plan, the last word of a server counts for more than a connection that did not come about.
// Rule 4: a connection that is open already goes before the plan. That it turns out to be stale is no attempt.
// Rule 5: a host that greets as this host ends the plan: what is behind it is no nearer to the recipient (§5.1).
// Rule 6: what hosts do not offer, or that none takes mail, fails a recipient only where the whole plan was gone through: not
//         where a host could not be looked up, nor where our own end came first; and not where a better host than those did not
//         answer, which may offer it. One that is no better counts for nothing: it may be the same host by another address.
// Rule 7: an address that has another name too is asked by that only where the certificate did not do for the first (RFC 8689 §4.2.1).

import type { ForwardPath } from '../syntax/path.ts';
import type { Outcome, Reason } from '../protocol/client/action.ts';
import { addressKind } from '../relay/address.ts';
import { outgoingForwardPath, outgoingReversePath } from '../relay/outgoing.ts';
import type { Target } from '../relay/route.ts';
import { ownVerdict } from '../relay/own-verdict.ts';
import { ConnectError } from './connect.ts';
import { atOnce } from './hook-call.ts';
import { ABORTED, openTo, raced, unconnected } from './opener.ts';
import { type ConnectionPool, type Held, isStale } from './pool.ts';
import { forSome, type Outgoing, type SenderOptions } from './sender.ts';

/** What became of one recipient, and which host said so; no host: our own verdict. */
export interface RecipientOutcome {
  readonly forwardPath: ForwardPath;
  readonly outcome: Outcome;
  readonly target?: Target;
}

export interface DeliverOptions extends SenderOptions {
  /**
   * Where connections wait for further mail. Default: they do not.
   * @internal
   */
  readonly pool?: ConnectionPool | undefined;
  /** The domains of the recipients, or next hops, for which the pool is to know the connection. */
  readonly destinations?: readonly string[];
  /** The operator has named the host: that it takes no mail at all, or none without AUTH, is his mistake, and returns nobody's mail. */
  readonly configured?: boolean;
  /** `<postmaster>` is that of the server, and is sent as it is (RFC 5321 §4.5.1). Default: it is that of this host. */
  readonly serverPostmaster?: boolean;
  /** A connection of the pool to begin with. */
  readonly open?: Held | undefined;
  /** The names of this host by which a target must not greet. Default: targets with public addresses must not by `ownNames`. */
  readonly mayNotGreetAs?: (target: Target) => readonly string[];
  /** Told of each recipient, by index, as soon as it is certain what became of him. What it throws is a warning of the process. */
  readonly report?: ((recipient: number, result: RecipientOutcome) => void) | undefined;
}

/** Reply to a greeting that says: this host takes no mail (RFC 7504 §3). */
const TAKES_NO_MAIL = 521;

/** Destinations that a connection is known for, so that the DNS need not be asked: the pool takes note of all of them with each mail. Behind sixty mails to a thousand domains each one to a single recipient took 80 ms, not 1. */
const MOST_DESTINATIONS = 100;

/** Reply that says: not before AUTH, or STARTTLS (RFC 4954 §6, RFC 3207 §4). */
const AUTH_FIRST = 530;

/** Tries the targets in order; an outcome for each recipient, in their order. `targets` must yield at least one, unless `open` is given; it throws where there may be more than it can tell. */
export async function deliver(mail: Outgoing, forwardPaths: readonly ForwardPath[], targets: AsyncIterable<Target>, options: DeliverOptions): Promise<readonly RecipientOutcome[]> {
  const delivery = new Delivery(mail, forwardPaths, options);
  let whole = true; // the plan was gone through, as far as anybody was left
  if (options.open !== undefined) await delivery.over(options.open);
  try {
    if (!delivery.done) {
      for await (const group of raced(targets)) {
        const losers = await delivery.to(group);
        for (const loser of losers) if (!delivery.done) await delivery.to([loser]);
        if (delivery.done) break; // before another host is looked up
      }
    }
  } catch (error) {
    if (delivery.unheard) throw error; // else: further hosts were not to be had, and what the first ones said stands
    whole = false;
  }
  return delivery.conclude(whole);
}

/** The recipients of one mail, and what has become of them so far. */
class Delivery {
  readonly #mail: Outgoing;
  readonly #paths: readonly ForwardPath[];
  readonly #options: DeliverOptions;
  readonly #results: (RecipientOutcome | undefined)[];
  readonly #tries: number[]; //             in which RCPT deferred the recipient
  readonly #tried = new Set<string>(); //   addresses to which a connection was open
  readonly #unproven = new Set<string>(); // addresses whose certificate did not do
  #left: readonly number[]; //              recipients who are to be tried, by their index
  #best: number | undefined; //             the preference of the first target
  #allTurnedAway = true; //                 by a 521 greeting
  readonly #planned: Target[] = []; //      that have had their turn
  readonly #lacking = new Set<string>(); // where the mail needs what the host does not offer
  #silent = Infinity; //                    the best preference of hosts to which no connection came about
  #ended = false; //                        nothing further is to be tried

  constructor(mail: Outgoing, paths: readonly ForwardPath[], options: DeliverOptions) {
    this.#mail = { ...mail, reversePath: outgoingReversePath(mail.reversePath) };
    this.#paths = paths;
    this.#options = options;
    this.#results = paths.map(() => undefined);
    this.#tries = paths.map(() => 0);
    this.#left = [...paths.keys()];
  }

  /** Nobody is to be tried further. */
  get done(): boolean {
    return this.#ended || this.#closing || this.#left.length === 0;
  }

  /** There is a recipient to whom nothing has happened. */
  get unheard(): boolean {
    return this.#results.includes(undefined);
  }

  /** Tries the targets, whichever of them answers first; returns those that need still be tried. */
  async to(targets: readonly Target[]): Promise<readonly Target[]> {
    const { pool } = this.#options;
    this.#planned.push(...targets);
    const left = targets.filter((target) => (target.again === true ? this.#unproven.has(endpointOf(target)) : !this.#tried.has(endpointOf(target))));
    for (const target of left) {
      const held = pool?.takeAt(target);
      if (held !== undefined && (await this.over(held, target))) return left.filter((other) => other !== target);
    }
    const [first, ...others] = left;
    return first === undefined ? [] : this.#anew([first, ...others]);
  }

  /** Sends over a connection that has served before; false: it was stale, or nothing is to be begun, and nothing has happened. `target`: the same place as this mail's plan has it, not that of the mail it was opened for. */
  async over(held: Held, target = held.target): Promise<boolean> {
    const outcomes = this.#closing ? undefined : await this.#send(held, target);
    if (outcomes === undefined || isStale(outcomes)) {
      this.#back(held);
      return false;
    }
    this.#take(outcomes, target);
    if (!this.done) this.#tried.add(endpointOf(held.target));
    this.#back(held);
    return true;
  }

  /** Opens a connection, and sends over it. */
  async #anew([target, ...others]: readonly [Target, ...Target[]]): Promise<readonly Target[]> {
    this.#best ??= target.preference;
    try {
      const { held, losers } = await openTo([target, ...others], { ...this.#options, ownNames: this.#forbiddenNames(target) });
      this.#take(await this.#send(held, held.target), held.target);
      this.#back(held);
      return losers;
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      this.#silent = Math.min(this.#silent, error.local ? -Infinity : target.preference); // by our own fault any may be missed
      this.#take(this.#left.map(() => unconnected(error, this.#closing)), target);
      return [];
    }
  }

  #send(held: Held, target: Target): Promise<readonly Outcome[]> {
    const { hostname, destinations = [], serverPostmaster = false } = this.#options;
    held.mails += 1;
    for (const destination of destinations) if (held.destinations.size < MOST_DESTINATIONS) held.destinations.add(destination);
    const left = this.#left;
    const { mail, paths } = forSome(this.#mail, this.#paths, left);
    const hear = (index: number, outcome: Outcome): void => {
      if (outcome.state === 'delivered' || (outcome.reason === undefined && this.#ownWords(outcome, target).state === 'failed')) this.#note(left[index] ?? -1, outcome, target); // nothing that comes later changes that
    };
    return held.connection.send({ ...mail, content: () => mail.content(held.target.host) }, paths.map((path) => outgoingForwardPath(path, serverPostmaster ? undefined : hostname)), hear);
  }

  #back(held: Held): void {
    const { pool } = this.#options;
    if (pool === undefined) void held.connection.quit();
    else pool.give(held);
  }

  /** Takes the outcomes of those who are open. */
  #take(outcomes: readonly Outcome[], target: Target): void {
    this.#best ??= target.preference;
    for (const [index, recipient] of this.#left.entries()) {
      const outcome = outcomes[index];
      if (outcome !== undefined && this.#isOpen(recipient)) this.#note(recipient, outcome, target);
    }
    this.#left = this.#left.filter((recipient) => this.#isOpen(recipient));
  }

  /** Takes the outcome of one who is open, and tells of him if it is the last one. */
  #note(recipient: number, outcome: Outcome, target: Target): void {
    const forwardPath = this.#paths[recipient];
    if (forwardPath === undefined) return;
    if (isOfRecipient(outcome)) this.#tries[recipient] = (this.#tries[recipient] ?? 0) + 1;
    this.#allTurnedAway &&= outcome.reply.code === TAKES_NO_MAIL;
    if (outcome.state !== 'delivered' && OF_CERTIFICATE.has(outcome.reason)) this.#unproven.add(endpointOf(target));
    if (isLack(outcome)) this.#lacking.add(endpointOf(target));
    const [before, after] = [weightOf(this.#results[recipient]?.outcome), weightOf(outcome)];
    if (after < before || (after === before && after === SILENT)) return;
    const result = { forwardPath, outcome: this.#ownWords(outcome, target), target };
    this.#results[recipient] = result;
    if (!this.#isOpen(recipient)) this.#options.report?.(recipient, result);
  }

  #isOpen(recipient: number): boolean {
    return isOpen(this.#results[recipient], this.#tries[recipient] ?? 0);
  }

  /** Outcomes, in the order of the recipients. `whole`: there was no further host to be tried, but for our own end. */
  conclude(whole: boolean): readonly RecipientOutcome[] {
    const lacking = Math.min(...this.#planned.filter((target) => this.#lacking.has(endpointOf(target))).map(({ preference }) => preference));
    return this.#paths.map((forwardPath, recipient) => {
      let result = this.#results[recipient];
      const told = !this.#isOpen(recipient);
      result ??= { forwardPath, outcome: { ...ABORTED, time: Date.now() } };
      if (!whole || this.#closing || this.#silent < lacking) {
        if (result.outcome.state === 'failed' && !told) result = { ...result, outcome: this.#closing ? { ...ABORTED, time: Date.now() } : { ...result.outcome, state: 'deferred' } };
      } else if (result.outcome.state === 'deferred' && this.#allTurnedAway && this.#options.configured !== true && result.target !== undefined) result = { forwardPath, outcome: { state: 'failed', reply: ownVerdict('takes-no-mail').reply, inReplyTo: 'the connection', time: Date.now() } };
      if (!told) this.#options.report?.(recipient, result);
      return result;
    });
  }

  get #closing(): boolean {
    const { closing = this.#options.signal } = this.#options;
    return closing?.aborted === true;
  }

  /** The operator's own slip fails nobody. RFC 5321 §5.1: where the best host is this one, mail loops; where another is, there is a better one that may come back. */
  #ownWords(outcome: Outcome, { host, preference }: Target): Outcome {
    if (outcome.state === 'failed' && outcome.reply.code === AUTH_FIRST && this.#options.configured === true) return { ...outcome, state: 'deferred' };
    if (!('reason' in outcome) || outcome.reason !== 'own-host') return outcome;
    this.#ended = true;
    if (preference !== this.#best) return outcome;
    return { ...outcome, state: 'failed', reply: ownVerdict('loops-back', `${host} greets as this host`).reply };
  }

  /** Choice: hosts with private addresses may have our name: many a machine calls all its servers by the same name, and ours are known by address. */
  #forbiddenNames(target: Target): readonly string[] {
    const { ownNames = [], mayNotGreetAs = ({ address }) => (addressKind(address)?.scope === 'public' ? ownNames : []) } = this.#options;
    return atOnce('mayNotGreetAs', mayNotGreetAs(target));
  }
}

/** What the host lacks, and another one may have. */
const ELSEWHERE: ReadonlySet<string | undefined> = new Set<Reason>(['8bit-not-offered', 'binary-not-offered', 'utf8-not-offered', 'utf8-header-not-offered', 'size-not-accepted', 'require-tls-not-offered', 'require-tls-not-secured']);

/** What the certificate for another name of the same address may mend. */
const OF_CERTIFICATE: ReadonlySet<string | undefined> = new Set<Reason>(['require-tls-not-secured', 'tls-not-verified']);

/** A server has said it to RCPT, and not of the session as a whole. */
function isOfRecipient(outcome: Outcome): boolean {
  return outcome.state !== 'delivered' && outcome.inReplyTo === 'RCPT' && outcome.reason === undefined && outcome.reply.code !== 421;
}

function isOpen(result: RecipientOutcome | undefined, tries: number): boolean {
  if (result === undefined) return true;
  const { outcome } = result;
  return (outcome.state === 'deferred' && tries < 2) || (outcome.state === 'failed' && isLack(outcome));
}

function isLack(outcome: Outcome): boolean {
  return outcome.state !== 'delivered' && ELSEWHERE.has(outcome.reason);
}

/** Weight of a connection that did not come about: of those the first one counts, which is that of the best host. */
const SILENT = 1;

/** Of two hosts, the one whose word weighs more is heard; the later one, where both weigh the same. */
function weightOf(outcome: Outcome | undefined): number {
  if (outcome === undefined) return 0;
  const reason = outcome.state === 'delivered' ? undefined : outcome.reason;
  if (reason === 'no-connection') return SILENT;
  if (reason === 'own-host') return 2;
  return ELSEWHERE.has(reason) ? 3 : 4;
}

/** Where a target is tried, whatever its name (Rule 7). */
function endpointOf({ address, port }: Target): string {
  return `${address} ${port}`;
}
