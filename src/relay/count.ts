// What a relay counts, beside its sessions, and the samples that this makes for whoever watches it (metric.ts).

import { sessionCounts, type SessionCounts } from '../protocol/server/count.ts';
import type { Outcome } from '../protocol/client/action.ts';
import { DESTINATION_CLASSES, type DestinationClass } from './outgoing.ts';
import { sampleKey, type Samples } from './metric.ts';

const VERDICTS = ['accepted', 'refused', 'lost'] as const;
const STATES = ['delivered', 'failed', 'deferred', 'unknown'] as const satisfies readonly Outcome['state'][];

/** What a relay and its sessions have done: plain numbers that only grow. */
export interface RelayCounts extends SessionCounts {
  /** Mails whose data had begun, by what the client was told of them; `lost`: it had gone by then, or did not send them to their end. */
  readonly mails: Record<(typeof VERDICTS)[number], number>;
  /** Octets of content: of mails that were accepted, and of those that next hops were sent. */
  readonly octets: { received: number; sent: number };
  /** Outcomes of attempts, a recipient each, by the class of the destination. */
  readonly outcomes: Record<DestinationClass, Record<Outcome['state'], number>>;
  /** Syncs of the queue's files. */
  syncs: number;
}

/** Returns counts that all begin at zero, for the option `counts` of a `TransferAgent`. */
export function relayCounts(): RelayCounts {
  const none = (): Record<Outcome['state'], number> => ({ delivered: 0, failed: 0, deferred: 0, unknown: 0 });
  return {
    ...sessionCounts(),
    mails: { accepted: 0, refused: 0, lost: 0 },
    octets: { received: 0, sent: 0 },
    outcomes: { mx: none(), literal: none(), route: none(), smarthost: none(), maildir: none() },
    syncs: 0,
  };
}

/** Returns the samples of the counts. Codes that were never replied have none. */
export function samplesOf({ sessions, commands, replies, mails, octets, outcomes, syncs }: RelayCounts): Samples {
  const samples = new Map<string, number>([['ehlo_sessions_total', sessions]]);
  for (const [verb, count] of Object.entries(commands)) samples.set(sampleKey('ehlo_commands_total', { verb }), count);
  for (const [code, count] of replies.entries()) if (count > 0) samples.set(sampleKey('ehlo_replies_total', { code: String(code) }), count);
  for (const verdict of VERDICTS) samples.set(sampleKey('ehlo_mails_total', { verdict }), mails[verdict]);
  samples.set('ehlo_received_bytes_total', octets.received);
  samples.set('ehlo_sent_bytes_total', octets.sent);
  for (const destination of DESTINATION_CLASSES) {
    for (const outcome of STATES) samples.set(sampleKey('ehlo_outcomes_total', { destination, outcome }), outcomes[destination][outcome]);
  }
  return samples.set('ehlo_queue_fdatasyncs_total', syncs);
}
