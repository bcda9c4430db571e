// A record of how a route was found: lines that a person reads, and from which the same route is found again.
//
//   given    domain             example.org
//   given    shuffle            seed 12345
//   mx       RFC 5321 §5.1      MX of example.org: 10 mx1.example.org
//   address  RFC 5321 §5.1      mx1.example.org: AAAA none, A 192.0.2.1
//   plan     1 of 1             mx1.example.org [192.0.2.1]:25, preference 10
//
// `given` is what routing was told, `mx` and `address` hold the answers of the DNS; all other lines follow from these. So a
// record that somebody sends with a question is a test: what the rules make of it today is there to be compared.

import { randomFrom } from '../wire/random.ts';
import { type AddressAnswers, type DnsAnswer, type MxRecord, parseAddressAnswer, parseMxAnswer } from './dns-answer.ts';
import { formatNextHop, type NextHop, parseNextHop, parseRoute, parseServer } from './next-hop.ts';
import { locate, rank, type RouteOptions, type Step, type Target } from './route.ts';
import { formatTarget, isFirst, planTargets } from './target.ts';

export interface RouteRecord {
  /** As it was looked up: A-labels, or a literal. */
  readonly domain: string;
  readonly options: RouteOptions;
  /** Of the numbers that shuffle hosts of equal preference. */
  readonly seed: number;
  readonly mx: ReadonlyMap<string, DnsAnswer<MxRecord>>;
  readonly addresses: ReadonlyMap<string, AddressAnswers>;
}

/** Returns a step, or a place in the plan, as a line without its end. */
export function formatStep({ rule, clause, text }: Step): string {
  return formatRow(rule, clause, text);
}

/** Without those that are tried again by another name: the step that found them has said so. */
export function formatPlan(targets: readonly Target[]): readonly string[] {
  const first = targets.filter(isFirst);
  return first.map((target, at) => formatRow('plan', `${at + 1} of ${first.length}`, `${formatTarget(target)}, ${target.lmtp === true ? 'LMTP, ' : target.tlsAtOnce === true ? 'TLS at once, ' : ''}preference ${target.preference}`));
}

/** Returns the lines of what routing was told. */
export function formatGiven({ domain, options, seed }: Pick<RouteRecord, 'domain' | 'options' | 'seed'>): readonly string[] {
  const { ownNames, ownAddresses, routes, smarthost, mxPort, allowPrivateTargets } = options;
  const rows: readonly (readonly [string, string])[] = [
    ['domain', domain],
    ...ownNames.map((name) => ['own name', name] as const),
    ...ownAddresses.map(({ address, port }) => ['own address', formatNextHop({ host: address, port })] as const),
    ...[...routes].map(([pattern, nextHop]) => ['route', `${pattern}=${formatNextHop(nextHop)}`] as const),
    ...(smarthost === undefined ? [] : [['smarthost', formatNextHop(smarthost)] as const]),
    ['MX port', String(mxPort)],
    ['private targets', allowPrivateTargets ? 'allowed' : 'left out'],
    ['shuffle', `seed ${seed}`],
  ];
  return rows.map(([name, value]) => formatRow('given', name, value));
}

/** Returns the record that the lines hold; those that follow from others are passed over, as are empty ones and those with `#`. Text: the line that is malformed. */
export function parseRouteRecord(text: string): RouteRecord | string {
  const given: Given = { ownNames: [], ownAddresses: [], routes: new Map() };
  const mx = new Map<string, DnsAnswer<MxRecord>>();
  const addresses = new Map<string, AddressAnswers>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, rule, name = '', value = ''] = /^(\S+) +(RFC \d+ §\S+) +(.*)$/.exec(line) ?? /^(\S+) +(\S+(?: \S+)*) {2,}(.*)$/.exec(line) ?? [];
    if (rule === undefined || (rule === 'given' && !take(given, name, value))) return line;
    const [, ofMx, mxText = ''] = (rule === 'mx' && /^MX of (\S+): (.+)$/.exec(value)) || [];
    const [, ofHost, aaaa = '', a = ''] = (rule === 'address' && /^(\S+): AAAA (.+?), A (.+)$/.exec(value)) || [];
    if (ofMx !== undefined) mx.set(ofMx, parseMxAnswer(mxText));
    if (ofHost !== undefined) addresses.set(ofHost, { AAAA: parseAddressAnswer(aaaa), A: parseAddressAnswer(a) });
  }
  const { domain, seed = 0, smarthost, mxPort = 25, allowPrivateTargets = false, ...lists } = given;
  if (domain === undefined) return 'given    domain';
  return { domain, seed, mx, addresses, options: { ...lists, mxPort, allowPrivateTargets, ...(smarthost === undefined ? {} : { smarthost }) } };
}

/** Finds the route again from the answers of the record, all levels of it, and returns its lines. */
export function replayRoute(record: RouteRecord): readonly string[] {
  const { domain, options, seed } = record;
  const lines = [...formatGiven(record)];
  const tell = (steps: readonly Step[]): void => void lines.push(...steps.map(formatStep));
  let plan = locate(domain, options);
  tell(plan.steps);
  if (plan.type === 'ask-mx') {
    plan = rank(plan.domain, record.mx.get(plan.domain) ?? NOT_RECORDED, options, randomFrom(seed));
    tell(plan.steps);
  }
  if (plan.type === 'verdict') return lines;
  const known = new Map<string, AddressAnswers>();
  for (;;) {
    const { targets, ask, steps } = planTargets(plan, known, options);
    if (ask.length === 0) {
      tell(steps);
      return [...lines, ...formatPlan(targets)];
    }
    for (const host of ask) known.set(host, record.addresses.get(host) ?? { A: NOT_RECORDED, AAAA: NOT_RECORDED });
  }
}

const NOT_RECORDED = { type: 'failure', reason: 'the answer was not recorded' } as const;

interface Given {
  domain?: string;
  seed?: number;
  smarthost?: NextHop;
  mxPort?: number;
  allowPrivateTargets?: boolean;
  readonly ownNames: string[];
  readonly ownAddresses: { readonly address: string; readonly port: number }[];
  readonly routes: Map<string, NextHop>;
}

/** Takes one `given`; false for one that is malformed. */
function take(given: Given, name: string, value: string): boolean {
  switch (name) {
    case 'domain':
      given.domain = value;
      return true;
    case 'own name':
      given.ownNames.push(value);
      return true;
    case 'own address': {
      const hop = parseNextHop(value);
      if (hop !== undefined) given.ownAddresses.push({ address: hop.host, port: hop.port });
      return hop !== undefined;
    }
    case 'route': {
      const entry = parseRoute(value);
      if (entry !== undefined) given.routes.set(entry.domain, entry.nextHop);
      return entry !== undefined;
    }
    case 'smarthost': {
      const hop = parseServer(value);
      if (hop !== undefined) given.smarthost = hop;
      return hop !== undefined;
    }
    case 'MX port':
      given.mxPort = Number(value);
      return /^\d{1,5}$/.test(value);
    case 'private targets':
      given.allowPrivateTargets = value === 'allowed';
      return value === 'allowed' || value === 'left out';
    case 'shuffle':
      given.seed = Number(value.slice('seed '.length));
      return /^seed \d{1,10}$/.test(value);
    default:
      return false;
  }
}

function formatRow(rule: string, clause: string, text: string): string {
  return `${rule.padEnd(9)}${clause.padEnd(18)} ${text}`;
}
