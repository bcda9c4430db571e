// Every buffer has a limit and every wait a deadline. Those of a session are rows here, with their paragraph of RFC 5321; those of
// connections, of octets in flight and of what is no SMTP stand with whoever keeps them (node/room.ts, node/budget.ts, node/control.ts).
//
// Lengths of paths and their parts (§4.5.3.1.1 to .3) are grammar: `syntax/mailbox.ts`, `syntax/domain.ts` and `syntax/path.ts`.

/** A time or a length of time in milliseconds; a time is of a clock that never goes back. */
export type Milliseconds = number;

export const seconds = (count: number): Milliseconds => count * 1_000;
export const minutes = (count: number): Milliseconds => count * 60_000;
export const hours = (count: number): Milliseconds => count * 3_600_000;

/** Lengths in octets, with their CRLF where they are lines. */
export const LIMITS = {
  /** §4.5.3.1.4 asks for 512 and what extensions add. Choice: 2048, as Postfix; holds every extension's increment. */
  commandLine: 2_048,
  /** An endless line is dropped up to here, then the connection is closed. */
  commandLineDrain: 1_048_576,
  /** RFC 4954 §4: a line of an authentication exchange, without its CRLF. */
  authLine: 12_288,
  /** §4.5.3.1.5 asks for 512. Choice: 12,294, since a challenge of 12,288 octets is a line of a reply (RFC 4954 §4), and real servers send links and tokens. */
  replyLine: 12_294,
  /** Lines of one reply; a peer that sends more is not speaking SMTP. */
  replyLines: 512,
  /** Octets of one reply: each recipient has one, and a thousand of the longest that the two limits above allow would be 6 GB. */
  reply: 65_536,
  /** §4.5.3.1.6: a text line of mail data, without a stuffed dot. Choice: a mail with a longer one is refused unless the leniency `longTextLines` is on: systems behind cut such lines. */
  textLine: 1_000,
  /** §4.5.3.1.7 asks for at least 64 K. Choice: 34.2 MiB, 25 MiB of attachments in base64. */
  mailData: 35_882_577,
  /** Mail data beyond their limit are read and dropped up to this many times the limit; then the connection is closed. */
  mailDataDrain: 8,
  /** But however low that limit is, so many octets are read first. */
  leastDrain: 1_048_576,
  /** §4.5.3.1.8 asks for at least 100. */
  recipients: 1_000,
  /** The hundred of §4.5.3.1.8: so many a mail may have, however many those of other sessions are. */
  leastRecipients: 100,
  /** Replies to a pipelined group are handed on when they have grown to this. */
  replyGroup: 16_384,
} as const;

/**
 * What a client may do in one session; with one more it is told 421 4.7.0. Each is an option of a server.
 *
 * Departs: §3.8 knows no such limits, and has a server close only for reasons of its own; without them a stray program is fed
 * errors, and a harvester of addresses answers, for ever. An honest client that meets one comes again, and has lost nothing.
 */
export const CAPS = {
  /** Choice: 25,000 mails to one recipient each. */
  commands: 100_000,
  /** Commands refused for their syntax or order. */
  errors: 100,
  /** Recipients that the application refused. Choice: five times what Postfix takes (`smtpd_hard_error_limit`); the rest of an old mailing list comes again. */
  refusedRecipients: 100,
  /** MAIL commands, announced as MAILMAX (RFC 9422 §4.1). Choice: none; `commands` bounds them. */
  mails: Infinity,
} as const satisfies Readonly<Record<string, number>>;

/** Failed authentications before the connection is closed (RFC 4954 §9). */
export const MOST_AUTH_FAILURES = 5;

/** §4.5.3.2.7: a server waits at least five minutes for the next command, all of it; the same for each segment of mail data. */
export const SERVER_TIMEOUT: Milliseconds = minutes(5);

/** A whole session. Choice: as long as mail data of the greatest size take at 1,700 octets a second. */
export const SESSION_TIMEOUT: Milliseconds = hours(6);

/**
 * Mail data come at least so fast, in octets a second over each window.
 *
 * Departs: by the letter of §4.5.3.2.7 an octet every five minutes is enough, so that one mail holds a connection for years.
 * Choice: less than any modem did; Postfix asks for five times as much (`smtpd_min_data_rate`), where it asks at all.
 */
export const DATA_RATE = { octetsPerSecond: 100, window: SERVER_TIMEOUT } as const;

/** §4.5.3.2.1 to .6: how long a client waits, for what. */
export const CLIENT_TIMEOUTS = {
  greeting: minutes(5), //  §4.5.3.2.1
  EHLO: minutes(5), //      not named there; as MAIL
  MAIL: minutes(5), //      §4.5.3.2.2
  RCPT: minutes(5), //      §4.5.3.2.3
  DATA: minutes(2), //      §4.5.3.2.4
  block: minutes(3), //     §4.5.3.2.5: for a piece of mail data to be taken
  ending: minutes(10), //   §4.5.3.2.6: end of mail data
  STARTTLS: minutes(5), //  not named there; as MAIL
  handshake: minutes(2), // not named there; as DATA
  AUTH: minutes(5), //      not named there; for each challenge
  BDAT: minutes(5), //      not named there; a chunk, and what the server does with it
  RSET: minutes(5), //      not named there; as MAIL
  QUIT: seconds(30), //     not named there; nothing depends on it any more
} as const satisfies Readonly<Record<string, Milliseconds>>;
