import { describe, expect, it } from 'vitest';
import { formatEhloLine, parseEhloLine, parseEhloReply } from '../../src/syntax/keyword.ts';
import { testTable } from './table.ts';

// shows RFC5321:4.1.1.1-15 RFC5321:4.1.1.1-16 RFC5321:4.1.1.1-17
testTable('keyword', {
  parse: parseEhloLine,
  result: ({ keyword, parameters }) => (parameters.length === 0 ? keyword : `${keyword}(${parameters.join(',')})`),
  format: formatEhloLine,
});

const ehlo = (...lines: readonly string[]) => parseEhloReply({ code: 250, enhanced: undefined, lines });

describe('the reply to EHLO (RFC 5321 §4.1.1.1)', () => {
  // shows RFC5321:4.1.1.1-13
  it('has the domain and a greeting in its first line and a keyword in each other', () => {
    expect(ehlo('mx.example greets you', 'PIPELINING', 'size 1000', 'AUTH PLAIN LOGIN')).toEqual({
      domain: 'mx.example',
      greeting: 'greets you',
      keywords: new Map([['PIPELINING', []], ['SIZE', ['1000']], ['AUTH', ['PLAIN', 'LOGIN']]]),
    });
  });

  it('offers nothing in its first line, nor in a part of a word', () => {
    const { keywords } = ehlo('PIPELINING SIZE', 'XPIPELINING', 'SIZE-NOT', 'X SIZE');
    expect([...keywords.keys()]).toEqual(['XPIPELINING', 'SIZE-NOT', 'X']);
  });

  it('may be one line, or one word, or nothing', () => {
    expect(ehlo('mx.example')).toEqual({ domain: 'mx.example', greeting: '', keywords: new Map() });
    expect(ehlo('')).toEqual({ domain: '', greeting: '', keywords: new Map() });
    expect(ehlo()).toEqual({ domain: '', greeting: '', keywords: new Map() });
  });

  it('is read over where a line is none of the grammar', () => {
    expect([...ehlo('mx.example', 'AUTH=LOGIN', '', 'SIZE  1', '8BITMIME ', 'ok').keywords.keys()]).toEqual(['8BITMIME', 'OK']);
  });

  it('means the first of two lines with one keyword', () => {
    expect(ehlo('mx.example', 'SIZE 1', 'size 2').keywords.get('SIZE')).toEqual(['1']);
  });

  it('cannot name what only an object would have', () => {
    expect(ehlo('mx.example', 'constructor x').keywords.get('CONSTRUCTOR')).toEqual(['x']);
    expect(ehlo('mx.example').keywords.get('CONSTRUCTOR')).toBeUndefined();
  });
});
