import { describe, expect, it } from 'vitest';
import { readCommandLine } from '../../../src/protocol/server/command-line.ts';
import { octetsOf } from '../../wire/every.ts';

type Fault = 'bare-lf' | 'bare-cr' | 'nul' | 'line-too-long';

const read = (text: string, utf8 = false, fault?: Fault) => readCommandLine({ text, line: octetsOf(text), fault }, utf8, new Set());

describe('a command line of a session', () => {
  it('is a verb with its command, or why there is none', () => {
    expect(read('NOOP')).toEqual({ type: 'command', verb: 'NOOP', command: { verb: 'NOOP', text: undefined }, chunk: 0 });
    expect(read('MAIL FROM:<a@b..c>')).toMatchObject({ type: 'bad', verb: 'MAIL', reply: { code: 501, enhanced: '5.1.7' } });
    expect(read('XYZZY')).toMatchObject({ type: 'no verb', reply: 'unknown command' });
    expect(read('TURN')).toMatchObject({ type: 'no verb', reply: 'not implemented' });
    expect(read('GET / HTTP/1.1')).toMatchObject({ type: 'no verb', fault: 'http' });
  });

  it('is none where the line itself is at fault, whatever it begins with', () => {
    const readFault = (fault: Fault) => read('XNOOP', false, fault);
    expect((['bare-lf', 'bare-cr', 'nul'] as const).map(readFault)).toEqual(Array.from({ length: 3 }, () => ({ type: 'no line', reply: 'bare octet', chunk: 0 })));
    expect(readFault('line-too-long')).toMatchObject({ type: 'no line', reply: 'line too long' });
    expect(read('AUTH PLAIN AAAA', false, 'line-too-long')).toMatchObject({ type: 'no line', reply: 'response too long' }); // RFC 4954 §6: 500 5.5.6
  });

  it('is a command all the same where the verb is one, which then is not taken: 501 (§4.1.2)', () => {
    for (const fault of ['bare-lf', 'bare-cr', 'nul'] as const) expect(read('NOOP', false, fault)).toEqual({ type: 'bad', verb: 'NOOP', reply: 'bare octet in command', chunk: 0 });
  });

  it('holds UTF-8 in MAIL, RCPT, VRFY and EXPN where SMTPUTF8 is offered, and nowhere else (RFC 6531 §3.1, §3.7.1)', () => {
    const ADDRESSES = ['MAIL FROM:<\xc3\xa4@b>', 'RCPT TO:<\xc3\xa4@b>', 'VRFY \xc3\xa4', 'EXPN \xc3\xa4'];
    for (const line of ADDRESSES) {
      expect(read(line, true).type).toBe('command');
      expect(read(line, false)).toMatchObject({ type: 'bad', reply: 'not ascii' });
      expect(read(line.replace('\xc3\xa4', '\xe4'), true)).toMatchObject({ type: 'bad', reply: 'not utf8' });
    }
    for (const line of ['EHLO \xc3\xa4', 'HELO \xc3\xa4', 'LHLO \xc3\xa4', 'NOOP \xc3\xa4', 'HELP \xc3\xa4', 'AUTH \xc3\xa4', 'BDAT 1 \xc3\xa4', 'DATA \xc3\xa4', 'QUIT \xc3\xa4']) expect(read(line, true)).toMatchObject({ type: 'bad', reply: 'not ascii' });
    expect(read('\xc3\xa4', true)).toMatchObject({ type: 'no verb', reply: 'not ascii verb' });
  });

  it.each([
    ['BDAT 10', 10], ['BDAT 10 LAST', 10], ['bdat 0010 last', 10], ['BDAT 0', 0],
    ['BDAT 10 FIRST', 10], ['BDAT 10 LAST LAST', 10], ['BDAT  10', 10], ['BDAT\t10', 10], ['BDAT 10\tLAST', 10], ['BDAT 10 \xe4', 10], ['BDAT 10\0', 10], ['BDAT 10\nLAST', 10],
    ['BDAT 99999999999999999999', 2 ** 53 - 1], [`BDAT ${'9'.repeat(400)}`, 2 ** 53 - 1],
    ['BDAT', 0], ['BDAT x', 0], ['BDAT -10', 0], ['BDAT 10x', 0], ['BDAT 1e3', 0], ['BDAT 0x10', 0], ['BDAT LAST', 0], ['BDATA 10', 0], ['NOOP 10', 0], [' BDAT 10', 0],
  ])('announces the octets that follow it, be it well-formed or not: %j', (line, chunk) => {
    expect(read(line).chunk).toBe(chunk);
    expect(read(line, false, 'line-too-long').chunk).toBe(chunk);
  });
});
