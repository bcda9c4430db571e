// Dates of trace fields: date-time of RFC 5322 §3.3, without the obsolete forms, which RFC 5321 §4.4 forbids.

import { run, WORD } from './character.ts';
import { fault, isFault } from './fault.ts';
import type { Fault } from './fault.ts';
import { foldingSpaceEnd, spaceEnd } from './white-space.ts';

/**
 * Returns the date-time of `date`, milliseconds since 1970 UTC of a year from 1900 to 9999, in the zone `zone` minutes east of UTC.
 *
 * Choice: UTC where no zone is given. §4.4 prefers local time "when feasible", and what is local is for the caller to say.
 */
export function formatDate(date: number, zone = 0): string {
  const second = Math.floor(date / 1000);
  if (second !== last.second || zone !== last.zone) last = { second, zone, text: formatSecond(date, zone) };
  return last.text;
}

let last = { second: NaN, zone: 0, text: '' }; // what was asked for last: most mails of a second come one after the other

function formatSecond(date: number, zone: number): string {
  const local = new Date(date + zone * MINUTE);
  const day = `${DAYS[local.getUTCDay()]}, ${local.getUTCDate()} ${MONTHS[local.getUTCMonth()]} ${local.getUTCFullYear()}`;
  const time = [local.getUTCHours(), local.getUTCMinutes(), local.getUTCSeconds()].map(twoDigits).join(':');
  const east = Math.abs(zone);
  return `${day} ${time} ${zone < 0 ? '-' : '+'}${twoDigits(Math.floor(east / 60))}${twoDigits(east % 60)}`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0');
}

/**
 * Returns the milliseconds since 1970 UTC of the date-time that `text` is; folded lines and a comment at the end are taken.
 * The date must be one that exists and the day of the week its own (RFC 5322 §3.3); second 60, a leap second, is the next one.
 */
export function parseDate(text: string): number | Fault {
  // Word by word, not by one expression over the whole: that one throws where a peer sends ten million spaces.
  const words: string[] = [];
  let end = 0;
  while (words.length < 6) {
    const start = foldingSpaceEnd(text, end);
    end = run(text, start, WORD);
    if (end === start) break;
    words.push(text.slice(start, end));
  }
  const match = DATE_TIME.exec(words.join(' '));
  if (match === null) return fault('bad-date', text, 0, 'date-time', SOURCE);
  const behind = spaceEnd(text, end);
  if (isFault(behind)) return behind;
  if (behind < text.length) return fault('bad-date', text, behind, 'the end', SOURCE);
  const [, weekday, day, monthName = '', year, hour, minute, second = 0, sign, zoneHours, zoneMinutes] = match;
  const month = MONTHS.findIndex((name) => name.toLowerCase() === monthName.toLowerCase());
  const midnight = Date.UTC(Number(year), month, Number(day));
  const local = new Date(midnight);
  const exists =
    Number(year) >= 1900 && local.getUTCMonth() === month && Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60;
  if (!exists || Number(zoneMinutes) >= 60) return fault('bad-date', text, 0, 'a date and time that exist', SOURCE);
  if (weekday !== undefined && weekday.toLowerCase() !== DAYS[local.getUTCDay()]?.toLowerCase()) {
    return fault('bad-date', text, 0, `"${DAYS[local.getUTCDay()]}"`, SOURCE);
  }
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * (sign === '-' ? -1 : 1);
  return midnight + (Number(hour) * 60 + Number(minute) - zone) * MINUTE + Number(second) * 1000;
}

const SOURCE = 'RFC 5322 §3.3';
const MINUTE = 60_000;
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const DATE_TIME = new RegExp(
  `^(?:(${DAYS.join('|')}), ?)?(\\d{1,2}) (${MONTHS.join('|')}) (\\d{4,5}) (\\d\\d):(\\d\\d)(?::(\\d\\d))? ([+-])(\\d\\d)(\\d\\d)$`,
  'i',
);
