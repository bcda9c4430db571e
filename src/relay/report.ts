// What became of the recipients of a mail, said twice: in words for the person who sent it, and in the fields of
// message/delivery-status (RFC 3464 §2, RFC 3461 §6.3) for programs. Both are ASCII, but for addresses and what a peer said in
// the words, and in the fields too where the report is one in UTF-8 (RFC 6533).
//
// Rule 1: what a peer said stands in the middle of a line of ours: no CR, LF or other control of it is written.
// Rule 2: no line is longer than 998 characters; what a peer said, which notification.ts has cut, is folded at its spaces.
// Left out: DSN-Gateway and Received-From-MTA, and other languages than English.

import { formatDate } from '../syntax/date-time.ts';
import { addressLiteral } from '../syntax/domain.ts';
import type { ForwardPath } from '../syntax/path.ts';
import { formatReply, statusOf } from '../syntax/reply.ts';
import type { Reply } from '../syntax/reply.ts';
import { decodeXtext, escapeUnicode } from '../wire/xtext.ts';

/** RFC 3464 §2.3.3. */
export type Action = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';

export interface ReportedRecipient {
  readonly forwardPath: ForwardPath;
  /** The value of ORCPT as it came with RCPT (RFC 3461 §4.2). */
  readonly originalRecipient?: string;
  readonly action: Action;
  /** The last reply, as it came (RFC 3461 §9.2), or the verdict that stands for one. */
  readonly reply: Reply;
  /** The status where it is not that of the reply: mail that expired has `failed` and 4.4.7, whatever was said last. */
  readonly status?: string;
  /** Name or address of the host that said it; absent: it is a verdict of ours. */
  readonly host?: string;
  /** Milliseconds since 1970, as are the other times. */
  readonly lastAttempt?: number;
  /** When the relay will give up; of use where the action is `delayed`. */
  readonly willRetryUntil?: number;
}

export interface Report {
  /** The name of this host. */
  readonly reportingMta: string;
  /** When the mail arrived, milliseconds since 1970. */
  readonly arrival: number;
  /** The value of ENVID as it came with MAIL (RFC 3461 §4.4). */
  readonly envelopeId?: string;
  /** At least one. */
  readonly recipients: readonly ReportedRecipient[];
  /** Whoever reads the fields takes addresses in UTF-8: message/global-delivery-status (RFC 6533 §4). */
  readonly utf8?: boolean;
}

interface Words {
  /** What Status may begin with; the first one stands in where the reply's is none of them (RFC 3463 §2). */
  readonly classes: readonly string[];
  readonly subject: string;
  readonly heading: string;
  readonly advice: string;
}

const WORDS: Readonly<Record<Action, Words>> = {
  failed: {
    classes: ['5', '4'], // 4: tried until it expired, RFC 3464 §2.3.3 "ACTION VS. STATUS CODES"
    subject: 'Your mail was not delivered',
    heading: 'It could not be delivered to:',
    advice:
      'It will not be tried again. Please check the address, and send the mail again if it was wrong. If it was right, ' +
      'the people who run the mail system of the recipient can tell more, best with this report before them.',
  },
  delayed: {
    classes: ['4'],
    subject: 'Your mail is delayed',
    heading: 'It has not been delivered yet to:',
    advice: 'This is only a warning. There is no need to send the mail again: it is tried further, and you will be told if that is in vain.',
  },
  delivered: {
    classes: ['2'],
    subject: 'Your mail was delivered',
    heading: 'It was delivered to:',
    advice: 'Whether it has been read is not known.',
  },
  relayed: {
    classes: ['2'],
    subject: 'Your mail was passed on',
    heading: 'It was passed on, to a system that does not report deliveries, for:',
    advice: 'Unless that system says otherwise it can be taken to have been delivered.',
  },
  expanded: {
    classes: ['2'],
    subject: 'Your mail was delivered',
    heading: 'It was delivered, and sent on to several addresses, for:',
    advice: 'There may be further reports about those.',
  },
};

/** In this order a report speaks of them: what the sender has to act on comes first. */
const ACTIONS = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const;

/** Returns the subject of the report: that of the worst of its actions. */
export function subjectOf({ recipients }: Report): string {
  const worst = ACTIONS.find((action) => recipients.some((recipient) => recipient.action === action)) ?? 'failed';
  return WORDS[worst].subject;
}

/** Returns the report in words, in lines with their CRLF; not ASCII where an address is not. */
export function formatExplanation(report: Report): string {
  const arrival = formatDate(report.arrival);
  const parts = [wrap(`This is the mail system of ${report.reportingMta}, about the mail that it took from you on ${arrival}.`)];
  for (const action of ACTIONS) {
    const recipients = report.recipients.filter((recipient) => recipient.action === action);
    if (recipients.length === 0) continue;
    const { heading, advice } = WORDS[action];
    parts.push(['', heading, '', ...recipients.flatMap(explainRecipient), ...wrap(advice)]); // as one: they may be more than a call has arguments
  }
  return parts.flat().map((line) => `${line}\r\n`).join('');
}

function explainRecipient(recipient: ReportedRecipient): string[] {
  const { forwardPath, action, reply, host, lastAttempt, willRetryUntil } = recipient;
  const who = host === undefined ? 'The reason' : `${hostName(host)} said`;
  const lines = [`<${addressOf(forwardPath)}>`, ...wrapReply(reply, true, `    ${who}: `, '    ')];
  if (action === 'failed' && status(recipient).startsWith('4')) {
    const until = lastAttempt === undefined ? 'It was tried again and again' : `It was tried until ${formatDate(lastAttempt)}`;
    lines.push(`    ${until}, and then given up.`);
  }
  if (action === 'delayed' && willRetryUntil !== undefined) lines.push(`    It is tried until ${formatDate(willRetryUntil)}.`);
  return [...lines, ''];
}

/** Returns the content of message/delivery-status: groups of fields, an empty line between them (RFC 3464 §2.1). */
export function formatDeliveryStatus({ reportingMta, arrival, envelopeId, recipients, utf8 = false }: Report): string {
  // RFC 3461 §6.3 (b): what is no fully-qualified name must not be said to be one.
  const type = /[.[]/.test(reportingMta) ? 'dns' : 'x-local-hostname';
  const perMessage = [
    field('Original-Envelope-Id', envelopeId === undefined ? undefined : plain(envelopeId)),
    field('Reporting-MTA', `${type}; ${hostName(reportingMta)}`),
    field('Arrival-Date', formatDate(arrival)),
  ];
  return [perMessage, ...recipients.map((recipient) => perRecipient(recipient, utf8))].map((group) => group.join('')).join('\r\n');
}

function perRecipient(recipient: ReportedRecipient, utf8: boolean): string[] {
  const { forwardPath, originalRecipient, action, reply, host, lastAttempt, willRetryUntil } = recipient;
  const until = action === 'delayed' ? willRetryUntil : undefined; // RFC 3464 §2.3.9: MUST NOT appear in other ones
  return [
    field('Original-Recipient', originalRecipient === undefined ? undefined : formatOriginal(originalRecipient)),
    field('Final-Recipient', formatTyped(addressOf(forwardPath), utf8)),
    field('Action', action),
    field('Status', status(recipient)),
    field('Remote-MTA', host === undefined ? undefined : `dns; ${hostName(host)}`),
    ...wrapReply(reply, utf8, `Diagnostic-Code: ${host === undefined ? 'X-ehlo' : 'smtp'}; `, ' ').map((line) => `${line}\r\n`),
    field('Last-Attempt-Date', lastAttempt === undefined ? undefined : formatDate(lastAttempt)),
    field('Will-Retry-Until', until === undefined ? undefined : formatDate(until)),
  ];
}

/** Returns the field with its CRLF; nothing for no value, or for one that no line can hold (RFC 5322 §2.1.1). */
function field(name: string, value: string | undefined): string {
  return value === undefined || value.length > 900 ? '' : `${name}: ${value}\r\n`;
}

/** Choice: a status that contradicts the action keeps its subject and detail, in the class of the action, which is the one to be relied on (RFC 3463 §2). */
function status({ action, reply, status: said = statusOf(reply) }: ReportedRecipient): string {
  const { classes } = WORDS[action];
  return classes.some((each) => said.startsWith(each)) ? said : `${classes[0]}${said.slice(1)}`;
}

/** Returns the lines of the reply, each with its codes (RFC 3461 §9.2), in printable ASCII or, with `utf8`, in UTF-8, and wrapped. */
function wrapReply(given: Reply, utf8: boolean, first: string, indent: string): string[] {
  const texts = formatReply(given, { utf8 }).trimEnd().split('\r\n');
  return texts.flatMap((text, index) => wrap(text, index === 0 ? first : indent, indent));
}

/** Returns lines of at most 75 characters where spaces allow it, which quoted-printable leaves whole. Runs of white space become one space: no line is empty. */
function wrap(text: string, first = '', indent = ''): string[] {
  const [head = '', ...words] = text.trim().split(/[ \t]+/);
  const lines: string[] = [];
  let line = first + head;
  for (const word of words) {
    if (line.length + 1 + word.length > 75) {
      lines.push(line);
      line = indent + word;
    } else {
      line += ` ${word}`;
    }
  }
  return [...lines, line];
}

function addressOf(path: ForwardPath): string {
  return path.type === 'path' ? path.mailbox.text : path.text.slice(1, -1);
}

function hostName(host: string): string {
  return addressLiteral(host) ?? host.slice(0, 255).replace(/[^\w.:[\]-]/g, '?');
}

/** Returns the address with its type: `utf-8` where it is not ASCII, for 7-bit mail in the form of RFC 6533 §3 utf-8-addr-xtext. */
function formatTyped(address: string, utf8: boolean): string {
  if (/^[ -~]*$/.test(address)) return `rfc822; ${address}`;
  return `utf-8; ${utf8 ? address : escapeUnicode(address, /[^!-~]|[+=\\]/gu)}`;
}

/** Returns the value of ORCPT with its xtext undone; undefined for what is no address with its type. */
function formatOriginal(value: string): string | undefined {
  const [, type, address = ''] = /^([A-Za-z0-9-]+);(.*)$/su.exec(value) ?? [];
  if (type === undefined) return undefined;
  // What is escaped already keeps its backslashes, and "+" and "=" are escaped in both forms of RFC 6533 §3.
  if (type.toLowerCase() === 'utf-8') return `${type}; ${escapeUnicode(address, /[^!-~]/gu)}`;
  return `${type}; ${plain(address)}`.trimEnd();
}

/** Returns the text that xtext stands for (RFC 3461 §6.3 (a)), or the xtext itself where that has no place in a field. */
function plain(xtext: string): string {
  const decoded = decodeXtext(xtext);
  return decoded !== undefined && /^[!-~](?:[ -~]*[!-~])?$/.test(decoded) ? decoded : xtext.replace(/[^!-~]/gu, '?');
}
