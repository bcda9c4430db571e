import { describe, expect, it } from 'vitest';
import { accept, acceptance, committed, refuse } from '../../../src/protocol/server/verdict.ts';
import { REPLIES } from '../../../src/protocol/server/reply.ts';
import { UsageError } from '../../../src/wire/usage.ts';

describe('a verdict', () => {
  it('accepts with the reply of the RFC, or with another text under the same codes', () => {
    expect(accept()).toEqual({ type: 'accept' });
    expect(acceptance('rcpt', undefined)).toBeUndefined();
    expect(acceptance('rcpt', 'will forward')).toEqual({ ...REPLIES['recipient ok'], lines: ['will forward'] });
    expect(acceptance('message', 'queued')).toEqual({ ...REPLIES['mail ok'], lines: ['queued'] });
  });

  // shows RFC5321:3.5.1-3 RFC5321:3.5.2-1
  it('is 250 to VRFY where the application names a mailbox, since 252 says that it was not verified (§3.5.3)', () => {
    expect(acceptance('vrfy', '<bob@example.com>')?.code).toBe(250);
  });

  it('gives every acceptance a reply of 2yz', () => {
    for (const about of ['client', 'helo', 'mail', 'rcpt', 'vrfy', 'message'] as const) expect(acceptance(about, 'text')?.code).toSatisfy((code: number) => code >= 200 && code < 300);
  });

  it('refuses with codes of one class', () => {
    expect(refuse(550, '5.1.1', 'no such user')).toEqual({ type: 'refuse', reply: { code: 550, enhanced: '5.1.1', lines: ['no such user'] } });
    const said = (code: number, enhanced: string): string => `refuse takes a code of 4yz or 5yz and an enhanced code of the same class, such as 550 and "5.1.1", not ${code} and "${enhanced}"`;
    // @ts-expect-error the enhanced code is of another class
    expect(() => refuse(552, '4.3.1', 'full')).toThrow(new UsageError(said(552, '4.3.1')));
    // @ts-expect-error 250 refuses nothing
    expect(() => refuse(250, '2.0.0', 'ok')).toThrow(new UsageError(said(250, '2.0.0')));
  });

  // found by trying: it was the hook that had answered no verdict, when a client was there
  it('has texts and numbers where they belong', () => {
    expect(() => accept(5 as unknown as string)).toThrow(new UsageError('the text of an acceptance is text, not 5'));
    expect(() => refuse(550, '5.1.1', undefined as unknown as string)).toThrow(new UsageError('refuse takes a text behind the codes, such as "no such user", not undefined'));
    expect(() => refuse('550' as unknown as 550, '5.1.1', 'no')).toThrow(new UsageError('refuse takes a code of 4yz or 5yz and an enhanced code of the same class, such as 550 and "5.1.1", not "550" and "5.1.1"'));
  });

  it('names the entry that the mail was committed to', () => {
    expect(committed({ id: '42' })).toEqual({ type: 'accept', text: 'queued as 42' });
  });

  // found by trying: whoever forgot to return the entry told the client "queued as undefined", and took the mail
  it.each([undefined, null, {}, '42', { id: 42 }, { id: '' }])('is of no entry that is %j', (entry) => {
    expect(() => committed(entry as { readonly id: string })).toThrow(UsageError);
  });
});
