import { describe, expect, it } from 'vitest';
import { ReplyReader } from '../../../src/protocol/client/reply-reader.ts';
import type { Reply } from '../../../src/syntax/reply.ts';
import { octetsOf } from '../../wire/every.ts';

/** What a reader makes of octets, in pieces of so many. */
function read(text: string, piece = text.length, reader = new ReplyReader()): (Reply | 'no reply')[] {
  const replies: (Reply | 'no reply')[] = [];
  for (let from = 0; from < text.length; from += piece) {
    const octets = octetsOf(text.slice(from, from + piece));
    for (let at = 0; at < octets.length; ) {
      at = reader.read(octets, at);
      if (reader.reply !== undefined) replies.push(reader.reply);
    }
  }
  return replies;
}

describe('a reader of replies', () => {
  const LINES = ['250 2.1.0 Ok\r\n', '250 2.1.5 Ok\r\n', '354 go\r\n', '250-2.1.0 Ok\r\n250 2.1.0 Ok\r\n', '250-2.1.0 Ok\r\n250-2.1.5 Ok\r\n250 2.1.0 Ok\r\n', '550 2.1.0 Ok\r\n', '250\r\n', ...Array.from({ length: 12 }, (_, at) => `250 2.0.0 queued as ${at}\r\n`)];

  it('that has read a line before reads the same of it as one that has not, whatever came between', () => {
    const reader = new ReplyReader();
    for (let round = 0; round < 3; round += 1) {
      for (const first of LINES) for (const second of LINES) {
        const wanted = [...read(first), ...read(second)];
        for (const piece of [1_000, 5, 1]) {
          const found = read(first + second, piece, reader);
          if (JSON.stringify(found) !== JSON.stringify(wanted)) expect({ first, second, piece, found }).toEqual({ first, second, piece, found: wanted });
        }
      }
    }
  });

  it('takes no line that it knows for the end of a reply with another code (§4.2.1)', () => {
    const reader = new ReplyReader();
    read('250 2.1.0 Ok\r\n', 14, reader);
    expect(read('354-go\r\n250 2.1.0 Ok\r\n', 100, reader)).toEqual(['no reply']);
  });

  it('takes no more than 64 KiB for a reply, and has them anew for the next', () => {
    const reader = new ReplyReader();
    const line = (last: boolean, length: number): string => `250${last ? ' ' : '-'}${'x'.repeat(length - 6)}\r\n`;
    const longest = line(false, 8_192).repeat(7) + line(true, 8_192);
    for (let round = 0; round < 2; round += 1) expect(read(longest, 10_000, reader)).toEqual([{ code: 250, enhanced: undefined, lines: Array.from({ length: 8 }, () => 'x'.repeat(8_186)) }]);
    expect(read(line(false, 8_192).repeat(8) + line(true, 6), 70_000, reader)[0]).toBe('no reply');
  });

  // shows RFC4954:4-23 RFC4954:4-24
  it('takes a challenge of 12288 octets, and none of more', () => {
    const challenge = 'A'.repeat(12_288);
    for (const piece of [20_000, 1_000, 1]) expect(read(`334 ${challenge}\r\n`, piece)).toEqual([{ code: 334, enhanced: undefined, lines: [challenge] }]);
    expect(read(`334 ${challenge}A\r\n`)[0]).toBe('no reply');
  });

  it('takes a line with a bare CR or LF, or with NUL, for no reply, however well it knows the rest', () => {
    for (const spoilt of ['250 2.1.0\0Ok\r\n', '250 2.1.0 O\rk\r\n', '250 2.1.0\nOk\r\n']) {
      const reader = new ReplyReader();
      read('250 2.1.0 Ok\r\n', 14, reader);
      expect(read(spoilt, 100, reader)[0]).toBe('no reply');
    }
  });

  // found by trying: a server that ends its lines in LF was "timed out: no greeting came" five minutes later
  it('waits for no end of a line that is spoilt', () => {
    for (const spoilt of ['220 mx.test hi\n', '250-mx.test\n', '250 \0', '250 ok\r ']) expect(read(spoilt).length, spoilt).toBe(1);
    expect(read('250 ok\r')).toEqual([]);
  });

  // shows RFC6531:3.7.4.1-1
  it('reads text as UTF-8 (RFC 6531 §3.7.4), and what is none a character for each octet, however it is cut', () => {
    const line = '551 5.1.6 now j\xc3\xb6rg@\xe7\x94\xa8.example\r\n'; // an octet for each character
    const latin = '550-5.1.1 J\xf6rg\r\n550 5.1.1 J\xc3\xb6rg\r\n';
    for (const piece of [1_000, 7, 1]) {
      const wanted = { code: 551, enhanced: '5.1.6', lines: ['now jörg@用.example'] };
      expect(read(line + line, piece)).toEqual([wanted, wanted]);
      expect(read(latin, piece)).toEqual([{ code: 550, enhanced: '5.1.1', lines: ['J\xf6rg', 'Jörg'] }]);
    }
  });
});
