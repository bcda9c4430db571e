// The mail that tells the sender what became of a mail (RFC 5321 §6.1): a delivery status notification (RFC 3464) in
// multipart/report (RFC 6522), as a function of its arguments: no clock, nothing random.
//
// Rule 1: nobody is told about mail with the null reverse-path, and the notification itself has it (§6.1, §4.5.5): no loops.
// Rule 2: the result is clean on the wire whatever it was made from: lines of at most 998 octets that end in CRLF, no bare CR or LF.
// Rule 3: the boundary occurs in no part, whoever wrote what is in the parts.
// Rule 4: it is 7-bit, except for a sender whose address is not ASCII: whom that reaches takes SMTPUTF8, and gets the forms of
//         RFC 6533. Nobody else need offer anything: of content with octets above 0x7f they get the header, whatever RET says, since a
//         report that a host without 8BITMIME cannot take is one that nobody gets.
// Rule 5: the sender is told of what he asked for (NOTIFY, RFC 3461 §4.1), and of nothing else.
// Rule 6: of mail that was only to travel under TLS the header is returned, whatever RET says, and only under TLS (RFC 8689 §5).
//
// Choice: the header is returned, and the content only where RET=FULL asks for it (RFC 3461 §4.3 leaves it to us where RET is
// absent). Much of what fails is unwanted and its reverse-path forged: whom it names should not get the whole of it.
// Departs: RFC 3461 §6.2 would have RET=FULL return the content even if it has octets above 127, or a host refused it for its size: often the
// report goes by a host that would refuse it too, and nobody would be told.

import { abridged, brief, lengthOf } from '../syntax/abridgement.ts';
import { formatDate } from '../syntax/date-time.ts';
import type { MailboxPath, ReversePath } from '../syntax/path.ts';
import { statusOf, type Reply } from '../syntax/reply.ts';
import { decodeLatin1, encodeAscii, isAscii, isAsciiText } from '../wire/ascii.ts';
import { concat, CR, EMPTY, LF, NUL } from '../wire/octet.ts';
import { decodeUtf8, encodeUtf8 } from '../wire/utf8.ts';
import type { MailParameters, RecipientParameters } from '../protocol/mail.ts';
import type { NewMail } from './queue/port.ts';
import { encodeQuotedPrintable } from './quoted-printable.ts';
import { formatDeliveryStatus, formatExplanation, subjectOf } from './report.ts';
import type { Action, Report, ReportedRecipient } from './report.ts';

export interface Notification extends Omit<Report, 'utf8'> {
  /** Of the notification itself: letters, digits and hyphens. Its Message-ID and boundary are made from it. */
  readonly id: string;
  /** Whom to tell: the reverse-path of the mail. */
  readonly sender: MailboxPath;
  /** When the notification is made, milliseconds since 1970. */
  readonly date: number;
  readonly original: {
    /** The content of the mail from its beginning, at least `LONGEST_HEADER` octets where it has them: the header is cut out of it. */
    readonly header: Uint8Array;
    /** Octets of the header that are returned, cut at the end of a line. Default: `LONGEST_HEADER`. */
    readonly most?: number;
    /** The whole content, where `returnsContent`; it is returned if a recipient failed (RFC 3461 §6.2). */
    readonly content?: Uint8Array;
  };
}

/** Octets of the original header that are returned at most. */
export const LONGEST_HEADER = 65_536;

/** Octets of content above which RET=FULL gets the header too (RFC 3461 §6.2 lets us say). */
export const LARGEST_RETURNED = 1_048_576;

/** Returns how many octets a report returns, at most, of a mail with so many recipients: each of them may fail in a moment of its own, and have a report. */
export function mostReturned(recipients: number): number {
  return Math.min(LARGEST_RETURNED, Math.max(2_048, Math.floor((10 * LARGEST_RETURNED) / recipients)));
}

/** The word of NOTIFY that asks for a report, and whether it is made where NOTIFY is absent (RFC 3461 §5.2.2 to §5.2.6). */
const ASKED_BY: Readonly<Record<Action, { readonly word: 'FAILURE' | 'DELAY' | 'SUCCESS'; readonly byDefault: boolean }>> = {
  failed:    { word: 'FAILURE', byDefault: true },
  delayed:   { word: 'DELAY',   byDefault: true },
  delivered: { word: 'SUCCESS', byDefault: false },
  relayed:   { word: 'SUCCESS', byDefault: false },
  expanded:  { word: 'SUCCESS', byDefault: false },
};

/** Tells whether the sender wants to be told this of the recipient. */
export function isAskedFor(action: Action, { notify }: RecipientParameters = {}): boolean {
  const { word, byDefault } = ASKED_BY[action];
  return notify?.includes(word) ?? byDefault;
}

/** Tells whether the whole content is to be returned, if a recipient has failed. `recipients`: of the mail; `said`: of those who have failed. */
export function returnsContent({ ret, requireTls }: MailParameters, size: number, recipients: number, said: readonly Reply[] = []): boolean {
  return ret === 'FULL' && requireTls !== true && size <= mostReturned(recipients) && !said.some((reply) => OF_CONTENT.has(statusOf(reply)));
}

/** Larger than the mailbox takes, or the host; in need of a conversion that nobody makes (RFC 3463 §3.3, §3.4, §3.7). */
const OF_CONTENT: ReadonlySet<string> = new Set(['5.2.3', '5.3.4', '5.6.3']);

/** Tells whether there is anybody to tell about mail with this reverse-path (RFC 5321 §6.1). */
export function mayNotify(reversePath: ReversePath): reversePath is MailboxPath {
  return reversePath.type === 'path';
}

/**
 * Returns the envelope of a notification to `sender`, of mail with these parameters: an explicit source route MUST be stripped
 * (RFC 5321 §6.1). NOTIFY must not be asked for but as NEVER, and RET not at all (RFC 3461 §6.1).
 */
export function notificationEnvelope({ mailbox }: MailboxPath, { requireTls }: MailParameters = {}): Omit<NewMail, 'id'> & { readonly parameters: MailParameters } {
  return {
    reversePath: { type: 'null', text: '<>', key: '' },
    forwardPaths: [{ type: 'path', text: `<${mailbox.text}>`, sourceRoute: [], mailbox, key: mailbox.key }],
    parameters: { ...(requireTls === true ? { requireTls } : {}), ...(isAsciiText(mailbox.text) ? {} : { smtpUtf8: true }) },
  };
}

/** Returns the content of the notification, header and body: the caller's own. */
export function formatNotification(given: Notification): Uint8Array {
  const notification = { ...given, recipients: cut(given.recipients) };
  const { id, sender, date, reportingMta } = notification;
  const utf8 = !isAsciiText(sender.mailbox.text);
  const parts = [
    text('text/plain', encodeUtf8(formatExplanation(notification)), false),
    text(utf8 ? 'message/global-delivery-status' : 'message/delivery-status', encodeUtf8(formatDeliveryStatus({ ...notification, utf8 })), utf8),
    original(notification, utf8),
  ];
  const token = id.replace(/[^A-Za-z0-9-]/g, '').slice(0, 50);
  const boundary = boundaryFor(token, parts);
  const header = [
    `From: Mail Delivery System <postmaster@${reportingMta}>`, // RFC 3464 §2: whom a reply should reach
    `To: <${sender.mailbox.text}>`,
    `Subject: ${subjectOf(notification)}`,
    `Date: ${formatDate(date)}`,
    `Message-ID: <${token}@${reportingMta}>`,
    'Auto-Submitted: auto-replied', // RFC 3834 §5
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"`,
    ...(parts.some(({ encoding }) => encoding === '8bit') ? ['Content-Transfer-Encoding: 8bit'] : []), // RFC 2045 §6.4
  ];
  return concat([
    encodeUtf8(`${header.join('\r\n')}\r\n`),
    ...parts.flatMap(({ type, encoding, body }) => [
      encodeAscii(`\r\n--${boundary}\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`),
      body,
    ]),
    encodeAscii(`\r\n--${boundary}--\r\n`),
  ]);
}

/** Characters of replies above which a report has the beginning of each: a host that says much of each of a thousand recipients made it one of 60 MB, which took 13 seconds. */
const MOST_SAID = 131_072;

/** Returns the recipients, each with as much of the reply as is told. */
function cut(given: readonly ReportedRecipient[]): readonly ReportedRecipient[] {
  const recipients = given.map((recipient) => ({ ...recipient, reply: abridged(recipient.reply) }));
  if (recipients.reduce((sum, { reply }) => sum + lengthOf(reply), 0) <= MOST_SAID) return recipients;
  return recipients.map((recipient) => ({ ...recipient, reply: brief(recipient.reply) }));
}

interface Part {
  readonly type: string;
  readonly encoding: Encoding;
  readonly body: Uint8Array;
}

/** RFC 2045 §6. */
type Encoding = '7bit' | '8bit' | 'quoted-printable';

/**
 * Returns the third part: the content as it is where that is wanted and can be, or else the header.
 *
 * A header in UTF-8 is of the types of RFC 6533, which may be encoded for those who take only 7 bits; in another charset it is
 * nothing that a type would speak of.
 */
function original({ recipients, original: { header: beginning, most = LONGEST_HEADER, content } }: Notification, eightBit: boolean): Part {
  const header = headerOf(beginning, Math.min(LONGEST_HEADER, most));
  const global = !isAscii(header) && decodeUtf8(header) !== undefined; // message/rfc822 takes no header that is not ASCII (RFC 6532 §3.7)
  const failed = recipients.some(({ action }) => action === 'failed');
  const encoding = content === undefined || !failed ? 'quoted-printable' : encodingOf(content);
  // message/rfc822 takes no quoted-printable (RFC 2046 §5.2.1).
  if (content !== undefined && (encoding === '7bit' || (encoding === '8bit' && eightBit)) && (global || isAscii(header))) return { type: global ? 'message/global' : 'message/rfc822', encoding, body: content };
  return text(global ? 'message/global-headers' : 'text/rfc822-headers', header, global && eightBit);
}

/** Returns the octets as a part, in quoted-printable unless they are 7-bit (RFC 6522 §4), or 8-bit where that is taken. */
function text(type: string, octets: Uint8Array, eightBit: boolean): Part {
  const charset = type === 'text/plain' ? `; charset=${isAscii(octets) ? 'us-ascii' : 'utf-8'}` : '';
  const encoding = encodingOf(octets);
  return encoding === '7bit' || (encoding === '8bit' && eightBit)
    ? { type: `${type}${charset}`, encoding, body: octets }
    : { type: `${type}${charset}`, encoding: 'quoted-printable', body: encodeAscii(encodeQuotedPrintable(octets)) };
}

/** Returns the header of the content, up to its empty line, cut to the last line that ends within `most` octets. */
function headerOf(content: Uint8Array, most: number): Uint8Array {
  const beginning = decodeLatin1(content.subarray(0, most));
  if (beginning.startsWith('\r\n')) return EMPTY;
  const empty = beginning.indexOf('\r\n\r\n');
  if (empty === -1 && content.length <= most) return content;
  const last = empty === -1 ? beginning.lastIndexOf('\r\n') : empty;
  return content.subarray(0, last === -1 ? most : last + 2);
}

/** Returns the encoding that says of the octets what they are, `quoted-printable` where neither `7bit` nor `8bit` takes them (RFC 2045 §2.7, §2.8). */
function encodingOf(octets: Uint8Array): Encoding {
  let encoding: Encoding = '7bit';
  let length = 0;
  for (let at = 0; at < octets.length; at += 1) {
    const octet = octets[at] ?? 0;
    if (octet === CR && octets[at + 1] === LF) {
      at += 1;
      length = 0;
      continue;
    }
    length += 1;
    if (octet === CR || octet === LF || octet === NUL || length > 998) return 'quoted-printable';
    if (octet > 0x7f) encoding = '8bit';
  }
  return encoding;
}

/**
 * Returns a boundary that occurs in no part: `=_1_` and the token, or the next number that nothing in them has taken.
 *
 * `=_` occurs in no quoted-printable. One scan finds all that are taken, since whoever guesses the token could take many.
 */
function boundaryFor(token: string, parts: readonly Part[]): string {
  const taken = new Set<number>();
  for (const { body } of parts) {
    for (const [, number] of decodeLatin1(body).matchAll(new RegExp(`=_(\\d{1,9})_${token}`, 'g'))) taken.add(Number(number));
  }
  let free = 1;
  while (taken.has(free)) free += 1;
  return `=_${free}_${token}`;
}
