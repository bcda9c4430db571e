// The two streams that a replay compares: what the session sent to its peer, and what it told its application.

import { concat, equal } from '../wire/octet.ts';
import { Pieces } from '../wire/pieces.ts';
import { formatReply } from '../syntax/reply.ts';
import type { Reason } from '../protocol/client/action.ts';
import { replyOf } from '../protocol/client/reason.ts';
import { formatApplicationLine } from './application.ts';
import type { ApplicationLine } from './application.ts';
import { formatExact } from './exact.ts';
import { formatEntry, spellOctets } from './format.ts';
import type { Speaker } from './format.ts';
import type { Happening } from './player.ts';
import type { Step } from './script.ts';

export interface Difference {
  readonly line: number;
  readonly expected: string;
  readonly got: string;
}

/** Octets sent, against the lines that await them. */
export class SentStream {
  readonly #speaker: Speaker;
  #sent: Uint8Array[] = []; //                                 not compared to the end yet
  readonly #awaited: (Step & { readonly type: 'sent' })[] = []; // likewise

  constructor(speaker: Speaker) {
    this.#speaker = speaker;
  }

  add(octets: Uint8Array): void {
    this.#sent.push(octets.slice());
  }

  await(step: Step & { readonly type: 'sent' }): void {
    this.#awaited.push(step);
  }

  /** The first difference; what is awaited and not sent yet is one only where it should be `complete`. */
  compare(line: number, complete: boolean): Difference | undefined {
    if (this.#sent.length === 0 && (this.#awaited.length === 0 || !complete)) return undefined;
    const sent = concat(this.#sent);
    let at = 0;
    let whole = 0; // lines that were sent to their ends
    for (const { octets, entry } of this.#awaited) {
      const got = sent.subarray(at, at + octets.length);
      if (!equal(got, octets.subarray(0, got.length)) || (complete && got.length < octets.length)) {
        return { line: entry.line, expected: formatEntry(entry), got: this.#describe(sent.subarray(at)) };
      }
      if (got.length < octets.length) break;
      at += octets.length;
      whole += 1;
    }
    const rest = sent.subarray(at);
    if (whole === this.#awaited.length && rest.length > 0) return { line, expected: 'nothing more to be sent before', got: this.#describe(rest) };
    this.#awaited.splice(0, whole);
    this.#sent = rest.length === 0 ? [] : [rest];
    return undefined;
  }

  /** The last line sent that was not compared to the end. */
  describeLast(): string | undefined {
    const last = spellOctets(this.#speaker, concat(this.#sent)).at(-1);
    return last && formatEntry(last);
  }

  #describe(octets: Uint8Array): string {
    const [first] = spellOctets(this.#speaker, octets);
    return first === undefined ? 'nothing' : formatEntry(first);
  }
}

type Told =
  | { readonly type: 'closed' }
  | { readonly type: 'told'; readonly said: ApplicationLine }
  | { readonly type: 'content'; readonly pieces: Pieces; length: number }; // copied together, as they may be ten million

/** Lines told to the application, content joined, and the close of the session. */
export class ToldStream {
  readonly #told: Told[] = [];
  #compared = 0; // so many of them

  add(happening: Happening & { readonly type: 'told' | 'closed' }): void {
    const last = this.#told[Math.max(this.#told.length - 1, this.#compared)];
    if (happening.type === 'closed' || happening.said.say !== 'content') this.#told.push(happening);
    else {
      const { octets } = happening.said;
      const content = last?.type === 'content' ? last : { type: 'content' as const, pieces: new Pieces(), length: 0 };
      content.pieces.add(octets, 0, octets.length, content.length); // as many may follow as there are
      content.length += octets.length;
      if (content !== last) this.#told.push(content);
    }
  }

  /** The difference, if the step is not what happened next; `sent`: what the peer may have been sent in place of nothing. */
  compare(step: Step & { readonly type: 'told' | 'closed' }, sent: SentStream): Difference | undefined {
    const told = this.#told[this.#compared];
    this.#compared += 1;
    if (told !== undefined && matches(step, told)) return undefined;
    const instead = sent.describeLast();
    const got = told === undefined ? `nothing${instead === undefined ? '' : ` but ${instead}`}` : describe(told);
    return { line: step.entry.line, expected: formatEntry(step.entry), got };
  }

  /** What was told above the line and does not stand there. Content may be compared further down, if there is any further down. */
  rest(line: number, end: boolean): Difference | undefined {
    const told = this.#told[this.#compared];
    if (told === undefined || (told.type === 'content' && this.#compared + 1 === this.#told.length && !end)) return undefined;
    return { line, expected: 'nothing more to be told before', got: describe(told) };
  }
}

function octetsOf({ pieces }: Told & { readonly type: 'content' }): Uint8Array {
  const octets = concat(pieces.take());
  pieces.add(octets, 0, octets.length, 0);
  return octets;
}

function matches(step: Step & { readonly type: 'told' | 'closed' }, told: Told): boolean {
  if (step.type === 'closed' || told.type === 'closed') return step.type === told.type;
  const { said } = step;
  if (told.type === 'content') return said.say === 'content' && equal(said.octets, octetsOf(told));
  return formatApplicationLine(said) === formatApplicationLine(asFullAs(said, told.said));
}

/** `told` as full as `said`, which may leave out the detail of a question, or what an outcome is in reply to; and why the world did what it did is its own. */
function asFullAs(said: ApplicationLine, told: ApplicationLine): ApplicationLine {
  if (said.say === 'ask' && told.say === 'ask' && said.detail === undefined) return { ...told, detail: undefined };
  if (said.say !== 'outcome' || told.say !== 'outcome') return told;
  const { reason, reply } = said;
  const alike = reason !== undefined && OF_THE_WORLD.has(reason) && withoutDetail(reply, reason) === withoutDetail(told.reply, reason);
  return { ...told, ...(alike ? { reply } : {}), inReplyTo: said.inReplyTo && told.inReplyTo };
}

/** Reasons behind which it may say why: a session is told that, and a replay does not know. */
const OF_THE_WORLD: ReadonlySet<Reason> = new Set(['no-connection', 'connection-lost', 'content-lost', 'tls-failed', 'tls-not-verified']);

function withoutDetail(reply: string, reason: Reason): string {
  const plain = formatReply(replyOf(reason)).trimEnd();
  return reply.startsWith(`${plain}: `) ? plain : reply;
}

function describe(told: Told): string {
  switch (told.type) {
    case 'closed': return '* close';
    case 'told': return `A: ${formatApplicationLine(told.said)}`;
    case 'content': return `A: content "${formatExact(octetsOf(told))}"`;
    default: return told satisfies never;
  }
}
