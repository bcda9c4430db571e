import { describe, expect, it } from 'vitest';
import { MOST_RECEIVED, ReceivedCounter } from '../../src/relay/loop.ts';
import { encodeAscii } from '../../src/wire/ascii.ts';
import { cpuTime } from '../support/cpu-time.ts';
import { TIMES } from '../support/random.ts';

function count(text: string): { readonly count: number; readonly ended: boolean } {
  const counter = new ReceivedCounter();
  counter.read(encodeAscii(text));
  return { count: counter.count, ended: counter.ended };
}

describe('counting Received fields (RFC 5321 §6.3)', () => {
  it.each([
    ['one field', 'Received: from a\r\n\r\n', 1, true],
    ['capitals and small letters alike', 'RECEIVED: a\r\nreceived: b\r\nrEcEiVeD: c\r\n\r\n', 3, true],
    ['a folded field once', 'Received: from a\r\n\tby b\r\n Received: c\r\n\r\n', 1, true],
    ['a field with white space before its colon (RFC 5322 §4.5)', 'Received \t: a\r\n\r\n', 1, true],
    ['a field without a body', 'Received:\r\n\r\n', 1, true],
    ['no other field', 'X-Received: a\r\nReceived-SPF: pass\r\nReceive: b\r\nReceivedd: c\r\n\r\n', 0, true],
    ['no field behind the empty line', 'To: a\r\n\r\nReceived: b\r\n', 0, true],
    ['an empty header', '\r\nReceived: b\r\n', 0, true],
    ['a header without end', 'Received: a\r\nReceived: b', 2, false],
    ['no line behind a bare LF', 'To: a\nReceived: b\r\n\n\nReceived: c\r\nReceived: d\r\n', 1, false],
    ['no line behind a bare CR', 'To: a\rReceived: b\r\n\r\rReceived: c\r\n\r\n', 0, true],
    ['CR CR LF as the end of a line that is not empty', '\r\r\nReceived: b\r\n\r\n', 1, true],
    ['nothing', '', 0, false],
    ['a line broken in the name', 'Recei\r\nved: a\r\nReceived\r\n: b\r\n\r\n', 0, true],
    ['a name that begins anew', 'reReceived: a\r\nReceiReceived: b\r\n\r\n', 0, true],
  ])('counts %s', (_, text, fields, ended) => {
    expect(count(text)).toEqual({ count: fields, ended });
  });

  it('counts the same under every cut, and after what an oracle by regular expression says', () => {
    // All words of up to five pieces, or six where there is the time; the oracle reads RFC 5322 §2.2: lines end in CRLF, the header at the first empty one.
    const pieces = ['Rece', 'ived', ':', ' ', '\r', '\n', '\r\n'];
    const oracle = (text: string): number => {
      const lines = text.split('\r\n');
      const end = lines.indexOf('');
      return lines.slice(0, end === -1 ? undefined : end).filter((line) => /^received[ \t]*:/i.test(line)).length;
    };
    let words = [''];
    for (let length = 1; length <= (TIMES > 1 ? 6 : 5); length += 1) {
      words = words.flatMap((word) => pieces.map((piece) => word + piece));
      for (const word of words) {
        const octets = encodeAscii(word);
        const counter = new ReceivedCounter();
        for (const octet of octets) counter.read(Uint8Array.of(octet));
        if (counter.count !== oracle(word) || count(word).count !== oracle(word)) expect.fail(JSON.stringify(word));
      }
    }
  });

  it('tells a loop from the hundredth field on', () => {
    const counter = new ReceivedCounter();
    const field = encodeAscii('Received: from a by b; Thu, 1 Jan 1970 00:00:00 +0000\r\n');
    for (let fields = 1; fields < MOST_RECEIVED; fields += 1) counter.read(field);
    expect(counter.looped).toBe(false);
    counter.read(field);
    expect(counter.looped).toBe(true);
  });

  it('reads a megabyte of any one octet in linear time', () => {
    for (const octet of encodeAscii('\r\n:r x')) {
      expect(cpuTime(() => new ReceivedCounter().read(new Uint8Array(1 << 20).fill(octet)))).toBeLessThan(500);
    }
  });
});
