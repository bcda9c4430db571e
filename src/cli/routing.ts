// The options that decide where mail goes, alike in every command that routes: `serve`, `send` and `route`.

import { Resolver } from '../node/resolve.ts';
import type { NextHop } from '../relay/next-hop.ts';
import type { RouteOptions } from '../relay/route.ts';
import { DNS_SERVER, flag, HOSTNAME, many, NEXT_HOP, one, type OptionValues, PORT, ROUTE } from './option.ts';

export const ROUTING = {
  hostname:            one(HOSTNAME, 'what this host calls itself; default: the name of the machine'),
  resolver:            many(DNS_SERVER, 'DNS server to ask; default: those of the system'),
  mxPort:              one(PORT, 'port of the hosts that MX records name', '25'),
  route:               many(ROUTE, 'next hop of a domain, instead of its MX; perhaps behind smtps:// (TLS at once) or lmtp://', [], ({ domain }) => domain),
  smarthost:           one(NEXT_HOP, 'next hop of all other domains, instead of their MX; perhaps behind smtps:// or lmtp://'),
  allowPrivateTargets: flag('let hosts found by MX have loopback and private addresses'),
};

/** Returns what the options say to routing. */
export function routeOptions(values: OptionValues<typeof ROUTING> & { readonly hostname: string }): RouteOptions {
  return {
    ownNames: [values.hostname],
    ownAddresses: [], // of who listens the agent adds its own
    routes: new Map(values.route.map(({ domain, nextHop }) => [domain, nextHop])),
    ...(values.smarthost === undefined ? {} : { smarthost: values.smarthost }),
    mxPort: values.mxPort,
    allowPrivateTargets: values.allowPrivateTargets,
  };
}

/** The hosts that the options name. */
export function nextHops({ smarthost, route }: Pick<OptionValues<typeof ROUTING>, 'smarthost' | 'route'>): readonly NextHop[] {
  return [...(smarthost === undefined ? [] : [smarthost]), ...route.map(({ nextHop }) => nextHop)];
}

export function resolverOf({ resolver }: OptionValues<typeof ROUTING>): Resolver {
  return new Resolver(resolver.length === 0 ? {} : { servers: resolver });
}
