import { describe, expect, it } from 'vitest';
import { ChunkDecoder } from '../../src/wire/chunk-decoder.ts';
import { cut, everyCut, octetsOf, textOf } from './every.ts';

describe('a chunk (RFC 3030 §2)', () => {
  it('is so many octets, whatever they are and however they are cut, and leaves the rest', () => {
    const text = '.\r\nQ\n\r\0';
    for (let size = 0; size <= text.length + 1; size++) {
      for (const cuts of everyCut(text.length)) {
        const decoder = new ChunkDecoder(size);
        let content = '';
        let rest = '';
        for (const segment of cut(text, cuts)) {
          const at = decoder.read(segment, 0);
          content += textOf(decoder.content);
          rest += textOf(segment.subarray(at));
        }
        expect({ content, rest }).toEqual({ content: text.slice(0, size), rest: text.slice(size) });
        expect(decoder).toMatchObject({ ended: size <= text.length, remaining: Math.max(0, size - text.length) });
      }
    }
  });

  it('may be empty, and has ended then before anything is read', () => {
    expect(new ChunkDecoder(0).ended).toBe(true);
  });

  it('is views of the octets given', () => {
    const octets = octetsOf('BDAT 3 LAST\r\nabcQUIT\r\n');
    const decoder = new ChunkDecoder(3);
    expect(decoder.read(octets, 13)).toBe(16);
    expect(decoder.content).toEqual(octetsOf('abc'));
    expect(decoder.content.buffer).toBe(octets.buffer);
  });

  it('has no size that is not a number of octets', () => {
    for (const size of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      expect(() => new ChunkDecoder(size)).toThrow('whole number of octets');
    }
  });
});
