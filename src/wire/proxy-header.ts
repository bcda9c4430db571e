// The header that a proxy writes in front of the client's octets, to say whose connection it hands on: the PROXY protocol of
// HAProxy (doc/proxy-protocol.txt), version 1 (§2.1, a line) and version 2 (§2.2, binary).
//
// Whoever may write such a header may claim any address: a server reads one where its configuration says so, and never
// guesses (§5). Left out: what the TLVs of version 2 say; their lengths are checked, and CRC32C is verified where present.
//
// Rule 1: The header, the fault and the end do not depend on how the stream was cut.
// Rule 2: Nothing behind the header is consumed, and nothing behind the octet that was found wrong.
// Rule 3: Never more than `limit` octets are kept, and never more than 107 of version 1.
// Rule 4: What does not exactly match is a fault, at the first octet that shows it (§2.1: abort as soon as possible).

import { decodeLatin1 } from './ascii.ts';
import { CR, LF } from './octet.ts';
import { parseProxyBlock, parseProxyLine, type ProxyFault, type ProxyHeader } from './proxy-address.ts';
import { UsageError } from './usage.ts';

/**
 * What is being read.
 *
 *   start    the first octet, which tells the versions apart
 *   word     version 1: `PROXY `                       line   the rest of the line
 *   cr       behind a CR that must be half of the CRLF
 *   magic    version 2: the twelve octets that begin it
 *   command  version and command, family and transport, length of the block
 *   block    addresses and TLVs
 *   ended    nothing any more: there is a header, or a fault
 */
export type ProxyPlace = 'start' | 'word' | 'line' | 'cr' | 'magic' | 'command' | 'block' | 'ended';

/** Where each place leads, besides to itself and, by a fault, to the end. The compiler lets the decoder take no other way. */
export const PROXY_EDGES = {
  start:   ['word', 'magic'],
  word:    ['line'],
  line:    ['cr'],
  cr:      ['ended'],
  magic:   ['command'],
  command: ['block'],
  block:   ['ended'],
  ended:   [],
} as const satisfies Readonly<Record<ProxyPlace, readonly ProxyPlace[]>>;

const WORD = Uint8Array.of(0x50, 0x52, 0x4f, 0x58, 0x59, 0x20); // PROXY SP
const MAGIC = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
const COMMAND_END = MAGIC.length + 4;

/** §2.1: the longest line, with its CRLF. */
const LONGEST_LINE = 107;

/** Choice: a version 2 header fits in the smallest segment that every IPv4 path carries; §2.2 has it sent at once, in one. */
const DEFAULT_LIMIT = 536;

export class ProxyHeaderDecoder {
  /** What the header says, once it has been read whole. */
  header: ProxyHeader | undefined;
  /** What is wrong with it; the connection is then to be closed without a word. */
  fault: ProxyFault | undefined;

  readonly #limit: number;
  readonly #kept: Uint8Array;
  #place: ProxyPlace = 'start';
  #length = 0; // octets kept
  #wanted = COMMAND_END; // length of a version 2 header, once known

  /** `limit` is the longest version 2 header in octets; certificates in TLVs need more than the 536 that are the default. */
  constructor(options: { readonly limit?: number } = {}) {
    const { limit = DEFAULT_LIMIT } = options;
    if (!Number.isSafeInteger(limit) || limit < COMMAND_END || limit > COMMAND_END + 0xffff) {
      throw new UsageError(`a PROXY header has from 16 to 65551 octets, not ${limit}`);
    }
    this.#limit = limit;
    this.#kept = new Uint8Array(Math.max(LONGEST_LINE, limit));
  }

  /** True once there is a header or a fault. */
  get ended(): boolean {
    return this.#place === 'ended';
  }

  /** Reads from `at`, to the end of the header or of the octets; returns the index of the first octet not consumed. */
  read(octets: Uint8Array, at: number): number {
    while (at < octets.length && this.#place !== 'ended') {
      const octet = octets[at++] ?? 0;
      this.#kept[this.#length++] = octet;
      this.#take(octet);
    }
    return at;
  }

  #take(octet: number): void {
    switch (this.#place) {
      case 'start':
        if (octet === WORD[0]) return this.#enter('start', 'word');
        return octet === MAGIC[0] ? this.#enter('start', 'magic') : this.#fail('not-a-header');
      case 'word':
        if (octet !== WORD[this.#length - 1]) return this.#fail('not-a-header');
        return this.#length === WORD.length ? this.#enter('word', 'line') : undefined;
      case 'line':
        if (octet === LF) return this.#fail('bare-lf');
        if (this.#length === LONGEST_LINE) return this.#fail('too-long');
        return octet === CR ? this.#enter('line', 'cr') : undefined;
      case 'cr':
        if (octet !== LF) return this.#fail('bare-cr');
        return this.#end('cr', parseProxyLine(decodeLatin1(this.#kept.subarray(WORD.length, this.#length - 2))));
      case 'magic':
        if (octet !== MAGIC[this.#length - 1]) return this.#fail('not-a-header');
        return this.#length === MAGIC.length ? this.#enter('magic', 'command') : undefined;
      case 'command':
        if (this.#length === MAGIC.length + 1 && octet >> 4 !== 2) return this.#fail('bad-version');
        if (this.#length === MAGIC.length + 1 && (octet & 0x0f) > 1) return this.#fail('bad-command');
        if (this.#length < COMMAND_END) return undefined;
        this.#wanted = COMMAND_END + (((this.#kept[COMMAND_END - 2] ?? 0) << 8) | octet);
        if (this.#wanted > this.#limit) return this.#fail('too-long');
        this.#enter('command', 'block');
        return this.#endBlock(); // it may be empty
      case 'block':
        return this.#endBlock();
      case 'ended':
        return undefined;
      default:
        this.#place satisfies never;
    }
  }

  #endBlock(): void {
    if (this.#length === this.#wanted) this.#end('block', parseProxyBlock(this.#kept.subarray(0, this.#length)));
  }

  #end(from: 'cr' | 'block', result: ProxyHeader | ProxyFault): void {
    if (typeof result === 'string') return this.#fail(result);
    this.header = result;
    return this.#enter(from, 'ended');
  }

  #fail(fault: ProxyFault): void {
    this.fault = fault;
    this.#place = 'ended';
  }

  #enter<From extends ProxyPlace>(_from: From, to: (typeof PROXY_EDGES)[From][number]): void {
    this.#place = to;
  }
}
