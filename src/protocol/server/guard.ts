// Guards: why a command that may come now is refused all the same. The first refusal wins; each cites the rule that it keeps.

import { isAsciiText } from '../../wire/ascii.ts';
import type { Command, Verb } from '../../syntax/command.ts';
import type { Parameter } from '../../syntax/parameter.ts';
import { isOffered, isVerbOffered, type Offer } from '../extension.ts';
import { LIMITS } from '../limit.ts';
import { findMechanism, MECHANISMS } from '../sasl/mechanism.ts';
import { mechanismsOffered } from './authentication.ts';
import type { Settings } from './option.ts';
import type { ReplyName } from './reply.ts';
import type { Transaction } from './transaction.ts';

/** What guards look at. */
export interface GuardFacts {
  readonly offer: Offer;
  /** EHLO or LHLO opened the session, not HELO. */
  readonly extended: boolean;
  readonly lmtp: boolean;
  readonly authenticated: boolean;
  /** What commands need: TLS, AUTH. */
  readonly requireTls: boolean;
  readonly requireAuth: boolean;
  /** Mechanisms that show the secret may be used without TLS. */
  readonly clearTextAuth: boolean;
  /** Every mechanism of the server, whether it may be used now or not. */
  readonly mechanisms: readonly string[];
  /** The recipients of all sessions together are too many. */
  readonly crowded: () => boolean;
  /** STARTTLS is offered, and cannot be done for now. */
  readonly tlsUnavailable: boolean;
  /** Domains of the recipients that the session has taken so far, by their keys; grows with them. Undefined: they do not count. */
  readonly domains: ReadonlySet<string> | undefined;
}

type Guard<V extends Verb> = (facts: GuardFacts, command: Extract<Command, { readonly verb: V }>, transaction: Transaction | undefined) => ReplyName | undefined;
type Guards = { readonly [V in Verb]?: readonly Guard<V>[] };

const lmtpSaysLhlo = ({ lmtp }: GuardFacts): ReplyName | undefined => (lmtp ? 'say lhlo' : undefined);
/** RFC 5321 §2.2.1 */
const parametersNeedEhlo = ({ extended }: GuardFacts, { parameters }: { readonly parameters: readonly Parameter[] }): ReplyName | undefined => (extended || parameters.length === 0 ? undefined : 'parameters need ehlo');

const GUARDS: Guards = {
  EHLO: [lmtpSaysLhlo],
  HELO: [lmtpSaysLhlo],
  LHLO: [({ lmtp }) => (lmtp ? undefined : 'unknown command')], // RFC 2033 §4.1: LHLO is not SMTP
  STARTTLS: [
    ({ offer }) => (offer.secured ? 'tls at work' : undefined), // RFC 3207 §4.2
    ({ offer }) => (isOffered('STARTTLS', offer) ? undefined : 'no tls'),
    ({ tlsUnavailable }) => (tlsUnavailable ? 'tls not now' : undefined), // RFC 3207 §4
  ],
  AUTH: [
    ({ mechanisms }) => (mechanisms.length > 0 ? undefined : 'no auth'),
    ({ authenticated }) => (authenticated ? 'auth done' : undefined), // RFC 4954 §4: once a session
    ({ mechanisms }, { mechanism }) => (mechanisms.includes(mechanism.toUpperCase()) ? undefined : 'no such mechanism'),
    ({ offer, clearTextAuth }, { mechanism }) => {
      const name = findMechanism(mechanism);
      return name !== undefined && MECHANISMS[name].revealsSecret && !offer.secured && !clearTextAuth ? 'auth needs tls' : undefined; // RFC 4954 §4
    },
  ],
  MAIL: [
    parametersNeedEhlo,
    (_, { reversePath, parameters }) => (isAsciiText(reversePath.text) || parameters.some(({ keyword }) => keyword.toUpperCase() === 'SMTPUTF8') ? undefined : 'utf8 sender'),
  ],
  RCPT: [
    parametersNeedEhlo,
    ({ offer }, _, transaction) => ((transaction?.accepted ?? 0) >= offer.maxRecipients ? 'too many recipients' : undefined), // RFC 5321 §4.5.3.1.10
    ({ crowded }, _, transaction) => ((transaction?.accepted ?? 0) >= LIMITS.leastRecipients && crowded() ? 'too many recipients' : undefined), // RFC 5321 §4.5.3.1.8
    ({ offer: { maxRecipientDomains = Infinity }, domains }, { forwardPath }) => (domains !== undefined && domains.size >= maxRecipientDomains && forwardPath.type === 'path' && !domains.has(forwardPath.mailbox.domain.key) ? 'too many domains' : undefined), // RFC 9422 §4.3
    (_, { forwardPath }, transaction) => (isAsciiText(forwardPath.text) || transaction?.utf8 === true ? undefined : 'utf8 recipient'), // RFC 6531 §3.4
  ],
  BDAT: [({ offer }) => (isVerbOffered('BDAT', offer) ? undefined : 'not implemented')],
  HELP: [({ offer }) => (isVerbOffered('HELP', offer) ? undefined : 'not implemented')],
  DATA: [(_, __, transaction) => (transaction?.parameters.body === 'BINARYMIME' ? 'binary needs bdat' : undefined)], // RFC 3030 §3
};

/** All that is taken where TLS is required and not at work (RFC 3207 §4). */
const WITHOUT_TLS: ReadonlySet<Verb> = new Set(['EHLO', 'LHLO', 'STARTTLS', 'NOOP', 'QUIT']);
/** All that is taken where AUTH is required and has not succeeded (RFC 4954 §6, RFC 6409 §4.3). */
const WITHOUT_AUTH: ReadonlySet<Verb> = new Set(['AUTH', 'EHLO', 'HELO', 'LHLO', 'STARTTLS', 'NOOP', 'RSET', 'QUIT']);

/** What guards look at, from what was set and what the session has come to: one object for all the sessions that have come to the same. */
export function factsOf(settings: Settings, secured: boolean, authenticated: boolean, extended: boolean, domains: ReadonlySet<string> | undefined): GuardFacts {
  if (domains !== undefined) return makeFacts(settings, secured, authenticated, extended, domains);
  const which = Number(secured) + 2 * Number(extended) + 4 * Number(authenticated); // nothing else of a session matters to the guards
  let shared = SHARED.get(settings);
  if (shared === undefined) SHARED.set(settings, (shared = []));
  return (shared[which] ??= makeFacts(settings, secured, authenticated, extended, undefined));
}

const SHARED = new WeakMap<Settings, (GuardFacts | undefined)[]>();

function makeFacts(settings: Settings, secured: boolean, authenticated: boolean, extended: boolean, domains: ReadonlySet<string> | undefined): GuardFacts {
  const { maxSize, maxRecipients, maxMails, maxRecipientDomains, startTls, without, lacking, lmtp, requireTls, auth, crowded } = settings;
  return {
    offer: {
      maxSize, maxRecipients, maxMails, maxRecipientDomains, startTls: startTls !== false, secured, mechanisms: mechanismsOffered(auth, secured, authenticated), without: lacking,
    },
    extended,
    lmtp,
    authenticated,
    requireTls,
    requireAuth: auth?.required === true,
    clearTextAuth: auth?.clearText === true,
    mechanisms: without.includes('AUTH') ? [] : (auth?.mechanisms ?? []),
    crowded,
    tlsUnavailable: startTls === 'unavailable',
    domains,
  };
}

/** What has to come before any command of that verb, whatever its order and its arguments; undefined: nothing. */
export function requirementOf(facts: GuardFacts, verb: Verb): ReplyName | undefined {
  if (facts.requireTls && !facts.offer.secured && !WITHOUT_TLS.has(verb)) return 'tls first';
  return facts.requireAuth && !facts.authenticated && !WITHOUT_AUTH.has(verb) ? 'auth first' : undefined;
}

/** The refusal of the command, where a guard has one. */
export function refusalOf(facts: GuardFacts, transaction: Transaction | undefined, command: Command): ReplyName | undefined {
  // The one cast: a row's guards take the command of the row's verb, and the verb chose the row.
  const guards = (GUARDS[command.verb] ?? []) as readonly ((facts: GuardFacts, command: Command, transaction: Transaction | undefined) => ReplyName | undefined)[];
  for (const guard of guards) {
    const refusal = guard(facts, command, transaction);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}
