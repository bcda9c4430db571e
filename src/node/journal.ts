// The queue as a journal of facts. The journal is the only authority: what it does not say is not so. Facts never change
// (relay/queue/fact.ts), and what all of them say together does not depend on their order (relay/queue/fold.ts).
//
//   queue/FORMAT               the version, and the secret of this queue
//   queue/journal/000042.log   records, appended only; two segments while a checkpoint runs
//   queue/msg/<id>             content that is large, or less small and has outlived a segment: one record, never changed
//   queue/tmp/                 never trusted, emptied at start
//   queue/dead/                what could not be read at start, kept for a person; never deleted by us
//   queue/lock, lock.key       which process has it (lock.ts)
//   queue/control              its socket for orders of the operator (control.ts)
//
// Rule 1: `add` resolves after a sync that covers the mail, in a segment whose name was synced before. So what was acknowledged
//         is read back whatever happens; and only then may the mail be attempted.
// Rule 2: a fact is removed only when all that is still to be done is durable elsewhere (checkpoint.ts).
// Rule 3: a failure and the notification of it are one record (`bounce`). No crash leaves one without the other.
// Rule 4: only an attempt whose outcome is not durable can be repeated. Its beginning is durable (`attempt`), and the mail says so
//         (`unsettled`). RFC 1047 tells why this gap cannot be closed.
// Rule 5: the first error of the disk stops the queue (fail-stop): nothing more is acknowledged, the next start recovers. A
//         full disk is no such error: what needs room is rejected, and leaves everything as it was.
//
// Costs: less than 1 KiB of memory for a waiting mail (test/bench/queue.mjs fails above that); mail that waits longer than a
// segment lives is written again, small mail each time.

import { resolve } from 'node:path';
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import { checkPath, shown, UsageError } from '../wire/usage.ts';
import type { MailParameters, RecipientParameters } from '../protocol/mail.ts';
import { formatMailParameters, formatRecipientParameters } from '../protocol/parameter-text.ts';
import { Book } from '../relay/queue/book.ts';
import { crc32, type Checksum } from '../relay/queue/checksum.ts';
import { encodeFact, MOST_RECIPIENTS, NO_PARAMETERS, type Fact, type Order, type Results, type StoredEnvelope } from '../relay/queue/fact.ts';
import type { NewMail, Queue, QueuedMail, RecipientState } from '../relay/queue/port.ts';
import type { Draft } from '../relay/queue/record.ts';
import { StoredMail } from '../relay/queue/stored-mail.ts';
import { checkpoint, isWorthIt, MOST_CARRIED, type Holdings } from './checkpoint.ts';
import { FileDisk, isFull, type Disk } from './disk.ts';
import { DiskRoom } from './disk-room.ts';
import { unlessAbsent } from './error-text.ts';
import { newId } from './id.ts';
import { checkNewMail, Intake } from './intake.ts';
import { checkJournal, type JournalOptions } from './journal-option.ts';
import { lockDirectory, type Lock } from './lock.ts';
import { nodeCrypto, nodeV8, nodeZlib } from './on-demand.ts';
import { RecentContent } from './recent-content.ts';
import { recover, type Recovered, type RecoveryReport } from './recovery.ts';
import { SegmentLog, type Durability } from './segment-log.ts';
import type { Perform } from './step.ts';
import { contentPath, readContent, type ContentStore } from './stored-content.ts';

/** Facts about mails; the others are about the segment that they stand in. */
type KnownFact = Exclude<Fact, { readonly type: 'SEG' }>;

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
/** Octets of the disk that no mail may take. */
export const FLOOR = 128 * MEBIBYTE;
const RESULT_DELAY = 50; // milliseconds that a result waits for company
const ABOUT_A_STATE = 128; //     octets of a STATE record, content and recipients aside
const ABOUT_A_RECIPIENT = 128; // and of each of those in it: the path, and what a host has said
const OBJECTS_OF_A_RECIPIENT = 1024; // octets of memory, about; the texts have two octets a character besides
const FOREIGN = 64; // octets from which zlib's checksum is faster, the call included
const CHECKSUM: Checksum = (octets, value = 0) => (octets.length < FOREIGN ? crc32 : (nodeZlib().crc32 ?? crc32))(octets, value);

/** A queue that is a journal, with group commit: mails that come at the same time share a write and a sync, and each is durable before it is acknowledged. */
export class Journal implements Queue, AsyncDisposable {
  readonly #options: JournalOptions;
  readonly #store: ContentStore;
  readonly #log: SegmentLog;
  readonly #room: DiskRoom;
  readonly #intake: Intake;
  readonly #carryLimit: number;
  readonly #memory: number;
  readonly #book: Book;
  readonly #segments: number[];
  readonly #release: () => Promise<void>;
  /** What the start has found. */
  readonly report: RecoveryReport;
  readonly #recent = new RecentContent();
  #removing = Promise.resolve();
  #checkpoint: Promise<void> | undefined;
  #fresh: Holdings & { readonly time: number } = { size: 0, carried: 0, time: 0 }; // after the last checkpoint
  #brokenOff = false; // the last checkpoint was, for want of room: mail with larger content that is done with meanwhile makes room for the next
  #closing: Promise<void> | undefined;
  #begun: Promise<void> | undefined; // of a queue that was opened to look at

  /** Opens the queue in a directory, makes it on first use, and reads back what waits in it. Rejects when another process has it, and, nothing having changed, where the directory is no queue's and not empty, or one's of another version. It stays where it is when the program goes to another directory. */
  static async open(directory: string, options: JournalOptions = {}): Promise<Journal> {
    checkPath(directory, ['directory', './queue']);
    checkJournal(options);
    const path = resolve(directory);
    const disk = await FileDisk.open(path, options.counts);
    let lock: Lock | undefined;
    try {
      const held = (lock = await lockDirectory(path));
      return await Journal.on(disk, options, () => held.release());
    } catch (error) {
      await disk.close();
      await lock?.release();
      throw error;
    }
  }

  /** @internal Opens the queue on a disk that nobody else uses. */
  static async on(disk: Disk, options: JournalOptions = {}, release: () => Promise<void> = async () => undefined): Promise<Journal> {
    const perform: Perform = options.perform ?? ((_, action) => action());
    const recovered = await recover({ disk, checksum: CHECKSUM, perform, random: options.random ?? (() => nodeCrypto().randomInt(2 ** 32)) });
    const journal = new Journal({ disk, secret: recovered.secret, checksum: CHECKSUM, perform }, recovered, options, release);
    options.shared?.tell(journal.#need());
    await journal.#room.ask();
    if (options.idle === true) return journal;
    journal.#checkpointSoon(); // begins the segment that everything goes into
    await journal.#log.succeed();
    return journal;
  }

  private constructor(store: ContentStore, recovered: Recovered, options: JournalOptions, release: () => Promise<void>) {
    if (typeof release !== 'function') throw new UsageError('a Journal is opened: await Journal.open(directory)'); // `private` is a word of types
    this.#options = options;
    this.#store = store;
    this.#carryLimit = options.carryLimit ?? 32 * KIBIBYTE;
    this.#memory = options.memory ?? nodeV8().getHeapStatistics().heap_size_limit / 4;
    this.#book = new Book(recovered, this.#carryLimit);
    this.#segments = [...recovered.segments];
    this.#release = release;
    this.report = recovered.report;
    this.#log = new SegmentLog(recovered.segments.at(-1) ?? 0, {
      ...store,
      ahead: options.ahead ?? 256 * KIBIBYTE,
      gather: options.gather ?? setImmediate,
      delay: options.delay ?? delayResults,
      synced: () => this.#removeUnwanted(),
      failed: (error) => options.failed?.(error),
    });
    this.#intake = new Intake(store, options.inlineLimit ?? 256 * KIBIBYTE, () => this.#expectOpen(), (error) => this.#log.fail(error));
    this.#room = new DiskRoom(store.disk, options.floor ?? FLOOR, () => this.#now(), (error) => this.#log.fail(error), async () => options.shared?.othersNeed() ?? 0);
  }

  *mails(): Generator<QueuedMail, void> {
    for (const state of this.#book.mails.values()) if (state.envelope !== undefined) yield new StoredMail(state.envelope, state);
  }

  mail(id: string): QueuedMail | undefined {
    const state = this.#book.mails.get(id);
    return state?.envelope === undefined ? undefined : new StoredMail(state.envelope, state, this.#recent.paths(id));
  }

  add(mail: NewMail, content: AsyncIterable<Uint8Array>): Promise<QueuedMail> {
    return this.#take(mail, content, undefined);
  }

  content(id: string): AsyncIterable<Uint8Array> {
    return readContent(this.#store, this.#book.find(id).envelope, () => this.#book.mails.get(id)?.content);
  }

  recent(id: string): readonly Uint8Array[] | undefined {
    return this.#recent.take(id);
  }

  async attempt(id: string, recipients: readonly number[], host = ''): Promise<void> {
    const { forwardPaths } = this.#book.find(id).envelope;
    const nobody = recipients.find((recipient) => forwardPaths[recipient] === undefined);
    if (nobody !== undefined) throw new UsageError(`the mail has ${forwardPaths.length} recipients, by their index from 0, and not ${shown(nobody)}`);
    await this.#store.perform('write intent', () => this.#append({ type: 'ATT', id, turn: this.#book.turn(), host, recipients }, 'written'));
  }

  async settle(id: string, recipients: readonly RecipientState[], nextAttempt: number): Promise<void> {
    await this.#append({ type: 'RES', results: this.#book.results(id, recipients, nextAttempt, this.#crowded || !this.#fits(0)) }, 'soon');
  }

  async bounce(id: string, recipients: readonly RecipientState[], nextAttempt: number, notification: NewMail, content: AsyncIterable<Uint8Array>): Promise<QueuedMail> {
    return this.#take(notification, content, this.#book.results(id, recipients, nextAttempt, this.#crowded || !this.#fits(0)));
  }

  hold(id: string, held: boolean): Promise<void> {
    return this.#order(id, held ? 'hold' : 'none');
  }

  giveUp(id: string): Promise<void> {
    return this.#order(id, 'return');
  }

  async remove(id: string): Promise<void> {
    this.#book.find(id);
    await this.#append({ type: 'KILL', id }, 'durable');
  }

  /** Where there is none, a checkpoint begins sooner than it would. */
  roomFor(octets: number): boolean {
    if (this.#crowded) return false;
    const room = this.#fits(octets);
    if (!room) this.#checkpointIfWorth(1 / 64);
    return room;
  }

  /** Makes all that is known durable. */
  async flush(): Promise<void> {
    if (this.#log.size > 0) await this.#log.flush();
    await this.#removing;
  }

  /** Drops old facts; joins a checkpoint that is under way. */
  checkpoint(): Promise<void> {
    if (this.#log.refusal !== undefined) return Promise.reject(this.#log.refusal);
    this.#checkpoint ??= checkpoint({
      store: this.#store,
      log: this.#log,
      segments: this.#segments,
      mails: this.#book.mails,
      hasRoom: () => this.#room.forCheckpoint(this.#need()),
      left: () => this.#room.leftForCheckpoint(),
      carryLimit: this.#carryLimit,
      moved: (id, place) => this.#book.move(id, place),
      closing: () => this.#closing !== undefined,
      inTurn: (work) => this.#options.shared?.inTurn(work, () => this.#closing !== undefined) ?? work(),
    }).then(
      () => this.#ended(false),
      (error) => {
        this.#ended(true);
        throw isFull(error) && this.#log.failure === undefined ? error : this.#log.fail(error); // there may be room by the time that another is wanted
      },
    );
    return this.#checkpoint;
  }

  /** A checkpoint has ended. What larger content there is in the segment came meanwhile, and the next one drops it too. */
  #ended(brokenOff: boolean): void {
    this.#checkpoint = undefined;
    this.#brokenOff = brokenOff;
    this.#fresh = { size: this.#log.size, carried: this.#book.inSegments + this.#book.states, time: this.#now() };
    this.#options.shared?.tell(this.#need()); // less, where content has files of its own now
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    try {
      await this.#checkpoint?.catch((error: unknown) => {
        if (!isFull(error)) throw error; // the next start has another
      });
      await this.#begun; // and what has waited for it is in the log
      await this.#log.end();
      await this.#removing;
    } catch (error) {
      if (this.#log.failure === undefined && !isFull(error)) throw error; // else everybody has been told; and where there is no room, all that was written is durable
    }
    await this.#options.shared?.close();
    await this.#intake.idle();
    await this.#store.disk.close();
    await this.#release();
  }

  async #take(mail: NewMail, content: AsyncIterable<Uint8Array>, cause: Results | undefined): Promise<QueuedMail> {
    checkNewMail(mail, content);
    this.#expectOpen();
    const id = mail.id ?? newId();
    if (mail.forwardPaths.length > MOST_RECIPIENTS) throw new UsageError(`a mail of the queue has up to ${MOST_RECIPIENTS} recipients, not ${mail.forwardPaths.length}`);
    const known = mail.id === undefined ? undefined : this.mail(id); // durable, or it would not be here
    if (known !== undefined) {
      if (cause !== undefined) await this.#append({ type: 'RES', results: cause }, 'durable');
      return known;
    }
    const { parameters = NOTHING_ASKED, recipientParameters = NO_RECIPIENT_ASKS } = mail;
    // One object, filled in when the content is known: spreading its parts cost 2 µs.
    const envelope: Writable<StoredEnvelope> = { id, arrival: this.#now(), reversePath: mail.reversePath.text, forwardPaths: mail.forwardPaths.map(textOf), size: 0, eightBit: false, parameters: formatMailParameters(parameters), recipientParameters: textsOf(recipientParameters) };
    const claim = (octets: number): boolean => cause !== undefined || this.#room.claim(octets, this.#need()); // the floor is for notifications too
    const { pieces, size, eightBit } = await this.#intake.take(envelope, content, claim);
    envelope.size = size;
    envelope.eightBit = eightBit;
    const fact: Fact = { type: 'ENQ', envelope, external: pieces === undefined, cause };
    try {
      const draft = encodeFact(fact, this.#store.checksum, pieces);
      await this.#enter(fact, draft, 'durable');
      if (pieces !== undefined) this.#recent.keep(id, pieces, mail);
    } catch (error) {
      if (pieces === undefined && this.#log.failure === undefined) await this.#store.disk.unlink(contentPath(id)).catch(() => undefined); // what is left goes at the next start
      throw error;
    }
    return new StoredMail(envelope, this.#book.find(id), mail);
  }

  /** Tells whether what is known of the mails that wait takes up the memory that it may. */
  get #crowded(): boolean {
    return 2 * this.#book.states + this.#book.recipients * OBJECTS_OF_A_RECIPIENT > this.#memory;
  }

  /** Tells whether the disk has room for a mail of so many octets. */
  #fits(octets: number): boolean {
    return this.#log.size <= this.#most && this.#room.forMail(octets, this.#need());
  }

  #expectOpen(): void {
    if (this.#log.refusal !== undefined) throw this.#log.refusal;
  }

  async #order(id: string, order: Order): Promise<void> {
    this.#book.find(id);
    await this.#append({ type: 'HOLD', id, turn: this.#book.turn(), order }, 'durable');
  }

  /** Appends the fact; it is known here when it is as durable as was asked for. */
  #append(fact: KnownFact, durability: Durability): Promise<void> {
    return this.#enter(fact, encodeFact(fact, this.#store.checksum), durability);
  }

  #enter(fact: KnownFact, draft: Draft, durability: Durability): Promise<void> {
    if (this.#log.size === 0) return (this.#begun ??= this.#begin()).then(() => this.#enter(fact, draft, durability));
    return this.#log.append(draft, durability, (place) => {
      this.#book.learn(fact, place);
      this.#options.shared?.tell(this.#need());
      this.#checkpointIfWorth(1);
    });
  }

  /** Begins the first segment of a queue that was opened to look at. */
  async #begin(): Promise<void> {
    await this.#log.succeed();
    this.#segments.push(this.#log.segment);
    this.#fresh = { ...this.#holdings(), time: this.#now() };
  }

  #holdings(): Holdings {
    const content = this.#brokenOff ? this.#book.inSegments : Math.min(this.#book.smallInSegments, MOST_CARRIED);
    return { size: this.#log.size, carried: content + this.#book.states };
  }

  get #most(): number {
    return this.#options.segmentMost ?? 1024 * MEBIBYTE;
  }

  /** Octets that a checkpoint would write, about. */
  #need(): number {
    return this.#book.inSegments + this.#book.mails.size * ABOUT_A_STATE + this.#book.recipients * ABOUT_A_RECIPIENT;
  }

  /** What is durable says that these files may go. */
  #removeUnwanted(): void {
    const ids = this.#book.unwanted();
    if (ids.length === 0) return;
    this.#removing = this.#removing.then(async () => {
      try {
        for (const id of ids) await this.#store.perform('remove content', () => this.#store.disk.unlink(contentPath(id)).catch(unlessAbsent));
      } catch (error) {
        this.#log.fail(error);
      }
    });
  }

  /** `part`: of the growth that is usual. */
  #checkpointIfWorth(part: number): void {
    const { segmentSize = 64 * MEBIBYTE, segmentAge = 600_000 } = this.#options;
    if (isWorthIt(this.#fresh, this.#holdings(), { growth: segmentSize * part, most: this.#most / 2 }, this.#since(this.#fresh.time) > segmentAge)) this.#checkpointSoon();
  }

  #checkpointSoon(): void {
    if (this.#checkpoint === undefined && this.#closing === undefined && this.#log.failure === undefined) this.checkpoint().catch(() => undefined); // `failed` has been called
  }

  /** Milliseconds from then to now; the other way round where the clock was set back since, so that nothing is believed until it has caught up. */
  #since(time: number): number {
    return Math.abs(this.#now() - time);
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

type Writable<Made> = { -readonly [Key in keyof Made]: Made[Key] };

const NOTHING_ASKED: MailParameters = {};
const NO_RECIPIENT_ASKS: readonly RecipientParameters[] = [];

function textOf({ text }: { readonly text: string }): string {
  return text;
}

/** The parameters of RCPT as they are stored. */
function textsOf(recipientParameters: readonly RecipientParameters[]): readonly string[] {
  const texts = recipientParameters.map(formatRecipientParameters);
  return texts.some((text) => text !== '') ? texts : NO_PARAMETERS;
}

function delayResults(callback: () => void): () => void {
  const timer = setTimeout(callback, RESULT_DELAY);
  return () => clearTimeout(timer);
}
