// Routing as it is now: it knows our name, and the addresses that we listen on, so that no mail comes back to us (RFC 5321 §5.1).

import { networkInterfaces } from 'node:os';
import type { Milliseconds } from '../protocol/limit.ts';
import type { RouteOptions } from '../relay/route.ts';
import { now } from './now.ts';

/** Milliseconds for which the addresses of this machine are taken to be the same. */
const INTERFACES_LIFE: Milliseconds = 30_000;

/** A place that is listened on. */
interface Listener {
  readonly host: string;
  readonly port: number;
}

export class OwnRouting {
  readonly #routing: Omit<RouteOptions, 'ownAddresses'>;
  readonly #listeners: Listener[] = [];
  #known: RouteOptions | undefined;
  #until: Milliseconds = 0;

  constructor(routing: Omit<RouteOptions, 'ownNames' | 'ownAddresses'>, hostname: string) {
    this.#routing = { ...routing, ownNames: [hostname] };
  }

  /** One more place is listened on. */
  add(listener: Listener): void {
    this.#listeners.push(listener);
    this.#known = undefined;
  }

  get current(): RouteOptions {
    if (this.#known !== undefined && this.#until > now()) return this.#known;
    this.#until = now() + INTERFACES_LIFE;
    return (this.#known = { ...this.#routing, ownAddresses: this.#listeners.flatMap(addressesOf) });
  }
}

/** The addresses that a listener has: those of every interface, where it listens on all of them. */
function addressesOf({ host, port }: Listener): RouteOptions['ownAddresses'] {
  const all = host === '0.0.0.0' || host === '::' ? Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []) : [];
  const reached = all.filter(({ family }) => host === '::' || family === 'IPv4');
  return [host, ...reached.map(({ address }) => address)].map((address) => ({ address, port }));
}
