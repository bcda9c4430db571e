import { describe, expect, it } from 'vitest';
import { formatCommand, parseCommand, parseVerb } from '../../src/syntax/command.ts';
import type { Command } from '../../src/syntax/command.ts';
import { isFault } from '../../src/syntax/fault.ts';
import { cpuTime } from '../support/cpu-time.ts';
import { TIMES } from '../support/random.ts';
import { shortParameters, testTable } from './table.ts';

const short = (command: Command): string => {
  switch (command.verb) {
    case 'EHLO':
    case 'HELO':
    case 'LHLO':
      return `${command.verb} ${command.domain.key}${command.information === undefined ? '' : ` (${command.information})`}`;
    case 'MAIL':
      return `MAIL ${command.reversePath.key}${command.parameters.length === 0 ? '' : ` ${shortParameters(command.parameters)}`}`;
    case 'RCPT':
      return `RCPT ${command.forwardPath.key}${command.parameters.length === 0 ? '' : ` ${shortParameters(command.parameters)}`}`;
    case 'DATA':
    case 'RSET':
    case 'QUIT':
    case 'STARTTLS':
      return command.verb;
    case 'AUTH':
      return `AUTH ${command.mechanism}${command.initialResponse === undefined ? '' : ` (${command.initialResponse})`}`;
    case 'BDAT':
      return `BDAT ${command.size}${command.last ? ' LAST' : ''}`;
    default:
      return command.text === undefined ? command.verb : `${command.verb} (${command.text})`;
  }
};

/** The line with the verb and its words in upper case, without white space at the end or zeros in front: what `formatCommand` makes of it. */
const written = (line: string): string =>
  line
    .replace(/[ \t]+$/, '')
    .replace(/^(?:starttls|....(?: from:| to:)?)/i, (words) => words.toUpperCase())
    .replace(/^BDAT 0*([0-9]+)(.*)/, (_, size: string, rest: string) => `BDAT ${size}${rest.toUpperCase()}`);

// shows RFC5321:4.1.1.1-11 RFC5321:4.1.1.2-4 RFC5321:4.1.1.3-11 RFC5321:4.1.1.4-19 RFC5321:4.1.1.6-3 RFC5321:4.1.1.7-3 RFC5321:4.1.1.8-6
// shows RFC5321:4.1.1.9-4 RFC5321:2.4-1 RFC5321:2.4-2 RFC5321:3.3-18 RFC3030:2-2 RFC4954:8-2
testTable('command', { parse: parseCommand, result: short, format: formatCommand, written });
testTable('command-utf8', { parse: (line) => parseCommand(line, { utf8: true }), result: short, format: formatCommand, written });

describe('a command line (RFC 5321 §4.1.1)', () => {
  it('tells its verb whatever follows it, since order comes before arguments', () => {
    for (const line of ['MAIL', 'mail ', 'MAIL FROM:', 'MAIL\t', 'MAIL \0\xff']) expect(parseVerb(line)).toBe('MAIL');
    for (const line of ['starttls', 'STARTTLS now', 'StartTLS\t', 'STARTTLS ']) expect(parseVerb(line)).toBe('STARTTLS');
    for (const line of ['START', 'STARTTLSX', 'STARTTLS:', 'BDAT5', 'AUTH=PLAIN', 'MAI', 'MAILX', 'MAIL:', 'MAIL\0', ' MAIL', '']) expect(parseVerb(line)).toMatchObject({ fault: 'unknown-verb' });
    expect(parseVerb('turn now')).toMatchObject({ fault: 'unimplemented-verb' });
    expect(parseVerb('GET / HTTP/1.1')).toMatchObject({ fault: 'http' });
  });

  it('has the parts of the grammar', () => {
    expect(parseCommand('EHLO [192.0.2.1] pc')).toMatchObject({ verb: 'EHLO', domain: { type: 'ipv4' }, information: 'pc' });
    expect(parseCommand('MAIL FROM:<a@b> SIZE=1')).toMatchObject({
      verb: 'MAIL',
      reversePath: { type: 'path', text: '<a@b>' },
      parameters: [{ keyword: 'SIZE', value: '1' }],
    });
    expect(parseCommand('RCPT TO:<postmaster>')).toEqual({
      verb: 'RCPT',
      forwardPath: { type: 'postmaster', text: '<postmaster>', key: 'postmaster' },
      parameters: [],
    });
    expect(parseCommand('NOOP')).toEqual({ verb: 'NOOP', text: undefined });
    expect(parseCommand('AUTH plain')).toEqual({ verb: 'AUTH', mechanism: 'plain' });
    expect(parseCommand('AUTH PLAIN =')).toEqual({ verb: 'AUTH', mechanism: 'PLAIN', initialResponse: '=' });
    expect(parseCommand('BDAT 86')).toEqual({ verb: 'BDAT', size: 86, last: false });
  });

  it('that is at fault says where, in characters of the line', () => {
    const at = (line: string): readonly [number, string] | undefined => {
      const command = parseCommand(line);
      return isFault(command) ? [command.at, command.found] : undefined;
    };
    expect(at('MAIL FROM:alice@example.org')).toEqual([10, 'alice@example.org']);
    expect(at('MAIL FROM:<a@b> SIZE=')).toEqual([21, '']);
    expect(at('MAIL FROM:<a@b>x')).toEqual([15, 'x']);
    expect(at('RCPT TO:<a@b> A=1 B=2 A=3')).toEqual([22, 'A=3']);
    expect(at('EHLO a..b')).toEqual([7, '.b']);
    expect(at('EHLO [192.0.2.1] a\0b')).toEqual([18, '\\x00b']);
    expect(at('EHLO [a]')).toEqual([6, 'a]']);
    expect(at('VRFY')).toEqual([4, '']);
    expect(at('QUIT now')).toEqual([4, ' now']);
    expect(at('STARTTLS now')).toEqual([8, ' now']);
    expect(at('AUTH PLAIN secret secret')).toEqual([17, '…']); // nothing of it is quoted
    expect(at('AUTH  secret')).toEqual([5, '…']);
    expect(at('AUTH')).toEqual([4, '']);
    expect(at('BDAT 10 LATE')).toEqual([7, ' LATE']);
  });

  it('is a command or a fault, and never throws, for all rows of up to four pieces', () => {
    const pieces = [
      'MAIL', 'RCPT', 'EHLO', 'QUIT', 'VRFY', 'NOOP', 'BDAT', 'AUTH', 'STARTTLS', '7', 'LAST', 'FROM:', 'TO:', '<', '>', '<>', 'a@b', '@a:', '"', '\\', '[', ']', '=', 'K=v',
      ' ', '\t', '\0', '\r', '\n', 'é', '\u{d800}', '',
    ];
    let commands = 0;
    const check = (line: string, left: number): void => {
      for (const utf8 of [false, true]) {
        const command = parseCommand(line, { utf8 });
        if (isFault(command)) {
          if (command.at > line.length || command.at < 0) throw new Error(`place ${command.at} of ${JSON.stringify(line)}`);
        } else if (formatCommand(command) !== written(line)) {
          throw new Error(JSON.stringify(line));
        } else {
          commands += 1;
        }
      }
      if (left > 0) for (const piece of pieces) check(line + piece, left - 1);
    };
    check('', 3);
    for (const start of ['MAIL FROM:<', 'RCPT TO:<a@', 'MAIL FROM:<a@b>', 'EHLO ', 'EHLO [1.2.3.4]', 'VRFY ']) check(start, 3);
    expect(commands).toBeGreaterThan(1000);
  });

  it('is a command or a fault for random octets', () => {
    let seed = 5321;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let round = 0; round < 5_000 * TIMES; round += 1) {
      const octets = Array.from({ length: random(40) }, () => random(256));
      const start = ['', 'MAIL FROM:<', 'RCPT TO:<', 'EHLO ', 'MAIL FROM:<> '][random(5)] ?? '';
      const line = start + String.fromCharCode(...octets);
      const command = parseCommand(line);
      if (!isFault(command) && formatCommand(command) !== written(line)) throw new Error(JSON.stringify(line));
    }
  });
});

describe('a hostile command line', () => {
  const many = (text: string): string => text.repeat(Math.ceil(100_000 / text.length));

  it.each([
    ['spaces', `QUIT${many(' ')}`],
    ['spaces and a letter', `QUIT${many(' ')}x`],
    ['tabs and spaces in front of a parameter', `MAIL FROM:<a@b>${many(' \t')}x`],
    ['letters', many('A')],
    ['an endless local part', `MAIL FROM:<${many('a')}`],
    ['atoms and dots', `MAIL FROM:<${many('a.')}@b>`],
    ['quoted pairs', `MAIL FROM:<"${many('\\"')}`],
    ['quotes', `MAIL FROM:<${many('"')}`],
    ['a source route', `RCPT TO:<${many('@a,')}@a:a@b>`],
    ['signs', `RCPT TO:<a${many('@')}`],
    ['sub-domains', `EHLO ${many('a.')}a`],
    ['hyphens', `EHLO a${many('-')}`],
    ['underscores', `EHLO ${many('_')}-`],
    ['a literal', `EHLO [${many('1')}`],
    ['colons in a literal', `EHLO [IPv6:${many(':')}]`],
    ['groups in a literal', `EHLO [IPv6:${many('1:')}:]`],
    ['numbers in a literal', `EHLO [${many('1.')}1]`],
    ['literals', `EHLO ${many('[] ')}`],
    ['parameters', `MAIL FROM:<> ${many('A ')}`],
    ['different parameters', `MAIL FROM:<> ${Array.from({ length: 20_000 }, (_, index) => `K${index}`).join(' ')}`],
    ['equals signs', `MAIL FROM:<> A=${many('=')}`],
    ['brackets', `MAIL FROM:${many('<')}`],
    ['digits', `BDAT ${many('1')}`],
    ['spaces behind a size', `BDAT 1${many(' ')}LAST`],
    ['a mechanism', `AUTH ${many('A')}`],
    ['a response', `AUTH PLAIN ${many('A')}=`],
    ['surrogates', `MAIL FROM:<${many('\u{1f600}')}@b>`],
  ])('of %s costs time that grows with its length', (_, line) => {
    const time = cpuTime(() => {
      parseCommand(line);
      parseCommand(line, { utf8: true });
    });
    expect(time).toBeLessThan(500); // linear is a few milliseconds; a square of a hundred thousand is ten seconds
  });
});
