// From a recipient's domain to the hosts that take its mail, best first (RFC 5321 §5.1, §5.2; null MX: RFC 7505).
//
// Pure functions of DNS answers, for a shell to ask in between:
//
//   locate(domain)  →  hosts that are known without MX, a verdict, or "ask for MX"
//   rank(domain, the MX answer)  →  hosts in levels of preference, or a verdict
//   planTargets(hosts, the addresses known so far)  →  targets, and which hosts to look up next (target.ts)
//
// Every decision leaves a step that says what was found and which clause decided, so that a plan can be explained.
// Choice: a next hop that the operator has configured goes before all lookups; which domain mail goes to is "a local matter"
// (RFC 5321 §2.1). What goes wrong with it is temporary: our own slip must not bounce anybody's mail. Postfix does both.
// Left out: MTA-STS (RFC 8461), DANE (RFC 7672), guessing at a fully qualified name (RFC 5321 §5.1: relays MUST NOT).

import { checkOwnNames } from '../protocol/hostname.ts';
import { parseAddressLiteral } from '../syntax/domain.ts';
import { isFault } from '../syntax/fault.ts';
import { quote } from '../wire/ascii.ts';
import { checkFlags, checkLists, checkNames, checkObject, shown, UsageError } from '../wire/usage.ts';
import { addressKey } from './address.ts';
import { type DnsAnswer, formatMxAnswer, type MxRecord } from './dns-answer.ts';
import { hostKey } from './host-name.ts';
import { checkNextHops, findRoute, schemeOf, type NextHop, type Way, wayOf } from './next-hop.ts';
import { type OwnVerdict, type VerdictEvent, ownVerdict } from './own-verdict.ts';

/** One address to connect to. */
export interface Target extends Way {
  /** The name it was found by; the address itself where there was none. */
  readonly host: string;
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
  readonly preference: number;
  /** The next target is the same host by the other family: whichever of the two answers first will do (RFC 8305). */
  readonly raced?: true;
  /** The address came before by another name: this one helps mail that needs a certificate for the host, where that was not good for the other name (RFC 8689 §4.2.1). */
  readonly again?: true;
}

/** What decides about routes besides the DNS. */
export interface RouteOptions {
  /** The names by which this host may be known in mail transactions (§5.1). */
  readonly ownNames: readonly string[];
  /**
   * The addresses by which it may be known, each with the port it listens on there: a server of ours on another port is
   * another server. `0.0.0.0` and `::` stand for all loopback addresses; other interfaces must be listed.
   */
  readonly ownAddresses: readonly { readonly address: string; readonly port: number }[];
  /** Next hops by domain, by `.parent` or by `*`, instead of MX. */
  readonly routes: ReadonlyMap<string, NextHop>;
  /** The next hop of all domains without an entry in `routes`. */
  readonly smarthost?: NextHop;
  /** The port of hosts that are found by MX or literal. */
  readonly mxPort: number;
  /** Lets such hosts have private addresses. Next hops of the operator's may have them in any case. */
  readonly allowPrivateTargets: boolean;
}

/** By MX, and to no private target. */
export const DEFAULT_ROUTING: RouteOptions = { ownNames: [], ownAddresses: [], routes: new Map(), mxPort: 25, allowPrivateTargets: false };

/** All of them, by name. */
const ROUTE_OPTIONS: Readonly<Record<keyof RouteOptions, true>> = { ownNames: true, ownAddresses: true, routes: true, smarthost: true, mxPort: true, allowPrivateTargets: true };

/** Throws UsageError for what decides nothing, or not what it says. */
export function checkRouting(options: Partial<RouteOptions>): void {
  checkObject(options, 'routing must be an object');
  checkNames(options, ROUTE_OPTIONS);
  checkLists(options, ['ownNames', 'ownAddresses']);
  checkFlags(options, ['allowPrivateTargets']);
  const { ownNames = [], ownAddresses = [] } = options;
  checkOwnNames(ownNames);
  if (!ownAddresses.every((own) => typeof own?.address === 'string' && typeof own.port === 'number')) throw new UsageError(`ownAddresses holds addresses with their ports, such as { address: "192.0.2.1", port: 25 }, not ${shown(ownAddresses)}`);
  checkNextHops(options);
}

/** One step on the way to a route: what was found or decided, and the clause that says so. */
export interface Step {
  readonly rule: 'given' | 'route' | 'literal' | 'name' | 'mx' | 'null-mx' | 'exchange' | 'self' | 'order' | 'address' | 'filter' | 'limit' | 'verdict';
  /** For example `RFC 5321 §5.1`. */
  readonly clause: string;
  readonly text: string;
}

/** Hosts of one preference, in the order in which to try them. */
export interface Level {
  readonly preference: number;
  readonly hosts: readonly string[];
}

/** The hosts to look up, and what must be remembered until their addresses are known. */
export interface HostPlan extends Way {
  readonly type: 'hosts';
  readonly steps: readonly Step[];
  readonly origin: 'configured' | 'literal' | 'implicit-mx' | 'mx';
  readonly levels: readonly Level[]; // best preference first; may be none, where this host is the best
  readonly port: number;
  /** The address of the only host, where it was given as one. */
  readonly given: string | undefined;
  /** The best exchange with one of our names; it and all of its preference and behind it are gone from `levels`. */
  readonly self: Self | undefined;
}

/** Where among the exchanges this host is. */
export interface Self {
  readonly preference: number;
  readonly text: string;
}

export interface VerdictPlan {
  readonly type: 'verdict';
  readonly steps: readonly Step[];
  readonly verdict: OwnVerdict;
}

export interface MxQuestion {
  readonly type: 'ask-mx';
  readonly steps: readonly Step[];
  readonly domain: string; // as the DNS is to be asked for it
}

/** Returns where mail for the domain goes, as far as that can be told without the DNS. `domain`: A-labels, or a literal in brackets. */
export function locate(domain: string, options: RouteOptions): HostPlan | VerdictPlan | MxQuestion {
  const key = hostKey(domain);
  const nextHop = (key === undefined ? options.routes.get('*') : findRoute(options.routes, key)) ?? options.smarthost;
  if (nextHop !== undefined) {
    const { host, port } = nextHop;
    const way = wayOf(nextHop);
    const text = `${quote(domain)} goes to ${host} port ${port}${way.lmtp === true ? ', LMTP,' : way.tlsAtOnce === true ? ', TLS at once,' : ''} by configuration: no MX`;
    return { ...single('configured', host, port, { rule: 'route', clause: 'RFC 5321 §2.1', text }), ...way };
  }
  if (domain.startsWith('[')) {
    const literal = parseAddressLiteral(domain);
    if (isFault(literal) || literal.type === 'general') return conclude('bad-literal', [], quote(domain));
    return single('literal', literal.address, options.mxPort, { rule: 'literal', clause: 'RFC 5321 §4.1.3', text: `${literal.text} is ${literal.address}: no MX` });
  }
  if (key === undefined) return conclude('bad-domain', [], quote(domain));
  return { type: 'ask-mx', domain: key, steps: [{ rule: 'name', clause: 'RFC 5321 §2.3.5', text: `domain ${key}, as it is: nothing appended` }] };
}

/**
 * Returns the hosts to which the answer to the MX question leads, in levels of preference; those of one level are shuffled.
 *
 * `random` returns numbers from 0 up to but not 1. From the best exchange on that has one of our names, all are gone.
 */
export function rank(domain: string, answer: DnsAnswer<MxRecord>, options: RouteOptions, random: () => number): HostPlan | VerdictPlan {
  const steps: Step[] = [];
  const exchanges = readMx(domain, answer, steps);
  if (typeof exchanges === 'string') return conclude(exchanges, steps, answer.type === 'failure' ? `MX of ${domain}: ${answer.reason}` : domain);

  const ownNames = new Set(options.ownNames.map(hostKey));
  const [own] = [...exchanges].filter(([host]) => ownNames.has(host)).sort(([, a], [, b]) => a - b);
  const self = own === undefined ? undefined : { preference: own[1], text: `${own[0]} is this host` };
  if (self !== undefined) steps.push(selfStep(self));
  const left = [...exchanges].filter(([, preference]) => self === undefined || preference < self.preference);
  if (left.length > MOST_HOSTS) steps.push({ rule: 'limit', clause: 'RFC 5321 §5.1', text: `${left.length} mail exchangers: only the best ${MOST_HOSTS} are tried` });
  const levels = order(left, random);
  if (levels.length > 0) steps.push({ rule: 'order', clause: 'RFC 5321 §5.1', text: levels.map(({ preference, hosts }) => `${preference}: ${hosts.join(' ')}`).join(', ') });
  return { type: 'hosts', steps, origin: answer.type === 'none' ? 'implicit-mx' : 'mx', levels, port: options.mxPort, given: undefined, self };
}

/** §5.1: "there MAY also be a configurable limit"; nobody has so many, but who writes a zone can have us ask for thousands. */
const MOST_HOSTS = 64;

/** Returns the exchanges with their preferences, or the event that there are none; what was decided goes to `steps`. */
function readMx(domain: string, answer: DnsAnswer<MxRecord>, steps: Step[]): ReadonlyMap<string, number> | VerdictEvent {
  steps.push({ rule: 'mx', clause: 'RFC 5321 §5.1', text: `MX of ${domain}: ${formatMxAnswer(answer)}` });
  switch (answer.type) {
    case 'nxdomain':
      steps.push({ rule: 'mx', clause: 'RFC 8020 §2', text: 'no address is looked up either' });
      return 'nxdomain';
    case 'bad-name':
      return 'bad-domain';
    case 'failure':
      steps.push({ rule: 'mx', clause: 'RFC 5321 §5.1', text: 'the address of the domain is not tried instead' });
      return 'dns-failure';
    case 'none':
      steps.push({ rule: 'mx', clause: 'RFC 5321 §5.1', text: `implicit MX: 0 ${domain}` });
      return new Map([[domain, 0]]);
    case 'records':
      return clean(answer.records, steps);
    default:
      return answer satisfies never;
  }
}

/** Returns the exchanges that are names of hosts, each once, with its lowest preference. */
function clean(records: readonly MxRecord[], steps: Step[]): ReadonlyMap<string, number> | VerdictEvent {
  const named = records.filter(({ exchange }) => exchange !== '' && exchange !== '.');
  if (named.length === 0) return 'null-mx';
  if (named.length < records.length) steps.push({ rule: 'null-mx', clause: 'RFC 7505 §3', text: 'null MX beside other MX records: not meant, left out' });
  const exchanges = new Map<string, number>();
  for (const { exchange, preference } of named) {
    const host = hostKey(exchange);
    // A name of one label is a slip such as `localhost`: taken by its word, it would be looked up below the root.
    if (host === undefined || !host.includes('.')) steps.push({ rule: 'exchange', clause: 'RFC 5321 §5.1', text: `${quote(exchange)} is not the name of a host: left out` });
    else exchanges.set(host, Math.min(preference, exchanges.get(host) ?? preference));
  }
  return exchanges.size === 0 ? 'no-usable-mx' : exchanges;
}

/** Returns the exchanges by ascending preference, those of equal preference in random order (Fisher and Yates). */
function order(exchanges: readonly (readonly [host: string, preference: number])[], random: () => number): readonly Level[] {
  const shuffled = [...exchanges];
  for (let last = shuffled.length - 1; last > 0; last -= 1) {
    const [drawn] = shuffled.splice(Math.floor(random() * (last + 1)), 1);
    if (drawn !== undefined) shuffled.push(drawn);
  }
  const levels = new Map<number, string[]>();
  for (const [host, preference] of shuffled.sort(([, a], [, b]) => a - b).slice(0, MOST_HOSTS)) {
    levels.set(preference, [...(levels.get(preference) ?? []), host]);
  }
  return [...levels].map(([preference, hosts]) => ({ preference, hosts }));
}

/** The plan of one host that is not found by MX. */
function single(origin: 'configured' | 'literal', host: string, port: number, step: Step): HostPlan {
  const given = addressKey(host);
  return { type: 'hosts', steps: [step], origin, levels: [{ preference: 0, hosts: [host] }], port, given, self: undefined };
}

/** Ends the routing with a verdict, which is its last step. */
function conclude(event: VerdictEvent, steps: readonly Step[], detail: string): VerdictPlan {
  const end = ownVerdict(event, detail);
  return { type: 'verdict', steps: [...steps, verdictStep(end)], verdict: end };
}

/**
 * Returns what plans have in common that lead to the same hosts in the same order, those of one preference in any order: mail
 * for domains with equal keys can share a transaction (§4.5.4.1).
 *
 * Left out: hosts that have other names and the same addresses.
 */
export function planKey(plan: HostPlan): string {
  const { origin, levels, port } = plan;
  const hosts = levels.map((level) => [...level.hosts].sort().join(',')).join(';');
  return `${origin === 'configured' ? 'configured ' : ''}${schemeOf(plan)}${hosts} ${port}`; // what is configured is looked up, and filtered, in another way
}

/**
 * Tells whether what a host has said counts for the destination with this key. Where that is the hosts of a plan (`planKey`), the host
 * has to be one of them; where it is a domain or a configured next hop, whatever its mail has met counts.
 */
export function concerns(key: string, host: string | undefined): boolean {
  const end = key.indexOf(' ');
  return end < 0 || (host !== undefined && key.slice(0, end).split(/[,;]/).includes(host));
}

export function selfStep({ preference, text }: Self): Step {
  return { rule: 'self', clause: 'RFC 5321 §5.1', text: `${text}: preference ${preference} and above are left out` };
}

export function verdictStep({ kind, reply, source }: OwnVerdict): Step {
  return { rule: 'verdict', clause: source, text: `${kind}: ${reply.code} ${reply.enhanced} ${reply.lines.join(' ')}` };
}
