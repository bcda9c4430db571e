// Replays a transcript against a session: pure, without sockets, files or a clock of its own.
//
// Rule 1: what the session sends is compared octet for octet. Before each input and each event of the world, all that stands
//         above it must have been sent, and nothing else; before each word of the application, nothing that stands below it.
// Rule 2: what the application is told is compared line by line, in the kinds that the transcript speaks of; of those it
//         must speak fully. Content may come in any pieces, and be compared later than it came. Why a connection broke, or a
//         certificate is no good, a replay does not know.
// Rule 3: what is sent and what is told are two streams, since replies to a pipelined group may be held back (RFC 2920 §3.2).
// Rule 4: every close stands in the transcript, and nothing is sent behind it.

import { decodeLatin1 } from '../wire/ascii.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import type { Hash } from '../protocol/sasl/exchange.ts';
import { formatEntry } from './format.ts';
import type { Entry, Speaker, TimeUnit, WorldEvent } from './format.ts';
import { playersOf } from './player.ts';
import type { Player } from './player.ts';
import { peerOf } from './script.ts';
import type { Script, Step } from './script.ts';
import { OCTET_BY_OCTET, segmentationsOf, sendAhead } from './segmentation.ts';
import type { Segmentation } from './segmentation.ts';
import { SentStream, ToldStream } from './stream.ts';
import type { Difference } from './stream.ts';

/** Where a session did otherwise than the transcript has it, and how the octets were cut then. */
export interface Mismatch extends Difference {
  readonly segmentation: string;
}

/** Is told what becomes of the session's state, in the replay octet by octet: there no two changes fall together. */
export interface Watch {
  /** The state changed, whatever made it. */
  readonly changed: (from: string, to: string) => void;
  /** A line of the peer, without its CRLF, was dealt with: all that it was cause of has happened. */
  readonly received: (line: string, from: string, to: string) => void;
}

/** Replays the script in all its segmentations; returns the first mismatch. `hash` is for exchanges of SASL. */
export function replay(script: Script, hash: Hash, watch?: Watch): Mismatch | undefined {
  const newPlayer = playersOf(script, hash);
  const ahead = sendAhead(script.steps);
  const chunked = script.steps.some((step) => step.type === 'sent' && decodeLatin1(step.octets.subarray(0, 5)) === 'BDAT ');
  const peer = peerOf(script.header.subject);
  for (const segmentation of segmentationsOf(script)) {
    const course: Course = { steps: segmentation.ahead ? ahead : script.steps, segmentation, chunked, subject: peer === 'C' ? 'S' : 'C' };
    const difference = new Replay(course, newPlayer(), segmentation === OCTET_BY_OCTET ? watch : undefined).run();
    if (difference !== undefined) return { ...difference, segmentation: segmentation.name };
  }
  return undefined;
}

/** `smuggling/lf-dot-crlf.smtp:23 (octet by octet): expected S: 554 …, got S: 250 …` */
export function formatMismatch(name: string, { line, segmentation, expected, got }: Mismatch): string {
  return `${name}:${line} (${segmentation}): expected ${expected}, got ${got}`;
}

const UNITS: Readonly<Record<TimeUnit, Milliseconds>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** What is replayed, and how. */
interface Course {
  readonly steps: readonly Step[];
  readonly segmentation: Segmentation;
  /** The client's content goes in chunks, one for each piece: they are given as they stand. */
  readonly chunked: boolean;
  readonly subject: Speaker;
}

class Replay {
  readonly #steps: readonly Step[];
  readonly #segmentation: Segmentation;
  readonly #watch: Watch | undefined;
  readonly #player: Player;
  readonly #sent: SentStream;
  readonly #told = new ToldStream();
  readonly #chunked: boolean;
  #state: string;
  #line = ''; //                        of the peer, as far as it has come
  #received: [line: string, from: string] | undefined; // a whole one that is being dealt with
  #now: Milliseconds = 0;
  #closed = false;

  constructor({ steps, segmentation, chunked, subject }: Course, player: Player, watch: Watch | undefined) {
    this.#steps = steps;
    this.#segmentation = segmentation;
    this.#watch = watch;
    this.#player = player;
    this.#sent = new SentStream(subject);
    this.#chunked = chunked;
    this.#state = this.#player.state;
  }

  run(): Difference | undefined {
    let line = 1;
    let difference = this.#pump(line);
    for (const step of this.#steps) {
      if (difference !== undefined) return difference;
      line = step.entry.line;
      difference = this.#take(step, line);
    }
    this.#watchReceived();
    return difference ?? this.#settle(line, true);
  }

  #take(step: Step, line: number): Difference | undefined {
    switch (step.type) {
      case 'receive': return this.#settle(line) ?? this.#feed(this.#segmentation.cut(step.segments), line, (segment) => this.#receive(segment));
      case 'supply': {
        const early = this.#sent.compare(line, false);
        if (early !== undefined || this.#player.wanting) return early ?? this.#feed(this.#chunked ? step.segments : this.#segmentation.cut(step.segments), line, (piece) => this.#supply(piece));
        return { line, expected: formatEntry(step.entry), got: 'no content is wanted' };
      }
      case 'say': {
        const early = this.#sent.compare(line, false);
        const trouble = early === undefined ? this.#player.say(step, this.#now) : undefined;
        return early ?? (trouble === undefined ? this.#pump(line) : { line, expected: formatEntry(step.entry), got: trouble });
      }
      case 'world': return this.#settle(line) ?? this.#meet(step.event, step.entry);
      case 'sent':
        this.#sent.await(step);
        return undefined;
      case 'told': return this.#told.compare(step, this.#sent);
      case 'closed': return this.#told.compare(step, this.#sent) ?? this.#sent.compare(line, true);
      default: return step satisfies never;
    }
  }

  /** Nothing may be left over above the line. */
  #settle(line: number, end = false): Difference | undefined {
    return this.#sent.compare(line, true) ?? this.#told.rest(line, end);
  }

  #feed(pieces: Iterable<Uint8Array>, line: number, give: (piece: Uint8Array) => void): Difference | undefined {
    for (const piece of pieces) {
      give(piece);
      const difference = this.#pump(line);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }

  #receive(segment: Uint8Array): void {
    this.#watchReceived();
    if (this.#watch !== undefined && this.#player.readsLines) {
      this.#line += decodeLatin1(segment);
      if (this.#line.endsWith('\r\n')) {
        this.#received = [this.#line.slice(0, -2), this.#state];
        this.#line = '';
      }
    }
    this.#player.receive(segment, this.#now);
  }

  /** A session that ended over one piece of content wants no other. */
  #supply(piece: Uint8Array): void {
    if (this.#player.wanting) this.#player.supply(piece, this.#now);
  }

  #meet(event: WorldEvent, entry: Entry): Difference | undefined {
    const { line } = entry;
    this.#watchReceived();
    switch (event.happens) {
      case 'eof': case 'lost': case 'shutdown': case 'halt': case 'tls': case 'tls insufficient': {
        const trouble = this.#player.meet(event.happens, this.#now);
        return trouble === undefined ? this.#pump(line) : { line, expected: formatEntry(entry), got: trouble };
      }
      case 'clock': return this.#advance(event.count * UNITS[event.unit], line);
      case 'close': return undefined; // not reached: what the session does is a step of its own
      default: return event satisfies never;
    }
  }

  /** A deadline that passes in the meantime is met when it passes. */
  #advance(by: Milliseconds, line: number): Difference | undefined {
    const then = this.#now + by;
    while (this.#player.deadline <= then) {
      const { deadline } = this.#player;
      this.#now = deadline;
      this.#player.expire(deadline);
      const difference = this.#pump(line);
      if (difference !== undefined) return difference;
      if (this.#player.deadline <= deadline) return { line, expected: 'a later deadline', got: `again ${deadline} ms` };
    }
    this.#now = then;
    return undefined;
  }

  /** Takes what the session has to give. */
  #pump(line: number): Difference | undefined {
    this.#watchState();
    for (let happenings; (happenings = this.#player.next()) !== undefined; this.#watchState()) {
      for (const happening of happenings) {
        if (this.#closed && happening.type !== 'told') return { line, expected: 'nothing after the close', got: `something ${happening.type}` };
        if (happening.type === 'closed') this.#closed = true;
        if (happening.type === 'sent') this.#sent.add(happening.octets);
        else this.#told.add(happening);
      }
    }
    this.#watchState(); // which changes without a word where a second chunk begins
    return undefined;
  }

  #watchState(): void {
    const { state } = this.#player;
    if (state !== this.#state) this.#watch?.changed(this.#state, state);
    this.#state = state;
  }

  #watchReceived(): void {
    if (this.#received !== undefined) this.#watch?.received(...this.#received, this.#state);
    this.#received = undefined;
  }
}
