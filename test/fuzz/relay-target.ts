// Targets of the layers `relay` and `transcript`: what is read from disk, from the DNS, and from a bug report.

import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { decodeUtf8 } from '../../src/wire/utf8.ts';
import { crc32 } from '../../src/relay/queue/checksum.ts';
import { concat } from '../../src/wire/octet.ts';
import { decodeFact, encodeFact, type Fact } from '../../src/relay/queue/fact.ts';
import { Fold, isDone, join, statesOf } from '../../src/relay/queue/fold.ts';
import { HEADER, RECORD_TYPES, readRecord, seal, type StoredRecord } from '../../src/relay/queue/record.ts';
import { readSegment } from '../../src/relay/queue/segment.ts';
import { formatAddressAnswer, formatMxAnswer, parseAddressAnswer, parseMxAnswer } from '../../src/relay/dns-answer.ts';
import { formatGiven, parseRouteRecord, replayRoute } from '../../src/relay/route-record.ts';
import { formatTranscript, formatTranscriptFault, isTranscriptFault, parseTranscript } from '../../src/transcript/format.ts';
import { readScript } from '../../src/transcript/script.ts';
import { claim, claimEqual } from './property.ts';

const SECRET = 0x5ec7e700;

/**
 * Records of the journal: each begins with an octet that is its type and flags and one that is its length. Damage is done to the
 * segment that they make, at the places that the last octets name.
 */
export function journalRecord(octets: Uint8Array): void {
  const damage = octets.subarray(Math.max(0, octets.length - 4));
  const records: Uint8Array[] = [];
  const facts: Fact[] = [];
  let watermark = 0;
  for (let at = 0; at + 2 <= octets.length - 4; at += 2 + (octets[at + 1] ?? 0)) {
    const [kind = 0, length = 0] = octets.subarray(at, at + 2);
    const type = RECORD_TYPES[kind % RECORD_TYPES.length] ?? 'SEG';
    const payload = octets.slice(at + 2, Math.min(at + 2 + length, octets.length - 4));
    const record: StoredRecord = { type, flags: kind >> 4, sequence: records.length, watermark, payload };
    const fact = decodeFact(record);
    const draft = { type, flags: record.flags, octets: Uint8Array.of(...new Uint8Array(HEADER), ...payload), behind: [], length: payload.length, checksum: crc32(payload) };
    seal(draft, { secret: SECRET, sequence: records.length, watermark }, crc32);
    claimEqual(readRecord(draft.octets, 0, SECRET, crc32), record, 'record');
    records.push(draft.octets);
    watermark += draft.octets.length;
    if (fact === undefined) continue;
    facts.push(fact);
    checkFact(fact);
  }
  checkFold(facts);
  checkSegment(records, damage);
}

/** What a fact says is the same when it is written and read again. */
function checkFact(fact: Fact): void {
  const size = 'external' in fact && !fact.external ? fact.envelope.size : 0;
  const draft = encodeFact(fact, crc32, size > 0 ? [new Uint8Array(size)] : []);
  const record = { type: draft.type, flags: draft.flags, sequence: 0, watermark: 0, payload: concat([draft.octets, ...draft.behind]).slice(HEADER) };
  claimEqual(decodeFact(record), fact, `fact ${fact.type}`);
}

/** The fold knows the same in whatever order the facts came, and however often (fold.ts). */
function checkFold(facts: readonly Fact[]): void {
  const fold = (order: readonly Fact[]): unknown => {
    const all = new Fold();
    for (const fact of order) all.add(fact, { segment: 1, at: facts.indexOf(fact) });
    // What a second envelope of one mail says is not looked at: the journal holds one (§ "all that are present say the same").
    return [...all.mails].map(([id, { envelope, ...state }]) => [id, envelope === undefined, { ...state, recipients: trimmed(state.recipients) }]).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  };
  const forward = fold(facts);
  if (!contradict(facts)) claimEqual(fold([...facts].reverse()), forward, 'facts backwards');
  claimEqual(fold([...facts, ...facts]), forward, 'facts twice');
  // "delivered" never becomes anything else
  const all = new Fold();
  for (const fact of facts) all.add(fact, { segment: 1, at: 0 });
  for (const [id, { recipients }] of facts.flatMap((fact) => statesOf(fact, { segment: 1, at: 0 }))) {
    for (const [recipient, { state }] of recipients.entries()) claim(state !== 'delivered' || all.mails.get(id)?.recipients[recipient]?.state === 'delivered', () => `recipient ${recipient} of ${id} was delivered`);
  }
  for (const fact of facts) {
    for (const [, state] of statesOf(fact, { segment: 1, at: 0 })) {
      claimEqual(join(state, state), state, 'a state joined with itself');
      claim(typeof isDone(state) === 'boolean', () => 'neither done nor not');
    }
  }
}

/** Two facts with one turn: no queue writes such, since every fact has a turn of its own. */
function contradict(facts: readonly Fact[]): boolean {
  const turns = facts.flatMap((fact) => [...new Set(statesOf(fact, { segment: 1, at: 0 }).flatMap(([, { next, held, recipients }]) => [next.turn, held.turn, ...recipients.flatMap(({ turn, attempted }) => [turn, attempted.turn])]))]).filter((turn) => turn > 0);
  return new Set(turns).size < turns.length;
}

/** Recipients of whom nothing is known may be missing at the end. */
function trimmed(recipients: readonly { readonly state: string; readonly turn: number; readonly attempted: { readonly turn: number }; readonly warned?: boolean }[]): readonly unknown[] {
  const known = recipients.findLastIndex(({ state, turn, attempted, warned }) => state !== 'waiting' || turn > 0 || attempted.turn > 0 || warned === true);
  return recipients.slice(0, known + 1);
}

/** A segment that was cut off or overwritten: records that come out are records that went in. */
function checkSegment(records: readonly Uint8Array[], damage: Uint8Array): void {
  const segment = Uint8Array.from(records.flatMap((record) => [...record]));
  const intact = new Set(records.map((record) => decodeLatin1(record.subarray(HEADER))));
  const whole = readSegment(segment, SECRET, true, crc32, () => undefined);
  claim(whole.state === 'whole' && whole.end === segment.length, () => 'a whole segment is not read whole');
  const [high = 0, low = 0, value = 0, cut = 0] = damage;
  const damaged = segment.slice(0, segment.length - (cut % (segment.length + 1)));
  if (damaged.length > 0) {
    const at = ((high << 8) | low) % damaged.length;
    damaged[at] = (damaged[at] ?? 0) ^ value;
  }
  const { state, end } = readSegment(damaged, SECRET, true, crc32, ({ payload }) => {
    claim(intact.has(decodeLatin1(payload)), () => 'a record that nobody wrote');
  });
  claim(end <= damaged.length && (state !== 'whole' || end === damaged.length), () => `${state} up to ${end} of ${damaged.length}`);
}

/** A record of a route: answers of the DNS as text, and what the rules make of them. */
export function dnsRoute(octets: Uint8Array): void {
  const text = decodeUtf8(octets) ?? decodeLatin1(octets);
  const record = parseRouteRecord(text);
  if (typeof record === 'string') {
    for (const line of text.split('\n')) {
      const [mx, address] = [parseMxAnswer(line), parseAddressAnswer(line)];
      claimEqual(parseMxAnswer(formatMxAnswer(mx)), mx, 'MX answer');
      claimEqual(parseAddressAnswer(formatAddressAnswer(address)), address, 'address answer');
    }
    return;
  }
  const lines = replayRoute(record);
  const plans = lines.filter((line) => line.startsWith('plan '));
  claim(plans.length <= 10, () => `${plans.length} targets`);
  claim(new Set(plans.map((line) => /\[.*\]:\d+/.exec(line)?.[0])).size === plans.length, () => 'a target twice');
  claim(plans.length > 0 !== lines.some((line) => line.startsWith('verdict ')), () => 'neither a target nor a verdict, or both');
  claim(lines.every((line) => !/[\r\n\0]/.test(line) || /[\r\0]/.test(text)), () => 'a step of more than one line');
  const again = parseRouteRecord(lines.join('\n'));
  claim(typeof again !== 'string', () => `a record that is not read again: ${String(again)}`);
  if (typeof again === 'string') return;
  claimEqual(formatGiven(again), formatGiven(record), 'what routing was told');
  claimEqual(replayRoute(again), lines, 'the same route again');
}

/** A transcript: the same text when it is parsed and formatted again, and a script, or a fault with its line. */
export function transcript(octets: Uint8Array): void {
  const text = decodeUtf8(octets);
  if (text === undefined) return;
  const parsed = parseTranscript(text);
  const lines = text.split('\n').length;
  const told = (fault: typeof parsed): void => {
    if (!isTranscriptFault(fault)) return;
    claim(fault.line >= 1 && fault.line <= lines + 1, () => `a fault in line ${fault.line} of ${lines}`);
    claim(formatTranscriptFault('x', fault).length < 2_000 + text.length, () => 'a fault that says too much');
  };
  if (isTranscriptFault(parsed)) return told(parsed);
  claimEqual(formatTranscript(parsed), text, 'transcript');
  const script = readScript(parsed);
  if (isTranscriptFault(script)) {
    claim(script.line >= 1 && script.line <= lines + 1, () => `a fault in line ${script.line} of ${lines}`);
    return;
  }
  claim(script.steps.length <= parsed.entries.length, () => 'more steps than entries');
}
