// One mail on all the ways that lead to its recipients, side by side.
//
// Rule 1: recipients whose mail goes to the same hosts share one transaction, whatever their domains (RFC 5321 §4.5.4.1).
// Rule 2: a domain whose way is long in being found holds up no other: who comes late goes alone, or with those who wait to go there.
// Rule 3: a connection that is open already, and good for the domain, is used before the DNS is asked.
// Rule 4: a mail to thousands of domains has a hundred of them looked up, and as many connections, at a time.
// Rule 5: a smarthost that hears who we are has mail under TLS with a certificate that names it, or not at all (RFC 4954 §14).
// Choice: a relay keeps SCRAM back too where the certificate is not good: who is in the middle learns no password from it, but passes it
//         on, and has the session.

import type { Outcome } from '../protocol/client/action.ts';
import { type DestinationGroup, groupByDestination, nextHopKey } from '../relay/outgoing.ts';
import type { RouteOptions, Target } from '../relay/route.ts';
import { ownVerdict, type OwnVerdict } from '../relay/own-verdict.ts';
import type { ForwardPath } from '../syntax/path.ts';
import { Aborter } from './aborter.ts';
import { lookedUp } from './ascii-path.ts';
import { deliver, type DeliverOptions, type RecipientOutcome } from './deliver.ts';
import { errorText } from './error-text.ts';
import { ABORTED } from './opener.ts';
import { pause } from './pause.ts';
import type { Held } from './pool.ts';
import type { Resolver, Route } from './resolve.ts';
import { forSome, type Outgoing, type SenderOptions } from './sender.ts';
import { Turnstile } from './turnstile.ts';

/** Milliseconds that the ways of the recipients' domains have to be found in, for those that are the same to be shared. */
const GATHERING = 200;

/** Ways that are looked for, and that are gone, at a time. */
const MOST_WAYS = 100;

export interface WaysOptions extends Omit<DeliverOptions, 'open' | 'destinations' | 'configured'> {
  readonly resolver: Resolver;
  readonly routing: RouteOptions;
  /** Who we are to the smarthost of `routing`; no other host hears it. Default: nobody. */
  readonly smarthostAuth?: SenderOptions['auth'] | undefined;
  /** Told of the key of each route that is found. */
  readonly routed?: ((key: string) => void) | undefined;
}

/** The domains that an open connection was good for go different ways by now. */
class PartedWays extends Error {}

type Targets = Extract<Route, { readonly type: 'targets' }>;

/** Sends the mail to all of the recipients; an outcome for each, in their order. Never rejects for what the network does. */
export async function sendAllWays(mail: Outgoing, forwardPaths: readonly ForwardPath[], options: WaysOptions): Promise<readonly RecipientOutcome[]> {
  const ways = new Ways(mail, forwardPaths, options);
  const left = new Set(groupByDestination(forwardPaths.map(lookedUp), options.hostname, options.routing));
  const begun: Promise<void>[] = [];
  for (const group of left) {
    const open = options.pool?.take(group.key);
    if (open === undefined) continue;
    const together = [...left].filter(({ key }) => open.destinations.has(key));
    for (const each of together) left.delete(each);
    begun.push(ways.overOpen(together, open));
  }
  if (left.size > 0) begun.push(ways.find([...left]));
  await Promise.all(begun);
  return ways.results;
}

/** What has become of each recipient, and what is done for groups of them. */
class Ways {
  readonly results: RecipientOutcome[] = [];
  readonly #mail: Outgoing;
  readonly #paths: readonly ForwardPath[];
  readonly #options: WaysOptions;
  readonly #lookUps = new Turnstile(MOST_WAYS);
  readonly #sessions = new Turnstile(MOST_WAYS);
  readonly #waiting = new Map<string, DestinationGroup[]>(); // for their turn, by the keys of their routes

  constructor(mail: Outgoing, paths: readonly ForwardPath[], options: WaysOptions) {
    this.#mail = mail;
    this.#paths = paths;
    this.#options = options;
  }

  /** Sends to groups over a connection that is good for all of them; what it leaves, where they go now. */
  overOpen(groups: readonly DestinationGroup[], open: Held): Promise<void> {
    const findAgain = async (): Promise<Targets> => {
      const routes = await Promise.all(groups.map((group) => this.#route(group)));
      const [first] = routes;
      if (first?.type !== 'targets' || routes.some((route) => route.type !== 'targets' || route.key !== first.key)) throw new PartedWays();
      return first;
    };
    return this.#guard(groups, () => this.#go(groups, findAgain, open));
  }

  /** Finds the ways of groups, and sends to those together whose ways are the same. */
  async find(groups: readonly DestinationGroup[]): Promise<void> {
    const found: { readonly group: DestinationGroup; readonly route: Targets }[] = [];
    const begun: Promise<void>[] = [];
    const begin = (): void => void begun.push(...this.#goTogether(found.splice(0)));
    const lookUps = groups.map((group) =>
      this.#guard([group], async () => {
        const route = await this.#lookUps.pass('', () => this.#route(group));
        if (route.type === 'verdict') this.#settleAll([group], outcomeOf(route.verdict));
        else found.push({ group, route });
      }),
    );
    if (groups.length > 1) {
      const gathered = new Aborter();
      await Promise.race([Promise.all(lookUps), pause(GATHERING, gathered.signal)]);
      gathered.abort();
      begin();
    }
    await Promise.all(lookUps.map((lookUp) => lookUp.then(begin)));
    await Promise.all(begun);
  }

  #goTogether(found: readonly { readonly group: DestinationGroup; readonly route: Targets }[]): readonly Promise<void>[] {
    const begun: Promise<void>[] = [];
    for (const { group, route } of found) {
      const others = this.#waiting.get(route.key);
      if (others === undefined) begun.push(this.#goInTurn(route, [group]));
      else others.push(group);
    }
    return begun;
  }

  /** `groups`: grows until it is their turn. */
  #goInTurn(route: Targets, groups: DestinationGroup[]): Promise<void> {
    this.#waiting.set(route.key, groups);
    return this.#guard(groups, () =>
      this.#sessions.pass('', async () => {
        await undefined; // those that were found with the first go with it
        this.#waiting.delete(route.key);
        await this.#go(groups, async () => route);
      }),
    );
  }

  /** Delivers to groups that go one way: over `open` first, then where `find` says. */
  async #go(groups: readonly DestinationGroup[], find: () => Promise<Targets>, open?: Held): Promise<void> {
    const { routing, smarthostAuth, auth } = this.#options;
    const { smarthost } = routing;
    const [first, ...others] = groups;
    const recipients = first !== undefined && others.length === 0 ? first.recipients : groups.flatMap((group) => group.recipients).sort((a, b) => a - b);
    const { mail, paths } = forSome(this.#mail, this.#paths, recipients);
    const configured = groups.some(({ domain, key }) => domain !== key);
    const toSmarthost = smarthost !== undefined && first?.key === nextHopKey(smarthost);
    const known = toSmarthost ? smarthostAuth : undefined;
    // Not by spreading: what is added to what was spread costs 1 µs a property.
    const options = Object.assign({}, this.#options, {
      destinations: groups.map(({ key }) => key),
      configured,
      auth: toSmarthost ? (known ?? auth) : undefined,
      ownNames: configured ? [] : routing.ownNames, // the operator may have a next hop that he calls as this host
      open,
      report: (index: number, result: RecipientOutcome) => this.#settle(recipients[index] ?? -1, result),
    }, known === undefined || known.clearText === true ? {} : { tlsPolicy: 'verify' as const });
    await deliver(mail, paths, targetsOf(find), options);
  }

  /** What goes wrong on our own side is an outcome too. */
  async #guard(groups: readonly DestinationGroup[], work: () => Promise<void>): Promise<void> {
    const { closing = this.#options.signal } = this.#options;
    try {
      await work();
    } catch (error) {
      if (error instanceof PartedWays) return this.find(groups);
      const open = groups.map((group) => ({ ...group, recipients: group.recipients.filter((recipient) => this.results[recipient] === undefined) })); // nobody who has been delivered is told otherwise
      this.#settleAll(open, closing?.aborted === true ? ABORTED : outcomeOf(ownVerdict('local-failure', errorText(error))));
    }
  }

  async #route({ domain }: DestinationGroup): Promise<Route> {
    const { resolver, routing, routed, timeout, signal, closing = signal } = this.#options;
    const route = await resolver.route(domain, routing, { signal: closing, timeout });
    if (route.type === 'targets') routed?.(route.key);
    return route;
  }

  #settleAll(groups: readonly DestinationGroup[], outcome: Outcome): void {
    for (const recipient of groups.flatMap(({ recipients }) => recipients)) {
      const forwardPath = this.#paths[recipient];
      if (forwardPath !== undefined) this.#settle(recipient, { forwardPath, outcome: { ...outcome, time: Date.now() } });
    }
  }

  #settle(recipient: number, result: RecipientOutcome): void {
    this.results[recipient] = result;
    this.#options.report?.(recipient, result);
  }
}

/** The targets of a way; throws where there may be more than these. */
async function* targetsOf(find: () => Promise<Targets>): AsyncGenerator<Target, void> {
  const route = await find();
  yield* route.targets;
  const missed = route.missed();
  if (missed !== undefined) throw new Error(missed);
}

/** The verdict of routing as an outcome; nothing was said by a server. */
function outcomeOf({ kind, reply }: OwnVerdict): Outcome {
  return { state: kind === 'permanent' ? 'failed' : 'deferred', reply, inReplyTo: 'nothing', reason: 'not-routed' };
}
