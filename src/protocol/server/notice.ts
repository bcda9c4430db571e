// What a client did that it had no right to, where nothing was refused for it: for the application's log and its judgement.
//
// A notice depends on time, as no other action does: that a command came too early shows only while its octets wait. Each is
// given once a session at most.

export const NOTICES = {
  /** Octets came before the banner had been decided. */
  'early talk':            { source: 'RFC 5321 §4.3.1' },
  /** A command came before the reply to the one before it, and PIPELINING was not offered: before EHLO, or after HELO. */
  'pipelining unoffered':  { source: 'RFC 2920 §3.1' },
  /** A command came before the reply to one that ends a group: EHLO, DATA, AUTH, VRFY and the like. */
  'pipelining past a stop': { source: 'RFC 2920 §3.1' },
  /** Something stood behind STARTTLS in the clear, which is forgotten: an attack, or a client that is one's victim. */
  'clear text behind STARTTLS': { source: 'RFC 3207 §6' },
} as const satisfies Readonly<Record<string, { readonly source: string }>>;

/** The name of a notice: something that a client did against the rules, and was not refused for. */
export type NoticeName = keyof typeof NOTICES;
