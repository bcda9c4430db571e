// Mail data on their way in, after DATA (RFC 5321 §4.1.1.4) or in chunks (RFC 3030): what is content, and what is wrong with it.
//
// Rule 1: what is found wrong is found at the same octet however the stream was cut; of two things the first one counts.
// Rule 2: nothing that is wrong ends the reading: the mail data are read to their true end, or the session ends.
// Rule 3: a leniency looks at content alone: where mail data end was decided in front of it.

import { ChunkDecoder } from '../../wire/chunk-decoder.ts';
import { DataDecoder } from '../../wire/data-decoder.ts';
import type { DataFault } from '../../wire/first-fault.ts';
import { LineEndRepair } from '../../wire/line-end-repair.ts';
import { concat, EMPTY } from '../../wire/octet.ts';
import { TextCheck } from '../../wire/text-check.ts';
import type { LeniencyName } from '../leniency.ts';
import type { Envelope } from '../mail.ts';
import type { AbortReason } from './action.ts';
import type { Output } from './output.ts';

export interface MailDataLimits {
  /** Octets; 0: no limit. */
  readonly maxSize: number;
  readonly maxTextLine: number;
  readonly maxDrain?: number;
  readonly leniencies?: readonly LeniencyName[];
}

/** The mail data of one mail. */
export class MailData {
  /** What the last read found to be content. */
  content: Uint8Array = EMPTY;
  /** Octets of content so far. */
  size = 0;
  /** What is wrong, once it is. */
  fault: AbortReason | undefined;
  /** The application was told of mail data, and not yet of their end. */
  underWay = false;

  readonly #limits: MailDataLimits;
  readonly #repairs: boolean;
  readonly #takesLong: boolean;
  #data: DataDecoder | undefined; //      from their first octet on, after DATA
  #chunk: ChunkDecoder | undefined;
  #last = false; //                         the chunk under way is the last one
  #text = true; //                          the content is lines, not BINARYMIME
  #repair: LineEndRepair | undefined; //    where line ends are put right
  #check: TextCheck | undefined; //         finds what the data decoder does not: in chunks, and in what was put right
  #long: TextCheck | undefined; //          finds that a line was too long, where that is no fault

  constructor(limits: MailDataLimits) {
    this.#limits = limits;
    this.#repairs = limits.leniencies?.includes('repairLineEnds') === true;
    this.#takesLong = limits.leniencies?.includes('longTextLines') === true;
  }

  /** They begin, once, and the application is told. After BINARYMIME lines mean nothing. */
  begin(envelope: Envelope, output: Output): void {
    this.underWay = true;
    output.act({ type: 'data', envelope });
    const text = envelope.parameters.body !== 'BINARYMIME';
    this.#repair = text && this.#repairs ? new LineEndRepair() : undefined;
    this.#check = text && this.#repairs ? new TextCheck({ lineLimit: this.#lineLimit }) : undefined;
    this.#long = text && this.#takesLong ? new TextCheck({ lineLimit: this.#limits.maxTextLine }) : undefined;
    this.#text = text;
  }

  get #lineLimit(): number {
    return this.#takesLong ? Infinity : this.#limits.maxTextLine;
  }

  /** A chunk of so many octets begins; one of none has been read with that. */
  beginChunk(size: number, last: boolean): void {
    if (this.#text) this.#check ??= new TextCheck({ lineLimit: this.#lineLimit }); // RFC 3030 §3: only after BINARYMIME are lines none
    this.#chunk = new ChunkDecoder(size);
    this.#last = last;
    this.content = EMPTY;
    if (size === 0) this.#readChunk(EMPTY, 0, this.#chunk);
  }

  /** The mail data have been read to their end. */
  get ended(): boolean {
    return this.#chunk === undefined ? this.#data?.ended === true : this.#chunk.ended && this.#last;
  }

  get chunkEnded(): boolean {
    return this.#chunk?.ended ?? false;
  }

  /** What is replied to next is the mail, not one of its chunks. */
  get concluding(): boolean {
    return this.#chunk === undefined || this.#last;
  }

  /** The leniencies without which the mail data so far would have been refused. */
  get used(): LeniencyName[] {
    return [...(this.#repair?.used === true ? ['repairLineEnds' as const] : []), ...(this.#long?.fault === 'text-line-too-long' ? ['longTextLines' as const] : [])];
  }

  /** Tells whether it is so far beyond the limit, or beyond what can be counted, that no end is waited for. */
  isEndless(octets: number): boolean {
    return octets > (this.#limits.maxDrain ?? Infinity) || octets >= Number.MAX_SAFE_INTEGER;
  }

  /** Tells the application what the last read has found: content, or once that something is wrong. */
  tell(output: Output): void {
    if (this.fault !== undefined) this.abort(this.fault, output);
    else if (this.content.length > 0) output.act({ type: 'content', octets: this.content });
    this.content = EMPTY; // a session that waits for more keeps no octets: a view of few keeps the whole segment (64 KiB a connection)
  }

  /** Tells it, once, that the mail data come to nothing. */
  abort(reason: AbortReason, output: Output): void {
    if (this.underWay) output.act({ type: 'abort', reason });
    this.underWay = false;
  }

  /** Reads from `at`; returns the index of the first octet not consumed. */
  read(octets: Uint8Array, at: number): number {
    return this.#chunk === undefined ? this.#readData(octets, at) : this.#readChunk(octets, at, this.#chunk);
  }

  #readData(octets: Uint8Array, at: number): number {
    const data = (this.#data ??= new DataDecoder({ lineLimit: this.#repairs ? Infinity : this.#lineLimit }));
    const end = data.read(octets, at);
    this.#take(data.content, data.ended);
    data.content = EMPTY;
    this.#judge(this.#repair === undefined ? data : this.#check);
    return end;
  }

  #readChunk(octets: Uint8Array, at: number, chunk: ChunkDecoder): number {
    const end = chunk.read(octets, at);
    this.#take(chunk.content, this.ended);
    chunk.content = EMPTY;
    if (this.ended) for (const each of [this.#check, this.#long]) each?.end(); // nothing says that the last line is whole
    this.#judge(this.#check);
    return end;
  }

  /** Content comes; behind the last of it `ended`. */
  #take(content: Uint8Array, ended: boolean): void {
    this.content = this.#repair === undefined ? content : this.#repaired(this.#repair, content, ended);
    this.size += this.content.length;
    this.#check?.write(this.content);
    this.#long?.write(this.content);
  }

  #repaired(repair: LineEndRepair, content: Uint8Array, ended: boolean): Uint8Array {
    const repaired = repair.write(content);
    const rest = ended ? repair.end() : EMPTY;
    return rest.length === 0 ? repaired : concat([repaired, rest]);
  }

  tooBig(octets: number): boolean {
    return this.#limits.maxSize > 0 && octets > this.#limits.maxSize;
  }

  #judge(found: { readonly fault: DataFault | undefined; readonly faultAt: number } | undefined): void {
    if (found?.fault !== undefined && !this.tooBig(found.faultAt + 1)) this.fault ??= found.fault;
    else if (this.tooBig(this.size)) this.fault ??= 'too-much-mail-data';
  }
}
