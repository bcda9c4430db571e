// A command line, as far as it can be read before anyone asks whether the command may come now.

import { decodeLatin1, isAscii } from '../../wire/ascii.ts';
import type { LineFault } from '../../wire/line-decoder.ts';
import { decodeUtf8 } from '../../wire/utf8.ts';
import { parseCommand, parseVerb, type Command, type Verb } from '../../syntax/command.ts';
import { isFault, type FaultCode } from '../../syntax/fault.ts';
import type { Reply } from '../../syntax/reply.ts';
import { faultReply, type ReplyName } from './reply.ts';

/** No line, or no verb; or a verb, and the command or why it is none (which is said only where the verb may come). */
export type CommandLine = {
  /** Octets of mail data that follow the line at once, whatever its reply (RFC 3030 §2), as far as it can be read. */
  readonly chunk: number;
} & (
  | { readonly type: 'no line'; readonly reply: ReplyName }
  | { readonly type: 'no verb'; readonly fault: FaultCode; readonly reply: ReplyName }
  | { readonly type: 'bad'; readonly verb: Verb; readonly reply: Reply | ReplyName }
  | { readonly type: 'command'; readonly verb: Verb; readonly command: Command }
);

/** RFC 6531 §3.1: MAIL, RCPT, VRFY and EXPN may hold UTF-8; the name in EHLO is in A-labels (§3.7.1). */
const UTF8_VERBS: ReadonlySet<Verb> = new Set(['MAIL', 'RCPT', 'VRFY', 'EXPN']);

/** Reads a line without its CRLF. `utf8`: SMTPUTF8 is offered. */
export function readCommandLine(line: Uint8Array, lineFault: LineFault | undefined, utf8: boolean): CommandLine {
  const ascii = isAscii(line);
  const latin1 = decodeLatin1(line);
  const chunk = chunkSize(latin1);
  if (lineFault !== undefined) return { type: 'no line', reply: lineFault === 'line-too-long' ? 'line too long' : 'bare octet', chunk };
  const verb = parseVerb(latin1);
  if (isFault(verb)) return { type: 'no verb', fault: verb.fault, reply: verb.fault === 'unimplemented-verb' ? 'not implemented' : ascii ? 'unknown command' : 'not ascii verb', chunk };
  if (!ascii && !(utf8 && UTF8_VERBS.has(verb))) return { type: 'bad', verb, reply: 'not ascii', chunk };
  const text = ascii ? latin1 : decodeUtf8(line);
  if (text === undefined) return { type: 'bad', verb, reply: 'not utf8', chunk };
  const command = parseCommand(text, { utf8: !ascii });
  if (isFault(command)) return { type: 'bad', verb, reply: faultReply(command, verb === 'MAIL' || verb === 'RCPT' ? verb : undefined), chunk };
  return { type: 'command', verb, command, chunk };
}

/** What a line that begins as BDAT does announces, be it well-formed or not: what follows a malformed one is no command either. */
function chunkSize(line: string): number {
  const [, size] = /^BDAT[ \t]+([0-9]+)(?![!-~])/i.exec(line) ?? [];
  return Number(size ?? 0);
}
