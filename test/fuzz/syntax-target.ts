// Targets of the layer `syntax`: each parser is total, and what it takes is the same when it is written and read again.

import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { decodeUtf8 } from '../../src/wire/utf8.ts';
import { formatCommand, parseCommand, parseVerb } from '../../src/syntax/command.ts';
import { formatDate, parseDate } from '../../src/syntax/date-time.ts';
import { formatHost, parseHost } from '../../src/syntax/domain.ts';
import { formatFault, isFault, type Fault } from '../../src/syntax/fault.ts';
import { formatEhloLine, parseEhloLine, parseEhloReply } from '../../src/syntax/keyword.ts';
import { SYNTAX_LENIENCIES } from './session-option.ts';
import { repairCommandLine } from '../../src/syntax/leniency.ts';
import { formatMailbox, parseMailbox } from '../../src/syntax/mailbox.ts';
import { formatPath, parseForwardPath, parseReversePath } from '../../src/syntax/path.ts';
import { classCorrected, formatReply, parseReplyLine, ReplyAssembler, statusOf, type Reply } from '../../src/syntax/reply.ts';
import { formatReceived, formatReturnPath, parseReceived, parseReturnPath } from '../../src/syntax/trace.ts';
import { LIMITS } from '../../src/protocol/limit.ts';
import { claim, claimEqual } from './property.ts';

/** The text of octets, and whether it is other than ASCII; undefined where it is neither ASCII nor UTF-8. */
function readText(octets: Uint8Array): { readonly text: string; readonly utf8: boolean } | undefined {
  const text = decodeUtf8(octets);
  return text === undefined ? undefined : { text, utf8: /[^\0-\x7f]/.test(text) };
}

/** A fault says where it is, within the text, in one printable line. */
function claimFault(fault: Fault, text: string): void {
  claim(fault.at >= 0 && fault.at <= text.length, () => `a fault at ${fault.at} of ${text.length}`);
  claim(/^[ -~…§]+$/.test(formatFault(fault)), () => `a fault that is not printable: ${formatFault(fault)}`);
  claim(fault.found.length <= 40 * 10 + 1, () => `a fault that quotes ${fault.found.length} characters`);
}

/** `parse` takes the text or says why not; what it takes it takes again as it was formatted, with the same result. */
function roundTrip<Value extends object>(about: string, text: string, parse: (text: string) => Value | Fault, format: (value: Value) => string, lossless: boolean): Value | undefined {
  const value = parse(text);
  if (isFault(value)) {
    claimFault(value, text);
    return undefined;
  }
  const formatted = format(value);
  if (lossless) claimEqual(formatted, text, about);
  claimEqual(parse(formatted), value, `${about} formatted and parsed again`);
  claim(!/[\r\n\0]/.test(formatted.replace(/\r\n$/, '')), () => `${about} formatted to more than a line`);
  return value;
}

export function command(octets: Uint8Array): void {
  const read = readText(octets);
  const text = read?.text ?? decodeLatin1(octets);
  const utf8 = read?.utf8 === true;
  const parsed = roundTrip('command', text, (line) => parseCommand(line, { utf8 }), formatCommand, false);
  const verb = parseVerb(text);
  if (parsed !== undefined) {
    claimEqual(verb, parsed.verb, 'verb');
    if (!utf8) claim(!/[^\0-\x7f]/.test(formatCommand(parsed)), () => 'UTF-8 out of ASCII');
    // Without UTF-8 the same line is taken likewise, or refused for it.
    const strict = parseCommand(text);
    claim(!utf8 || isFault(strict) || !/[^\0-\x7f]/.test(text), () => 'UTF-8 is taken where it is not allowed');
    if (parsed.verb === 'MAIL' || parsed.verb === 'RCPT') {
      const keywords = parsed.parameters.map(({ keyword }) => keyword.toUpperCase());
      claim(new Set(keywords).size === keywords.length, () => 'a parameter twice');
    }
    if (parsed.verb === 'BDAT') claim(Number.isSafeInteger(parsed.size) && parsed.size >= 0, () => `a chunk of ${parsed.size}`);
  }
  const repaired = repairCommandLine(text, SYNTAX_LENIENCIES, utf8);
  if (repaired !== undefined) {
    claim(repaired.used.length > 0, () => 'repaired without a leniency');
    const lenient = parseCommand(repaired.line, { utf8 });
    claim(isFault(lenient) || isFault(verb) || lenient.verb === verb, () => `repaired from ${String(verb)} to another verb`);
    claim(!/[\r\n]/.test(repaired.line) || /[\r\n]/.test(text), () => 'repaired to more than a line');
  }
}

/** A path, and what is like one: a mailbox, a host, the trace fields and dates that hold them. */
export function path(octets: Uint8Array): void {
  const read = readText(octets);
  if (read === undefined) return;
  const { text, utf8 } = read;
  for (const options of [{ utf8 }, {}]) {
    roundTrip('forward-path', text, (line) => parseForwardPath(line, options), formatPath, true);
    roundTrip('reverse-path', text, (line) => parseReversePath(line, options), formatPath, true);
    const mailbox = roundTrip('mailbox', text, (line) => parseMailbox(line, options), formatMailbox, true);
    if (mailbox !== undefined) {
      const other = parseMailbox(mailbox.key, options);
      claim(!isFault(other) && other.key === mailbox.key, () => `the key ${mailbox.key} is not its own key`);
      const inPath = parseForwardPath(`<${text}>`, options);
      claim(!isFault(inPath) ? inPath.key === mailbox.key : inPath.fault === 'path-too-long', () => 'a mailbox that is none in a path');
    }
    roundTrip('host', text, (line) => parseHost(line, options), formatHost, true);
  }
  roundTrip('return-path', text, parseReturnPath, formatReturnPath, false);
  const received = parseReceived(text);
  if (isFault(received)) claimFault(received, text);
  else if (!utf8) { // other characters than ASCII are written as ?
    const again = parseReceived(formatReceived(received));
    claim(!isFault(again), () => `a Received field that is not read again: ${formatReceived(received)}`);
  }
  const date = parseDate(text);
  if (typeof date === 'number' && date >= YEAR_1900) claim(parseDate(formatDate(date)) === date, () => `a date that is not read again: ${date}`);
}

const YEAR_1900 = -2_208_988_800_000; // RFC 5322 §3.3 knows no year before; a zone may lead there

/** Replies, line by line: each that comes out can be sent, and is the same then; and what it is corrected to has one class. */
export function reply(octets: Uint8Array): void {
  for (const found of repliesOf(octets)) {
    claim(found.code >= 200 && found.code <= 599, () => `a reply of ${found.code}`);
    const corrected = classCorrected(found);
    claim(corrected.code === found.code && corrected.lines.length === found.lines.length, () => 'another reply');
    claim(corrected === found || found.enhanced === undefined, () => `${found.code} ${found.enhanced} was corrected`);
    claim(corrected.enhanced === undefined || corrected.enhanced.startsWith(`${String(found.code).charAt(0)}.`), () => `${found.code} ${corrected.enhanced} is corrected`);
    claim(statusOf(found) === statusOf(corrected) && classCorrected(corrected) === corrected, () => 'corrected twice');
    const utf8 = found.lines.some((line) => /[^\0-\x7f]/.test(line));
    const formatted = formatReply(found, { utf8 });
    const assembler = new ReplyAssembler({ limit: 10 * LIMITS.replyLines });
    const lines = formatted.split('\r\n').slice(0, -1);
    claim(lines.every((line) => encodedLength(line) <= 510), () => 'a line of more than 512 octets');
    const again = lines.map((line) => assembler.add(line));
    const last = again.at(-1);
    claim(again.slice(0, -1).every((each) => each === undefined) && last !== undefined && !isFault(last), () => `a reply that is none when it is sent: ${JSON.stringify(formatted)}`);
    if (isFault(last)) return;
    claim(last.code === found.code, () => 'another code');
    const clean = [found.enhanced ?? '', ...found.lines].every((line) => /^[\t -~]*$/.test(line) && line.length <= 80);
    if (clean && (found.enhanced !== undefined || last.enhanced === undefined)) claimEqual(last, found, 'a reply that was sent');
  }
}

/** Replies to EHLO: every keyword is one, and is the same when it is written. */
export function ehloReply(octets: Uint8Array): void {
  for (const found of repliesOf(octets)) {
    const { domain, keywords } = parseEhloReply(found);
    claim(!domain.includes(' '), () => 'a domain with a space');
    for (const [keyword, parameters] of keywords) {
      claim(keyword === keyword.toUpperCase(), () => `the keyword ${keyword}`);
      const line = formatEhloLine({ keyword, parameters });
      const parsed = parseEhloLine(line);
      claim(!isFault(parsed), () => `${line} is no line of EHLO's`);
      if (!isFault(parsed)) claimEqual([parsed.keyword, parsed.parameters], [keyword, parameters], 'keyword');
    }
    claim(keywords.size < found.lines.length, () => 'more keywords than lines');
  }
  for (const line of decodeLatin1(octets).split('\n')) {
    const parsed = parseEhloLine(line);
    if (isFault(parsed)) claimFault(parsed, line);
    else claimEqual(formatEhloLine(parsed), line, 'line of EHLO');
  }
}

function repliesOf(octets: Uint8Array): Reply[] {
  const assembler = new ReplyAssembler({ limit: LIMITS.replyLines });
  const replies: Reply[] = [];
  for (const line of (decodeUtf8(octets) ?? decodeLatin1(octets)).split('\r\n')) {
    const parsed = parseReplyLine(line);
    const found = assembler.add(line);
    if (isFault(found)) claimFault(found, line);
    if (isFault(parsed)) claim(isFault(found), () => `${line} is a line of a reply`);
    if (found !== undefined && !isFault(found)) replies.push(found);
  }
  return replies;
}

function encodedLength(text: string): number {
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return length;
}
