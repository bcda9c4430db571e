// A transcript made ready for replay: entries joined to the steps that the runner takes, and checked for sense.
//
// What the peer and the application say are steps to take; what the session says, to its peer or to its application, are
// steps to wait for. Nothing here depends on how the octets will be cut.

import { EMPTY, concat } from '../wire/octet.ts';
import type { ApplicationLine, Subject } from './application.ts';
import { formatExact } from './exact.ts';
import { formatEntry } from './format.ts';
import type { Entry, Speaker, Transcript, TranscriptFault, WorldEvent } from './format.ts';
import type { Header } from './header.ts';

export interface Script {
  readonly header: Header;
  readonly steps: readonly Step[];
  /** What the transcript speaks of, and so must speak of fully: `ask rcpt`, `content`, `outcome` … */
  readonly spoken: ReadonlySet<string>;
}

/** `entry` is the first of those joined. */
export type Step = { readonly entry: Entry } & (
  // To take.
  | { readonly type: 'receive'; readonly segments: readonly Uint8Array[] }
  | { readonly type: 'supply'; readonly segments: readonly Uint8Array[] } // content, by a client's application
  | { readonly type: 'say'; readonly said: ApplicationLine; readonly replyLines: readonly string[] }
  | { readonly type: 'world'; readonly event: WorldEvent }
  // To wait for.
  | { readonly type: 'sent'; readonly octets: Uint8Array }
  | { readonly type: 'told'; readonly said: ApplicationLine }
  | { readonly type: 'closed' }
);

/** Steps that are one. */
type Run = readonly [Step, ...Step[]];

/** The steps of the transcript, or where it makes no sense. */
export function readScript({ header, entries }: Transcript): Script | TranscriptFault {
  const runs: [Step, ...Step[]][] = []; // joined when each is whole: a mail may have a million lines
  for (const entry of entries) {
    const step = readStep(entry, header.subject);
    if (step === undefined) continue;
    const run = runs.at(-1);
    if (run !== undefined && goesOn(run.at(-1), step)) run.push(step);
    else runs.push([step]);
  }
  const steps = runs.map(join);

  let asked = false; // a question is without its answer
  for (const step of steps) {
    const expected = misfit(step, header.subject, asked);
    if (expected !== undefined) return { line: step.entry.line, expected, found: formatEntry(step.entry) };
    asked = (asked && (!isAnswer(step) || (step.type === 'say' && step.said.say === 'next'))) || (step.type === 'told' && step.said.say === 'ask');
  }
  return { header, steps, spoken: new Set(steps.flatMap((step) => (step.type === 'told' ? [kindOf(step.said)] : []))) };
}

/** The name under which a line is spoken of. */
export function kindOf(said: ApplicationLine): string {
  return said.say === 'ask' ? `ask ${said.about}` : said.say;
}

/** Who is played, since the other one is the subject. */
export function peerOf(subject: Subject): Speaker {
  return subject === 'server' ? 'C' : 'S';
}

function readStep(entry: Entry, subject: Subject): Step | undefined {
  switch (entry.type) {
    case 'octets':
      if (entry.from === peerOf(subject)) return { type: 'receive', segments: [entry.octets], entry };
      return { type: 'sent', octets: entry.octets, entry };
    case 'cut': return { type: 'receive', segments: [EMPTY, EMPTY], entry };
    case 'world': return entry.event.happens === 'close' ? { type: 'closed', entry } : { type: 'world', event: entry.event, entry };
    case 'application': {
      const { said } = entry;
      if (said.say === 'content' && subject === 'client') return { type: 'supply', segments: [said.octets], entry };
      if (isTold(said)) return { type: 'told', said, entry };
      const reply = 'reply' in said ? said.reply : undefined;
      return { type: 'say', said, replyLines: reply === undefined ? [] : [reply], entry };
    }
    case 'remark': case 'blank': return undefined;
    default: return entry satisfies never;
  }
}

/** Whether the application is told it, rather than says it. */
function isTold(said: ApplicationLine): boolean {
  switch (said.say) {
    case 'ask': case 'data': case 'start-tls': case 'ended': case 'leniency': case 'notice': case 'unauthenticated': case 'content': case 'outcome': case 'done': return true;
    case 'accept': case 'refuse': case 'each': case 'next': case 'auth': case 'mail': case 'content ends': case 'content lost': case 'quit': return false;
    case 'abort': return said.reason !== undefined;
    default: return said satisfies never;
  }
}

/** Whether both are one step: the peer's octets with their cuts, pieces of content, the lines of a reply. */
function goesOn(last: Step | undefined, step: Step): boolean {
  switch (step.type) {
    case 'receive': case 'supply': return last?.type === step.type;
    case 'told': return last?.type === 'told' && last.said.say === 'content' && step.said.say === 'content';
    case 'say': return last?.type === 'say' && last.said.say === step.said.say && (isUnfinished(last) || step.said.say === 'each');
    case 'world': case 'sent': case 'closed': return false;
    default: return step satisfies never;
  }
}

/** One step in place of a run of them. */
function join(run: Run): Step {
  const [first] = run;
  if (run.length === 1) return first;
  switch (first.type) {
    case 'receive': return { ...first, segments: segmentsOf(run) };
    case 'supply': return { ...first, segments: run.flatMap((step) => (step.type === 'supply' ? step.segments : [])) };
    case 'told': {
      const octets = concat(run.flatMap((step) => (step.type === 'told' && step.said.say === 'content' ? [step.said.octets] : [])));
      return { ...first, said: { say: 'content', octets, text: formatExact(octets) } };
    }
    case 'say': return { ...first, replyLines: run.flatMap((step) => (step.type === 'say' ? step.replyLines : [])) };
    case 'world': case 'sent': case 'closed': return first; // each alone
    default: return first satisfies never;
  }
}

/** The peer's octets, parted at the cuts alone. */
function segmentsOf(run: Run): readonly Uint8Array[] {
  const segments: Uint8Array[] = [];
  let pieces: Uint8Array[] = []; // of the next
  for (const step of run) {
    for (const [index, octets] of (step.type === 'receive' ? step.segments : []).entries()) {
      if (index > 0) {
        segments.push(concat(pieces));
        pieces = [];
      }
      pieces.push(octets);
    }
  }
  return [...segments, concat(pieces)];
}

function isUnfinished(step: Step): boolean {
  return step.type === 'say' && step.replyLines.at(-1)?.[3] === '-';
}

function isAnswer(step: Step): boolean {
  return step.type === 'say' && ['accept', 'refuse', 'each', 'next', 'auth'].includes(step.said.say);
}

/** What was expected in the step's place, if it makes no sense there. */
function misfit(step: Step, subject: Subject, asked: boolean): string | undefined {
  switch (step.type) {
    case 'receive':
      if (step.segments.every(({ length }) => length > 0)) return undefined;
      return `octets of the ${subject === 'server' ? 'client' : 'server'} on both sides of each cut`;
    case 'say': {
      const codes = new Set(step.replyLines.map((line) => line.slice(0, 3)));
      if (isAnswer(step) && !asked) return 'A: ask before its answer';
      return isUnfinished(step) || (codes.size > 1 && step.said.say !== 'each') ? 'all lines of the reply, with one code' : undefined;
    }
    case 'world': return subject === 'client' && (step.event.happens === 'shutdown' || step.event.happens === 'halt') ? 'eof, lost, close, tls, tls insufficient or clock in the world of a client' : undefined;
    case 'supply': case 'sent': case 'told': case 'closed': return undefined;
    default: return step satisfies never;
  }
}
