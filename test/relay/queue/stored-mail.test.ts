import { describe, expect, it } from 'vitest';
import type { StoredEnvelope } from '../../../src/relay/queue/fact.ts';
import { StoredMail } from '../../../src/relay/queue/stored-mail.ts';
import { cpuTime } from '../../support/cpu-time.ts';

function stored(recipients: number, asked: (recipient: number) => string = () => ''): StoredMail {
  const numbers = Array.from({ length: recipients }, (_, recipient) => recipient);
  const envelope: StoredEnvelope = {
    id: 'm', arrival: 0, reversePath: '<a@sender.test>', size: 0, eightBit: false, parameters: '',
    forwardPaths: numbers.map((recipient) => `<b@${recipient}.test>`),
    recipientParameters: numbers.map(asked),
  };
  return new StoredMail(envelope, { envelope, content: undefined, removed: false, next: { turn: 0, value: 0 }, held: { turn: 0, value: 0 }, recipients: [] });
}

describe('a mail of the journal', () => {
  it.each([3, 30])('has a path and parameters for each recipient, as lists like any other: of %d', (count) => {
    const { forwardPaths, recipientParameters } = stored(count, (recipient) => (recipient === 1 ? 'NOTIFY=NEVER' : ''));
    expect(forwardPaths.map(({ text }) => text)).toEqual(Array.from({ length: count }, (_, recipient) => `<b@${recipient}.test>`));
    expect(recipientParameters).toEqual(Array.from({ length: count }, (_, recipient) => (recipient === 1 ? { notify: [] } : {})));
    expect([...forwardPaths].length).toBe(count);
    expect(Array.isArray(forwardPaths)).toBe(true);
    expect(forwardPaths[1]).toBe(forwardPaths[1]);
    expect(forwardPaths[count]).toBeUndefined();
  });

  it('has no parameters of anybody where none were asked for', () => {
    const mail = stored(2);
    expect(mail.recipientParameters).toEqual([{}, {}]);
  });

  // found by a mail for a thousand domains: each attempt read the parameters of all its recipients, twice
  it('reads what is written of one recipient, and not of all, where one is asked for', () => {
    const mails = Array.from({ length: 200 }, () => stored(1_000, (recipient) => `NOTIFY=FAILURE ORCPT=rfc822;${'o'.repeat(400)}${recipient}`));
    const one = cpuTime(() => mails.forEach(({ forwardPaths, recipientParameters }) => [forwardPaths[7]?.text, recipientParameters[7]?.notify]));
    const all = cpuTime(() => mails.slice(0, 20).forEach(({ forwardPaths, recipientParameters }) => [forwardPaths.map(({ text }) => text), recipientParameters.map(({ notify }) => notify)]));
    expect(one).toBeLessThan(all / 4);
  });
});
