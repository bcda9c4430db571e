// Opening a connection for mail to a host by whichever of its addresses answers first.

import type { Socket } from 'node:net';
import type { Outcome } from '../protocol/client/action.ts';
import { REASONS } from '../protocol/client/reason.ts';
import { wayOf } from '../relay/next-hop.ts';
import type { Target } from '../relay/route.ts';
import { ownVerdict } from '../relay/own-verdict.ts';
import { connect, CONNECT_TIMEOUT, ConnectError } from './connect.ts';
import { now } from './now.ts';
import { placeOf, type Held } from './pool.ts';
import { connectFirst } from './race.ts';
import { openConnection, type SenderOptions } from './sender.ts';

export interface Opened {
  readonly held: Held;
  /** Targets that have not failed, and were not chosen. */
  readonly losers: readonly Target[];
}

/** Opens a session with one of the targets, all of one host. Rejects with a ConnectError; what a server says is for the first mail to hear. */
export async function openTo(targets: readonly [Target, ...Target[]], options: SenderOptions): Promise<Opened> {
  const { timeout = Infinity, closing = options.signal } = options;
  let [target] = targets;
  let candidates: readonly Target[] = targets;
  let losers: readonly Target[] = [];
  const open = async (): Promise<Socket> => {
    const won = await connectFirst(candidates, (each, signal) => connect(each, { signal, timeout: Math.min(timeout, CONNECT_TIMEOUT) }), closing);
    if (candidates.length > 1) losers = won.losers;
    [target, candidates] = [won.target, [won.target]]; // a second session, in clear, is with the same address
    return won.socket;
  };
  const connection = await openConnection(open, { serverName: target.host, ...options, ...wayOf(target) });
  return { held: { connection, target, place: placeOf(target), destinations: new Set(), opened: now(), mails: 0 }, losers };
}

/** Yields targets alone, or two that may be raced. */
export async function* raced(targets: AsyncIterable<Target>): AsyncGenerator<readonly [Target, ...Target[]], void> {
  let first: Target | undefined;
  for await (const target of targets) {
    if (first === undefined && target.raced === true) {
      first = target;
      continue;
    }
    yield first === undefined ? [target] : [first, target];
    first = undefined;
  }
  if (first !== undefined) yield [first];
}

/** The outcome where no connection came about. */
export function unconnected({ local, message }: ConnectError, closing: boolean): Outcome {
  if (closing) return { ...ABORTED, time: Date.now() };
  const { reply } = local ? ownVerdict('local-failure') : REASONS['no-connection'];
  return { state: 'deferred', reply: { ...reply, lines: [message] }, inReplyTo: 'nothing', reason: 'no-connection', time: Date.now() };
}

/** The outcome of who was not tried because our own end came first. */
export const ABORTED: Outcome = { ...REASONS['aborted'], inReplyTo: 'nothing', reason: 'aborted' };
