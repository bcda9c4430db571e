// Who may send to whom (RFC 5321 §3.6.2, §7.9): never an open relay by default.
//
// Mail for an accepted domain is taken from anyone; mail for any other domain from clients that may relay. Where it is known which
// mailboxes a domain has, mail for others is taken from nobody: it would come back, and its sender may be forged. The postmaster of
// this host, and of each domain that is ours, is always taken (§4.5.1).

import type { ForwardPath, ReversePath } from '../syntax/path.ts';
import { contains, type Cidr } from './cidr.ts';

export interface Admission {
  /** Keys of domains that anyone may send to; `*` is every domain. */
  readonly accept: ReadonlySet<string>;
  /** By the key of a domain that is not in `accept`: the local parts of all its mailboxes, in lower case. Default: none is known so. */
  readonly mailboxes?: ReadonlyMap<string, ReadonlySet<string>>;
  /** Clients that may send to any domain. */
  readonly relayFrom: readonly Cidr[];
  /** Name of this host: its postmaster is always taken, by name too. */
  readonly hostname?: string;
}

/** `local`: the mailbox is one of ours, as far as we know. `unknown`: its domain is. `relay`: the client may have its mail relayed. */
export type Admitted = 'local' | 'unknown' | 'relay' | 'denied';

/** Tells whether a client at this address (text) may send to the path. */
export function admit({ accept, mailboxes, relayFrom, hostname }: Admission, clientAddress: string, path: ForwardPath): Admitted {
  if (path.type === 'postmaster') return 'local';
  const { key } = path.mailbox.domain;
  const local = path.mailbox.unquoted.replace(CAPITALS, (letters) => letters.toLowerCase()); // ours to say that its case means nothing (§2.4)
  const isPostmaster = local === 'postmaster';
  if ((isPostmaster && key === hostname?.toLowerCase()) || accept.has('*') || accept.has(key)) return 'local';
  const known = mailboxes?.get(key);
  if (known !== undefined) return isPostmaster || known.has(local) ? 'local' : 'unknown';
  return relayFrom.some((range) => contains(range, clientAddress)) ? 'relay' : 'denied';
}

/** All letters but the signs of the kelvin and the angstrom: their lower case is k and å, but no store takes them for these. */
const CAPITALS = /[^\u212a\u212b]+/g;

/**
 * Tells whether the domain of the path is one that other hosts know, as a submission server has to ensure (RFC 6409 §4.2): a single
 * label is a local alias (RFC 5321 §2.3.5), unless the operator has named it, in `known` for one.
 */
export function isQualified({ accept, mailboxes, hostname }: Admission, path: ReversePath | ForwardPath, known: ReadonlyMap<string, unknown>): boolean {
  if (path.type !== 'path' || path.mailbox.domain.type !== 'domain') return true;
  const { key } = path.mailbox.domain;
  return key.includes('.') || accept.has('*') || accept.has(key) || mailboxes?.has(key) === true || known.has(key) || key === hostname?.toLowerCase();
}
