// What all facts of the journal say together, and why their order cannot matter.
//
// Every fact, however little it says, is a state of a mail of which nothing else is known; and two states join into what both of
// them know. The join takes the greater of each part. In the order of a part "nothing known" is the least, and what is final is
// the greatest. So the join is commutative, associative and idempotent (a semilattice):
//
//   - recovery needs no argument about order, only about which facts have survived;
//   - a fact that is read twice, or again after all it led to, changes nothing: "delivered" never becomes "waiting";
//   - a running queue and one that has recovered know the same, because they know it by the same function.
//
//   part         order
//   envelope     absent < present (all that are present say the same)
//   content      unknown < in a segment < in a file of its own
//   removed      no < yes
//   next, held   by turn
//   a recipient  waiting < failed < delivered; then by turn. Apart from that: the last attempt that began, by turn; and
//                whether the sender has been told of the delay, no < yes

import type { Fact, Register, Results, Stamped, StoredEnvelope } from './fact.ts';
import { NOT_ATTEMPTED, ORDERS, register } from './fact.ts';
import type { RecipientState } from './port.ts';

/** Where content stands: in the record at this place of a segment; in the file msg/<id>, where the segment is 0. */
export interface ContentLocation {
  readonly segment: number;
  readonly at: number;
}

export const OWN_FILE: ContentLocation = { segment: 0, at: 0 };

export interface MailState {
  readonly envelope: StoredEnvelope | undefined;
  readonly content: ContentLocation | undefined;
  readonly removed: boolean;
  readonly next: Stamped;
  readonly held: Stamped;
  /** By recipient; those of whom nothing is known may be missing at the end. */
  readonly recipients: readonly Register[];
}

const NEVER: Stamped = { turn: 0, value: 0 };
const UNTRIED: Register = register({ state: 'waiting' }, 0, NOT_ATTEMPTED);
const WARNED: Register = register({ state: 'waiting' }, 0, NOT_ATTEMPTED, true);
const NOTHING: MailState = { envelope: undefined, content: undefined, removed: false, next: NEVER, held: NEVER, recipients: [] };

/** Returns what the fact says, by mail. `place`: of its record. */
export function statesOf(fact: Fact, place: ContentLocation): readonly (readonly [id: string, state: MailState])[] {
  switch (fact.type) {
    case 'SEG': return [];
    case 'ENQ': {
      const { envelope, external, cause } = fact;
      const state: MailState = { envelope, content: external ? OWN_FILE : place, removed: false, next: { turn: 0, value: envelope.arrival }, held: NEVER, recipients: untried(envelope.forwardPaths.length) };
      return cause === undefined ? [[envelope.id, state]] : [[envelope.id, state], stateOfResults(cause)];
    }
    case 'RES': return [stateOfResults(fact.results)];
    case 'ATT': return [[fact.id, { ...NOTHING, recipients: sparse(fact.recipients.map((recipient) => [recipient, register({ state: 'waiting' }, 0, { turn: fact.turn, host: fact.host })])) }]];
    case 'STATE': return [[fact.envelope.id, { ...NOTHING, envelope: fact.envelope, content: fact.external ? OWN_FILE : place, next: fact.next, held: fact.held, recipients: fact.recipients }]];
    case 'HOLD': return [[fact.id, { ...NOTHING, held: { turn: fact.turn, value: ORDERS.indexOf(fact.order) } }]];
    case 'KILL': return [[fact.id, { ...NOTHING, removed: true }]];
    default: return fact satisfies never;
  }
}

function stateOfResults({ id, turn, nextAttempt, recipients, warned }: Results): readonly [string, MailState] {
  const known = sparse(recipients.map(({ recipient, state }) => [recipient, register(state, turn, NOT_ATTEMPTED)]));
  const told = sparse(warned.map((recipient) => [recipient, WARNED]));
  return [id, { ...NOTHING, next: { turn, value: nextAttempt }, recipients: joinRecipients(known, told) }];
}

/** Returns what both states know. */
export function join(a: MailState, b: MailState): MailState {
  return {
    envelope: a.envelope ?? b.envelope,
    content: laterContent(a.content, b.content),
    removed: a.removed || b.removed,
    next: later(a.next, b.next),
    held: later(a.held, b.held),
    recipients: joinRecipients(a.recipients, b.recipients),
  };
}

/** Tells whether nothing is left to do for a mail: no recipient waits. One of which no envelope is known had one, and it was dropped. */
export function isDone({ envelope, removed, recipients }: MailState): boolean {
  return envelope === undefined || removed || recipients.every(({ state }) => state !== 'waiting');
}

/** Collects facts, in any order. */
export class Fold {
  readonly mails = new Map<string, MailState>();
  /** The highest turn met so far. */
  turn = 0;

  add(fact: Fact, place: ContentLocation): void {
    for (const [id, state] of statesOf(fact, place)) {
      const known = this.mails.get(id);
      this.mails.set(id, known === undefined ? state : join(known, state));
      this.turn = Math.max(this.turn, state.next.turn, state.held.turn);
      for (const { turn, attempted } of state.recipients) this.turn = Math.max(this.turn, turn, attempted.turn);
    }
  }
}

// The order of each part

function later(a: Stamped, b: Stamped): Stamped {
  return a.turn > b.turn || (a.turn === b.turn && a.value >= b.value) ? a : b;
}

function laterContent(a: ContentLocation | undefined, b: ContentLocation | undefined): ContentLocation | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.segment === 0 || b.segment === 0) return OWN_FILE;
  return a.segment > b.segment || (a.segment === b.segment && a.at >= b.at) ? a : b;
}

function joinRecipients(a: readonly Register[], b: readonly Register[]): readonly Register[] {
  if (a === b || b.length === 0) return a;
  if (a.length < b.length) return a.length === 0 ? b : joinRecipients(b, a);
  const registers = a.slice(); // nearly all as they are: a mail of 10,000 recipients has as many results
  for (let recipient = 0; recipient < b.length; recipient++) if (b[recipient] !== UNTRIED) registers[recipient] = joinRegisters(a[recipient] ?? UNTRIED, b[recipient] ?? UNTRIED);
  return registers;
}

function joinRegisters(a: Register, b: Register): Register {
  if (a === b) return a;
  const state = known(a, b) >= 0 ? a : b;
  const attempt = a.attempted.turn >= b.attempted.turn ? a : b;
  const warned = a.warned === true || b.warned === true;
  return state.attempted.turn === attempt.attempted.turn && warned === (state.warned === true) ? state : register(state, state.turn, attempt.attempted, warned);
}

const RANKS: Readonly<Record<RecipientState['state'], number>> = { waiting: 0, failed: 1, delivered: 2 };

/** Compares what two registers know of the recipient: positive when the first knows more. */
function known(a: Register, b: Register): number {
  return RANKS[a.state] - RANKS[b.state] || a.turn - b.turn;
}

const UNTRIED_LISTS: (readonly Register[])[] = []; // for good: of all numbers of recipients they would be 40 GB

/** The same list for each mail of so many recipients, up to a hundred: most never need one of their own. */
function untried(length: number): readonly Register[] {
  const list = UNTRIED_LISTS[length] ?? Array.from({ length }, () => UNTRIED);
  return length > 100 ? list : (UNTRIED_LISTS[length] = list);
}

function sparse(entries: readonly (readonly [recipient: number, register: Register])[]): readonly Register[] {
  const registers: Register[] = [];
  for (const [recipient, each] of entries) {
    while (registers.length <= recipient) registers.push(UNTRIED);
    registers[recipient] = each;
  }
  return registers;
}
