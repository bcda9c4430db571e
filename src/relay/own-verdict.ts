// What becomes of a recipient for whom no server has spoken: the verdicts that routing and delivery reach by themselves.
//
// Each is a row: whether to try again, the reply that stands in the place of a server's (RFC 3463), and the source of the
// rule. Left out: what happens within a session (protocol/client/reason.ts), and whatever a server said.

import type { Reply } from '../syntax/reply.ts';
import { reply } from '../syntax/reply.ts';

/** What an `OwnVerdict` is about: its reply says it in words. */
export type VerdictEvent =
  | 'bad-domain'
  | 'bad-literal'
  | 'nxdomain'
  | 'null-mx'
  | 'no-address'
  | 'no-usable-mx'
  | 'forbidden-literal'
  | 'dns-failure'
  | 'loops-back'
  | 'better-mx-not-found'
  | 'relay-not-found'
  | 'greeted-by-self'
  | 'takes-no-mail'
  | 'too-many-hops'
  | 'local-failure'
  | 'expired'
  | 'returned';

/** What becomes of a recipient for whom no server has spoken. */
export interface OwnVerdict {
  readonly event: VerdictEvent;
  /** `permanent`: the recipient has failed; `temporary`: deferred. */
  readonly kind: 'permanent' | 'temporary';
  readonly reply: Reply;
  /** The rule, such as `RFC 5321 §5.1`. */
  readonly source: string;
}

type Row = Omit<OwnVerdict, 'event'>;

const permanent = (answer: Reply, source: string): Row => ({ kind: 'permanent', reply: answer, source });
const temporary = (answer: Reply, source: string): Row => ({ kind: 'temporary', reply: answer, source });

export const OWN_VERDICTS: Readonly<Record<VerdictEvent, Row>> = {
  // found by routing
  'bad-domain':          permanent(reply(553, '5.1.3', 'the domain is not one that can be looked up'), 'RFC 5321 §2.3.5'),
  'bad-literal':         permanent(reply(553, '5.1.3', 'the address literal is not an IP address'), 'RFC 5321 §4.1.3'),
  'nxdomain':            permanent(reply(550, '5.1.2', 'the domain does not exist'), 'RFC 5321 §5.1'),
  'null-mx':             permanent(reply(556, '5.1.10', 'the domain takes no mail: null MX'), 'RFC 7505 §4.1'),
  'no-address':          permanent(reply(550, '5.4.4', 'the domain has no mail exchanger, nor an address that is usable'), 'RFC 5321 §5.1'),
  'no-usable-mx':        permanent(reply(550, '5.4.4', 'no mail exchanger of the domain is usable'), 'RFC 5321 §5.1'),
  'forbidden-literal':   permanent(reply(550, '5.4.4', 'mail is not sent to this address'), 'RFC 3463 §3.5'),
  'dns-failure':         temporary(reply(451, '4.4.3', 'the DNS did not answer'), 'RFC 5321 §5.1'), // a resolver that is set wrong must not bounce a queue
  'loops-back':          permanent(reply(554, '5.4.6', 'mail for the domain loops back to this host'), 'RFC 5321 §5.1'),
  'better-mx-not-found': temporary(reply(451, '4.4.4', 'this host is a mail exchanger of the domain, and a better one was not found'), 'RFC 3463 §3.5'),
  'relay-not-found':     temporary(reply(451, '4.3.5', 'the next hop that is configured was not found'), 'RFC 3463 §3.4'), // our own mistake bounces nobody's mail

  // found by delivery
  'greeted-by-self':     temporary(reply(451, '4.4.6', 'the mail exchanger greets as this host'), 'RFC 3463 §3.5'), // not the best one: that is loops-back
  'takes-no-mail':       permanent(reply(521, '5.3.2', 'no mail exchanger of the domain takes mail'), 'RFC 7504 §3'), // all of them greeted with 521
  'too-many-hops':       permanent(reply(554, '5.4.6', 'too many hops: the mail has gone round in a loop'), 'RFC 5321 §6.3'),
  'local-failure':       temporary(reply(451, '4.3.0', 'failure on our own side'), 'RFC 3463 §3.4'), // no reason to back off from the destination
  'expired':             permanent(reply(451, '4.4.7', 'the mail has not been delivered in time'), 'RFC 3463 §2'), // class 4: "persistent transient"
  'returned':            permanent(reply(554, '5.3.0', 'the operator of this host has given up the mail'), 'RFC 3463 §3.4'),
};

/** Returns the verdict of the row, its text followed by the detail where there is one. */
export function ownVerdict(event: VerdictEvent, detail?: string): OwnVerdict {
  const { kind, reply: row, source } = OWN_VERDICTS[event];
  const lines = detail === undefined ? row.lines : row.lines.map((line) => `${line}: ${detail}`);
  return { event, kind, reply: { ...row, lines }, source };
}
