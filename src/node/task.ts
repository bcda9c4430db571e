// A mail in the hands of a connection: which of its recipients are open, what became of the others, how much of its content was given.

import { Buffer } from 'node:buffer';
import { EMPTY } from '../wire/octet.ts';
import type { ForwardPath } from '../syntax/path.ts';
import type { Outcome, Transaction } from '../protocol/client/action.ts';
import { REASONS } from '../protocol/client/reason.ts';
import { asciiPath } from './ascii-path.ts';
import { BLOCK, inBlocks } from './blocks.ts';
import type { Follower, Next, Outgoing, Report } from './sender.ts';

/** Largest content that is kept in memory to go in one flight with its envelope. */
export const ONE_FLIGHT = BLOCK;

/** The outcome of a recipient of whom nothing was said when the connection went. */
const LOST: Outcome = { ...REASONS['connection-lost'], inReplyTo: 'nothing', reason: 'connection-lost' };

export class Task {
  readonly mail: Outgoing;
  readonly next: Next | undefined;
  /** In the hands of the session. */
  begun = false;
  /** What reads the content as it is sent. */
  content: AsyncGenerator<Uint8Array, void> | undefined;
  /** All of the content, where it is in memory. */
  octets: Uint8Array | undefined;
  #given = 0; // of these
  readonly #forwardPaths: readonly ForwardPath[];
  readonly #report: Report | undefined;
  readonly #settle: Follower['settle'];
  readonly #outcomes: (Outcome | undefined)[] = []; // by recipient
  #open: readonly number[]; // the recipients of the transaction under way or to come

  constructor({ mail, forwardPaths, settle }: Follower, report: Report | undefined, next: Next | undefined) {
    this.mail = mail;
    this.next = next;
    this.octets = mail.octets;
    this.#forwardPaths = forwardPaths;
    this.#report = report;
    this.#settle = settle;
    this.#open = [...forwardPaths.keys()];
  }

  /** There are recipients for a transaction. */
  get open(): boolean {
    return this.#open.length > 0;
  }

  /** Nothing is known of any recipient yet. */
  get untold(): boolean {
    return this.#outcomes.every((outcome) => outcome === undefined);
  }

  /** The server has said something of it. */
  get answered(): boolean {
    return this.#outcomes.some((outcome) => outcome?.state === 'delivered' || (outcome !== undefined && outcome.reason === undefined));
  }

  /** Content in memory that is small enough to go in one piece. */
  get atHand(): Uint8Array | undefined {
    const { octets } = this.mail;
    return octets !== undefined && octets.length <= ONE_FLIGHT ? octets : undefined;
  }

  /** What the session is given. `utf8`: U-labels in the paths, where SMTPUTF8 is offered, else A-labels (RFC 6531 §3.7). */
  transaction(utf8: boolean, content: Uint8Array | undefined): Transaction {
    const { reversePath, size, eightBit, parameters, recipientParameters } = this.mail;
    const paths = this.#open.map((recipient) => this.#forwardPaths[recipient]).filter((path) => path !== undefined);
    return {
      reversePath: utf8 ? reversePath : asciiPath(reversePath),
      forwardPaths: utf8 ? paths : paths.map(asciiPath),
      size,
      eightBit,
      content,
      followed: this.next !== undefined,
      parameters,
      recipientParameters: recipientParameters && this.#open.map((recipient) => recipientParameters[recipient] ?? {}),
    };
  }

  /** Takes the outcome of a recipient, by index in the transaction. */
  note(index: number, outcome: Outcome): void {
    const recipient = this.#open[index];
    if (recipient === undefined) return;
    this.#outcomes[recipient] = outcome;
    this.#report?.(recipient, outcome);
  }

  /** The next piece of the content in memory; undefined: all was given. */
  piece(octets: Uint8Array): Uint8Array | undefined {
    if (this.#given === octets.length) return undefined;
    const from = this.#given;
    this.#given = Math.min(from + BLOCK, octets.length);
    return octets.subarray(from, this.#given);
  }

  /** Reads all of the content. */
  async read(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const octets of this.mail.content()) pieces.push(Buffer.from(octets)); // a view may end with the next one
    return pieces.length > 1 ? Buffer.concat(pieces) : (pieces[0] ?? EMPTY);
  }

  /** The content in blocks, as it is read. */
  blocks(): AsyncGenerator<Uint8Array, void> {
    return (this.content ??= inBlocks(this.mail.content()));
  }

  /**
   * The transaction is over. In a session that goes on a further one is for those whom we held back ourselves; and, where the server
   * took some, for those it had no room for.
   */
  conclude(goesOn: boolean): void {
    this.content?.return().catch(() => undefined); // the mail has its outcomes: that a stream does not end well changes none
    this.content = undefined;
    this.octets = this.mail.octets;
    this.#given = 0;
    const took = this.#open.some((recipient) => this.#outcomes[recipient]?.state === 'delivered');
    this.#open = goesOn ? this.#open.filter((recipient) => isRoomless(this.#outcomes[recipient], took)) : [];
  }

  /** The mail is out of our hands. */
  end(): void {
    this.#settle(this.#forwardPaths.map((_, recipient) => this.#outcomes[recipient] ?? LOST));
  }
}

function isRoomless(outcome: Outcome | undefined, took: boolean): boolean {
  if (outcome?.state !== 'deferred') return false;
  return outcome.reason === 'no-room' || (took && outcome.inReplyTo === 'RCPT' && (outcome.reply.code === 452 || outcome.reply.code === 552));
}
