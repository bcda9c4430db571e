// What a server counts of its sessions: plain numbers that grow in place, one object for all sessions. Nothing is made for a
// command or a reply that is counted.

import type { Verb } from '../../syntax/command.ts';

/** What the sessions of a server have done: numbers that only grow, in one object for all of them. */
export interface SessionCounts {
  /** Sessions that have begun. */
  sessions: number;
  /** Command lines by their verb; `unknown`: there was none that is known. */
  readonly commands: Record<Verb | 'unknown', number>;
  /** Replies by their code: `replies[250]`. */
  readonly replies: Float64Array;
}

/** Returns counts that all begin at zero, for the option `counts`. */
export function sessionCounts(): SessionCounts {
  return {
    sessions: 0,
    commands: { EHLO: 0, HELO: 0, LHLO: 0, STARTTLS: 0, AUTH: 0, MAIL: 0, RCPT: 0, DATA: 0, BDAT: 0, RSET: 0, NOOP: 0, HELP: 0, VRFY: 0, EXPN: 0, QUIT: 0, unknown: 0 },
    replies: new Float64Array(1000),
  };
}

/** Counts a reply by the three digits that its octets begin with. */
export function countReply({ replies }: SessionCounts, octets: Uint8Array): void {
  const code = ((octets[0] ?? 0) - ZERO) * 100 + ((octets[1] ?? 0) - ZERO) * 10 + (octets[2] ?? 0) - ZERO;
  replies[code] = (replies[code] ?? 0) + 1;
}

const ZERO = 0x30;
