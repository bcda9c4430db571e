// A session as a transcript sees it: what it takes, and what happens, in the transcript's own words.

import type { Milliseconds } from '../protocol/limit.ts';
import type { Hash } from '../protocol/sasl/exchange.ts';
import type { ApplicationLine } from './application.ts';
import { ClientPlayer } from './client-player.ts';
import type { WorldEvent } from './format.ts';
import type { Script, Step } from './script.ts';
import { ServerPlayer, serverOptionsOf } from './server-player.ts';

export interface Player {
  readonly state: string;
  readonly deadline: Milliseconds;
  receive(octets: Uint8Array, now: Milliseconds): void;
  expire(now: Milliseconds): void;
  /** Whether the octets of the peer are lines now, and not those of a chunk. */
  readonly readsLines: boolean;
  /** The peer closed its side, the connection broke, our side shall end, or TLS begins. Returns why that cannot be now, if so. */
  meet(event: Met, now: Milliseconds): string | undefined;
  /** The application speaks. Returns why it cannot now, if so. */
  say(step: Said, now: Milliseconds): string | undefined;
  /** Whether the application is wanted to `supply` content. */
  readonly wanting: boolean;
  supply(octets: Uint8Array, now: Milliseconds): void;
  /** What happened, in order, in one step of the session; undefined when it waits. */
  next(): readonly Happening[] | undefined;
}

/** What the world can do to a session, besides letting time pass. */
export type Met = Exclude<WorldEvent['happens'], 'clock' | 'close'>;

/** What a session does. */
export type Happening =
  | { readonly type: 'sent'; readonly octets: Uint8Array } // a view, valid until the next call
  | { readonly type: 'told'; readonly said: ApplicationLine }
  | { readonly type: 'closed' };

export type Said = Step & { readonly type: 'say' };

/** Returns what makes a new session, with the options of the script, at time 0, as often as it is called; `hash` is for exchanges of SASL. */
export function playersOf(script: Script, hash: Hash): () => Player {
  if (script.header.subject === 'client') return () => new ClientPlayer(script, hash);
  const options = serverOptionsOf(script.header, hash); // one for all, as a server has them
  return () => new ServerPlayer(script, options);
}
