// The mails that a client under the fuzzer is given: some octets of the options choose among a few that are each awkward.

import { isFault, type Fault } from '../../src/syntax/fault.ts';
import { parseForwardPath, parseReversePath, type ForwardPath, type ReversePath } from '../../src/syntax/path.ts';
import type { MailParameters, RecipientParameters } from '../../src/protocol/mail.ts';
import type { Transaction } from '../../src/protocol/client/action.ts';
import { BrokenProperty } from './property.ts';

/** Stands in every content but the empty one, and nowhere else: where it is sent, content is sent. */
export const MARKER = 'xyzzy-content';

const CONTENTS: readonly string[] = [
  `Subject: hello\r\n\r\n${MARKER}\r\n`,
  `.\r\n..\r\n${MARKER}\r\n.\r\n`,
  '',
  `MAIL FROM:<evil@example.net>\r\n${MARKER}\r\nQUIT\r\n`,
  `${MARKER} bare\nline feed\r\n`,
  `${MARKER} \x80\xff eight bit\r\n`,
  `${MARKER} open`,
  `${MARKER}\r\n`.repeat(40),
  `${MARKER}\r`,
  '.',
];

const MAIL_PARAMETERS: readonly MailParameters[] = [{}, { body: 'BINARYMIME' }, { smtpUtf8: true }, { ret: 'HDRS', envelopeId: 'a b' }, { requireTls: true }, { auth: '<>' }, { size: 7, body: '8BITMIME' }, {}];
const RECIPIENT_PARAMETERS: readonly RecipientParameters[] = [{}, { notify: ['SUCCESS', 'DELAY'] }, { notify: [], originalRecipient: { type: 'rfc822', address: 'a+b=c' } }, {}];

export interface PlannedMail {
  readonly transaction: Transaction;
  /** What the mail is, whether the session has it at hand or has to ask. */
  readonly content: Uint8Array;
  /** What it reads of it at a time. */
  readonly piece: number;
}

/** Three octets: how many mails and recipients, whether content is at hand, and whether the second mail may go right behind the first; which contents; which addresses and parameters. */
export function mailsOf([count = 0, contents = 0, more = 0]: readonly number[]): PlannedMail[] {
  return Array.from({ length: 1 + (count & 1) }, (_, index): PlannedMail => {
    const content = octetsOf(CONTENTS[((contents >> (4 * index)) & 15) % CONTENTS.length] ?? '');
    const recipients = Array.from({ length: 1 + ((count >> 1) & 3) }, (_unused, at) => (at === 1 && (more & 1) !== 0 ? `<\u00fc${index}@example.com>` : `<r${at}@m${index}.example.com>`));
    const parameters = MAIL_PARAMETERS[(more >> 2) & 7] ?? {};
    const sender = (more & 2) !== 0 ? '<>' : `<s${index}@example.org>`;
    const atHand = (count & 8) !== 0;
    return {
      transaction: {
        reversePath: taken(parseReversePath(sender)),
        forwardPaths: recipients.map((path) => taken(parseForwardPath(path, { utf8: true }))),
        ...((count & 16) !== 0 ? { size: content.length } : {}),
        ...((count & 32) !== 0 ? { eightBit: true } : {}),
        ...(atHand ? { content } : {}),
        followed: (count & 128) !== 0,
        parameters,
        recipientParameters: recipients.map((_path, at) => RECIPIENT_PARAMETERS[(at + (more >> 5)) & 3] ?? {}),
      },
      content,
      piece: (count & 64) !== 0 ? 5 : 1_000,
    };
  });
}

export function octetsOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function taken<Path extends ReversePath | ForwardPath>(path: Path | Fault): Path {
  if (isFault(path)) throw new BrokenProperty('a path of a plan is malformed');
  return path;
}
