// Command lines that break a rule in a known way, put right: a line that the grammar does not take becomes one that it may.
//
// The parser stays as strict as the grammar: it is asked first, and once more about what comes out here. Left out: a path of
// which one bracket is missing, a dot at the start of a local part, and whatever else no software is known to write.

import { ATEXT, run } from './character.ts';
import { quotedStringEnd } from './mailbox.ts';

export type SyntaxLeniency = 'spaceAroundColon' | 'missingAngleBrackets' | 'oddDotsInLocalPart';

/** A line put right, and by which leniencies. */
export interface RepairedLine {
  readonly line: string;
  readonly used: readonly SyntaxLeniency[];
}

/** Returns the MAIL or RCPT line as the grammar would have it, where all that it needs is among `allowed`; else undefined. */
export function repairCommandLine(line: string, allowed: ReadonlySet<string>, utf8: boolean): RepairedLine | undefined {
  const [head = '', words = '', colon = ''] = /^(MAIL FROM|RCPT TO)([ \t]*:[ \t]*)/i.exec(line) ?? [];
  if (head === '') return undefined;
  const used: SyntaxLeniency[] = [];
  let path = line.slice(head.length);
  if (colon !== ':') used.push('spaceAroundColon');
  const bare = addressEnd(path, utf8);
  if (bare > 0) {
    used.push('missingAngleBrackets');
    path = `<${path.slice(0, bare)}>${path.slice(bare)}`;
  }
  const quoted = withOddDotsQuoted(path, utf8);
  if (quoted !== undefined) used.push('oddDotsInLocalPart');
  return used.length > 0 && used.every((name) => allowed.has(name)) ? { line: `${words}:${quoted ?? path}`, used } : undefined;
}

/** Where the address ends that begins the text without a bracket; 0 where none does. */
function addressEnd(text: string, utf8: boolean): number {
  const local = text.startsWith('"') ? quotedStringEnd(text, 0, utf8) : 0;
  if (typeof local !== 'number') return 0;
  const space = text.indexOf(' ', local);
  const end = space === -1 ? text.length : space;
  return /[<>]/.test(text.slice(local, end)) ? 0 : end;
}

/** The path with quotes around a local part that two dots in a row or one at its end keep from being a Dot-string (RFC 5321 §4.1.2). */
function withOddDotsQuoted(path: string, utf8: boolean): string | undefined {
  let end = 1;
  for (let next = run(path, end, ATEXT, utf8); ; next = run(path, end, ATEXT, utf8)) {
    end = next;
    if (!path.startsWith('.', end)) break;
    end += 1;
  }
  const local = path.slice(1, end);
  const odd = path.startsWith('<') && path.startsWith('@', end) && !local.startsWith('.') && (local.includes('..') || local.endsWith('.'));
  return odd ? `<"${local}"${path.slice(end)}` : undefined;
}
