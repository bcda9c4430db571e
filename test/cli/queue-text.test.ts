import { describe, expect, it } from 'vitest';
import { formatListed, formatShown, formatSize, formatSum, formatTime } from '../../src/cli/queue-text.ts';
import type { MailRow } from '../../src/node/operation.ts';

const NOW = Date.UTC(2026, 0, 1, 10, 0, 0);
const ROW: MailRow = { id: 'm1', from: '<alice@a.test>', arrival: '2026-01-01T07:50:00.000Z', size: 8200, state: 'waiting', next: '2026-01-01T10:24:00.000Z', recipients: [{ to: '<bob@b.test>', state: 'waiting' }] };

describe('a time', () => {
  it.each([
    [-5, '0s'], [0, '0s'], [999, '0s'], [1000, '1s'], [59_999, '59s'], [60_000, '1m'], [90_000, '1m 30s'], [660_000, '11m'],
    [3_600_000, '1h'], [11_400_000, '3h 10m'], [86_399_999, '23h'], [90_000_000, '1d 1h'], [86_400_000 * 12 + 7_200_000, '12d'],
  ])('%i ms is %s', (time, text) => {
    expect(formatTime(time)).toBe(text);
  });
});

describe('a size', () => {
  it.each([[0, '0 B'], [999, '999 B'], [1000, '1.0 KB'], [9_949, '9.9 KB'], [9_950, '10 KB'], [999_499, '999 KB'], [999_500, '1.0 MB'], [35_882_577, '36 MB'], [5e15, '5000 TB']])('%i octets are %s', (octets, text) => {
    expect(formatSize(octets)).toBe(text);
  });
});

describe('a mail in the list', () => {
  it('has as many recipients as there are', () => { // a call has 120,000 arguments or so
    expect(formatListed({ ...ROW, recipients: Array.from({ length: 200_000 }, () => ({ to: '<b@b.test>', state: 'waiting' })) }, NOW).split('\n')).toHaveLength(200_002);
  });

  it('is a line, and one for each recipient that waits', () => {
    const recipients: MailRow['recipients'] = [
      { to: '<bob@b.test>', state: 'waiting', reply: '450 4.2.0 later', host: 'mx.b.test' },
      { to: '<carol@c.test>', state: 'delivered' },
      { to: '<dave@d.test>', state: 'waiting', reply: '451 4.4.3 the DNS did not answer' },
      { to: '<erin@e.test>', state: 'waiting', unsettled: 'mx.e.test' },
      { to: '<frank@f.test>', state: 'waiting', unsettled: '' },
      { to: '<grace@g.test>', state: 'waiting', dead: true },
      { to: '<heidi@h.test>', state: 'waiting', reply: '451 4.4.1 no connection', dead: true },
    ];
    expect(formatListed({ ...ROW, recipients }, NOW)).toBe(`m1                      8.2 KB  2h 10m  in 24m     <alice@a.test>
    <bob@b.test>    mx.b.test: 450 4.2.0 later
    <dave@d.test>   451 4.4.3 the DNS did not answer
    <erin@e.test>   not tried yet; it may have been taken by mx.e.test, whose answer is not known
    <frank@f.test>  not tried yet; it may have been taken, whose answer is not known
    <grace@g.test>  not tried yet: its destination could not be reached with other mail
    <heidi@h.test>  451 4.4.1 no connection
`);
  });

  it('that is due now is due, and a long address moves no reply far out', () => {
    const to = `<${'b'.repeat(60)}@b.test>`;
    expect(formatListed({ ...ROW, next: new Date(NOW).toISOString(), recipients: [{ to, state: 'waiting' }, { to: '<c@c.test>', state: 'waiting' }] }, NOW)).toBe(`m1                      8.2 KB  2h 10m  due        <alice@a.test>
    ${to}  not tried yet
    <c@c.test>                                not tried yet
`);
  });

  it.each([['held', 'held'], ['returned', 'returned'], ['sending', 'sending']] as const)('that is %s says so in place of a time', (state, text) => {
    expect(formatListed({ ...ROW, state }, NOW)).toContain(` ${text} `);
  });

  it('writes nothing that a terminal would act upon', () => {
    const text = formatListed({ ...ROW, from: '<a\x1b]0;x\x07@b>', recipients: [{ to: '<\u202etset.b@bob>', state: 'waiting', reply: '450 \r\n\x9b2J', host: 'mx\u2028' }] }, NOW) + formatShown({ ...ROW, header: 'X: \x1b[2J\r\n', parameters: 'ENVID=\x07' }, NOW);
    expect(text).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]/);
    expect(text).toContain('<a\\u001b]0;x\\u0007@b>');
  });
});

describe('the sum', () => {
  it.each([
    [{ mails: 0, recipients: 0, size: 0, held: 0 }, 'the queue is empty\n'],
    [{ mails: 1, recipients: 1, size: 5, held: 0 }, '1 mail for 1 recipient, 5 B\n'],
    [{ mails: 2, recipients: 3, size: 5000, held: 1 }, '2 mails for 3 recipients, 5.0 KB; 1 held\n'],
  ])('%j', (sum, text) => {
    expect(formatSum(sum)).toBe(text);
  });
});

describe('a mail that is shown', () => {
  it('says where its header goes on', () => {
    const text = formatShown({ ...ROW, header: 'X: y\r\n' }, NOW);
    expect(text.endsWith('\n\nX: y\n')).toBe(true);
    expect(formatShown({ ...ROW, header: 'X: y\r\n', headerCut: true }, NOW)).toBe(`${text}… (the header goes on, and is too long to be shown)\n`);
    expect(formatShown({ ...ROW, header: 'X: y', headerCut: true }, NOW)).toBe(`${text}… (the header goes on, and is too long to be shown)\n`);
  });

  it('says why its content cannot be read', () => {
    expect(formatShown({ ...ROW, unreadable: 'EIO: \x1b' }, NOW).endsWith('not tried yet\n\nthe content cannot be read: EIO: \\u001b\n')).toBe(true);
  });

  it('says all that is known of it', () => {
    const mail: MailRow = { ...ROW, parameters: 'RET=HDRS', recipients: [{ to: '<bob@b.test>', state: 'waiting', parameters: 'NOTIFY=DELAY', warned: true, reply: '450 later', host: 'mx' }], header: 'Subject: x\r\n\tfolded\r\n' };
    expect(formatShown(mail, NOW)).toBe(`id            m1
from          <alice@a.test>
arrived       2026-01-01T07:50:00.000Z, 2h 10m ago
size          8200 octets
state         waiting
next attempt  2026-01-01T10:24:00.000Z, in 24m
asked for     RET=HDRS
to            <bob@b.test>
              waiting: mx: 450 later
              asked for NOTIFY=DELAY
              the sender has been told of the delay

Subject: x
    folded
`);
  });
});
