import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/protocol/limit.ts';
import { MailData } from '../../../src/protocol/server/mail-data.ts';
import { Reader } from '../../../src/protocol/server/reader.ts';
import { octetsOf, textOf } from '../../wire/every.ts';

/** The lines that a reader finds, each with the octets left. */
function linesOf(reader: Reader): string[] {
  const lines: string[] = [];
  while (!reader.empty) {
    const read = reader.readCommand();
    if (read === 'endless' || read === 'tls') return [...lines, read];
    else if (read?.line !== undefined) lines.push(`${textOf(read.line)}${read.lenient ? ' (LF)' : ''}`);
  }
  return lines;
}

describe('what reads the octets of a peer', () => {
  it('finds lines over segments, and leaves what follows them to the next', () => {
    const reader = new Reader(false);
    reader.push(octetsOf('NO'));
    reader.push(octetsOf('OP\r\nAUTH'));
    reader.push(octetsOf('\r\nc2VjcmV0\r\nrest'));
    expect([reader.readCommand(), textOf(lineOf(reader.readCommand())), reader.readCommand(), textOf(lineOf(reader.readCommand()))]).toEqual([undefined, 'NOOP', undefined, 'AUTH']);
    expect(textOf(lineOf(reader.readResponse()))).toBe('c2VjcmV0');
    expect([reader.drop(2), reader.drop(10), reader.empty]).toEqual([2, 2, true]);
  });

  it('tells how many octets of mail data there were, and not those in front of them', () => {
    const reader = new Reader(false);
    reader.push(octetsOf('DATA\r\nabc'));
    expect(textOf(lineOf(reader.readCommand()))).toBe('DATA');
    expect(reader.readMailData(new MailData({ maxSize: 0, maxTextLine: 1_000 }))).toBe(3);
  });

  it('drops no more than is asked, and within one segment', () => {
    const reader = new Reader(false);
    for (const segment of ['abc', 'de']) reader.push(octetsOf(segment));
    expect([2, 2, 9, 9].map((most) => reader.drop(most))).toEqual([2, 1, 2, 0]);
    expect(reader.empty).toBe(true);
  });

  it('has nothing left of any segment when it is cleared, nor reads where there is nothing', () => {
    const reader = new Reader(false);
    for (const segment of ['NOOP\r\nabc', 'de', 'f']) reader.push(octetsOf(segment));
    expect(textOf(lineOf(reader.readCommand()))).toBe('NOOP');
    reader.clear();
    expect([reader.empty, reader.readCommand(), reader.readResponse(), reader.readMailData(new MailData({ maxSize: 0, maxTextLine: 1_000 }))]).toEqual([true, undefined, undefined, 0]);
    reader.push(octetsOf('QUIT\r\n'));
    expect(linesOf(reader)).toEqual(['QUIT']);
  });

  it('takes a bare LF for an end where it is told to', () => {
    for (const [bareLf, wanted] of [[false, []], [true, ['NOOP (LF)', 'NOOP (LF)']]] as const) {
      const reader = new Reader(bareLf);
      reader.push(octetsOf('NOOP\nNOOP\n'));
      expect(linesOf(reader)).toEqual(wanted);
    }
  });

  it('calls a line endless at the same octet however it was cut', () => {
    const line = 'x'.repeat(LIMITS.commandLineDrain - 1);
    for (const pieces of [[`${line}\r\n`], [line, '\r\n'], [`${line}\r`, '\n']]) {
      const reader = new Reader(false);
      for (const piece of pieces) reader.push(octetsOf(piece));
      expect(linesOf(reader)).toEqual(['endless']);
    }
  });

  it('knows TLS by the octet that a line begins with, and by no other in it', () => {
    for (const [text, wanted] of [['\x16\x03\x01', ['tls']], ['NOOP\r\n\x16', ['NOOP', 'tls']], ['NO\x16OP\r\n', ['NO\x16OP']]] as const) {
      for (const pieces of [[text], [...text]]) {
        const reader = new Reader(false);
        for (const piece of pieces) reader.push(octetsOf(piece));
        expect(linesOf(reader)).toEqual(wanted);
      }
    }
  });

  it('forgets the line under way with all that came, where that was said in the clear (RFC 3207 §6)', () => {
    const reader = new Reader(false);
    reader.push(octetsOf('MAIL FROM:<e'));
    reader.readCommand();
    reader.push(octetsOf('vil@x>\r\n'));
    reader.forget();
    expect(reader.empty).toBe(true);
    reader.push(octetsOf('NOOP\r\n'));
    expect(linesOf(reader)).toEqual(['NOOP']);
  });
});

function lineOf(read: ReturnType<Reader['readCommand']>): Uint8Array {
  if (read === undefined || read === 'endless' || read === 'tls' || read.line === undefined) throw new Error('no line');
  return read.line;
}
