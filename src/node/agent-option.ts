// What an embedder sets about a TransferAgent, looked at before the first client comes: a program without types may give anything,
// and each mail would be refused for it.

import { checkCounts, checkFlags, checkFunctions, checkNames, checkObject, shown, UsageError } from '../wire/usage.ts';
import { parseHost } from '../syntax/domain.ts';
import { isFault } from '../syntax/fault.ts';
import { hostOf } from '../protocol/hostname.ts';
import type { Admission } from '../relay/admission.ts';
import { rangeOf, type Cidr } from '../relay/cidr.ts';
import type { Queue } from '../relay/queue/port.ts';
import type { Users } from './credential.ts';
import { atOnce } from './hook-call.ts';
import type { AuthSettings } from './receiver-option.ts';
import type { Resolver } from './resolve.ts';
import { checkSender } from './sender.ts';

/** Who may send to whom. */
export interface AdmissionOptions extends Pick<Admission, 'accept' | 'mailboxes'> {
  /** Clients that may send to any domain: addresses, or ranges such as `192.0.2.0/24`. Default: none. */
  readonly relayFrom?: readonly (string | Cidr)[];
}

/** What is asked of the two that others may write: a queue that lacks one of these would take mail, and not let go of it. */
const NEEDED = { queue: ['add', 'mails', 'mail', 'content', 'settle', 'close'], resolver: ['route', 'keyOf'] } as const satisfies { readonly queue: readonly (keyof Queue)[]; readonly resolver: readonly (keyof Resolver)[] };

/** Throws UsageError for options with which no mail could be taken, or relayed. */
export function checkAgent(options: Readonly<Partial<Record<keyof typeof NEEDED | 'hostname' | 'log' | 'users' | 'maildir' | 'routing' | 'reuse' | 'smarthostAuth' | 'trace' | 'counts', unknown>>>): void {
  checkObject(options);
  const { hostname, log, users, maildir, routing, reuse, smarthostAuth, trace, counts } = options;
  hostOf(hostname);
  for (const each of NEEDED.queue) if (!can(options.queue, each)) throw new UsageError(`queue is needed, with a function "${each}"`);
  for (const each of NEEDED.resolver) if (options.resolver !== undefined && !can(options.resolver, each)) throw new UsageError(`resolver must be a Resolver, with a function "${each}"`);
  checkFunctions(options.queue as Queue, ['recent', 'attempt', 'bounce', 'roomFor']);
  if (log !== undefined && typeof log !== 'function') throw new UsageError('log must be a function, which is told each event with its facts');
  if (users !== undefined && typeof users !== 'function') throw new UsageError('users must be a function that returns Users');
  if (maildir !== undefined && !can(maildir, 'deliver')) throw new UsageError('maildir must be a Maildir, such as await Maildir.open(directory)');
  if (smarthostAuth !== undefined) checkSmarthostAuth(smarthostAuth, (routing ?? {}) as { readonly smarthost?: unknown }); // what it is is for checkRouting
  if (trace !== undefined && !(can(trace, 'serverSession') && can(trace, 'clientSession'))) throw new UsageError('trace must have functions "serverSession" and "clientSession"');
  if (counts !== undefined && !(typeof counts === 'object' && counts !== null && 'outcomes' in counts)) throw new UsageError('counts must be what relayCounts() has returned');
  if (reuse === undefined) return;
  checkObject(reuse, 'reuse must be an object');
  checkCounts(reuse as object, { idle: 0, mails: 1, age: 0, most: 0 });
}

/** The function is asked once: what it says at the start is wrong later too. */
function checkSmarthostAuth(smarthostAuth: unknown, { smarthost }: { readonly smarthost?: unknown }): void {
  if (smarthost === undefined) throw new UsageError('smarthostAuth is for routing.smarthost, and there is none');
  if (typeof smarthostAuth !== 'function') throw new UsageError('smarthostAuth must be a function that returns { secret }');
  checkSender({ auth: atOnce('smarthostAuth', smarthostAuth()) });
}

/** Throws UsageError for a door that is nowhere: `listen` would take a place of its own. */
export function checkDoor(door: { readonly place?: unknown; readonly submission?: unknown }, names: Readonly<Record<string, true>>): void {
  const place = (door?.place ?? {}) as object; // what it is is found out here
  const named = typeof place === 'object' && ('path' in place || 'fd' in place || 'entrance' in place || ('host' in place && 'port' in place));
  if (!named) throw new UsageError('a place is needed: { place: { host, port } }, { place: { path } } or { place: { fd } }');
  checkNames(door, names);
  checkFlags(door, ['submission']);
}

/** Returns who may send to whom. Throws UsageError for a domain or a local part that no path would ever have, and for what is no range. The sets may change afterwards. */
export function admissionOf(options: AdmissionOptions, hostname: string): Admission {
  const { accept, mailboxes, relayFrom = [] } = options ?? {};
  if (!can(accept, 'has')) throw new UsageError('admission.accept must be a Set of domains');
  for (const domain of accept) if (domain !== '*' && !isDomainKey(domain)) throw new UsageError(`admission.accept holds domains in lower case, such as "example.org", or "*", not ${shown(domain)}`);
  if (mailboxes !== undefined && !(mailboxes instanceof Map)) throw new UsageError('admission.mailboxes must be a Map from domains to Sets of local parts');
  for (const [domain, locals] of (mailboxes ?? []) as Iterable<readonly [unknown, unknown]>) { // what they are is found out here
    if (!isDomainKey(domain)) throw new UsageError(`admission.mailboxes is by domains in lower case, such as "example.org", not ${shown(domain)}`);
    if (!(locals instanceof Set)) throw new UsageError(`admission.mailboxes has a Set of local parts for ${shown(domain)}, not ${shown(locals)}`);
    for (const local of locals) if (typeof local !== 'string' || local !== local.toLowerCase()) throw new UsageError(`admission.mailboxes holds local parts in lower case, such as "alice", not ${shown(local)}`);
  }
  if (!Array.isArray(relayFrom)) throw new UsageError('admission.relayFrom must be a list of addresses or ranges such as 192.0.2.0/24');
  return { accept, relayFrom: relayFrom.map((range) => rangeOf(range, 'admission.relayFrom')), hostname, ...(mailboxes === undefined ? {} : { mailboxes }) };
}

function isDomainKey(domain: unknown): boolean {
  const host = parseHost(String(domain));
  return !isFault(host) && host.key === domain;
}

/** Returns who may authenticate now. */
export function usersOf(users: () => Users): Users {
  const now: unknown = atOnce('users', users());
  if (!can(now, 'answer')) throw new UsageError(`users must return Users, such as those of await Users.read(file), not ${shown(now)}`);
  return now as Users;
}

/** What AUTH offers to the connections to come: the same object as long as the users are the same. */
export function authOf(users: () => Users, required: boolean): () => AuthSettings {
  let last: Users | undefined;
  let settings: AuthSettings | undefined;
  return () => {
    const now = usersOf(users);
    if (settings === undefined || now !== last) settings = { mechanisms: now.mechanisms, decoy: now.decoy, required };
    last = now;
    return settings;
  };
}

/** Tells whether it has a function of that name, whatever its type promised. */
function can(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && typeof (value as Readonly<Record<string, unknown>>)[name] === 'function';
}
