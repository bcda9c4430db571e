// What is sent and what arrives: contents that are hard to carry, and the comparison octet for octet.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, expect } from './harness.mjs';

const HEADER = 'From: alice@sender.test\r\nTo: bob@example.test\r\nSubject: content\r\n\r\n';

/** Every octet from 1 to 255 but CR and LF, in lines; NUL has a content of its own. */
const EVERY_OCTET = Buffer.concat(Array.from({ length: 256 }, (_, octet) => octet)
  .filter((octet) => octet !== 0 && octet !== 10 && octet !== 13)
  .map((octet) => Buffer.of(octet, 0x20, octet, octet, 13, 10)));

/** Contents by what is hard about them; each ends in CRLF, so that each can arrive unchanged. */
export const CONTENTS = {
  'one line of text': text('hello'),
  'lines of one, two and three dots': text('.', '..', '...', 'text', ' .', '.text', '..text', '', '.', '', '.'),
  'a first line of one dot, without a header': Buffer.from('.\r\n..\r\n...\r\n'),
  'a last line of one dot': text('text', '.'),
  'every octet but NUL, CR and LF': Buffer.concat([text(), EVERY_OCTET]),
  'NUL': text('a\0b', '\0'),
  'UTF-8 in header and body': Buffer.from('Subject: Grüße\r\n\r\nΑἰσχύλος 🐉\r\n.\r\n', 'utf8'),
  'UTF-8 in the body': Buffer.from(`${HEADER}Αἰσχύλος 🐉\r\n.\r\n`, 'utf8'),
  'an empty body': Buffer.from(HEADER),
  'a header without the empty line after it': Buffer.from('Subject: content\r\n'),
  'an empty line alone': Buffer.from('\r\n'),
  'empty lines at the end': text('text', '', '', '', ''),
  'lines of 998 octets': text('x'.repeat(998), `.${'y'.repeat(997)}`, '.'.repeat(998), 'z'.repeat(997)),
  'white space at line ends': text('text ', 'text\t', ' ', '\t'),
  'what looks like commands': text('QUIT', 'MAIL FROM:<x@y.test>', 'RSET', '.QUIT', 'DATA'),
  'what looks like a mailbox file': text('From x@y.test Mon Jan  1 00:00:00 2024', '', 'From me', '>From you'),
};

/** Some 10 MB in lines of all lengths, with dots at their begin here and there. */
export function tenMegabytes() {
  const lines = [];
  let octets = 0;
  for (let number = 0; octets < 10_000_000; number += 1) {
    const line = `${number % 7 === 0 ? '.' : ''}${String(number).padEnd((number * 37) % 990, 'abcdefgh ')}`.slice(0, 998);
    lines.push(line);
    octets += line.length + 2;
  }
  return text(...lines);
}

export function is8bit(content) {
  return content.some((octet) => octet > 127);
}

function text(...lines) {
  return Buffer.from(HEADER + lines.map((line) => `${line}\r\n`).join(''), 'latin1');
}

/** Returns the mails in a Maildir, as they stand in their files. */
export function maildirMails(folder) {
  return readdirSync(join(folder, 'new')).map((name) => readFileSync(join(folder, 'new', name)));
}

/** Returns the mails that smtp-sink wrote into a folder with `-d`; its own fields parted from what it was sent. Its files have LF for CRLF. */
export function sinkMails(folder) {
  return readdirSync(folder).map((name) => {
    const dump = readFileSync(join(folder, name)).toString('latin1');
    const [own] = /^(?:X-.*\n)*Received: .*\n(?:\t.*\n)*/.exec(dump) ?? [''];
    const recipients = [...own.matchAll(/^X-Rcpt-Args: <([^>]*)>/gm)].map(([, to]) => to);
    const [, mail] = /^X-Mail-Args: (.*)$/m.exec(own) ?? [];
    // Behind what it was sent comes an empty line, once the mail is whole.
    return { mail, recipients, whole: dump.endsWith('\n\n'), octets: Buffer.from(dump.slice(own.length, -1).replaceAll('\n', '\r\n'), 'latin1') };
  });
}

/**
 * Fails unless the octets are the content behind whole header fields of those names, in that order.
 * @param {Buffer} octets what arrived
 * @param {Buffer} content what was sent
 * @param {string[]} names such as ['Return-Path', 'Received']
 */
export function expectInFront(octets, content, names) {
  const front = octets.length - content.length;
  if (front < 0 || !octets.subarray(front).equals(content)) throw new Failure(difference(octets, content));
  const added = octets.toString('latin1', 0, front);
  const fields = added.match(/^[!-9;-~]+:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/gm) ?? [];
  expect(fields.join('') === added, `what was put in front is not whole header fields: ${JSON.stringify(added)}`);
  const found = fields.map((field) => field.slice(0, field.indexOf(':')));
  expect(found.join() === names.join(), `fields put in front: expected ${names.join(', ') || 'none'}, found ${JSON.stringify(added)}`);
  for (const field of fields) {
    for (const line of field.split('\r\n')) expect(line.length <= 998, `a line of ${line.length} octets was put in front`);
    if (field.startsWith('Received:')) expect(RECEIVED.test(field), `not a field of RFC 5321 §4.4: ${JSON.stringify(field)}`);
  }
}

const RECEIVED = /^Received: from \S+(?: \([^()]*\))?\s+by \S+(?: \([^()]*\))?\s+with (?:(?:E|UTF8)?SMTP|(?:UTF8)?LMTP)S?A?\s+id \S+(?:\s+for <[^>]*>)?(?:\s+tls [A-Z0-9_]+)?;\s+(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r\n$/;

/** Says where what arrived stops being what was sent, counted from the end: in front something is put. */
function difference(octets, content) {
  const most = Math.min(octets.length, content.length);
  let same = 0;
  while (same < most && octets[octets.length - 1 - same] === content[content.length - 1 - same]) same += 1;
  const around = (all) => JSON.stringify(all.toString('latin1', Math.max(0, all.length - same - 60), all.length - same + 20));
  return `${octets.length} octets arrived, whose last ${same} are those of the content of ${content.length}; sent …${around(content)}…, arrived …${around(octets)}…`;
}
