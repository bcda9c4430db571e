// The client's state machine (RFC 5321 §3, §4.3): awaited command × class of its reply, and what happens besides.
//
// Rule 1: code may refuse an edge but never takes one that is not here.
// Rule 2: a reply of a class that the command cannot have (a 250 to DATA, a 354 to MAIL) closes the connection (§4.3.2); so does
//         one that is known as the reply to something else (a second 220, a 334 to DATA). Unknown codes go by their first digit.
// Rule 3: 421 closes it in whatever state it comes (§3.8). Where it is about one recipient, and replies that decide about others are
//         on their way, it does so after those: among the replies of LMTP to mail data, and to RCPT with the whole mail in flight.
// Rule 4: a client that is not let in, or does not want in, says QUIT (§4.1.1.10).
//
// Whether a reply is in step is `standing.ts`; what is done on each edge, `session.ts`; the way to the first mail (TLS, AUTH),
// `negotiation.ts`; what is said and what is awaited, `pipeline.ts`; the transactions and their content, `work.ts` and `content.ts`;
// what a mail needs of a server and whom it can be given there, `offer.ts` and `quota.ts`; what becomes of recipients,
// `recipient.ts`, `outcome.ts` and `reason.ts`.

import type { ReplyClass } from '../../syntax/reply.ts';
import type { Edge } from '../edge.ts';
import { CLIENT_TIMEOUTS } from '../limit.ts';
import type { Milliseconds } from '../limit.ts';
import type { InReplyTo } from './action.ts';

/**
 * The states of a `ClientSession`.
 *
 *   greeting  connected, the server speaks first
 *   ehlo, helo, quit  that is out
 *   starttls  STARTTLS is out
 *   tls       the shell shakes hands
 *   auth      an exchange of SASL is under way
 *   ready     between transactions
 *   envelope  MAIL, RCPT and DATA are out or to be sent
 *   flight    the envelope and the whole content are out together (BDAT LAST)
 *   content   354 has come, or recipients were taken that are to get chunks
 *   ending    end of mail data is out
 *   closed    it is over
 */
export type State = 'greeting' | 'ehlo' | 'helo' | 'starttls' | 'tls' | 'auth' | 'ready' | 'envelope' | 'flight' | 'content' | 'ending' | 'quit' | 'closed';

export const STATES = ['greeting', 'ehlo', 'helo', 'starttls', 'tls', 'auth', 'ready', 'envelope', 'flight', 'content', 'ending', 'quit', 'closed'] as const satisfies readonly State[];

/** What a reply is awaited to. `one recipient`: in LMTP, to end of mail data, while the replies for further recipients are to come. */
export type Awaited =
  | 'greeting' | 'EHLO' | 'LHLO' | 'HELO' | 'STARTTLS' | 'AUTH' | 'RSET' | 'RSET in flight' | 'MAIL' | 'RCPT' | 'DATA' | 'BDAT' | 'BDAT LAST' | 'one recipient' | 'end of mail data' | 'QUIT';

interface AwaitedRow {
  /** The states in which the reply can come, and where one of each class leads. */
  readonly in: readonly State[];
  readonly on: Readonly<Record<ReplyClass, State | 'stays'>>;
  readonly timeout: Milliseconds;
  /** "… in reply to …", for outcomes and logs. */
  readonly phrase: Exclude<InReplyTo, 'nothing'>;
}

const closed = 'closed';
const stays = 'stays';
const chunked = ['content', 'ending'] as const;
const paired = ['envelope', 'flight'] as const;

export const AWAITED: Readonly<Record<Awaited, AwaitedRow>> = {
  //                                                2yz            3yz           4yz           5yz
  'greeting':         { in: ['greeting'],   on: { 2: 'ehlo',     3: closed,    4: 'quit',    5: 'quit'  }, timeout: CLIENT_TIMEOUTS.greeting, phrase: 'the connection' }, // §3.1
  'EHLO':             { in: ['ehlo'],       on: { 2: 'ready',    3: closed,    4: 'quit',    5: 'helo'  }, timeout: CLIENT_TIMEOUTS.EHLO,     phrase: 'EHLO' }, // §3.2: an old server
  'LHLO':             { in: ['ehlo'],       on: { 2: 'ready',    3: closed,    4: 'quit',    5: 'quit'  }, timeout: CLIENT_TIMEOUTS.EHLO,     phrase: 'LHLO' }, // RFC 2033 §4.1
  'HELO':             { in: ['helo'],       on: { 2: 'ready',    3: closed,    4: 'quit',    5: 'quit'  }, timeout: CLIENT_TIMEOUTS.EHLO,     phrase: 'HELO' },
  'STARTTLS':         { in: ['starttls'],   on: { 2: 'tls',      3: closed,    4: 'ready',   5: 'ready' }, timeout: CLIENT_TIMEOUTS.STARTTLS, phrase: 'STARTTLS' }, // RFC 3207 §4
  'AUTH':             { in: ['auth'],       on: { 2: 'ready',    3: stays,     4: 'ready',   5: 'ready' }, timeout: CLIENT_TIMEOUTS.AUTH,     phrase: 'AUTH' }, // RFC 4954 §4
  'RSET':             { in: ['envelope'],   on: { 2: stays,      3: closed,    4: closed,    5: closed  }, timeout: CLIENT_TIMEOUTS.RSET,     phrase: 'RSET' }, // §4.1.1.5: MUST be 250
  'RSET in flight':   { in: ['flight'],     on: { 2: stays,      3: closed,    4: stays,     5: stays   }, timeout: CLIENT_TIMEOUTS.RSET,     phrase: 'RSET' }, // what is behind it may be taken all the same
  'MAIL':             { in: paired,         on: { 2: stays,      3: closed,    4: stays,     5: stays   }, timeout: CLIENT_TIMEOUTS.MAIL,     phrase: 'MAIL' },
  'RCPT':             { in: paired,         on: { 2: stays,      3: closed,    4: stays,     5: stays   }, timeout: CLIENT_TIMEOUTS.RCPT,     phrase: 'RCPT' },
  'DATA':             { in: ['envelope'],   on: { 2: closed,     3: 'content', 4: 'ready',   5: 'ready' }, timeout: CLIENT_TIMEOUTS.DATA,     phrase: 'DATA' },
  'BDAT':             { in: chunked,        on: { 2: stays,      3: closed,    4: stays,     5: stays   }, timeout: CLIENT_TIMEOUTS.BDAT,     phrase: 'BDAT' }, // RFC 3030 §2
  'BDAT LAST':        { in: ['flight', 'ending'], on: { 2: 'ready', 3: closed, 4: 'ready',   5: 'ready' }, timeout: CLIENT_TIMEOUTS.ending,   phrase: 'BDAT LAST' },
  'one recipient':    { in: ['ending'],     on: { 2: stays,      3: closed,    4: stays,     5: stays   }, timeout: CLIENT_TIMEOUTS.ending,   phrase: 'end of mail data' }, // RFC 2033 §4.2
  'end of mail data': { in: ['ending'],     on: { 2: 'ready',    3: closed,    4: 'ready',   5: 'ready' }, timeout: CLIENT_TIMEOUTS.ending,   phrase: 'end of mail data' },
  'QUIT':             { in: ['quit'],       on: { 2: closed,     3: closed,    4: closed,    5: closed  }, timeout: CLIENT_TIMEOUTS.QUIT,     phrase: 'QUIT' },
};

/** Codes that answer these alone (§4.2.2; RFC 3207 §4; RFC 4954 §4): elsewhere they show that replies and commands are out of step. */
const ANSWERS_ONLY: ReadonlyMap<number, readonly Awaited[]> = new Map<number, readonly Awaited[]>([
  [220, ['greeting', 'STARTTLS']],
  [221, ['QUIT']],
  [235, ['AUTH']],
  [334, ['AUTH']],
  [354, ['DATA']],
]);

/** Whether the code is known, and as a reply to something else. */
export function isMisplaced(code: number, awaited: Awaited): boolean {
  return ANSWERS_ONLY.get(code)?.includes(awaited) === false;
}

/** Whether the server wants no transaction behind the one under way, of which there are replies to come: it refuses RSET, or says 421 of one recipient, be it in LMTP (RFC 2033 §4.2) or to his RCPT. */
export function isLast(code: number, awaited: Awaited | undefined, state: State): boolean {
  if (code === 421) return awaited === 'one recipient' || (awaited === 'RCPT' && state === 'flight');
  return awaited === 'RSET in flight' && code >= 400;
}

/** What can happen besides replies. */
export type ClientEvent =
  | 'start tls' | 'secured' | 'secured at once' | 'not verified' | 'authenticate'
  | 'transaction' | 'one flight' | 'recipients taken' | 'nobody left' | 'content sent' | 'quit' | 'broken';

type Cell = State | 'no';
type EventRow = readonly [greeting: Cell, ehlo: Cell, helo: Cell, starttls: Cell, tls: Cell, auth: Cell, ready: Cell, envelope: Cell, flight: Cell, content: Cell, ending: Cell, quit: Cell, closed: 'no'];

/** What happens × state in which it does: the state that it leads to. */
export const CLIENT_EVENTS: Readonly<Record<ClientEvent, EventRow>> = {
  //                    greeting ehlo    helo    starttls tls         auth    ready       envelope   flight  content   ending  quit    closed
  'start tls':        [ 'no',    'no',   'no',   'no',    'no',       'no',   'starttls', 'no',      'no',   'no',     'no',   'no',   'no' ],
  'secured':          [ 'no',    'no',   'no',   'no',    'ehlo',     'no',   'no',       'no',      'no',   'no',     'no',   'no',   'no' ], // RFC 3207 §4.2: all is forgotten
  'secured at once':  [ 'no',    'no',   'no',   'no',    'greeting', 'no',   'no',       'no',      'no',   'no',     'no',   'no',   'no' ], // RFC 8314 §3
  'not verified':     [ 'no',    'no',   'no',   'no',    'quit',     'no',   'no',       'no',      'no',   'no',     'no',   'no',   'no' ], // RFC 3207 §4.1
  'authenticate':     [ 'no',    'no',   'no',   'no',    'no',       'no',   'auth',     'no',      'no',   'no',     'no',   'no',   'no' ],
  'transaction':      [ 'no',    'no',   'no',   'no',    'no',       'no',   'envelope', 'no',      'no',   'no',     'no',   'no',   'no' ],
  'one flight':       [ 'no',    'no',   'no',   'no',    'no',       'no',   'flight',   'no',      'no',   'no',     'no',   'no',   'no' ],
  'recipients taken': [ 'no',    'no',   'no',   'no',    'no',       'no',   'no',       'content', 'no',   'no',     'no',   'no',   'no' ], // RFC 3030 §2: chunks follow, without DATA
  'nobody left':      [ 'no',    'no',   'no',   'no',    'no',       'no',   'no',       'ready',   'no',   'ready',  'no',   'no',   'no' ], // no recipient was accepted, or a chunk was refused
  'content sent':     [ 'no',    'no',   'no',   'no',    'no',       'no',   'no',       'no',      'no',   'ending', 'no',   'no',   'no' ],
  'quit':             [ 'no',    'no',   'no',   'no',    'no',       'no',   'quit',     'no',      'no',   'no',     'no',   'no',   'no' ], // §4.1.1.10
  'broken':           [ closed,  closed, closed, closed,  closed,     closed, closed,     closed,    closed, closed,   closed, closed, 'no' ], // lost, timed out, 421, bad reply
};

/** Whether QUIT can be said when we break off: what we send is read as a command, and the server has spoken (§4.1.1.10). */
export const CAN_QUIT: Readonly<Record<State, boolean>> = {
  greeting: false, // §4.3.1: not before the server has spoken
  ehlo: true,
  helo: true,
  starttls: false, // its answer may be the last thing in the clear
  tls: false,
  auth: false, //     a line would be a response
  ready: true,
  envelope: true, //  unless DATA is out
  flight: true,
  content: false, //  it would be content
  ending: true,
  quit: false, //     it was said
  closed: false,
};

/** Once end of mail data is out, silence leaves the fate of the mail unknown (RFC 1047). */
export const END_IS_OUT: ReadonlySet<State> = new Set(['flight', 'ending']);

/** The state that an event leads to, or 'no'. */
export function onEvent(state: State, event: ClientEvent): State | 'no' {
  return CLIENT_EVENTS[event][STATES.indexOf(state)] ?? 'no';
}

/** Yields every edge of the client's machine, from its tables. */
export function* clientEdges(): Generator<Edge> {
  for (const [awaited, row] of Object.entries(AWAITED))
    for (const from of row.in)
      for (const [replyClass, to] of Object.entries(row.on)) yield { from, on: `${replyClass}yz to ${awaited}`, to: to === 'stays' ? from : to };
  for (const [on, row] of Object.entries(CLIENT_EVENTS))
    for (const [column, to] of row.entries()) if (to !== 'no') yield { from: STATES[column] ?? '', on, to };
}
