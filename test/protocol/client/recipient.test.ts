import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/protocol/client/action.ts';
import { Recipients } from '../../../src/protocol/client/recipient.ts';
import { isFault } from '../../../src/syntax/fault.ts';
import { parseForwardPath } from '../../../src/syntax/path.ts';

const PATH = parseForwardPath('<bob@example.com>');

describe('the recipients of a transaction', () => {
  it('keep what a server says as it came, and of a server that says much of each of them as much as anybody reads', () => {
    if (isFault(PATH)) throw new Error();
    const told: Outcome[] = [];
    const recipients = new Recipients(Array.from({ length: 100 }, () => PATH), ({ outcome }) => void told.push(outcome));
    const lines = Array.from({ length: 6 }, () => 'x'.repeat(10_000));
    const reply = { code: 550, enhanced: '5.1.1', lines };
    const outcome: Outcome = { state: 'failed', reply, verbatim: { ...reply, enhanced: '4.1.1' }, inReplyTo: 'RCPT' };
    for (let recipient = 0; recipient < 100; recipient++) recipients.report(recipient, outcome);
    expect(told.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => outcome));
    const cut = Array.from({ length: 6 }, () => `${'x'.repeat(477)}...`);
    for (const each of told.slice(4)) expect(each).toEqual({ ...outcome, reply: { ...reply, lines: cut }, verbatim: { ...reply, enhanced: '4.1.1', lines: cut } });
  });
});
