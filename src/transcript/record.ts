// Writes a session down while it happens: what passed, where it was cut, what the application was told and said, and when.
// What comes out is a transcript (format.ts), which can be replayed.
//
// Rule 1: no secret is written (secret.ts).
// Rule 2: what is written is written at once; nothing of a session is kept here but an incomplete line that may be secret.
// Rule 3: time is written where it may matter: before what comes a second or more after the last, and before whatever falls due.
//         Shorter waits are left out, since a deadline may count from any of them; what falls due makes up for them.

import { encodeAscii } from '../wire/ascii.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import type { Hash } from '../protocol/sasl/exchange.ts';
import type { ApplicationLine, Subject } from './application.ts';
import { formatEntry, spellOctets, type Speaker, type WorldEvent } from './format.ts';
import { peerOf } from './script.ts';
import { SecretStriker } from './secret.ts';

export interface RecordHeader {
  /** A sentence in the present tense. */
  readonly title: string;
  /** Who was recorded, with version and date. */
  readonly source: string;
  readonly subject: Subject;
  /** Of the session, as the header of a transcript has them: `size=1000`. */
  readonly options?: readonly string[];
  /** For what SCRAM says in place of what is struck out. */
  readonly hash: Hash;
  /** Called when the session has closed: nothing more is written. */
  readonly ended?: () => void;
}

/** Elapsed time that is worth a line. */
const WORTH_A_LINE: Milliseconds = 1_000;

export class TranscriptRecorder {
  readonly #write: (text: string) => void;
  readonly #ended: (() => void) | undefined;
  readonly #peer: Speaker;
  readonly #striker: SecretStriker;
  #time: Milliseconds; //     as the transcript has it
  #last: Milliseconds; //     when something came or was said
  #heardLast = false; //      the last line written was heard from the peer: what is heard next is another segment

  /** `write` gets the transcript piece by piece, the header at once. `now`: milliseconds, of a clock that never goes back. */
  constructor(write: (text: string) => void, { title, source, subject, options = [], hash, ended }: RecordHeader, now: Milliseconds) {
    this.#write = write;
    this.#striker = new SecretStriker(hash);
    this.#ended = ended;
    this.#peer = peerOf(subject);
    this.#time = now;
    this.#last = now;
    const fields = [`Title: ${title}`, `Source: ${source}`, `Subject: ${subject}`, ...(options.length === 0 ? [] : [`Options: ${options.join(', ')}`])];
    write(`${fields.map(plain).join('\n')}\n\n`);
  }

  /** A segment came from the peer. */
  heard(octets: Uint8Array, now: Milliseconds): void {
    this.#pass(now);
    const passed = this.#peer === 'C' ? this.#striker.client(octets) : this.#striker.server(octets);
    if (passed.length === 0) return;
    if (this.#heardLast) this.#write('/\n');
    this.#octets(this.#peer, passed);
    this.#heardLast = true;
  }

  /** The session sent this to its peer. */
  sent(octets: Uint8Array): void {
    const passed = this.#peer === 'C' ? this.#striker.server(octets) : this.#striker.client(octets);
    if (passed.length > 0) this.#octets(this.#peer === 'C' ? 'S' : 'C', passed);
  }

  /** The application was told this, or said it; `now` where that may begin a wait. */
  said(line: ApplicationLine, now?: Milliseconds): void {
    if (now !== undefined) this.#pass(now);
    const answer = line.say === 'auth' ? this.#striker.answer(line.answer) : undefined;
    if (line.say === 'auth' && answer === undefined) this.remark(`struck out: the ${line.answer.type}, so that the rest cannot be replayed`);
    const said: ApplicationLine = line.say === 'auth' ? { say: 'auth', answer: answer ?? { type: 'no' } } : line;
    this.#line(formatEntry({ type: 'application', said }));
  }

  /** What the world did, or that the session closed. */
  world(happens: Exclude<WorldEvent['happens'], 'clock'>): void {
    const secured = happens === 'tls' || happens === 'tls insufficient';
    if (secured) this.#striker.secured();
    if (!secured) {
      this.#octets('S', this.#striker.serverEnd());
      this.#octets('C', this.#striker.end());
    }
    this.#line(`* ${happens}`);
    if (happens === 'close') this.#ended?.();
  }

  /** A client has derived this from its password. */
  derived(saltedPassword: Uint8Array): void {
    this.#striker.derived(saltedPassword);
  }

  /** Something falls due. */
  due(now: Milliseconds): void {
    if (now > this.#time) this.#clock(Math.ceil(now - this.#time));
    this.#last = now;
  }

  remark(text: string): void {
    this.#line(plain(`# ${text}`));
  }

  #pass(now: Milliseconds): void {
    if (now - this.#last >= WORTH_A_LINE) this.#clock(Math.ceil(now - this.#last) - 1); // it came in time, if only just
    this.#last = now;
  }

  #clock(count: Milliseconds): void {
    this.#time += count;
    this.#line(`* clock +${count}ms`);
  }

  #octets(from: Speaker, octets: Uint8Array): void {
    for (const entry of spellOctets(from, octets)) this.#line(formatEntry(entry));
  }

  #line(text: string): void {
    this.#heardLast = false;
    this.#write(`${text}\n`);
  }
}

/** A time as a header has it, in seconds; undefined where it has no end, or none that a header could have. */
export function secondsOf(time: Milliseconds | undefined): number | undefined {
  return time === undefined || time === 0 || time >= 1e12 ? undefined : Math.ceil(time) / 1_000;
}

/** Reply lines as they stand behind `A: accept`; none where the reply is the RFC's own. */
export function replyLines(formatted: string | undefined): readonly (string | undefined)[] {
  return formatted === undefined ? [undefined] : formatted.split('\r\n').slice(0, -1).map((line) => line.trimEnd());
}

/** The text in printable ASCII, with `?` for whatever else it holds. */
function plain(text: string): string {
  return String.fromCharCode(...encodeAscii(text).map((octet) => (octet < 0x20 || octet > 0x7e ? 0x3f : octet))).trimEnd();
}
