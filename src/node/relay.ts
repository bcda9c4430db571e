// Relay->new($from, $to, $msg): for each recipient look up where its mail goes, and deliver it there (RFC 5321 §5.1).

import { setMaxListeners } from 'node:events';
import { UsageError } from '../wire/usage.ts';
import { isAscii } from '../wire/ascii.ts';
import { concat } from '../wire/octet.ts';
import { parseHost } from '../syntax/domain.ts';
import { formatFault, isFault, type Fault } from '../syntax/fault.ts';
import { parseForwardPath, parseReversePath, type ForwardPath, type ReversePath } from '../syntax/path.ts';
import type { Outcome } from '../protocol/client/action.ts';
import { REASONS } from '../protocol/client/reason.ts';
import { groupByDestination } from '../relay/outgoing.ts';
import type { RouteOptions } from '../relay/route.ts';
import { verdict, type Verdict } from '../relay/verdict.ts';
import { deliver, type RecipientOutcome } from './deliver.ts';
import { machineName } from './machine-name.ts';
import { Resolver } from './resolve.ts';
import type { Outgoing, SenderOptions } from './sender.ts';

export interface RelayOptions extends Partial<SenderOptions> {
  /** Finds routes. Default: the system's DNS. */
  readonly resolver?: Resolver;
  /** What of routing differs from its defaults: no own names, port 25, no private targets, no configured next hops. */
  readonly routing?: Partial<RouteOptions>;
}

/** Content to relay: all of it, a stream that is read into memory, or a function that gives the same stream each time. */
export type Content = Uint8Array | AsyncIterable<Uint8Array> | (() => AsyncIterable<Uint8Array>);

/**
 * Sends a mail to each recipient's mail exchanger, now, and resolves with an outcome for each, in their order.
 *
 * Paths are values or text such as `<alice@example.org>`; content has CRLF line ends. Destinations are served side by
 * side. Rejects only for misuse and for content that cannot be read; whatever the network does is an outcome.
 */
export async function relay(reversePath: ReversePath | string, forwardPaths: readonly (ForwardPath | string)[], content: Content, options: RelayOptions = {}): Promise<readonly RecipientOutcome[]> {
  if (forwardPaths.length === 0) throw new UsageError('relay needs a recipient');
  if (options.hostname !== undefined && isFault(parseHost(options.hostname))) throw new UsageError(`hostname must be a domain or an address literal, not ${JSON.stringify(options.hostname)}`);
  const from = parsed(reversePath, parseReversePath);
  const to = forwardPaths.map((path) => parsed(path, parseForwardPath));
  return relayTo(await prepare(from, content), to, options);
}

/** The same for a mail whose size and kind are known. */
export async function relayTo(mail: Outgoing, forwardPaths: readonly ForwardPath[], options: RelayOptions): Promise<readonly RecipientOutcome[]> {
  const { hostname = await machineName(), resolver = new Resolver(), signal, closing = signal } = options;
  const routing: RouteOptions = { ownNames: [hostname], ownAddresses: [], routes: new Map(), mxPort: 25, allowPrivateTargets: false, ...options.routing };
  for (const each of [signal, closing]) if (each !== undefined) setMaxListeners(0, each); // each wait at each destination has one on it, and takes it off again
  const results: RecipientOutcome[] = [];
  await Promise.all(
    groupByDestination(forwardPaths, hostname, routing).map(async ({ destination, recipients }) => {
      const paths = recipients.map((recipient) => forwardPaths[recipient]).filter((path) => path !== undefined);
      const outcomes = await relayToOne(destination, paths);
      for (const [index, recipient] of recipients.entries()) {
        const outcome = outcomes[index];
        if (outcome !== undefined) results[recipient] = outcome;
      }
    }),
  );
  return results;

  async function relayToOne(destination: string, paths: readonly ForwardPath[]): Promise<readonly RecipientOutcome[]> {
    try {
      const route = await resolver.route(destination, routing, closing === undefined ? {} : { signal: closing });
      if (route.type === 'targets') return await deliver(mail, paths, route.targets, { ...options, hostname });
      return paths.map((forwardPath) => ({ forwardPath, outcome: outcomeOf(route.verdict) }));
    } catch (error) {
      const outcome: Outcome = closing?.aborted === true
        ? { ...REASONS['aborted'], inReplyTo: 'nothing', reason: 'aborted' }
        : outcomeOf(verdict('local-failure', error instanceof Error ? error.message : String(error)));
      return paths.map((forwardPath) => ({ forwardPath, outcome }));
    }
  }
}

/** Tells whether the recipient's server has taken responsibility for the mail. */
export function delivered({ outcome }: RecipientOutcome): boolean {
  return outcome.state === 'delivered';
}

/** The verdict of routing as an outcome; nothing was said by a server. */
function outcomeOf({ kind, reply }: Verdict): Outcome {
  return { state: kind === 'permanent' ? 'failed' : 'deferred', reply, inReplyTo: 'nothing', reason: 'not-routed' };
}

async function prepare(reversePath: ReversePath, content: Content): Promise<Outgoing> {
  if (typeof content === 'function') return { reversePath, content, ...(await measure(content())) };
  const octets = content instanceof Uint8Array ? content : await collect(content);
  return {
    reversePath,
    content: async function* () {
      yield octets;
    },
    size: octets.length,
    eightBit: !isAscii(octets),
  };
}

async function collect(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const octets of content) pieces.push(octets);
  return concat(pieces);
}

async function measure(content: AsyncIterable<Uint8Array>): Promise<{ readonly size: number; readonly eightBit: boolean }> {
  let size = 0;
  let eightBit = false;
  for await (const octets of content) {
    size += octets.length;
    eightBit ||= !isAscii(octets);
  }
  return { size, eightBit };
}

function parsed<Path extends ReversePath | ForwardPath>(path: Path | string, parse: (text: string) => Path | Fault): Path {
  if (typeof path !== 'string') return path;
  const value = parse(path.startsWith('<') ? path : `<${path}>`);
  if (isFault(value)) throw new UsageError(formatFault(value));
  return value;
}
