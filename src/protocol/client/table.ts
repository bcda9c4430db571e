// The client's state machine (RFC 5321 §3, §4.3): awaited command × class of its reply, and what happens besides.
//
// Rule 1: code may refuse an edge but never takes one that is not here.
// Rule 2: a reply of a class that the command cannot have (a 250 to DATA, a 354 to MAIL) closes the connection (§4.3.2).
// Rule 3: 421 closes it in whatever state it comes (§3.8).
// Rule 4: a client that is not let in says QUIT (§4.1.1.10).

import type { ReplyClass } from '../../syntax/reply.ts';
import type { Edge } from '../edge.ts';
import { CLIENT_TIMEOUTS } from '../limit.ts';
import type { Milliseconds } from '../limit.ts';

export type State =
  | 'greeting' //  connected, the server speaks first
  | 'ehlo' | 'helo'
  | 'ready' //     between transactions
  | 'envelope' //  MAIL, RCPT and DATA are out or to be sent
  | 'content' //   354 has come
  | 'ending' //    end of mail data is out
  | 'quit'
  | 'closed';

/** What a reply is awaited to. */
export type Awaited = 'greeting' | 'EHLO' | 'HELO' | 'RSET' | 'MAIL' | 'RCPT' | 'DATA' | 'end of mail data' | 'QUIT';

interface AwaitedRow {
  /** The state that a reply of each class leads to. */
  readonly on: Readonly<Record<ReplyClass, State>>;
  readonly timeout: Milliseconds;
  /** "… in reply to …", for outcomes and logs. */
  readonly phrase: string;
}

const closed = 'closed';

export const AWAITED: Readonly<Record<Awaited, AwaitedRow>> = {
  //                         2yz             3yz           4yz             5yz
  'greeting':         { on: { 2: 'ehlo',     3: closed,    4: 'quit',      5: 'quit'      }, timeout: CLIENT_TIMEOUTS.greeting, phrase: 'the connection' }, // §3.1
  'EHLO':             { on: { 2: 'ready',    3: closed,    4: 'quit',      5: 'helo'      }, timeout: CLIENT_TIMEOUTS.EHLO,     phrase: 'EHLO' }, // §3.2: an old server
  'HELO':             { on: { 2: 'ready',    3: closed,    4: 'quit',      5: 'quit'      }, timeout: CLIENT_TIMEOUTS.EHLO,     phrase: 'HELO' },
  'RSET':             { on: { 2: 'envelope', 3: closed,    4: closed,      5: closed      }, timeout: CLIENT_TIMEOUTS.RSET,     phrase: 'RSET' }, // §4.1.1.5: MUST be 250
  'MAIL':             { on: { 2: 'envelope', 3: closed,    4: 'envelope',  5: 'envelope'  }, timeout: CLIENT_TIMEOUTS.MAIL,     phrase: 'MAIL' },
  'RCPT':             { on: { 2: 'envelope', 3: closed,    4: 'envelope',  5: 'envelope'  }, timeout: CLIENT_TIMEOUTS.RCPT,     phrase: 'RCPT' },
  'DATA':             { on: { 2: closed,     3: 'content', 4: 'ready',     5: 'ready'     }, timeout: CLIENT_TIMEOUTS.DATA,     phrase: 'DATA' },
  'end of mail data': { on: { 2: 'ready',    3: closed,    4: 'ready',     5: 'ready'     }, timeout: CLIENT_TIMEOUTS.ending,   phrase: 'end of mail data' },
  'QUIT':             { on: { 2: closed,     3: closed,    4: closed,      5: closed      }, timeout: CLIENT_TIMEOUTS.QUIT,     phrase: 'QUIT' },
};

/** What can happen besides replies. */
export type ClientEvent = 'transaction' | 'nobody left' | 'content sent' | 'quit' | 'broken';

export const CLIENT_EVENTS: Readonly<Record<ClientEvent, Readonly<Record<State, State | 'no'>>>> = {
  //                greeting            ehlo            helo            ready              envelope            content            ending            quit            closed
  'transaction':  { greeting: 'no',     ehlo: 'no',     helo: 'no',     ready: 'envelope', envelope: 'no',     content: 'no',     ending: 'no',     quit: 'no',     closed: 'no' },
  'nobody left':  { greeting: 'no',     ehlo: 'no',     helo: 'no',     ready: 'no',       envelope: 'ready',  content: 'no',     ending: 'no',     quit: 'no',     closed: 'no' }, // no recipient was accepted, DATA was not sent
  'content sent': { greeting: 'no',     ehlo: 'no',     helo: 'no',     ready: 'no',       envelope: 'no',     content: 'ending', ending: 'no',     quit: 'no',     closed: 'no' },
  'quit':         { greeting: 'no',     ehlo: 'no',     helo: 'no',     ready: 'quit',     envelope: 'no',     content: 'no',     ending: 'no',     quit: 'no',     closed: 'no' }, // §4.1.1.10
  'broken':       { greeting: closed,   ehlo: closed,   helo: closed,   ready: closed,     envelope: closed,   content: closed,   ending: closed,   quit: closed,   closed: 'no' }, // lost, timed out, 421, bad reply
};

/** The states in which a reply can be awaited to a command; pipelining lets an envelope await several. */
const AWAITED_IN: Readonly<Record<Awaited, State>> = {
  'greeting': 'greeting', 'EHLO': 'ehlo', 'HELO': 'helo', 'RSET': 'envelope', 'MAIL': 'envelope', 'RCPT': 'envelope', 'DATA': 'envelope', 'end of mail data': 'ending', 'QUIT': 'quit',
};

/** Every edge of the machine, from the tables. */
export function* clientEdges(): Generator<Edge> {
  for (const [awaited, { on }] of Object.entries(AWAITED) as [Awaited, AwaitedRow][]) // the keys are AWAITED's own
    for (const [replyClass, to] of Object.entries(on)) yield { from: AWAITED_IN[awaited], on: `${replyClass}yz to ${awaited}`, to };
  for (const [on, row] of Object.entries(CLIENT_EVENTS))
    for (const [from, to] of Object.entries(row)) if (to !== 'no') yield { from, on, to };
}
