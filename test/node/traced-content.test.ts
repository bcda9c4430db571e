import { describe, expect, it } from 'vitest';
import { LoopError, TracedContent } from '../../src/node/traced-content.ts';
import { ReceivedCounter } from '../../src/relay/loop.ts';
import { encodeAscii, decodeLatin1 } from '../../src/wire/ascii.ts';

/** The plain form. */
async function* plain(field: Uint8Array, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  yield field;
  const counter = new ReceivedCounter();
  for await (const octets of content) {
    counter.read(octets);
    if (counter.looped) throw new LoopError('the mail is in a loop');
    yield octets;
  }
}

const FIELD = encodeAscii('Received: by us\r\n');

/** Reads at most so many pieces; what came, how it ended, and whether the source was told that nobody reads on. */
async function seen(form: (field: Uint8Array, content: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>, pieces: readonly string[], most = Infinity, fails = false): Promise<{ readonly text: string[]; readonly end: string; readonly told: boolean }> {
  let told = false;
  async function* source(): AsyncGenerator<Uint8Array, void> {
    try {
      for (const piece of pieces) yield encodeAscii(piece);
      if (fails) throw new Error('connection lost');
    } finally {
      told = true;
    }
  }
  const text: string[] = [];
  try {
    for await (const octets of form(FIELD, source())) if (text.push(decodeLatin1(octets)) === most) break;
  } catch (error) {
    return { text, end: String(error), told };
  }
  return { text, end: 'end', told };
}

describe('traced content', () => {
  const received = 'Received: from a by b; date\r\n';
  const cases: readonly { readonly name: string; readonly pieces: readonly string[]; readonly most?: number; readonly fails?: boolean }[] = [
    { name: 'nothing', pieces: [] },
    { name: 'one piece', pieces: ['Subject: x\r\n\r\ntext\r\n'] },
    { name: 'pieces cut anywhere', pieces: ['Sub', 'ject: x\r', '\n\r\nte', 'xt\r\n'] },
    { name: 'as many fields as may be', pieces: [...Array.from({ length: 99 }, () => received), '\r\ntext\r\n'] },
    { name: 'one field too many', pieces: [...Array.from({ length: 101 }, () => received), '\r\ntext\r\n'] },
    { name: 'one field too many in one piece', pieces: [received.repeat(101)] },
    { name: 'a source that fails', pieces: ['Subject: x\r\n'], fails: true },
    { name: 'a source that fails at once', pieces: [], fails: true },
    { name: 'a reader who stops in the middle', pieces: ['a', 'b', 'c'], most: 2 },
  ];
  it.each(cases)('is what the plain form is: $name', async ({ pieces, most, fails }) => {
    const [ours, theirs] = [await seen((field, content) => new TracedContent(field, content), pieces, most, fails), await seen(plain, pieces, most, fails)];
    expect(ours).toEqual(theirs);
    expect(ours.text[0]).toBe('Received: by us\r\n');
  });

  it('is refused where it is in a loop', async () => {
    expect((await seen((field, content) => new TracedContent(field, content), [received.repeat(100)])).end).toContain('the mail is in a loop');
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('it cannot be closed'))],
    ['throws', () => { throw new Error('it cannot be closed'); }],
  ])('is refused for that alone where its source does not end well: %s', async (_, end) => {
    const source: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: encodeAscii(received.repeat(100)) }), return: end }) };
    await expect((async () => { for await (const _ of new TracedContent(FIELD, source)); })()).rejects.toThrow(LoopError);
  });

  it('gives nothing after its end', async () => {
    const iterator = new TracedContent(FIELD, (async function* () {})())[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toBe(FIELD);
    await iterator.return?.();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });
});
