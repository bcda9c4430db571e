// The log: one line for each event, on standard output. The lines that bear one id tell the story of one mail.
//
// Rule 1: whoever reads it may be slow, or stop; mail goes on. Lines wait for a while, then they are left out and counted, and a
//         line `unlogged` says how many, as soon as there is room for one.

import process from 'node:process';
import { setImmediate, setTimeout } from 'node:timers';
import { visible } from '../wire/visible.ts';

/** What a log tells of an event, by name. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Writes an event with its fields, such as `id` of the mail, `client`, `from`, `to`, `host`, `reply`; undefined ones are left out.
 *
 *   accepted, refused, lost               a mail that came in, or the client or path that was turned away; lost: the client had gone, or did not send all of it
 *   lenient                               something was taken that the RFC forbids, as `leniencies` allows
 *   delivered, failed, deferred, unknown  the outcome of an attempt, for one recipient; `next`: when it is tried again
 *   bounced, undeliverable                recipients have failed, and the sender is told, or there is nobody to tell
 *   reported, warned                      the sender is told of a delivery, or of the delay
 *   done                                  a mail has no recipient left that waits
 *   retry, held, removed                  the operator wants it tried now, kept, or forgotten
 *   error                                 what a hook, the queue or a listener threw, in `text`
 *   reloaded, ready, died                 of `ehlo serve`: the `files` were read again; a worker has begun, or has died
 */
export type Log = (event: string, fields: LogFields) => void;

/** Where lines go. */
export interface LogOutput {
  write(line: string): void;
  /** Octets that nobody has taken yet. */
  readonly waiting: number;
}

/** Octets that may wait to be taken: some 25,000 lines. */
const MOST_WAITING = 4_194_304;

/** Makes a log. `text`: time, event, key=value; `json`: an object a line. */
export function openLog(format: 'text' | 'json', output: LogOutput = STANDARD_OUTPUT): Log {
  const put = lineWriter(format, (line) => output.write(line));
  let unlogged = 0;
  return (event, fields) => {
    if (output.waiting > MOST_WAITING) {
      if (unlogged++ === 0) tellSoon();
      return;
    }
    tell();
    put(event, fields);
  };

  function tell(): void {
    if (unlogged > 0) put('unlogged', { lines: unlogged });
    unlogged = 0;
  }

  /** For where no further event comes. */
  function tellSoon(): void {
    setTimeout(() => (output.waiting > MOST_WAITING ? tellSoon() : tell()), 1_000).unref();
  }
}

function lineWriter(format: 'text' | 'json', write: (line: string) => void): Log {
  let last = { second: NaN, time: '' }; // the text of a time costs as much as the rest of a line (0.8 µs)
  return (event, fields) => {
    const now = Date.now();
    const second = Math.floor(now / 1000);
    if (second !== last.second) last = { second, time: new Date(1000 * second).toISOString().slice(0, -4) };
    const time = `${last.time}${String(now - 1000 * second).padStart(3, '0')}Z`;
    if (format === 'json') return write(`${toJson({ time, event, ...fields })}\n`);
    let line = `${time} ${event}`;
    for (const name in fields) {
      const value = fields[name];
      if (value !== undefined) line += ` ${name}=${typeof value === 'string' ? quoted(value) : value}`;
    }
    write(`${line}\n`);
  };
}

let lines = '';

/** Writes the lines of one turn of the event loop in one call of the system: at 4,000 mails a second the calls were a twentieth of it all. */
const STANDARD_OUTPUT: LogOutput = {
  write(line) {
    if (lines === '') setImmediate(flush);
    lines += line;
  },
  get waiting() {
    return process.stdout.writableLength + lines.length;
  },
};

function flush(): void {
  if (lines !== '') process.stdout.write(lines);
  lines = '';
}

process.on('exit', flush); // of what ends before the turn does

/** Values with white space, quotes or control characters are written as JSON strings, so that a line stays a line. */
function quoted(text: string): string {
  return /^[!#-[\]-~]+$/.test(text) ? text : toJson(text);
}

/** JSON without control characters: JSON.stringify leaves DEL and those of U+0080 to U+009F, which terminals act upon, as a peer may have sent them. */
function toJson(value: string | LogFields): string {
  return visible(JSON.stringify(value));
}
