// The facts that the journal is made of. A fact never changes, and says all it means by itself: the state of the queue is
// what all of them say together (fold.ts), in whatever order, each once or more often.
//
//   SEG     the format, and the number of this segment: its first record, and its last one when the queue is closed
//   ENQ     a mail is taken: envelope and content, or the size of content that stands in msg/<id>. That of a notification says
//           in the same record what it notifies of: there is no moment at which one is known and not the other
//   RES     what became of recipients, and when the mail is due again
//   ATT     an attempt begins whose outcome may never be known
//   STATE   all that was known of a mail when its facts were about to be dropped; its content stands behind it, or in msg/<id>
//   HOLD    the operator holds a mail, lets it go on, or has it returned to its sender
//   KILL    the operator removes a mail
//
// Rule 1: a turn is a number that no other fact of the queue has; of two facts that contradict each other the later turn counts.
// Rule 2: a record that has a type of its own for each thing to say needs no field for "nothing": what is absent is 0 or ''.
// Rule 3: what came later than the first version stands behind a flag of the record, so that older records mean what they meant.
//         Parameters are kept as they are written in MAIL and RCPT (parameter-text.ts), so that further ones need no new format.
//
//   version 1   flags 1 and 2
//   version 2   flags 4 and 8: the parameters of the envelope, and whose delay the sender has been told of; HOLD 2: returned
//   version 3   a STATE without flag 2: its content stands behind it

import type { Reply } from '../../syntax/reply.ts';
import { shown, UsageError } from '../../wire/usage.ts';
import type { Checksum } from './checksum.ts';
import { PayloadReader, PayloadWriter } from './payload.ts';
import { draft, FLAGS, HEADER } from './record.ts';
import type { Draft, StoredRecord } from './record.ts';
import type { RecipientState } from './port.ts';

/** Of the journal; a higher one is refused, all lower ones are read. */
export const FORMAT_VERSION = 3;

/** Recipients that a mail of the queue can have. The fold keeps a place for each up to the last that a fact names, so that a number without a bound would fill the memory. */
export const MOST_RECIPIENTS = 100_000;

export interface StoredEnvelope {
  readonly id: string;
  readonly arrival: number; // milliseconds since 1970
  readonly reversePath: string; // as it was written
  readonly forwardPaths: readonly string[];
  readonly size: number; // octets of content
  readonly eightBit: boolean;
  readonly parameters: string; // of MAIL; '' where it had none
  readonly recipientParameters: readonly string[]; // of RCPT, by recipient; empty where none had any
}

/** What is known of a recipient, and since which turn. */
export interface Register extends RecipientState {
  readonly turn: number;
  readonly attempted: Attempt;
}

/** The last attempt that began; `host`: which was to be asked, '' where that is not known. */
export interface Attempt {
  readonly turn: number;
  readonly host: string;
}

export const NOT_ATTEMPTED: Attempt = { turn: 0, host: '' };

export interface Results {
  readonly id: string;
  readonly turn: number;
  readonly nextAttempt: number;
  readonly recipients: readonly { readonly recipient: number; readonly state: RecipientState }[];
  /** Recipients of whose delay the sender has been told. It has no turn: what is told stays told, whatever comes of the attempt under way. */
  readonly warned: readonly number[];
}

export type Fact =
  | { readonly type: 'SEG'; readonly version: number; readonly segment: number }
  | { readonly type: 'ENQ'; readonly envelope: StoredEnvelope; readonly external: boolean; readonly cause: Results | undefined }
  | { readonly type: 'RES'; readonly results: Results }
  | { readonly type: 'ATT'; readonly id: string; readonly turn: number; readonly host: string; readonly recipients: readonly number[] }
  | { readonly type: 'STATE'; readonly envelope: StoredEnvelope; readonly external: boolean; readonly next: Stamped; readonly held: Stamped; readonly recipients: readonly Register[] }
  | { readonly type: 'HOLD'; readonly id: string; readonly turn: number; readonly order: Order }
  | { readonly type: 'KILL'; readonly id: string };

/** What the operator wants of a mail; in the state of the mail as a number, its place here. */
export type Order = (typeof ORDERS)[number];
export const ORDERS = ['none', 'hold', 'return'] as const;

export interface Stamped {
  readonly turn: number;
  readonly value: number;
}

const STATES = ['waiting', 'delivered', 'failed'] as const; // by their numbers

/** Octets of content up to which it is copied into its record: in a write each piece takes a microsecond (measured), and a call more of the checksum. */
const COPIED = 4096;

/** Returns the draft of a record of the fact; for one that is not external the content belongs to it, and where there is much of it stays as it is: nobody copies it. */
export function encodeFact(fact: Fact, checksum: Checksum, content: readonly Uint8Array[] = NO_CONTENT): Draft {
  const to = new PayloadWriter(HEADER);
  let flags = 0;
  switch (fact.type) {
    case 'SEG':
      to.number(fact.version);
      to.number(fact.segment);
      break;
    case 'ENQ':
      flags = envelopeFlags(fact.envelope, fact.external) | warnedFlag(fact.cause?.warned ?? []);
      writeEnvelope(to, fact.envelope);
      to.number(fact.cause === undefined ? 0 : 1);
      if (fact.cause !== undefined) writeResults(to, fact.cause);
      if (fact.external) to.number(fact.envelope.size);
      break;
    case 'RES':
      flags = warnedFlag(fact.results.warned);
      writeResults(to, fact.results);
      break;
    case 'ATT':
      to.text(fact.id);
      to.number(fact.turn);
      to.text(fact.host);
      writeNumbers(to, fact.recipients);
      break;
    case 'STATE': {
      const warned = [...fact.recipients.keys()].filter((recipient) => fact.recipients[recipient]?.warned === true);
      flags = envelopeFlags(fact.envelope, fact.external) | warnedFlag(warned);
      writeEnvelope(to, fact.envelope);
      if (fact.external) to.number(fact.envelope.size);
      for (const { turn, value } of [fact.next, fact.held]) {
        to.number(turn);
        to.number(value);
      }
      to.number(fact.recipients.length);
      for (const register of fact.recipients) {
        to.number(register.turn);
        to.number(register.attempted.turn);
        to.text(register.attempted.host);
        writeState(to, register);
      }
      if (warned.length > 0) writeNumbers(to, warned);
      break;
    }
    case 'HOLD':
      to.text(fact.id);
      to.number(fact.turn);
      to.number(ORDERS.indexOf(fact.order));
      break;
    case 'KILL':
      to.text(fact.id);
      break;
    default:
      fact satisfies never;
  }
  if (!isLongerThan(COPIED, content)) {
    for (const piece of content) to.octets(piece);
    return draft(fact.type, flags, to.finish(), NO_CONTENT, checksum);
  }
  return draft(fact.type, flags, to.finish(), content, checksum);
}

const NO_CONTENT: readonly Uint8Array[] = [];

function isLongerThan(most: number, pieces: readonly Uint8Array[]): boolean {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length > most;
}

/** Returns the fact of a record; undefined where the payload is not one that `encodeFact` makes. */
export function decodeFact({ type, flags, payload }: StoredRecord): Fact | undefined {
  const from = new PayloadReader(payload);
  const fact = read(from);
  return from.sound ? fact : undefined;

  function read(from: PayloadReader): Fact {
    switch (type) {
      case 'SEG': return { type, version: from.number(), segment: from.number() };
      case 'ENQ': {
        const envelope = readEnvelope(from, flags);
        const cause = from.number() === 0 ? undefined : readResults(from, flags);
        const external = (flags & FLAGS.external) !== 0;
        return { type, envelope: { ...envelope, size: external ? from.number() : from.rest }, external, cause };
      }
      case 'RES': return { type, results: readResults(from, flags) };
      case 'ATT': return { type, id: from.text(), turn: from.number(), host: from.text(), recipients: from.list(() => readRecipient(from)) };
      case 'STATE': {
        const known = readEnvelope(from, flags);
        const external = (flags & FLAGS.external) !== 0;
        const size = external ? from.number() : undefined;
        const next = { turn: from.number(), value: from.number() };
        const held = { turn: from.number(), value: from.number() };
        const recipients = from.list(() => {
          const turn = from.number();
          const attempted = { turn: from.number(), host: from.text() };
          return register(readState(from), turn, attempted);
        });
        const warned = readWarned(from, flags);
        const envelope = { ...known, size: size ?? from.rest };
        if (warned.length === 0) return { type, envelope, external, next, held, recipients };
        const told = new Set(warned);
        return { type, envelope, external, next, held, recipients: recipients.map((each, recipient) => (told.has(recipient) ? { ...each, warned: true } : each)) };
      }
      case 'HOLD': return { type, id: from.text(), turn: from.number(), order: ORDERS[from.number()] ?? 'hold' }; // what a later version says is nothing to act upon
      case 'KILL': return { type, id: from.text() };
      default: return type satisfies never;
    }
  }
}

/** Returns what is known of a recipient as a register; `unsettled` follows from the turns. */
export function register({ state, reply, host }: RecipientState, turn: number, attempted: Attempt, warned = false): Register {
  // Not by spreading what there may be: a start makes some of these for each mail, and this takes a third of the time.
  const made: Writable<Register> = { state, turn, attempted };
  if (reply !== undefined) made.reply = reply;
  if (host !== undefined) made.host = host;
  if (state === 'waiting' && attempted.turn > turn) made.unsettled = attempted;
  if (warned) made.warned = true;
  return made;
}

type Writable<Made> = { -readonly [Key in keyof Made]: Made[Key] };

function envelopeFlags(envelope: StoredEnvelope, external: boolean): number {
  return (envelope.eightBit ? FLAGS.eightBit : 0) | (external ? FLAGS.external : 0) | (hasParameters(envelope) ? FLAGS.parameters : 0);
}

/** Tells whether the envelope goes on behind its paths. */
function hasParameters({ parameters, recipientParameters }: Pick<StoredEnvelope, 'parameters' | 'recipientParameters'>): boolean {
  return parameters !== '' || recipientParameters.length > 0;
}

function warnedFlag({ length }: readonly number[]): number {
  return length > 0 ? FLAGS.warned : 0;
}

function writeNumbers(to: PayloadWriter, numbers: readonly number[]): void {
  to.number(numbers.length);
  for (const number of numbers) to.number(number);
}

const NOBODY: readonly number[] = [];

function readWarned(from: PayloadReader, flags: number): readonly number[] {
  return (flags & FLAGS.warned) === 0 ? NOBODY : from.list(() => readRecipient(from));
}

function readRecipient(from: PayloadReader): number {
  const recipient = from.number();
  if (recipient >= MOST_RECIPIENTS) from.sound = false;
  return recipient;
}

function writeEnvelope(to: PayloadWriter, envelope: StoredEnvelope): void {
  const { id, arrival, reversePath, forwardPaths, parameters, recipientParameters } = envelope;
  to.text(id);
  to.number(arrival);
  to.text(reversePath);
  to.number(forwardPaths.length);
  for (const path of forwardPaths) to.text(path);
  if (!hasParameters(envelope)) return;
  to.text(parameters);
  to.number(recipientParameters.length);
  for (const each of recipientParameters) to.text(each);
}

export const NO_PARAMETERS: readonly string[] = []; // one for all

function readEnvelope(from: PayloadReader, flags: number): Omit<StoredEnvelope, 'size'> {
  const [id, arrival, reversePath, forwardPaths] = [from.text(), from.number(), from.text(), from.list(() => from.text())];
  const more = (flags & FLAGS.parameters) !== 0;
  return { id, arrival, reversePath, forwardPaths, eightBit: (flags & FLAGS.eightBit) !== 0, parameters: more ? from.text() : '', recipientParameters: more ? from.list(() => from.text()) : NO_PARAMETERS };
}

function writeResults(to: PayloadWriter, { id, turn, nextAttempt, recipients, warned }: Results): void {
  to.text(id);
  to.number(turn);
  to.number(nextAttempt);
  to.number(recipients.length);
  for (const { recipient, state } of recipients) {
    to.number(recipient);
    writeState(to, state);
  }
  if (warned.length > 0) writeNumbers(to, warned);
}

function readResults(from: PayloadReader, flags: number): Results {
  return { id: from.text(), turn: from.number(), nextAttempt: from.number(), recipients: from.list(() => ({ recipient: readRecipient(from), state: readState(from) })), warned: readWarned(from, flags) };
}

function writeState(to: PayloadWriter, { state, reply, host }: RecipientState): void {
  const number = STATES.indexOf(state);
  if (number < 0) throw new UsageError(`a recipient is waiting, delivered or failed, not ${shown(state)}`);
  to.number(number);
  to.text(host ?? '');
  to.number(reply?.code ?? 0);
  if (reply === undefined) return;
  to.text(reply.enhanced ?? '');
  to.number(reply.lines.length);
  for (const line of reply.lines) to.text(line);
}

function readState(from: PayloadReader): RecipientState {
  const state = STATES[from.number()];
  if (state === undefined) from.sound = false;
  const host = from.text();
  const reply = readReply(from);
  const read: Writable<RecipientState> = { state: state ?? 'waiting' };
  if (reply !== undefined) read.reply = reply;
  if (host !== '') read.host = host;
  return read;
}

function readReply(from: PayloadReader): Reply | undefined {
  const code = from.number();
  if (code === 0) return undefined;
  const enhanced = from.text();
  return { code, enhanced: enhanced === '' ? undefined : enhanced, lines: from.list(() => from.text()) };
}
