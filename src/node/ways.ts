// One mail on all the ways that lead to its recipients, side by side.
//
// Rule 1: recipients whose mail goes to the same hosts share one transaction, whatever their domains (RFC 5321 §4.5.4.1).
// Rule 2: a domain whose way is long in being found holds up no other: who comes late goes alone.
// Rule 3: a connection that is open already, and good for the domain, is used before the DNS is asked.

import type { Outcome } from '../protocol/client/action.ts';
import { REASONS } from '../protocol/client/reason.ts';
import { type DestinationGroup, groupByDestination } from '../relay/outgoing.ts';
import type { RouteOptions } from '../relay/route.ts';
import { verdict, type Verdict } from '../relay/verdict.ts';
import type { ForwardPath } from '../syntax/path.ts';
import { deliver, type DeliverOptions, type RecipientOutcome } from './deliver.ts';
import { pause } from './pause.ts';
import type { Held } from './pool.ts';
import type { Resolver, Route } from './resolve.ts';
import type { Outgoing } from './sender.ts';

/** Milliseconds that the ways of the recipients' domains have to be found in, for those that are the same to be shared. */
const GATHERING = 200;

export interface WaysOptions extends Omit<DeliverOptions, 'open' | 'destinations'> {
  readonly resolver: Resolver;
  readonly routing: RouteOptions;
}

/** The domains that an open connection was good for go different ways by now. */
class PartedWays extends Error {}

/** Sends the mail to all of the recipients; an outcome for each, in their order. Never rejects for what the network does. */
export async function sendAllWays(mail: Outgoing, forwardPaths: readonly ForwardPath[], options: WaysOptions): Promise<readonly RecipientOutcome[]> {
  const { resolver, routing, pool, report, hostname, closing = options.signal } = options;
  const results: RecipientOutcome[] = [];

  const settle = (recipient: number, result: RecipientOutcome): void => {
    results[recipient] = result;
    report?.(recipient, result);
  };
  const settleAll = (groups: readonly DestinationGroup[], outcome: Outcome): void => {
    for (const recipient of groups.flatMap(({ recipients }) => recipients)) {
      const forwardPath = forwardPaths[recipient];
      if (forwardPath !== undefined) settle(recipient, { forwardPath, outcome: { ...outcome, time: Date.now() } });
    }
  };
  const routeOf = ({ destination }: DestinationGroup): Promise<Route> => resolver.route(destination, routing, closing === undefined ? {} : { signal: closing });

  /** Delivers to groups that go one way; those of `open` while it serves, then where `route` says. */
  const go = async (groups: readonly DestinationGroup[], find: () => Promise<Extract<Route, { readonly type: 'targets' }>>, open?: Held): Promise<void> => {
    const recipients = groups.flatMap((group) => group.recipients).sort((a, b) => a - b);
    const paths = recipients.map((recipient) => forwardPaths[recipient]).filter((path) => path !== undefined);
    const parameters = mail.recipientParameters === undefined ? {} : { recipientParameters: recipients.map((recipient) => mail.recipientParameters?.[recipient] ?? {}) };
    const targets = (async function* () {
      yield* (await find()).targets;
    })();
    await deliver({ ...mail, ...parameters }, paths, targets, {
      ...options,
      destinations: groups.map(({ key }) => key),
      ownNames: groups.some(({ destination, key }) => destination !== key) ? [] : routing.ownNames, // the operator may have a next hop that he calls as this host
      open,
      report: (index, result) => settle(recipients[index] ?? -1, result),
    });
  };

  /** Finds the ways of groups, and sends those together whose ways are the same. */
  const findWays = async (groups: readonly DestinationGroup[]): Promise<void> => {
    const found: { readonly group: DestinationGroup; readonly route: Extract<Route, { readonly type: 'targets' }> }[] = [];
    const under: Promise<void>[] = [];
    const begin = (): void => {
      const ways = new Map<string, DestinationGroup[]>();
      const batch = found.splice(0);
      for (const { group, route } of batch) ways.set(route.key, [...(ways.get(route.key) ?? []), group]);
      for (const { route } of batch) {
        const together = ways.get(route.key) ?? [];
        if (ways.delete(route.key)) under.push(guarded(together, () => go(together, async () => route)));
      }
    };
    const lookUps = groups.map((group) =>
      guarded([group], async () => {
        const route = await routeOf(group);
        if (route.type === 'verdict') settleAll([group], outcomeOf(route.verdict));
        else found.push({ group, route });
      }),
    );
    if (groups.length > 1) {
      const gathered = new AbortController();
      await Promise.race([Promise.all(lookUps), pause(GATHERING, gathered.signal)]);
      gathered.abort();
      begin();
    }
    await Promise.all(lookUps.map((lookUp) => lookUp.then(begin)));
    await Promise.all(under);
  };

  /** What goes wrong on our own side is an outcome too. */
  const guarded = async (groups: readonly DestinationGroup[], work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (error instanceof PartedWays) return findWays(groups);
      settleAll(groups, closing?.aborted === true ? { ...REASONS['aborted'], inReplyTo: 'nothing', reason: 'aborted' } : outcomeOf(verdict('local-failure', error instanceof Error ? error.message : String(error))));
    }
  };

  const groups = groupByDestination(forwardPaths, hostname, routing);
  const left = new Set(groups);
  const begun: Promise<void>[] = [];
  for (const group of pool === undefined ? [] : groups) {
    const open = left.has(group) ? pool?.take(group.key) : undefined;
    if (open === undefined) continue;
    const together = [...left].filter(({ key }) => open.destinations.has(key));
    for (const each of together) left.delete(each);
    const findAgain = async (): Promise<Extract<Route, { readonly type: 'targets' }>> => {
      const routes = await Promise.all(together.map(routeOf));
      const [first] = routes;
      if (first?.type !== 'targets' || routes.some((route) => route.type !== 'targets' || route.key !== first.key)) throw new PartedWays();
      return first;
    };
    begun.push(guarded(together, () => go(together, findAgain, open)));
  }
  if (left.size > 0) begun.push(findWays([...left]));
  await Promise.all(begun);
  return results;
}

/** The verdict of routing as an outcome; nothing was said by a server. */
function outcomeOf({ kind, reply }: Verdict): Outcome {
  return { state: kind === 'permanent' ? 'failed' : 'deferred', reply, inReplyTo: 'nothing', reason: 'not-routed' };
}
