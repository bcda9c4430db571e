import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/syntax/fault.ts';
import { formatMailbox, parseMailbox } from '../../src/syntax/mailbox.ts';
import { testTable } from './table.ts';

// shows RFC5321:4.1.1-3 RFC5321:4.1.2-15 RFC5321:4.1.2-16 RFC5321:4.1.2-18 RFC5321:4.1.2-19 RFC5321:4.1.2-20 RFC5321:4.1.2-21 RFC5321:2.4-3
// shows RFC5321:2.4-5
testTable('mailbox', { parse: parseMailbox, result: ({ key }) => key, format: formatMailbox });

const keyOf = (text: string): string => {
  const mailbox = parseMailbox(text, { utf8: true });
  if (isFault(mailbox)) throw new Error(mailbox.fault);
  return mailbox.key;
};

describe('a mailbox (RFC 5321 §4.1.2)', () => {
  // shows RFC5321:4.1.2-28
  it('keeps what was written and says what it quotes', () => {
    expect(parseMailbox('"a\\"\\b c"@[192.0.2.1]')).toEqual({
      type: 'mailbox',
      localPart: '"a\\"\\b c"',
      unquoted: 'a"b c',
      domain: { type: 'ipv4', text: '[192.0.2.1]', key: '[192.0.2.1]', address: '192.0.2.1', octets: Uint8Array.of(192, 0, 2, 1) },
      text: '"a\\"\\b c"@[192.0.2.1]',
      key: '"a\\"b c"@[192.0.2.1]',
    });
  });

  // shows RFC5321:4.1.2-17 RFC5321:4.1.2-24
  it('has one key for all quoted forms of its local part', () => {
    for (const text of ['a@c', '"a"@c', '"\\a"@c', 'a@C']) expect(keyOf(text)).toBe('a@c');
    for (const text of ['"a b"@c', '"a\\ b"@c', '"\\a\\ \\b"@c']) expect(keyOf(text)).toBe('"a b"@c');
    for (const text of ['"a\\\\"@c', '"\\a\\\\"@c']) expect(keyOf(text)).toBe('"a\\\\"@c');
  });

  it('has another key than any other mailbox, for all local parts of up to four characters in quotes', () => {
    const alphabet = ['a', 'B', '.', '@', '\\\\', '\\"', ' ', 'ö'];
    const keys = new Map<string, string>();
    const check = (content: string, left: number): void => {
      const key = keyOf(`"${content}"@c`);
      if (keys.has(key)) expect(keys.get(key)).toBe(content);
      keys.set(key, content);
      if (keyOf(key) !== key) expect(keyOf(key)).toBe(key);
      if (left > 0) for (const character of alphabet) check(content + character, left - 1);
    };
    check('', 4);
    expect(keys.size).toBe(1 + 8 + 8 ** 2 + 8 ** 3 + 8 ** 4);
  });
});

describe('the length of a Local-part (RFC 5321 §4.5.3.1.1)', () => {
  it('may be 64 octets, and not more', () => {
    expect(parseMailbox(`${'a'.repeat(64)}@b`)).toMatchObject({ type: 'mailbox' });
    expect(parseMailbox(`${'a'.repeat(65)}@b`)).toMatchObject({ fault: 'local-part-too-long', at: 0, source: 'RFC 5321 §4.5.3.1.1' });
  });

  it('includes quotes and backslashes', () => {
    expect(parseMailbox(`"${'a'.repeat(62)}"@b`)).toMatchObject({ type: 'mailbox' });
    expect(parseMailbox(`"${'a'.repeat(63)}"@b`)).toMatchObject({ fault: 'local-part-too-long' });
    expect(parseMailbox(`"${'\\a'.repeat(31)}"@b`)).toMatchObject({ type: 'mailbox' });
    expect(parseMailbox(`"${'\\a'.repeat(31)}a"@b`)).toMatchObject({ fault: 'local-part-too-long' });
  });

  it.each([['ü', 32], ['用', 21], ['\u{1f600}', 16]])('is counted in octets of UTF-8: %s', (character, most) => {
    expect(parseMailbox(`${character.repeat(most)}@b`, { utf8: true })).toMatchObject({ type: 'mailbox' });
    expect(parseMailbox(`${character.repeat(most + 1)}@b`, { utf8: true })).toMatchObject({ fault: 'local-part-too-long' });
  });
});
