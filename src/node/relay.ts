// Relay->new($from, $to, $msg): for each recipient look up where its mail goes, and deliver it there (RFC 5321 §5.1).

import { setMaxListeners } from 'node:events';
import { checkFlags, checkFunctions, checkNames, checkObject, given, shown, UsageError } from '../wire/usage.ts';
import { parseReversePath, type ForwardPath, type ReversePath } from '../syntax/path.ts';
import type { ClientAuth } from '../protocol/client/authentication.ts';
import { checkLmtpHops } from '../relay/next-hop.ts';
import { checkRouting, DEFAULT_ROUTING, type RouteOptions } from '../relay/route.ts';
import type { Signal } from './aborter.ts';
import { Arrivals } from './arrivals.ts';
import { type Content, outgoingOf } from './content-source.ts';
import type { DeliverOptions, RecipientOutcome } from './deliver.ts';
import { asking, checkEnvelopeParameters, type EnvelopeParameters } from './envelope-parameter.ts';
import { tell, warn } from './error-report.ts';
import { parsed, parsedRecipients, type Recipients } from './given-path.ts';
import { machineName } from './machine-name.ts';
import { checkResolver, Resolver } from './resolve.ts';
import { checkSender, SENDER_OPTIONS, type Outgoing } from './sender.ts';
import { tlsClientOf, type TlsClient, type TlsClientOptions } from './tls-client.ts';
import { sendAllWays, type WaysOptions } from './ways.ts';

/** The options of `relay`. Without `hostname` it is the name of this machine, or an address of it. */
export interface RelayOptions extends Partial<Omit<DeliverOptions, 'open' | 'destinations' | 'configured' | 'ownNames' | 'tls'>>, EnvelopeParameters {
  /** Who we are to the smarthost of `routing`, which has to be given: it is asked to let us in, or gets no mail (RFC 4954); no other host hears it. Default: nobody. */
  readonly auth?: Pick<ClientAuth, 'secret' | 'clearText'> | undefined;
  /** Whose authorities are trusted. Default: those that Node brings along. */
  readonly tls?: TlsClientOptions | TlsClient;
  /** Finds routes. Default: the system's DNS. */
  readonly resolver?: Resolver;
  /** What differs from the default routing: no own names, port 25, no private targets, no configured next hops. */
  readonly routing?: Partial<RouteOptions>;
}

/** All of them, by name. */
const RELAY_OPTIONS: Readonly<Record<keyof RelayOptions, true>> = {
  ...SENDER_OPTIONS,
  pool: true, serverPostmaster: true, mayNotGreetAs: true, report: true, routing: true, resolver: true, parameters: true, recipientParameters: true,
};

/** The outcomes of all recipients, in their order; when iterated, each as soon as it is certain. */
export interface Relaying extends Promise<readonly RecipientOutcome[]>, AsyncIterable<RecipientOutcome> {}

/**
 * Sends a mail to each recipient's mail exchanger, now, and resolves with an outcome for each, in their order.
 *
 * Paths are values or text such as `<alice@example.org>`, the forward-paths one of them or a list; content has CRLF line ends.
 * Destinations are served side by side, a hundred at a time, and those whose mail goes to the same hosts together. Iterated, it tells of
 * each recipient as soon as it is certain what became of him. Rejects only for misuse and for content that cannot be read; whatever the network does is an outcome.
 *
 *   for await (const { forwardPath, outcome, target } of relay(from, to, content)) …
 */
export function relay(reversePath: ReversePath | string, forwardPaths: Recipients, content: Content, options: RelayOptions = {}): Relaying {
  const arrivals = new Arrivals<RecipientOutcome>();
  const all = relayAll(reversePath, forwardPaths, content, options, (outcome) => arrivals.add(outcome));
  const iterate = (): AsyncGenerator<RecipientOutcome, void> => {
    void all.then(() => arrivals.end(), (error: unknown) => arrivals.fail(error)); // not before: who neither waits nor iterates is to hear of a misuse by the process
    return arrivals.read();
  };
  return Object.assign(all, { [Symbol.asyncIterator]: iterate });
}

async function relayAll(reversePath: ReversePath | string, forwardPaths: Recipients, content: Content, options: RelayOptions, told: (outcome: RecipientOutcome) => void): Promise<readonly RecipientOutcome[]> {
  checkObject(options);
  checkNames(options, RELAY_OPTIONS);
  if ('smarthost' in options) throw new UsageError('smarthost is among the options of routing: relay(from, to, content, { routing: { smarthost } })'); // the mail would go by MX
  checkSender(options);
  checkResolver(options.resolver);
  checkFunctions(options, ['report', 'mayNotGreetAs']);
  checkFlags(options, ['serverPostmaster']);
  if (options.routing !== undefined) checkRouting(options.routing);
  const routing = given(options.routing ?? {});
  if (options.lmtp === true) checkLmtpHops(routing);
  if (options.auth !== undefined && routing.smarthost === undefined) throw new UsageError('auth is for the smarthost: relay(from, to, content, { auth, routing: { smarthost } }); hosts that MX names are strangers');
  const { signal, closing = signal } = options;
  const tls = tlsClientOf(options.tls);
  const from = parsed(reversePath, parseReversePath);
  const to = parsedRecipients(forwardPaths);
  checkEnvelopeParameters(options, to.length);
  return relayTo(asking(await outgoingOf(from, content, closing), options), to, { ...options, routing, tls, report: (recipient, result) => {
    tell(() => options.report?.(recipient, result), warn); // what it throws must not become what became of the mail
    told(result);
  } });
}

/** The same for a mail whose size and kind are known. */
export async function relayTo(mail: Outgoing, forwardPaths: readonly ForwardPath[], options: Omit<RelayOptions, 'tls'> & Pick<WaysOptions, 'routed' | 'smarthostAuth' | 'tls'>): Promise<readonly RecipientOutcome[]> {
  const { signal, closing = signal, timeout, hostname = await machineName({ signal: closing, timeout }), resolver = new Resolver() } = options;
  const routing: RouteOptions = { ...DEFAULT_ROUTING, ownNames: [hostname], ...options.routing };
  for (const each of [signal, closing]) if (each !== undefined && !UNLIMITED.has(each)) letListen(each);
  return sendAllWays(mail, forwardPaths, { ...options, hostname, resolver, routing });
}

/** Signals that any number may listen to: each wait at each destination does, and ends it again. */
const UNLIMITED = new WeakSet<Signal>();

function letListen(signal: Signal): void {
  UNLIMITED.add(signal);
  setMaxListeners(0, signal);
}

/** Tells whether the recipient's server has taken responsibility for the mail. */
export function delivered(result: RecipientOutcome): boolean {
  const { outcome } = result ?? {};
  if (typeof outcome?.state !== 'string') throw new UsageError(`delivered takes what became of one recipient, as in outcomes.every(delivered), not ${shown(result)}`);
  return outcome.state === 'delivered';
}
