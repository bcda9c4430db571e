// The server's state machine (RFC 5321 §3, §4.1.4, §4.3.1), whole: every edge is a cell of the two tables here.
//
// Rule 1: code may refuse an edge (a guard, a fault, the application's verdict) but never takes one that is not here.
// Rule 2: 'no' means that the state stays and, for a command, that the reply is 503 (§4.1.4).
// Rule 3: FRAMING says which decoder reads the octets of a state; mail data are never read as lines (§4.1.1.4).

import type { Verb } from '../../syntax/command.ts';
import type { Edge } from '../edge.ts';

/** States in which octets are command lines. */
export type CommandState = 'refused' | 'greeted' | 'ready' | 'mail' | 'rcpt';
/** The others: before the banner, in mail data, and after the end. */
export type State = CommandState | 'connected' | 'data' | 'closed';

/** What can happen besides commands. */
export type ServerEvent = 'welcomed' | 'turned away' | 'end of mail data' | 'lost' | 'timeout' | 'shutdown' | 'dropped';

const COMMAND_STATES = ['refused', 'greeted', 'ready', 'mail', 'rcpt'] as const satisfies readonly CommandState[];
const STATES = ['connected', ...COMMAND_STATES, 'data', 'closed'] as const satisfies readonly State[];

type CommandRow = readonly [refused: State | 'no', greeted: State | 'no', ready: State | 'no', mail: State | 'no', rcpt: State | 'no'];

/** Verb × state in which it comes: the state that its acceptance leads to. */
export const COMMAND_ORDER: Readonly<Record<Verb, CommandRow>> = {
  //       refused    greeted    ready      mail       rcpt
  EHLO: [  'no',      'ready',   'ready',   'ready',   'ready'  ], // §4.1.4: a later EHLO also resets
  HELO: [  'no',      'ready',   'ready',   'ready',   'ready'  ],
  MAIL: [  'no',      'no',      'mail',    'no',      'no'     ], // §4.1.4: not inside a transaction
  RCPT: [  'no',      'no',      'no',      'rcpt',    'rcpt'   ],
  DATA: [  'no',      'no',      'no',      'no',      'data'   ], // §3.3: 503 or 554 without a recipient
  RSET: [  'no',      'greeted', 'ready',   'ready',   'ready'  ], // §4.1.1.5
  NOOP: [  'no',      'greeted', 'ready',   'mail',    'rcpt'   ], // §4.1.4: these four at any time, even before EHLO
  HELP: [  'no',      'greeted', 'ready',   'mail',    'rcpt'   ],
  VRFY: [  'no',      'greeted', 'ready',   'mail',    'rcpt'   ],
  EXPN: [  'no',      'greeted', 'ready',   'mail',    'rcpt'   ],
  QUIT: [  'closed',  'closed',  'closed',  'closed',  'closed' ], // §3.1: all that is left after a 554 banner
};

type EventRow = readonly [connected: State | 'no', refused: State | 'no', greeted: State | 'no', ready: State | 'no', mail: State | 'no', rcpt: State | 'no', data: State | 'no', closed: 'no'];

/** What happens × state in which it does: the state that it leads to. */
export const EVENT_ORDER: Readonly<Record<ServerEvent, EventRow>> = {
  //                     connected  refused    greeted    ready      mail       rcpt       data       closed
  'welcomed':          [ 'greeted', 'no',      'no',      'no',      'no',      'no',      'no',      'no' ],
  'turned away':       [ 'refused', 'no',      'no',      'no',      'no',      'no',      'no',      'no' ], // §3.1: 554
  'end of mail data':  [ 'no',      'no',      'no',      'no',      'no',      'no',      'ready',   'no' ], // §4.1.1.4
  'lost':              [ 'closed',  'closed',  'closed',  'closed',  'closed',  'closed',  'closed',  'no' ], // §4.1.1.5: as QUIT
  'timeout':           [ 'no',      'closed',  'closed',  'closed',  'closed',  'closed',  'closed',  'no' ], // §4.5.3.2.7; before the banner the application has the word
  'shutdown':          [ 'no',      'closed',  'closed',  'closed',  'closed',  'closed',  'no',      'no' ], // §3.8: mail data are finished first
  'dropped':           [ 'no',      'closed',  'closed',  'closed',  'closed',  'closed',  'closed',  'no' ], // §3.8: with a 421, by us
};

/** Which decoder reads the octets that come in a state. */
export const FRAMING: Readonly<Record<State, 'lines' | 'mail data' | 'nothing'>> = {
  connected: 'nothing', // an early talker waits until the banner is decided
  refused: 'lines',
  greeted: 'lines',
  ready: 'lines',
  mail: 'lines',
  rcpt: 'lines',
  data: 'mail data',
  closed: 'nothing',
};

/** The state that a command leads to, or 'no'. */
export function onCommand(state: State, verb: Verb): State | 'no' {
  const column = (COMMAND_STATES as readonly State[]).indexOf(state);
  return COMMAND_ORDER[verb][column] ?? 'no';
}

/** The state that an event leads to, or 'no'. */
export function onEvent(state: State, event: ServerEvent): State | 'no' {
  return EVENT_ORDER[event][STATES.indexOf(state)] ?? 'no';
}

/** Every edge of the machine, from the tables. */
export function* serverEdges(): Generator<Edge> {
  for (const [events, states] of [[EVENT_ORDER, STATES], [COMMAND_ORDER, COMMAND_STATES]] as const)
    for (const [on, row] of Object.entries(events))
      for (const [column, to] of row.entries()) if (to !== 'no') yield { from: states[column] ?? '', on, to };
}
