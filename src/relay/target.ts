// From hosts to addresses to connect to (RFC 5321 §5.1, §5.2), one level of preference at a time.
//
// Rule 1: what is planned from partial knowledge only grows at its end when more becomes known, steps included: a shell may
//   connect to the first targets before it looks up the next level.
// Rule 2: this host is no target, nor is any host as far from the destination as it is: that is how loops begin (§5.1).
// Rule 3: where there is no target at all, one soft note (the DNS failed) outweighs all hard ones (there is no address): as
//   long as something may come back, nothing is permanent.
// Left out: telling that an exchange is an alias, which §5.1 puts out of scope; it is followed, and the resolver hides it.

import { addressKey, addressKind } from './address.ts';
import type { AddressAnswers, DnsAnswer } from './dns-answer.ts';
import { type HostPlan, type RouteOptions, type Step, type Target, verdictStep } from './route.ts';
import { type Verdict, verdict, type VerdictEvent } from './verdict.ts';

/** The plan, as far as the known addresses reach. */
export interface TargetPlan {
  readonly targets: readonly Target[]; // in the order in which they must be tried
  /** Hosts, all of one level, whose addresses are needed next; none: the plan is complete. */
  readonly ask: readonly string[];
  /** What no target means, where the plan is complete and has none. */
  readonly verdict: Verdict | undefined;
  readonly steps: readonly Step[]; // of this stage alone
}

/** §5.1: "there MAY also be a configurable limit on the number of alternate addresses that can be tried." */
const MOST_TARGETS = 10;
/** §5.1: "the SMTP client SHOULD try at least two addresses": two of the other family, where this one is down. */
const MOST_OF_A_FAMILY = MOST_TARGETS - 2;

/** Returns the targets that the known addresses lead to. `known`: by host, for at least whole levels, best preference first. */
export function planTargets(plan: HostPlan, known: ReadonlyMap<string, AddressAnswers>, options: RouteOptions): TargetPlan {
  const notes: Notes = { steps: [], soft: undefined, hard: undefined };
  const targets: Target[] = [];
  let cut = plan.cut;
  for (const { preference, hosts } of plan.levels) {
    if (targets.length === MOST_TARGETS) {
      note(notes, 'limit', 'RFC 5321 §5.1', `${MOST_TARGETS} targets are enough: hosts of preference ${preference} and above are not looked up`);
      break;
    }
    const ask = plan.given === undefined ? hosts.filter((host) => !known.has(host)) : [];
    if (ask.length > 0) return { targets, ask, verdict: undefined, steps: notes.steps };

    const found = hosts.flatMap((host) => addresses(host, plan.given ?? known.get(host), notes).map((address) => targetAt(address, host, preference, plan.port)));
    const self = plan.origin === 'configured' ? undefined : found.find((each) => isOwn(each, options));
    if (self !== undefined) {
      note(notes, 'self', 'RFC 5321 §5.1', `${describe(self)} is this host: preference ${preference} and above are left out`);
      cut = preference;
      break;
    }
    for (const each of found) if (admits(each, targets, plan, options, notes)) targets.push(each);
  }

  if (targets.length > 0) return { targets, ask: [], verdict: undefined, steps: notes.steps };
  const end = verdict(eventOf(plan, cut, notes), notes.soft ?? notes.hard);
  return { targets, ask: [], verdict: end, steps: [...notes.steps, verdictStep(end)] };
}

interface Notes {
  readonly steps: Step[];
  soft: string | undefined; // the first of each kind, which is that of the best host
  hard: string | undefined;
}

function note(notes: Notes, rule: Step['rule'], clause: string, text: string, weight?: 'soft' | 'hard'): void {
  notes.steps.push({ rule, clause, text });
  if (weight !== undefined) notes[weight] ??= text;
}

/** What it means that there is no target. `cut`: the preference at which this host was found. */
function eventOf(plan: HostPlan, cut: number | undefined, notes: Notes): VerdictEvent {
  if (plan.origin === 'configured') return 'relay-not-found';
  const best = plan.levels[0]?.preference ?? Infinity; // ever seen, whether it was found or not: it may come back
  if (cut !== undefined) return best < cut ? 'better-mx-not-found' : 'loops-back';
  if (notes.soft !== undefined) return 'dns-failure';
  if (plan.origin === 'literal') return 'forbidden-literal';
  return plan.origin === 'implicit-mx' ? 'no-address' : 'no-usable-mx';
}

/** Returns the addresses of a host: the resolver's order in each family (§5.1), families in turn, IPv6 first (RFC 8305 §4). */
function addresses(host: string, answers: AddressAnswers | undefined, notes: Notes): readonly string[] {
  if (answers === undefined) return [];
  const ipv6 = read(answers.AAAA);
  const ipv4 = read(answers.A);
  const text = `${host}: AAAA ${ipv6.text}, A ${ipv4.text}`;
  const nothing = ipv6.records.length + ipv4.records.length === 0;
  const failed = answers.AAAA.type === 'failure' || answers.A.type === 'failure';
  note(notes, 'address', 'RFC 5321 §5.1', text, failed ? 'soft' : nothing ? 'hard' : undefined);
  const longest = Math.max(ipv6.records.length, ipv4.records.length);
  return Array.from({ length: longest }, (_, at) => [ipv6.records[at], ipv4.records[at]]).flat().filter((address) => address !== undefined);
}

function read(answer: DnsAnswer<string>): { readonly records: readonly string[]; readonly text: string } {
  switch (answer.type) {
    case 'records':  return { records: answer.records, text: answer.records.join(' ') };
    case 'none':     return { records: [], text: 'none' };
    case 'nxdomain': return { records: [], text: 'NXDOMAIN' };
    case 'bad-name': return { records: [], text: 'cannot be asked for' };
    case 'failure':  return { records: [], text: answer.reason };
    default:         return answer satisfies never;
  }
}

/** Whether the target may join the others; where it may not, a step says why. */
function admits(target: Target, others: readonly Target[], plan: HostPlan, options: RouteOptions, notes: Notes): boolean {
  const kind = addressKind(target.address);
  const allowed = kind?.scope === 'public' || (kind?.scope === 'private' && (options.allowPrivateTargets || plan.origin === 'configured'));
  if (!allowed) {
    note(notes, 'filter', kind?.source ?? 'RFC 5321 §5.1', `${describe(target)} is left out: ${kind?.name ?? 'no'} address`, 'hard');
    return false;
  }
  if (others.some((other) => other.address === target.address)) {
    note(notes, 'order', 'RFC 5321 §5.1', `${describe(target)} is planned already`);
    return false;
  }
  const ofFamily = others.filter(({ family }) => family === target.family).length;
  if (others.length < MOST_TARGETS && ofFamily < MOST_OF_A_FAMILY) return true;
  note(notes, 'limit', 'RFC 5321 §5.1', `${describe(target)} is left out: one too many`);
  return false;
}

function targetAt(text: string, host: string, preference: number, port: number): Target {
  const address = addressKey(text) ?? text;
  return { host, address, family: address.includes(':') ? 6 : 4, port, preference };
}

function isOwn(target: Target, { ownAddresses }: RouteOptions): boolean {
  return ownAddresses.some(({ address, port }) => {
    if (port !== target.port) return false;
    const everywhere = addressKind(address)?.name === 'unspecified' && addressKind(target.address)?.name === 'loopback';
    return everywhere || addressKey(address) === target.address;
  });
}

function describe({ host, address, port }: Target): string {
  return host === address ? `[${address}]:${port}` : `${host} [${address}]:${port}`;
}
