// The octets of the peer on their way to what reads them: lines of commands, responses of SASL, mail data, a chunk to be dropped.
//
// Rule 1: each octet goes to one of them, once. What is dropped was counted before, by the command that announced it.

import { LineDecoder } from '../../wire/line-decoder.ts';
import { LIMITS } from '../limit.ts';
import { Input } from './input.ts';
import type { MailData } from './mail-data.ts';

/** The first octet of TLS (RFC 8446 §5.1, RFC 5246 §6.2.1), with which no command begins. */
const TLS_HANDSHAKE = 0x16;

export class Reader {
  readonly #bareLf: boolean;
  #input: Input | undefined; //       there is some; most sessions, most of their time, have none,
  #lines: LineDecoder | undefined; // nor a line under way

  /** `bareLf`: a LF alone ends a line too. */
  constructor(bareLf: boolean) {
    this.#bareLf = bareLf;
  }

  /** Everything that came has been read. */
  get empty(): boolean {
    return this.#input === undefined;
  }

  push(octets: Uint8Array): void {
    if (octets.length > 0) (this.#input ??= new Input()).push(octets);
  }

  /** Reads on in a command line. Returns the decoder that holds its end, undefined where that is still to come. */
  readCommand(): LineDecoder | 'endless' | 'tls' | undefined {
    const input = this.#input;
    if (this.#lines === undefined && input?.octets[input.at] === TLS_HANDSHAKE) return 'tls';
    return this.#read(LIMITS.commandLine);
  }

  /** Reads on in a response of SASL. */
  readResponse(): LineDecoder | 'endless' | undefined {
    return this.#read(LIMITS.authLine + 2);
  }

  #read(limit: number): LineDecoder | 'endless' | undefined {
    const input = this.#input;
    if (input === undefined) return undefined;
    const lines = (this.#lines ??= new LineDecoder({ limit, bareLf: this.#bareLf }));
    const begin = input.at - lines.length; // of the line, were all of it here
    const end = lines.read(input.octets, input.at);
    this.#advance(input, end);
    if (end - begin > LIMITS.commandLineDrain) return 'endless'; // though it end here: else it would depend on the cuts
    if (!lines.ended) return undefined;
    this.#lines = undefined; // an idle session keeps no view of what it has read
    return lines;
  }

  /** Reads on in mail data; returns how many octets they took. */
  readMailData(data: MailData): number {
    const input = this.#input;
    if (input === undefined) return 0;
    const { at } = input;
    const end = data.read(input.octets, at);
    this.#advance(input, end);
    return end - at;
  }

  /** Drops at most so many octets of those that are here; returns how many. */
  drop(most: number): number {
    const input = this.#input;
    if (input === undefined) return 0;
    const { at } = input;
    const end = Math.min(at + most, input.octets.length);
    this.#advance(input, end);
    return end - at;
  }

  /** Drops all that came. */
  clear(): void {
    this.#input = undefined;
  }

  /** Drops all that came and the line under way with it: what was said in the clear must not be taken for what TLS protects (RFC 3207 §6). */
  forget(): void {
    this.clear();
    this.#lines = undefined;
  }

  /** The input has been read up to there. */
  #advance(input: Input, to: number): void {
    input.advance(to);
    if (input.empty) this.#input = undefined;
  }
}
