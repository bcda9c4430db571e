// The simple queue: a file a mail. Written, synced, renamed and its directory synced before the mail is acknowledged.
//
//   queue/FORMAT        "ehlo-files 1"
//   queue/mail/<id>     the content, then the envelope as a line of JSON, then its length: 8 hexadecimal digits and a LF
//   queue/state/<id>    what became of the recipients and when the mail is due, as JSON; absent until the first attempt
//   queue/lock*         which process has it (lock.ts)
//   queue/tmp/          never trusted, emptied at start
//   queue/dead/         what could not be read at start, kept for a person
//
// The content comes first because the envelope says what is known only at its end: size, and whether it is 8-bit.

import { isAscii } from 'node:buffer';
import { open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { concat } from '../wire/octet.ts';
import { checkPath, UsageError } from '../wire/usage.ts';
import { decodeUtf8, encodeUtf8 } from '../wire/utf8.ts';
import { isFault } from '../syntax/fault.ts';
import { parseForwardPath, parseReversePath, type ForwardPath } from '../syntax/path.ts';
import type { MailParameters, RecipientParameters } from '../protocol/mail.ts';
import type { NewMail, Queue, QueuedMail, RecipientState } from '../relay/queue/port.ts';
import { checkOctets } from './content-source.ts';
import { DurableFile, makeDirectories, makeDirectory, syncDirectory } from './durable.ts';
import { unlessAbsent } from './error-text.ts';
import { newId } from './id.ts';
import { checkNewMail } from './intake.ts';
import { CLOSED, lockDirectory, type Lock } from './lock.ts';
import { expectOwn } from './own-folder.ts';

const FORMAT = 'ehlo-files 1\n';
const FOLDERS = ['mail', 'state', 'tmp', 'dead'];
const TRAILER = 9; // octets: the length of the envelope in 8 hexadecimal digits, and a LF
const UTF8 = { utf8: true };

/** What `queue/mail/<id>` says of the mail, as it stands in the file. */
interface StoredEnvelope {
  readonly arrival: number;
  readonly reversePath: string;
  readonly forwardPaths: readonly string[];
  readonly size: number;
  readonly eightBit: boolean;
  readonly parameters?: MailParameters;
  readonly recipientParameters?: readonly RecipientParameters[];
}

interface StoredState {
  readonly recipients: readonly RecipientState[];
  readonly nextAttempt: number;
}

/** A queue that keeps one file per mail: the teaching form of the port `Queue`. */
export class FileQueue implements Queue, AsyncDisposable {
  readonly #directory: string;
  readonly #lock: Lock;
  readonly #mails = new Map<string, QueuedMail>();
  readonly #inHand = new Set<Promise<void>>(); // what is being made durable
  #closing: Promise<void> | undefined;
  /** Names of files that could not be read and were moved to `dead/`. */
  readonly dead: string[] = [];

  private constructor(directory: string, lock: Lock) {
    if (typeof lock?.release !== 'function') throw new UsageError('a FileQueue is opened: await FileQueue.open(directory)'); // `private` is a word of types
    this.#directory = directory;
    this.#lock = lock;
  }

  /** Opens the queue, makes it on first use, and reads back what waits in it. Rejects when another process has it, and, nothing having changed, where the directory is no queue's and not empty, or one's of another format. It stays where it is when the program goes to another directory. */
  static async open(directory: string): Promise<FileQueue> {
    checkPath(directory, ['directory', './queue']);
    const path = resolve(directory);
    await makeDirectory(path);
    if (!(await hasFormat(path))) await expectOwn(path, FOLDERS, ['mail', 'state', 'tmp']);
    await makeDirectories(path, FOLDERS);
    const lock = await lockDirectory(path);
    const queue = new FileQueue(path, lock);
    try {
      if (!(await hasFormat(path))) await queue.#write(FORMAT, path, 'FORMAT');
      await queue.#recover();
    } catch (error) {
      await lock.release();
      throw error;
    }
    return queue;
  }

  mails(): Iterable<QueuedMail> {
    return this.#mails.values();
  }

  mail(id: string): QueuedMail | undefined {
    return this.#mails.get(id);
  }

  async add(mail: NewMail, content: AsyncIterable<Uint8Array>): Promise<QueuedMail> {
    checkNewMail(mail, content);
    this.#expectOpen();
    const id = mail.id ?? newId();
    const known = this.#mails.get(id);
    if (known !== undefined) return known;
    const asked = askedOf(mail);
    const file = await DurableFile.create(this.#path('tmp'), `${id}-${newId()}`);
    try {
      let size = 0;
      let eightBit = false;
      for await (const octets of content) {
        checkOctets(octets);
        size += octets.length;
        eightBit ||= !isAscii(octets);
        await file.write(octets);
      }
      const stored: StoredEnvelope = {
        arrival: Date.now(),
        reversePath: mail.reversePath.text,
        forwardPaths: mail.forwardPaths.map(({ text }) => text),
        size,
        eightBit,
        ...asked,
      };
      const envelope = encodeUtf8(JSON.stringify(stored));
      await file.write(concat([envelope, encodeUtf8(`${envelope.length.toString(16).padStart(8, '0')}\n`)]));
      await this.#keep(() => file.commit(this.#path('mail'), id));
      const { reversePath, forwardPaths } = mail;
      const queued = { ...asked, id, arrival: stored.arrival, reversePath, forwardPaths, size, eightBit, recipients: forwardPaths.map(() => ({ state: 'waiting' }) as const), nextAttempt: stored.arrival };
      this.#mails.set(id, queued);
      return queued;
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  async *content(id: string): AsyncGenerator<Uint8Array, void> {
    const { size } = this.#find(id);
    const file = await open(this.#path('mail', id), 'r');
    try {
      for (let at = 0; at < size; ) {
        const octets = new Uint8Array(Math.min(65_536, size - at));
        const { bytesRead } = await file.read(octets, 0, octets.length, at);
        if (bytesRead === 0) throw new Error(`${this.#path('mail', id)} is shorter than it was`);
        at += bytesRead;
        yield octets.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  settle(id: string, recipients: readonly RecipientState[], nextAttempt: number): Promise<void> {
    return this.#keep(() => this.#settle(id, recipients, nextAttempt));
  }

  async #settle(id: string, recipients: readonly RecipientState[], nextAttempt: number): Promise<void> {
    this.#mails.set(id, { ...this.#find(id), recipients, nextAttempt });
    if (recipients.some(({ state }) => state === 'waiting')) {
      const state: StoredState = { recipients, nextAttempt };
      return this.#write(JSON.stringify(state), this.#path('state'), id);
    }
    // The mail goes before its state: the other order could bring delivered recipients back to waiting.
    await unlink(this.#path('mail', id)).catch(unlessAbsent); // by an earlier call, which then failed
    await syncDirectory(this.#path('mail'));
    await unlink(this.#path('state', id)).catch(unlessAbsent); // there is none after a first attempt that was the last
    this.#mails.delete(id);
  }

  /** Finishes what is in hand, and takes nothing more. */
  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#inHand).then(() => this.#lock.release()); // once: by then another may have the lock
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // Recovery

  async #recover(): Promise<void> {
    for (const name of await readdir(this.#path('tmp'))) await unlink(this.#path('tmp', name));
    for (const id of (await readdir(this.#path('mail'))).sort()) { // oldest first
      const mail = await this.#read(id);
      if (mail !== undefined) this.#mails.set(id, mail);
      else {
        await rename(this.#path('mail', id), this.#path('dead', id));
        this.dead.push(id);
      }
    }
    for (const id of await readdir(this.#path('state'))) if (!this.#mails.has(id)) await unlink(this.#path('state', id));
  }

  /** The mail in the file; undefined where the file is not one that `add` has made. */
  async #read(id: string): Promise<QueuedMail | undefined> {
    const envelope = await this.#readEnvelope(id);
    if (envelope === undefined) return undefined;
    const reversePath = parseReversePath(envelope.reversePath, UTF8);
    const forwardPaths = envelope.forwardPaths.map((text) => parseForwardPath(text, UTF8)).filter((path): path is ForwardPath => !isFault(path));
    if (isFault(reversePath) || forwardPaths.length !== envelope.forwardPaths.length) return undefined;
    const { arrival, size, eightBit } = envelope;
    const text = await readFile(this.#path('state', id), 'utf8').catch(unlessAbsent); // absent: never tried
    const state = text === undefined ? undefined : (parseJson(text) as StoredState | undefined); // checked by the count below
    const sound = state?.recipients?.length === forwardPaths.length ? state : undefined; // else all are tried again: twice is better than never
    const recipients = sound?.recipients ?? forwardPaths.map(() => ({ state: 'waiting' }) as const);
    return { id, arrival, reversePath, forwardPaths, size, eightBit, ...askedOf(envelope), recipients, nextAttempt: sound?.nextAttempt ?? arrival };
  }

  async #readEnvelope(id: string): Promise<StoredEnvelope | undefined> {
    const file = await open(this.#path('mail', id), 'r');
    try {
      const { size } = await file.stat();
      const tail = async (length: number, end: number): Promise<string | undefined> => {
        if (!(length > 0 && length <= end)) return undefined;
        const octets = new Uint8Array(length);
        const { bytesRead } = await file.read(octets, 0, length, end - length);
        return bytesRead === length ? decodeUtf8(octets) : undefined;
      };
      const trailer = await tail(TRAILER, size);
      const length = trailer !== undefined && /^[0-9a-f]{8}\n$/.test(trailer) ? parseInt(trailer, 16) : 0;
      const envelope = parseJson((await tail(length, size - TRAILER)) ?? '');
      return isEnvelope(envelope) && envelope.size + length + TRAILER === size ? envelope : undefined;
    } finally {
      await file.close();
    }
  }

  async #write(text: string, directory: string, name: string): Promise<void> {
    const file = await DurableFile.create(this.#path('tmp'), `${name}-${newId()}`);
    try {
      await file.write(encodeUtf8(text));
      await file.commit(directory, name);
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  #expectOpen(): void {
    if (this.#closing !== undefined) throw new Error(CLOSED);
  }

  /** Does what needs the lock: `close` waits for that. */
  async #keep(work: () => Promise<void>): Promise<void> {
    this.#expectOpen();
    const kept = work().finally(() => this.#inHand.delete(kept));
    this.#inHand.add(kept);
    return kept;
  }

  #find(id: string): QueuedMail {
    const mail = this.#mails.get(id);
    if (mail === undefined) throw new Error(`the queue has no mail ${id}`);
    return mail;
  }

  #path(...names: string[]): string {
    return join(this.#directory, ...names);
  }
}

/** Tells whether the directory has been made a queue. Throws where that is one of another format. */
async function hasFormat(directory: string): Promise<boolean> {
  const format = await readFile(join(directory, 'FORMAT'), 'utf8').catch(unlessAbsent);
  if (format !== undefined && format !== FORMAT) throw new Error(`the queue has the format ${JSON.stringify(format.trim())}, this version reads ${JSON.stringify(FORMAT.trim())}`);
  return format !== undefined;
}

/** What MAIL and RCPT asked for, where they asked for anything. */
function askedOf({ parameters, recipientParameters }: Pick<StoredEnvelope, 'parameters' | 'recipientParameters'>): Pick<StoredEnvelope, 'parameters' | 'recipientParameters'> {
  return { ...(parameters === undefined ? {} : { parameters }), ...(recipientParameters === undefined ? {} : { recipientParameters }) };
}

function isEnvelope(value: unknown): value is StoredEnvelope {
  const { arrival, reversePath, forwardPaths, size, eightBit } = (value ?? {}) as { readonly [Name in keyof StoredEnvelope]?: unknown }; // the next line finds out
  return typeof arrival === 'number' && typeof reversePath === 'string' && typeof size === 'number' && typeof eightBit === 'boolean' && Array.isArray(forwardPaths) && forwardPaths.every((path) => typeof path === 'string');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a file that is not ours or is torn: the caller sets it aside
  }
}
