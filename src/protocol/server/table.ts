// The server's state machine (RFC 5321 §3, §4.1.4, §4.3.1), whole: every edge is a cell of the two tables here.
//
// Rule 1: code may refuse an edge (a guard, a fault, the application's verdict) but never takes one that is not here.
// Rule 2: where a command is 'no' it is refused as `order.ts` has it, nearly always with 503 (§4.1.4), and the state stays. An event
//         that is 'no' cannot happen there, or whoever brings it asks first and lets it be.
// Rule 3: FRAMING says which decoder reads the octets of a state; mail data are never read as lines (§4.1.1.4).

import type { Verb } from '../../syntax/command.ts';
import type { Edge } from '../edge.ts';

/** States in which octets are command lines. */
export type CommandState = 'refused' | 'greeted' | 'ready' | 'mail' | 'rcpt' | 'bdat';
/** The states of a `ServerSession`: those of `CommandState`, and before the banner, in mail data or a chunk of them, in an exchange of SASL, before TLS, and after the end. */
export type State = CommandState | 'connected' | 'data' | 'chunk' | 'auth' | 'tls' | 'closed';

/** What can happen besides commands. */
export type ServerEvent =
  | 'welcomed' | 'turned away' | 'end of mail data' | 'end of chunk' | 'bad chunk' | 'authenticated' | 'not authenticated' | 'secured' | 'insecure'
  | 'lost' | 'timeout' | 'shutdown' | 'dropped';

const COMMAND_STATES = ['refused', 'greeted', 'ready', 'mail', 'rcpt', 'bdat'] as const satisfies readonly CommandState[];
const STATES = ['connected', ...COMMAND_STATES, 'data', 'chunk', 'auth', 'tls', 'closed'] as const satisfies readonly State[];

type Cell = State | 'no';
type CommandRow = readonly [refused: Cell, greeted: Cell, ready: Cell, mail: Cell, rcpt: Cell, bdat: Cell];

/** Verb × state in which it comes: the state that its acceptance leads to. */
export const COMMAND_ORDER: Readonly<Record<Verb, CommandRow>> = {
  //           refused    greeted    ready      mail       rcpt       bdat
  EHLO:     [  'no',      'ready',   'ready',   'ready',   'ready',   'ready'  ], // §4.1.4: a later EHLO also resets
  HELO:     [  'no',      'ready',   'ready',   'ready',   'ready',   'ready'  ],
  LHLO:     [  'no',      'ready',   'ready',   'ready',   'ready',   'ready'  ], // RFC 2033 §4.1: in place of the two
  STARTTLS: [  'no',      'no',      'tls',     'no',      'no',      'no'     ], // RFC 3207 §4: offered in EHLO's reply
  AUTH:     [  'no',      'no',      'auth',    'no',      'no',      'no'     ], // RFC 4954 §4: not inside a transaction
  MAIL:     [  'no',      'no',      'mail',    'no',      'no',      'no'     ], // §4.1.4: not inside a transaction
  RCPT:     [  'no',      'no',      'no',      'rcpt',    'rcpt',    'no'     ],
  DATA:     [  'no',      'no',      'no',      'no',      'data',    'no'     ], // §3.3: 503 or 554 without a recipient
  BDAT:     [  'no',      'no',      'no',      'no',      'chunk',   'chunk'  ], // RFC 3030 §2: DATA and BDAT do not mix
  RSET:     [  'no',      'greeted', 'ready',   'ready',   'ready',   'ready'  ], // §4.1.1.5
  NOOP:     [  'no',      'greeted', 'ready',   'mail',    'rcpt',    'bdat'   ], // §4.1.4: these four at any time, even before EHLO
  HELP:     [  'no',      'greeted', 'ready',   'mail',    'rcpt',    'bdat'   ],
  VRFY:     [  'no',      'greeted', 'ready',   'mail',    'rcpt',    'bdat'   ],
  EXPN:     [  'no',      'greeted', 'ready',   'mail',    'rcpt',    'bdat'   ],
  QUIT:     [  'closed',  'closed',  'closed',  'closed',  'closed',  'closed' ], // §3.1: all that is left after a 554 banner
};

type EventRow = readonly [connected: Cell, refused: Cell, greeted: Cell, ready: Cell, mail: Cell, rcpt: Cell, bdat: Cell, data: Cell, chunk: Cell, auth: Cell, tls: Cell, closed: 'no'];

/** What happens × state in which it does: the state that it leads to. */
export const EVENT_ORDER: Readonly<Record<ServerEvent, EventRow>> = {
  //                      connected  refused   greeted   ready     mail      rcpt      bdat      data      chunk     auth      tls        closed
  'welcomed':           [ 'greeted', 'no',     'no',     'no',     'no',     'no',     'no',     'no',     'no',     'no',     'no',      'no' ],
  'turned away':        [ 'refused', 'no',     'no',     'no',     'no',     'no',     'no',     'no',     'no',     'no',     'no',      'no' ], // §3.1: 554
  'end of mail data':   [ 'no',      'no',     'no',     'no',     'no',     'no',     'no',     'ready',  'ready',  'no',     'no',      'no' ], // §4.1.1.4; BDAT … LAST
  'end of chunk':       [ 'no',      'no',     'no',     'no',     'no',     'no',     'no',     'no',     'bdat',   'no',     'no',      'no' ],
  'bad chunk':          [ 'no',      'no',     'no',     'no',     'ready',  'ready',  'ready',  'no',     'ready',  'no',     'no',      'no' ], // RFC 3030 §2: what follows is out of order
  'authenticated':      [ 'no',      'no',     'no',     'no',     'no',     'no',     'no',     'no',     'no',     'ready',  'no',      'no' ], // RFC 4954 §4
  'not authenticated':  [ 'no',      'no',     'no',     'no',     'no',     'no',     'no',     'no',     'no',     'ready',  'no',      'no' ],
  'secured':            [ 'no',      'no',     'no',     'no',     'no',     'no',     'no',     'no',     'no',     'no',     'greeted', 'no' ], // RFC 3207 §4.2: all is forgotten
  'insecure':           [ 'no',      'no',     'no',     'no',     'no',     'no',     'no',     'no',     'no',     'no',     'refused', 'no' ], // RFC 3207 §4.1: 554 to all but QUIT
  'lost':               [ 'closed',  'closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'closed',  'no' ], // §4.1.1.5: as QUIT
  'timeout':            [ 'no',      'closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'closed',  'no' ], // §4.5.3.2.7; before the banner the application has the word
  'shutdown':           [ 'no',      'closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'no',     'no',     'closed', 'no',      'no' ], // §3.8: mail data are finished first
  'dropped':            [ 'no',      'closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'closed', 'no',      'no' ], // §3.8: with a 421, by us
};

/** Which decoder reads the octets that come in a state. */
export const FRAMING: Readonly<Record<State, 'lines' | 'mail data' | 'chunk' | 'responses' | 'nothing'>> = {
  connected: 'nothing', // an early talker waits until the banner is decided
  refused: 'lines',
  greeted: 'lines',
  ready: 'lines',
  mail: 'lines',
  rcpt: 'lines',
  bdat: 'lines',
  data: 'mail data',
  chunk: 'chunk',
  auth: 'responses', // of SASL: lines, but no commands
  tls: 'nothing', // what was sent in the clear behind STARTTLS is forgotten (RFC 3207 §6)
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

/** A state with what the tables say of it. */
export interface Place {
  readonly state: State;
  readonly framing: (typeof FRAMING)[State];
  /** Where a command or an event leads; undefined where it is 'no'. */
  readonly on: Readonly<Record<Verb | ServerEvent, Place | undefined>>;
}

/**
 * The tables linked, once: each edge holds the place that it leads to, so that a session takes it by one load.
 *
 * `onCommand` and `onEvent` are the plain form. They look up two words each time, and a mail of 1 kB takes ten edges: 0.3 µs of it.
 */
export const PLACES: Readonly<Record<State, Place>> = link();

function link(): Record<State, Place> {
  type Unlinked = { -readonly [Name in keyof Place]: Place[Name] };
  // Four casts: places refer to one another, so they have to exist before they can be filled; and keys are the tables' own.
  const places = Object.fromEntries(STATES.map((state) => [state, { state, framing: FRAMING[state], on: {} }])) as Record<State, Unlinked>;
  const placeOf = (to: Cell): Place | undefined => (to === 'no' ? undefined : places[to]);
  for (const state of STATES) places[state].on = Object.fromEntries([
    ...(Object.keys(COMMAND_ORDER) as Verb[]).map((verb) => [verb, placeOf(onCommand(state, verb))] as const),
    ...(Object.keys(EVENT_ORDER) as ServerEvent[]).map((event) => [event, placeOf(onEvent(state, event))] as const),
  ]) as Place['on'];
  return places;
}

/** Yields every edge of the server's machine, from its tables. */
export function* serverEdges(): Generator<Edge> {
  for (const [events, states] of [[EVENT_ORDER, STATES], [COMMAND_ORDER, COMMAND_STATES]] as const)
    for (const [on, row] of Object.entries(events))
      for (const [column, to] of row.entries()) if (to !== 'no') yield { from: states[column] ?? '', on, to };
}
