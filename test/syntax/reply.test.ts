import { describe, expect, it } from 'vitest';
import { isFault, type Fault } from '../../src/syntax/fault.ts';
import { classCorrected, formatReply, parseReplyLine, reply, ReplyAssembler, replyClass, statusOf } from '../../src/syntax/reply.ts';
import type { Reply } from '../../src/syntax/reply.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { testTable } from './table.ts';

// shows RFC5321:4.2-9 RFC6531:3.7.4.1-1
testTable('reply', {
  parse: parseReplyLine,
  result: ({ code, last, text }) => `${code} ${last ? 'last' : 'more'} ${text}`,
  format: ({ code, last, text }) => `${code}${last ? ' ' : '-'}${text}`,
  written: (input) => (input.length === 3 ? `${input} ` : input), // §4.2.1: senders send the space
});

describe('a reply of ours (RFC 5321 §4.2)', () => {
  it('is one line, or several with a hyphen behind the code of all but the last', () => {
    expect(formatReply(reply(250, undefined, 'OK'))).toBe('250 OK\r\n');
    expect(formatReply(reply(250, undefined, 'mx.example', 'SIZE 1', 'HELP'))).toBe('250-mx.example\r\n250-SIZE 1\r\n250 HELP\r\n');
  });

  it('repeats the enhanced code on each line (RFC 2034 §4)', () => {
    expect(formatReply(reply(550, '5.1.1', 'no such user', 'here'))).toBe('550-5.1.1 no such user\r\n550 5.1.1 here\r\n');
  });

  it('has the space behind the code also where it has no text (§4.2.1)', () => {
    expect(formatReply(reply(250, undefined))).toBe('250 \r\n');
    expect(formatReply({ code: 250, enhanced: undefined, lines: [] })).toBe('250 \r\n');
    expect(formatReply(reply(250, '2.0.0'))).toBe('250 2.0.0 \r\n');
  });

  it('cannot be made to begin another line, nor to hold a control', () => {
    expect(formatReply(reply(550, '5.1.1', 'no <a\r\n250 OK\0\x1b\x7f\u{85}\u{2028}é> here'))).toBe('550 5.1.1 no <a??250 OK??????> here\r\n');
    expect(formatReply({ code: 250, enhanced: '2.0.0\r\n250', lines: ['x'] })).toBe('250 2.0.0??250 x\r\n');
  });

  it('keeps HT, which is text', () => {
    expect(formatReply(reply(214, undefined, 'a\tb'))).toBe('214 a\tb\r\n');
  });

  it('writes out the signs that our own texts have', () => {
    expect(formatReply(reply(501, '5.5.4', 'found "aaa…" (RFC 5321 §4.1.2)'))).toBe('501 5.5.4 found "aaa..." (RFC 5321 section 4.1.2)\r\n');
  });

  it('keeps characters above U+009F where the client takes UTF-8 (RFC 6531 §3.7.4)', () => {
    expect(formatReply(reply(250, '2.1.0', 'jörg 用户 \u{1f600}…\r\n\u{85}\u{d800}'), { utf8: true })).toBe('250 2.1.0 jörg 用户 \u{1f600}…????\r\n');
  });

  it('of more than 512 octets is broken into lines that are not (§4.5.3.1.5)', () => {
    const lines = formatReply(reply(550, '5.7.1', `${'word '.repeat(300)}${'x'.repeat(2000)}`)).split('\r\n');
    expect(lines.pop()).toBe('');
    expect(lines.every((line) => line.length + 2 <= 512)).toBe(true);
    expect(lines.every((line, index) => line.startsWith(index === lines.length - 1 ? '550 5.7.1 ' : '550-5.7.1 '))).toBe(true);
    expect(lines.map((line) => line.slice(10)).join(' ').replace(/x x/g, 'xx')).toBe(`${'word '.repeat(300)}${'x'.repeat(2000)}`);
    expect(lines[0]).toHaveLength(509); // at the last space
  });

  it('is broken between characters, in octets of UTF-8', () => {
    const first = (character: string): number => {
      const [line = ''] = formatReply(reply(250, undefined, character.repeat(600)), { utf8: true }).split('\r\n');
      return [...line].length - 4;
    };
    expect(['x', '\u{7ff}', '\u{800}', '\u{ffff}', '\u{10000}'].map(first)).toEqual([506, 253, 168, 168, 126]);
  });

  it('is not broken at the space that it begins with', () => {
    expect(formatReply(reply(250, undefined, ` ${'x'.repeat(600)}`)).split('\r\n')[0]).toBe(`250- ${'x'.repeat(505)}`);
  });

  it('is written in time that grows with its length, whatever it holds', () => {
    expect(formatReply(reply(250, undefined, 'x'.repeat(1_000_000))).length).toBeGreaterThan(1_000_000);
    expect(formatReply({ code: 250, enhanced: 'y'.repeat(1000), lines: ['x'.repeat(2000)] })).toContain('x');
  });

  it('has an enhanced code of its own class, or does not compile', () => {
    reply(250, '2.1.5', 'ok');
    reply(451, '4.3.0', 'later');
    reply(552, '5.2.2', 'full');
    reply(354, undefined, 'go on');
    // @ts-expect-error the class of the enhanced code is another
    expect(() => reply(552, '4.3.1', 'full')).toThrow(UsageError);
    // @ts-expect-error likewise
    expect(() => reply(250, '5.1.1', 'ok')).toThrow(UsageError);
    // @ts-expect-error class 3 has no enhanced codes
    expect(() => reply(354, '3.0.0', 'go on')).toThrow(UsageError);
    // @ts-expect-error no code of SMTP
    reply(299, '2.0.0', 'ok');
    // @ts-expect-error no number
    expect(() => reply(550, '5.1.x', 'no')).toThrow(UsageError);
  });
});

function assemble(...lines: readonly string[]): Reply | Fault | undefined {
  const assembler = new ReplyAssembler({ limit: 5 });
  return lines.map((line) => assembler.add(line)).at(-1);
}

describe('a reply of the peer (RFC 5321 §4.2)', () => {
  const wrong = (...lines: readonly string[]): string | undefined => {
    const result = assemble(...lines);
    return isFault(result) ? result.fault : undefined;
  };

  it('is put together from its lines', () => {
    expect(assemble('250 OK')).toEqual({ code: 250, enhanced: undefined, lines: ['OK'] });
    expect(assemble('250-mx.example', '250-', '250 HELP')).toEqual({ code: 250, enhanced: undefined, lines: ['mx.example', '', 'HELP'] });
    expect(assemble('250-mx.example')).toBeUndefined();
    expect(assemble('250')).toEqual({ code: 250, enhanced: undefined, lines: [''] });
  });

  it('has an enhanced code where each line begins with it and its class agrees (RFC 2034 §4)', () => {
    expect(assemble('550 5.1.1 no such user')).toEqual({ code: 550, enhanced: '5.1.1', lines: ['no such user'] });
    expect(assemble('550-5.1.1 no', '550 5.1.1 user')).toEqual({ code: 550, enhanced: '5.1.1', lines: ['no', 'user'] });
    expect(assemble('250 2.0.0')).toEqual({ code: 250, enhanced: '2.0.0', lines: [''] });
  });

  it('has none, and all of it as text, where one line is without it, the class is another or it is no code', () => {
    const texts = (...lines: readonly string[]): Partial<Reply> => ({ enhanced: undefined, lines });
    expect(assemble('550-5.1.1 no', '550 user')).toMatchObject(texts('5.1.1 no', 'user'));
    expect(assemble('550-5.1.1 no', '550 5.1.2 user')).toMatchObject(texts('5.1.1 no', '5.1.2 user'));
    expect(assemble('550-5.1.1 no', '550 5.1.10 user')).toMatchObject(texts('5.1.1 no', '5.1.10 user'));
    expect(assemble('250 5.1.1 what')).toMatchObject(texts('5.1.1 what'));
    expect(assemble('354 3.0.0 what')).toMatchObject(texts('3.0.0 what'));
    expect(assemble('220 2.0 what')).toMatchObject(texts('2.0 what'));
    expect(assemble('250 ')).toMatchObject(texts(''));
  });

  it('has one code on all its lines (§4.2.1)', () => {
    expect(wrong('250-a', '251 b')).toBe('reply-codes-differ');
    expect(wrong('250-a', '250-b', '550 c')).toBe('reply-codes-differ');
  });

  it('has a limit of lines', () => {
    expect(assemble('250-1', '250-2', '250-3', '250-4', '250 5')).toMatchObject({ lines: ['1', '2', '3', '4', '5'] });
    expect(wrong('250-1', '250-2', '250-3', '250-4', '250-5', '250 6')).toBe('reply-too-long');
  });

  it('is forgotten after a fault, and before the next', () => {
    const assembler = new ReplyAssembler({ limit: 5 });
    assembler.add('250-a');
    expect(assembler.add('oops')).toMatchObject({ fault: 'bad-reply' });
    expect(assembler.add('550 b')).toMatchObject({ code: 550, lines: ['b'] });
    expect(assembler.add('220 c')).toMatchObject({ code: 220, lines: ['c'] });
  });

  it('is written as it was read', () => {
    for (const lines of [['250 OK'], ['550-5.1.1 no', '550 5.1.1 user'], ['550-5.1.1 no', '550 user'], ['250-a', '250- b', '250 '], ['250 2.0.0 ']]) {
      const read = assemble(...lines);
      expect(read !== undefined && !isFault(read) && formatReply(read)).toBe(lines.map((line) => `${line}\r\n`).join(''));
    }
  });
});

describe('the enhanced code of a reply, its class corrected (RFC 2034 §4)', () => {
  it.each<[string, Partial<Reply>, string]>([
    ['550 5.1.1 gone',       { enhanced: '5.1.1', lines: ['gone'] },                    '5.1.1'],
    ['550 4.1.1 gone',       { enhanced: '5.1.1', lines: ['gone'] },                    '5.1.1'],
    ['450 5.2.2 full',       { enhanced: '4.2.2', lines: ['full'] },                    '4.2.2'],
    ['250 5.100.999',        { enhanced: '2.100.999', lines: [''] },                    '2.100.999'],
    ['550 gone',             { enhanced: undefined, lines: ['gone'] },                  '5.0.0'],
    ['550 4.01.1 gone',      { enhanced: undefined, lines: ['4.01.1 gone'] },           '5.0.0'], // RFC 3463 §2: no leading zeros
    ['550 3.1.1 gone',       { enhanced: undefined, lines: ['3.1.1 gone'] },            '5.0.0'],
    ['550 4.1.1, gone',      { enhanced: undefined, lines: ['4.1.1, gone'] },           '5.0.0'],
    ['354 4.1.1 go on',      { enhanced: undefined, lines: ['4.1.1 go on'] },           '3.0.0'], // RFC 2034 §4: 3yz has none
  ])('of %j is %j', (line, corrected, status) => {
    const said = assemble(line);
    if (said === undefined || isFault(said)) throw new Error(`${line} is no reply`);
    expect(classCorrected(said)).toMatchObject(corrected);
    expect(classCorrected(classCorrected(said))).toEqual(classCorrected(said));
    expect(statusOf(said)).toBe(status);
  });

  it('is that of all lines, or none', () => {
    const said = (...lines: readonly string[]): Reply => ({ code: 550, enhanced: undefined, lines });
    expect(classCorrected(said('4.7.1 not', '4.7.1 from there'))).toEqual({ code: 550, enhanced: '5.7.1', lines: ['not', 'from there'] });
    for (const mixed of [said('4.7.1 not', 'from there'), said('4.7.1 not', '5.7.1 from there')]) expect(classCorrected(mixed)).toBe(mixed);
  });

  it('is that of the field where there is one, and not of the text', () => {
    expect(classCorrected({ code: 550, enhanced: '4.1.1', lines: ['2.0.0 gone'] })).toEqual({ code: 550, enhanced: '5.1.1', lines: ['2.0.0 gone'] });
    expect(statusOf({ code: 450, enhanced: 'none', lines: ['4.1.1 gone'] })).toBe('4.0.0');
  });
});

describe('the class of a reply code (RFC 5321 §4.2.1)', () => {
  it('is its first digit, and failure for what no class has', () => {
    expect([200, 299, 354, 421, 550, 599].map(replyClass)).toEqual([2, 2, 3, 4, 5, 5]);
    expect([0, 199, 600, -1, Number.NaN].map(replyClass)).toEqual([5, 5, 5, 5, 5]);
  });
});
