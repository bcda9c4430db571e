import { describe, expect, it } from 'vitest';
import { Submission } from '../../src/relay/submission.ts';
import { decodeLatin1, encodeAscii } from '../../src/wire/ascii.ts';
import { concat } from '../../src/wire/octet.ts';

const DATE = 'Date: Fri, 13 Feb 2009 23:31:30 +0000\r\n';
const ID = 'Message-ID: <1@mx.test>\r\n';

/** What comes out, for a content in pieces of so many octets. */
function submitted(content: string, step = Infinity): string {
  const submission = new Submission({ id: '1', hostname: 'mx.test', date: 1_234_567_890_000 });
  const octets = encodeAscii(content);
  const out: Uint8Array[] = [];
  for (let at = 0; at < octets.length; at += step) out.push(...submission.read(octets.subarray(at, at + step)));
  return decodeLatin1(concat([...out, ...submission.end()]));
}

describe('a submitted mail (RFC 6409 §8)', () => {
  it.each([
    ['has neither field', 'Subject: hi\r\n\r\ntext\r\n', DATE + ID],
    ['has a Date', 'Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n\r\ntext\r\n', ID],
    ['has a Message-ID', 'Subject: hi\r\nMessage-ID: <a@b>\r\n\r\ntext\r\n', DATE],
    ['has both', 'Message-ID: <a@b>\r\nDate: today\r\n\r\n', ''],
    ['has both in other letters', 'message-id: <a@b>\r\nDATE: today\r\n\r\n', ''],
    ['has white space in front of the colons', 'Date : today\r\nMessage-ID\t: <a@b>\r\n\r\n', ''],
    ['has fields whose names are longer, or begin otherwise', 'Resent-Date: x\r\nX-Message-ID: y\r\nDates: z\r\n\r\n', DATE + ID],
    ['has what looks like them in folded lines', 'Subject: hi\r\n Date: today\r\n\tMessage-ID: <a@b>\r\n\r\n', DATE + ID],
    ['has them behind a folded line', 'Subject: hi\r\n there\r\nDate: today\r\nMessage-ID:\r\n\t<a@b>\r\n\r\n', ''],
    ['has what looks like them in its body', 'Subject: hi\r\n\r\nDate: today\r\nMessage-ID: <a@b>\r\n', DATE + ID],
    ['has what looks like them behind a line that is no field', 'Subject: hi\r\nno field\r\nDate: today\r\n\r\n', DATE + ID],
    ['has no header', '\r\nDate: today\r\n', DATE + ID],
    ['has no body', 'Subject: hi\r\nDate: today\r\n', ID],
    ['has no line end', 'Date: today', ID],
    ['is empty', '', DATE + ID],
  // shows RFC5321:6.4-1
  ])('that %s: what is missing stands in front, and the rest is as it was, however it is cut', (_, content, added) => {
    for (const step of [Infinity, 1, 2, 3, 5, 7]) expect(submitted(content, step)).toBe(added + content);
  });

  it.each(['', 'Subject: hi\r\n', 'Subject: hi\r\r\n\n\r\n', '\r', '\n\r\n'])('is passed on octet for octet as it comes, from the end of its header: %j', (header) => {
    const submission = new Submission({ id: '1', hostname: 'mx.test', date: 0 });
    const lengths = [...`${header}\r\n\r\ntext`].map((octet) => concat(submission.read(encodeAscii(octet))).length);
    const end = `\r\n${header}\r\n\r\n`.indexOf('\r\n\r\n') + 2; // an empty line at once ends the header too
    expect(lengths.map((length) => length > 0)).toEqual(lengths.map((_, index) => index >= end - 1));
    expect(lengths.slice(end)).toEqual(lengths.slice(end).map(() => 1));
  });

  it('whose header never ends is passed on from where nobody looks any more', () => {
    const content = `Subject: ${'x'.repeat(300_000)}\r\nDate: today\r\n\r\n`;
    for (const step of [Infinity, 1, 65_536]) expect(submitted(content, step) === DATE + ID + content).toBe(true);
  });
});
