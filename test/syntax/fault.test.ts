import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../src/syntax/command.ts';
import { fault, formatFault, isFault } from '../../src/syntax/fault.ts';
import { readTable } from './table.ts';
import { ReplyAssembler } from '../../src/syntax/reply.ts';

describe('a fault', () => {
  it('says in one sentence what was expected, where, what was found, and by which rule', () => {
    const found = parseCommand('MAIL FROM:alice@example.org');
    expect(isFault(found) && formatFault(found)).toBe('expected "<" at character 10, found "alice@example.org" (RFC 5321 §4.1.2 Path)');
    const missing = parseCommand('VRFY');
    expect(isFault(missing) && formatFault(missing)).toBe('expected String at character 4, found the end (RFC 5321 §4.1.1.6)');
  });

  it('shows at most 40 characters, escaped', () => {
    const { found } = fault('bad-path', `12\0\r\n\x1b${'x'.repeat(100)}`, 2, 'Path', 'RFC 5321 §4.1.2');
    expect(found).toBe(`\\x00\\x0d\\x0a\\x1b${'x'.repeat(36)}…`);
  });

  it('is told from values, and from what is no object', () => {
    expect(isFault(fault('bad-path', '', 0, 'Path', 'RFC 5321 §4.1.2'))).toBe(true);
    for (const value of [undefined, null, 'fault', 3, {}, []]) expect(isFault(value)).toBe(false);
  });

  it('of each code is met by some row of a grammar table, or by the assembler of replies', () => {
    const tables = ['domain', 'address-literal', 'mailbox', 'path', 'parameter', 'keyword', 'command', 'reply', 'status', 'date', 'trace'];
    const met = new Set(tables.flatMap((name) => readTable(name)).flatMap(({ verdict, result }) => (verdict === 'reject' ? [result] : [])));
    const assembler = new ReplyAssembler({ limit: 1 });
    for (const line of ['250-a', '550 b', '250-a', '250 b']) {
      const result = assembler.add(line);
      if (isFault(result)) met.add(result.fault);
    }
    expect([...met].sort()).toEqual([
      'argument-missing', 'argument-not-allowed', 'bad-argument', 'bad-date', 'bad-domain', 'bad-keyword', 'bad-literal', 'bad-mailbox',
      'bad-parameter', 'bad-path', 'bad-reply', 'bad-status', 'bad-trace', 'control-character', 'duplicate-parameter', 'http',
      'reply-codes-differ', 'reply-too-long', 'unimplemented-verb', 'unknown-verb', 'utf8-not-allowed',
    ]); // too long: path.test.ts, mailbox.test.ts, domain.test.ts
  });
});
