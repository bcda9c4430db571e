// A next hop that the operator has configured: `--route DOMAIN=HOST:PORT` and `--smarthost HOST:PORT`. Its host is looked up
// by address only, never by MX; brackets around a name, which ask for just that in Postfix's transport map, are taken too.
// A scheme in front, as in `smtps://HOST`, says how the server there is spoken to.

import { formatHostPort, formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../syntax/ip-address.ts';
import { checkFlags, checkNames, shown, UsageError } from '../wire/usage.ts';
import { hostKey } from './host-name.ts';

/** A host that mail goes to, whatever the DNS says of its domain. */
export interface NextHop {
  /** A host name in lower case, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** TLS comes before the greeting (RFC 8314 §3). Default: false. */
  readonly tlsAtOnce?: boolean;
  /** It is a store that speaks LMTP (RFC 2033), which is not for port 25. Default: false. */
  readonly lmtp?: boolean;
}

/** How a server is spoken to, as plans and targets have it. */
export interface Way {
  readonly tlsAtOnce?: true;
  readonly lmtp?: true;
}

/** One `--route`: `domain` is a domain, `.domain` for all that is below it, or `*`. */
export interface RouteEntry {
  readonly domain: string;
  readonly nextHop: NextHop;
}

/** Returns the next hop in `host`, `host:port`, `192.0.2.1:25`, `[2001:db8::1]:25` or `[IPv6:2001:db8::1]`; undefined for anything else. */
export function parseNextHop(text: string, defaultPort = 25): NextHop | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = digits === undefined ? defaultPort : Number(digits);
  const host = parseHost(bracketed?.replace(/^ipv6:/i, '') ?? plain ?? '');
  return host === undefined || !isPort(port) ? undefined : { host, port };
}

/** How servers are spoken to; the ports are those of the IANA. */
const SCHEMES: Readonly<Record<string, { readonly port: number; readonly not: readonly number[]; readonly way: Way }>> = {
  smtp:        { port: 25,  not: [],        way: {} },
  submission:  { port: 587, not: [],        way: {} },
  smtps:       { port: 465, not: [25, 587], way: { tlsAtOnce: true } }, // RFC 8314 §3.3: TLS whatever the policy; whose certificate will do is for that to say
  submissions: { port: 465, not: [25, 587], way: { tlsAtOnce: true } },
  lmtp:        { port: 24,  not: [25],      way: { lmtp: true } }, // RFC 2033 §5
};

/** Returns the server at `HOST:PORT`, or behind a scheme, as in `smtps://HOST`; undefined for anything else, and for a port on which the scheme is not spoken. */
export function parseServer(text: string): NextHop | undefined {
  const [, scheme = 'smtp', place = ''] = /^(?:([a-z]+):\/\/)?(.*?)\/?$/.exec(text) ?? [];
  const row = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined;
  const nextHop = row && parseNextHop(place, row.port);
  return row === undefined || nextHop === undefined || row.not.includes(nextHop.port) ? undefined : { ...nextHop, ...row.way };
}

/** Returns `host:port`, an IPv6 address in brackets; behind `smtps://` where TLS comes at once, and `lmtp://` where LMTP is spoken. */
export function formatNextHop(hop: NextHop): string {
  return schemeOf(wayOf(hop)) + formatHostPort(hop.host, hop.port);
}

export function wayOf({ tlsAtOnce = false, lmtp = false }: Pick<NextHop, 'tlsAtOnce' | 'lmtp'>): Way {
  return { ...(tlsAtOnce ? { tlsAtOnce } : {}), ...(lmtp ? { lmtp } : {}) };
}

/** What stands in front of a server: nothing for the usual way. */
export function schemeOf({ tlsAtOnce, lmtp }: Way): string {
  return lmtp === true ? 'lmtp://' : tlsAtOnce === true ? 'smtps://' : '';
}

/** Returns what `DOMAIN=HOST:PORT` says; undefined where either side is malformed. */
export function parseRoute(text: string): RouteEntry | undefined {
  const at = text.indexOf('=');
  const written = text.slice(0, Math.max(at, 0));
  const domain = written === '*' ? written : written.startsWith('.') ? prefixed(hostKey(written.slice(1))) : hostKey(written);
  const nextHop = parseServer(text.slice(at + 1));
  return domain === undefined || nextHop === undefined ? undefined : { domain, nextHop };
}

const HOP_OPTIONS: Readonly<Record<keyof NextHop, true>> = { host: true, port: true, tlsAtOnce: true, lmtp: true };

/** Throws UsageError for next hops that are none, and for a route that no domain would ever take. */
export function checkNextHops({ routes, smarthost, mxPort }: { readonly routes?: ReadonlyMap<string, NextHop>; readonly smarthost?: NextHop; readonly mxPort?: number }): void {
  if (routes !== undefined && typeof routes?.get !== 'function') throw new UsageError(`routes must be a Map, not ${shown(routes)}`);
  for (const [name, hop] of [['smarthost', smarthost], ...(routes ?? [])] as const) {
    if (hop === undefined) continue;
    if (!isNextHop(hop)) throw new UsageError(`the next hop of ${name} must be { host, port }, not ${shown(hop)}`);
    checkNames(hop, HOP_OPTIONS);
    checkFlags(hop, ['tlsAtOnce', 'lmtp']);
    if (hop.lmtp === true && hop.tlsAtOnce === true) throw new UsageError('a next hop has one of lmtp and tlsAtOnce: a server of LMTP offers STARTTLS');
    if (hop.lmtp === true && hop.port === 25) throw new UsageError('LMTP is not for port 25 (RFC 2033 §5)');
  }
  if (mxPort !== undefined && !isPort(mxPort)) throw new UsageError(`mxPort must be a port, not ${shown(mxPort)}`);
  for (const domain of routes?.keys() ?? [])
    if (domain !== '*' && hostKey(domain.replace(/^\./, '')) !== domain.replace(/^\./, '')) throw new UsageError(`routes are by domains in lower case and A-labels, such as "example.org", ".example.org" for all below it, or "*", not by ${shown(domain)}`);
}

/** Throws UsageError where LMTP would be spoken to port 25, which RFC 2033 §5 forbids: by MX, above all, where no next hop is named. */
export function checkLmtpHops({ routes, smarthost, mxPort = 25 }: { readonly routes?: ReadonlyMap<string, NextHop>; readonly smarthost?: NextHop; readonly mxPort?: number }): void {
  const byMx = smarthost === undefined && routes?.has('*') !== true;
  if (byMx && mxPort === 25) throw new UsageError('LMTP goes to a next hop, such as routing: { smarthost: { host: "localhost", port: 24 } }, and to no mail exchanger (RFC 2033 §5)');
  if ([smarthost, ...(routes?.values() ?? [])].some((hop) => hop?.port === 25)) throw new UsageError('LMTP is not for port 25 (RFC 2033 §5)');
}

/**
 * Returns the next hop of a domain (its key: lower case, A-labels): its own entry, else that of the nearest `.parent`,
 * else that of `*`; undefined: by MX.
 */
export function findRoute(routes: ReadonlyMap<string, NextHop>, domain: string): NextHop | undefined {
  const own = routes.get(domain);
  if (own !== undefined) return own;
  for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
    const parent = routes.get(domain.slice(dot));
    if (parent !== undefined) return parent;
  }
  return routes.get('*');
}

/** Whether it is one, whatever its type promised. */
export function isNextHop(hop: NextHop | undefined): boolean {
  return typeof hop?.host === 'string' && isPort(hop.port);
}

function isPort(port: unknown): boolean {
  return typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65535;
}

function parseHost(text: string): string | undefined {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== undefined) return formatIpv4(ipv4);
  const ipv6 = parseIpv6(text);
  return ipv6 === undefined ? hostKey(text) : formatIpv6(ipv6);
}

function prefixed(key: string | undefined): string | undefined {
  return key === undefined ? undefined : `.${key}`;
}
