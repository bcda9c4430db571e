// Paths as a relay sends them on: without source routes, with a domain, and those of one destination together
// (RFC 5321 §3.6.1, §4.1.1.3, §4.5.1, §4.5.4.1).

import type { ForwardPath, MailboxPath, ReversePath } from '../syntax/path.ts';
import { isFault } from '../syntax/fault.ts';
import { parseForwardPath } from '../syntax/path.ts';
import { findRoute, formatNextHop, type NextHop } from './next-hop.ts';
import type { RouteOptions } from './route.ts';

export function outgoingReversePath(path: ReversePath): ReversePath {
  return path.type === 'null' ? path : withoutRoute(path);
}

/** `<postmaster>` is that of `hostname`, the host that took the mail; it stays as it is where that is an address literal that no path can hold, and without a hostname. */
export function outgoingForwardPath(path: ForwardPath, hostname: string | undefined): ForwardPath {
  if (path.type === 'path') return withoutRoute(path);
  if (hostname === undefined) return path;
  const named = parseForwardPath(`<postmaster@${hostname}>`);
  return isFault(named) ? path : named;
}

/** Recipients, by their index, whose mail goes one way for what is known without the DNS: the same domain, or the same configured next hop. */
export interface DestinationGroup {
  /** The domain or literal that decides where mail for the first of them goes, as the DNS is asked for it. */
  readonly domain: string;
  /** The same for all of them, see `destinationKey`. */
  readonly key: string;
  readonly recipients: readonly number[];
}

/** Groups recipients that one transaction can serve (§4.5.4.1). */
export function groupByDestination(paths: readonly ForwardPath[], hostname: string, options: Pick<RouteOptions, 'routes' | 'smarthost'>): readonly DestinationGroup[] {
  const groups = new Map<string, { readonly domain: string; readonly key: string; readonly recipients: number[] }>();
  for (const [recipient, path] of paths.entries()) {
    const key = destinationKey(path, hostname, options);
    const group = groups.get(key) ?? { domain: domainOf(path, hostname), key, recipients: [] };
    group.recipients.push(recipient);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Returns what paths of one destination have in common: the domain or literal, or the next hop that is configured for it. */
export function destinationKey(path: ForwardPath, hostname: string, { routes, smarthost }: Pick<RouteOptions, 'routes' | 'smarthost'>): string {
  const domain = domainOf(path, hostname);
  const nextHop = findRoute(routes, domain) ?? smarthost;
  return nextHop === undefined ? domain : nextHopKey(nextHop);
}

/** What mail for a configured next hop has in common. The same text each time: mails that wait need not have one of their own each. */
export function nextHopKey(nextHop: NextHop): string {
  let text = TEXTS.get(nextHop);
  if (text === undefined) TEXTS.set(nextHop, (text = formatNextHop(nextHop)));
  return text;
}

const TEXTS = new WeakMap<NextHop, string>();

/** The domain or literal that decides where mail for the path goes, as the DNS is asked for it. */
export function domainOf(path: ForwardPath, hostname: string): string {
  return path.type === 'path' ? path.mailbox.domain.key : hostname.toLowerCase();
}

export const DESTINATION_CLASSES = ['mx', 'literal', 'route', 'smarthost', 'maildir'] as const;

/** How the way of a mail is found: by MX, from an address literal, by a configured next hop; or it goes into the Maildir. */
export type DestinationClass = (typeof DESTINATION_CLASSES)[number];

/** Returns the class of a path that is relayed. */
export function destinationClass(path: ForwardPath, hostname: string, { routes, smarthost }: Pick<RouteOptions, 'routes' | 'smarthost'>): DestinationClass {
  if (findRoute(routes, domainOf(path, hostname)) !== undefined) return 'route';
  if (smarthost !== undefined) return 'smarthost';
  return path.type === 'path' && path.mailbox.domain.type !== 'domain' ? 'literal' : 'mx';
}

function withoutRoute(path: MailboxPath): MailboxPath {
  return path.sourceRoute.length === 0 ? path : { ...path, text: `<${path.mailbox.text}>`, sourceRoute: [] };
}
