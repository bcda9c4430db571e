// What is known of one destination: how many attempts it may have at a time, and whether it answers at all.
//
// RFC 5321 §4.5.4.1: the client "SHOULD keep a list of hosts it cannot reach and corresponding connection timeouts, rather
// than just retrying queued mail items". So it is the destination that is backed off from, not each mail:
//
//            answered            unreachable                                     none
//   alive    window + 1          window halved; the third time in a row: dead    -
//   dead     alive, from start   after a probe: dead for longer                  -
//
// `dead` has room for nothing until its time has come, and then for one attempt, the probe. When that is depends on how long
// it has been dead and on nothing else, by the schedule that mails have.
// Choice: a window of 2, growing by one with each answer up to 20. Postfix has 5 and 20.
// Choice: dead destinations are probed once an hour at least: all their mail waits for the one probe, not each on its own.

import type { InReplyTo, Outcome, Reason } from '../protocol/client/action.ts';
import { AWAITED } from '../protocol/client/table.ts';
import { nextAttempt, type RetrySchedule } from './schedule.ts';
import { OWN_VERDICTS } from './own-verdict.ts';

/** What an attempt has shown of its destination; `none`: nothing, since it was we who failed. */
export type Effect = 'answered' | 'unreachable' | 'none';

const FIRST_WINDOW = 2;
const MOST_FAILURES = 3;
const LONGEST_PAUSE = 3_600_000;

export class Destination {
  readonly key: string;
  readonly #schedule: RetrySchedule;
  readonly #widest: number;
  #window: number;
  #failures = 0; // since it last answered
  #deadSince: number | undefined;
  #deadUntil = 0;
  #inHand = 0; // attempts

  constructor(key: string, schedule: RetrySchedule, widest: number) {
    this.key = key;
    this.#schedule = { ...schedule, intervals: schedule.intervals.map((interval) => Math.min(interval, LONGEST_PAUSE)), expire: Infinity };
    this.#widest = widest;
    this.#window = Math.min(FIRST_WINDOW, widest);
  }

  /** It did not answer when it was last asked. */
  get doubtful(): boolean {
    return this.#failures > 0;
  }

  /** When it is to be probed; undefined while it is alive. */
  get deadUntil(): number | undefined {
    return this.#deadSince === undefined ? undefined : this.#deadUntil;
  }

  /** Tells whether one more attempt may begin. */
  hasRoom(now: number): boolean {
    if (this.#deadSince === undefined) return this.#inHand < this.#window;
    return this.#inHand === 0 && now >= this.#deadUntil;
  }

  /** Lets the next probe be now: somebody has reason to think that it is not dead any more. */
  revive(now: number): void {
    this.#deadUntil = Math.min(this.#deadUntil, now);
  }

  /** The clock was set back by so much: its times come with it. */
  advance(by: number): void {
    if (this.#deadSince !== undefined) this.#deadSince -= by;
    this.#deadUntil -= by;
  }

  begin(): void {
    this.#inHand += 1;
  }

  /** An attempt that had begun is none at this destination any more. */
  leave(): void {
    this.#inHand -= 1;
  }

  /** Takes the effect of an attempt that has ended; tells whether that shows the destination dead. */
  end(effect: Effect, now: number): boolean {
    this.#inHand -= 1;
    switch (effect) {
      case 'answered': {
        this.#window = this.#deadSince === undefined ? Math.min(this.#window + 1, this.#widest) : Math.min(FIRST_WINDOW, this.#widest);
        this.#failures = 0;
        this.#deadSince = undefined;
        this.#deadUntil = 0;
        return false;
      }
      case 'unreachable': {
        this.#window = Math.max(1, this.#window >> 1);
        this.#failures += 1;
        if (this.#failures < MOST_FAILURES) return false;
        this.#deadSince ??= now;
        if (now >= this.#deadUntil) this.#deadUntil = this.#deadSince + (nextAttempt({ id: this.key, age: now - this.#deadSince, bounce: false }, this.#schedule) ?? Infinity); // before that time: it began while this was alive
        return true;
      }
      case 'none': return false;
      default: return effect satisfies never;
    }
  }
}

/** What the reasons that a server has not given say of it. */
const EFFECTS: Readonly<Record<Reason, Effect>> = {
  'not-routed':              'unreachable', // the DNS did not answer, or the next hop is not to be found
  'no-connection':           'unreachable',
  'connection-lost':         'unreachable',
  'timeout':                 'unreachable',
  'bad-reply':               'unreachable',
  'bad-content':             'answered',
  'content-lost':            'none',
  '8bit-not-offered':        'answered',
  'binary-not-offered':      'answered',
  'utf8-not-offered':        'answered',
  'utf8-header-not-offered': 'answered',
  'size-not-accepted':       'answered',
  'require-tls-not-offered': 'answered', // this mail wants it, others need not
  'require-tls-not-secured': 'answered',
  'tls-not-offered':         'unreachable', // no mail gets there
  'tls-failed':              'unreachable',
  'tls-not-verified':        'unreachable',
  'auth-not-offered':        'unreachable',
  'auth-failed':             'unreachable',
  'own-host':                'unreachable',
  'no-room':                 'answered',
  'session-limit':           'answered',
  'aborted':                 'none',
};

/** Replies to these are about the session, whatever they say of it; so is 421 to anything (§3.8). */
const OF_THE_SESSION: ReadonlySet<InReplyTo> = new Set((['greeting', 'EHLO', 'LHLO', 'HELO', 'STARTTLS', 'AUTH'] as const).map((awaited) => AWAITED[awaited].phrase));

/** Returns what the outcomes of an attempt's recipients say of their destination: that it answered one of them counts for most. */
export function effectOf(outcomes: readonly Outcome[]): Effect {
  const effects = outcomes.map(effectOfOne);
  return effects.includes('answered') ? 'answered' : effects.includes('unreachable') ? 'unreachable' : 'none';
}

function effectOfOne(outcome: Outcome): Effect {
  if (outcome.state === 'delivered') return 'answered';
  const { state, reason, reply, inReplyTo } = outcome;
  if (reason !== undefined && reply.enhanced === OWN_VERDICTS['local-failure'].reply.enhanced) return 'none';
  if (reason === 'not-routed' && state === 'failed') return 'answered'; // by the DNS, and for good
  if (reason !== undefined) return EFFECTS[reason];
  return state !== 'failed' && (reply.code === 421 || OF_THE_SESSION.has(inReplyTo)) ? 'unreachable' : 'answered';
}
