import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/protocol/limit.ts';
import type { Envelope } from '../../../src/protocol/mail.ts';
import { MailData } from '../../../src/protocol/server/mail-data.ts';
import { Output } from '../../../src/protocol/server/output.ts';
import { settingsOf } from '../../../src/protocol/server/option.ts';
import { concat } from '../../../src/wire/octet.ts';
import { everyCut, everyString, octetsOf, textOf } from '../../wire/every.ts';

const newOutput = (): Output => new Output(settingsOf({ hostname: 'mx.example.com' }));

const ENVELOPE: Envelope = { reversePath: { type: 'null', text: '<>', key: '' }, forwardPaths: [], parameters: {}, recipientParameters: [] };
const BINARY: Envelope = { ...ENVELOPE, parameters: { body: 'BINARYMIME' } };

/** What comes of chunks, each read in the pieces that it is given in. */
function readChunks(chunks: readonly (readonly string[])[], { envelope = ENVELOPE, maxSize = 0 } = {}): { content: string; fault: string | undefined; size: number; told: string[] } {
  const output = newOutput();
  const data = new MailData({ maxSize, maxTextLine: 1_000 });
  data.begin(envelope, output);
  for (const [index, pieces] of chunks.entries()) {
    const last = index === chunks.length - 1;
    const size = pieces.join('').length;
    data.beginChunk(size, last);
    data.tell(output);
    for (const piece of pieces) {
      const octets = octetsOf(piece);
      const taken = data.read(octets, 0);
      if (taken !== octets.length) expect(taken).toBe(octets.length); // asked for only where it is not: a hundred thousand times
      data.tell(output);
    }
    if (!data.chunkEnded || data.ended !== last) expect([data.chunkEnded, data.ended]).toEqual([true, last]);
  }
  const told: string[] = [];
  const content: Uint8Array[] = [];
  for (let action; (action = output.action()) !== undefined; ) {
    if (action.type === 'content') content.push(action.octets);
    else told.push(action.type === 'abort' ? `abort ${action.reason}` : action.type);
  }
  return { content: textOf(concat(content)), fault: data.fault, size: data.size, told };
}

/** The text in pieces, in every way. */
function everyDivision(text: string): string[][] {
  return everyCut(text.length).map((cuts) => [0, ...cuts].map((from, at) => text.slice(from, cuts[at] ?? text.length)));
}

/** RFC 5321 §2.3.8, in words: the first CR that no LF follows, or LF that no CR precedes. */
function bareOctet(text: string): string | undefined {
  const [found] = /\r(?!\n)|(?<!\r)\n/.exec(text) ?? [];
  return found && (found === '\r' ? 'bare-cr' : 'bare-lf');
}

describe('mail data in chunks (RFC 3030 §2)', () => {
  it('are the octets of all chunks in a row, and at fault for the first bare octet of them, in chunks of any size', () => {
    for (const text of everyString('\r\n.', 0, 5)) {
      for (const chunks of everyDivision(text)) {
        const { content, fault, size, told } = readChunks(chunks.map((chunk) => [chunk]));
        const wanted = bareOctet(text);
        const tale = wanted === undefined ? 'data' : `data, abort ${wanted}`;
        if (fault !== wanted || size !== text.length || told.join(', ') !== tale || (wanted === undefined && content !== text)) expect({ chunks, content, fault, size, told: told.join(', ') }).toEqual({ chunks, content: text, fault: wanted, size: text.length, told: tale });
      }
    }
  });

  it('are the same in segments of any size, with a last chunk of nothing too', () => {
    for (const text of everyString('\r\nx', 0, 4)) {
      for (const pieces of everyDivision(text)) {
        const [last, only, binary] = [readChunks([pieces, []]), readChunks([pieces]), readChunks([pieces, []], { envelope: BINARY })];
        const same = [last, only].every(({ fault }) => fault === bareOctet(text)) && binary.content === text && binary.fault === undefined && binary.size === text.length && binary.told.join() === 'data';
        if (!same) expect({ pieces, faults: [last.fault, only.fault], binary }).toEqual({ pieces, faults: [bareOctet(text), bareOctet(text)], binary: { content: text, fault: undefined, size: text.length, told: ['data'] } });
      }
    }
  });

  it('tell no content twice where a chunk is empty', () => {
    expect(readChunks([['ab'], [], ['c'], []])).toMatchObject({ content: 'abc', size: 3 });
  });

  it('may be as large as the limit all together, and are at fault with the first octet more', () => {
    expect(readChunks([['ab'], ['cd']], { maxSize: 4 })).toMatchObject({ content: 'abcd', fault: undefined });
    expect(readChunks([['ab'], ['cd'], ['e']], { maxSize: 4 })).toMatchObject({ fault: 'too-much-mail-data', told: ['data', 'abort too-much-mail-data'] });
    expect(readChunks([['ab\n'], ['cde']], { maxSize: 4 }).fault).toBe('bare-lf'); // of two things the first one counts
    expect(readChunks([['abcde'], ['\n']], { maxSize: 4 }).fault).toBe('too-much-mail-data');
  });

  it('leave the octets behind a chunk alone', () => {
    const data = new MailData({ maxSize: 0, maxTextLine: 1_000 });
    data.begin(ENVELOPE, newOutput());
    data.beginChunk(3, false);
    expect(data.read(octetsOf('xabcQUIT\r\n'), 1)).toBe(4);
    expect(textOf(data.content)).toBe('abc');
  });
});

describe('mail data of either kind', () => {
  it('come to nothing once', () => {
    const output = newOutput();
    const data = new MailData({ maxSize: 0, maxTextLine: 1_000 });
    data.abort('reset', output);
    expect(output.action()).toBeUndefined(); // none has begun
    data.begin(ENVELOPE, output);
    data.abort('reset', output);
    data.abort('peer-gone', output);
    expect([output.action()?.type, output.action(), output.action()]).toEqual(['data', { type: 'abort', reason: 'reset' }, undefined]);
  });

  it('are endless at so many times the limit, and without one when no number counts them', () => {
    const endless = (maxSize: number, octets: number): boolean => new MailData(settingsOf({ hostname: 'mx.example.com', maxSize })).isEndless(octets);
    const large = 10_000_000;
    expect([endless(large, large * LIMITS.mailDataDrain), endless(large, large * LIMITS.mailDataDrain + 1), endless(0, 2 ** 53 - 2), endless(0, 2 ** 53 - 1)]).toEqual([false, true, false, true]);
    expect([endless(10, LIMITS.leastDrain), endless(10, LIMITS.leastDrain + 1)]).toEqual([false, true]);
  });
});
