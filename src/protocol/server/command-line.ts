// A command line, as far as it can be read before anyone asks whether the command may come now.

import { isAsciiText } from '../../wire/ascii.ts';
import type { LineDecoder } from '../../wire/line-decoder.ts';
import { EMPTY } from '../../wire/octet.ts';
import { decodeUtf8 } from '../../wire/utf8.ts';
import { parseArguments, parseVerb, type Command, type Verb } from '../../syntax/command.ts';
import { isFault, type Fault, type FaultCode } from '../../syntax/fault.ts';
import { repairCommandLine } from '../../syntax/leniency.ts';
import type { Reply } from '../../syntax/reply.ts';
import type { LeniencyName } from '../leniency.ts';
import { faultReply, type ReplyName } from './reply.ts';

/** No line, or no verb; or a verb, and the command or why it is none (which is said only where the verb may come). */
export type CommandLine = {
  /** Octets of mail data that follow the line at once, whatever its reply (RFC 3030 §2), as far as it can be read. */
  readonly chunk: number;
} & (
  | { readonly type: 'no line'; readonly reply: ReplyName }
  | { readonly type: 'no verb'; readonly fault: FaultCode; readonly reply: ReplyName }
  | { readonly type: 'bad'; readonly verb: Verb; readonly reply: Reply | ReplyName }
  | { readonly type: 'command'; readonly verb: Verb; readonly command: Command; /** Without which it were none. */ readonly leniencies?: readonly LeniencyName[] }
);

/** RFC 6531 §3.1: MAIL, RCPT, VRFY and EXPN may hold UTF-8; the name in EHLO is in A-labels (§3.7.1). */
const UTF8_VERBS: ReadonlySet<Verb> = new Set(['MAIL', 'RCPT', 'VRFY', 'EXPN']);

/** Reads the line that has ended. `utf8`: SMTPUTF8 is offered. */
export function readCommandLine(line: Pick<LineDecoder, 'text' | 'line' | 'fault'>, utf8: boolean, leniencies: ReadonlySet<LeniencyName>): CommandLine {
  const { text: latin1, fault: lineFault } = line;
  const chunk = chunkSize(latin1);
  const verb = parseVerb(latin1);
  if (lineFault === 'line-too-long') return { type: 'no line', reply: verb === 'AUTH' ? 'response too long' : 'line too long', chunk }; // RFC 4954 §6: 500 5.5.6
  const ascii = isAsciiText(latin1);
  if (isFault(verb) && lineFault !== undefined) return { type: 'no line', reply: 'bare octet', chunk };
  if (isFault(verb)) return { type: 'no verb', fault: verb.fault, reply: verb.fault === 'unimplemented-verb' ? 'not implemented' : ascii ? 'unknown command' : 'not ascii verb', chunk };
  if (lineFault !== undefined) return { type: 'bad', verb, reply: 'bare octet in command', chunk }; // RFC 5321 §4.1.2: 501 where nothing else is wrong
  if (!ascii && !(utf8 && UTF8_VERBS.has(verb))) return { type: 'bad', verb, reply: 'not ascii', chunk };
  const text = ascii ? latin1 : decodeUtf8(line.line ?? EMPTY);
  if (text === undefined) return { type: 'bad', verb, reply: 'not utf8', chunk };
  const command = parseArguments(verb, text, !ascii);
  if (!('fault' in command)) return { type: 'command', verb, command, chunk };
  return (leniencies.size > 0 ? readLeniently(verb, text, leniencies, !ascii) : undefined) ?? { type: 'bad', verb, reply: replyTo(command, verb), chunk };
}

/** Reads, by the leniencies, a line that the strict grammar does not take; undefined where none of them helps. What is wrong besides is then its fault. */
function readLeniently(verb: Verb, text: string, leniencies: ReadonlySet<LeniencyName>, utf8: boolean): CommandLine | undefined {
  const repaired = repairCommandLine(text, leniencies, utf8);
  if (repaired === undefined) return undefined;
  const command = parseArguments(verb, repaired.line, utf8);
  return isFault(command) ? { type: 'bad', verb, reply: replyTo(command, verb), chunk: 0 } : { type: 'command', verb, command, chunk: 0, leniencies: repaired.used };
}

function replyTo(fault: Fault, verb: Verb): Reply {
  return faultReply(fault, verb === 'MAIL' || verb === 'RCPT' ? verb : undefined);
}

/** What a line that begins as BDAT does announces, be it well-formed or not: what follows a malformed one is no command either. */
export function chunkSize(line: string): number {
  if ((line.charCodeAt(0) | 0x20) !== 0x62) return 0; // no b, nearly always, and ten times as fast
  const [, size] = /^BDAT[ \t]+([0-9]+)(?![!-~])/i.exec(line) ?? [];
  return Math.min(Number(size ?? 0), Number.MAX_SAFE_INTEGER); // what is more cannot be counted, nor does it ever come
}
