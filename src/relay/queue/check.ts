// What the relay relies on in a queue (port.ts), as checks that any store can be run against: `checkQueue`.
//
// Each check has a store of its own, opens it, does something, has it die or close, opens it again, and looks. What is optional in
// the port is checked where the queue has it. Left out, because only the store knows how: that no disk lies about what it has
// synced, and that nobody else works on the same mails at the same time. A store that several relays share has to see to both.

import { isFault } from '../../syntax/fault.ts';
import { parseForwardPath, parseReversePath, type ForwardPath } from '../../syntax/path.ts';
import { reply } from '../../syntax/reply.ts';
import { decodeLatin1 } from '../../wire/ascii.ts';
import { concat } from '../../wire/octet.ts';
import { checkFunctions, shown, UsageError } from '../../wire/usage.ts';
import type { NewMail, Queue, QueuedMail, RecipientState } from './port.ts';

/** A store to be checked: empty at first. */
export interface QueueStore {
  /** Opens the store; again, after its queue was closed or the process has died. */
  open(): Promise<Queue>;
  /** Does to an open queue what the death of its process does, or the loss of power, which only what is durable survives. Default: `close`, which shows less. */
  crash?(queue: Queue, what: 'death' | 'power'): Promise<void>;
}

/** What became of one check. */
export interface QueueCheck {
  /** A sentence about what a queue does. */
  readonly name: string;
  /** What was found instead; undefined: the sentence is true. */
  readonly problem: string | undefined;
}

/** Runs every check against a store of its own; resolves with what became of each, in their order. Never rejects for what the store does. Rejects with UsageError if nothing makes a store. */
export async function checkQueue(make: () => QueueStore | Promise<QueueStore>): Promise<readonly QueueCheck[]> {
  if (make === undefined) throw new UsageError('checkQueue needs a function that makes a store');
  checkFunctions({ make }, ['make']);
  const results: QueueCheck[] = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    const run = async (): Promise<void> => {
      const store = await make();
      if (typeof store?.open !== 'function') throw new UsageError(`make must return a store, which has a function "open", not ${shown(store)}`);
      const stage = new Stage(store);
      await check(stage);
      await stage.end();
    };
    results.push({ name, problem: await rejectionOf(run()) });
  }
  return results;
}

/** One store under check. */
class Stage {
  readonly #store: QueueStore;
  #queue: Queue | undefined;

  constructor(store: QueueStore) {
    this.#store = store;
  }

  async queue(): Promise<Queue> {
    return (this.#queue ??= await this.#store.open());
  }

  /** The queue after the power was lost, or the process has died, and another one has opened the store. */
  async afterCrash(what: 'death' | 'power' = 'power'): Promise<Queue> {
    const queue = await this.queue();
    this.#queue = undefined;
    await (this.#store.crash === undefined ? queue.close() : this.#store.crash(queue, what));
    return this.queue();
  }

  /** The queue after it was closed and opened. */
  async afterClose(): Promise<Queue> {
    await this.end();
    return this.queue();
  }

  async end(): Promise<void> {
    await this.#queue?.close();
    this.#queue = undefined;
  }
}

const NEXT = 2_000_000_000_000; // a time that is none of this machine's
const TWO = ['<bob@b.example>', '<carol@c.example>'];
const DELIVERED: RecipientState = { state: 'delivered' };
const FAILED: RecipientState = { state: 'failed', reply: reply(550, '5.1.1', 'no such user'), host: 'mx.example' };
const WAITING: RecipientState = { state: 'waiting', reply: reply(451, '4.3.0', 'try later', 'or never'), host: 'mx.example' };

const CHECKS: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  async 'a mail that was added is there: by its id, and among all'(stage) {
    const queue = await stage.queue();
    const added = await queue.add(mailTo(TWO), inPieces('Hello\r\n'));
    if (!/^[A-Za-z0-9-]+$/.test(added.id)) throw found('an id of letters, digits and hyphens', added.id);
    for (const mail of [added, queue.mail(added.id), only(queue)]) {
      same('size', mail?.size, 7);
      same('forward-paths', mail?.forwardPaths.map(({ text }) => text), TWO);
      same('states', statesOf(mail), ['waiting', 'waiting']);
      same('id', mail?.id, added.id);
    }
  },

  async 'what was acknowledged is there after a crash, as it was'(stage) {
    const queue = await stage.queue();
    const parameters = { ret: 'HDRS', requireTls: true } as const;
    const before = await queue.add({ ...mailTo(TWO, 'm1'), parameters }, inPieces('h\xe9', 'llo\r\n'));
    const mail = only(await stage.afterCrash());
    same('id', mail.id, 'm1');
    same('reverse-path', mail.reversePath.text, '<@r.example:"a b"@a.example>');
    same('forward-paths', mail.forwardPaths.map(({ text }) => text), TWO);
    same('size', mail.size, 7);
    same('whether it is 8-bit', mail.eightBit, true);
    same('arrival', mail.arrival, before.arrival);
    same('parameters', [mail.parameters?.ret, mail.parameters?.requireTls], ['HDRS', true]);
    same('states', statesOf(mail), ['waiting', 'waiting']);
  },

  async 'content comes back octet for octet, as often as it is asked for, after a crash too'(stage) {
    const contents = ['', 'no line end', '.\r\n..\r\n\r \n\0\x7f\x80\xff\r\n', String.fromCharCode(...Array.from({ length: 256 }, (_, octet) => octet)), 'x'.repeat(400_000)];
    const queue = await stage.queue();
    for (const [index, content] of contents.entries()) await queue.add(mailTo(TWO, `m${index}`), inPieces(content.slice(0, 100), content.slice(100)));
    for (const look of [() => queue, () => queue, () => stage.afterCrash()]) {
      const each = await look();
      for (const [index, content] of contents.entries()) {
        const read = await contentOf(each, `m${index}`);
        if (read !== content) throw found(`content of ${content.length} octets as it was`, `${read.length} others`);
      }
    }
  },

  async 'content that comes to nothing adds nothing'(stage) {
    const queue = await stage.queue();
    const broken = async function* (): AsyncGenerator<Uint8Array, void> {
      yield* inPieces('half of it');
      throw new Error('the client has gone');
    };
    same('rejection', await rejectionOf(queue.add(mailTo(TWO, 'm1'), broken())), 'the client has gone');
    same('mails', [...queue.mails()].length, 0);
    same('mails after a crash', [...(await stage.afterCrash()).mails()].length, 0);
  },

  async 'mails that come at the same time are all there'(stage) {
    const queue = await stage.queue();
    const added = await Promise.all(Array.from({ length: 50 }, (_, index) => queue.add(mailTo(TWO), inPieces(`mail ${index}\r\n`))));
    same('ids that differ', new Set(added.map(({ id }) => id)).size, 50);
    const again = await stage.afterCrash();
    same('mails', [...again.mails()].length, 50);
    for (const [index, { id }] of added.entries()) same('content', await contentOf(again, id), `mail ${index}\r\n`);
  },

  async 'a mail that is added twice under one id is one mail, the first'(stage) {
    const queue = await stage.queue();
    await queue.add(mailTo(TWO, 'm1'), inPieces('first\r\n'));
    same('id', (await queue.add(mailTo(TWO, 'm1'), inPieces('second\r\n'))).id, 'm1');
    const again = await stage.afterCrash();
    same('mails', [...again.mails()].length, 1);
    same('content', await contentOf(again, 'm1'), 'first\r\n');
  },

  async 'what became of a recipient is kept, and when the mail is due'(stage) {
    const queue = await stage.queue();
    await queue.add(mailTo(TWO, 'm1'), inPieces('Hello\r\n'));
    await queue.settle('m1', [DELIVERED, { ...WAITING, warned: true }], NEXT);
    for (const look of [() => queue, () => stage.afterClose()]) {
      const each = await look();
      const mail = only(each);
      same('states', statesOf(mail), ['delivered', 'waiting']);
      same('reply', [mail.recipients[1]?.reply?.code, mail.recipients[1]?.reply?.enhanced, mail.recipients[1]?.reply?.lines], [451, '4.3.0', ['try later', 'or never']]);
      same('host', mail.recipients[1]?.host, 'mx.example');
      same('whether the sender was told of the delay', mail.recipients[1]?.warned, true);
      same('time of the next attempt', mail.nextAttempt, NEXT);
    }
  },

  async 'what was told of a recipient may be handed back'(stage) {
    const queue = await stage.queue();
    await queue.add(mailTo(TWO, 'm1'), inPieces('Hello\r\n'));
    await queue.settle('m1', [DELIVERED, WAITING], NEXT);
    await queue.settle('m1', only(queue).recipients, NEXT + 1);
    const mail = only(await stage.afterClose());
    same('states', statesOf(mail), ['delivered', 'waiting']);
    same('time of the next attempt', mail.nextAttempt, NEXT + 1);
  },

  async 'a mail without a waiting recipient is gone, for good'(stage) {
    const queue = await stage.queue();
    for (const id of ['m1', 'm2']) await queue.add(mailTo(TWO, id), inPieces('Hello\r\n'));
    await queue.settle('m1', [DELIVERED, FAILED], NEXT);
    for (const look of [() => queue, () => stage.afterClose(), () => stage.afterCrash()]) {
      const each = await look();
      same('mails', [...each.mails()].map(({ id }) => id), ['m2']);
      same('the mail by its id', each.mail('m1'), undefined);
    }
  },

  async 'a mail that is not there can be neither settled nor read'(stage) {
    const queue = await stage.queue();
    if ((await rejectionOf(queue.settle('m1', [DELIVERED], NEXT))) === undefined) throw found('settling to be rejected', 'that it was not');
    if ((await rejectionOf(contentOf(queue, 'm1'))) === undefined) throw found('reading to be rejected', 'that it was not');
  },

  async 'an attempt under way is known after a crash, until its outcome is (attempt)'(stage) {
    const queue = await stage.queue();
    if (queue.attempt === undefined) return;
    await queue.add(mailTo(TWO, 'm1'), inPieces('Hello\r\n'));
    await queue.attempt('m1', [1], 'mx.example');
    const again = await stage.afterCrash('death'); // lost with the power it costs knowledge alone
    same('hosts of attempts under way', only(again).recipients.map(({ unsettled }) => unsettled?.host), [undefined, 'mx.example']);
    await again.settle('m1', [WAITING, WAITING], NEXT);
    same('hosts of attempts under way', only(await stage.afterClose()).recipients.map(({ unsettled }) => unsettled?.host), [undefined, undefined]);
  },

  async 'a failure and the notification of it are one (bounce)'(stage) {
    const queue = await stage.queue();
    if (queue.bounce === undefined) return;
    await queue.add(mailTo(TWO, 'm1'), inPieces('Hello\r\n'));
    await queue.bounce('m1', [FAILED, WAITING], NEXT, mailTo(['<alice@a.example>'], 'm2'), inPieces('it failed\r\n'));
    const again = await stage.afterCrash();
    same('mails', [...again.mails()].map(({ id }) => id).sort(), ['m1', 'm2']);
    same('states', statesOf(again.mail('m1')), ['failed', 'waiting']);
    same('content', await contentOf(again, 'm2'), 'it failed\r\n');
    const broken = async function* (): AsyncGenerator<Uint8Array, void> {
      throw new Error('no content');
    };
    same('rejection', await rejectionOf(again.bounce?.('m1', [FAILED, FAILED], NEXT, mailTo(['<alice@a.example>'], 'm3'), broken()) ?? Promise.resolve()), 'no content');
    same('states where the notification came to nothing', statesOf((await stage.afterCrash()).mail('m1')), ['failed', 'waiting']);
  },

  async 'what the operator says of a mail outlives the program (hold, giveUp, remove)'(stage) {
    const queue = await stage.queue();
    for (const id of ['m1', 'm2', 'm3', 'm4']) await queue.add(mailTo(TWO, id), inPieces('Hello\r\n'));
    await queue.hold?.('m1', true);
    await queue.hold?.('m4', true);
    await queue.hold?.('m4', false);
    await queue.giveUp?.('m2');
    await queue.remove?.('m3');
    const again = await stage.afterCrash();
    if (queue.hold !== undefined) same('held', [again.mail('m1')?.held, again.mail('m2')?.held === true, again.mail('m4')?.held === true], [true, false, false]);
    if (queue.giveUp !== undefined) same('given up', [again.mail('m1')?.returned === true, again.mail('m2')?.returned], [false, true]);
    if (queue.remove !== undefined) same('the mail that was removed', again.mail('m3'), undefined);
  },
};

function mailTo(paths: readonly string[], id?: string): NewMail {
  const reversePath = parseReversePath('<@r.example:"a b"@a.example>');
  const forwardPaths = paths.map((text) => parseForwardPath(text)).filter((path): path is ForwardPath => !isFault(path));
  if (isFault(reversePath)) throw new UsageError('the reverse-path of the checks is one');
  return { reversePath, forwardPaths, ...(id === undefined ? {} : { id }) };
}

/** Text as octets, one a character. */
async function* inPieces(...texts: readonly string[]): AsyncGenerator<Uint8Array, void> {
  for (const text of texts) {
    const octets = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at += 1) octets[at] = text.charCodeAt(at);
    yield octets;
  }
}

async function contentOf(queue: Queue, id: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const octets of queue.content(id)) pieces.push(octets.slice());
  return decodeLatin1(concat(pieces));
}

function rejectionOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(() => undefined, (error: unknown) => (error instanceof Error ? error.message : String(error)));
}

function only(queue: Queue): QueuedMail {
  const mails = [...queue.mails()];
  const [mail] = mails;
  if (mail === undefined || mails.length > 1) throw found('one mail', `${mails.length}`);
  return mail;
}

function statesOf(mail: QueuedMail | undefined): readonly string[] | undefined {
  return mail?.recipients.map(({ state }) => state);
}

function same(what: string, value: unknown, expected: unknown): void {
  const [is, should] = [JSON.stringify(value), JSON.stringify(expected)];
  if (is !== should) throw found(`${what} ${should}`, is ?? 'none');
}

function found(expected: string, instead: string): Error {
  return new Error(`expected ${expected}, found ${instead.slice(0, 200)}`);
}
