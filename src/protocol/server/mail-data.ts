// Mail data on their way in, after DATA (RFC 5321 §4.1.1.4) or in chunks (RFC 3030): what is content, and what is wrong with it.
//
// Rule 1: what is found wrong is found at the same octet however the stream was cut; of two things the first one counts.
// Rule 2: nothing that is wrong ends the reading: the mail data are read to their true end, or the session ends.

import { ChunkDecoder } from '../../wire/chunk-decoder.ts';
import { DataDecoder } from '../../wire/data-decoder.ts';
import { DataEncoder } from '../../wire/data-encoder.ts';
import { EMPTY } from '../../wire/octet.ts';
import { LIMITS } from '../limit.ts';
import type { Envelope } from '../mail.ts';
import type { AbortReason } from './action.ts';
import type { Output } from './output.ts';

export interface MailDataLimits {
  /** Octets; 0: no limit. */
  readonly maxSize: number;
  readonly maxTextLine: number;
}

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
  readonly #data: DataDecoder;
  #chunk: ChunkDecoder | undefined;
  #last = false; //                          the chunk under way is the last one
  #text: DataEncoder | undefined; //         finds bare CR and LF in chunks, unless they are binary

  constructor(limits: MailDataLimits) {
    this.#limits = limits;
    this.#data = new DataDecoder({ lineLimit: limits.maxTextLine });
  }

  /** A new mail, of which the application is told. After BINARYMIME lines mean nothing. */
  begin(envelope: Envelope, output: Output): void {
    this.size = 0;
    this.fault = undefined;
    this.underWay = true;
    output.act({ type: 'data', envelope });
    this.#data.reset();
    this.#chunk = undefined;
    this.#text = envelope.parameters.body === 'BINARYMIME' ? undefined : new DataEncoder();
  }

  /** A chunk of so many octets begins; one of none has been read with that. */
  beginChunk(size: number, last: boolean): void {
    this.#chunk = new ChunkDecoder(size);
    this.#last = last;
    this.content = EMPTY;
    if (size === 0) this.#readChunk(EMPTY, 0, this.#chunk);
  }

  /** The mail data have been read to their end. */
  get ended(): boolean {
    return this.#chunk === undefined ? this.#data.ended : this.#chunk.ended && this.#last;
  }

  get chunkEnded(): boolean {
    return this.#chunk?.ended ?? false;
  }

  /** Tells whether it is so far beyond the limit that reading as many octets makes no sense any more. */
  isEndless(octets: number): boolean {
    return octets > LIMITS.mailDataDrain * (this.#limits.maxSize || Infinity);
  }

  /** Tells the application what the last read has found: content, or once that something is wrong. */
  tell(output: Output): void {
    if (this.fault !== undefined) this.abort(this.fault, output);
    else if (this.content.length > 0) output.act({ type: 'content', octets: this.content });
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
    const end = this.#data.read(octets, at);
    this.content = this.#data.content;
    this.size = this.#data.size;
    this.#judge(this.#data.fault, this.#data.faultAt);
    return end;
  }

  #readChunk(octets: Uint8Array, at: number, chunk: ChunkDecoder): number {
    const end = chunk.read(octets, at);
    this.content = chunk.content;
    this.size += chunk.content.length;
    this.#text?.write(chunk.content);
    if (this.ended) this.#text?.end(); // a CR as the very last octet is bare too
    this.#judge(this.#text?.fault, this.#text?.faultAt ?? 0);
    return end;
  }

  tooBig(octets: number): boolean {
    return this.#limits.maxSize > 0 && octets > this.#limits.maxSize;
  }

  #judge(fault: AbortReason | undefined, faultAt: number): void {
    if (fault !== undefined && !this.tooBig(faultAt + 1)) this.fault ??= fault;
    else if (this.tooBig(this.size)) this.fault ??= 'too-much-mail-data';
  }
}
