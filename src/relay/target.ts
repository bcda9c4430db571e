// From hosts to addresses to connect to (RFC 5321 §5.1, §5.2), one level of preference at a time.
//
// Rule 1: what is planned from partial knowledge only grows at its end when more becomes known, steps included: a shell may
//   connect to the first targets before it looks up the next level.
// Rule 2: this host is no target, nor is any host as far from the destination as it is: that is how loops begin (§5.1). Where the
//   operator has named it, it is passed over.
// Rule 3: where there is no target at all, one soft note (the DNS failed) outweighs all hard ones (there is no address): as
//   long as something may come back, nothing is permanent.
// Left out: telling that an exchange is an alias, which §5.1 puts out of scope; it is followed, and the resolver hides it.

import { addressKey, addressKind } from './address.ts';
import { type AddressAnswers, formatAddressAnswer } from './dns-answer.ts';
import { type HostPlan, type RouteOptions, type Self, selfStep, type Step, type Target, verdictStep } from './route.ts';
import { wayOf } from './next-hop.ts';
import { type OwnVerdict, ownVerdict, type VerdictEvent } from './own-verdict.ts';

/** The plan, as far as the known addresses reach. */
export interface TargetPlan {
  readonly targets: readonly Target[]; // in the order in which they must be tried
  /** Hosts, all of one level, whose addresses are needed next; none: the plan is complete. */
  readonly ask: readonly string[];
  /** The answers about the first host that is not among the targets because the DNS has failed. */
  readonly missed: string | undefined;
  /** What no target means, where the plan is complete and has none. */
  readonly verdict: OwnVerdict | undefined;
  readonly steps: readonly Step[]; // of this stage alone
}

/** §5.1: "there MAY also be a configurable limit on the number of alternate addresses that can be tried." */
const MOST_TARGETS = 10;
/** §5.1: "the SMTP client SHOULD try at least two addresses": two of the other family, where this one is down. */
const MOST_OF_A_FAMILY = MOST_TARGETS - 2;
/** Addresses of one family that are looked at of a host. Whoever writes a zone can give it thousands, all of them to be left out: it took 92 s of our time to find that out of 64 hosts with 4,000 each. */
const MOST_ADDRESSES = 20;

/** Returns the targets that the known addresses lead to. `known`: by host, for at least whole levels, best preference first. */
export function planTargets(plan: HostPlan, known: ReadonlyMap<string, AddressAnswers>, options: RouteOptions): TargetPlan {
  const notes: Notes = { steps: [], soft: undefined, hard: undefined, missed: undefined };
  const targets: Target[] = [];
  let self = plan.self;
  for (const { preference, hosts } of plan.levels) {
    if (targets.filter(isFirst).length === MOST_TARGETS) {
      note(notes, 'limit', 'RFC 5321 §5.1', `${MOST_TARGETS} targets are enough: hosts of preference ${preference} and above are not looked up`);
      break;
    }
    const ask = plan.given === undefined ? hosts.filter((host) => !known.has(host)) : [];
    if (ask.length > 0) return { targets, ask, missed: notes.missed, verdict: undefined, steps: notes.steps };

    const all = hosts.flatMap((host) => targetsOf(host, preference, plan, known, notes));
    const found = plan.origin === 'configured' ? all.filter((each) => !isOurMistake(each, options, notes)) : all;
    const own = found.find((each) => isOwn(each, options));
    if (own !== undefined) {
      self = { preference, text: `${formatTarget(own)} is this host` };
      notes.steps.push(selfStep(self));
      break;
    }
    const privateToo = options.allowPrivateTargets || plan.origin === 'configured';
    for (const host of hosts) {
      const reachable = found.filter((each) => each.host === host && isReachable(each, privateToo, notes));
      const joined: Target[] = [];
      for (const each of interleave(reachable)) joined.push(...placed(each, [...targets, ...joined], notes));
      const planned = joined.filter(isFirst);
      targets.push(...planned.map((each, at): Target => ((planned[at + 1]?.family ?? each.family) === each.family ? each : { ...each, raced: true })));
      targets.push(...joined.filter((each) => !isFirst(each))); // behind those, which are raced in pairs
    }
  }

  if (targets.length > 0) return { targets, ask: [], missed: notes.missed, verdict: undefined, steps: notes.steps };
  const event = eventOf(plan, self, notes);
  const end = ownVerdict(event, event === 'loops-back' ? self?.text : (notes.soft ?? notes.hard));
  return { targets, ask: [], missed: notes.missed, verdict: end, steps: [...notes.steps, verdictStep(end)] };
}

interface Notes {
  readonly steps: Step[];
  soft: string | undefined; // the first of each kind, which is that of the best host
  hard: string | undefined;
  missed: string | undefined; // the first soft one about a host without any address
}

function note(notes: Notes, rule: Step['rule'], clause: string, text: string, weight?: 'soft' | 'hard'): void {
  notes.steps.push({ rule, clause, text });
  if (weight !== undefined) notes[weight] ??= text;
}

/** What it means that there is no target. */
function eventOf(plan: HostPlan, self: Self | undefined, notes: Notes): VerdictEvent {
  if (plan.origin === 'configured') return 'relay-not-found';
  // The best exchange ever seen counts, whether it was found or not: where it is not this host, it may come back.
  if (self !== undefined) return (plan.levels[0]?.preference ?? Infinity) < self.preference ? 'better-mx-not-found' : 'loops-back';
  if (notes.soft !== undefined) return 'dns-failure';
  if (plan.origin === 'literal') return 'forbidden-literal';
  return plan.origin === 'implicit-mx' ? 'no-address' : 'no-usable-mx';
}

/** Returns what was found of a host, in the resolver's order (§5.1), and notes the answers. */
function targetsOf(host: string, preference: number, plan: HostPlan, known: ReadonlyMap<string, AddressAnswers>, notes: Notes): readonly Target[] {
  const { given, port } = plan;
  const answers = known.get(host);
  const addresses = given !== undefined ? [given] : answers === undefined ? [] : readAnswers(host, answers, notes);
  return addresses.map((text) => {
    const address = addressKey(text) ?? text;
    return { host, address, family: address.includes(':') ? 6 : 4, port, preference, ...wayOf(plan) };
  });
}

function readAnswers(host: string, { A, AAAA }: AddressAnswers, notes: Notes): readonly string[] {
  const all = [AAAA, A].map((answer) => (answer.type === 'records' ? answer.records : []));
  const addresses = all.flatMap((records) => records.slice(0, MOST_ADDRESSES));
  const failed = A.type === 'failure' || AAAA.type === 'failure';
  const weight = failed ? 'soft' : addresses.length === 0 ? 'hard' : undefined;
  const text = `${host}: AAAA ${formatAddressAnswer(AAAA)}, A ${formatAddressAnswer(A)}`;
  note(notes, 'address', 'RFC 5321 §5.1', text, weight);
  if (failed && addresses.length === 0) notes.missed ??= text;
  if (all.some((records) => records.length > MOST_ADDRESSES)) note(notes, 'limit', 'RFC 5321 §5.1', `${host}: only the first ${MOST_ADDRESSES} addresses of a family are looked at`);
  return addresses;
}

/** A next hop that is this host: mail would come round to it again and again. */
function isOurMistake(target: Target, options: RouteOptions, notes: Notes): boolean {
  if (!isOwn(target, options)) return false;
  note(notes, 'self', 'RFC 5321 §6.3', `${formatTarget(target)} is this host`, 'hard');
  return true;
}

function isReachable(target: Target, privateToo: boolean, notes: Notes): boolean {
  const kind = addressKind(target.address);
  if (kind?.scope === 'public' || (kind?.scope === 'private' && privateToo)) return true;
  note(notes, 'filter', kind?.source ?? 'RFC 5321 §5.1', `${formatTarget(target)} is left out: ${kind?.name ?? 'no'} address`, 'hard');
  return false;
}

/** Returns the targets of a host with its families in turn, IPv6 first (RFC 8305 §4). */
function interleave(targets: readonly Target[]): readonly Target[] {
  const ipv6 = targets.filter(({ family }) => family === 6);
  const ipv4 = targets.filter(({ family }) => family === 4);
  return targets.flatMap((_, at) => [ipv6[at], ipv4[at]]).filter((target) => target !== undefined);
}

/** Returns the target as it joins the others: not where it is among them, or there are too many; an address that has been planned by another name, to be tried again by this one. */
function placed(target: Target, others: readonly Target[], notes: Notes): readonly Target[] {
  const same = others.filter(({ address }) => address === target.address);
  if (same.length > 0) {
    const again = same.every(({ host }) => host !== target.host) && others.length - others.filter(isFirst).length < MOST_TARGETS;
    note(notes, 'order', 'RFC 5321 §5.1', `${formatTarget(target)} is planned already${again ? ': tried by this name where TLS needs a certificate for it' : ''}`);
    return again ? [{ ...target, again: true }] : [];
  }
  const first = others.filter(isFirst);
  const ofFamily = first.filter(({ family }) => family === target.family).length;
  if (first.length < MOST_TARGETS && ofFamily < MOST_OF_A_FAMILY) return [target];
  note(notes, 'limit', 'RFC 5321 §5.1', `${formatTarget(target)} is left out: one too many`);
  return [];
}

/** The address was not planned before. */
export function isFirst({ again }: Target): boolean {
  return again !== true;
}

function isOwn(target: Target, { ownAddresses }: RouteOptions): boolean {
  return ownAddresses.some(({ address, port }) => {
    if (port !== target.port) return false;
    const everywhere = addressKind(address)?.name === 'unspecified' && addressKind(target.address)?.name === 'loopback';
    return everywhere || addressKey(address) === target.address;
  });
}

/** Returns the target for people: `mx1.example.org [192.0.2.1]:25`, without the host where it is the address. */
export function formatTarget({ host, address, port }: Target): string {
  return host === address ? `[${address}]:${port}` : `${host} [${address}]:${port}`;
}
