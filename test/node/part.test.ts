import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Journal } from '../../src/node/journal.ts';
import { diskOfPart, makeParts, openPart, PartedQueue, partFolder, partsOf, partsOfWorker } from '../../src/node/part.ts';
import { reply } from '../../src/syntax/reply.ts';
import { inPieces } from '../support/content.ts';
import { mailOf } from '../support/memory-queue.ts';
import { latin1 } from '../support/raw-peer.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const idsOf = (queue: PartedQueue | Journal): readonly string[] => [...queue.mails()].map(({ id }) => id).sort();

describe('the parts of a queue', () => {
  it('are the queue itself, and the numbered ones in it', async () => {
    using folder = temporaryDirectory();
    const queue = join(folder.path, 'queue');
    expect(await partsOf(queue)).toEqual([1]);
    await makeParts(queue, 3);
    for (const name of ['01', 'x', '1', '12']) mkdirSync(join(queue, 'part', name));
    expect(await partsOf(queue)).toEqual([1, 2, 3, 12]);
    expect([partFolder(queue, 1), partFolder(queue, 2)]).toEqual([queue, join(queue, 'part', '2')]);
  });

  it.each([1, 2, 3, 4, 7])('belong to one worker each, of %d, whatever parts there are', (workers) => {
    for (const parts of [[1], [1, 2], [1, 2, 3, 4, 5, 6, 7, 8], [1, 5, 9], [1, 40]]) {
      const had = Array.from({ length: workers }, (_, index) => partsOfWorker(parts, index + 1, workers));
      expect(had.map(([own]) => own)).toEqual(Array.from({ length: workers }, (_, index) => index + 1));
      const all = had.flat();
      expect(new Set(all).size).toBe(all.length);
      for (const part of parts) expect(all).toContain(part);
    }
  });

  it('do not keep a queue from being made in their folder', async () => {
    using folder = temporaryDirectory();
    const queue = join(folder.path, 'queue');
    await makeParts(queue, 2);
    const journal = await Journal.open(queue);
    await journal.close();
    await (await Journal.open(partFolder(queue, 2))).close();
  });

  it('share a disk, where there are others', async () => {
    using folder = temporaryDirectory();
    const queue = join(folder.path, 'queue');
    await makeParts(queue, 1);
    expect(await diskOfPart(queue, 1)).toBeUndefined();
    await makeParts(queue, 3);
    const [first, second, third] = await Promise.all([1, 2, 3].map((part) => diskOfPart(queue, part)));
    first?.tell(5_000_000);
    third?.tell(9_000_000);
    await Promise.all([first, third].map((each) => each?.close()));
    expect(await Promise.all([first, second, third].map((each) => each?.othersNeed()))).toEqual([9_000_000, 9_000_000, 5_000_000]);
    expect(await partsOf(queue)).toEqual([1, 2, 3]);
  });

  it('that another has for a moment are waited for, and not for ever', async () => {
    using folder = temporaryDirectory();
    const queue = join(folder.path, 'queue');
    const first = await Journal.open(queue);
    await expect(openPart(queue, {}, 2)).rejects.toThrow('another process has this queue open');
    const waiting = openPart(queue, {}, 100);
    await first.close();
    await (await waiting).close();
  });

  it('that cannot be looked at are an error', async () => {
    using folder = temporaryDirectory();
    writeFileSync(join(folder.path, 'part'), '');
    expect(await partsOf(folder.path)).toEqual([1]); // no folder: no parts
  });
});

describe('parts as one queue', () => {
  it('take new mail into the first, and settle each mail where it is', async () => {
    using folder = temporaryDirectory();
    const [own, other] = [await Journal.open(join(folder.path, 'own')), await Journal.open(join(folder.path, 'other'))];
    await other.add(mailOf('old', '<a@a.test>', '<b@b.test>', '<c@c.test>'), inPieces('old\r\n'));
    const queue = new PartedQueue(own, [other]);
    await queue.add(mailOf('new', '<a@a.test>', '<b@b.test>'), inPieces('Hello\r\n'));
    expect(idsOf(queue)).toEqual(['new', 'old']);
    expect(idsOf(own)).toEqual(['new']);

    await queue.attempt('old', [0, 1], 'mx.test');
    expect(queue.mail('old')?.recipients.map(({ unsettled }) => unsettled?.host)).toEqual(['mx.test', 'mx.test']);
    await queue.hold('old', true);
    expect(other.mail('old')?.held).toBe(true);
    const failed = { state: 'failed', reply: reply(550, '5.1.1', 'no') } as const;
    await queue.bounce('old', [failed, { state: 'waiting' }], 0, mailOf('bounce', '<>', '<a@a.test>'), inPieces('Hello\r\n'));
    expect(idsOf(other)).toEqual(['bounce', 'old']); // one record with the failure: no crash parts them
    await queue.settle('old', [failed, { state: 'delivered' }], 0);
    await queue.remove('new');
    expect(idsOf(queue)).toEqual(['bounce']);
    expect(queue.roomFor(1)).toBe(true);
    expect(queue.mail('nosuch')).toBeUndefined();
    await queue.close();
    const again = await Journal.open(join(folder.path, 'other'));
    expect(idsOf(again)).toEqual(['bounce']);
    await again.close();
  });

  it('read content from the part that has it', async () => {
    using folder = temporaryDirectory();
    const [own, other] = [await Journal.open(join(folder.path, 'own')), await Journal.open(join(folder.path, 'other'))];
    const queue = new PartedQueue(own, [other]);
    await other.add(mailOf('old', '<a@a.test>', '<b@b.test>'), inPieces('old\r\n'));
    expect(queue.recent('old')).toEqual([latin1('old\r\n')]);
    for await (const octets of queue.content('old')) expect(octets).toEqual(latin1('old\r\n'));
    await queue.giveUp('old');
    expect(other.mail('old')?.returned).toBe(true);
    await queue.close();
  });
});
