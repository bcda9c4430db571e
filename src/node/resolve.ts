// Asks the DNS what routing wants to know, through node:dns, and turns what Node says into plain answers.
//
// Node's words are not the DNS's: an alias without records is an empty list, the null MX has the empty string for its
// exchange, and the codes of failures are those of c-ares. The table below is the whole translation.
// Left out: caching and DNSSEC, for which Node tells neither the TTL of MX nor whether an answer was authentic.

import type { Resolver as Channel } from 'node:dns/promises';
import { domainToASCII } from 'node:url';
import { isAsciiText } from '../wire/ascii.ts';
import { checkCounts, checkNames, checkObject, shown, UsageError } from '../wire/usage.ts';
import { type Milliseconds, seconds } from '../protocol/limit.ts';
import { type AddressAnswers, type DnsAnswer, type MxRecord, recordsOf } from '../relay/dns-answer.ts';
import { type HostPlan, locate, planKey, rank, type RouteOptions, type Step, type Target, type VerdictPlan } from '../relay/route.ts';
import { planTargets } from '../relay/target.ts';
import type { OwnVerdict } from '../relay/own-verdict.ts';
import type { Signal } from './aborter.ts';
import { errorCode } from './error-text.ts';
import { nodeDns } from './on-demand.ts';
import { NotWaited, within, type WaitOptions } from './within.ts';

/** The options of a `Resolver`. */
export interface ResolverOptions {
  /** DNS servers, `192.0.2.1:53` or `[2001:db8::1]:53`. Default: the system's. */
  readonly servers?: readonly string[];
  /** How long a server has to answer the first time; twice as long the second. Default: 5 s. */
  readonly timeout?: Milliseconds;
}

const RESOLVER_OPTIONS: Readonly<Record<keyof ResolverOptions, true>> = { servers: true, timeout: true };

/** How a `Resolver` is to find one route. */
export interface RouteContext {
  /** Its abortion cancels the questions that are open; what waits for them throws its reason. */
  readonly signal?: Signal | undefined;
  /** The longest wait for an answer. Default: as the options of the Resolver say. */
  readonly timeout?: Milliseconds | undefined;
  /** Told of each answer and decision, in order. */
  readonly onStep?: (step: Step) => void;
  /** Shuffles hosts of equal preference. Default: Math.random. */
  readonly random?: () => number;
}

/**
 * What a `Resolver` has found: addresses to connect to, or the verdict that there are none.
 *
 * `targets` yields at least one, best first, and looks up the hosts of a preference when it comes to it. `key`: what routes
 * to the same hosts have in common. `missed`: the answers about the first host, so far, that is not among the targets because the DNS has failed.
 */
export type Route =
  | { readonly type: 'targets'; readonly targets: AsyncIterable<Target>; readonly key: string; readonly missed: () => string | undefined }
  | { readonly type: 'verdict'; readonly verdict: OwnVerdict };

/** Finds the hosts that mail for a domain goes to, by the DNS (RFC 5321 §5.1). Keeps nothing between them; one may serve any number at the same time. */
export class Resolver {
  readonly #options: ResolverOptions;

  /** Throws UsageError for servers that are no addresses. */
  constructor(options: ResolverOptions = {}) {
    checkObject(options);
    checkNames(options, RESOLVER_OPTIONS);
    checkCounts(options, { timeout: 1 });
    try {
      if (options.servers !== undefined) new (nodeDns().Resolver)({ timeout: seconds(5), tries: 2 }).setServers(options.servers);
    } catch {
      throw new UsageError(`servers are addresses such as 192.0.2.1:53 or [2001:db8::1]:53, not ${shown(options.servers)}`);
    }
    this.#options = options;
  }

  /**
   * Returns where mail for the domain goes, as soon as there is one target or it is certain that there is none.
   *
   * `domain`: as in a mailbox, U-labels (RFC 6531) and address literals included. Never throws for anything the DNS says.
   */
  async route(domain: string, options: RouteOptions, { signal, timeout, onStep = () => {}, random = Math.random }: RouteContext = {}): Promise<Route> {
    checkRoute(domain, options);
    const questions = new Questions(this.#options, { signal, timeout });
    const hosts = await findHosts(domain, options, questions, onStep, random);
    if (hosts.type === 'verdict') return hosts;

    const known = new Map<string, AddressAnswers>();
    let found = planTargets(hosts, known, options);
    found.steps.forEach(onStep);
    const lookFurther = async (): Promise<void> => {
      await Promise.all(found.ask.map(async (host) => known.set(host, await questions.addresses(host, hosts.origin === 'configured'))));
      const told = found.steps.length;
      found = planTargets(hosts, known, options);
      found.steps.slice(told).forEach(onStep);
    };
    while (found.targets.length === 0 && found.ask.length > 0) await lookFurther();
    if (found.verdict !== undefined) return { type: 'verdict', verdict: found.verdict };

    return {
      type: 'targets',
      key: planKey(hosts),
      missed: () => found.missed,
      targets: (async function* () {
        for (let yielded = 0; ; await lookFurther()) {
          yield* found.targets.slice(yielded);
          yielded = found.targets.length;
          if (found.ask.length === 0) return;
        }
      })(),
    };
  }

  /** Returns the key that a route to the domain would have, where the answer to one question about MX tells; undefined: there is no such route now. */
  async keyOf(domain: string, options: RouteOptions, { signal }: Pick<RouteContext, 'signal'> = {}): Promise<string | undefined> {
    checkRoute(domain, options);
    const hosts = await findHosts(domain, options, new Questions(this.#options, { signal }), () => {}, () => 0);
    return hosts.type === 'verdict' || hosts.levels.length === 0 ? undefined : planKey(hosts);
  }
}

function checkRoute(domain: unknown, options: RouteOptions): void {
  if (typeof domain !== 'string') throw new UsageError(`domain must be text, such as example.org, not ${shown(domain)}`);
  if (typeof options?.routes?.get !== 'function') throw new UsageError('options of a route are { ownNames, ownAddresses, routes, mxPort, allowPrivateTargets }');
}

/** Throws UsageError for what is no Resolver, whatever its type promised. */
export function checkResolver(resolver: Resolver | undefined): void {
  if (resolver !== undefined && typeof resolver?.route !== 'function') throw new UsageError(`resolver must be a Resolver, such as new Resolver({ servers }), not ${shown(resolver)}`);
}

async function findHosts(domain: string, options: RouteOptions, questions: Questions, onStep: (step: Step) => void, random: () => number): Promise<HostPlan | VerdictPlan> {
  let plan = locate(toAscii(domain), options);
  plan.steps.forEach(onStep);
  if (plan.type !== 'ask-mx') return plan;
  plan = rank(plan.domain, await questions.mx(plan.domain), options, random);
  plan.steps.forEach(onStep);
  return plan;
}

/** What Node's codes mean. `ECANCELLED` is not among them: it is our own doing, and no answer. */
const CODES: Readonly<Record<string, DnsAnswer<never>>> = {
  ENOTFOUND:    { type: 'nxdomain' },
  ENODATA:      { type: 'none' },
  EBADNAME:     { type: 'bad-name' }, // found by c-ares itself, nothing was asked
  ESERVFAIL:    { type: 'failure', reason: 'SERVFAIL' },
  EREFUSED:     { type: 'failure', reason: 'REFUSED' },
  EFORMERR:     { type: 'failure', reason: 'FORMERR' },
  ENOTIMP:      { type: 'failure', reason: 'NOTIMP' },
  ETIMEOUT:     { type: 'failure', reason: 'no answer in time' },
  ECANCELLED:   { type: 'failure', reason: 'no answer in time' }, // that of one asked at the same time was over
  ECONNREFUSED: { type: 'failure', reason: 'no DNS server there' },
  EAI_AGAIN:    { type: 'failure', reason: 'no answer now' }, // this and the next are the system's, for a next hop that is configured
  EMFILE:       { type: 'failure', reason: 'too many open files here' },
  ENFILE:       { type: 'failure', reason: 'too many open files here' },
};

/** Records of one answer. Routing tries the hosts of 64 at most, but has each record in its steps: 4,000, which fit into an answer, took it 55 ms, and 256 take 4. */
const MOST_RECORDS = 256;

function best<Mx extends { readonly priority: number }>(records: readonly Mx[]): readonly Mx[] {
  return records.length <= MOST_RECORDS ? records : [...records].sort((a, b) => a.priority - b.priority).slice(0, MOST_RECORDS);
}

/** The questions of one route. They have a c-ares channel to themselves (0.1 ms), since a channel cancels all its questions at once. */
class Questions {
  readonly #channel: Channel;
  readonly #systemHosts: boolean;
  readonly #wait: WaitOptions;

  constructor({ servers, timeout = seconds(5) }: ResolverOptions, wait: WaitOptions) {
    this.#channel = new (nodeDns().Resolver)({ timeout, tries: 2 });
    if (servers !== undefined) this.#channel.setServers(servers);
    this.#systemHosts = servers === undefined;
    this.#wait = wait;
  }

  mx(domain: string): Promise<DnsAnswer<MxRecord>> {
    return this.#ask(async () => best(await this.#channel.resolveMx(domain)).map(({ priority, exchange }) => ({ preference: priority, exchange })));
  }

  /**
   * Returns the addresses of a host, both families asked for at once.
   *
   * `configured`: the operator named it, so that it is found as the system finds hosts, its hosts file included, unless DNS
   * servers were given; `localhost` always is (RFC 6761 §6.3).
   */
  async addresses(host: string, configured: boolean): Promise<AddressAnswers> {
    if (configured && (this.#systemHosts || host === 'localhost')) {
      const both = await this.#ask(() => nodeDns().lookup(host, { all: true, verbatim: true }));
      const of = (family: 4 | 6): DnsAnswer<string> => both.type === 'records' ? recordsOf(both.records.filter((each) => each.family === family).map(({ address }) => address)) : both;
      return { A: of(4), AAAA: of(6) };
    }
    const [A, AAAA] = await Promise.all([this.#ask(() => this.#channel.resolve4(host)), this.#ask(() => this.#channel.resolve6(host))]);
    return { A, AAAA };
  }

  async #ask<Data>(question: () => Promise<readonly Data[]>): Promise<DnsAnswer<Data>> {
    this.#wait.signal?.throwIfAborted();
    try {
      return recordsOf(await within(question(), this.#wait));
    } catch (error) {
      const late = error instanceof NotWaited;
      if (late) this.#channel.cancel(); // those that were asked with it too; the system's own look-up cannot be cancelled
      this.#wait.signal?.throwIfAborted();
      const code = late ? 'ETIMEOUT' : errorCode(error);
      if (code === undefined) throw error;
      return CODES[code] ?? { type: 'failure', reason: code };
    }
  }
}

/** Returns the domain in A-labels (RFC 5890 §2.3.2.1); what has no such form is left as it is, and is no name of the DNS. */
export function toAscii(domain: string): string {
  // Only what is not ASCII: domainToASCII reads numbers as the URL standard does, and 1.2.3 would become 1.2.0.3.
  return isAsciiText(domain) ? domain : domainToASCII(domain) || domain;
}
