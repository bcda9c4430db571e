// The mails of a queue in words for a person: what waits, for whom, since when, why, and when next.
//
//   ID                 SIZE  SINCE   NEXT    FROM
//   mwtmxqsr1brlfxm  8.2 KB  3h 10m  in 24m  <alice@example.com>
//       <bob@example.org>    mx.example.org: 450 4.2.0 greylisted
//       <carol@example.net>  not tried yet
//
// Rule 1: what strangers wrote makes no line and no colour of its own: control characters are shown, not sent to the terminal.

import { visible } from '../wire/visible.ts';
import type { MailRow, RecipientRow } from '../node/operation.ts';

const COLUMNS = { id: 21, size: 9, since: 8, next: 11 };

export const LIST_HEAD = `${'ID'.padEnd(COLUMNS.id)}${'SIZE'.padStart(COLUMNS.size)}  ${'SINCE'.padEnd(COLUMNS.since)}${'NEXT'.padEnd(COLUMNS.next)}FROM\n`;

/** Returns the lines of a mail in a list. `now`: milliseconds since 1970. */
export function formatListed(mail: MailRow, now: number): string {
  const { id, size, arrival, from } = mail;
  const since = formatTime(now - Date.parse(arrival));
  const head = `${id.padEnd(COLUMNS.id)}${formatSize(size).padStart(COLUMNS.size)}  ${since.padEnd(COLUMNS.since)}${formatNext(mail, now).padEnd(COLUMNS.next)}${visible(from)}\n`;
  const waiting = mail.recipients.filter(({ state }) => state === 'waiting');
  const width = Math.min(40, waiting.reduce((longest, { to }) => Math.max(longest, visible(to).length), 0)); // of more than a call has arguments
  return head + waiting.map((recipient) => `    ${visible(recipient.to).padEnd(width)}  ${formatReason(recipient)}\n`).join('');
}

/** Returns the last line of a list. */
export function formatSum({ mails, recipients, size, held }: { readonly mails: number; readonly recipients: number; readonly size: number; readonly held: number }): string {
  if (mails === 0) return 'the queue is empty\n';
  return `${plural(mails, 'mail')} for ${plural(recipients, 'recipient')}, ${formatSize(size)}${held > 0 ? `; ${held} held` : ''}\n`;
}

/** Returns all that is known of a mail, and its header. */
export function formatShown(mail: MailRow, now: number): string {
  const { id, from, arrival, size, state, next, parameters, recipients, header = '', headerCut, unreadable } = mail;
  const rows: (readonly [string, string])[] = [
    ['id', id],
    ['from', visible(from)],
    ['arrived', `${arrival}, ${formatTime(now - Date.parse(arrival))} ago`],
    ['size', `${size} octets`],
    ['state', state],
    ...(state === 'waiting' ? [['next attempt', `${next}, ${formatNext(mail, now)}`] as const] : []),
    ...(parameters === undefined ? [] : [['asked for', visible(parameters)] as const]),
  ];
  const width = 14;
  const facts = rows.map(([name, value]) => `${name.padEnd(width)}${value}\n`).join('');
  const each = recipients.map((recipient) => {
    const { to, state: what, parameters: asked, warned } = recipient;
    const remarks = [`${what}: ${formatReason(recipient)}`, ...(asked === undefined ? [] : [`asked for ${visible(asked)}`]), ...(warned === true ? ['the sender has been told of the delay'] : [])];
    return `${'to'.padEnd(width)}${visible(to)}\n${remarks.map((remark) => `${' '.repeat(width)}${remark}\n`).join('')}`;
  });
  const lines = header === '' ? [] : header.replace(/\r\n$/, '').split('\r\n').map((line) => `${visible(line.replaceAll('\t', '    '))}\n`);
  return `${facts}${each.join('')}\n${lines.join('')}${headerCut === true ? '… (the header goes on, and is too long to be shown)\n' : ''}${unreadable === undefined ? '' : `the content cannot be read: ${visible(unreadable)}\n`}`;
}

/** Returns what was said last, and by whom. */
function formatReason({ state, reply, host, unsettled, dead }: RecipientRow): string {
  const untried = `not tried yet${dead === true ? ': its destination could not be reached with other mail' : ''}`;
  const said = reply === undefined ? (state === 'waiting' ? untried : 'no reply') : `${host === undefined ? '' : `${visible(host)}: `}${visible(reply)}`;
  if (unsettled === undefined) return said;
  return `${said}; it may have been taken${unsettled === '' ? '' : ` by ${visible(unsettled)}`}, whose answer is not known`;
}

function formatNext({ state, next }: MailRow, now: number): string {
  if (state !== 'waiting') return state;
  const time = Date.parse(next) - now;
  return time <= 0 ? 'due' : `in ${formatTime(time)}`;
}

const UNITS = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const;

/** Returns milliseconds in the largest unit of which there is one; in two where that says much more. */
export function formatTime(milliseconds: number): string {
  for (const [at, [unit, length]] of UNITS.entries()) {
    const count = Math.floor(milliseconds / length);
    if (count < 1) continue;
    const [smaller, part] = UNITS[at + 1] ?? ['', Infinity];
    const rest = Math.floor((milliseconds - count * length) / part);
    return count < 10 && rest > 0 ? `${count}${unit} ${rest}${smaller}` : `${count}${unit}`;
  }
  return '0s';
}

export function formatSize(octets: number): string {
  if (octets < 1000) return `${octets} B`;
  const units = ['KB', 'MB', 'GB', 'TB'];
  let size = octets / 1000;
  let unit = 0;
  for (; size >= 999.5 && unit < units.length - 1; unit += 1) size /= 1000;
  return `${size.toFixed(size < 9.95 ? 1 : 0)} ${units[unit]}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
