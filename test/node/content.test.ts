import { describe, expect, it } from 'vitest';
import { Budget } from '../../src/node/budget.ts';
import { ContentStream } from '../../src/node/content.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { concat } from '../../src/wire/octet.ts';
import { latin1 } from '../support/raw-peer.ts';
import { turns } from '../support/turn.ts';

/** A stream, and how often it has held and released the flow. */
function stage(budget = new Budget()): { readonly content: ContentStream; readonly flow: string[] } {
  const flow: string[] = [];
  return { content: new ContentStream({ hold: () => flow.push('hold'), release: () => flow.push('release') }, budget), flow };
}

/** What a reader gets: the text, and the error that ended it. */
async function read(content: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const octets of content) pieces.push(octets);
  } catch (error) {
    return `${decodeLatin1(concat(pieces))} !${error instanceof Error ? error.message : ''}`;
  }
  return decodeLatin1(concat(pieces));
}

const GIVEN_UP = ' !the content was given up: it can be read once, and not after the verdict';

describe('content', () => {
  it('is read as it comes, and ends', async () => {
    const { content, flow } = stage();
    const text = read(content);
    content.push(latin1('a'));
    await turns();
    content.push(latin1('b'));
    content.push(latin1('c'));
    content.end();
    expect(await text).toBe('abc');
    expect(flow).toEqual([]);
  });

  it('is read whole by a reader that comes when all of it is there', async () => {
    const { content } = stage();
    content.push(latin1('ab'));
    content.end();
    expect(await read(content)).toBe('ab');
  });

  it('holds the flow above its high water, and releases it when the reader has got on', async () => {
    const { content, flow } = stage();
    content.push(new Uint8Array(40_000));
    expect(flow).toEqual([]);
    content.push(new Uint8Array(40_000));
    content.push(new Uint8Array(40_000));
    expect(flow).toEqual(['hold']);
    const pieces = content[Symbol.asyncIterator]();
    await pieces.next();
    expect(flow).toEqual(['hold']);
    await pieces.next();
    expect(flow).toEqual(['hold', 'release']);
  });

  it('holds the flow for single octets too: what they cost to keep counts', () => {
    const { content, flow } = stage();
    for (let count = 0; count < 300; count++) content.push(latin1('x'));
    expect(flow).toEqual(['hold']);
  });

  it('holds the flow as soon as anything waits where the budget is exhausted, and releases it when nothing does', async () => {
    const budget = new Budget(100_000);
    const { content: stuck } = stage(budget);
    stuck.push(new Uint8Array(60_000));
    stuck.push(new Uint8Array(60_000));
    expect(budget.exhausted).toBe(true);
    const { content, flow } = stage(budget);
    content.push(latin1('a'));
    content.push(latin1('b'));
    expect(flow).toEqual(['hold']);
    const pieces = content[Symbol.asyncIterator]();
    await pieces.next();
    expect(flow).toEqual(['hold']);
    await pieces.next();
    expect(flow).toEqual(['hold', 'release']);
    stuck.discard();
    expect(budget.octets).toBe(0);
  });

  it('has its calls of next() answered in their order, however many wait', async () => {
    const { content } = stage();
    const pieces = content[Symbol.asyncIterator]();
    const waiting = [pieces.next(), pieces.next(), pieces.next()];
    content.push(latin1('a'));
    content.push(latin1('b'));
    content.end();
    expect((await Promise.all(waiting)).map(({ value }) => value && decodeLatin1(value))).toEqual(['a', 'b', undefined]);
  });

  it('that nobody reads is dropped, and does not hold the flow', async () => {
    const { content, flow } = stage();
    content.push(new Uint8Array(100_000));
    content.discard();
    content.push(new Uint8Array(100_000));
    content.end();
    expect(flow).toEqual(['hold', 'release']);
    expect(await read(content)).toBe(GIVEN_UP);
  });

  it('drops what comes after a reader that stopped early', async () => {
    const { content, flow } = stage();
    content.push(latin1('a'));
    for await (const _ of content) break;
    content.push(new Uint8Array(100_000));
    expect(flow).toEqual([]);
  });

  it('can be read once', async () => {
    const { content } = stage();
    content.push(latin1('a'));
    content.end();
    expect(await read(content)).toBe('a');
    expect(await read(content)).toBe(GIVEN_UP);
  });

  it('cannot be read by two at the same time', async () => {
    const { content } = stage();
    const first = read(content);
    expect(await read(content)).toBe(GIVEN_UP);
    content.push(latin1('a'));
    content.end();
    expect(await first).toBe('a');
  });
});

describe('content that comes to nothing', () => {
  it('ends in an error for a reader that waits', async () => {
    const { content } = stage();
    const text = read(content);
    content.push(latin1('a'));
    await turns();
    content.fail(new Error('peer gone'));
    expect(await text).toBe('a !peer gone');
  });

  it('ends in an error for a reader that comes later', async () => {
    const { content } = stage();
    content.push(latin1('a'));
    content.fail(new Error('peer gone'));
    expect(await read(content)).toBe(' !peer gone');
  });

  it('ends in an error also when it was complete, for who had not read all of it', async () => {
    const { content } = stage();
    content.push(latin1('a'));
    content.push(latin1('b'));
    const pieces = content[Symbol.asyncIterator]();
    await pieces.next();
    content.end();
    content.fail(new Error('peer gone'));
    await expect(pieces.next()).rejects.toThrow('peer gone');
  });

  it('ends in the first of two errors', async () => {
    const { content } = stage();
    content.fail(new Error('peer gone'));
    content.fail(new Error('too late'));
    await expect(content[Symbol.asyncIterator]().next()).rejects.toThrow('peer gone');
  });

  it('is no error for who had read all of it', async () => {
    const { content } = stage();
    content.push(latin1('a'));
    const pieces = content[Symbol.asyncIterator]();
    await pieces.next();
    const end = pieces.next();
    content.end();
    content.fail(new Error('peer gone'));
    expect(await end).toEqual({ done: true, value: undefined });
  });

  it('is an error for a reader whose verdict did not wait for it', async () => {
    const { content } = stage();
    const text = read(content);
    content.push(latin1('a'));
    await turns();
    content.push(latin1('b')); // which the reader waits for
    content.push(latin1('c'));
    content.end();
    content.discard(); // the verdict
    expect(await text).toBe(`ab${GIVEN_UP}`);
  });

  it('is none for a reader that has got all of it when the verdict comes', async () => {
    const { content } = stage();
    const text = read(content);
    await turns();
    content.push(latin1('a'));
    content.end();
    content.discard(); // the verdict
    expect(await text).toBe('a');
  });

  it('releases the flow', () => {
    const { content, flow } = stage();
    content.push(new Uint8Array(100_000));
    content.fail(new Error('peer gone'));
    expect(flow).toEqual(['hold', 'release']);
  });
});
