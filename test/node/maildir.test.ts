import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { chdir, cwd } from 'node:process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Signal } from '../../src/node/aborter.ts';
import { Maildir } from '../../src/node/maildir.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { decodeUtf8 } from '../../src/wire/utf8.ts';
import { inPieces } from '../support/content.ts';
import { reversePath } from '../support/path.ts';
import { latin1 } from '../support/raw-peer.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { failing, operations, watchDisk } from '../support/watched-disk.ts';

let directory: TemporaryDirectory;
watchDisk(() => (directory as TemporaryDirectory | undefined)?.path); // none before the first test
let maildir: Maildir;
beforeEach(async () => {
  directory = temporaryDirectory();
  operations.length = 0;
  maildir = await Maildir.open(join(directory.path, 'box'));
});
afterEach(() => {
  failing.prefix = undefined;
  vi.useRealTimers();
  directory[Symbol.dispose]();
});

const files = (name: string): readonly string[] => readdirSync(join(directory.path, 'box', name));
const delivered = (): readonly string[] => files('new').map((name) => decodeLatin1(readFileSync(join(directory.path, 'box', 'new', name))));

// found by running: a program that went to another directory had each mail refused, or in another Maildir
it('stays where it is when the program goes to another directory', async () => {
  const began = cwd();
  try {
    chdir(directory.path);
    const box = await Maildir.open('box');
    chdir('/');
    await box.deliver('<>', inPieces('x'));
  } finally {
    chdir(began);
  }
  expect(delivered()).toHaveLength(1);
});

describe('a Maildir', () => {
  it('is made with its three directories, which are durable', () => {
    expect(readdirSync(join(directory.path, 'box'))).toEqual(['cur', 'new', 'tmp']);
    expect(operations.filter((operation) => operation.startsWith('sync')).map((operation) => operation.replace(/ehlo-\w+/, '*'))).toEqual([`sync ${basename(tmpdir())}/*`, 'sync */box']);
  });

  it('is its owner\'s alone', async () => {
    await maildir.deliver(reversePath('<alice@a.test>'), inPieces('x'));
    const [name = ''] = files('new');
    const permissions = ['new', 'cur', 'tmp', `new/${name}`].map((path) => (statSync(join(directory.path, 'box', path)).mode & 0o777).toString(8));
    expect(permissions).toEqual(['700', '700', '700', '600']);
  });

  // found by trying: a mail without content was delivered, or one from nobody
  it.each<[string, unknown]>([
    ['octets that come one by one', new Uint8Array(3)],
    ['text', (async function* () { yield 'x'; })()],
  ])('takes no content that is %s: UsageError, and nothing is delivered', async (_, content) => {
    await expect(maildir.deliver(reversePath('<alice@a.test>'), content as AsyncIterable<Uint8Array>)).rejects.toThrow(UsageError);
    expect([files('tmp'), files('new')]).toEqual([[], []]);
  });

  it('takes the reverse-path as text too, and nothing else for one', async () => {
    await maildir.deliver('alice@a.test', inPieces('x'));
    await expect(maildir.deliver('alice', inPieces('x'))).rejects.toThrow(UsageError);
    await expect(maildir.deliver(undefined as unknown as string, inPieces('x'))).rejects.toThrow(UsageError);
    expect(delivered()).toEqual(['Return-Path: <alice@a.test>\r\nx']);
  });

  // shows RFC5321:4.1.1.3-6 RFC5321:4.4-13 RFC5321:4.4-14 RFC5321:4.4-15 RFC5321:4.4-16 RFC5321:3.6.1-6
  it('holds the Return-Path, and then the content octet for octet (RFC 5321 §4.4)', async () => {
    const content = '.\r\n\r \n\0\x80\xff no line end';
    await maildir.deliver(reversePath('<alice@a.test>'), inPieces(content.slice(0, 5), content.slice(5)));
    await maildir.deliver(reversePath('<>'), inPieces());
    expect([...delivered()].sort()).toEqual(['Return-Path: <>\r\n', `Return-Path: <alice@a.test>\r\n${content}`]);
  });

  it('keeps a return path in UTF-8 as it is (RFC 6531 §3.7.3)', async () => {
    await maildir.deliver(reversePath('<用户@a.test>'), inPieces('x\r\n'));
    expect(delivered().map((mail) => decodeUtf8(latin1(mail)))).toEqual(['Return-Path: <用户@a.test>\r\nx\r\n']);
  });

  it('has a mail durable when that resolves: written under tmp/, synced, renamed into new/, and new/ synced', async () => {
    operations.length = 0;
    await maildir.deliver(reversePath('<>'), inPieces('Hello\r\n'));
    expect(operations.map((operation) => operation.replace(/(tmp|new)\/[^ ]+/g, '$1/*'))).toEqual(['open tmp/*', 'write tmp/*', 'sync tmp/*', 'close tmp/*', 'rename tmp/* → new/*', 'open box/new', 'sync box/new', 'close box/new']);
  });

  // found by measuring: content that came as single octets, of chunks or segments of one, was a call of the system for each (50 µs)
  it('writes much at a time, however little comes at a time', async () => {
    operations.length = 0;
    await maildir.deliver(reversePath('<>'), inPieces(...'x'.repeat(100_000)));
    expect(operations.filter((operation) => operation.startsWith('write')).length).toBeLessThan(10);
    expect(delivered()).toEqual([`Return-Path: <>\r\n${'x'.repeat(100_000)}`]);
  });

  const LEFT = 'mx33vlvf1o3xwje.1_1.host';
  it.each([[35, [LEFT]], [37, []]] as const)('has, when it is opened %d hours after a process has died in a delivery, under tmp/: %j', async (hours, left) => {
    writeFileSync(join(directory.path, 'box', 'tmp', LEFT), 'half of it');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + hours * 3_600_000 });
    await Maildir.open(join(directory.path, 'box'));
    expect(files('tmp')).toEqual(left);
  });

  // found by trying: with a home for a Maildir, by mistake, all that was old in the tmp/ there was removed
  it('leaves alone under tmp/ what is none of ours', async () => {
    writeFileSync(join(directory.path, 'box', 'tmp', 'thesis.txt'), 'precious');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 37 * 3_600_000 });
    await Maildir.open(join(directory.path, 'box'));
    expect(files('tmp')).toEqual(['thesis.txt']);
  });

  it('opens though a file under tmp/ cannot be removed', async () => {
    writeFileSync(join(directory.path, 'box', 'tmp', LEFT), 'half of it');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 37 * 3_600_000 });
    failing.prefix = 'unlink';
    await Maildir.open(join(directory.path, 'box'));
    expect(files('tmp')).toEqual([LEFT]);
  });

  it('gives each mail a name of its own', async () => {
    await Promise.all(Array.from({ length: 50 }, () => maildir.deliver(reversePath('<>'), inPieces('Hello\r\n'))));
    expect(files('new')).toHaveLength(50);
    expect(files('new').every((name) => /^[a-z0-9]{15}\.\d+_\d+\.[^/:]+$/.test(name))).toBe(true);
  });

  it('has nothing of a mail whose content comes to nothing', async () => {
    await expect(maildir.deliver(reversePath('<>'), (async function* () {
      yield latin1('half of it');
      throw new Error('the client has gone');
    })())).rejects.toThrow('the client has gone');
    expect([...files('tmp'), ...files('new')]).toEqual([]);
  });

  // a reader had it already: it was said not to be there, and came again
  it.each([false, true])('has nothing of a mail that nobody waits for when it has its name, unless somebody has taken it (%s)', async (taken) => {
    let calls = 0;
    const signal = {
      get aborted() { return calls > 1; },
      throwIfAborted() {
        if (++calls === 1) return; // before it has its name
        for (const name of taken ? files('new') : []) renameSync(join(directory.path, 'box', 'new', name), join(directory.path, 'box', 'cur', name));
        throw new Error('the client has gone');
      },
    } as unknown as Signal;
    const delivery = maildir.deliver('<>', inPieces('Hello\r\n'), { signal });
    if (taken) await delivery;
    else await expect(delivery).rejects.toThrow('the client has gone');
    expect([...files('tmp'), ...files('new')]).toEqual([]);
    expect(files('cur')).toHaveLength(taken ? 1 : 0);
  });

  it.each(['write', 'sync', 'rename', 'open box/new', 'sync box/new'])('has nothing of a mail where the disk fails to %s', async (operation) => {
    failing.prefix = operation;
    await expect(maildir.deliver(reversePath('<>'), inPieces('Hello\r\n'))).rejects.toThrow('EIO');
    expect([...files('tmp'), ...files('new')]).toEqual([]);
  });
});
